//! Values that a schema accepts, drawn at random.

use fastrand::Rng;
use jiff::Timestamp;
use serde_json::{Map, Number, Value};

use super::pattern::Pattern;

/// The usual length of a text, beside the bounds themselves.
const USUAL_TEXT: usize = 24;
/// The usual number of items and of map entries.
const USUAL_ITEMS: usize = 4;
/// Attempts to draw something that is not there yet.
const ATTEMPTS: usize = 64;
/// Seconds since 1970: the years 2000 to 2099.
const INSTANTS: std::ops::Range<i64> = 946_684_800..4_102_444_800;

/// How to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Optional members by chance, bounds now and then.
    Any,
    /// The same without the longest texts and lists.
    Short,
    /// Every member, at least one item, nothing long.
    Full,
}

/// Draws values of the nodes of one composed schema.
pub(super) struct Source<'a> {
    root: &'a Value,
    pub(super) rng: Rng,
    pub(super) style: Style,
}

impl<'a> Source<'a> {
    pub(super) fn new(root: &'a Value, rng: Rng, style: Style) -> Self {
        Self { root, rng, style }
    }

    /// A value that this node of the schema accepts.
    pub(super) fn value(&mut self, schema: &'a Value) -> Value {
        let schema = resolved(self.root, schema);
        if let Some(words) = schema.get("enum").and_then(Value::as_array) {
            return self.rng.choice(words).cloned().unwrap_or_default();
        }
        match schema.get("type").and_then(Value::as_str) {
            Some("string") => Value::String(self.text(schema)),
            Some("integer") => self.integer(schema),
            Some("number") => {
                let bound = |name: &str| schema.get(name).and_then(Value::as_f64).unwrap_or(0.0);
                let (low, high) = (bound("minimum"), bound("maximum"));
                let part = if self.rare() { 1.0 } else { self.rng.f64() };
                Number::from_f64(low + (high - low) * part).map_or(Value::Null, Value::Number)
            }
            Some("boolean") => Value::Bool(self.rng.bool()),
            Some("array") => self.array(schema),
            Some("object") => self.object(schema),
            _ => Value::Null,
        }
    }

    /// An instant as the library writes it, with no digits to spare.
    pub(super) fn instant(&mut self) -> Timestamp {
        let second = self.rng.i64(INSTANTS);
        let step = self.rng.choice([1, 1_000, 1_000_000, 1_000_000_000]).unwrap_or(1);
        let nanosecond = self.rng.i32(0..1_000_000_000) / step * step;
        Timestamp::new(second, nanosecond).unwrap_or_default()
    }

    /// `count` items that the array's `items` accepts; different ones where that is possible.
    pub(super) fn items(&mut self, schema: &'a Value, count: usize) -> Vec<Value> {
        let Some(of) = schema.get("items") else { return Vec::new() };
        let mut items = Vec::new();
        for _ in 0..count * ATTEMPTS {
            if items.len() == count {
                break;
            }
            let item = self.value(of);
            if !items.contains(&item) {
                items.push(item);
            }
        }
        items
    }

    /// A text that the node accepts, of exactly `length` characters where its pattern has one.
    pub(super) fn text_of(&mut self, schema: &Value, length: usize) -> String {
        match pattern(schema) {
            Some(pattern) => pattern.text(&mut self.rng, length, length, true),
            None => plain().text(&mut self.rng, length, length, true),
        }
    }

    fn text(&mut self, schema: &Value) -> String {
        if schema.get("format").is_some_and(|format| format == "date-time") {
            return self.instant().to_string();
        }
        let (min, max) = (limit(schema, "minLength", 0), limit(schema, "maxLength", 0));
        let longest = self.style == Style::Any && self.rare();
        let most = if longest { max } else { max.min(USUAL_TEXT.max(min)) };
        let pattern = pattern(schema).unwrap_or_else(plain);
        let refused = schema.pointer("/not").and_then(self::pattern);
        let mut text = String::new();
        for _ in 0..ATTEMPTS {
            let most = if self.rare() && !longest { min } else { most };
            text = pattern.text(&mut self.rng, min, most, longest);
            if refused.as_ref().is_none_or(|refused| !refused.matches(&text)) {
                break;
            }
        }
        text
    }

