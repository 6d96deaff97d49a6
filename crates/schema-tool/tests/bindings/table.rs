//! Cases that were written by hand, where parsers and validators are known to differ, and the
//! table of true differences in `docs/bindings.md`.

use std::fmt::Write as _;

use doorward_events::testkit::generate;
use serde::Deserialize;
use serde_json::Value;

use crate::case::{Answer, Case, base64};
use crate::conformance::Outcome;
use crate::kit::workspace;

const WRITTEN: &str = include_str!("cases/texts.json");
const BEGIN: &str = "<!-- differences: checked by the tests -->\n";
const END: &str = "<!-- end of differences -->";

/// A valid event with some of its text replaced.
#[derive(Debug, Deserialize)]
struct Written {
    name: String,
    /// The event type whose event is changed.
    base: String,
    /// What is replaced: once, and it must be there.
    find: String,
    /// By what; `{n:text}` in it is the text n times.
    put: String,
    ask: Vec<String>,
}

/// The cases of `cases/texts.json`, and some that JSON cannot hold.
pub fn written() -> Vec<Case> {
    let written: Vec<Written> = serde_json::from_str(WRITTEN).unwrap();
    let mut cases = Vec::new();
    for Written { name, base, find, put, ask } in &written {
        let text = base_event(base);
        assert_eq!(text.matches(find.as_str()).count(), 1, "{name}: {find} in {text}");
        let event = text.replacen(find, &repeated(put), 1);
        for ask in ask {
            let ask = ["writer", "reader", "read"].into_iter().find(|one| one == ask).unwrap();
            cases.push(Case::new(name, ask, event.as_bytes()));
        }
    }
    let text = base_event("delivery.scheduled");
    let bytes = |name: &str, event: Vec<u8>| {
        ["writer", "reader"].map(|ask| Case { name: name.to_owned(), ask, event: base64(&event) })
    };
    let replaced = |from: &[u8], to: &[u8]| {
        let at = text.as_bytes().windows(from.len()).position(|window| window == from).unwrap();
        [&text.as_bytes()[..at], to, &text.as_bytes()[at + from.len()..]].concat()
    };
    cases.extend(bytes("a byte order mark", [b"\xef\xbb\xbf", text.as_bytes()].concat()));
    cases.extend(bytes("a byte that is no UTF-8", replaced(b"d-4711", b"d-47\xff1")));
    cases.extend(bytes("half a surrogate pair in UTF-8", replaced(b"d-4711", b"d-\xed\xa0\x80")));
    cases.extend(bytes("an overlong NUL", replaced(b"d-4711", b"d-\xc0\x80")));
    cases.extend(bytes("nothing", Vec::new()));
    cases.extend(bytes("UTF-16", text.encode_utf16().flat_map(u16::to_le_bytes).collect()));
    cases.extend(bytes("cut off", text.as_bytes()[..text.len() - 1].to_vec()));
    cases.extend(bytes("deep and cut off", b"[".repeat(17)));
    cases.extend(bytes("deep within a text", format!("[\"{}", "[".repeat(99)).into_bytes()));
    cases.extend(bytes(
        "64 KB of blanks",
        [text.as_bytes(), &b" ".repeat(65_536 - text.len())].concat(),
    ));
    cases.extend(bytes(
        "one byte too many",
        [text.as_bytes(), &b" ".repeat(65_537 - text.len())].concat(),
    ));
    cases
}

