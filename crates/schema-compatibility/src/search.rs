//! The search at random, for what the proof leaves open: documents made of the material of both
//! schemas, changed bit by bit.

use std::collections::BTreeSet;

use fastrand::Rng;
use num_bigint::BigInt;
use num_rational::BigRational;
use serde_json::{Map, Value, json};

use crate::evaluate::spellings;
use crate::node::{Id, Kind};
use crate::number::{fractional, whole};
use crate::read::Arena;
use crate::solve::{Answer, Solver};

/// The values that documents are made of.
const MOST_MATERIAL: usize = 600;
/// The nodes that a document is made for by the solver.
const MOST_MADE: usize = 200;
/// The longest text that is made for a bound on length.
const LONGEST_TEXT: u64 = 5_000;

/// A document that satisfies the one node and fails the other, if chance finds it.
pub fn search(
    arena: &Arena,
    accepting: Id,
    refusing: Id,
    seed: u64,
    tries: u64,
    longest: usize,
) -> Option<Value> {
    let mut rng = Rng::with_seed(seed);
    let shows =
        |document: &Value| arena.holds(accepting, document) && !arena.holds(refusing, document);
    let material = Material::of(arena, tries, longest);
    if let Some(found) = material.values.iter().find(|value| shows(value)) {
        return Some(found.clone());
    }
    let mut kept: Vec<Value> =
        material.values.iter().filter(|v| arena.holds(accepting, v)).cloned().collect();
    for _ in 0..tries {
        let document = match rng.choice(&kept) {
            Some(base) if rng.u8(..4) > 0 => {
                let mut document = base.clone();
                for _ in 0..rng.usize(1..4) {
                    material.mutate(&mut document, &mut rng, 0);
                }
                document
            }
            _ => material.any(&mut rng, 0),
        };
        if arena.holds(accepting, &document) {
            if !arena.holds(refusing, &document) {
                return Some(document);
            }
            if kept.len() < MOST_MATERIAL {
                kept.push(document);
            }
        }
    }
    None
}

struct Material {
    values: Vec<Value>,
    names: Vec<String>,
}

impl Material {
    fn of(arena: &Arena, tries: u64, longest: usize) -> Self {
        let mut values: Vec<Value> = vec![
            json!(null),
            json!(true),
            json!(false),
            json!(0),
            json!(1),
            json!(-1),
            json!(0.5),
            json!(2.0),
            json!(""),
            json!("a"),
            json!("aaaaaaaaaa"),
            json!([]),
            json!({}),
            json!([1, 1]),
            json!([null]),
        ];
        let mut names: BTreeSet<String> = ["a", "b", "zz"].map(str::to_owned).into();
        let mut solver = Solver::new(arena, tries, longest);
        for (id, node) in arena.nodes.iter().enumerate() {
            for word in node.words.iter().flatten() {
                values.extend(spellings(word, 16).unwrap_or_default());
            }
            for bound in node.low.iter().chain(&node.high) {
                for (above, below) in [(0, 1), (1, 1), (-1, 1), (1, 2), (-1, 2)] {
                    let near =
                        &bound.value + BigRational::new(BigInt::from(above), BigInt::from(below));
                    values.extend(
                        whole(&near).into_iter().chain(fractional(&near)).map(Value::Number),
                    );
                }
            }
            if let Some(multiple) = &node.multiple {
                for count in [1, 2, 3, 5, 7] {
                    let value = &multiple.value * BigInt::from(count);
                    values.extend(
                        whole(&value).into_iter().chain(fractional(&value)).map(Value::Number),
                    );
                }
            }
            for length in [node.shortest, node.longest.unwrap_or_default()] {
                for length in [length.saturating_sub(1), length, length.saturating_add(1)] {
                    if length <= LONGEST_TEXT {
                        values.push(Value::from(
                            "a".repeat(usize::try_from(length).unwrap_or_default()),
                        ));
                    }
                }
            }
            names.extend(
                node.properties
                    .keys()
                    .chain(&node.required)
                    .chain(node.dependencies.keys())
                    .cloned(),
            );
            if id < MOST_MADE
                && let Answer::Found(made) = solver.solve(&[id], &[])
            {
                values.push(made.as_ref().clone());
            }
        }
        values.dedup();
        values.truncate(MOST_MATERIAL);
        Self { values, names: names.into_iter().collect() }
    }

    fn value(&self, rng: &mut Rng) -> Value {
        rng.choice(&self.values).cloned().unwrap_or_default()
    }

    fn name(&self, rng: &mut Rng) -> String {
        rng.choice(&self.names).cloned().unwrap_or_default()
    }

    fn any(&self, rng: &mut Rng, depth: usize) -> Value {
        match rng.u8(..if depth > 3 { 4 } else { 8 }) {
            0..=3 => self.value(rng),
            4 | 5 => (0..rng.usize(..4)).map(|_| self.any(rng, depth + 1)).collect(),
            _ => {
                let members =
                    (0..rng.usize(..4)).map(|_| (self.name(rng), self.any(rng, depth + 1)));
                Value::Object(members.collect::<Map<_, _>>())
            }
        }
    }

    /// Changes one thing somewhere.
    fn mutate(&self, value: &mut Value, rng: &mut Rng, depth: usize) {
        let deeper = depth < 40 && rng.u8(..4) > 0;
        match value {
            Value::Array(items) if !items.is_empty() && deeper => {
                let place = rng.usize(..items.len());
                if let Some(item) = items.get_mut(place) {
                    self.mutate(item, rng, depth + 1);
                }
            }
            Value::Object(members) if !members.is_empty() && deeper => {
                let place = rng.usize(..members.len());
                if let Some((_, member)) = members.iter_mut().nth(place) {
                    self.mutate(member, rng, depth + 1);
                }
            }
            Value::Array(items) => match rng.u8(..3) {
                0 if !items.is_empty() => {
                    items.remove(rng.usize(..items.len()));
                }
                1 if !items.is_empty() => {
                    let again = rng.choice(&*items).cloned();
                    items.extend(again);
                }
                _ => items.push(self.any(rng, depth + 1)),
            },
            Value::Object(members) if rng.bool() => {
                if rng.bool() {
                    members.insert(self.name(rng), self.any(rng, depth + 1));
                } else {
                    let gone = rng.choice(members.keys()).cloned();
                    gone.map(|name| members.remove(&name));
                }
            }
            _ => {
                let kind = Kind::of(value);
                let alike: Vec<&Value> =
                    self.values.iter().filter(|v| Kind::of(v) == kind).collect();
                *value = match rng.choice(alike) {
                    Some(alike) if rng.u8(..3) > 0 => alike.clone(),
                    _ => self.any(rng, depth + 1),
                };
            }
        }
    }
}
