//! What was released and promised stays: hashes, directions, and a type until its sunset.

use doorward_schema_repository::{Lock, Tree, bundle, lock};
use jiff::civil::Date;
use serde_json::Value;

use crate::finding::Finding;
use crate::today;

/// Everything that the lock says, beside what lies there.
pub fn check(tree: &Tree, now: Date, out: &mut Vec<Finding>) {
    let locked = match tree.locked() {
        Ok(locked) => locked,
        Err(broken) => {
            for fault in broken {
                out.push(Finding {
                    place: fault.place,
                    rule: "lock",
                    pointer: fault.pointer,
                    what: fault.what,
                    remedy: fault.remedy,
                });
            }
            return;
        }
    };
    kept(tree, out);
    gone(tree, &locked, now, out);
    for (name, promise) in &locked.types {
        let folder = tree.types.get(name);
        let Some(manifest) = folder.and_then(|folder| folder.manifest.as_ref()) else { continue };
        let says = manifest.value.get("sunset").and_then(Value::as_str);
        if says != promise.sunset.as_deref() {
            out.push(Finding::at(
                manifest,
                "/sunset",
                "lifecycle",
                format!(
                    "the sunset is not {}, which was promised",
                    promise.sunset.as_deref().unwrap_or("none")
                ),
                "let `deprecate` write it: a sunset only moves later",
            ));
        }
    }
}

fn kept(tree: &Tree, out: &mut Vec<Finding>) {
    for (name, folder) in &tree.types {
        let (Some((_, newest)), Some(manifest)) = (folder.newest(), &folder.manifest) else {
            continue;
        };
        let released = match bundle::thaw(newest) {
            Ok(released) => released,
            Err(why) => {
                out.push(Finding::at(newest, "", "lock", why, "take it from version control"));
                continue;
            }
        };
        let text = |member: &str| manifest.value.get(member).and_then(Value::as_str);
        let pairs = [
            ("direction", Some(released.direction.as_str())),
            ("statement", released.statement.as_deref()),
        ];
        for (member, was) in pairs {
            if text(member) != was {
                out.push(Finding::at(
                    manifest,
                    &format!("/{member}"),
                    "release-direction",
                    format!("{name} was released with the {member} {}", was.unwrap_or("none")),
                    "write it back; another direction or statement is a new type",
                ));
            }
        }
    }
}

fn gone(tree: &Tree, locked: &Lock, now: Date, out: &mut Vec<Finding>) {
    for (name, promise) in &locked.types {
        if tree.types.get(name).is_some_and(|folder| folder.manifest.is_some()) {
            continue;
        }
        let sunset = promise.sunset.as_deref().and_then(|day| today::read(day).ok());
        if sunset.is_some_and(|sunset| sunset < now) {
            continue;
        }
        let Some(document) = &tree.lock else { continue };
        let pointer = format!("/types/{}", doorward_schema_repository::places::step(name));
        let when = promise.sunset.as_deref().map_or_else(
            || "was never deprecated".to_owned(),
            |day| format!("is promised until {day}"),
        );
        out.push(Finding {
            place: document.place(&pointer),
            rule: "removed",
            pointer,
            what: format!("schemas/{name} is gone, but the type {when} ({})", lock::FILE),
            remedy:
                "take the folder from version control; deprecate first, remove after the sunset"
                    .to_owned(),
        });
    }
}