    fn integer(&mut self, schema: &Value) -> Value {
        let bound = |name: &str| schema.get(name);
        let low = bound("minimum").and_then(Value::as_i64).unwrap_or(0);
        // Sequences go up to the largest `u64`; nothing that does is negative.
        let high = bound("maximum").and_then(Value::as_u64).unwrap_or(u64::MAX);
        let span = high.saturating_add_signed(low.saturating_neg());
        let above = match self.rng.u8(0..8) {
            0 => 0,
            1 => span,
            2..5 => self.rng.u64(0..=span.min(100)),
            _ => self.rng.u64(0..=span),
        };
        match low {
            0.. => Value::from(low.unsigned_abs() + above),
            _ => Value::from(low.saturating_add_unsigned(above)),
        }
    }

    fn array(&mut self, schema: &'a Value) -> Value {
        let count = self.count(limit(schema, "minItems", 0), limit(schema, "maxItems", 0));
        let unique = schema.get("uniqueItems") == Some(&Value::Bool(true));
        let Some(of) = schema.get("items") else { return Value::Array(Vec::new()) };
        if unique {
            return Value::Array(self.items(schema, count));
        }
        Value::Array((0..count).map(|_| self.value(of)).collect())
    }

    fn object(&mut self, schema: &'a Value) -> Value {
        let mut members = Map::new();
        let least = limit(schema, "minProperties", 0);
        let properties = schema.get("properties").and_then(Value::as_object);
        let mut left_out = Vec::new();
        for (name, of) in properties.into_iter().flatten() {
            if is_required(schema, name) || self.style == Style::Full || self.rng.bool() {
                members.insert(name.clone(), self.value(of));
            } else {
                left_out.push((name, of));
            }
        }
        self.rng.shuffle(&mut left_out);
        for (name, of) in left_out.into_iter().take(least.saturating_sub(members.len())) {
            members.insert(name.clone(), self.value(of));
        }
        let named = schema.get("patternProperties").and_then(Value::as_object);
        for (name, of) in named.into_iter().flatten() {
            let name = parsed(name);
            let count = self.count(least, limit(schema, "maxProperties", 0));
            for _ in 0..count {
                let longest = self.style == Style::Any && self.rare();
                let most = if longest { usize::from(u8::MAX) } else { USUAL_TEXT };
                members.insert(name.text(&mut self.rng, 0, most, longest), self.value(of));
            }
        }
        Value::Object(members)
    }

    fn count(&mut self, min: usize, max: usize) -> usize {
        let usual = max.min(USUAL_ITEMS.max(min));
        let all = self.style == Style::Any && self.rare();
        match self.style {
            Style::Full => self.rng.usize(min.max(1).min(usual)..=usual),
            _ if all => max,
            _ => self.rng.usize(min..=usual),
        }
    }

    /// One in twelve.
    fn rare(&mut self) -> bool {
        self.rng.u8(0..12) == 0
    }
}

/// The node that a node stands for.
pub(super) fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let mut schema = schema;
    while let Some(reference) = schema.get("$ref").and_then(Value::as_str)
        && let Some(target) = reference.strip_prefix('#').and_then(|path| root.pointer(path))
    {
        schema = target;
    }
    schema
}

/// The keyword's number, or `otherwise`.
pub(super) fn limit(schema: &Value, keyword: &str, otherwise: usize) -> usize {
    let number = schema.get(keyword).and_then(Value::as_u64);
    number.and_then(|number| usize::try_from(number).ok()).unwrap_or(otherwise)
}

/// Whether the object must have this member.
pub(super) fn is_required(schema: &Value, name: &str) -> bool {
    let required = schema.get("required").and_then(Value::as_array);
    required.is_some_and(|required| required.iter().any(|other| other == name))
}

/// The node's pattern.
pub(super) fn pattern(schema: &Value) -> Option<Pattern> {
    schema.get("pattern").and_then(Value::as_str).map(parsed)
}

#[expect(clippy::panic, reason = "a construct that the generator must learn: no test may go on")]
pub(super) fn parsed(pattern: &str) -> Pattern {
    Pattern::parse(pattern).unwrap_or_else(|e| panic!("the pattern {pattern}: {e}"))
}

fn plain() -> Pattern {
    parsed("^[ -~]*$")
}
