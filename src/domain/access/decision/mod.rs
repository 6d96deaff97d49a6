//! The access decision: a pure, total function of what the gateway has gathered. It goes through
//! all checks in their order; the first failure is the published reason, and all of them are for
//! the local log. Nobody who wants out is ever asked: a request to exit does not come here.
//!
//! Row 18, that the decision is durable before anything moves, is the caller's: what is granted
//! here is a command only after its commit.
//!
//! Which role, if nothing is known of it, refuses which act:
//!
//! | role | unlock, lock | open, stop | close |
//! |---|---|---|---|
//! | lock | refuses (16) | not needed | not needed |
//! | actuator | not needed | refuses (16) | refuses (16) |
//! | position | not needed | refuses at a toggle opener (17) | refuses at a toggle opener (17) |
//! | obstruction | not needed | not needed | refuses (17) |
//! | warning | not needed | not needed | refuses (17) |
//! | reader | not needed | not needed | not needed |
//!
//! Which mode refuses which act (15):
//!
//! | mode | unlock, open, stop | lock, close |
//! |---|---|---|
//! | locked down, privacy | refuses | admits |
//! | blocked, unknown, fire | refuses | refuses |

mod needs;
mod question;
mod rows;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use needs::acting;
pub use question::{
    Asker, Attempts, Battery, Challenged, Credential, Deadline, Mode, Physical, Prior, Proof,
    Question, Reach, RoleState, Served, Traffic, Way,
};

use super::clock::Interval;
use super::grant::GrantKey;
use super::ledger::Outcome;
use super::reason::Reason;

/// A request's longest life: older than this by the monotonic clock it is late, whatever it says.
pub const LONGEST_LIFE: Duration = Duration::from_secs(60);

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// No check failed. It takes a use; nothing moves before that is durable.
    Granted {
        /// The grant that it relies on.
        grant: GrantKey,
        /// When it is, as far as is known: what the ledger is told.
        at: Interval,
        /// What is left of the request's life; nothing may be sent after. More than zero.
        within: Duration,
    },
    /// At least one check failed.
    Denied {
        /// The first that did.
        reason: Reason,
        /// Each that did, in the order of the checks, for the local log.
        all: Vec<Reason>,
    },
    /// This very request was decided before, and this came of it. Nothing is to be done or told.
    Repeated(Outcome),
}

/// Decides. Where rows 1 and 2 failed, nothing else is looked at: strangers learn nothing.
///
/// A request that was decided before has its stored outcome also after its deadline: what was
/// granted in time is not told as refused because a message came twice.
pub fn decide(question: &Question<'_>) -> Decision {
    if let Err(reason) = question.authenticity {
        return Decision::Denied { reason, all: vec![reason] };
    }
    if let Prior::Same(outcome) = question.prior {
        return Decision::Repeated(outcome.clone());
    }
    let all = rows::failures(question);
    if let Some(reason) = all.first() {
        return Decision::Denied { reason: *reason, all };
    }
    match (question.credential, question.time(), question.left()) {
        (Credential::Held(held), Some(at), Some(within)) => {
            Decision::Granted { grant: held.grant.key(), at, within }
        }
        // The rows deny each of these; whatever escaped them is not granted.
        (Credential::Held(_), None, _) => refused(Reason::ClockUntrusted),
        (Credential::Held(_), _, None) => refused(Reason::RequestExpired),
        (Credential::NotTaken(why), ..) => refused(why),
        _ => refused(Reason::CredentialNotFound),
    }
}

fn refused(reason: Reason) -> Decision {
    Decision::Denied { reason, all: vec![reason] }
}
