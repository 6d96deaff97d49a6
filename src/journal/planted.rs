//! Faults that the proofs must find. They exist in builds with debug assertions only: the
//! durability harnesses plant one and must fail then.

/// A fault to plant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// Commits are not synced.
    SynchronousOff,
    /// A commit is reported before it is in the file.
    AcknowledgeBeforeCommit,
    /// Events are deleted as history before the bus has answered.
    DeleteBeforeAcceptance,
    /// A fresh start goes on under the id of the journal that was lost.
    IdReuse,
}

impl Bug {
    pub const ALL: [Self; 4] = [
        Self::SynchronousOff,
        Self::AcknowledgeBeforeCommit,
        Self::DeleteBeforeAcceptance,
        Self::IdReuse,
    ];

    /// The word for `DOORWARD_PLANTED_BUG`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SynchronousOff => "synchronous-off",
            Self::AcknowledgeBeforeCommit => "acknowledge-before-commit",
            Self::DeleteBeforeAcceptance => "delete-before-acceptance",
            Self::IdReuse => "id-reuse",
        }
    }

    /// What the environment asks for; never anything in a build without debug assertions.
    pub fn from_environment() -> Option<Self> {
        if !cfg!(debug_assertions) {
            return None;
        }
        let word = std::env::var("DOORWARD_PLANTED_BUG").ok()?;
        Self::ALL.into_iter().find(|bug| bug.as_str() == word)
    }
}

/// Whether `wanted` is the fault that was planted.
pub(super) fn is(planted: Option<Bug>, wanted: Bug) -> bool {
    cfg!(debug_assertions) && planted == Some(wanted)
}
