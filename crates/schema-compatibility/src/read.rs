//! Reads the two schemas of a question into nodes. Everything that could make a question endless
//! is refused here: references out of the document or round in a circle, depth, size.

use std::collections::HashMap;

use serde_json::{Map, Number, Value};

use crate::node::{ANY, Dependency, Id, Kinds, Multiple, NONE, Node};
use crate::number::{Bound, rational};
use crate::pointer::{child, resolve, unescape_fragment};
use crate::table::Table;
use crate::validator;
use crate::verdict::{Side, Unusable};

/// The deepest nesting of a schema that is followed.
const MOST_DEPTH: usize = 100;
/// The values, of any kind, in one schema.
const MOST_VALUES: usize = 200_000;
/// The subschemas of one schema.
const MOST_NODES: usize = 40_000;
/// The references of one schema.
const MOST_REFERENCES: usize = 20_000;

/// The nodes of both schemas.
#[derive(Debug)]
pub struct Arena {
    pub nodes: Vec<Node>,
    /// The node of each subschema of the old and of the new schema, by pointer.
    pub places: [HashMap<String, Id>; 2],
    any: Node,
    pub table: Table,
}

impl Arena {
    /// Both schemas, and their roots.
    pub fn of(old: &Value, new: &Value) -> Result<(Self, Id, Id), Unusable> {
        let mut arena = Self {
            nodes: vec![Node::any(), Node::none()],
            places: Default::default(),
            any: Node::any(),
            table: Table::default(),
        };
        let mut roots = [ANY; 2];
        for ((schema, side), root) in
            [(old, Side::Old), (new, Side::New)].into_iter().zip(&mut roots)
        {
            check(schema, side)?;
            *root = Reader::new(&mut arena, schema, side).read()?;
        }
        let [old, new] = roots;
        Ok((arena, old, new))
    }

    /// A node; that which accepts everything if there is none of this number.
    pub fn node(&self, id: Id) -> &Node {
        self.nodes.get(id).unwrap_or(&self.any)
    }
}

/// Refuses what is too large, too deep or no schema, before anything recurses into it.
pub fn check(schema: &Value, side: Side) -> Result<(), Unusable> {
    if !schema.is_object() {
        let problem = "a schema is an object".to_owned();
        return Err(Unusable::Malformed { side, pointer: String::new(), problem });
    }
    let mut count = 0;
    let mut todo = vec![(schema, String::new(), 0)];
    while let Some((value, pointer, depth)) = todo.pop() {
        count += 1;
        if depth > MOST_DEPTH {
            return Err(Unusable::TooDeep { side, pointer, limit: MOST_DEPTH });
        }
        if count > MOST_VALUES {
            return Err(Unusable::TooBig { side, pointer, what: "values", limit: MOST_VALUES });
        }
        match value {
            Value::Array(items) => {
                todo.extend(
                    items
                        .iter()
                        .enumerate()
                        .map(|(n, v)| (v, child(&pointer, &n.to_string()), depth + 1)),
                );
            }
            Value::Object(members) => {
                todo.extend(members.iter().map(|(k, v)| (v, child(&pointer, k), depth + 1)));
            }
            _ => {}
        }
    }
    Ok(())
}

struct Reader<'a> {
    arena: &'a mut Arena,
    schema: &'a Value,
    side: Side,
    ids: HashMap<String, Id>,
    todo: Vec<(Id, String)>,
    references: usize,
}

impl<'a> Reader<'a> {
    fn new(arena: &'a mut Arena, schema: &'a Value, side: Side) -> Self {
        Self { arena, schema, side, ids: HashMap::new(), todo: Vec::new(), references: 0 }
    }

    fn read(mut self) -> Result<Id, Unusable> {
        let first = self.arena.nodes.len();
        let root = self.id(String::new())?;
        while let Some((id, pointer)) = self.todo.pop() {
            let node = self.node(&pointer)?;
            if let Some(place) = self.arena.nodes.get_mut(id) {
                *place = node;
            }
        }
        self.refuse_circles(first)?;
        let place = match self.side {
            Side::Old => self.arena.places.first_mut(),
            Side::New => self.arena.places.last_mut(),
        };
        if let Some(place) = place {
            *place = self.ids;
        }
        Ok(root)
    }

