//! Judges single documents while a proof is under way: the engine's own reading of Draft-04, fast
//! on the nodes that it has. Its word is never the last one: the validator confirms.

use serde_json::{Map, Number, Value};

use crate::node::{Dependency, Id, Kind, Node};
use crate::number::{Interval, fractional, is_integer, rational, whole};
use crate::read::Arena;

/// The deepest document that is judged.
const MOST_DEPTH: usize = 120;

impl Arena {
    /// Whether a document is valid under a node.
    pub fn holds(&self, id: Id, document: &Value) -> bool {
        self.judge(id, document, 0)
    }

    fn judge(&self, id: Id, document: &Value, depth: usize) -> bool {
        let node = self.node(id);
        if depth > MOST_DEPTH || !node.kinds.has(Kind::of(document)) {
            return false;
        }
        if let Some(words) = &node.words
            && !words.iter().any(|word| equal(word, document))
        {
            return false;
        }
        let own = match document {
            Value::Number(number) => self.number_holds(node, number, document),
            Value::String(text) => self.string_holds(node, text, document),
            Value::Array(items) => self.array_holds(node, items, depth),
            Value::Object(members) => self.object_holds(node, members, document, depth),
            Value::Null | Value::Bool(_) => true,
        };
        own && node.all.iter().all(|id| self.judge(*id, document, depth))
            && (node.any.is_empty() || node.any.iter().any(|id| self.judge(*id, document, depth)))
            && (node.one.is_empty()
                || node.one.iter().filter(|id| self.judge(**id, document, depth)).count() == 1)
            && !node.not.is_some_and(|id| self.judge(id, document, depth))
    }

    fn number_holds(&self, node: &Node, number: &Number, document: &Value) -> bool {
        if node.low.is_none() && node.high.is_none() && node.multiple.is_none() {
            return true;
        }
        let Some(value) = rational(number) else { return false };
        let interval = Interval { low: node.low.clone(), high: node.high.clone() };
        let rule = node.multiple.as_ref().and_then(|m| self.table.multiples.get(m.rule));
        interval.contains(&value) && rule.is_none_or(|rule| rule.holds(document))
    }

    fn string_holds(&self, node: &Node, text: &str, document: &Value) -> bool {
        let length = text.chars().count() as u64;
        let rule = |number: Option<usize>, rules: &[crate::table::Rule]| {
            number.and_then(|n| rules.get(n)).is_none_or(|rule| rule.holds(document))
        };
        length >= node.shortest
            && node.longest.is_none_or(|longest| length <= longest)
            && rule(node.pattern, &self.table.patterns)
            && rule(node.format, &self.table.formats)
    }

    fn array_holds(&self, node: &Node, items: &[Value], depth: usize) -> bool {
        let count = items.len() as u64;
        count >= node.fewest_items
            && node.most_items.is_none_or(|most| count <= most)
            && (!node.unique || all_differ(items))
            && items.iter().enumerate().all(|(n, item)| self.judge(node.item(n), item, depth + 1))
    }

    fn object_holds(
        &self,
        node: &Node,
        members: &Map<String, Value>,
        document: &Value,
        depth: usize,
    ) -> bool {
        let count = members.len() as u64;
        count >= node.fewest_members
            && node.most_members.is_none_or(|most| count <= most)
            && node.required.iter().all(|name| members.contains_key(name))
            && members.iter().all(|(name, value)| {
                self.member(node, name).iter().all(|id| self.judge(*id, value, depth + 1))
            })
            && node.dependencies.iter().all(|(name, dependency)| {
                !members.contains_key(name)
                    || match dependency {
                        Dependency::Members(names) => names.iter().all(|n| members.contains_key(n)),
                        Dependency::Schema(id) => self.judge(*id, document, depth),
                    }
            })
    }

    /// Whether a name matches a pattern.
    pub fn name_matches(&self, pattern: usize, name: &str) -> bool {
        let rule = self.table.patterns.get(pattern);
        rule.is_none_or(|rule| rule.holds(&Value::from(name)))
    }

    /// The schemas that a node has for a member of this name.
    pub fn member(&self, node: &Node, name: &str) -> Vec<Id> {
        let mut ids: Vec<Id> = node.properties.get(name).copied().into_iter().collect();
        let matching =
            node.patterns.iter().filter(|(pattern, _)| self.name_matches(*pattern, name));
        ids.extend(matching.map(|(_, id)| *id));
        if ids.is_empty() {
            ids.push(node.additional);
        }
        ids
    }
}

/// Whether two values are the same to `enum` and `uniqueItems`: 1 equals 1.0.
pub fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || rational(a) == rational(b),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| equal(a, b)))
        }
        _ => a == b,
    }
}

fn all_differ(items: &[Value]) -> bool {
    items.iter().enumerate().all(|(n, a)| !items.iter().skip(n + 1).any(|b| equal(a, b)))
}

/// Every way to write a value that is equal to it: 1 and 1.0. None if there are too many.
pub fn spellings(value: &Value, most: usize) -> Option<Vec<Value>> {
    let found = match value {
        Value::Number(number) => spellings_of(number).into_iter().map(Value::Number).collect(),
        Value::Array(items) => {
            let mut all = vec![Vec::new()];
            for item in items {
                all = combine(&all, &spellings(item, most)?, most, |list, v| list.push(v.clone()))?;
            }
            all.into_iter().map(Value::Array).collect()
        }
        Value::Object(members) => {
            let mut all = vec![Map::new()];
            for (name, value) in members {
                all = combine(&all, &spellings(value, most)?, most, |map, v| {
                    map.insert(name.clone(), v.clone());
                })?;
            }
            all.into_iter().map(Value::Object).collect()
        }
        _ => vec![value.clone()],
    };
    Some(found)
}

fn combine<T: Clone>(
    all: &[T],
    more: &[Value],
    most: usize,
    add: impl Fn(&mut T, &Value),
) -> Option<Vec<T>> {
    if all.len() * more.len() > most {
        return None;
    }
    let pairs = all.iter().flat_map(|one| more.iter().map(move |value| (one, value)));
    Some(
        pairs
            .map(|(one, value)| {
                let mut one = one.clone();
                add(&mut one, value);
                one
            })
            .collect(),
    )
}

fn spellings_of(number: &Number) -> Vec<Number> {
    let mut found = vec![number.clone()];
    let other = rational(number)
        .and_then(|value| if is_integer(number) { fractional(&value) } else { whole(&value) });
    found.extend(other);
    found
}
