//! The end of a type: announced with a replacement and a day, never sooner than announced.
//!
//! Who still subscribes, and which fields they read, decides how long that takes; the migration
//! page says, field by field, where each of them went.

mod page;

use doorward_schema_repository::{Edition, Lock, Repository, Tree, bundle, lock};
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::lint::fields::of_data;
use crate::subscriptions::{all, has_field};
use crate::today;

/// What a deprecation would do.
#[derive(Debug)]
pub struct Plan {
    /// Files to write.
    pub files: Vec<(String, String)>,
    pub subscribers: Vec<Subscriber>,
}

/// Team, name and the fields that they read.
pub type Subscriber = (String, String, Vec<String>);

/// What is announced.
#[derive(Debug, Clone, Copy)]
pub struct End<'a> {
    /// The type that ends.
    pub name: &'a str,
    /// The type that takes its place.
    pub replacement: &'a str,
    /// The last day on which it is published for sure.
    pub sunset: Date,
}

/// The file of a type's migration page.
pub fn page_of(name: &str) -> String {
    format!("schemas/{name}/MIGRATION.md")
}

/// Plans it; the error says what stands against it. `page` is the migration page that is there.
pub fn plan(tree: &Tree, end: End<'_>, page: Option<&str>, now: Date) -> Result<Plan, String> {
    let End { name, replacement, sunset } = end;
    let next = Repository::of(tree, Edition::Next).map_err(|e| e.to_string())?;
    let (Some(old), Some(new)) = (next.find(name), next.find(replacement)) else {
        return Err(format!("there is no type {name} or {replacement}"));
    };
    let mut lock = tree.locked().map_err(|broken| {
        broken.first().map_or_else(|| "the lock is broken".to_owned(), ToString::to_string)
    })?;
    allowed(&lock, name, replacement, sunset, now)?;
    if old.direction != new.direction {
        return Err(format!("{replacement} goes another way than {name}"));
    }
    if let Some(promise) = lock.types.get_mut(name) {
        promise.sunset = Some(sunset.to_string());
    }

    let manifest = tree.types.get(name).and_then(|folder| folder.manifest.as_ref());
    let manifest = manifest.ok_or_else(|| format!("{name}: no type.json"))?;
    let before = manifest.value.get("replacement").and_then(Value::as_str);
    if let Some(before) = before.filter(|before| page.is_some() && *before != replacement) {
        return Err(format!(
            "{} leads to {before}: rename or remove it, and one that leads to {replacement} is \
             written",
            page_of(name)
        ));
    }
    let mut value = manifest.value.clone();
    if let Some(members) = value.as_object_mut() {
        members.insert("lifecycle".to_owned(), json!("deprecated"));
        members.insert("replacement".to_owned(), json!(replacement));
        members.insert("sunset".to_owned(), json!(sunset.to_string()));
    }
    let subscribers = subscribers(tree, &next, name);
    let page = match page {
        Some(page) => page::renewed(page, end, &subscribers)
            .map_err(|why| format!("{}: {why}", page_of(name)))?,
        None => page::new(end, &of_data(old, &next), &of_data(new, &next), &subscribers),
    };
    let files = vec![
        (page_of(name), page),
        (manifest.file.clone(), bundle::text(&value)),
        (lock::FILE.to_owned(), lock.text()),
    ];
    Ok(Plan { files, subscribers })
}

fn allowed(
    lock: &Lock,
    name: &str,
    replacement: &str,
    sunset: Date,
    now: Date,
) -> Result<(), String> {
    if name == replacement {
        return Err("a type does not take its own place".to_owned());
    }
    let Some(promise) = lock.types.get(name) else {
        return Err(format!("{name} is a draft that nobody was promised: remove its folder"));
    };
    if !lock.types.contains_key(replacement) {
        return Err(format!("{replacement} is a draft: release it first"));
    }
    if sunset <= now {
        return Err(format!("the sunset {sunset} is not after today, {now}"));
    }
    let before = promise.sunset.as_deref().and_then(|day| today::read(day).ok());
    match before {
        Some(before) if sunset < before => Err(format!(
            "the sunset of {name} was promised for {before}; it only moves later, not to {sunset}"
        )),
        _ => Ok(()),
    }
}

/// Who subscribes to a type, and which of its fields they read.
pub fn subscribers(tree: &Tree, repository: &Repository, name: &str) -> Vec<Subscriber> {
    let subscriptions = all(tree);
    let of_type = subscriptions.iter().filter(|s| s.types().any(|declared| declared == name));
    of_type
        .map(|s| {
            let fields = s.fields().filter(|field| has_field(repository, name, field));
            (s.team.clone(), s.name.clone(), fields.map(str::to_owned).collect())
        })
        .collect()
}

/// What changed from one release to the next, a line each.
pub fn between(old: &Value, new: &Value) -> Vec<String> {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    flatten(old, "", 0, &mut before);
    flatten(new, "", 0, &mut after);
    let mut lines = Vec::new();
    for (at, value) in &before {
        match after.iter().find(|(other, _)| other == at) {
            None => lines.push(format!("{at}: {value} is gone")),
            Some((_, other)) if other != value => lines.push(format!("{at}: {value} to {other}")),
            Some(_) => {}
        }
    }
    let is_new = |(at, _): &&(String, String)| !before.iter().any(|(other, _)| other == at);
    lines.extend(after.iter().filter(is_new).map(|(at, value)| format!("{at}: {value} is new")));
    lines
}

/// Every leaf with its pointer. Words of lists stand for themselves, so that a new one is one line.
fn flatten(value: &Value, at: &str, depth: usize, out: &mut Vec<(String, String)>) {
    use doorward_schema_repository::places::step;
    match value {
        Value::Object(members) if depth < 64 => {
            for (name, inner) in members.iter().filter(|(name, _)| *name != "x-version") {
                flatten(inner, &format!("{at}/{}", step(name)), depth + 1, out);
            }
        }
        Value::Array(items) if items.iter().all(|item| !item.is_object()) => {
            out.extend(items.iter().map(|item| (format!("{at}/{item}"), item.to_string())));
        }
        Value::Array(items) if depth < 64 => {
            for (index, inner) in items.iter().enumerate() {
                flatten(inner, &format!("{at}/{index}"), depth + 1, out);
            }
        }
        leaf => out.push((at.to_owned(), leaf.to_string())),
    }
}
