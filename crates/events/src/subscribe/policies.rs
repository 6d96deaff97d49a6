//! What becomes of events that a handler cannot simply be given.
//!
//! Every choice is a member of [`Policies`]; there is no default.

/// What becomes of a type that has no handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// Acknowledged and forgotten.
    Ignore,
    /// Put aside among the dead letters.
    DeadLetter,
    /// Left in the queue, until another build reads it or the queue gives it up.
    Again,
}

/// What becomes of an event whose writer had a newer, compatible schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Newer {
    /// Handed to the handler: unknown members are skipped, unknown words kept as `Other`.
    Accept,
    /// Put aside among the dead letters.
    DeadLetter,
    /// Left in the queue, until another build reads it or the queue gives it up.
    Again,
}

/// What becomes of an event that must not be handed to a handler of this build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aside {
    /// Put aside among the dead letters.
    DeadLetter,
    /// Left in the queue, until another build reads it or the queue gives it up.
    Again,
}

/// What becomes of an event that is older than one already seen for its entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Older {
    /// The handler gets it and is told by [`Context::order`](super::Context::order).
    Tell,
    /// Acknowledged without a handler: for those who keep the latest state only. An event that
    /// waited for another attempt is skipped too once a newer one was seen.
    Skip,
}

/// Whether the account of a delivery must be one of its publisher's. The bus writes it, the rest
/// the publisher: only the account tells a publisher from whoever calls itself so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accounts {
    /// A delivery from another account than its publisher's is a dead letter.
    ///
    /// With [`Builder::platform_accounts`](super::Builder::platform_accounts), which production
    /// needs, this holds for every registered publisher: one that `schemas/publishers.json` lists
    /// no accounts for, as gateways, publishes from the platform's, and a delivery without an
    /// account is a dead letter too.
    ///
    /// **Without it there is a gap**: publishers without listed accounts pass from any account,
    /// and so does every delivery without one. Whoever may put events on the bus can then call
    /// itself a gateway. That is for emulators, which know no accounts.
    Check,
    /// Not compared: where buses forward across accounts.
    Trust,
}

/// What becomes of events that are marked as a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tests {
    /// Handled as any other: in a test environment.
    Handle,
    /// Acknowledged without a handler.
    Skip,
}

/// What becomes of events that a handler cannot simply be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policies {
    /// A type that this build does not know.
    pub unknown_type: Unread,
    /// A known type without a handler. A `gateway.heartbeat` that only the gap tracker reads
    /// counts as handled.
    pub unhandled_type: Unread,
    /// The writer's schema has this build's major version and a newer minor one.
    pub newer_minor: Newer,
    /// The writer's schema has another major version, newer or older: its meaning may be another.
    pub other_major: Aside,
    /// The publisher is not in this build's `schemas/publishers.json`, or not for this type.
    pub unregistered: Aside,
    /// The account of the delivery. [`Accounts::Check`] is whole only with
    /// [`Builder::platform_accounts`](super::Builder::platform_accounts).
    pub accounts: Accounts,
    /// Older than one already seen for its entry.
    pub older_than_seen: Older,
    /// Events with `test: true`.
    pub tests: Tests,
}

impl Policies {
    /// Nothing passes unseen: what this build does not fully know is a dead letter, accounts are
    /// compared (see [`Accounts::Check`] for what that needs), tests are skipped. For whoever acts
    /// on events, and for a queue whose rule names its types.
    pub const fn strict() -> Self {
        Self {
            unknown_type: Unread::DeadLetter,
            unhandled_type: Unread::DeadLetter,
            newer_minor: Newer::DeadLetter,
            other_major: Aside::DeadLetter,
            unregistered: Aside::DeadLetter,
            accounts: Accounts::Check,
            older_than_seen: Older::Tell,
            tests: Tests::Skip,
        }
    }

    /// Publishers may go ahead: unknown and unhandled types are ignored, newer minor versions
    /// read, accounts not compared. Another major version and an unregistered publisher stay
    /// dead letters, and tests are skipped. For whoever only reads, and for broad rules.
    pub const fn tolerant() -> Self {
        Self {
            unknown_type: Unread::Ignore,
            unhandled_type: Unread::Ignore,
            newer_minor: Newer::Accept,
            other_major: Aside::DeadLetter,
            unregistered: Aside::DeadLetter,
            accounts: Accounts::Trust,
            older_than_seen: Older::Tell,
            tests: Tests::Skip,
        }
    }
}
