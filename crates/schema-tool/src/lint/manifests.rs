//! `type.json`: who owns a type, which way it goes, who may see it and what of it is personal.

use doorward_schema_repository::places::step;
use doorward_schema_repository::references::nearest;
use doorward_schema_repository::{Direction, Document, Folder, Tree, Version};
use serde_json::{Map, Value};

use super::words::{is_left_to_say, is_type_name};
use crate::finding::Finding;
use crate::today;

const MEMBERS: [&str; 13] = [
    "type",
    "owner",
    "lifecycle",
    "version",
    "direction",
    "audience",
    "sensitivity",
    "sensitive_fields",
    "summary",
    "statement",
    "replacement",
    "sunset",
    "restricted_to",
];
const REQUIRED: usize = 9;
const LIFECYCLES: [&str; 3] = ["draft", "active", "deprecated"];
const AUDIENCES: [&str; 3] = ["public", "operational", "restricted"];
/// From the least to the most.
pub const LEVELS: [&str; 3] = ["none", "internal", "personal"];

/// One type's folder.
pub fn check(tree: &Tree, name: &str, folder: &Folder, out: &mut Vec<Finding>) {
    let file = |file: &str| format!("schemas/{name}/{file}");
    let unreadable = |file: &str| tree.malformed.iter().any(|fault| fault.place.file == file);
    if !is_type_name(name) {
        out.push(Finding::of_file(
            &format!("schemas/{name}"),
            "type-name",
            format!("{name:?} is not dotted lower_snake"),
            "call it like entry.lock_changed",
        ));
    }
    if folder.next.is_none() && !unreadable(&file("next.json")) {
        out.push(Finding::of_file(
            &file("next.json"),
            "file-missing",
            "the type has no schema",
            "write one, or let `new` make the folder",
        ));
    }
    let Some(manifest) = &folder.manifest else {
        if !unreadable(&file("type.json")) {
            out.push(Finding::of_file(
                &file("type.json"),
                "file-missing",
                "the type says nothing of itself",
                "write one, or let `new` make the folder",
            ));
        }
        return;
    };
    members(manifest, name, out);
    lifecycle(tree, manifest, folder, out);
}

