//! What an event is worth when there is no room for all.

use doorward_events::EventType;

/// The classes, in the order in which they go when the journal is full: the last one never goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// What strangers can cause at will: refusals and quarantine. It has a small quota of its
    /// own, so that it pushes out nothing else.
    Refusal,
    /// Batteries, reachability, heartbeats: the next one says it again.
    Telemetry,
    /// How a door is: the next report says it again, the history of it is lost.
    State,
    /// Who came and went, alarms, grants, and what the gateway says about its own record.
    Access,
}

impl Class {
    pub const ALL: [Self; 4] = [Self::Refusal, Self::Telemetry, Self::State, Self::Access];
    /// One class of each table, in the order in which history goes.
    pub(super) const TABLES: [Self; 3] = [Self::Telemetry, Self::State, Self::Access];

    /// The class of a type. A type that no line here names is worth keeping.
    pub fn of(kind: EventType) -> Self {
        match kind.as_str() {
            "access.denied"
            | "event.quarantined"
            | "grant.rejected"
            | "endpoint.flooding"
            | "security.authentication_failed"
            | "security.retained_command_found" => Self::Refusal,
            "endpoint.battery_changed"
            | "endpoint.discovered"
            | "endpoint.offline"
            | "endpoint.online"
            | "gateway.heartbeat"
            | "publisher.handshake_sent" => Self::Telemetry,
            "entry.position_changed" | "entry.lock_changed" | "entry.state_reported" => Self::State,
            _ => Self::Access,
        }
    }

    /// The word in figures and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refusal => "refusal",
            Self::Telemetry => "telemetry",
            Self::State => "state",
            Self::Access => "access",
        }
    }

    /// The table of the events of this class.
    pub(super) fn table(self) -> &'static str {
        match self {
            Self::Refusal | Self::Telemetry => "telemetry",
            Self::State => "state",
            Self::Access => "access",
        }
    }

    fn index(self) -> usize {
        match self {
            Self::Refusal => 0,
            Self::Telemetry => 1,
            Self::State => 2,
            Self::Access => 3,
        }
    }
}

/// Whether an event of this type leaves a digest that a checkpoint covers: every access, every
/// decision, and what the gateway says about its own record. Doors' states, telemetry and what
/// strangers can cause without a decision leave none. A type of which there are events never
/// changes sides: those of before would count as events whose digests were taken away.
pub fn is_audited(kind: EventType) -> bool {
    match Class::of(kind) {
        Class::Access => true,
        Class::Refusal => matches!(kind, EventType::AccessDenied | EventType::GrantRejected),
        Class::State | Class::Telemetry => false,
    }
}

/// A figure for each class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct PerClass([u64; 4]);

impl PerClass {
    pub fn get(&self, class: Class) -> u64 {
        self.0.get(class.index()).copied().unwrap_or_default()
    }

    pub fn add(&mut self, class: Class, amount: u64) {
        if let Some(figure) = self.0.get_mut(class.index()) {
            *figure = figure.saturating_add(amount);
        }
    }

    pub fn subtract(&mut self, class: Class, amount: u64) {
        if let Some(figure) = self.0.get_mut(class.index()) {
            *figure = figure.saturating_sub(amount);
        }
    }

    pub fn sum(&self) -> u64 {
        self.0.iter().sum()
    }
}
