//! Why access is denied: the words of the checks, in the order of the checks.

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$doc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every word, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word as it stands in events.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The word's meaning here, if it is one of these.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == word)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// Why access was denied or a grant refused. Ordered as the checks are: the least of several
    /// is the one that is published (rows 1–18 of the access decision).
    Reason {
        /// Row 1: not what its schema says, or a copy that differs from what was signed.
        MalformedRequest = "malformed_request",
        /// Row 1: something in the signed part that this build does not know.
        UnsupportedRestriction = "unsupported_restriction",
        /// Row 2: nobody known sent it.
        UnauthenticatedSource = "unauthenticated_source",
        /// Row 2: the signature or its algorithm.
        InvalidSignature = "invalid_signature",
        /// Row 2: the key may not say this.
        IssuerNotAuthorized = "issuer_not_authorized",
        /// Row 2: said to somebody else.
        WrongAudience = "wrong_audience",
        /// Row 3: too late.
        RequestExpired = "request_expired",
        /// Row 4: a known id with another body.
        IdempotencyConflict = "idempotency_conflict",
        /// Row 5: locked out, or too fast.
        TooManyAttempts = "too_many_attempts",
        /// Row 6: no such entry here.
        UnknownEntry = "unknown_entry",
        /// Row 6: taken out of service by configuration.
        EntryDisabled = "entry_disabled",
        /// Row 7: no such grant or credential.
        CredentialNotFound = "credential_not_found",
        /// Row 7: issued against a ledger that is gone.
        LedgerLost = "ledger_lost",
        /// Row 8: the requester's proof.
        InvalidProof = "invalid_proof",
        /// Row 8: the PIN.
        InvalidPin = "invalid_pin",
        /// Row 9: ended before its time.
        Revoked = "revoked",
        /// Row 9: the policy is older than it may be.
        PolicyStale = "policy_stale",
        /// Row 10: nobody here knows what time it is.
        ClockUntrusted = "clock_untrusted",
        /// Row 11: before its time, or possibly so.
        NotYetActive = "not_yet_active",
        /// Row 11: after its time, or possibly so.
        Expired = "expired",
        /// Row 12: outside its week.
        NotPermittedAtThisTime = "not_permitted_at_this_time",
        /// Row 13: not this act, not this entry, or not this person.
        NotAuthorized = "not_authorized",
        /// Row 14: used up.
        UsesExhausted = "uses_exhausted",
        /// Row 14: too soon after the last use.
        TooSoon = "too_soon",
        /// Row 14: a command is in flight or the door moves.
        EntryBusy = "entry_busy",
        /// Row 14: in already, or out already.
        Passback = "passback",
        /// Row 15: locked down.
        Lockdown = "lockdown",
        /// Row 15: blocked, or its mode is not known.
        Blocked = "blocked",
        /// Row 15: somebody inside wants to be left alone.
        PrivacyMode = "privacy_mode",
        /// Row 15: the fire installation has the door.
        FireActive = "fire_active",
        /// Row 16: a device that is needed cannot be reached, or there is none.
        EndpointOffline = "endpoint_offline",
        /// Row 16: its vendor's process is isolated.
        VendorUnavailable = "vendor_unavailable",
        /// Row 16: the battery may not last through the act.
        LowBattery = "low_battery",
        /// Row 17: a toggle opener, and nobody knows where the door is.
        StateUnknown = "state_unknown",
        /// Row 17: no sensor says now that the way is clear.
        Obstructed = "obstructed",
        /// Row 17: nothing to warn with.
        WarningUnavailable = "warning_unavailable",
        /// Row 17: nobody has allowed it to close unattended.
        UnattendedCloseNotEnabled = "unattended_close_not_enabled",
        /// Row 18: it could not be made durable. Also whatever a full table refuses.
        StorageFailure = "storage_failure",
    }
}

words! {
    /// By what way somebody asked.
    Channel {
        /// A signed event.
        Request = "request",
        /// A code at a keypad.
        Keypad = "keypad",
        /// A card at a reader.
        Card = "card",
        /// A phone by Bluetooth.
        Ble = "ble",
        /// A phone by NFC.
        Nfc = "nfc",
        /// An act at the gateway itself.
        Console = "console",
    }
}

