//! The desk: orders come as lines of JSON on the standard input.

use serde::{Deserialize, Serialize};

/// One line of the standard input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub enum Order {
    /// A delivery is planned: its courier gets a grant.
    Schedule {
        /// Letters, digits, `.`, `-`, `_`; at most 64.
        delivery_id: String,
        /// Whose building.
        tenant_id: String,
        /// The gateway that moves the door.
        gateway: String,
        /// The entry.
        entry_id: String,
        /// The courier's pseudonym.
        subject_ref: String,
        /// How many parcels; 1 unless told.
        #[serde(default = "one")]
        parcels: u8,
        /// For how many minutes from now: 1 to 1,439; 60 unless told.
        #[serde(default = "an_hour")]
        minutes: u16,
    },
    /// The courier stands at the door and wants it open now.
    Open {
        /// Which delivery.
        delivery_id: String,
    },
    /// The delivery is called off.
    Cancel {
        /// Which delivery.
        delivery_id: String,
    },
}

fn one() -> u8 {
    1
}

fn an_hour() -> u16 {
    60
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_line_is_an_order_and_a_misspelt_one_is_refused() {
        let line = r#"{"do": "open", "delivery_id": "d-1"}"#;
        let order: Order = serde_json::from_str(line).unwrap();
        assert_eq!(order, Order::Open { delivery_id: "d-1".to_owned() });
        for wrong in [
            r#"{"do": "open", "delivery": "d-1"}"#,
            r#"{"do": "open", "delivery_id": "d-1", "force": true}"#,
            r#"{"do": "break", "delivery_id": "d-1"}"#,
        ] {
            assert!(serde_json::from_str::<Order>(wrong).is_err(), "{wrong}");
        }
    }
}
