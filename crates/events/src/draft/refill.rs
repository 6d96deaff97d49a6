//! A `Value` tree filled anew in place: what `serde_json::to_value` gives, without allocating again
//! what the last event of the same shape left there.
//!
//! Sealing an event needs a tree, since that is what validators take. Events of one type mostly have
//! one shape, and then only texts and numbers change. Where an object's members differ it is put
//! together anew, from what it had as far as that goes.

use std::fmt::{self, Display, Write as _};

use serde::Serialize;
use serde::ser::{self, Impossible, Serializer};
use serde_json::{Map, Value, map};

/// Makes `slot` what `to_value(value)` is. An error is one of `to_value`, and leaves anything there.
pub(super) fn refill<T: Serialize + ?Sized>(
    slot: &mut Value,
    value: &T,
) -> Result<(), serde_json::Error> {
    let mut same = |anew| value.serialize(Slot { tree: slot, anew }).is_ok();
    if !same(false) && !same(true) {
        *slot = serde_json::to_value(value)?;
    }
    Ok(())
}

/// The tree has another shape here, or what is written is left to `to_value`.
#[derive(Debug)]
struct Differs;

impl Display for Differs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another shape")
    }
}

impl std::error::Error for Differs {}

impl ser::Error for Differs {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

type Outcome = Result<(), Differs>;

fn put<T: Serialize + ?Sized>(slot: &mut Value, value: &T) -> Outcome {
    refill(slot, value).map_err(|_| Differs)
}

/// Serializes into one place of the tree. What is not here is left to `to_value`.
struct Slot<'a> {
    tree: &'a mut Value,
    /// Whether an object or array is made here if there is none that fits.
    anew: bool,
}

macro_rules! left_to_to_value {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $result:ty;)+) => {
        $(fn $name(self, $($argument: $kind),*) -> Result<$result, Differs> {
            $(let _ = $argument;)*
            Err(Differs)
        })+
    };
}

impl<'a> Serializer for Slot<'a> {
    type Ok = ();
    type Error = Differs;
    type SerializeSeq = Items<'a>;
    type SerializeTuple = Impossible<(), Differs>;
    type SerializeTupleStruct = Impossible<(), Differs>;
    type SerializeTupleVariant = Impossible<(), Differs>;
    type SerializeMap = Members<'a>;
    type SerializeStruct = Members<'a>;
    type SerializeStructVariant = Impossible<(), Differs>;

    fn serialize_bool(self, value: bool) -> Outcome {
        *self.tree = Value::from(value);
        Ok(())
    }

    fn serialize_i64(self, value: i64) -> Outcome {
        *self.tree = Value::from(value);
        Ok(())
    }

