//! What time it is, as an interval that holds the true time, and how far that may be trusted.
//!
//! Sources say what time it is: the system's clock while it says that it is synchronised, issuers
//! who may attest time, somebody on site. What each said last is held and goes on by the
//! monotonic clock. None is believed below the **floor**, the latest time that trusted sources
//! proved; and one source alone is not believed beyond the **ceiling**: a day past the time that
//! two sources or somebody on site stood for last, and what passed by the monotonic clock since.
//! That day is one for all single sources and restarts together, so that no source walks the
//! clock away in steps; the time that the gateway was switched off counts against it. Two
//! different sources that agree, or an act on site, are believed beyond it.
//!
//! | state | trust | interval |
//! |---|---|---|
//! | the system is synchronised within [`FULL_ERROR`], nobody believed contradicts | full | the system's |
//! | believed sources agree | bounded | the narrowest |
//! | sources contradict each other | bounded | from the least to the greatest |
//! | nobody is believed: boot in 1970, after a step | none | from the floor to the end of time |
//!
//! A source that is not believed, since it is alone beyond the ceiling, still contradicts: what it
//! says makes the interval wider, never narrower. The system's clock does not: its time servers
//! are anybody's on the network, and would stop all work by saying nonsense.
//!
//! A first start without a floor is part of setting the gateway up, by somebody on site: the
//! first source is believed then.

mod claim;

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use claim::{Claim, later};
pub use claim::{Interval, Source};

/// How far a clock that runs free may go wrong, in parts per million: as far as Linux may slew.
pub const DRIFT_PPM: u32 = 500;
/// The largest error that a synchronised system may state for its time to count as exact.
pub const FULL_ERROR: Duration = Duration::from_secs(1);
/// How long a sample of the system's clock counts as its present state.
pub const SAMPLE_FRESH: Duration = Duration::from_secs(60);
/// The system's clock was stepped if it and the monotonic clock went further apart than this
/// and what drift allows.
pub const STEP: Duration = Duration::from_secs(1);
/// For how long the system must say that it is synchronised, without another step, to be believed
/// again after a step.
pub const SETTLE: Duration = Duration::from_secs(60);
/// How far one source alone may bring the clock forward.
pub const ALONE: SignedDuration = SignedDuration::from_hours(24);
/// How much of the floor may be lost by a crash.
pub const STORE_EACH: SignedDuration = SignedDuration::from_hours(1);
/// How wrong an issuer's or a person's own clock may be.
pub const ATTESTED_ERROR: Duration = Duration::from_secs(5);
/// What is vaguer than this agrees with everybody, and so stands for nothing.
pub const VAGUE: SignedDuration = SignedDuration::from_mins(10);
/// Most sources that are held. Beyond: a new one is not heard.
pub const MAX_SOURCES: usize = 16;
/// No clock that this runs by can lie before (2026-01-01), whatever was or was not stored.
pub const EARLIEST: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// How far a reading may be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Exact, but for the error that the system states.
    Full,
    /// The true time lies in the interval, which may be wide.
    Bounded,
    /// Nothing is known but the floor.
    None,
}

impl Trust {
    /// The word as it stands in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Bounded => "bounded",
            Self::None => "untrusted",
        }
    }
}

/// What time it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Not before; never below the floor.
    pub earliest: Timestamp,
    /// Not after; the end of time where nothing is known.
    pub latest: Timestamp,
    /// How far that may be trusted.
    pub trust: Trust,
}

/// What outlives a restart. To be stored whenever something is removed or decided by it, at a stop,
/// and each time that [`Clock::worth_storing`] says so, also while nobody asks for anything: what is
/// lost of it counts against [`ALONE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Floor {
    /// No reading lies before it.
    pub at: Timestamp,
    /// What two sources or somebody on site stood for last, and what passed by the monotonic
    /// clock since. `None` until the first source is believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vouched: Option<Timestamp>,
}

impl Floor {
    /// What was stored cannot be read: nothing is believed until two sources agree or somebody on
    /// site says so. An absent floor is another thing: see [`Clock::new`].
    pub const LOST: Self = Self { at: EARLIEST, vouched: Some(EARLIEST) };
}

/// One look at the system's clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// The system's wall clock.
    pub wall: Timestamp,
    /// The monotonic clock at the same moment, since the start of the process.
    pub monotonic: Duration,
    /// The error bound that the system states, if it says that its wall clock is synchronised.
    pub synchronised: Option<Duration>,
}

