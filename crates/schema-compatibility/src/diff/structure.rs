//! The keywords that hold other schemas: members, items, dependencies, combinations.

use serde_json::{Map, Value};

use super::{Differ, Pair, Sense, show};
use crate::change::{Code, Effect, Part};
use crate::pointer::child;
use crate::verdict::Side;

impl Differ<'_> {
    pub(super) fn members(&mut self, pair: &Pair<'_>) {
        for (keyword, word) in
            [("properties", "property"), ("patternProperties", "pattern-property")]
        {
            let (old, new) = (map(pair.old, keyword), map(pair.new, keyword));
            for name in old.into_iter().flat_map(Map::keys) {
                let below = child(&child("", keyword), name);
                if new.is_some_and(|new| new.contains_key(name)) {
                    self.below(pair, &below, &below, pair.sense);
                    continue;
                }
                let effect = presence(pair.new).reversed();
                let says = format!("{} {name} was described and is not", word.replace('-', " "));
                self.tell(
                    pair,
                    Code::of(word, "removed"),
                    Side::Old,
                    &below,
                    Part::Entry(keyword, name.clone()),
                    effect,
                    says,
                );
            }
            for name in new.into_iter().flat_map(Map::keys) {
                if old.is_none_or(|old| !old.contains_key(name)) {
                    let below = child(&child("", keyword), name);
                    let says =
                        format!("{} {name} was not described and is", word.replace('-', " "));
                    self.tell(
                        pair,
                        Code::of(word, "added"),
                        Side::New,
                        &below,
                        Part::Entry(keyword, name.clone()),
                        presence(pair.old),
                        says,
                    );
                }
            }
        }
        self.additional(pair, "additionalProperties");
    }

    pub(super) fn items(&mut self, pair: &Pair<'_>) {
        let part = || Part::Keywords(vec!["items"]);
        match (pair.old.get("items"), pair.new.get("items")) {
            (None, Some(new)) => self.tell(
                pair,
                Code::of("items", "added"),
                Side::New,
                "/items",
                part(),
                Effect::Narrows,
                format!("items could be anything and are {}", show(new)),
            ),
            (Some(old), None) => self.tell(
                pair,
                Code::of("items", "removed"),
                Side::Old,
                "/items",
                part(),
                Effect::Widens,
                format!("items were {} and can be anything", show(old)),
            ),
            (Some(Value::Object(_)), Some(Value::Object(_))) => {
                self.below(pair, "/items", "/items", pair.sense);
            }
            (Some(Value::Array(old)), Some(Value::Array(new))) if old.len() == new.len() => {
                for n in 0..old.len() {
                    let below = format!("/items/{n}");
                    self.below(pair, &below, &below, pair.sense);
                }
            }
            (Some(old), Some(new)) if old != new => {
                self.tell(
                    pair,
                    Code::of("items", "changed"),
                    Side::New,
                    "/items",
                    part(),
                    Effect::Both,
                    format!("items were {} and are {}", show(old), show(new)),
                );
            }
            _ => {}
        }
        let is_tuple =
            |schema: &Map<String, Value>| schema.get("items").is_some_and(Value::is_array);
        if is_tuple(pair.old) || is_tuple(pair.new) {
            self.additional(pair, "additionalItems");
        }
    }

    /// What holds of members and items that are not named.
    fn additional(&mut self, pair: &Pair<'_>, keyword: &'static str) {
        let open = Value::Bool(true);
        let (old, new) =
            (pair.old.get(keyword).unwrap_or(&open), pair.new.get(keyword).unwrap_or(&open));
        let below = format!("/{keyword}");
        let (event, effect) = match (old, new) {
            (Value::Bool(true), Value::Bool(false)) => ("closed", Effect::Narrows),
            (Value::Bool(false), Value::Bool(true)) => ("opened", Effect::Widens),
            (Value::Bool(true), Value::Object(_)) | (Value::Object(_), Value::Bool(false)) => {
                ("narrowed", Effect::Narrows)
            }
            (Value::Bool(false), Value::Object(_)) | (Value::Object(_), Value::Bool(true)) => {
                ("widened", Effect::Widens)
            }
            (Value::Object(_), Value::Object(_)) => {
                return self.below(pair, &below, &below, pair.sense);
            }
            _ => return,
        };
        let side = if pair.new.contains_key(keyword) { Side::New } else { Side::Old };
        let says = format!("{keyword} was {} and is {}", show(old), show(new));
        self.tell(
            pair,
            Code::of(keyword, event),
            side,
            &below,
            Part::Keywords(vec![keyword]),
            effect,
            says,
        );
    }

    pub(super) fn dependencies(&mut self, pair: &Pair<'_>) {
        let (old, new) = (map(pair.old, "dependencies"), map(pair.new, "dependencies"));
        for (name, was) in old.into_iter().flatten() {
            let below = child("/dependencies", name);
            let part = Part::Entry("dependencies", name.clone());
            match (was, new.and_then(|new| new.get(name))) {
                (_, None) => self.tell(
                    pair,
                    Code::of("dependency", "removed"),
                    Side::Old,
                    &below,
                    part,
                    Effect::Widens,
                    format!("the member {name} brought along {} and brings nothing", show(was)),
                ),
                (Value::Object(_), Some(Value::Object(_))) => {
                    self.below(pair, &below, &below, pair.sense);
                }
                (_, Some(is)) if was != is => self.tell(
                    pair,
                    Code::of("dependency", "changed"),
                    Side::New,
                    &below,
                    part,
                    Effect::Both,
                    format!(
                        "the member {name} brought along {} and brings {}",
                        show(was),
                        show(is)
                    ),
                ),
                _ => {}
            }
        }
        for (name, is) in new.into_iter().flatten() {
            if old.is_none_or(|old| !old.contains_key(name)) {
                self.tell(
                    pair,
                    Code::of("dependency", "added"),
                    Side::New,
                    &child("/dependencies", name),
                    Part::Entry("dependencies", name.clone()),
                    Effect::Narrows,
                    format!("the member {name} brought nothing along and brings {}", show(is)),
                );
            }
        }
    }

    pub(super) fn combinations(&mut self, pair: &Pair<'_>) {
        for keyword in ["allOf", "anyOf", "oneOf"] {
            let sense = if keyword == "oneOf" { Sense::Either } else { pair.sense };
            self.branches(pair, keyword, sense);
        }
        let part = || Part::Keywords(vec!["not"]);
        match (pair.old.get("not"), pair.new.get("not")) {
            (None, Some(new)) => self.tell(
                pair,
                Code::of("not", "added"),
                Side::New,
                "/not",
                part(),
                Effect::Narrows,
                format!("nothing was excluded and {} is", show(new)),
            ),
            (Some(old), None) => self.tell(
                pair,
                Code::of("not", "removed"),
                Side::Old,
                "/not",
                part(),
                Effect::Widens,
                format!("{} was excluded and nothing is", show(old)),
            ),
            (Some(_), Some(_)) => {
                let sense = match pair.sense {
                    Sense::Straight => Sense::Reversed,
                    Sense::Reversed => Sense::Straight,
                    Sense::Either => Sense::Either,
                };
                self.below(pair, "/not", "/not", sense);
            }
            (None, None) => {}
        }
    }

    fn branches(&mut self, pair: &Pair<'_>, keyword: &'static str, sense: Sense) {
        let list = |schema: &Map<String, Value>| {
            schema.get(keyword).and_then(Value::as_array).map_or(0, Vec::len)
        };
        let (old, new) = (list(pair.old), list(pair.new));
        let part = || Part::Keywords(vec![keyword]);
        let below = format!("/{keyword}");
        if old == 0 && new == 0 {
            return;
        }
        if keyword != "allOf" && (old == 0 || new == 0) {
            if new > 0 {
                self.tell(
                    pair,
                    Code::of(keyword, "added"),
                    Side::New,
                    &below,
                    part(),
                    Effect::Narrows,
                    format!("there was no {keyword} and there is one with {new} branches"),
                );
            } else {
                self.tell(
                    pair,
                    Code::of(keyword, "removed"),
                    Side::Old,
                    &below,
                    part(),
                    Effect::Widens,
                    format!("there was an {keyword} with {old} branches and there is none"),
                );
            }
            return;
        }
        // Branches that say the same belong together wherever they stand; the rest by their order.
        let place = |n: usize| format!("{below}/{n}");
        let mut left: Vec<usize> = (0..new).collect();
        let mut gone = Vec::new();
        for n in 0..old {
            let same = left.iter().position(|m| {
                self.same(
                    format!("{}{}", pair.old_pointer, place(n)),
                    format!("{}{}", pair.new_pointer, place(*m)),
                )
            });
            match same {
                Some(at) => {
                    left.remove(at);
                }
                None => gone.push(n),
            }
        }
        if gone.len() == left.len() {
            for (n, m) in gone.into_iter().zip(left) {
                self.below(pair, &place(n), &place(m), sense);
            }
            return;
        }
        let (on_removal, added, removed) = match keyword {
            "allOf" => (Effect::Widens, "added", "removed"),
            "anyOf" => (Effect::Narrows, "branch-added", "branch-removed"),
            _ => (Effect::Both, "branch-added", "branch-removed"),
        };
        for n in gone {
            self.tell(
                pair,
                Code::of(keyword, removed),
                Side::Old,
                &place(n),
                Part::Element(keyword, n),
                on_removal,
                format!("branch {n} of {keyword}, one of {old}, is gone; there are {new}"),
            );
        }
        for m in left {
            self.tell(
                pair,
                Code::of(keyword, added),
                Side::New,
                &place(m),
                Part::Element(keyword, m),
                on_removal.reversed(),
                format!("branch {m} of {keyword} came; there were {old} and there are {new}"),
            );
        }
    }

    fn below(&mut self, pair: &Pair<'_>, old: &str, new: &str, sense: Sense) {
        self.schemas(
            format!("{}{old}", pair.old_pointer),
            format!("{}{new}", pair.new_pointer),
            sense,
        );
    }
}

fn map<'a>(schema: &'a Map<String, Value>, keyword: &str) -> Option<&'a Map<String, Value>> {
    schema.get(keyword).and_then(Value::as_object)
}

/// What describing one more member does where these are the rules for all others.
fn presence(schema: &Map<String, Value>) -> Effect {
    match schema.get("additionalProperties") {
        None | Some(Value::Bool(true)) => Effect::Narrows,
        Some(Value::Bool(false)) => Effect::Widens,
        Some(_) => Effect::Both,
    }
}
