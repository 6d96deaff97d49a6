//! Messages to devices: which forms of them are safe.

use std::collections::BTreeSet;

use serde_json::Value;

use super::pattern::{Template, Variables, is_topic};
use crate::translator::Publication;

/// Words of acts whose outcome depends on the state before. A payload or topic with one of them in
/// it, in any case, is refused.
const TOGGLING: &[&str] = &["toggle", "click", "button", "trigger", "pulse", "press", "flip"];

/// The longest payload of ours, in bytes.
const MAX_SENT: usize = 1024;

/// A message to a device, before its endpoint is known.
#[derive(Debug, Clone)]
pub(super) struct Form {
    topic: Template,
    payload: Template,
}

impl Form {
    /// Reads it. `Err`: which of its keys, and what is wrong.
    pub fn parse(
        topic: &str,
        payload: &str,
        known: &BTreeSet<String>,
    ) -> Result<Self, (&'static str, String)> {
        let form = Self {
            topic: Template::parse(topic, known).map_err(|wrong| ("topic", wrong))?,
            payload: Template::parse(payload, known).map_err(|wrong| ("payload", wrong))?,
        };
        if payload.is_empty() {
            return Err(("payload", "an empty payload is a question, or an act".to_owned()));
        }
        // What a variable puts in is the device's name; what the profile says is here.
        for fixed in form.topic.fixed() {
            if let Some(word) = toggling(fixed) {
                return Err(("topic", format!("{word:?} in it: its outcome is not sure")));
            }
        }
        if let Some(word) = toggling(payload) {
            return Err(("payload", format!("{word:?} in it: its outcome is not sure")));
        }
        Ok(form)
    }

    /// Where it goes.
    pub fn topic(&self) -> &Template {
        &self.topic
    }

    /// The message for one endpoint. `Err` says why it cannot be sent.
    pub fn publication(&self, variables: &Variables) -> Result<Publication, String> {
        let topic = self.topic.fill(variables);
        is_topic(&topic).map_err(|wrong| format!("its topic {wrong}"))?;
        let is_json = self.payload.fixed().next().is_some_and(|text| text.starts_with(['{', '[']));
        // In JSON a variable stays inside of the string that it stands in.
        let payload = self.payload.fill_with(variables, |text| {
            let quoted = Value::String(text.to_owned()).to_string();
            let inner = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
            inner.filter(|_| is_json).unwrap_or(text).to_owned()
        });
        if payload.len() > MAX_SENT {
            return Err(format!("its payload is longer than {MAX_SENT} bytes"));
        }
        if toggling(&payload).is_some() {
            return Err("its payload holds a word of a toggle with this address".to_owned());
        }
        if is_json {
            let value: Value = serde_json::from_str(&payload)
                .map_err(|_| "its payload is no JSON with this address".to_owned())?;
            if strings(&value).iter().any(|text| toggling(text).is_some()) {
                return Err("its payload hides a word of a toggle".to_owned());
            }
        }
        Ok(Publication { topic, payload: payload.into_bytes() })
    }
}

/// The word in it that makes its outcome unsure.
pub(super) fn toggling(text: &str) -> Option<&'static str> {
    let lower = text.to_lowercase();
    TOGGLING.iter().find(|word| lower.contains(*word)).copied()
}

/// Every name and string in it: an escape in JSON hides no word.
fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| std::iter::once(name.as_str()).chain(strings(value)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(topic: &str, payload: &str) -> Result<Publication, String> {
        let variables = Variables::from([("d".to_owned(), "x\"y".to_owned())]);
        let known = variables.keys().cloned().collect();
        Form::parse(topic, payload, &known)
            .map_err(|(key, wrong)| format!("{key}: {wrong}"))?
            .publication(&variables)
    }

    #[test]
    fn what_is_never_sent() {
        for (topic, payload) in [
            ("a", ""),
            ("a", "TOGGLE"),
            ("a", "togglelight"),
            ("a", "Click"),
            ("a", r#"{"method":"Cover.Toggle"}"#),
            ("a", "{\"trigger\":true}"),
            ("a", "{\"\\u0074rigger\":true}"),
            ("a", "[{\"a\":[\"PULSE\"]}]"),
            ("a/Button/b", "ON"),
            ("a/#", "ON"),
            ("a/+", "ON"),
            ("", "ON"),
            ("a/", "ON"),
            ("$a", "ON"),
            ("a", r#"{"id":{d}}"#),
            ("a", r#"{"id":{}"#),
            ("a", "{e}"),
        ] {
            assert!(form(topic, payload).is_err(), "{topic} {payload}");
        }
        let sent = form("a", r#"{"id":"{d}"}"#).unwrap();
        assert_eq!(sent.payload, br#"{"id":"x\"y"}"#);
        let sent = form("a/{d}", r#"{"on":true}"#).unwrap();
        assert_eq!(
            (sent.topic.as_str(), sent.payload.as_slice()),
            ("a/x\"y", &b"{\"on\":true}"[..])
        );
    }
}
