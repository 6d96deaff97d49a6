//! `schemas/exceptions.json`: incompatible changes that somebody took responsibility for, each
//! until a day. An exception that nothing needs, or whose day is over, is an error: it would let
//! the next change pass unseen. For the same reason it says what changed, with both values: 1000
//! to 100 does not excuse 100 to 5.

use doorward_schema_repository::{Document, Tree};
use jiff::civil::Date;
use serde_json::{Value, json};

use super::Break;
use crate::finding::Finding;
use crate::today;

/// The file.
pub const FILE: &str = "schemas/exceptions.json";
const MEMBERS: [&str; 7] = ["type", "code", "pointer", "change", "reason", "approver", "expires"];
/// Of an entry for a change that a comparison with a commit shows: `"against": "commit"`.
const AGAINST: &str = "against";
const COMMIT: &str = "commit";

/// An entry, as it stands there.
#[derive(Debug, Clone)]
struct Entry {
    index: usize,
    value: Value,
    valid: bool,
}

/// Marks what is excused, and says what is wrong with the entries. `checked` are the types that
/// were compared: of others, no entry is called unused.
pub fn apply(tree: &Tree, breaks: &mut [Break], checked: &[String], now: Date) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(document) = &tree.exceptions else { return findings };
    for entry in entries(document, now, &mut findings) {
        let text = |member: &str| entry.value.get(member).and_then(Value::as_str);
        // What changed since a commit need not be a change since a release: only a comparison with
        // that commit could tell whether it is still needed, and its day ends it.
        let mut used = entry.value.get(AGAINST).is_some();
        for found in breaks.iter_mut() {
            let same = text("type") == Some(&found.type_name)
                && text("code") == Some(&found.code)
                && text("pointer") == Some(&found.pointer);
            // Another change at the same place may be one against a commit.
            used |= same;
            if same && entry.valid && text("change") == Some(&found.change) {
                found.excused = Some(entry.value.clone());
            }
        }
        let name = text("type").unwrap_or_default().to_owned();
        let judged = checked.contains(&name) || !tree.types.contains_key(&name);
        if !used && entry.valid && judged {
            findings.push(Finding::at(
                document,
                &format!("/exceptions/{}", entry.index),
                "exception-unused",
                format!("{name}: nothing needs this exception"),
                "remove it",
            ));
        }
    }
    findings
}

fn entries(document: &Document, now: Date, findings: &mut Vec<Finding>) -> Vec<Entry> {
    let list = document.value.get("exceptions").and_then(Value::as_array);
    let Some(list) = list else {
        let what = "no list \"exceptions\"";
        findings.push(Finding::at(
            document,
            "",
            "exception-form",
            what,
            "write {\"exceptions\": []}",
        ));
        return Vec::new();
    };
    let mut entries = Vec::new();
    for (index, value) in list.iter().enumerate() {
        let at = format!("/exceptions/{index}");
        let text = |member: &str| value.get(member).and_then(Value::as_str).unwrap_or_default();
        let missing = MEMBERS.into_iter().find(|member| {
            value.get(*member).and_then(Value::as_str).is_none()
                || (*member != "pointer" && text(member).trim().is_empty())
        });
        let mut valid = true;
        let against = value.get(AGAINST);
        if against.is_some_and(|against| against != COMMIT) {
            valid = false;
            let what = "against says something else than \"commit\"";
            let remedy = "paste the entry that `breaking --against` prints, or leave it out";
            let at = format!("{at}/{AGAINST}");
            findings.push(Finding::at(document, &at, "exception-form", what, remedy));
        } else if let Some(member) = missing {
            valid = false;
            let what = format!("an exception without {member}");
            let remedy = match member {
                "type" | "code" | "pointer" | "change" => {
                    "paste the entry that `breaking` prints: it says which change it is for"
                }
                _ => "say who takes responsibility, why, and until when",
            };
            findings.push(Finding::at(document, &at, "exception-form", what, remedy));
        } else {
            match today::read(text("expires")) {
                Ok(last) if last < now => {
                    valid = false;
                    findings.push(Finding::at(
                        document,
                        &format!("{at}/expires"),
                        "exception-expired",
                        format!("it ended on {last}"),
                        "undo the change, or have the exception approved anew",
                    ));
                }
                Ok(_) => {}
                Err(why) => {
                    valid = false;
                    let at = format!("{at}/expires");
                    let remedy = "write the last day on which it holds, as 2026-12-24";
                    findings.push(Finding::at(document, &at, "exception-form", why, remedy));
                }
            }
        }
        entries.push(Entry { index, value: value.clone(), valid });
    }
    entries
}

/// An entry ready to be pasted and filled in: it is refused until somebody signs it.
pub fn ready(found: &Break) -> Value {
    let mut entry = json!({
        "type": found.type_name,
        "code": found.code,
        "pointer": found.pointer,
        "change": found.change,
        "reason": "",
        "approver": "",
        "expires": "",
    });
    if let Some(members) = entry.as_object_mut().filter(|_| found.of_commit) {
        members.insert(AGAINST.to_owned(), json!(COMMIT));
    }
    entry
}