/// The event that cases change: always the same text.
pub fn base_event(event_type: &str) -> String {
    let head = |name: &str, data: &str| {
        format!(
            r#"{{"id":"019aa4f0-0000-7000-8000-000000000001","type":"{event_type}","schema_version":"1.0","time":"2026-11-21T06:41:00.5Z","publisher":{{"name":"{name}","instance":"eu-1"}},"tenant_id":"acme","test":false,{data}}}"#
        )
    };
    match event_type {
        "delivery.scheduled" => head(
            "acme.delivery",
            r#""data":{"delivery_id":"d-4711","subject_ref":"s-7f3k9q2m","window":{"not_before":"2026-11-21T08:00:00Z","expires_at":"2026-11-21T10:00:00Z"},"parcels":2}"#,
        ),
        "endpoint.battery_changed" => head(
            "doorward.gateway",
            r#""data":{"vendor":"zigbee","percent":17.5,"low":true},"gateway":{"recorded_at":"2026-11-21T06:41:01Z","journal_id":"019aa4f0-0000-7000-8000-000000000002","sequence":7,"type_sequence":3}"#,
        ),
        other => {
            let event = other.parse().unwrap();
            generate::valid(event, 0).to_string()
        }
    }
}

/// `{*300:ü*}` is 300 times ü.
fn repeated(text: &str) -> String {
    let Some((before, rest)) = text.split_once("{*") else { return text.to_owned() };
    let (inner, after) = rest.split_once("*}").unwrap();
    let (count, what) = inner.split_once(':').unwrap();
    format!("{before}{}{}", what.repeat(count.parse().unwrap()), repeated(after))
}

/// Whether two clients read the same event: the same members and texts, numbers by value.
pub fn same_event(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || (a.as_f64() == b.as_f64() && (a.is_f64() || b.is_f64()))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_event(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(name, one)| b.get(name).is_some_and(|other| same_event(one, other)))
        }
        (Value::String(a), Value::String(b)) => a == b || same_instant(a, b),
        _ => left == right,
    }
}

/// The Rust library writes an instant anew, without zeros at its end.
fn same_instant(left: &str, right: &str) -> bool {
    let instant = |text: &str| text.parse::<jiff::Timestamp>().ok().filter(|_| text.ends_with('Z'));
    instant(left).is_some_and(|instant_| Some(instant_) == instant(right))
}

/// Compares what differs with what the documentation says.
pub fn check(outcomes: &[Outcome]) {
    let mut rows = Vec::new();
    for Outcome { case, rust, typescript, python } in outcomes {
        let answers = [rust, typescript, python];
        let mut texts = answers.map(Answer::brief);
        if texts.iter().all(|text| *text == texts[0]) {
            let events = answers.map(Answer::value);
            if let [Some(ours), Some(second), Some(third)] = &events {
                let alike = same_event(ours, second) && same_event(ours, third);
                assert!(alike, "{}: {ours}\n{second}\n{third}", case.name);
                texts = written_again([ours, second, third]);
            }
        }
        let [ours, second, third] = &texts;
        if ours != second || ours != third {
            rows.push(format!("| {} | {} | {ours} | {second} | {third} |", case.name, case.ask));
        }
    }
    let found = format!(
        "| case | asked | Rust | TypeScript | Python |\n|---|---|---|---|---|\n{}\n",
        rows.join("\n")
    );
    let place = workspace().join("docs/bindings.md");
    let documentation = std::fs::read_to_string(&place).unwrap();
    let (_, rest) = documentation.split_once(BEGIN).expect("the table's beginning");
    let (documented, _) = rest.split_once(END).expect("the table's end");
    assert_eq!(documented, found, "the table in {} is to be:\n{found}", place.display());
}

/// What a table shows of events that were read and written again: of the members that cases change,
/// those that are written in different ways.
fn written_again(events: [&Value; 3]) -> [String; 3] {
    let mut texts = [const { String::new() }; 3];
    for pointer in ["/time", "/gateway/sequence", "/data/percent", "/data/parcels"] {
        let [ours, second, third] =
            events.map(|event| event.pointer(pointer).map(Value::to_string));
        if ours != second || ours != third {
            for (text, value) in texts.iter_mut().zip([ours, second, third]) {
                let _ = write!(text, "`{}`", value.unwrap_or_default());
            }
        }
    }
    texts
}
