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
        let mut used = false;
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
        if let Some(member) = missing {
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
                    findings.push(Finding::at(document, &at, "exception-form", why, "mend it"));
                }
            }
        }
        entries.push(Entry { index, value: value.clone(), valid });
    }
    entries
}

/// An entry ready to be pasted and filled in: it is refused until somebody signs it.
pub fn ready(found: &Break) -> Value {
    json!({
        "type": found.type_name,
        "code": found.code,
        "pointer": found.pointer,
        "change": found.change,
        "reason": "",
        "approver": "",
        "expires": "",
    })
}
