//! What stands at the place that a rule points at, and tables of such values.
//!
//! Values are compared by type, not by their text: the number 1 is not the string "1", and 255.0
//! is the number 255 while "255.0" is a string. A key of a table is written as in JSON; what is no
//! number, boolean or quoted string stands for itself as a string.

use std::collections::BTreeMap;

use serde_json::Value;

use super::source::Payload;
use crate::payload::type_of;
use crate::text::masked;

/// Most values of one table.
pub(super) const MAX_VALUES: usize = 64;

/// The longest string that a table can hold, in bytes: no longer one is looked up.
pub(super) const MAX_STRING: usize = 128;

/// How much of an unmapped value an anomaly repeats, in bytes.
const MAX_SHOWN: usize = 48;

/// A scalar.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scalar {
    Text(String),
    Bool(bool),
    Whole(i64),
}

/// What a rule reads.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reading {
    Scalar(Scalar),
    /// A number with a fraction, or beyond what is exact.
    Fraction(f64),
    /// Nothing that a table can hold, as it is called in an anomaly.
    Other(String),
}

impl Reading {
    /// A value out of JSON.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::String(text) => Self::text(text),
            Value::Bool(flag) => Self::Scalar(Scalar::Bool(*flag)),
            Value::Number(number) => match number.as_i64() {
                Some(number) => Self::Scalar(Scalar::Whole(number)),
                None => Self::number(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::Null | Value::Array(_) | Value::Object(_) => {
                Self::Other(format!("{} that no table holds", type_of(value)))
            }
        }
    }

    /// A number: 255.0 is the whole number 255.
    pub fn number(number: f64) -> Self {
        match whole(number) {
            Some(whole) => Self::Scalar(Scalar::Whole(whole)),
            None if number.is_finite() => Self::Fraction(number),
            None => Self::Other("a number that is none".to_owned()),
        }
    }

    /// The number that this is, whole or not.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "who asks takes small numbers")]
            Self::Scalar(Scalar::Whole(number)) => Some(*number as f64),
            Self::Fraction(number) => Some(*number),
            _ => None,
        }
    }

    /// A word.
    pub fn text(text: &str) -> Self {
        if text.len() > MAX_STRING {
            return Self::Other(format!("a text longer than {MAX_STRING} bytes"));
        }
        Self::Scalar(Scalar::Text(text.to_owned()))
    }

    /// For an anomaly: without what may be a code.
    pub fn shown(&self) -> String {
        match self {
            Self::Scalar(Scalar::Text(text)) => {
                format!("unmapped word '{}'", masked(text, MAX_SHOWN))
            }
            Self::Scalar(Scalar::Bool(flag)) => format!("unmapped boolean {flag}"),
            Self::Scalar(Scalar::Whole(number)) => {
                format!("unmapped number {}", masked(&number.to_string(), MAX_SHOWN))
            }
            Self::Fraction(_) => "a number with a fraction".to_owned(),
            Self::Other(other) => other.clone(),
        }
    }
}

/// The whole number that this is, if it is one and so small that nothing was rounded away.
pub(super) fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole, and within 2^53")]
    let as_whole = number as i64;
    (number.is_finite() && number.fract() == 0.0 && number.abs() <= EXACT).then_some(as_whole)
}

/// A table from values to their meaning.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Table<T> {
    entries: BTreeMap<Scalar, T>,
}

impl<T> Table<T> {
    /// The meaning of exactly this value.
    pub fn look_up(&self, reading: &Reading) -> Option<&T> {
        match reading {
            Reading::Scalar(scalar) => self.entries.get(scalar),
            Reading::Fraction(_) | Reading::Other(_) => None,
        }
    }

    /// Its meanings.
    pub fn meanings(&self) -> impl Iterator<Item = &T> {
        self.entries.values()
    }

