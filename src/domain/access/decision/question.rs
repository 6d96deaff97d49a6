//! What the gateway gathers for a decision.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use doorward_translators::{Act, Position};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::super::clock::{Interval, Reading, Trust};
use super::super::ledger::{Held, Outcome};
use super::super::names::{SubjectRef, TenantId};
use super::super::reason::Reason;
use super::LONGEST_LIFE;
use crate::domain::entry::Role;
use crate::domain::fact::Fact;
use crate::domain::ids::EntryId;

/// All that a decision depends on.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// Rows 1 and 2: whether somebody trusted said this to us.
    pub authenticity: Result<(), Reason>,
    /// What is asked.
    pub act: Act,
    /// Of which entry, as the signed part names it.
    pub entry: &'a EntryId,
    /// Who asks, as the signed part or the credential names him.
    pub asker: Asker<'a>,
    /// Row 3.
    pub deadline: Deadline,
    /// What time it is.
    pub clock: Reading,
    /// The challenge in the signed part, if it was one of ours and is taken now.
    pub challenge: Option<Challenged>,
    /// Row 4.
    pub prior: Prior<'a>,
    /// Row 5.
    pub attempts: Attempts,
    /// Row 6.
    pub served: Served,
    /// Row 7.
    pub credential: Credential<'a>,
    /// Row 8.
    pub proof: Proof,
    /// Row 9: false if a policy counts here and is older than it may be.
    pub policy_fresh: bool,
    /// Row 12: the zone of the entry's site. `None`, a name that nobody knows, admits no schedule.
    pub zone: Option<&'a TimeZone>,
    /// Row 14.
    pub traffic: Traffic,
    /// Row 14 and 17: where the door is.
    pub position: &'a Fact<Position>,
    /// Row 15: each mode that holds.
    pub modes: &'a BTreeSet<Mode>,
    /// Row 16: the roles that have an endpoint. One that is absent is not bound.
    pub roles: &'a BTreeMap<Role, RoleState>,
    /// Row 17.
    pub physical: Physical,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker<'a> {
    /// Whose building he speaks of.
    pub tenant: &'a TenantId,
    /// Whom the request names.
    pub subject: &'a SubjectRef,
}

/// How long a request counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// Its own end; it no longer counts at this instant.
    pub not_after: Timestamp,
    /// By the monotonic clock, since it was received.
    pub age: Duration,
}

/// A challenge of ours came back in the signed part, unused and in its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Challenged {
    /// When its issuer says that it was signed.
    pub signed_at: Timestamp,
    /// By the monotonic clock, since the challenge was issued: it was signed at most so long ago.
    pub age: Duration,
    /// Whether the signer's word on the time counts here: its key may attest time, or may issue
    /// this very grant anew.
    pub vouches: bool,
}

/// Whether a request with this issuer and id was seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prior<'a> {
    /// No.
    New,
    /// This one, and this came of it.
    Same(&'a Outcome),
    /// Another body under the same id.
    Conflict,
}

/// What the lockout says of this asker, or of this keypad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempts {
    /// Go on.
    Admitted,
    /// Too many, or too many that failed.
    TooMany,
}

/// Whether an entry is served here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// Yes.
    Enabled,
    /// It is, but configuration took it out of service.
    Disabled,
    /// No such entry.
    Unknown,
}

/// What the ledger has of the grant or credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential<'a> {
    /// Nothing, or none was named.
    NotFound,
    /// It was issued against another journal.
    LedgerLost,
    /// It came with the request, and was not taken, for this reason: it is over, say, or there is
    /// no room.
    NotTaken(Reason),
    /// This.
    Held(&'a Held),
}

/// The requester's proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Right, or none is needed.
    Good,
    /// The proof is wrong.
    BadProof,
    /// The PIN is wrong.
    BadPin,
}

/// What else goes on at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// A command of ours has no outcome yet.
    pub command_in_flight: bool,
    /// He is in already, or out already.
    pub passback: bool,
}

/// A mode of a door that refuses acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Nobody comes in; securing is admitted.
    LockedDown,
    /// Out of use: nothing moves it.
    Blocked,
    /// Somebody inside wants to be left alone; securing is admitted.
    Privacy,
    /// The fire installation has the door: nothing of ours moves it, least of all a lock.
    Fire,
    /// It is not known which mode holds: as [`Mode::Blocked`].
    Unknown,
}

/// Whether an endpoint can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Yes.
    Online,
    /// No, or not known.
    Offline,
    /// Its vendor's process is isolated or not there.
    VendorUnavailable,
}

/// Whether a battery lasts through an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Battery {
    /// Yes, or it has none, or it tells nothing of it.
    Safe,
    /// It may not.
    Low,
}

/// What is known of the endpoint of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoleState {
    /// Whether it can be reached.
    pub reach: Reach,
    /// Whether what it said still counts: not since a gap in which a change could be missed.
    pub fresh: bool,
    /// Its battery.
    pub battery: Battery,
}

impl RoleState {
    /// Online, fresh, its battery safe.
    pub const SOUND: Self = Self { reach: Reach::Online, fresh: true, battery: Battery::Safe };
}

/// What the obstruction sensor says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Nothing is in the way.
    Clear,
    /// It says nothing.
    Unknown,
    /// Something is.
    Obstructed,
}

/// What the door is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Physical {
    /// The opener knows only "move": what it does depends on where the door is.
    pub toggle: bool,
    /// What the obstruction sensor says.
    pub way: Way,
    /// Somebody allowed it, by an intentional act, to close with nobody there. Never at a
    /// one-piece or swinging door.
    pub unattended_close: bool,
}

impl Question<'_> {
    /// When it is: by the clock; where that is not trusted, by a signer that vouches for it, but
    /// never before what the clock rules out. `None`: nobody knows.
    pub(super) fn time(&self) -> Option<Interval> {
        let Reading { earliest, latest, trust } = self.clock;
        if trust != Trust::None && earliest <= latest {
            return Some(Interval { earliest, latest });
        }
        let challenge = self.challenge.filter(|challenge| challenge.vouches)?;
        let latest = challenge.now()?;
        (earliest <= latest)
            .then_some(Interval { earliest: challenge.signed_at.max(earliest), latest })
    }

    /// Whether the clock alone says that it is in time.
    pub(super) fn fresh_by_clock(&self) -> bool {
        self.clock.trust != Trust::None
            && self.clock.earliest <= self.clock.latest
            && self.clock.latest < self.deadline.not_after
    }

    /// Whether it is late for certain, or by each way there is to tell.
    pub(super) fn late(&self) -> bool {
        let told = self.clock.trust == Trust::Full || self.challenge.is_some();
        self.deadline.age >= LONGEST_LIFE
            || self.clock.earliest >= self.deadline.not_after
            || (told && self.left().is_none())
    }

    /// What is left of its life at least, more than zero: by the clock, else by the challenge.
    pub(super) fn left(&self) -> Option<Duration> {
        let now = if self.fresh_by_clock() { self.clock.latest } else { self.challenge?.now()? };
        let own = Duration::try_from(self.deadline.not_after.duration_since(now)).ok()?;
        let left = own.min(LONGEST_LIFE.checked_sub(self.deadline.age)?);
        (!left.is_zero()).then_some(left)
    }
}

impl Challenged {
    /// The latest that it can be by the signer's clock.
    fn now(&self) -> Option<Timestamp> {
        let age = SignedDuration::try_from(self.age).ok()?;
        self.signed_at.checked_add(age).ok()
    }
}