words! {
    /// Why a grant is no longer held.
    GrantRemoved {
        /// Its issuer ended it.
        Revoked = "revoked",
        /// Its time, or the time of the key that signed it, is over.
        Expired = "expired",
        /// Its last use can no longer come back.
        UsedUp = "used_up",
        /// It was issued against another journal than this.
        LedgerLost = "ledger_lost",
    }
}

impl Reason {
    /// The row of the access decision that it belongs to, 1 to 18.
    pub const fn row(self) -> u8 {
        match self {
            Self::MalformedRequest | Self::UnsupportedRestriction => 1,
            Self::UnauthenticatedSource
            | Self::InvalidSignature
            | Self::IssuerNotAuthorized
            | Self::WrongAudience => 2,
            Self::RequestExpired => 3,
            Self::IdempotencyConflict => 4,
            Self::TooManyAttempts => 5,
            Self::UnknownEntry | Self::EntryDisabled => 6,
            Self::CredentialNotFound | Self::LedgerLost => 7,
            Self::InvalidProof | Self::InvalidPin => 8,
            Self::Revoked | Self::PolicyStale => 9,
            Self::ClockUntrusted => 10,
            Self::NotYetActive | Self::Expired => 11,
            Self::NotPermittedAtThisTime => 12,
            Self::NotAuthorized => 13,
            Self::UsesExhausted | Self::TooSoon | Self::EntryBusy | Self::Passback => 14,
            Self::Lockdown | Self::Blocked | Self::PrivacyMode | Self::FireActive => 15,
            Self::EndpointOffline | Self::VendorUnavailable | Self::LowBattery => 16,
            Self::StateUnknown
            | Self::Obstructed
            | Self::WarningUnavailable
            | Self::UnattendedCloseNotEnabled => 17,
            Self::StorageFailure => 18,
        }
    }

    /// Whether nobody is known to have asked (rows 1 and 2): counted by channel, never stored by
    /// request.
    pub const fn is_unauthenticated(self) -> bool {
        self.row() <= 2
    }

    /// Whether it tells of somebody who tries what he has no right to; such failures lead to a
    /// lockout. A door that is offline or a clock that is lost are not the asker's doing.
    pub const fn is_guess(self) -> bool {
        matches!(
            self,
            Self::IdempotencyConflict
                | Self::CredentialNotFound
                | Self::InvalidProof
                | Self::InvalidPin
                | Self::NotAuthorized
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// The enumeration `name` of the access vocabulary that events are written with.
    fn published(name: &str) -> Vec<String> {
        let text = include_str!("../../../schemas/core/access.json");
        let schema: serde_json::Value = serde_json::from_str(text).unwrap();
        let words = schema["definitions"][name]["enum"].as_array().unwrap();
        words.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_words_are_those_of_the_schemas() {
        let own: Vec<_> = Reason::ALL.iter().map(|word| word.as_str()).collect();
        assert_eq!(own, published("AccessReason"));
        let own: Vec<_> = Channel::ALL.iter().map(|word| word.as_str()).collect();
        assert_eq!(own, published("AccessChannel"));
        let own: Vec<_> = GrantRemoved::ALL.iter().map(|word| word.as_str()).collect();
        assert_eq!(own, published("GrantRemovedReason"));
    }

    #[test]
    fn reasons_are_ordered_by_their_rows() {
        assert!(Reason::ALL.is_sorted());
        assert!(Reason::ALL.iter().map(|reason| reason.row()).is_sorted());
        let rows: std::collections::BTreeSet<_> =
            Reason::ALL.iter().map(|reason| reason.row()).collect();
        assert_eq!(rows, (1..=18).collect());
    }

    #[test]
    fn a_word_is_read_back() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_word(reason.as_str()), Some(*reason));
            let text = serde_json::to_string(reason).unwrap();
            assert_eq!(text, format!("\"{reason}\""));
        }
        assert_eq!(Reason::from_word("because"), None);
    }
}
