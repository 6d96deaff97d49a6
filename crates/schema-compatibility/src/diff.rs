//! What differs between two schemas, keyword by keyword, with definitions looked through: a
//! definition that is only renamed or moved is no change, and one that is changed shows wherever
//! it is used for the first time.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use self::pairs::Pairs;
use crate::change::{Change, Code, Effect, Part};
use crate::evaluate::equal;
use crate::merge::merge;
use crate::node::{ANY, Id};
use crate::number::rational;
use crate::pointer::{child, resolve, unescape_fragment};
use crate::read::{Arena, validators};
use crate::stack::with_room;
use crate::verdict::{Side, Unusable};

/// The references that are followed from one place.
const MOST_REFERENCES: usize = 1_000;
/// The longest value that a sentence repeats.
const LONGEST_VALUE: usize = 80;

/// Keywords with a bound, and whether raising it narrows.
const BOUNDS: [(&str, bool); 8] = [
    ("minimum", true),
    ("maximum", false),
    ("minLength", true),
    ("maxLength", false),
    ("minItems", true),
    ("maxItems", false),
    ("minProperties", true),
    ("maxProperties", false),
];
/// Keywords that a schema has or has not; another value may go either way.
const PLAIN: [&str; 3] = ["pattern", "format", "multipleOf"];
/// Every keyword that is compared by a rule of its own.
const KNOWN: [&str; 33] = [
    "type",
    "enum",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "pattern",
    "format",
    "multipleOf",
    "uniqueItems",
    "required",
    "properties",
    "patternProperties",
    "additionalProperties",
    "items",
    "additionalItems",
    "dependencies",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "$ref",
    "$schema",
    "id",
    "definitions",
    "x-closed",
    "$comment",
];

/// What differs, sorted by place. Both schemas are self-contained Draft-04.
///
/// # Errors
/// As for [`included`](crate::included).
pub fn changes(old: &Value, new: &Value) -> Result<Vec<Change>, Unusable> {
    let differ = with_room(|| {
        let (mut arena, ..) = Arena::of(old, new)?;
        validators(old, new)?;
        merge(&mut arena);
        let mut differ =
            Differ { old, new, places: arena.places, pairs: Pairs::default(), found: Vec::new() };
        differ.schemas(String::new(), String::new(), Sense::Straight);
        differ.pairs.tell(&mut differ.found);
        Ok(differ.found)
    });
    let no_room = || Unusable::TooDeep { side: Side::Old, pointer: String::new(), limit: 0 };
    let mut found = differ.ok_or_else(no_room)??;
    found.sort_by(|a, b| {
        (&a.pointer, a.side, a.code, &a.says).cmp(&(&b.pointer, b.side, b.code, &b.says))
    });
    found.dedup();
    Ok(found)
}

/// How the place of a subschema turns what its changes do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sense {
    Straight,
    /// Under a `not`.
    Reversed,
    /// Under a `oneOf`.
    Either,
}

struct Differ<'a> {
    old: &'a Value,
    new: &'a Value,
    /// The nodes of both: the same where two subschemas say the same.
    places: [HashMap<String, Id>; 2],
    pairs: Pairs,
    found: Vec<Change>,
}

/// Two subschemas that are compared.
struct Pair<'a> {
    old_pointer: String,
    new_pointer: String,
    old: &'a Map<String, Value>,
    new: &'a Map<String, Value>,
    sense: Sense,
}

