//! Payloads with a value that no table can hold in one place.

use serde_json::{Value, json};

/// One place of a payload, and the payload with each of several values in it.
pub struct Place {
    pub mutants: Vec<String>,
}

/// Every leaf of a JSON payload; of any other payload, the whole text.
pub fn places(payload: &str) -> Vec<Place> {
    match serde_json::from_str::<Value>(payload) {
        Ok(whole) if whole.is_object() || whole.is_array() => {
            let mut pointers = Vec::new();
            leaves(&whole, String::new(), &mut pointers);
            pointers
                .into_iter()
                .map(|pointer| {
                    let mutant = |value: Value| {
                        let mut whole = whole.clone();
                        *whole.pointer_mut(&pointer).unwrap() = value;
                        whole.to_string()
                    };
                    let leaf = whole.pointer(&pointer).unwrap();
                    Place { mutants: strangers(leaf).into_iter().map(mutant).collect() }
                })
                .collect()
        }
        _ => vec![Place { mutants: texts(payload) }],
    }
}

fn leaves(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, inner) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                leaves(inner, format!("{at}/{name}"), found);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, inner) in items.iter().enumerate() {
                leaves(inner, format!("{at}/{index}"), found);
            }
        }
        _ => found.push(at),
    }
}

/// Values that stand nowhere in this leaf's place. Another boolean is a state of its own, so none
/// is put where one was; nor where there was nothing.
fn strangers(leaf: &Value) -> Vec<Value> {
    let mut found = vec![
        json!("no such word"),
        json!(987_654),
        json!(-987_654.5),
        json!(1e300),
        json!({"no": "such"}),
        json!(["no such word"]),
    ];
    match leaf {
        Value::String(text) => {
            found.push(json!(format!(" {text}")));
            found.push(json!(format!("x{text}")));
            // Behind a colon there may stand details that nobody reads.
            if !text.contains(':') {
                found.push(json!(format!("{text} ")));
                found.push(json!(format!("{text}x")));
            }
            found.extend([json!(true), json!(false), json!(0), json!(1)]);
        }
        Value::Number(number) => {
            found.push(json!(number.to_string()));
            found.extend([json!(true), json!(false)]);
        }
        Value::Bool(flag) => found.extend([json!(flag.to_string()), json!(0), json!(1)]),
        Value::Null | Value::Array(_) | Value::Object(_) => {}
    }
    found
}

fn texts(payload: &str) -> Vec<String> {
    let mut found: Vec<String> = [
        "no such word",
        "987654",
        "-987654.5",
        "1e300",
        "null",
        "{}",
        "[]",
        "nan",
        "inf",
        "None",
        "\u{0}",
        "ä",
    ]
    .map(str::to_owned)
    .into();
    if !payload.is_empty() {
        found.push(format!("{payload}x"));
        found.push(format!("{payload}.0"));
    }
    // Around a word in quotes blanks are JSON's own.
    if !payload.is_empty() && !payload.starts_with('"') {
        found.push(format!("{payload} "));
        found.push(format!(" {payload}"));
        found.push(format!("{payload}\n"));
    }
    found
}
