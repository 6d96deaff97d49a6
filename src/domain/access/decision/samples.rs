//! A question to which nothing is wrong, for each act, and what can be wrong with it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use doorward_translators::{Act, Position};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use uuid::Uuid;

use super::super::clock::{Reading, Trust};
use super::super::grant::Grant;
use super::super::ledger::samples::{at, body, grant};
use super::super::ledger::{Held, Outcome};
use super::super::names::{SubjectRef, TenantId};
use super::super::reason::{GrantRemoved, Reason};
use super::super::schedule::{Schedule, Window};
use super::*;
use crate::domain::entry::Role;
use crate::domain::fact::{Fact, FactQuality};
use crate::domain::ids::EntryId;

/// All that a question borrows.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub authenticity: Result<(), Reason>,
    pub act: Act,
    pub entry: EntryId,
    pub tenant: TenantId,
    pub subject: SubjectRef,
    pub not_after: Timestamp,
    pub age: Duration,
    pub clock: Reading,
    pub challenge: Option<Challenged>,
    pub prior: PriorCase,
    pub attempts: Attempts,
    pub served: Served,
    pub credential: Option<Held>,
    pub ledger_lost: bool,
    pub not_taken: Option<Reason>,
    pub proof: Proof,
    pub policy_fresh: bool,
    pub zone: Option<TimeZone>,
    pub traffic: Traffic,
    pub position: Fact<Position>,
    pub modes: BTreeSet<Mode>,
    pub roles: BTreeMap<Role, RoleState>,
    pub physical: Physical,
}

/// Whether it was seen before.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum PriorCase {
    New,
    Same(Outcome),
    Conflict,
}

/// What the tests call now, in seconds.
pub(super) const NOW: i64 = 100;

pub(super) fn exact(earliest: i64, latest: i64) -> Reading {
    Reading { earliest: at(earliest), latest: at(latest), trust: Trust::Full }
}

pub(super) fn nobody_knows(floor: i64) -> Reading {
    Reading { earliest: at(floor), latest: Timestamp::MAX, trust: Trust::None }
}

/// A request for this act to which nothing is wrong, at a door that has all roles.
pub(super) fn sound(act: Act) -> Case {
    let grant = Grant { actions: Act::ALL.iter().copied().collect(), max_uses: 3, ..grant(1) };
    let position = Fact {
        value: Position::Open,
        quality: FactQuality::Observed,
        ..Fact::unknown(Position::Open)
    };
    Case {
        authenticity: Ok(()),
        act,
        entry: grant.entry.clone(),
        tenant: grant.tenant.clone(),
        subject: grant.subject.clone(),
        not_after: at(NOW + 15),
        age: Duration::from_secs(1),
        clock: exact(NOW, NOW + 1),
        challenge: None,
        prior: PriorCase::New,
        attempts: Attempts::Admitted,
        served: Served::Enabled,
        credential: Some(Held {
            keep_until: grant.end(),
            grant,
            body: body(1),
            used: 0,
            pending: 0,
            readmitted: 0,
            last_use: None,
            ended: None,
        }),
        ledger_lost: false,
        not_taken: None,
        proof: Proof::Good,
        policy_fresh: true,
        zone: Some(TimeZone::UTC),
        traffic: Traffic::default(),
        position,
        modes: BTreeSet::new(),
        roles: Role::ALL.into_iter().map(|role| (role, RoleState::SOUND)).collect(),
        physical: Physical { toggle: false, way: Way::Clear, unattended_close: true },
    }
}

impl Case {
    pub(super) fn question(&self) -> Question<'_> {
        Question {
            authenticity: self.authenticity,
            act: self.act,
            entry: &self.entry,
            asker: Asker { tenant: &self.tenant, subject: &self.subject },
            deadline: Deadline { not_after: self.not_after, age: self.age },
            clock: self.clock,
            challenge: self.challenge,
            prior: match &self.prior {
                PriorCase::New => Prior::New,
                PriorCase::Same(outcome) => Prior::Same(outcome),
                PriorCase::Conflict => Prior::Conflict,
            },
            attempts: self.attempts,
            served: self.served,
            credential: match &self.credential {
                _ if self.ledger_lost => Credential::LedgerLost,
                Some(held) => Credential::Held(held),
                None => self.not_taken.map_or(Credential::NotFound, Credential::NotTaken),
            },
            proof: self.proof,
            policy_fresh: self.policy_fresh,
            zone: self.zone.as_ref(),
            traffic: self.traffic,
            position: &self.position,
            modes: &self.modes,
            roles: &self.roles,
            physical: self.physical,
        }
    }

    pub(super) fn decide(&self) -> Decision {
        decide(&self.question())
    }

    /// Every reason for which it is denied.
    pub(super) fn reasons(&self) -> Vec<Reason> {
        match self.decide() {
            Decision::Denied { reason, all } => {
                assert_eq!(all.first(), Some(&reason));
                assert!(all.is_sorted_by(|before, after| before < after), "in order, each once");
                all
            }
            Decision::Granted { .. } => Vec::new(),
            Decision::Repeated(outcome) => panic!("{outcome:?}"),
        }
    }

    pub(super) fn held(&mut self) -> &mut Held {
        self.credential.get_or_insert_with(|| panic!("no grant"))
    }

    pub(super) fn role(&mut self, role: Role) -> &mut RoleState {
        self.roles.get_mut(&role).unwrap_or_else(|| panic!("no such role"))
    }
}