    /// The number of the subschema at a pointer, through all references.
    fn id(&mut self, mut pointer: String) -> Result<Id, Unusable> {
        let mut passed = 0;
        let members = loop {
            let Some(members) = resolve(self.schema, &pointer).and_then(Value::as_object) else {
                return Err(self.malformed(&pointer, "a schema is an object"));
            };
            let Some(reference) = members.get("$ref") else { break members };
            let Some(reference) = reference.as_str() else {
                return Err(self.malformed(&pointer, "$ref is a string"));
            };
            let at = child(&pointer, "$ref");
            self.references += 1;
            passed += 1;
            if self.references > MOST_REFERENCES {
                return Err(Unusable::TooBig {
                    side: self.side,
                    pointer: at,
                    what: "references",
                    limit: MOST_REFERENCES,
                });
            }
            if passed > 1_000 {
                return Err(Unusable::Cyclic { side: self.side, pointer: at });
            }
            pointer = self.target(reference, at)?;
        };
        if members.is_empty() {
            return Ok(ANY);
        }
        if let Some(id) = self.ids.get(&pointer) {
            return Ok(*id);
        }
        let id = self.arena.nodes.len();
        if self.ids.len() >= MOST_NODES {
            return Err(Unusable::TooBig {
                side: self.side,
                pointer,
                what: "subschemas",
                limit: MOST_NODES,
            });
        }
        self.arena.nodes.push(Node::any());
        self.ids.insert(pointer.clone(), id);
        self.todo.push((id, pointer));
        Ok(id)
    }

    fn target(&self, reference: &str, at: String) -> Result<String, Unusable> {
        let Some(fragment) = reference.strip_prefix('#') else {
            return Err(Unusable::Remote {
                side: self.side,
                pointer: at,
                reference: reference.to_owned(),
            });
        };
        let target = unescape_fragment(fragment);
        let is_pointer = target.is_empty() || target.starts_with('/');
        if is_pointer && resolve(self.schema, &target).is_some() {
            Ok(target)
        } else {
            Err(Unusable::Dangling {
                side: self.side,
                pointer: at,
                reference: reference.to_owned(),
            })
        }
    }

    fn malformed(&self, pointer: &str, problem: &str) -> Unusable {
        Unusable::Malformed {
            side: self.side,
            pointer: pointer.to_owned(),
            problem: problem.to_owned(),
        }
    }

    fn node(&mut self, pointer: &str) -> Result<Node, Unusable> {
        let Some(schema) = resolve(self.schema, pointer).and_then(Value::as_object) else {
            return Err(self.malformed(pointer, "a schema is an object"));
        };
        let mut node = Node::any();
        let place = match self.side {
            Side::Old => node.places.first_mut(),
            Side::New => node.places.last_mut(),
        };
        if let Some(place) = place {
            *place = Some(pointer.to_owned());
        }
        if !pointer.is_empty()
            && schema.get("id").is_some_and(|id| id.as_str().is_some_and(|id| !id.starts_with('#')))
        {
            return Err(self.malformed(
                &child(pointer, "id"),
                "an id below the root moves the base of references",
            ));
        }
        match schema.get("type") {
            Some(Value::String(word)) => node.kinds = Kinds::NONE.with(word),
            Some(Value::Array(words)) => {
                node.kinds = words.iter().filter_map(Value::as_str).fold(Kinds::NONE, Kinds::with);
            }
            _ => {}
        }
        node.words = schema.get("enum").and_then(Value::as_array).cloned();
        node.low = bound(schema, "minimum", "exclusiveMinimum");
        node.high = bound(schema, "maximum", "exclusiveMaximum");
        node.multiple = schema.get("multipleOf").and_then(|step| {
            let value = rational(step.as_number()?)?;
            Some(Multiple { value, rule: self.arena.table.multiple(step) })
        });
        node.shortest = count(schema, "minLength").unwrap_or_default();
        node.longest = count(schema, "maxLength");
        node.pattern = schema
            .get("pattern")
            .and_then(Value::as_str)
            .map(|text| self.arena.table.pattern(text));
        node.format = schema
            .get("format")
            .and_then(Value::as_str)
            .and_then(|name| self.arena.table.format(name));
        node.fewest_items = count(schema, "minItems").unwrap_or_default();
        node.most_items = count(schema, "maxItems");
        node.unique = schema.get("uniqueItems") == Some(&Value::Bool(true));
        node.fewest_members = count(schema, "minProperties").unwrap_or_default();
        node.most_members = count(schema, "maxProperties");
        if let Some(Value::Array(names)) = schema.get("required") {
            node.required = names.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        }
        self.items(&mut node, schema, pointer)?;
        self.members(&mut node, schema, pointer)?;
        node.all = self.list(schema, pointer, "allOf")?;
        node.any = self.list(schema, pointer, "anyOf")?;
        node.one = self.list(schema, pointer, "oneOf")?;
        if schema.contains_key("not") {
            node.not = Some(self.id(child(pointer, "not"))?);
        }
        Ok(node)
    }

