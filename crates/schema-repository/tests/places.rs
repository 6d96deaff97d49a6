//! The scanner reads what the parser reads, knows where it stands, and survives any text.

#![allow(clippy::unwrap_used, reason = "a test ends where it is wrong")]

use doorward_schema_repository::Document;
use doorward_schema_repository::places::step;
use proptest::prelude::*;
use serde_json::{Map, Value};

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((".{0,4}", inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Every pointer of a document.
fn pointers(value: &Value, at: &str, out: &mut Vec<String>) {
    out.push(at.to_owned());
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                pointers(inner, &format!("{at}/{}", step(name)), out);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                pointers(inner, &format!("{at}/{index}"), out);
            }
        }
        _ => {}
    }
}

proptest! {
    #[test]
    fn what_the_parser_reads_the_scanner_reads(value in document(), pretty in any::<bool>()) {
        let text = if pretty { format!("{value:#}") } else { value.to_string() };
        let document = Document::parse("x.json", &text).unwrap();
        prop_assert_eq!(&document.value, &serde_json::from_str::<Value>(&text).unwrap());
        let mut all = Vec::new();
        pointers(&document.value, "", &mut all);
        let lines: Vec<&str> = text.split('\n').collect();
        for pointer in all {
            let place = document.place(&pointer);
            let line = lines.get(place.line - 1).unwrap();
            let rest: String = line.chars().skip(place.column - 1).collect();
            let value = document.value.pointer(&pointer).unwrap();
            let last = pointer.rsplit('/').next().unwrap();
            let name = serde_json::to_string(&last.replace("~1", "/").replace("~0", "~")).unwrap();
            let begins = match value {
                Value::Object(_) => "{".to_owned(),
                Value::Array(_) => "[".to_owned(),
                leaf => leaf.to_string(),
            };
            prop_assert!(rest.starts_with(&name) || rest.starts_with(&begins), "{pointer}: {rest}");
        }
    }

    #[test]
    fn any_text_is_read_or_refused_as_the_parser_does(text in "[\\[\\]{},:\" a1\\\\.e-]{0,30}") {
        let read = Document::parse("x.json", &text);
        match serde_json::from_str::<Value>(&text) {
            Ok(value) => match read {
                Ok(document) => prop_assert_eq!(document.value, value),
                Err(refused) => prop_assert!(refused.what.contains("twice"), "{text}: {refused}"),
            },
            Err(_) => prop_assert!(read.is_err(), "{text}"),
        }
    }
}
