//! The checks, row by row. Each looks at all of its own, whatever failed before it; what depends
//! on a grant is not looked at where there is none.

use doorward_translators::{Act, Position};
use jiff::SignedDuration;

use super::super::clock::Trust;
use super::super::ledger::Held;
use super::super::reason::{GrantRemoved, Reason};
use super::needs::{acting, moves, needed, secures};
use super::question::{
    Attempts, Battery, Credential, Mode, Prior, Proof, Question, Reach, Served, Way,
};
use crate::domain::entry::Role;
use crate::domain::fact::FactQuality;

/// Each failure of rows 3 to 17, in the order of the checks, each once.
pub(super) fn failures(question: &Question<'_>) -> Vec<Reason> {
    let mut failed = Vec::new();
    arrival(question, &mut failed);
    credential(question, &mut failed);
    if let Credential::Held(held) = question.credential {
        window(question, held, &mut failed);
        scope(question, held, &mut failed);
        uses(question, held, &mut failed);
    }
    traffic(question, &mut failed);
    modes(question, &mut failed);
    endpoints(question, &mut failed);
    physical(question, &mut failed);
    failed.sort_unstable();
    failed.dedup();
    failed
}

/// Rows 3 to 6.
fn arrival(question: &Question<'_>, failed: &mut Vec<Reason>) {
    if question.late() {
        failed.push(Reason::RequestExpired);
    }
    if question.prior == Prior::Conflict {
        failed.push(Reason::IdempotencyConflict);
    }
    if question.attempts == Attempts::TooMany {
        failed.push(Reason::TooManyAttempts);
    }
    match question.served {
        Served::Enabled => {}
        Served::Disabled => failed.push(Reason::EntryDisabled),
        Served::Unknown => failed.push(Reason::UnknownEntry),
    }
}

/// Rows 7 to 10.
fn credential(question: &Question<'_>, failed: &mut Vec<Reason>) {
    match question.credential {
        Credential::NotFound => failed.push(Reason::CredentialNotFound),
        Credential::LedgerLost => failed.push(Reason::LedgerLost),
        Credential::NotTaken(why) => failed.push(why),
        Credential::Held(held) => match held.ended {
            Some(GrantRemoved::LedgerLost) => failed.push(Reason::LedgerLost),
            Some(GrantRemoved::Revoked) => failed.push(Reason::Revoked),
            Some(GrantRemoved::Expired) => failed.push(Reason::Expired),
            Some(GrantRemoved::UsedUp) => failed.push(Reason::UsesExhausted),
            None => {}
        },
    }
    match question.proof {
        Proof::Good => {}
        Proof::BadProof => failed.push(Reason::InvalidProof),
        Proof::BadPin => failed.push(Reason::InvalidPin),
    }
    if !question.policy_fresh {
        failed.push(Reason::PolicyStale);
    }
    // A bounded clock is trusted enough where all of it lies before the deadline.
    let told = question.fresh_by_clock() || question.challenge.is_some();
    if question.time().is_none() || (question.clock.trust != Trust::Full && !told) {
        failed.push(Reason::ClockUntrusted);
    }
}

/// Rows 11 and 12.
fn window(question: &Question<'_>, held: &Held, failed: &mut Vec<Reason>) {
    let Some(at) = question.time() else { return };
    if at.earliest < held.grant.not_before {
        failed.push(Reason::NotYetActive);
    }
    if held.grant.end() < at.latest {
        failed.push(Reason::Expired);
    }
    if let Some(schedule) = &held.grant.schedule {
        let admits = |zone| schedule.admits(at.earliest, at.latest, zone);
        if !question.zone.is_some_and(admits) {
            failed.push(Reason::NotPermittedAtThisTime);
        }
    }
}

/// Row 13.
fn scope(question: &Question<'_>, held: &Held, failed: &mut Vec<Reason>) {
    let grant = &held.grant;
    let within = grant.actions.contains(&question.act)
        && grant.entry == *question.entry
        && grant.subject == *question.asker.subject
        && grant.tenant == *question.asker.tenant;
    if !within {
        failed.push(Reason::NotAuthorized);
    }
}

/// Row 14, the grant's part.
fn uses(question: &Question<'_>, held: &Held, failed: &mut Vec<Reason>) {
    if held.uses_left() == 0 {
        failed.push(Reason::UsesExhausted);
    }
    if let (Some(last), Some(at)) = (held.last_use, question.time()) {
        let interval = SignedDuration::from_secs(held.grant.min_interval_s.into());
        if !interval.is_zero() && at.earliest.duration_since(last) < interval {
            failed.push(Reason::TooSoon);
        }
    }
}

/// Row 14, the door's part. A stop is asked for because something moves.
fn traffic(question: &Question<'_>, failed: &mut Vec<Reason>) {
    let moving = matches!(question.position.value, Position::Opening | Position::Closing)
        && question.position.quality != FactQuality::Unknown;
    if question.act != Act::Stop && (moving || question.traffic.command_in_flight) {
        failed.push(Reason::EntryBusy);
    }
    if question.traffic.passback {
        failed.push(Reason::Passback);
    }
}

/// Row 15.
fn modes(question: &Question<'_>, failed: &mut Vec<Reason>) {
    failed.extend(question.modes.iter().filter_map(|mode| match mode {
        Mode::LockedDown => (!secures(question.act)).then_some(Reason::Lockdown),
        Mode::Privacy => (!secures(question.act)).then_some(Reason::PrivacyMode),
        Mode::Blocked | Mode::Unknown => Some(Reason::Blocked),
        Mode::Fire => Some(Reason::FireActive),
    }));
}

/// Row 16.
fn endpoints(question: &Question<'_>, failed: &mut Vec<Reason>) {
    let acting = acting(question.act);
    for role in needed(question.act, question.physical.toggle) {
        let Some(state) = question.roles.get(&role) else {
            // Of the others, row 17 says what is missing.
            if role == acting {
                failed.push(Reason::EndpointOffline);
            }
            continue;
        };
        match state.reach {
            Reach::Online if role == acting && !state.fresh => {
                failed.push(Reason::EndpointOffline);
            }
            Reach::Online => {}
            Reach::Offline => failed.push(Reason::EndpointOffline),
            Reach::VendorUnavailable => failed.push(Reason::VendorUnavailable),
        }
        if role == acting && state.battery == Battery::Low {
            failed.push(Reason::LowBattery);
        }
    }
}

/// Row 17.
fn physical(question: &Question<'_>, failed: &mut Vec<Reason>) {
    let online =
        |role: Role| question.roles.get(&role).filter(|state| state.reach == Reach::Online);
    let fresh = |role: Role| online(role).is_some_and(|state| state.fresh);
    if question.physical.toggle && moves(question.act) {
        let known = question.position.quality == FactQuality::Observed
            && !matches!(question.position.value, Position::Unknown | Position::Fault);
        if !known || !fresh(Role::Position) {
            failed.push(Reason::StateUnknown);
        }
    }
    if question.act == Act::Close {
        if question.physical.way != Way::Clear || !fresh(Role::Obstruction) {
            failed.push(Reason::Obstructed);
        }
        if online(Role::Warning).is_none() {
            failed.push(Reason::WarningUnavailable);
        }
        if !question.physical.unattended_close {
            failed.push(Reason::UnattendedCloseNotEnabled);
        }
    }
}