fn members(manifest: &Document, name: &str, out: &mut Vec<Finding>) {
    let none = Map::new();
    let members = manifest.value.as_object().unwrap_or(&none);
    let mut found = |at: &str, rule, what: String, remedy: String| {
        out.push(Finding::at(manifest, at, rule, what, remedy));
    };
    for member in members.keys() {
        if !MEMBERS.contains(&member.as_str()) {
            let near = nearest(member, MEMBERS.into_iter());
            let remedy = near
                .map_or_else(|| "remove it".to_owned(), |near| format!("did you mean {near:?}?"));
            let at = format!("/{}", step(member));
            found(&at, "manifest", format!("{member:?} is no member of type.json"), remedy);
        }
    }
    let text = |member: &str| members.get(member).and_then(Value::as_str);
    for member in MEMBERS.iter().take(REQUIRED).filter(|member| **member != "sensitive_fields") {
        if text(member).is_none_or(str::is_empty) {
            let what = format!("{member:?} is missing, or no text");
            found("", "manifest", what, format!("add {member:?}"));
        }
    }
    if text("type").is_some_and(|says| says != name) {
        let what = "it names another type than its folder".to_owned();
        found("/type", "type-name", what, format!("write {name:?}"));
    }
    for (member, words) in
        [("lifecycle", &LIFECYCLES), ("audience", &AUDIENCES), ("sensitivity", &LEVELS)]
    {
        if let Some(word) = text(member).filter(|word| !words.contains(word)) {
            let what = format!("{word:?} is none of {}", words.join(", "));
            found(&format!("/{member}"), "manifest", what, "write one of them".to_owned());
        }
    }
    if let Some(summary) = text("summary")
        && (!summary.ends_with('.') || summary.len() > 300)
    {
        let what = "the summary is no sentence".to_owned();
        let remedy = "end it with a full stop, at most 300 characters".to_owned();
        found("/summary", "description-form", what, remedy);
    }
    if let Some(summary) = text("summary").filter(|summary| is_left_to_say(summary)) {
        let what = format!("nobody did yet: {summary:?}");
        found("/summary", "description-missing", what, "say it in its place".to_owned());
    }
    let fields = members.get("sensitive_fields").and_then(Value::as_object);
    if fields.is_none() {
        let what = "\"sensitive_fields\" is missing, or no object".to_owned();
        found("", "sensitivity", what, "add it, {} where no field is".to_owned());
    }
    let level = |word: &str| LEVELS.iter().position(|level| *level == word);
    let most = text("sensitivity").and_then(level).unwrap_or_default();
    for (pointer, says) in fields.into_iter().flatten() {
        let at = format!("/sensitive_fields/{}", step(pointer));
        let word = says.as_str().unwrap_or_default();
        let word = word.split(':').next().unwrap_or_default();
        match level(word) {
            Some(0) | None => {
                let what = format!("{word:?} is neither internal nor personal");
                found(&at, "sensitivity", what, "begin with the level, then a colon".to_owned());
            }
            Some(of_field) if of_field > most => {
                let what = format!("the field is {word}, the type less");
                found(&at, "sensitivity", what, format!("write \"sensitivity\": {word:?}"));
            }
            Some(_) => {}
        }
    }
    let direction = text("direction").map(Direction::of);
    if let Some(Err(why)) = &direction {
        let words: Vec<&str> = Direction::ALL.iter().map(|(word, _)| *word).collect();
        found("/direction", "direction", why.clone(), format!("write one of {}", words.join(", ")));
    }
    let asks = matches!(direction, Some(Ok(Direction::ToGateway)));
    if asks != members.contains_key("statement") {
        let what = "types to gateways name their statement, and no others do".to_owned();
        found("/statement", "direction", what, "add or remove \"statement\"".to_owned());
    }
    if let Some(names) = members.get("restricted_to") {
        let texts = names.as_array().is_some_and(|names| names.iter().all(Value::is_string));
        if !texts || text("audience") != Some("restricted") {
            let what = "restricted_to lists the teams that may subscribe to a restricted type";
            let remedy = "make it a list of texts, or remove it".to_owned();
            found("/restricted_to", "manifest", what.to_owned(), remedy);
        }
    }
}

fn lifecycle(tree: &Tree, manifest: &Document, folder: &Folder, out: &mut Vec<Finding>) {
    let text = |member: &str| manifest.value.get(member).and_then(Value::as_str);
    let mut found = |at: &str, rule, what: String, remedy: &str| {
        out.push(Finding::at(manifest, at, rule, what, remedy));
    };
    let newest = folder.newest().map(|(version, _)| version);
    let version = newest.unwrap_or(Version::DRAFT).to_string();
    if text("version").is_some_and(|says| says != version) {
        let what = format!("the version is not {version}, that of the newest release");
        found("/version", "release-version", what, &format!("write \"version\": \"{version}\""));
    }
    match (text("lifecycle"), newest) {
        (Some("draft"), Some(_)) => {
            found("/lifecycle", "lifecycle", "a released draft".to_owned(), "write \"active\"");
        }
        (Some("active"), None) => found(
            "/lifecycle",
            "lifecycle",
            "active without a release".to_owned(),
            "write \"draft\" until `release` makes the first version",
        ),
        (Some("deprecated"), _) => {
            match text("replacement") {
                Some(other) if !tree.types.contains_key(other) => found(
                    "/replacement",
                    "lifecycle",
                    format!("there is no type {other}"),
                    "name the type that takes its place",
                ),
                Some(_) => {}
                None => found(
                    "",
                    "lifecycle",
                    "deprecated without a replacement".to_owned(),
                    "run `deprecate TYPE --replacement TYPE --sunset DATE`",
                ),
            }
            if let Err(why) = today::read(text("sunset").unwrap_or_default()) {
                let remedy = "run `deprecate TYPE --replacement TYPE --sunset DATE`";
                found("/sunset", "lifecycle", why, remedy);
            }
        }
        _ => {
            for member in ["replacement", "sunset"] {
                if text(member).is_some() {
                    let what = format!("{member} of a type that is not deprecated");
                    found(&format!("/{member}"), "lifecycle", what, "run `deprecate`");
                }
            }
        }
    }
}
