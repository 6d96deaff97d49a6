//! Who may open a door, decided at the door: grants, what has become of them, what time it is,
//! who tries too often, and the decision itself.
//!
//! Values only. Wall time comes as an interval ([`clock::Reading`]), monotonic time as the time
//! since the start of the process, nonces and ids as what they are. Monotonic time must go on
//! while the machine sleeps. Whatever is in doubt is refused, with a reason.

pub mod challenge;
pub mod clock;
pub mod decision;
pub mod grant;
pub mod ledger;
pub mod lockout;
pub mod names;
pub mod reason;
pub mod schedule;
pub mod strangers;

pub use challenge::{CHALLENGE_LIFE, Challenges, Nonce};
pub use clock::{Attestation, Clock, Floor, Interval, Reading, Sample, Source, Trust};
pub use decision::{
    Asker, Attempts, Battery, Challenged, Credential, Deadline, Decision, Mode, Physical, Prior,
    Proof, Question, Reach, RoleState, Served, Traffic, Way, acting, decide,
};
pub use grant::{Grant, GrantKey};
pub use ledger::{Asked, Changes, Installed, Key, Ledger, Outcome, Record, RequestKey, Revocation};
pub use names::{BodyDigest, IssuerName, SubjectRef, TenantId};
pub use reason::{GrantRemoved, Reason};