/// Somebody who may said what time it was, in answer to a challenge of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    /// Who.
    pub source: Source,
    /// When it was signed, as he says.
    pub signed_at: Timestamp,
    /// How long ago the challenge was issued that it carries: it was signed since.
    pub age: Duration,
}

/// What the clock made of what it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It is believed.
    Believed,
    /// It lies beyond what one source may say; it waits for another that agrees.
    Alone,
    /// It lies below the floor, or there are too many sources.
    Refused,
    /// The system says nothing: it is not synchronised, or was stepped and has not settled.
    Nothing,
}

/// The clock of one run of the process.
#[derive(Debug, Clone, PartialEq)]
pub struct Clock {
    floor: Timestamp,
    /// What was vouched for, and when by the monotonic clock.
    vouched: Option<(Timestamp, Duration)>,
    claims: BTreeMap<Source, Claim>,
    /// The last look at the system's clocks.
    last: Option<Sample>,
    /// Since when the system says without a break that it is synchronised, after a step.
    settling: Option<Settling>,
    /// The latest monotonic time seen.
    now: Duration,
}

/// The system was stepped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Settling {
    /// Since when it has said without a break that it is synchronised.
    since: Option<Duration>,
}

impl Clock {
    /// A clock with what was stored. `None` on the first start only, when the first source is
    /// believed; where something was stored that cannot be read, [`Floor::LOST`].
    pub fn new(floor: Option<Floor>) -> Self {
        let at = floor.map_or(EARLIEST, |floor| floor.at.max(EARLIEST));
        let vouched = floor.and_then(|floor| floor.vouched);
        Self {
            floor: at,
            vouched: vouched.map(|at| (at, Duration::ZERO)),
            claims: BTreeMap::new(),
            last: None,
            settling: None,
            now: Duration::ZERO,
        }
    }

    /// Takes in a look at the system's clocks. Often is well: once before each decision, and at
    /// least each [`SAMPLE_FRESH`].
    pub fn sample(&mut self, sample: Sample) -> Told {
        self.pass(sample.monotonic);
        let stepped = self.last.is_some_and(|last| stepped(&last, &sample));
        self.last = Some(sample);
        if stepped {
            self.claims.remove(&Source::System);
            self.settling = Some(Settling { since: None });
        }
        let Some(error) = sample.synchronised else {
            if let Some(settling) = &mut self.settling {
                settling.since = None;
            }
            return Told::Nothing;
        };
        if let Some(settling) = &mut self.settling {
            let since = *settling.since.get_or_insert(sample.monotonic);
            if sample.monotonic.saturating_sub(since) < SETTLE {
                return Told::Nothing;
            }
            self.settling = None;
        }
        let claim = Claim {
            earliest: later(sample.wall, -signed(error)),
            latest: later(sample.wall, signed(error)),
            at: sample.monotonic,
        };
        self.hear(Source::System, claim)
    }

    /// Somebody attested time. The caller has seen to it that he may, and that the challenge was
    /// ours and is taken now.
    pub fn attest(&mut self, attestation: Attestation, monotonic: Duration) -> Told {
        self.pass(monotonic);
        let Attestation { source, signed_at, age } = attestation;
        let claim = Claim {
            earliest: later(signed_at, -signed(ATTESTED_ERROR)),
            latest: later(signed_at, signed(age.saturating_add(ATTESTED_ERROR))),
            at: monotonic,
        };
        self.hear(source, claim)
    }

    /// Somebody on site says that it is `wall`, give or take `error`. Believed beyond the ceiling,
    /// not below the floor. What others said before and contradicts it is forgotten.
    pub fn on_site(&mut self, wall: Timestamp, error: Duration, monotonic: Duration) -> Told {
        self.pass(monotonic);
        let error = signed(error.saturating_add(ATTESTED_ERROR));
        let claim =
            Claim { earliest: later(wall, -error), latest: later(wall, error), at: monotonic };
        if claim.latest < self.floor {
            return Told::Refused;
        }
        self.claims.retain(|_, other| other.at(monotonic).meets(claim.at(monotonic)));
        self.vouch(claim.earliest);
        self.claims.insert(Source::OnSite, claim);
        self.raise();
        Told::Believed
    }

