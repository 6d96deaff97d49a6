//! Takes secrets out of texts: by the names of keys, and by what values look like. In doubt it takes
//! out what is none.

use serde_json::Value;

/// What stands in the place of what was taken out.
pub(super) const GONE: &str = "[left out]";

/// A key whose name has one of these in it holds a secret.
const SECRET_NAMES: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "private",
    "pin",
    "passcode",
    "psk",
    "authorization",
    "cookie",
    "api_key",
    "apikey",
    "access_key",
    "accesskey",
];
/// Keys whose names look so and whose values are none: where a file is, how many, what kind.
const HARMLESS_NAMES: &[&str] = &["min_free_percent", "endpoint_id", "pinned"];
/// Long words with all sorts of characters are keys; these keys hold such words that are none.
const LONG_NAMES: &[&str] =
    &["port", "file", "what", "path", "detail", "message", "layers", "check"];
/// So long a word of hexadecimal digits is a key or a digest.
const HEX: usize = 32;
/// So long a word of letters in both cases and digits is a key.
const MIXED: usize = 24;

/// A text without what looks like a secret, line by line.
pub(super) fn text(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut inside = false;
    for line in text.lines() {
        if line.contains("-----BEGIN ") {
            inside = true;
            kept.push_str(GONE);
            kept.push('\n');
        }
        if !inside {
            kept.push_str(&assignment(line));
            kept.push('\n');
        }
        if line.contains("-----END ") {
            inside = false;
        }
    }
    kept
}

