//! What a run was like.

/// What a run saw, so that a test can tell that it saw something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    pub steps: u64,
    pub events: u64,
    pub delivered: u64,
    /// Events given up for room.
    pub shed: u64,
    pub full: u64,
    pub openings: u64,
    pub erased: u64,
    /// Commits that failed because the disk did.
    pub failed: u64,
    pub salvaged: u64,
    /// Ranges of digests that were closed.
    pub closed: u64,
}

impl Figures {
    pub fn add(&mut self, other: Self) {
        self.steps += other.steps;
        self.events += other.events;
        self.delivered += other.delivered;
        self.shed += other.shed;
        self.full += other.full;
        self.openings += other.openings;
        self.erased += other.erased;
        self.failed += other.failed;
        self.salvaged += other.salvaged;
        self.closed += other.closed;
    }
}
