//! From a text to an outcome: heard, decided, recorded, and only then sent and answered.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use doorward_events::statement::Interval as Believed;
use doorward_events::types as schema;
use doorward_translators::Act;
use jiff::Timestamp;
use uuid::Uuid;

use super::flights::{Flight, at};
use super::issuers::superseded;
use super::reading::{Heard, Listener, Request, Said, Unheard, hear};
use super::story::{Asked as Asker, Cause};
use super::visits::Visiting;
use super::{Answering, Outbound};
use crate::domain::access::lockout::Who;
use crate::domain::access::reason::Channel;
use crate::domain::access::{
    Asked, Asker as Person, Attempts, BodyDigest, Challenged, Changes, Credential, Deadline,
    Decision, Grant, GrantKey, Installed, Interval, IssuerName, Nonce, Outcome, Prior, Proof,
    Question, Reason, RequestKey, Served, TenantId, Traffic, Trust, acting, decide,
};
use crate::domain::entry::EntryState;
use crate::domain::ids::{EntryId, VendorId};
use crate::domain::operation::command::{Admission, Changed, Order, admission};
use crate::domain::operation::door::{DoorInput, Explanation};
use crate::domain::operation::visit::Visitor;
use crate::domain::operation::{Command, CommandState, Facts, Sensors, Visit};
use crate::gateway::state::{Effects, Gateway, Now};
use crate::local::Answer;

/// What helps where nobody knows the time.
const CLOCK_REMEDY: &str =
    "nobody vouches for this machine's clock\n  remedy: if `date` is right, doorward clock confirm";

/// The circumstances of a question.
struct Asking {
    ask: u64,
    cause: Cause,
    channel: &'static str,
    /// How long ago it was received.
    age: Duration,
}

impl Gateway {
    /// Somebody asks, over the bus or at the gateway itself.
    #[expect(clippy::too_many_arguments, reason = "a text with its circumstances")]
    pub(in crate::gateway) fn asked(
        &mut self,
        now: Now,
        ask: u64,
        text: &str,
        source: Option<&str>,
        uid: Option<u32>,
        received: Duration,
        effects: &mut Effects,
    ) {
        self.look_at_clock(now);
        let reading = self.guard.clock.read(now.monotonic);
        // While nobody knows the time, keys are judged by the floor, and row 10 denies.
        let latest = if reading.trust == Trust::None { reading.earliest } else { reading.latest };
        let believed = Believed { earliest: reading.earliest, latest };
        let belief = &self.guard.belief;
        let (verifier, root, channel) = match uid {
            Some(_) => (belief.console.as_ref(), None, "console"),
            None => (belief.issuers.as_ref(), belief.root.as_ref(), "request"),
        };
        let listener = Listener { verifier, root, at_least: belief.issuers_version, source };
        match hear(text, &listener, &belief.audience, believed) {
            Err(unheard) => self.stranger(now, ask, &unheard, channel, effects),
            Ok(Heard { cause, said, body }) => {
                let age = now.monotonic.saturating_sub(received);
                let asking = Asking { ask, cause, channel, age };
                match said {
                    Said::Grant(grant) => self.install(now, &asking, &grant, body, effects),
                    Said::Revoke { grant_id, issuer, entry, expires_at } => {
                        self.revoke(now, &asking, &issuer, grant_id, &entry, expires_at, effects);
                    }
                    Said::Request(request) => self.request(now, &asking, &request, body, effects),
                    Said::Time(attested) => self.attested(now, ask, attested, effects),
                    Said::Vendor(ordering) => self.vendor_ordering(now, ask, &ordering, effects),
                    Said::Issuers(list) => self.take_issuers(now, ask, &list, effects),
                    Said::OlderIssuers => answer(effects, ask, superseded()),
                }
                self.store_clock(effects);
            }
        }
    }

    /// What is not believed is counted and answered, and nothing else.
    fn stranger(
        &mut self,
        now: Now,
        ask: u64,
        unheard: &Unheard,
        channel: &str,
        effects: &mut Effects,
    ) {
        if unheard.ours {
            let detail = unheard.text.clone();
            return answer(effects, ask, Answer::Undecided { detail });
        }
        let channel = if channel == "console" { Channel::Console } else { Channel::Request };
        self.guard.strangers.count(channel, unheard.reason, now.monotonic);
        tracing::debug!(reason = %unheard.reason, "a request is not believed: {}", unheard.text);
        answer(effects, ask, denied(unheard.reason, &[unheard.reason], &unheard.text));
    }

    fn floor(&self) -> Timestamp {
        self.guard.clock.floor().at
    }

