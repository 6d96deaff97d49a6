//! Names of things, as types of their own so that they cannot be mixed up.

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// From text that was checked where it came in.
            pub fn new(text: impl Into<std::sync::Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Shares the text.
            pub fn to_arc(&self) -> std::sync::Arc<str> {
                std::sync::Arc::clone(&self.0)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
pub(super) use id;

id! {
    /// A door, garage door or gate.
    EntryId
}
id! {
    /// A device by its own identity: `<vendor>:<identity>`, as `zigbee2mqtt:0x00124b0024c9d2a1`.
    EndpointId
}
id! {
    /// A vendor: the name of its configuration file without the ending.
    VendorId
}

impl EndpointId {
    /// The endpoint of `vendor` whose own identity is `identity`.
    pub fn of(vendor: &VendorId, identity: &str) -> Self {
        Self::new(format!("{vendor}:{identity}"))
    }

    /// The vendor's part, before the first colon.
    pub fn vendor(&self) -> &str {
        self.0.split_once(':').map_or(&*self.0, |(vendor, _)| vendor)
    }
}
