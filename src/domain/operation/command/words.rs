//! The words of a command's life: those of the event schemas (`core/access.json`).

use std::fmt;

use serde::{Deserialize, Serialize};

/// How far a command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandState {
    /// Decided and durable. Nothing has left.
    Accepted,
    /// Durable as handed over: from here on it may have reached the device.
    Dispatched,
    /// The vendor's side said "received".
    Acknowledged,
    /// An observation newer than the dispatch shows that it was done.
    Confirmed,
    /// The device or the vendor's side refused it.
    Rejected,
    /// No observation confirmed it in time.
    TimedOut,
    /// Its deadline passed before it was dispatched.
    Expired,
    /// Ended before dispatch for another reason.
    Cancelled,
    /// Nobody knows whether the device received it.
    Indeterminate,
    /// Acknowledged, and no sensor could confirm it.
    ConfirmedAssumed,
}

impl CommandState {
    /// Every state.
    pub const ALL: [Self; 10] = [
        Self::Accepted,
        Self::Dispatched,
        Self::Acknowledged,
        Self::Confirmed,
        Self::Rejected,
        Self::TimedOut,
        Self::Expired,
        Self::Cancelled,
        Self::Indeterminate,
        Self::ConfirmedAssumed,
    ];

    /// The word as it stands in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Dispatched => "dispatched",
            Self::Acknowledged => "acknowledged",
            Self::Confirmed => "confirmed",
            Self::Rejected => "rejected",
            Self::TimedOut => "timed_out",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Indeterminate => "indeterminate",
            Self::ConfirmedAssumed => "confirmed_assumed",
        }
    }

    /// Whether it is an end. No state follows one.
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Accepted | Self::Dispatched | Self::Acknowledged)
    }

    /// Whether `next` may follow.
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Accepted => {
                matches!(next, Self::Dispatched | Self::Rejected | Self::Expired | Self::Cancelled)
            }
            Self::Dispatched => {
                matches!(next, Self::Acknowledged) || Self::ends_a_dispatched_one(next)
            }
            Self::Acknowledged => {
                matches!(next, Self::ConfirmedAssumed) || Self::ends_a_dispatched_one(next)
            }
            _ => false,
        }
    }

    const fn ends_a_dispatched_one(next: Self) -> bool {
        matches!(next, Self::Confirmed | Self::Rejected | Self::TimedOut | Self::Indeterminate)
    }
}

impl fmt::Display for CommandState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a command ended otherwise than confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandReason {
    /// The device said no.
    RefusedByDevice,
    /// The vendor's side did not send it: no safe form, or its own check failed.
    RefusedByVendor,
    EndpointOffline,
    VendorUnavailable,
    /// The connection went between sending and the word that it was received.
    ConnectionLost,
    GatewayRestarted,
    NotConfirmedInTime,
    /// The deadline was over before it left.
    TooLate,
    /// Another command takes its place.
    Superseded,
    Obstructed,
    ModeChanged,
    /// No sensor could confirm it.
    NoSensor,
    Unknown,
}

impl CommandReason {
    /// Every reason.
    pub const ALL: [Self; 13] = [
        Self::RefusedByDevice,
        Self::RefusedByVendor,
        Self::EndpointOffline,
        Self::VendorUnavailable,
        Self::ConnectionLost,
        Self::GatewayRestarted,
        Self::NotConfirmedInTime,
        Self::TooLate,
        Self::Superseded,
        Self::Obstructed,
        Self::ModeChanged,
        Self::NoSensor,
        Self::Unknown,
    ];

    /// The word as it stands in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RefusedByDevice => "refused_by_device",
            Self::RefusedByVendor => "refused_by_vendor",
            Self::EndpointOffline => "endpoint_offline",
            Self::VendorUnavailable => "vendor_unavailable",
            Self::ConnectionLost => "connection_lost",
            Self::GatewayRestarted => "gateway_restarted",
            Self::NotConfirmedInTime => "not_confirmed_in_time",
            Self::TooLate => "too_late",
            Self::Superseded => "superseded",
            Self::Obstructed => "obstructed",
            Self::ModeChanged => "mode_changed",
            Self::NoSensor => "no_sensor",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for CommandReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a use is given back (`core/access.json`, `UseRestoredReason`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UseRestored {
    /// Nothing left the gateway.
    EndedBeforeDispatch,
    /// The device refused it, and nothing moved.
    RefusedByDevice,
    /// It timed out, and fresh observations show lock and door as they were.
    TimedOutUnchanged,
}

impl UseRestored {
    /// Every reason.
    pub const ALL: [Self; 3] =
        [Self::EndedBeforeDispatch, Self::RefusedByDevice, Self::TimedOutUnchanged];

    /// The word as it stands in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EndedBeforeDispatch => "ended_before_dispatch",
            Self::RefusedByDevice => "refused_by_device",
            Self::TimedOutUnchanged => "timed_out_unchanged",
        }
    }
}
