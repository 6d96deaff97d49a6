//! What time it is: whom the gateway believes in it, what it asks them, and what it tells when that
//! changes.

use std::time::Duration;

use doorward_events::types as schema;
use doorward_events::{ClockInterval, ClockTrust};
use jiff::Timestamp;

use super::flights::at;
use super::{Answering, guard};
use crate::domain::access::{
    Attestation, CHALLENGE_LIFE, IssuerName, Nonce, Reading, Reason, Sample, Source, Trust,
};
use crate::gateway::state::{Effects, Gateway, Now};
use crate::local::Answer;

/// A change is told at most this often: one that flaps is told as it stands then.
const TOLD_EACH: Duration = Duration::from_secs(10);

/// How far the clock was trusted when that was last told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToldTrust {
    pub trust: Trust,
    /// When a change may be told again, monotonic.
    pub next: Duration,
}

/// What somebody said of the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attested {
    pub issuer: IssuerName,
    pub challenge: String,
    pub signed_at: Timestamp,
}

/// The latest that it may be, where anything is promised.
fn promised(reading: Reading) -> Option<Timestamp> {
    (reading.trust != Trust::None).then_some(reading.latest)
}

impl Gateway {
    /// The largest error of the system's clock, where somebody stands for it now.
    pub fn system_clock(&mut self, synchronised: Option<Duration>) {
        self.guard.belief.system_clock = synchronised;
    }

    /// The clock looks at the system's.
    pub(in crate::gateway) fn look_at_clock(&mut self, now: Now) {
        let synchronised = self.guard.belief.system_clock;
        let at = at(now);
        let sample = Sample { wall: at.wall, monotonic: at.monotonic, synchronised };
        let _ = self.guard.clock.sample(sample);
    }

    /// An operator on site stands for the system's clock.
    pub(in crate::gateway) fn clock_confirmed(
        &mut self,
        now: Now,
        ask: u64,
        uid: u32,
        effects: &mut Effects,
    ) {
        let error = self.guard.belief.system_clock.unwrap_or_default();
        let told = self.guard.clock.on_site(now.wall, error, now.monotonic);
        self.look_at_clock(now);
        tracing::warn!(uid, ?told, "an operator stands for the clock");
        self.answer_time(now, ask, effects);
    }

    /// An issuer who may says what time it is, in answer to a challenge of ours.
    pub(super) fn attested(
        &mut self,
        now: Now,
        ask: u64,
        attested: Attested,
        effects: &mut Effects,
    ) {
        let Attested { issuer, challenge, signed_at } = attested;
        let taken = self.guard.challenges.take(&Nonce::new(challenge), now.monotonic);
        let Some(taken) = taken else {
            tracing::warn!(%issuer, "it answers a challenge that is past, taken or not ours");
            let reason = Reason::RequestExpired.to_string();
            let detail = "the challenge is past, was taken before, or is not this gateway's";
            let answer = Answer::Denied { reason, all: Vec::new(), detail: detail.to_owned() };
            return effects.answers.push(Answering { ask, answer });
        };
        let source = Source::Issuer(issuer.clone());
        let attestation = Attestation { source, signed_at, age: taken.age };
        let told = self.guard.clock.attest(attestation, now.monotonic);
        tracing::info!(%issuer, ?told, "an issuer says what time it is");
        self.answer_time(now, ask, effects);
    }

    fn answer_time(&mut self, now: Now, ask: u64, effects: &mut Effects) {
        self.store_clock(effects);
        let reading = self.guard.clock.read(now.monotonic);
        let at = match reading.trust {
            Trust::Full => now.wall,
            Trust::Bounded | Trust::None => reading.earliest,
        };
        let answer = Answer::Clock { at, trust: reading.trust.as_str().to_owned() };
        effects.answers.push(Answering { ask, answer });
    }

    /// How far the clock is trusted: `full`, `bounded` or `untrusted`.
    pub(in crate::gateway) fn clock_trust(&self, now: Now) -> &'static str {
        self.guard.clock.read(now.monotonic).trust.as_str()
    }

    /// A fresh challenge, for who answers while the clock is not trusted. `None`: it is, or too
    /// many are outstanding.
    pub(in crate::gateway) fn challenge(&mut self, now: Now) -> Option<schema::ClockChallenge> {
        if self.guard.clock.read(now.monotonic).trust == Trust::Full {
            return None;
        }
        let mut random = [0u8; 16];
        ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut random).ok()?;
        let nonce: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let issued = self.guard.challenges.issue(Nonce::new(nonce.as_str()), now.monotonic);
        let valid_s = i64::try_from(CHALLENGE_LIFE.as_secs()).ok()?;
        issued.then_some(schema::ClockChallenge { nonce, valid_s })
    }

    /// What the step recorded was recorded at a time that may be doubted; that trust in the clock
    /// changed is told.
    pub(in crate::gateway) fn doubt(&mut self, now: Now, effects: &mut Effects) {
        let reading = self.guard.clock.read(now.monotonic);
        self.tell_clock(now, reading, effects);
        let trust = match reading.trust {
            Trust::Full => return,
            Trust::Bounded => ClockTrust::Bounded,
            Trust::None => ClockTrust::Untrusted,
        };
        let Reading { earliest, .. } = reading;
        effects.batch.clock = Some(ClockInterval { earliest, latest: promised(reading), trust });
    }

    fn tell_clock(&mut self, now: Now, reading: Reading, effects: &mut Effects) {
        let Reading { earliest, trust, .. } = reading;
        let next = now.monotonic + TOLD_EACH;
        // At first it is what `gateway.started` goes by.
        let told = *self.guard.told_trust.get_or_insert(ToldTrust { trust, next });
        if told.trust == trust || now.monotonic < told.next {
            return;
        }
        self.guard.told_trust = Some(ToldTrust { trust, next });
        tracing::warn!(from = told.trust.as_str(), to = trust.as_str(), "trust in the clock");
        let data = schema::GatewayClockChanged {
            trust: trust.as_str().into(),
            previous: told.trust.as_str().into(),
            earliest: earliest.to_string(),
            latest: promised(reading).map(|latest| latest.to_string()),
            challenge: self.challenge(now),
        };
        effects.event(None, self.composer.tell(now, now.wall, None, None, &data));
    }

    /// Notes how late it surely is, so that no restart makes it earlier.
    pub(super) fn store_clock(&mut self, effects: &mut Effects) {
        let floor = self.guard.clock.floor();
        if guard::write_floor(&floor, &mut effects.batch) {
            self.guard.stored_floor = Some(floor);
        }
    }

    /// Notes the floor with the first start, so that no other start counts as the first.
    pub(in crate::gateway) fn begin_floor(&mut self, effects: &mut Effects) {
        if self.guard.stored_floor.is_none() {
            self.store_clock(effects);
        }
    }
}