    /// Builds a table out of keys as they stand in the profile. `Err`: the key and what is wrong.
    pub fn build(
        keys: impl IntoIterator<Item = (String, T)>,
        payload: Payload,
    ) -> Result<Self, (String, String)> {
        let mut entries = BTreeMap::new();
        for (key, meaning) in keys {
            let scalar = scalar(&key, payload).map_err(|wrong| (key.clone(), wrong))?;
            if entries.len() == MAX_VALUES {
                return Err((key, format!("more than {MAX_VALUES} values")));
            }
            if entries.insert(scalar, meaning).is_some() {
                return Err((key, "the same value as another key".to_owned()));
            }
        }
        Ok(Self { entries })
    }
}

/// The value that a key stands for.
fn scalar(key: &str, payload: Payload) -> Result<Scalar, String> {
    let reading = match payload {
        Payload::Text => Reading::text(key),
        Payload::Json => match serde_json::from_str::<Value>(key) {
            Ok(Value::Null) => return Err("null is no value: it counts as absent".to_owned()),
            Ok(value) => Reading::of(&value),
            Err(_) => Reading::text(key),
        },
    };
    match reading {
        Reading::Scalar(Scalar::Text(text)) if text.is_empty() => {
            Err("an empty text has no meaning".to_owned())
        }
        Reading::Scalar(scalar) => Ok(scalar),
        other => Err(format!("{}: use a word, a whole number or a boolean", other.shown())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn table(keys: &[&str], payload: Payload) -> Table<usize> {
        let keys = keys.iter().enumerate().map(|(n, key)| ((*key).to_owned(), n));
        Table::build(keys, payload).unwrap()
    }

    #[test]
    fn json_is_compared_by_type() {
        let table = table(&["LOCK", "255", "\"255\"", "true", "255.0x"], Payload::Json);
        for (value, index) in [
            (json!("LOCK"), Some(0)),
            (json!(255), Some(1)),
            (json!(255.0), Some(1)),
            (json!("255"), Some(2)),
            (json!("255.0"), None),
            (json!(true), Some(3)),
            (json!("true"), None),
            (json!("True"), None),
            (json!(1), None),
            (json!(255.5), None),
            (json!(1e300), None),
            (json!(null), None),
            (json!([255]), None),
            (json!({"a": 255}), None),
            (json!("lock"), None),
            (json!(""), None),
        ] {
            assert_eq!(table.look_up(&Reading::of(&value)), index.as_ref(), "{value}");
        }
    }

    #[test]
    fn text_is_compared_as_it_stands() {
        let table = table(&["255", "true", "ON"], Payload::Text);
        for (text, index) in
            [("255", Some(0)), ("255.0", None), ("true", Some(1)), ("on", None), (" ON", None)]
        {
            assert_eq!(table.look_up(&Reading::text(text)), index.as_ref(), "{text}");
        }
    }

    #[test]
    fn keys_that_are_no_value() {
        for key in ["null", "", "\"\"", "0.5", "[1]", "{}", "1e300"] {
            assert!(Table::build([(key.to_owned(), 0)], Payload::Json).is_err(), "{key}");
        }
        let twice = ["255".to_owned(), "255.0".to_owned()].map(|key| (key, 0));
        assert!(Table::build(twice, Payload::Json).is_err());
        let many = (0..=MAX_VALUES).map(|n| (format!("w{n}"), n));
        assert!(Table::build(many, Payload::Json).is_err());
    }

    #[test]
    fn what_is_no_number() {
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.5, 1e17] {
            assert_eq!(whole(number), None);
        }
        assert_eq!(whole(-0.0), Some(0));
        assert_eq!(whole(255.0), Some(255));
    }

    #[test]
    fn anomalies_mask_what_may_be_a_code() {
        assert_eq!(Reading::of(&json!("pin 4711")).shown(), "unmapped word 'pin ###'");
        assert_eq!(Reading::of(&json!(4711)).shown(), "unmapped number ###");
        assert_eq!(Reading::of(&json!([1])).shown(), "an array that no table holds");
    }
}