    fn serialize_u64(self, value: u64) -> Outcome {
        *self.tree = Value::from(value);
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Outcome {
        *self.tree = Value::from(value);
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Outcome {
        match self.tree {
            Value::String(text) => {
                text.clear();
                text.push_str(value);
            }
            slot => *slot = Value::String(value.to_owned()),
        }
        Ok(())
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Outcome {
        if !self.tree.is_string() {
            *self.tree = Value::String(String::new());
        }
        let Value::String(text) = self.tree else { return Err(Differs) };
        text.clear();
        write!(text, "{value}").map_err(|_| Differs)
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Outcome {
        self.serialize_str(variant)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Outcome {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Outcome {
        value.serialize(self)
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<Items<'a>, Differs> {
        if self.anew && !self.tree.is_array() {
            *self.tree = Value::Array(Vec::new());
        }
        match self.tree {
            Value::Array(items) => Ok(Items { items, filled: 0 }),
            _ => Err(Differs),
        }
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Members<'a>, Differs> {
        Members::of(self, length)
    }

    fn serialize_struct(self, _name: &'static str, length: usize) -> Result<Members<'a>, Differs> {
        Members::of(self, Some(length))
    }

    left_to_to_value! {
        serialize_i8(value: i8) -> ();
        serialize_i16(value: i16) -> ();
        serialize_i32(value: i32) -> ();
        serialize_u8(value: u8) -> ();
        serialize_u16(value: u16) -> ();
        serialize_u32(value: u32) -> ();
        serialize_f32(value: f32) -> ();
        serialize_char(value: char) -> ();
        serialize_bytes(value: &[u8]) -> ();
        serialize_none() -> ();
        serialize_unit() -> ();
        serialize_unit_struct(name: &'static str) -> ();
        serialize_tuple(length: usize) -> Self::SerializeTuple;
        serialize_tuple_struct(name: &'static str, length: usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(
            name: &'static str, index: u32, variant: &'static str, length: usize
        ) -> Self::SerializeTupleVariant;
        serialize_struct_variant(
            name: &'static str, index: u32, variant: &'static str, length: usize
        ) -> Self::SerializeStructVariant;
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Outcome {
        Err(Differs)
    }
}

/// The items of an array, which may become more or fewer.
struct Items<'a> {
    items: &'a mut Vec<Value>,
    filled: usize,
}

impl ser::SerializeSeq for Items<'_> {
    type Ok = ();
    type Error = Differs;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Outcome {
        if self.filled == self.items.len() {
            self.items.push(Value::Null);
        }
        let slot = self.items.get_mut(self.filled).ok_or(Differs)?;
        self.filled += 1;
        put(slot, value)
    }

    fn end(self) -> Outcome {
        self.items.truncate(self.filled);
        Ok(())
    }
}

/// The members of an object.
struct Members<'a> {
    place: Place<'a>,
    /// The key that was just given; always a text.
    key: Value,
}

enum Place<'a> {
    /// They must be the same ones in the same order.
    Same(map::IterMut<'a>),
    /// Put together from the old ones, whatever they are.
    Anew { tree: &'a mut Value, old: Map<String, Value>, new: Map<String, Value> },
}

impl<'a> Members<'a> {
    fn of(slot: Slot<'a>, length: Option<usize>) -> Result<Self, Differs> {
        let Slot { tree, anew } = slot;
        let place = match tree {
            tree if anew => {
                let old = match tree.take() {
                    Value::Object(old) => old,
                    _ => Map::new(),
                };
                Place::Anew { tree, old, new: Map::with_capacity(length.unwrap_or(0)) }
            }
            Value::Object(members) if length.is_none_or(|length| length == members.len()) => {
                Place::Same(members.iter_mut())
            }
            _ => return Err(Differs),
        };
        Ok(Self { place, key: Value::Null })
    }

    fn member<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Outcome {
        match &mut self.place {
            Place::Same(left) => match left.next() {
                Some((name, slot)) if name == key => put(slot, value),
                _ => Err(Differs),
            },
            Place::Anew { old, new, .. } => {
                let (name, mut slot) = match old.swap_remove_entry(key) {
                    Some(member) => member,
                    None => (key.to_owned(), Value::Null),
                };
                put(&mut slot, value)?;
                new.insert(name, slot);
                Ok(())
            }
        }
    }

    fn finish(self) -> Outcome {
        match self.place {
            Place::Same(mut left) => left.next().is_none().then_some(()).ok_or(Differs),
            Place::Anew { tree, new, .. } => {
                *tree = Value::Object(new);
                Ok(())
            }
        }
    }
}

impl ser::SerializeStruct for Members<'_> {
    type Ok = ();
    type Error = Differs;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Outcome {
        self.member(key, value)
    }

    fn end(self) -> Outcome {
        self.finish()
    }
}

impl ser::SerializeMap for Members<'_> {
    type Ok = ();
    type Error = Differs;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Outcome {
        // In this place only texts stay what they are; as keys, numbers become texts.
        put(&mut self.key, key)?;
        if self.key.is_string() { Ok(()) } else { Err(Differs) }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Outcome {
        let key = std::mem::take(&mut self.key);
        let outcome = self.member(key.as_str().ok_or(Differs)?, value);
        self.key = key;
        outcome
    }

    fn end(self) -> Outcome {
        self.finish()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[derive(Serialize, Clone, PartialEq, Eq, PartialOrd, Ord)]
    struct Newtype(String);

    #[derive(Serialize, Clone)]
    struct Sample {
        text: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        number: Option<f64>,
        none: Option<i64>,
        list: Vec<Inner>,
        map: BTreeMap<String, u64>,
        keyed: BTreeMap<i64, Newtype>,
        pair: (bool, char),
    }

    #[derive(Serialize, Clone)]
    struct Inner {
        kind: Kind,
        small: u8,
    }

    #[derive(Serialize, Clone)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Plain,
        Rich(i64),
        Named { name: String },
    }

    fn samples() -> Vec<Sample> {
        let inner = |kind| Inner { kind, small: 7 };
        let base = Sample {
            text: "a".to_owned(),
            number: None,
            none: None,
            list: Vec::new(),
            map: BTreeMap::new(),
            keyed: BTreeMap::new(),
            pair: (true, 'x'),
        };
        vec![
            base.clone(),
            Sample { text: "longer than before".to_owned(), number: Some(0.1), ..base.clone() },
            Sample { number: Some(f64::NAN), none: Some(-1), ..base.clone() },
            Sample { list: vec![inner(Kind::Plain), inner(Kind::Rich(5))], ..base.clone() },
            Sample { list: vec![inner(Kind::Named { name: "n".to_owned() })], ..base.clone() },
            Sample { list: vec![inner(Kind::Plain); 3], pair: (false, 'ü'), ..base.clone() },
            Sample {
                map: [("a".to_owned(), 1), ("b".to_owned(), u64::MAX)].into(),
                ..base.clone()
            },
            Sample { map: [("a".to_owned(), 2), ("c".to_owned(), 3)].into(), ..base.clone() },
            Sample { map: [("c".to_owned(), 3)].into(), ..base.clone() },
            Sample { keyed: [(-1, Newtype("x".to_owned()))].into(), ..base },
        ]
    }

    /// After whatever was there before, it is what `to_value` gives, members in the same order.
    #[test]
    fn a_refilled_tree_is_that_of_to_value() {
        let samples = samples();
        let mut slot = json!("something else");
        for before in &samples {
            for after in &samples {
                for sample in [before, after] {
                    refill(&mut slot, sample).unwrap();
                    let fresh = serde_json::to_value(sample).unwrap();
                    assert_eq!(slot, fresh);
                    assert_eq!(slot.to_string(), fresh.to_string());
                }
            }
        }
    }

    #[test]
    fn an_error_is_that_of_to_value() {
        let bad: BTreeMap<Vec<u8>, u8> = [(vec![1], 1)].into();
        for mut slot in [json!(null), json!({}), json!({ "a": 1 })] {
            let error = refill(&mut slot, &bad).unwrap_err();
            assert_eq!(error.to_string(), serde_json::to_value(&bad).unwrap_err().to_string());
        }
    }
}