/// A value without what its names call a secret, or what looks like one.
pub(super) fn value(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if is_secret(name) && !member.is_boolean() && !member.is_null() {
                    *member = Value::String(GONE.to_owned());
                } else if let (true, Value::String(text)) = (is_long(name), &mut *member) {
                    *text = sentence(text, false);
                } else {
                    self::value(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(self::value),
        Value::String(text) => *text = sentence(text, true),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A TOML table likewise.
pub(super) fn toml(table: &toml::Table) -> toml::Table {
    let mut out = toml::Table::new();
    for (name, value) in table {
        let value = if is_secret(name) { gone() } else { toml_value(value, is_long(name)) };
        out.insert(name.clone(), value);
    }
    out
}

fn toml_value(value: &toml::Value, long: bool) -> toml::Value {
    match value {
        toml::Value::Table(table) => toml::Value::Table(toml(table)),
        toml::Value::Array(items) => {
            toml::Value::Array(items.iter().map(|item| toml_value(item, long)).collect())
        }
        toml::Value::String(text) => toml::Value::String(sentence(text, !long)),
        other => other.clone(),
    }
}

fn gone() -> toml::Value {
    toml::Value::String(GONE.to_owned())
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    !HARMLESS_NAMES.contains(&name.as_str())
        && SECRET_NAMES.iter().any(|secret| {
            // Short words only where they are a word: `pin` is not in `mapping`.
            if secret.len() > 3 {
                name.contains(secret)
            } else {
                name.split('_').any(|part| part == *secret)
            }
        })
}

fn is_long(name: &str) -> bool {
    LONG_NAMES.contains(&name)
}

/// A line of a log or a file: what follows a secret's name goes with all behind it.
fn assignment(line: &str) -> String {
    for (at, sign) in line.match_indices(['=', ':']) {
        let before = line.get(..at).unwrap_or_default().trim_end().trim_end_matches(['"', '\'']);
        let name = before
            .rsplit(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-')))
            .next()
            .unwrap_or_default();
        if is_secret(name) {
            let kept = line.get(..at).unwrap_or_default();
            return format!("{}{sign}{GONE}", sentence(kept, true));
        }
    }
    // `Authorization: Bearer …`, and words beside it.
    if let Some(at) = line.to_ascii_lowercase().find("bearer ") {
        return format!("{}{GONE}", sentence(line.get(..at).unwrap_or_default(), true));
    }
    sentence(line, true)
}

/// Of `scheme://user:secret@host` what stands before the host goes.
fn addresses(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(after.len());
        let (address, further) = after.split_at(end);
        match address.rsplit_once('@') {
            Some((_, host)) => {
                out.push_str(GONE);
                out.push('@');
                out.push_str(host);
            }
            None => out.push_str(address),
        }
        rest = further;
    }
    out.push_str(rest);
    out
}

/// Words that look like secrets go; `words`: also long ones of mixed letters and digits.
fn sentence(text: &str, words: bool) -> String {
    if text.contains("-----BEGIN ") {
        return GONE.to_owned();
    }
    let text = addresses(text);
    let mut out = String::with_capacity(text.len());
    let in_word =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '=' | '.' | '@' | '%');
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let length = rest.find(|c| in_word(c) != in_word(first)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        if in_word(first) && looks_secret(word, words) {
            out.push_str(GONE);
        } else {
            out.push_str(word);
        }
        rest = after;
    }
    out
}

fn looks_secret(word: &str, long: bool) -> bool {
    let hex = word.len() >= HEX && word.bytes().all(|b| b.is_ascii_hexdigit());
    let aws = word.len() >= 20 && ["AKIA", "ASIA"].iter().any(|key| word.starts_with(key));
    let signed = word.starts_with("eyJ");
    hex || aws || signed || (long && is_mixed(word))
}

/// Letters in both cases and digits, without the dots and dashes of names.
fn is_mixed(word: &str) -> bool {
    word.split(['.', '-']).any(|part| {
        let has = |wanted: fn(&u8) -> bool| part.bytes().any(|b| wanted(&b));
        part.len() >= MIXED
            && has(u8::is_ascii_digit)
            && has(u8::is_ascii_uppercase)
            && has(u8::is_ascii_lowercase)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_call_a_secret_goes() {
        for line in [
            "password = \"hunter2\"",
            "mqtt_password: hunter2",
            "  \"apiKey\" : \"hunter2\"",
            "x=1 Authorization: Bearer hunter2",
            "user_pin = hunter2",
            "mqtt://house:a/b:hunter2@broker.lan/x",
            "AWS_SECRET_ACCESS_KEY=hunter2",
            "sent with bearer hunter2",
        ] {
            let kept = text(line);
            assert!(!kept.contains("hunter2") && kept.contains(GONE), "{line}: {kept}");
        }
        for line in
            ["mapping = \"a\"", "min_free_percent = 5", "key = \"/etc/doorward/a.key\"", "a: b"]
        {
            assert_eq!(text(line), format!("{line}\n"));
        }
    }

    #[test]
    fn what_looks_like_a_secret_goes() {
        let key = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMG\n-----END PRIVATE KEY-----";
        let kept = text(&format!("before\n{key}\nafter"));
        assert_eq!(kept, format!("before\n{GONE}\nafter\n"));
        for word in [
            "0123456789abcdef0123456789abcdef",
            "AKIAIOSFODNN7EXAMPLE",
            "eyJhbGciOiJFZERTQSJ9.e30.c2ln",
            "7_ScYXuLAOXAlD7hvxmzU68lu3l2QqvJt7gyNpLbYXA",
        ] {
            assert_eq!(text(&format!("a {word} b")), format!("a {GONE} b\n"), "{word}");
        }
        for word in [
            "01890a5d-ac96-774b-bcce-b302099a8057",
            "0x00124b0024c9d2a1",
            "2026-11-21T07:46:38.526Z",
        ] {
            assert_eq!(text(word), format!("{word}\n"));
        }
    }

    #[test]
    fn tables_and_values_are_walked() {
        let mut json =
            serde_json::json!({"a": [{"token": "x", "secret": null}], "b": "AKIAIOSFODNN7EXAMPLE"});
        value(&mut json);
        assert_eq!(json, serde_json::json!({"a": [{"token": GONE, "secret": null}], "b": GONE}));
        let table: toml::Table =
            "[mqtt]\npassword = 'x'\nhost = 'h'\n[[endpoint]]\npin = 1234\n".parse().unwrap();
        let kept = toml(&table).to_string();
        assert!(!kept.contains("1234") && kept.contains("host = \"h\""), "{kept}");
    }
}
