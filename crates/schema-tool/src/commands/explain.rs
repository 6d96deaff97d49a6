//! `explain`: a type at a glance, for whoever is about to send or to receive it.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use doorward_schema_repository::{Edition, Form, Repository, Tree, compose};
use serde_json::{Value, json};

use super::{Outcome, WrongCall};
use crate::finding::{say, say_json};
use crate::lint::fields::{Field, of_data};
use crate::lint::register;
use crate::lint::size::{LARGEST, worst};
use crate::subscriptions::{all, has_field};

/// A type's fields, bounds and sensitivity; who sends and who receives it; how large it can get.
///
/// Of a released type it shows the newest release, of a draft next.json.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  doorward-schema explain access.denied\n  doorward-schema \
                        explain grant.issued --json | jq .worst_case.bytes\n  doorward-schema \
                        explain delivery.completed --next")]
pub struct Explain {
    /// The type, as in access.denied.
    #[arg(value_name = "TYPE")]
    type_name: String,
    /// As next.json has it, with what was edited since its newest release.
    #[arg(long)]
    next: bool,
    /// For scripts.
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub fn run(self, root: &Path) -> Outcome {
        let tree = Tree::load(root)?;
        let name = &self.type_name;
        let folder = tree.types.get(name).ok_or_else(|| WrongCall::no_type(&tree, name))?;
        let fail = |e: Box<dyn std::error::Error>| anyhow::anyhow!("{e}");
        let edition = if self.next { Edition::Next } else { Edition::Built };
        let built = Repository::of(&tree, edition).map_err(fail)?;
        let source = built.find(name).ok_or_else(|| WrongCall::no_type(&tree, name))?;
        let schema = compose(&built, source, Form::Writer).map_err(|e| anyhow::anyhow!(e))?;
        let worst = worst(&schema).map_err(|at| anyhow::anyhow!("{name}: {at} has no bound"))?;
        let manifest = folder.manifest.as_ref().map(|m| m.value.clone()).unwrap_or_default();
        let sensitive = manifest.get("sensitive_fields").and_then(Value::as_object).cloned();
        let fields = of_data(source, &built);
        let publishers = register::publishers(&tree, name);
        let subscribers: Vec<Value> = all(&tree)
            .iter()
            .filter(|s| s.types().any(|declared| declared == name))
            .map(|s| {
                let fields = s.fields().filter(|field| has_field(&built, name, field));
                json!({ "team": s.team, "name": s.name, "fields": fields.collect::<Vec<_>>() })
            })
            .collect();
        let versions: Vec<String> = folder.released.keys().map(ToString::to_string).collect();
        let parts = worst.parts.iter().filter(|(at, _)| at.matches('/').count() > 1);
        let parts: Vec<_> = parts.take(5).collect();
        let sensitivity = |field: &Field| {
            let says = sensitive.as_ref()?.get(&field.pointer)?.as_str()?;
            Some(says.split(':').next().unwrap_or_default().to_owned())
        };
        if self.json {
            say_json(&json!({
                "type": name,
                "about": manifest,
                "description": source.data.get("description"),
                "versions": versions,
                "fields": fields.iter().map(|field| json!({
                    "pointer": field.pointer,
                    "type": field.kind,
                    "definition": field.definition,
                    "bounds": field.bounds,
                    "required": field.required,
                    "sensitivity": sensitivity(field),
                    "words": field.words,
                    "closed": field.closed,
                    "description": field.description,
                })).collect::<Vec<_>>(),
                "publishers": publishers,
                "subscribers": subscribers,
                "worst_case": {
                    "bytes": worst.bytes,
                    "most": LARGEST,
                    "levels": worst.levels,
                    "largest": parts.iter().map(|(at, bytes)| {
                        json!({ "pointer": at, "bytes": bytes })
                    }).collect::<Vec<_>>(),
                },
            }));
            return Ok(ExitCode::SUCCESS);
        }

        let text = |member: &str| manifest.get(member).and_then(Value::as_str).unwrap_or("-");
        let mut out = String::new();
        let _ = writeln!(out, "{name}: {}", text("summary"));
        if let Some(description) = source.data.get("description").and_then(Value::as_str) {
            let _ = writeln!(out, "  {description}");
        }
        let versions = if versions.is_empty() { "none".to_owned() } else { versions.join(", ") };
        let _ = writeln!(
            out,
            "\nversion {} ({}), released: {versions}\nowner {}, {}, {}, sensitivity {}",
            text("version"),
            text("lifecycle"),
            text("owner"),
            text("direction"),
            text("audience"),
            text("sensitivity")
        );
        if text("lifecycle") == "deprecated" {
            let _ = writeln!(
                out,
                "deprecated: use {}; published until {}",
                text("replacement"),
                text("sunset")
            );
        }
        if let Some(statement) = &source.statement {
            let _ = writeln!(out, "carries {statement}, signed");
        }
        if self.next && !folder.released.is_empty() {
            out.push_str("shown is next.json\n");
        } else if !self.next && is_edited(&tree, name, &schema) {
            let _ = writeln!(
                out,
                "next.json says something else since: doorward-schema explain {name} --next"
            );
        }
        let _ = writeln!(out, "\nfields");
        for field in &fields {
            let required = if field.required { "required" } else { "optional" };
            let level = sensitivity(field).map(|level| format!(", {level}")).unwrap_or_default();
            let kind = field.definition.as_deref().unwrap_or(&field.kind);
            let _ = writeln!(
                out,
                "  {:38} {kind} ({required}{}{level})",
                field.pointer,
                if field.bounds.is_empty() { String::new() } else { format!(", {}", field.bounds) }
            );
            if !field.words.is_empty() {
                let open = if field.closed { "closed" } else { "open" };
                let _ = writeln!(out, "  {:38} {open}: {}", "", field.words.join(" "));
            }
        }
        let _ = writeln!(out, "\npublished by: {}", publishers.join(", "));
        if subscribers.is_empty() {
            let _ = writeln!(out, "subscribed by: nobody");
        }
        for subscriber in &subscribers {
            let list = |member: &str| {
                let list = subscriber.get(member).and_then(Value::as_array).into_iter().flatten();
                list.filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
            };
            let text = |member: &str| subscriber.get(member).and_then(Value::as_str).unwrap_or("");
            let _ = writeln!(
                out,
                "subscribed by: {}/{} (reads {})",
                text("team"),
                text("name"),
                list("fields")
            );
        }
        let _ = writeln!(
            out,
            "\nworst case: {} of {LARGEST} bytes, {} levels deep; the largest parts:",
            worst.bytes, worst.levels
        );
        for (at, bytes) in parts {
            let _ = writeln!(out, "  {at:38} {bytes} bytes");
        }
        say(&out);
        Ok(ExitCode::SUCCESS)
    }
}

/// Whether what people edit is another schema than this one, its version aside.
fn is_edited(tree: &Tree, name: &str, shown: &Value) -> bool {
    let next = Repository::of(tree, Edition::Next).ok();
    let next = next.and_then(|next| {
        let source = next.find(name)?;
        compose(&next, source, Form::Writer).ok()
    });
    let plain = |schema: &Value| {
        let mut schema = schema.clone();
        let known = schema.get_mut("properties").and_then(Value::as_object_mut);
        known.map(|members| members.remove("schema_version"));
        schema
    };
    next.is_none_or(|next| plain(&next) != plain(shown))
}
