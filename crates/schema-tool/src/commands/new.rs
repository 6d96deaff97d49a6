//! `new`: a type's folder, so that the first lint has little to say.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use doorward_schema_repository::bundle;
use doorward_schema_repository::walk::pascal_case;
use doorward_schema_repository::{Folder, Tree};
use serde_json::{Value, json};

use super::{Outcome, WrongCall, write_file};
use crate::finding::say;
use crate::lint::words::is_type_name;

/// Makes the folder of a new type: type.json, next.json, a valid and an invalid example.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  doorward-schema new delivery.returned --like \
                        delivery.completed\n  doorward-schema new parcel.weighed --owner \
                        acme.delivery --direction between_services --audience public --summary 'A \
                        parcel was weighed.'")]
pub struct New {
    /// Words in lower case with dots between, a fact in the past: delivery.returned.
    #[arg(value_name = "TYPE")]
    type_name: String,
    /// Begin with this type's schema, manifest and examples.
    #[arg(long, value_name = "TYPE")]
    like: Option<String>,
    /// Whose it is.
    #[arg(long, value_name = "TEAM")]
    owner: Option<String>,
    /// Which way it goes; types to gateways are made with --like, since they carry a statement.
    #[arg(long)]
    direction: Option<Way>,
    /// Who may receive it.
    #[arg(long)]
    audience: Option<Audience>,
    /// What it says, in a sentence.
    #[arg(long, value_name = "TEXT")]
    summary: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Way {
    FromGateway,
    ToGateway,
    BetweenServices,
    Platform,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Audience {
    Public,
    Operational,
    Restricted,
}

impl New {
    pub fn run(self, root: &Path) -> Outcome {
        let tree = Tree::load(root)?;
        let name = self.type_name.as_str();
        if !is_type_name(name) {
            let what = format!("{name:?} is not dotted lower_snake, as in delivery.returned");
            return Err(WrongCall(what).into());
        }
        if tree.types.contains_key(name) {
            return Err(WrongCall(format!("schemas/{name} is there already")).into());
        }
        let like = match &self.like {
            Some(other) => {
                Some(tree.types.get(other).ok_or_else(|| WrongCall::no_type(&tree, other))?)
            }
            None => None,
        };
        let manifest = self.manifest(name, like)?;
        let mut files = vec![(format!("schemas/{name}/type.json"), manifest.clone())];
        files.extend(Self::schema(name, like));
        let direction = text(&manifest, "direction");
        let owner = text(&manifest, "owner");
        let registered = matches!(direction.as_str(), "from_gateway" | "platform");
        let mut publisher = None;
        if !registered {
            publisher = register(&tree, name, &owner, self.like.as_deref());
            files.extend(publisher.clone().map(|(_, file, value)| (file, value)));
        }
        for (file, value) in &files {
            write_file(root, file, &bundle::text(value))?;
        }
        let mut out = String::new();
        for (file, _) in &files {
            let _ = writeln!(out, "{file}");
        }
        out.push_str("\nNext:\n");
        match (&publisher, registered) {
            (Some((who, ..)), _) => {
                let _ = writeln!(out, "  {who} is registered as who publishes it");
            }
            (None, false) => out.push_str(
                "  add the type to \"publishes\" of its publisher in schemas/publishers.json\n",
            ),
            (None, true) => {}
        }
        if self.summary.is_none() {
            let _ = writeln!(out, "  say in schemas/{name}/type.json what happened (summary)");
        }
        let whose = self.like.as_ref().map(|like| format!(", which are still those of {like}"));
        let _ = writeln!(
            out,
            "  edit schemas/{name}/next.json: members, bounds, descriptions{}\n  \
             edit schemas/{name}/examples/: what it is for, and what it refuses\n  \
             doorward-schema lint {name}\n  doorward-schema explain {name}\n  \
             doorward-schema release {name}",
            whose.unwrap_or_default()
        );
        say(&out);
        Ok(ExitCode::SUCCESS)
    }

    fn manifest(&self, name: &str, like: Option<&Folder>) -> anyhow::Result<Value> {
        let old = like.and_then(|folder| folder.manifest.as_ref()).map(|m| m.value.clone());
        let of_old = |member: &str| old.as_ref().map(|old| text(old, member));
        let word = |way: Way| way.to_possible_value().map(|v| v.get_name().to_owned());
        let direction = self.direction.and_then(word).or_else(|| of_old("direction"));
        let direction = direction.unwrap_or_else(|| "between_services".to_owned());
        let statement = old.as_ref().and_then(|old| old.get("statement").cloned());
        if direction == "to_gateway" && statement.is_none() {
            let why = "a type to gateways carries a signed statement: make it --like one that does";
            return Err(WrongCall(why.to_owned()).into());
        }
        let owner = self.owner.clone().or_else(|| of_old("owner"));
        let Some(owner) = owner else {
            return Err(WrongCall("say whose it is: --owner TEAM, or --like TYPE".into()).into());
        };
        let word =
            |audience: Audience| audience.to_possible_value().map(|v| v.get_name().to_owned());
        let audience = self.audience.and_then(word).or_else(|| of_old("audience"));
        let sensitivity = of_old("sensitivity").unwrap_or_else(|| "none".to_owned());
        let fields = old.as_ref().and_then(|old| old.get("sensitive_fields").cloned());
        let mut manifest = json!({
            "type": name,
            "owner": owner,
            "lifecycle": "draft",
            "version": "0.1",
            "direction": direction,
            "audience": audience.unwrap_or_else(|| "public".to_owned()),
            "sensitivity": sensitivity,
            "sensitive_fields": fields.unwrap_or_else(|| json!({})),
        });
        if let Some(members) = manifest.as_object_mut() {
            if direction == "to_gateway" {
                members.extend(statement.map(|statement| ("statement".to_owned(), statement)));
            }
            let summary = self.summary.clone().unwrap_or_else(|| "Say here what happened.".into());
            members.insert("summary".to_owned(), json!(summary));
        }
        Ok(manifest)
    }

    /// `next.json` and the examples.
    fn schema(name: &str, like: Option<&Folder>) -> Vec<(String, Value)> {
        let at = |file: &str| format!("schemas/{name}/{file}");
        if let Some(folder) = like
            && let Some(next) = &folder.next
        {
            let mut schema = next.value.clone();
            if let Some(members) = schema.as_object_mut() {
                members.insert("title".to_owned(), json!(pascal_case(name)));
            }
            let mut files = vec![(at("next.json"), schema)];
            for (file, example) in &folder.valid {
                files.push((at(&format!("examples/{file}")), example.value.clone()));
            }
            for (file, example) in &folder.invalid {
                files.push((at(&format!("examples/invalid/{file}")), example.value.clone()));
            }
            return files;
        }
        let schema = json!({
            "$schema": "http://json-schema.org/draft-04/schema#",
            "title": pascal_case(name),
            "description": "Say here when it is sent, and what is not in it.",
            "type": "object",
            "required": ["count"],
            "properties": {
                "count": {
                    "description": "Say here what is counted.",
                    "type": "integer",
                    "minimum": 0,
                    "maximum": 1000,
                },
            },
        });
        vec![
            (at("next.json"), schema),
            (at("examples/first.json"), json!({ "count": 1 })),
            (at("examples/invalid/required-count.json"), json!({})),
        ]
    }
}

/// Adds the type to whoever of the owner publishes, or to those that publish the type it is like.
fn register(
    tree: &Tree,
    name: &str,
    owner: &str,
    like: Option<&str>,
) -> Option<(String, String, Value)> {
    let document = tree.publishers.as_ref()?;
    let mut value = document.value.clone();
    let list = value.get_mut("publishers")?.as_array_mut()?;
    let is_of = |entry: &Value| text(entry, "owner") == owner;
    let publishes = |entry: &Value| {
        let types = entry.get("publishes").and_then(Value::as_array);
        types.is_some_and(|types| types.iter().any(|t| Some(t.as_str()) == Some(like)))
    };
    let index = list
        .iter()
        .position(|entry| is_of(entry) && publishes(entry))
        .or_else(|| {
            list.iter()
                .position(|entry| is_of(entry) && entry.get("gateway") == Some(&json!(false)))
        })
        .or_else(|| list.iter().position(publishes))?;
    let entry = list.get_mut(index)?;
    let who = text(entry, "name");
    entry.get_mut("publishes")?.as_array_mut()?.push(json!(name));
    Some((who, document.file.clone(), value))
}

fn text(value: &Value, member: &str) -> String {
    value.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
}
