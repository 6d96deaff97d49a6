//! Makes a counterexample as small as it can be: what is left in it matters.

use serde_json::{Map, Value};

/// The smaller documents that are tried.
const MOST_TRIES: usize = 3_000;

/// The smallest document that still shows the difference, by leaving out and simplifying.
pub fn shrink(document: Value, shows: &dyn Fn(&Value) -> bool) -> Value {
    let mut tries = MOST_TRIES;
    let mut best = document;
    'again: while tries > 0 {
        for smaller in simpler(&best) {
            if tries == 0 {
                break;
            }
            tries -= 1;
            if shows(&smaller) {
                best = smaller;
                continue 'again;
            }
        }
        break;
    }
    best
}

/// Documents a little simpler than this one, the much simpler first.
fn simpler(value: &Value) -> Vec<Value> {
    match value {
        Value::Null | Value::Bool(_) => Vec::new(),
        Value::Number(number) => {
            let whole = number.as_i64().filter(|n| *n != 0);
            let whole = whole
                .into_iter()
                .flat_map(|n| [Value::from(0), Value::from(n / 2), Value::from(n - n.signum())]);
            let float = number.as_f64().filter(|_| number.is_f64());
            let float = float.into_iter().flat_map(|f| [0.5, 1.5, f.trunc(), f.trunc() + 0.5]);
            let float = float.filter(|f| number.as_f64().is_some_and(|n| f.abs() < n.abs()));
            whole.chain(float.map(Value::from)).collect()
        }
        Value::String(text) => {
            let characters: Vec<char> = text.chars().collect();
            let mut all = Vec::new();
            let half = characters.len() / 2;
            for keep in [0, half, characters.len().saturating_sub(1)] {
                if keep < characters.len() {
                    all.push(characters.iter().take(keep).collect::<String>());
                }
            }
            all.into_iter().map(Value::from).collect()
        }
        Value::Array(items) => {
            let without = (0..items.len()).rev().map(|n| {
                let mut fewer = items.clone();
                fewer.remove(n);
                Value::Array(fewer)
            });
            let inside = items.iter().enumerate().flat_map(|(n, item)| {
                simpler(item).into_iter().map(move |item| {
                    let mut changed = items.clone();
                    if let Some(place) = changed.get_mut(n) {
                        *place = item;
                    }
                    Value::Array(changed)
                })
            });
            without.chain(inside).collect()
        }
        Value::Object(members) => {
            let without = members.keys().map(|name| {
                let kept = members.iter().filter(|(other, _)| *other != name);
                Value::Object(kept.map(|(k, v)| (k.clone(), v.clone())).collect::<Map<_, _>>())
            });
            let inside = members.iter().flat_map(|(name, value)| {
                simpler(value).into_iter().map(move |value| {
                    let mut changed = members.clone();
                    changed.insert(name.clone(), value);
                    Value::Object(changed)
                })
            });
            without.chain(inside).collect()
        }
    }
}