    /// What time it is.
    pub fn read(&self, monotonic: Duration) -> Reading {
        let now = self.now.max(monotonic);
        let unknown = Reading { earliest: self.floor, latest: Timestamp::MAX, trust: Trust::None };
        let heard: Vec<(&Source, Interval, bool)> = self
            .claims
            .iter()
            .map(|(source, claim)| (source, claim.at(now)))
            .map(|(source, interval)| (source, interval, self.believes(interval, now)))
            .filter(|(source, interval, believed)| {
                *believed || (**source != Source::System && interval.latest >= self.floor)
            })
            .collect();
        let believed = || heard.iter().filter(|(.., believed)| *believed);
        let Some((_, narrowest, _)) = believed().min_by_key(|(_, interval, _)| interval.width())
        else {
            return unknown;
        };
        let begins = || heard.iter().map(|(_, interval, _)| interval.earliest);
        let ends = || heard.iter().map(|(_, interval, _)| interval.latest);
        let agree = begins().max() <= ends().min();
        let system = believed().find(|(source, ..)| **source == Source::System);
        let (interval, trust) = match (agree, system, begins().min(), ends().max()) {
            (true, Some((_, interval, _)), ..) if self.exact(now) => (*interval, Trust::Full),
            (false, _, Some(earliest), Some(latest)) => {
                (Interval { earliest, latest }, Trust::Bounded)
            }
            _ => (*narrowest, Trust::Bounded),
        };
        Reading { earliest: interval.earliest.max(self.floor), latest: interval.latest, trust }
    }

    /// What is to be stored.
    pub fn floor(&self) -> Floor {
        Floor { at: self.floor, vouched: self.vouched(self.now) }
    }

    /// Whether so much has passed since this was stored, [`STORE_EACH`], that it is to be stored anew.
    pub fn worth_storing(&self, stored: Floor) -> bool {
        let now = self.floor();
        let behind = |now: Timestamp, then: Timestamp| now.duration_since(then) >= STORE_EACH;
        behind(now.at, stored.at)
            || match (now.vouched, stored.vouched) {
                (Some(now), Some(then)) => behind(now, then),
                (now, then) => now != then,
            }
    }

    /// Whether the system said just now that it is synchronised, and closely enough.
    fn exact(&self, now: Duration) -> bool {
        self.last.is_some_and(|last| {
            last.synchronised.is_some_and(|error| error <= FULL_ERROR)
                && now.saturating_sub(last.monotonic) <= SAMPLE_FRESH
        })
    }

    /// The monotonic clock went on; it never goes back.
    fn pass(&mut self, monotonic: Duration) {
        self.now = self.now.max(monotonic);
    }

    /// A source says what time it is.
    fn hear(&mut self, source: Source, claim: Claim) -> Told {
        let now = self.now;
        let own = claim.at(now);
        let room = self.claims.len() < MAX_SOURCES || self.claims.contains_key(&source);
        if own.latest < self.floor || !room {
            // A source that contradicts what is proved is not believed any more.
            self.claims.remove(&source);
            return Told::Refused;
        }
        if self.vouched.is_none() {
            self.vouch(own.earliest.max(self.floor));
        }
        let agreed = self
            .claims
            .iter()
            .filter(|(other, _)| **other != source)
            .map(|(_, claim)| claim.at(now))
            .filter(|other| other.meets(own) && other.latest >= self.floor)
            .filter(|other| other.width() <= VAGUE && own.width() <= VAGUE)
            .map(|other| other.earliest.max(own.earliest))
            .max();
        if let Some(earliest) = agreed {
            self.vouch(earliest);
        }
        self.claims.insert(source, claim);
        self.raise();
        if self.believes(own, now) { Told::Believed } else { Told::Alone }
    }

    /// Two sources or somebody on site stand for this time.
    fn vouch(&mut self, at: Timestamp) {
        let at = self.vouched(self.now).map_or(at, |vouched| vouched.max(at));
        self.vouched = Some((at, self.now));
    }

    fn vouched(&self, now: Duration) -> Option<Timestamp> {
        self.vouched.map(|(at, since)| later(at, signed(now.saturating_sub(since))))
    }

    /// Whether a claim lies between floor and ceiling.
    fn believes(&self, claim: Interval, now: Duration) -> bool {
        claim.latest >= self.floor
            && self.vouched(now).is_some_and(|vouched| claim.latest <= later(vouched, ALONE))
    }

    /// The floor follows what is believed.
    fn raise(&mut self) {
        let reading = self.read(self.now);
        if reading.trust != Trust::None {
            self.floor = self.floor.max(reading.earliest);
        }
    }
}

/// Whether wall clock and monotonic clock went apart between two looks.
fn stepped(last: &Sample, sample: &Sample) -> bool {
    let passed = sample.monotonic.saturating_sub(last.monotonic);
    let apart = sample.wall.duration_since(last.wall).saturating_sub(signed(passed)).unsigned_abs();
    apart > STEP.saturating_add(claim::drift(passed))
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