/// Something that gets worse, by its name.
pub(super) type Worse = (&'static str, fn(&mut Case));

/// Each single thing that can get worse, beyond what makes a request somebody else's. None of
/// them ever opens what was refused.
pub(super) const WORSE: &[Worse] = &[
    ("not authentic", |case| case.authenticity = Err(Reason::InvalidSignature)),
    ("deadline past", |case| case.not_after = at(NOW)),
    ("deadline nearer", |case| case.not_after = case.not_after.min(at(NOW + 1))),
    ("older", |case| case.age += Duration::from_secs(30)),
    ("clock wider", |case| {
        // A floor that is lower, or a reading that is no longer nonsense, is not worse.
        if case.clock.trust != Trust::None && case.clock.earliest <= case.clock.latest {
            case.clock.earliest = case.clock.earliest.min(at(NOW - 200));
            case.clock.latest = case.clock.latest.max(at(NOW + 5));
        }
    }),
    ("clock much wider", |case| case.clock.latest = Timestamp::MAX),
    ("clock bounded", |case| case.clock.trust = case.clock.trust.max(Trust::Bounded)),
    ("clock the wrong way round", |case| {
        std::mem::swap(&mut case.clock.earliest, &mut case.clock.latest);
        case.clock.trust = Trust::None;
        case.challenge = None;
    }),
    ("clock lost", |case| {
        case.clock = nobody_knows(0);
        case.challenge = None;
    }),
    ("not vouched for", |case| {
        case.challenge = case.challenge.map(|challenge| Challenged { vouches: false, ..challenge });
    }),
    ("another body", |case| case.prior = PriorCase::Conflict),
    ("too many attempts", |case| case.attempts = Attempts::TooMany),
    ("disabled", |case| {
        if case.served == Served::Enabled {
            case.served = Served::Disabled;
        }
    }),
    ("no such entry", |case| case.served = Served::Unknown),
    ("no grant", |case| case.credential = None),
    ("ledger lost", |case| case.ledger_lost = true),
    ("bad proof", |case| case.proof = Proof::BadProof),
    ("bad PIN", |case| case.proof = Proof::BadPin),
    ("revoked", |case| end(case, GrantRemoved::Revoked)),
    ("removed", |case| end(case, GrantRemoved::Expired)),
    ("of another journal", |case| end(case, GrantRemoved::LedgerLost)),
    ("policy stale", |case| case.policy_fresh = false),
    ("begins later", |case| with(case, |held| held.grant.not_before = at(NOW + 60))),
    ("ends sooner", |case| with(case, |held| held.grant.expires_at = at(NOW))),
    ("key ends sooner", |case| with(case, |held| held.grant.believed_until = at(NOW - 50))),
    ("another day only", |case| {
        // The tests' now is a Friday.
        let window = Window { day: 1, from_minute: 0, to_minute: 1_440 };
        let schedule = Schedule::new(vec![window], BTreeSet::new()).ok();
        with(case, |held| held.grant.schedule = schedule);
    }),
    ("another act only", |case| {
        let act = case.act;
        with(case, |held| {
            held.grant.actions.remove(&act);
        });
    }),
    ("another entry", |case| case.entry = EntryId::new("back")),
    ("another person", |case| case.subject = SubjectRef::new("somebody")),
    ("another tenant", |case| case.tenant = TenantId::new("tenant-2")),
    ("used up", |case| with(case, |held| held.used = held.grant.max_uses)),
    ("used just now", |case| {
        with(case, |held| {
            held.last_use = Some(at(NOW - 10));
            held.grant.min_interval_s = 60;
        });
    }),
    ("command in flight", |case| case.traffic.command_in_flight = true),
    ("moving", |case| {
        // Where the door is not known, to know that it moves is no worse.
        if !matches!(case.position.value, Position::Unknown | Position::Fault) {
            case.position.value = Position::Closing;
        }
    }),
    ("in already", |case| case.traffic.passback = true),
    ("locked down", |case| {
        case.modes.insert(Mode::LockedDown);
    }),
    ("blocked", |case| {
        case.modes.insert(Mode::Blocked);
    }),
    ("privacy", |case| {
        case.modes.insert(Mode::Privacy);
    }),
    ("fire", |case| {
        case.modes.insert(Mode::Fire);
    }),
    ("mode unknown", |case| {
        case.modes.insert(Mode::Unknown);
    }),
    ("all stale", |case| case.roles.values_mut().for_each(|state| state.fresh = false)),
    ("all offline", |case| {
        case.roles.values_mut().for_each(|state| state.reach = state.reach.max(Reach::Offline));
    }),
    ("vendors away", |case| {
        case.roles.values_mut().for_each(|state| state.reach = Reach::VendorUnavailable);
    }),
    ("batteries low", |case| {
        case.roles.values_mut().for_each(|state| state.battery = Battery::Low);
    }),
    ("no lock", |case| {
        case.roles.remove(&Role::Lock);
    }),
    ("no actuator", |case| {
        case.roles.remove(&Role::Actuator);
    }),
    ("no position", |case| {
        case.roles.remove(&Role::Position);
    }),
    ("no obstruction sensor", |case| {
        case.roles.remove(&Role::Obstruction);
    }),
    ("no warning", |case| {
        case.roles.remove(&Role::Warning);
    }),
    ("a toggle opener", |case| case.physical.toggle = true),
    ("way not known", |case| case.physical.way = case.physical.way.max(Way::Unknown)),
    ("obstructed", |case| case.physical.way = Way::Obstructed),
    ("no unattended close", |case| case.physical.unattended_close = false),
];

fn with(case: &mut Case, change: impl FnOnce(&mut Held)) {
    if let Some(held) = &mut case.credential {
        change(held);
    }
}

fn end(case: &mut Case, reason: GrantRemoved) {
    with(case, |held| held.ended = Some(reason));
}

/// An outcome that was stored.
pub(super) fn granted_before() -> Outcome {
    Outcome::Granted { event: Uuid::from_u128(5), grant: grant(1).key() }
}
