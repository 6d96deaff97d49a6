//! Which types a package holds, and the schemas of these.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use doorward_schema_repository::{Direction, Form, Repository, TypeSource, compose, statement};
use serde_json::Value;

use super::{Failure, patterns};

/// The chosen types with their composed schemas.
#[derive(Debug)]
pub struct Selection {
    /// In the writer's form, by type.
    pub publish: BTreeMap<String, Value>,
    /// In the reader's form, by type.
    pub subscribe: BTreeMap<String, Value>,
    /// Of the statements that chosen types carry.
    pub statements: BTreeMap<String, Value>,
    /// Those that may publish a chosen type.
    pub publishers: Vec<Publisher>,
}

/// What a client must know of a publisher.
#[derive(Debug)]
pub struct Publisher {
    /// The registered name.
    pub name: String,
    /// The AWS accounts that it publishes from.
    pub accounts: Vec<String>,
    /// Whether its instances are gateways.
    pub is_gateway: bool,
    /// The chosen types that it may publish.
    pub publishes: Vec<String>,
}

impl Selection {
    /// The types that the lists name; without any list, all types both ways.
    pub fn of(
        repository: &Repository,
        schemas: &Path,
        publish: Option<&[String]>,
        subscribe: Option<&[String]>,
    ) -> Result<Self, Failure> {
        let all = publish.is_none() && subscribe.is_none();
        let chosen = |list: Option<&[String]>| match list {
            None if all => Ok(repository.types.iter().collect()),
            list => find(repository, list.unwrap_or_default()),
        };
        let (to_publish, to_subscribe) = (chosen(publish)?, chosen(subscribe)?);
        let composed = |types: &[&TypeSource], form: Form| {
            let one = |source: &&TypeSource| {
                let schema = compose(repository, source, form)
                    .and_then(|schema| patterns::check(&schema).map(|()| schema));
                let schema =
                    schema.map_err(|e| Failure::Repository(format!("{}: {e}", source.name)));
                schema.map(|schema| (source.name.clone(), schema))
            };
            types.iter().map(one).collect::<Result<BTreeMap<_, _>, _>>()
        };
        let both: Vec<&TypeSource> = to_publish.iter().chain(&to_subscribe).copied().collect();
        let mut statements = BTreeMap::new();
        for name in both.iter().filter_map(|source| source.statement.as_deref()) {
            let schema = statement(repository, name)
                .and_then(|schema| patterns::check(&schema).map(|()| schema))
                .map_err(|e| Failure::Repository(format!("{name}: {e}")))?;
            statements.insert(name.to_owned(), schema);
        }
        let names: BTreeSet<&str> = both.iter().map(|source| source.name.as_str()).collect();
        let known: Vec<&TypeSource> =
            repository.types.iter().filter(|source| names.contains(source.name.as_str())).collect();
        Ok(Self {
            publish: composed(&to_publish, Form::Writer)?,
            subscribe: composed(&to_subscribe, Form::Reader)?,
            statements,
            publishers: publishers(&schemas.join("publishers.json"), &known)?,
        })
    }

    /// Whether the package knows this type at all.
    pub fn holds(&self, name: &str) -> bool {
        self.publish.contains_key(name) || self.subscribe.contains_key(name)
    }
}

fn find<'a>(repository: &'a Repository, names: &[String]) -> Result<Vec<&'a TypeSource>, Failure> {
    let one = |name: &String| {
        let found = repository.types.iter().find(|source| source.name == *name);
        found.ok_or_else(|| {
            let family = name.split('.').next().unwrap_or_default();
            let alike = repository.types.iter().map(|source| source.name.as_str());
            let alike: Vec<&str> = alike.filter(|other| other.starts_with(family)).collect();
            let hint = if alike.is_empty() {
                String::new()
            } else {
                format!("; there are {}", alike.join(", "))
            };
            Failure::Call(format!("there is no type {name}{hint}"))
        })
    };
    names.iter().map(one).collect()
}

/// Who may publish the known types. The repository was loaded, so the file is well-formed.
fn publishers(path: &Path, known: &[&TypeSource]) -> Result<Vec<Publisher>, Failure> {
    let wrong =
        |what: &dyn std::fmt::Display| Failure::Repository(format!("{}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
    let document: Value = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
    let texts = |entry: &Value, member: &str| -> Vec<String> {
        let list = entry.get(member).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let list = document.get("publishers").and_then(Value::as_array);
    let list = list.ok_or_else(|| wrong(&"no list of publishers"))?;
    let one = |entry: &Value| {
        let listed = texts(entry, "publishes");
        let is_gateway = entry.get("gateway").and_then(Value::as_bool).unwrap_or(false);
        let publishes = known.iter().filter(|source| match source.direction {
            Direction::Platform => true,
            Direction::FromGateway => is_gateway,
            Direction::ToGateway | Direction::BetweenServices => listed.contains(&source.name),
        });
        Publisher {
            name: entry.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
            accounts: texts(entry, "accounts"),
            is_gateway,
            publishes: publishes.map(|source| source.name.clone()).collect(),
        }
    };
    Ok(list.iter().map(one).filter(|publisher| !publisher.publishes.is_empty()).collect())
}