    fn items(
        &mut self,
        node: &mut Node,
        schema: &Map<String, Value>,
        pointer: &str,
    ) -> Result<(), Unusable> {
        match schema.get("items") {
            Some(Value::Array(_)) => {
                node.tuple = self.list(schema, pointer, "items")?;
                node.rest = self.or_bool(schema, pointer, "additionalItems")?;
            }
            Some(_) => node.rest = self.or_bool(schema, pointer, "items")?,
            None => {}
        }
        Ok(())
    }

    fn members(
        &mut self,
        node: &mut Node,
        schema: &Map<String, Value>,
        pointer: &str,
    ) -> Result<(), Unusable> {
        for (keyword, is_pattern) in [("properties", false), ("patternProperties", true)] {
            let below = child(pointer, keyword);
            for name in
                schema.get(keyword).and_then(Value::as_object).into_iter().flat_map(Map::keys)
            {
                let id = self.id(child(&below, name))?;
                if is_pattern {
                    node.patterns.push((self.arena.table.pattern(name), id));
                } else {
                    node.properties.insert(name.clone(), id);
                }
            }
        }
        node.patterns.sort_unstable();
        node.additional = self.or_bool(schema, pointer, "additionalProperties")?;
        let below = child(pointer, "dependencies");
        for (name, value) in
            schema.get("dependencies").and_then(Value::as_object).into_iter().flatten()
        {
            let dependency = match value {
                Value::Array(names) => Dependency::Members(
                    names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                ),
                _ => Dependency::Schema(self.id(child(&below, name))?),
            };
            node.dependencies.insert(name.clone(), dependency);
        }
        Ok(())
    }

    fn list(
        &mut self,
        schema: &Map<String, Value>,
        pointer: &str,
        keyword: &str,
    ) -> Result<Vec<Id>, Unusable> {
        let count = schema.get(keyword).and_then(Value::as_array).map_or(0, Vec::len);
        let below = child(pointer, keyword);
        (0..count).map(|n| self.id(child(&below, &n.to_string()))).collect()
    }

    fn or_bool(
        &mut self,
        schema: &Map<String, Value>,
        pointer: &str,
        keyword: &str,
    ) -> Result<Id, Unusable> {
        match schema.get(keyword) {
            None | Some(Value::Bool(true)) => Ok(ANY),
            Some(Value::Bool(false)) => Ok(NONE),
            Some(_) => self.id(child(pointer, keyword)),
        }
    }

    /// A schema that is about the same value as a schema that it contains never ends.
    fn refuse_circles(&self, first: Id) -> Result<(), Unusable> {
        let mut done = vec![false; self.arena.nodes.len()];
        let mut open = vec![false; self.arena.nodes.len()];
        for root in first..self.arena.nodes.len() {
            let mut path = vec![(root, false)];
            while let Some((id, leaving)) = path.pop() {
                let (Some(done), Some(open)) = (done.get_mut(id), open.get_mut(id)) else {
                    continue;
                };
                if leaving {
                    *open = false;
                    *done = true;
                } else if *open {
                    let places = &self.arena.node(id).places;
                    let pointer = places.iter().flatten().next().cloned().unwrap_or_default();
                    return Err(Unusable::Cyclic { side: self.side, pointer });
                } else if !*done {
                    *open = true;
                    path.push((id, true));
                    path.extend(self.arena.node(id).in_place().into_iter().map(|id| (id, false)));
                }
            }
        }
        Ok(())
    }
}

fn bound(schema: &Map<String, Value>, keyword: &str, exclusive: &str) -> Option<Bound> {
    let number: &Number = schema.get(keyword).and_then(Value::as_number)?;
    let open = schema.get(exclusive) == Some(&Value::Bool(true));
    Some(Bound { value: rational(number)?, open })
}

fn count(schema: &Map<String, Value>, keyword: &str) -> Option<u64> {
    schema.get(keyword).and_then(Value::as_u64)
}

/// Both validators of a question; building them is what tells a malformed schema.
pub fn validators(
    old: &Value,
    new: &Value,
) -> Result<(jsonschema::Validator, jsonschema::Validator), Unusable> {
    check(old, Side::Old)?;
    check(new, Side::New)?;
    Ok((validator::build(old, Side::Old)?, validator::build(new, Side::New)?))
}