    fn install(
        &mut self,
        now: Now,
        asking: &Asking,
        grant: &Grant,
        body: BodyDigest,
        effects: &mut Effects,
    ) {
        let grant_id = grant.grant_id;
        let reason = match self.take_grant(now, &asking.cause, grant, body, effects) {
            Ok(()) => return answer(effects, asking.ask, Answer::Installed { grant_id }),
            Err(reason) => reason,
        };
        answer(effects, asking.ask, denied(reason, &[reason], ""));
    }

    /// Takes a grant into the ledger, and tells of it.
    fn take_grant(
        &mut self,
        now: Now,
        cause: &Cause,
        grant: &Grant,
        body: BodyDigest,
        effects: &mut Effects,
    ) -> Result<(), Reason> {
        let floor = self.floor();
        let entry = self.entries.get(&grant.entry).map(|entry| entry.id.clone());
        let (outcome, changes) = match entry {
            // A door that is not here cannot be granted here.
            None => (Installed::Refused(Reason::UnknownEntry), Changes::default()),
            Some(_) => self.guard.ledger.install(grant.clone(), body, floor),
        };
        self.guard.changed(changes);
        match outcome {
            Installed::New => {
                let event = self.composer.grant_installed(now, cause, grant);
                effects.event(None, event);
                Ok(())
            }
            Installed::Already { ended: None } => Ok(()),
            Installed::Already { ended: Some(ended) } => {
                let word = ended.as_str();
                Err(Reason::from_word(word).unwrap_or(Reason::UsesExhausted))
            }
            Installed::Refused(reason) => {
                let issuer = Some(grant.issuer.to_string());
                let event = self.composer.grant_rejected(
                    now,
                    entry.as_ref(),
                    cause,
                    Some(grant.grant_id),
                    issuer,
                    reason,
                );
                effects.event(None, event);
                Err(reason)
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a revocation's members")]
    fn revoke(
        &mut self,
        now: Now,
        asking: &Asking,
        issuer: &IssuerName,
        grant_id: Uuid,
        entry: &EntryId,
        expires_at: Timestamp,
        effects: &mut Effects,
    ) {
        use crate::domain::access::Revocation;
        let floor = self.floor();
        let (outcome, changes) = self.guard.ledger.revoke(issuer, grant_id, expires_at, floor);
        self.guard.changed(changes);
        if outcome == Revocation::Ended {
            let data =
                schema::GrantRemoved { grant_id: grant_id.to_string(), reason: "revoked".into() };
            // The revocation names an entry too, which need not be the grant's.
            let key = GrantKey { grant_id, issuer: issuer.clone() };
            let own = self.guard.ledger.grant(&key).map(|held| held.grant.entry.clone());
            let entry = own.as_ref().unwrap_or(entry);
            let cause = Some(&asking.cause);
            let event = self.composer.tell(now, now.wall, Some(entry), cause, &data);
            effects.event(None, event);
        }
        if outcome == Revocation::IssuerRefused {
            tracing::error!(%issuer, "it revoked more unknown grants than can be remembered; its new grants are refused");
        }
        answer(effects, asking.ask, Answer::Revoked { grant_id });
    }

    /// Decides a request.
    fn request(
        &mut self,
        now: Now,
        asking: &Asking,
        request: &Request,
        body: BodyDigest,
        effects: &mut Effects,
    ) {
        let key = RequestKey { issuer: request.issuer.clone(), request_id: request.request_id };
        let mut story = Asker {
            request_id: Some(request.request_id),
            issuer: Some(request.issuer.to_string()),
            grant_id: request.grant_id,
            subject: Some(request.subject.as_str().to_owned()),
            act: Some(request.act),
            channel: asking.channel,
        };
        let seen = self.guard.ledger.request(&key).map(|seen| (seen.body, seen.outcome.clone()));
        if let Some((known, outcome)) = &seen
            && *known == body
        {
            let then = match outcome {
                Outcome::Granted { .. } => "granted".to_owned(),
                Outcome::Denied { reason, .. } => reason.to_string(),
            };
            return answer(effects, asking.ask, Answer::Repeated { then });
        }
        let entry = self.entries.get(&request.entry).map(|entry| entry.id.clone());
        if let Some(event) =
            self.composer.access_requested(now, entry.as_ref(), &asking.cause, &story)
        {
            effects.event(None, event);
        }
        let mut brought = Ok(());
        if let Some((grant, grant_body)) = &request.grant {
            story.grant_id = Some(grant.grant_id);
            brought = self.take_grant(now, &asking.cause, grant, *grant_body, effects);
        }
        let decision = self.judge(now, request, seen.is_some(), brought, asking.age);
        let (reason, all) = match decision {
            Decision::Granted { grant, at, within } => {
                match self.grant_it(now, asking, &story, request, body, &grant, at, within, effects)
                {
                    Ok(()) => return,
                    Err(reason) => (reason, vec![reason]),
                }
            }
            Decision::Denied { reason, all } => (reason, all),
            Decision::Repeated(_) => (Reason::IdempotencyConflict, Vec::new()),
        };
        self.deny_it(now, asking, &story, request, body, reason, &all, effects);
    }

    fn judge(
        &mut self,
        now: Now,
        request: &Request,
        conflict: bool,
        brought: Result<(), Reason>,
        age: Duration,
    ) -> Decision {
        // Who may issue the grant anew may say when.
        let vouches = request.grant.is_some();
        let challenge = request.challenge.as_deref().and_then(|nonce| {
            let taken = self.guard.challenges.take(&Nonce::new(nonce), now.monotonic)?;
            Some(Challenged { signed_at: request.issued_at, age: taken.age, vouches })
        });
        let who = who(request);
        let admitted = self.guard.lockout.attempt(&who, now.monotonic);
        let clock = self.guard.clock.read(now.monotonic);
        let unknown = EntryState::default();
        let entry = self.entries.get(&request.entry);
        let door = self.doors.get(&request.entry).unwrap_or(&unknown);
        let gathered = entry.map(|entry| self.gather(now, entry, door));
        let group = entry.and_then(|entry| entry.interlock_group.as_deref());
        let commands = self.guard.flights.values().map(|flight| &flight.command);
        let busy = admission(request.act, &request.entry, group, commands) != Admission::Free
            || self
                .guard
                .machines
                .get(&request.entry)
                .is_some_and(|machine| machine.door.is_moving());
        let held = request.grant_id.or(request.grant.as_ref().map(|(grant, _)| grant.grant_id));
        let held = held.and_then(|id| self.guard.ledger.find(id, &request.issuer));
        let credential = match (held, brought) {
            _ if self.guard.ledger_lost => Credential::LedgerLost,
            (Some(held), _) => Credential::Held(held),
            (None, Err(Reason::LedgerLost)) => Credential::LedgerLost,
            (None, Err(why)) => Credential::NotTaken(why),
            (None, Ok(())) => Credential::NotFound,
        };
        let tenant = TenantId::new(self.guard.belief.audience.tenant_id.as_str());
        let roles = BTreeMap::default();
        let nothing = crate::domain::access::Physical {
            toggle: true,
            way: crate::domain::access::Way::Unknown,
            unattended_close: false,
        };
        let question = Question {
            authenticity: Ok(()),
            act: request.act,
            entry: &request.entry,
            asker: Person { tenant: &tenant, subject: &request.subject },
            deadline: Deadline { not_after: request.not_after, age },
            clock,
            challenge,
            prior: if conflict { Prior::Conflict } else { Prior::New },
            attempts: if admitted { Attempts::Admitted } else { Attempts::TooMany },
            served: match entry {
                Some(entry) if entry.enabled => Served::Enabled,
                Some(_) => Served::Disabled,
                None => Served::Unknown,
            },
            credential,
            proof: Proof::Good,
            policy_fresh: true,
            zone: gathered.as_ref().and_then(|gathered| gathered.zone.as_ref()),
            traffic: Traffic { command_in_flight: busy, passback: false },
            position: &door.position,
            modes: &BTreeSet::new(),
            roles: gathered.as_ref().map_or(&roles, |gathered| &gathered.roles),
            physical: gathered.as_ref().map_or(nothing, |gathered| gathered.physical),
        };
        decide(&question)
    }

    /// Takes the use, notes the intent, and has the command leave once both are durable.
    #[expect(clippy::too_many_arguments, reason = "a decision with its circumstances")]
    fn grant_it(
        &mut self,
        now: Now,
        asking: &Asking,
        story: &Asker,
        request: &Request,
        body: BodyDigest,
        grant: &GrantKey,
        when: Interval,
        within: Duration,
        effects: &mut Effects,
    ) -> Result<(), Reason> {
        let entry = self.entries.get(&request.entry).cloned().ok_or(Reason::UnknownEntry)?;
        let endpoint =
            entry.roles.get(&acting(request.act)).cloned().ok_or(Reason::EndpointOffline)?;
        let vendor = VendorId::new(endpoint.vendor());
        let address = self
            .vendors
            .get(&vendor)
            .and_then(|state| state.address_of(&endpoint))
            .ok_or(Reason::EndpointOffline)?
            .to_owned();
        let order = Order {
            id: self.composer.id(now),
            entry: entry.id.clone(),
            interlock_group: entry.interlock_group.clone(),
            act: request.act,
            endpoint: endpoint.clone(),
            request_id: Some(request.request_id),
            visit_id: matches!(request.act, Act::Unlock | Act::Open).then(|| self.composer.id(now)),
        };
        let key = RequestKey { issuer: request.issuer.clone(), request_id: request.request_id };
        let mut command =
            Command::accept(order, Sensors::of(&entry), within, &entry.timers, at(now));
        let granted = self.composer.access_granted(now, &asking.cause, story, &command);
        let event = granted.as_ref().map_or(Uuid::nil(), doorward_events::Draft::id);
        let asked = Asked { key: key.clone(), body, not_after: request.not_after, event };
        let floor = self.floor();
        let (consumed, changes) = self.guard.ledger.consume(asked, grant, when, floor)?;
        self.guard.changed(changes);
        effects.event(None, granted);
        let data = schema::GrantConsumed {
            grant_id: grant.grant_id.to_string(),
            request_id: Some(request.request_id.to_string()),
            uses_left: i64::from(consumed.uses_left),
            visit_id: command.order().visit_id.map(|id| id.to_string()),
        };
        let told = self.composer.tell(now, now.wall, Some(&entry.id), Some(&asking.cause), &data);
        effects.event(None, told);
        let accepted = Changed { state: command.state(), reason: None };
        let told = self.composer.command_changed(now, &asking.cause, &command, accepted);
        effects.event(None, told);

        let door = self.doors.entry(entry.id.clone()).or_default();
        let facts = Facts { position: &door.position, lock: &door.lock };
        let mut visits = None;
        let step = command.dispatch(at(now), &facts);
        let (id, until) = (command.order().id, command.deadline());
        if let (Some(visit_id), Act::Unlock | Act::Open) = (command.order().visit_id, request.act) {
            let visitor = Visitor {
                id: visit_id,
                entry: entry.id.clone(),
                command_id: id,
                grant_id: Some(grant.grant_id),
                subject_ref: story.subject.clone(),
            };
            let sensors = Sensors::of(&entry);
            let visit = Visit::begin(visitor, sensors, &facts, &entry.timers, at(now));
            visits = Some(Visiting { visit, cause: asking.cause.clone() });
        }
        let flight = Flight {
            command,
            cause: asking.cause.clone(),
            request: key,
            grant: grant.clone(),
            settled: false,
        };
        self.guard.flights.insert(id, flight);
        self.guard.touch_flight(id);
        if let Some(visiting) = visits {
            self.begin_visit(now, visiting, effects);
        }
        let leaves = step.changed.is_some_and(|changed| changed.state == CommandState::Dispatched);
        self.follow(now, id, step, effects);
        if leaves {
            let explains = DoorInput::Explained(Explanation::Command);
            self.door_input(now, &entry.id, explains, effects);
            let act = request.act;
            self.guard.leaving.insert(id);
            effects.orders.push(Outbound { id, vendor, endpoint, address, act, until });
        }
        let granted = Answer::Granted { request_id: request.request_id, command_id: id };
        answer(effects, asking.ask, granted);
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "a decision with its circumstances")]
    fn deny_it(
        &mut self,
        now: Now,
        asking: &Asking,
        story: &Asker,
        request: &Request,
        body: BodyDigest,
        reason: Reason,
        all: &[Reason],
        effects: &mut Effects,
    ) {
        tracing::info!(
            entry = %request.entry,
            request = %request.request_id,
            issuer = %request.issuer,
            all = all.iter().map(|reason| reason.as_str()).collect::<Vec<_>>().join(","),
            "access is denied: {reason}"
        );
        *self.guard.denied.entry(reason).or_default() += 1;
        if reason.is_guess() {
            self.guard.lockout.fail(&who(request), now.monotonic);
            self.store_lockout(now, effects);
        }
        let challenge = (reason == Reason::ClockUntrusted).then(|| self.challenge(now)).flatten();
        let entry = self.entries.get(&request.entry).map(|entry| entry.id.clone());
        let event = self.composer.access_denied(
            now,
            entry.as_ref(),
            &asking.cause,
            story,
            reason,
            challenge,
        );
        let id = event.as_ref().map_or(Uuid::nil(), doorward_events::Draft::id);
        effects.event(None, event);
        let key = RequestKey { issuer: request.issuer.clone(), request_id: request.request_id };
        let asked = Asked { key, body, not_after: request.not_after, event: id };
        let floor = self.floor();
        // What came of the first of two requests with one id stands; without room it is only not
        // remembered.
        if let Ok(changes) = self.guard.ledger.deny(asked, reason, floor) {
            self.guard.changed(changes);
        }
        let detail = match reason {
            Reason::ClockUntrusted => CLOCK_REMEDY,
            _ => "",
        };
        answer(effects, asking.ask, denied(reason, all, detail));
    }
}

fn who(request: &Request) -> Who {
    Who::Asker(request.issuer.clone(), request.subject.clone())
}

fn answer(effects: &mut Effects, ask: u64, answer: Answer) {
    effects.answers.push(Answering { ask, answer });
}

fn denied(reason: Reason, all: &[Reason], detail: &str) -> Answer {
    Answer::Denied {
        reason: reason.to_string(),
        all: all.iter().map(ToString::to_string).collect(),
        detail: detail.to_owned(),
    }
}
