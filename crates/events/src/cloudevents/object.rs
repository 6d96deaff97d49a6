//! Objects of JSON whose members keep their own text: what is only carried is not written anew, and
//! so no number of it changes its form.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// The members of an object in their order, each with its own text.
pub(super) type Members<'a> = Vec<(String, &'a str)>;

/// The members of the object that a text is; of those that stand twice the last, as everywhere.
/// `None`: no object.
pub(super) fn members(text: &str) -> Option<Members<'_>> {
    serde_json::from_str::<Raw<'_>>(text).ok().map(|Raw(members)| members)
}

/// The text that a JSON string is.
pub(super) fn text_of(raw: &str) -> Option<String> {
    serde_json::from_str(raw).ok()
}

/// A text as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

struct Raw<'a>(Members<'a>);

impl<'de> Deserialize<'de> for Raw<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Collect).map(Self)
    }
}

struct Collect;

impl<'de> Visitor<'de> for Collect {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::new();
        let mut places = HashMap::new();
        while let Some((name, raw)) = from.next_entry::<String, &'de RawValue>()? {
            let place = *places.entry(name.clone()).or_insert(members.len());
            match members.get_mut(place) {
                Some((_, text)) => *text = raw.get(),
                None => members.push((name, raw.get())),
            }
        }
        Ok(members)
    }
}

/// An object that is being written.
#[derive(Default)]
pub(super) struct Object(String);

impl Object {
    /// Adds a member.
    pub(super) fn push(&mut self, name: &str, raw: &str) {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(&quoted(name));
        self.0.push(':');
        self.0.push_str(raw);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its text.
    pub(super) fn close(self) -> String {
        format!("{{{}}}", self.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_text_and_their_order() {
        let text = r#" { "b" : 1.50 , "\u0061":[1, {"c":"\/"}],"b":{ } } "#;
        let expected = [("b", "{ }"), ("a", r#"[1, {"c":"\/"}]"#)];
        let found = members(text).unwrap();
        assert_eq!(found, expected.map(|(name, raw)| (name.to_owned(), raw)));
        for none in ["", "[]", "5", r#"{"a"}"#, "{} {}"] {
            assert_eq!(members(none), None, "{none}");
        }
    }

    #[test]
    fn an_object_is_written_with_its_commas() {
        let mut object = Object::default();
        assert!(object.is_empty());
        object.push("a\"", "1.50");
        object.push("b", "[]");
        assert_eq!(object.close(), r#"{"a\"":1.50,"b":[]}"#);
        assert_eq!(Object::default().close(), "{}");
    }
}