impl Differ<'_> {
    fn schemas(&mut self, old: String, new: String, sense: Sense) {
        let place = (old.clone(), new.clone());
        let (Some((old_pointer, old)), Some((new_pointer, new))) =
            (target(self.old, old), target(self.new, new))
        else {
            return;
        };
        if !self.pairs.meet(place, (old_pointer.clone(), new_pointer.clone())) {
            return;
        }
        let pair = Pair { old_pointer, new_pointer, old, new, sense };
        self.types(&pair);
        self.words(&pair);
        for (keyword, raising_narrows) in BOUNDS {
            self.bound(&pair, keyword, raising_narrows);
        }
        for keyword in PLAIN {
            self.plain(&pair, keyword);
        }
        self.unique(&pair);
        self.required(&pair);
        self.members(&pair);
        self.items(&pair);
        self.dependencies(&pair);
        self.combinations(&pair);
        self.annotations(&pair);
    }

    /// Whether two subschemas say the same.
    fn same(&self, old: String, new: String) -> bool {
        let [olds, news] = &self.places;
        let node = |found: Option<(String, _)>, ids: &HashMap<String, Id>| {
            found.map(|(pointer, _): (String, &Map<String, Value>)| {
                ids.get(&pointer).copied().unwrap_or(ANY)
            })
        };
        node(target(self.old, old), olds) == node(target(self.new, new), news)
    }

    #[expect(clippy::too_many_arguments, reason = "a difference has these parts")]
    fn tell(
        &mut self,
        pair: &Pair<'_>,
        code: Code,
        side: Side,
        below: &str,
        part: Part,
        effect: Effect,
        says: String,
    ) {
        let effect = match pair.sense {
            Sense::Straight => effect,
            Sense::Reversed => effect.reversed(),
            Sense::Either if effect == Effect::Neither => effect,
            Sense::Either => Effect::Both,
        };
        let base = if side == Side::Old { &pair.old_pointer } else { &pair.new_pointer };
        self.found.push(Change {
            code,
            pointer: format!("{base}{below}"),
            side,
            says,
            effect,
            old_schema: pair.old_pointer.clone(),
            new_schema: pair.new_pointer.clone(),
            part,
            old_places: Vec::new(),
            new_places: Vec::new(),
        });
    }

    fn types(&mut self, pair: &Pair<'_>) {
        let kinds = |schema: &Map<String, Value>| -> BTreeSet<String> {
            let words = match schema.get("type") {
                Some(Value::String(word)) => vec![word.clone()],
                Some(Value::Array(words)) => {
                    words.iter().filter_map(Value::as_str).map(str::to_owned).collect()
                }
                _ => ["array", "boolean", "null", "number", "object", "string"]
                    .map(str::to_owned)
                    .to_vec(),
            };
            words
                .into_iter()
                .flat_map(|w| {
                    if w == "number" {
                        vec!["integer".to_owned(), "fractional".to_owned()]
                    } else {
                        vec![w]
                    }
                })
                .collect()
        };
        let (old, new) = (kinds(pair.old), kinds(pair.new));
        if old == new {
            return;
        }
        let (event, effect) = if new.is_subset(&old) {
            ("narrowed", Effect::Narrows)
        } else if old.is_subset(&new) {
            ("widened", Effect::Widens)
        } else {
            ("changed", Effect::Both)
        };
        let says = match (pair.old.get("type"), pair.new.get("type")) {
            (Some(old), Some(new)) => format!("the type was {} and is {}", show(old), show(new)),
            (Some(old), None) => format!("the type was {} and is no longer limited", show(old)),
            (_, new) => {
                format!("the type was not limited and is {}", new.map(show).unwrap_or_default())
            }
        };
        let side = if pair.new.contains_key("type") { Side::New } else { Side::Old };
        self.tell(
            pair,
            Code::of("type", event),
            side,
            "/type",
            Part::Keywords(vec!["type"]),
            effect,
            says,
        );
    }

    fn words(&mut self, pair: &Pair<'_>) {
        let part = || Part::Keywords(vec!["enum"]);
        match (
            pair.old.get("enum").and_then(Value::as_array),
            pair.new.get("enum").and_then(Value::as_array),
        ) {
            (None, Some(new)) => self.tell(
                pair,
                Code::of("enum", "added"),
                Side::New,
                "/enum",
                part(),
                Effect::Narrows,
                format!(
                    "any value was allowed and only {} of them are: {}",
                    new.len(),
                    show(&Value::from(new.clone()))
                ),
            ),
            (Some(old), None) => self.tell(
                pair,
                Code::of("enum", "removed"),
                Side::Old,
                "/enum",
                part(),
                Effect::Widens,
                format!("only {} were allowed and any value is", show(&Value::from(old.clone()))),
            ),
            (Some(old), Some(new)) => {
                for (n, word) in
                    old.iter().enumerate().filter(|(_, w)| !new.iter().any(|other| equal(w, other)))
                {
                    self.tell(
                        pair,
                        Code::of("enum", "word-removed"),
                        Side::Old,
                        &format!("/enum/{n}"),
                        Part::Element("enum", n),
                        Effect::Narrows,
                        format!(
                            "the word {} was allowed and is not; allowed are {}",
                            show(word),
                            show(&Value::from(new.clone()))
                        ),
                    );
                }
                for (n, word) in
                    new.iter().enumerate().filter(|(_, w)| !old.iter().any(|other| equal(w, other)))
                {
                    self.tell(
                        pair,
                        Code::of("enum", "word-added"),
                        Side::New,
                        &format!("/enum/{n}"),
                        Part::Element("enum", n),
                        Effect::Widens,
                        format!(
                            "the word {} was not allowed and is; allowed were {}",
                            show(word),
                            show(&Value::from(old.clone()))
                        ),
                    );
                }
            }
            (None, None) => {}
        }
    }

    fn bound(&mut self, pair: &Pair<'_>, keyword: &'static str, raising_narrows: bool) {
        let exclusive = match keyword {
            "minimum" => Some("exclusiveMinimum"),
            "maximum" => Some("exclusiveMaximum"),
            _ => None,
        };
        let read = |schema: &Map<String, Value>| {
            let written = schema.get(keyword)?;
            let open = exclusive.is_some_and(|e| schema.get(e) == Some(&Value::Bool(true)));
            Some((
                rational(written.as_number()?)?,
                open,
                format!("{written}{}", if open { " (exclusive)" } else { "" }),
            ))
        };
        let tightens =
            |raised: bool| if raised == raising_narrows { Effect::Narrows } else { Effect::Widens };
        let (event, side, effect, says) = match (read(pair.old), read(pair.new)) {
            (None, None) => return,
            (None, Some((.., new))) => (
                "added",
                Side::New,
                Effect::Narrows,
                format!("there was no {keyword} and it is {new}"),
            ),
            (Some((.., old)), None) => {
                ("removed", Side::Old, Effect::Widens, format!("{keyword} was {old} and is gone"))
            }
            (Some((a, a_open, old)), Some((b, b_open, new))) => {
                if a == b && a_open == b_open {
                    return;
                }
                // An exclusive minimum lies above the same number, an exclusive maximum below it.
                let raised = if a == b { b_open == raising_narrows } else { b > a };
                (
                    if raised { "raised" } else { "lowered" },
                    Side::New,
                    tightens(raised),
                    format!("{keyword} was {old} and is {new}"),
                )
            }
        };
        let part = Part::Keywords([Some(keyword), exclusive].into_iter().flatten().collect());
        self.tell(pair, Code::of(keyword, event), side, &format!("/{keyword}"), part, effect, says);
    }

    fn plain(&mut self, pair: &Pair<'_>, keyword: &'static str) {
        let below = format!("/{keyword}");
        let part = Part::Keywords(vec![keyword]);
        let (event, side, effect, says) = match (pair.old.get(keyword), pair.new.get(keyword)) {
            (None, Some(new)) => (
                "added",
                Side::New,
                Effect::Narrows,
                format!("there was no {keyword} and it is {}", show(new)),
            ),
            (Some(old), None) => (
                "removed",
                Side::Old,
                Effect::Widens,
                format!("{keyword} was {} and is gone", show(old)),
            ),
            (Some(old), Some(new)) if !equal(old, new) => (
                "changed",
                Side::New,
                Effect::Both,
                format!("{keyword} was {} and is {}", show(old), show(new)),
            ),
            _ => return,
        };
        self.tell(pair, Code::of(keyword, event), side, &below, part, effect, says);
    }

    fn unique(&mut self, pair: &Pair<'_>) {
        let read =
            |schema: &Map<String, Value>| schema.get("uniqueItems") == Some(&Value::Bool(true));
        let part = Part::Keywords(vec!["uniqueItems"]);
        match (read(pair.old), read(pair.new)) {
            (false, true) => self.tell(
                pair,
                Code::of("uniqueItems", "added"),
                Side::New,
                "/uniqueItems",
                part,
                Effect::Narrows,
                "items could repeat and may not".to_owned(),
            ),
            (true, false) => self.tell(
                pair,
                Code::of("uniqueItems", "removed"),
                Side::Old,
                "/uniqueItems",
                part,
                Effect::Widens,
                "items could not repeat and may".to_owned(),
            ),
            _ => {}
        }
    }

    fn required(&mut self, pair: &Pair<'_>) {
        let (old, new) = (names(pair.old), names(pair.new));
        for (n, name) in new.iter().enumerate().filter(|(_, name)| !old.contains(name)) {
            self.tell(
                pair,
                Code::of("required", "added"),
                Side::New,
                &format!("/required/{n}"),
                Part::Element("required", n),
                Effect::Narrows,
                format!("the member {name} was optional and is required"),
            );
        }
        for (n, name) in old.iter().enumerate().filter(|(_, name)| !new.contains(name)) {
            self.tell(
                pair,
                Code::of("required", "removed"),
                Side::Old,
                &format!("/required/{n}"),
                Part::Element("required", n),
                Effect::Widens,
                format!("the member {name} was required and is optional"),
            );
        }
    }

    fn annotations(&mut self, pair: &Pair<'_>) {
        let names: BTreeSet<&String> = pair.old.keys().chain(pair.new.keys()).collect();
        for name in names.into_iter().filter(|name| !KNOWN.contains(&name.as_str())) {
            let (old, new) = (pair.old.get(name), pair.new.get(name));
            if old == new {
                continue;
            }
            let side = if new.is_some() { Side::New } else { Side::Old };
            let tell = |value: Option<&Value>| value.map_or_else(|| "absent".to_owned(), show);
            let says = format!(
                "{name} was {} and is {}; validation does not depend on it",
                tell(old),
                tell(new)
            );
            self.tell(
                pair,
                Code::of("annotation", "changed"),
                side,
                &child("", name),
                Part::Annotation(name.clone()),
                Effect::Neither,
                says,
            );
        }
    }
}

fn names(schema: &Map<String, Value>) -> Vec<&str> {
    let names = schema.get("required").and_then(Value::as_array);
    names.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The subschema at a pointer, through all references, and where it stands.
fn target(schema: &Value, mut pointer: String) -> Option<(String, &Map<String, Value>)> {
    for _ in 0..MOST_REFERENCES {
        let members = resolve(schema, &pointer)?.as_object()?;
        match members.get("$ref").and_then(Value::as_str) {
            Some(reference) => pointer = unescape_fragment(reference.strip_prefix('#')?),
            None => return Some((pointer, members)),
        }
    }
    None
}

/// A value, shortened, as a sentence repeats it.
fn show(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= LONGEST_VALUE {
        return text;
    }
    let start: String = text.chars().take(LONGEST_VALUE).collect();
    format!("{start}…")
}

mod pairs;
mod structure;
