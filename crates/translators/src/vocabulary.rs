//! The closed vocabulary that translators speak: ONVIF, Matter Door Lock and OSDP terms, merged.
//!
//! The event schemas hold the same words as open enumerations; a test of the gateway checks
//! that every word here is one of theirs.

use serde::{Deserialize, Serialize};

macro_rules! vocabulary {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $(#[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every word, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word as it stands in events and configuration.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

vocabulary! {
    /// Where the bolt is (Matter Door Lock `LockState`, with OSDP's jam).
    LockState {
        Locked = "locked", Locking = "locking", Unlocked = "unlocked", Unlocking = "unlocking",
        Unlatched = "unlatched", NotFullyLocked = "not_fully_locked", Jammed = "jammed",
        Unknown = "unknown", Fault = "fault",
    }
}
vocabulary! {
    /// Where the leaf is (Matter Closure Control, ONVIF door physical state).
    Position {
        Closed = "closed", Opening = "opening", Open = "open", Closing = "closing",
        StoppedPartial = "stopped_partial", Unknown = "unknown", Fault = "fault",
    }
}
vocabulary! {
    /// By what means a lock or opener was operated.
    OperationSource {
        ManualInside = "manual_inside", MechanicalKey = "mechanical_key", WallButton = "wall_button",
        RequestToExit = "request_to_exit", Keypad = "keypad", Card = "card", MobileBle = "mobile_ble",
        MobileNfc = "mobile_nfc", Biometric = "biometric", ProprietaryRemote = "proprietary_remote",
        GatewayCommand = "gateway_command", Schedule = "schedule", AutoRelock = "auto_relock",
        AutoClose = "auto_close", FireInput = "fire_input", Unknown = "unknown",
    }
}
vocabulary! {
    /// What was done, or tried, at the device.
    OperationKind { Lock = "lock", Unlock = "unlock", Unknown = "unknown" }
}
vocabulary! {
    /// What kind of credential a device reports as changed.
    CredentialKind { MasterCode = "master_code", Pin = "pin", Card = "card", Unknown = "unknown" }
}
vocabulary! {
    /// Alarms of a door. A device itself reports the first three at most; the others the gateway
    /// infers.
    AlarmKind {
        ForcedOpen = "forced_open", Obstruction = "obstruction", Tamper = "tamper",
        HeldOpenWarning = "held_open_warning", HeldOpen = "held_open",
        FailedToClose = "failed_to_close", FailedToSecure = "failed_to_secure",
        UnexpectedMotion = "unexpected_motion", CommsLostWhileOpen = "comms_lost_while_open",
    }
}
vocabulary! {
    /// What an endpoint can report or do, as its ecosystem's inventory states it.
    Capability {
        Lock = "lock", Position = "position", Battery = "battery", Operation = "operation",
        Actuator = "actuator", Obstruction = "obstruction", Tamper = "tamper",
    }
}
vocabulary! {
    /// What a device can be told to do.
    Act { Open = "open", Close = "close", Stop = "stop", Lock = "lock", Unlock = "unlock" }
}
