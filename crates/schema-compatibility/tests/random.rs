//! Schemas and documents drawn at random try to refute what was proved: the one fault that an
//! engine of proofs must not have.
#![allow(clippy::unwrap_used, clippy::panic)]

use doorward_schema_compatibility::{Inclusion, Limits, Reading, Side, changes, explain, included};
use jsonschema::{Draft, Validator};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn validator(schema: &Value) -> Validator {
    let options = jsonschema::options().with_draft(Draft::Draft4).should_validate_formats(true);
    options.build(schema).unwrap()
}

fn small_number() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-4_i64..6).prop_map(Value::from),
        (-8_i32..12).prop_map(|n| json!(f64::from(n) / 2.0)),
        Just(json!(0.1)),
        Just(json!(18_446_744_073_709_551_615_u64)),
        Just(json!(1e30)),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ab]{0,4}",
        "[a-c0-1]{0,3}",
        Just("\u{e9}\u{1F600}".to_owned()),
        Just("2001-02-03".to_owned())
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![Just("a"), Just("b"), Just("ab"), Just("c1"), Just("")].prop_map(str::to_owned)
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        small_number(),
        text().prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn keyword(inner: &BoxedStrategy<Value>) -> BoxedStrategy<(&'static str, Value)> {
    let count = || (0_u64..4).prop_map(Value::from);
    let word = || {
        prop::sample::select(vec![
            "null", "boolean", "integer", "number", "string", "array", "object",
        ])
    };
    let pattern = || {
        prop::sample::select(vec![
            "^a",
            "b$",
            "^[ab]*$",
            "a",
            "^a{1,2}$",
            "^$",
            ".",
            "^(ab|c[0-9])$",
            "[^a]",
        ])
    };
    let several = prop::collection::vec(inner.clone(), 1..4).prop_map(Value::from).boxed();
    let named = prop::collection::vec((name(), inner.clone()), 0..4)
        .prop_map(|m| Value::Object(m.into_iter().collect::<Map<_, _>>()))
        .boxed();
    let matched = prop::collection::vec((pattern().prop_map(str::to_owned), inner.clone()), 0..3)
        .prop_map(|m| Value::Object(m.into_iter().collect::<Map<_, _>>()));
    let names = prop::collection::btree_set(name(), 1..3).prop_map(|names| json!(names)).boxed();
    let rest = || prop_oneof![Just(json!(false)), Just(json!(true)), inner.clone()];
    let depends =
        (name(), prop_oneof![names.clone(), inner.clone()]).prop_map(|(n, d)| json!({ n: d }));
    prop_oneof![
        6 => word().prop_map(|word| ("type", json!(word))),
        2 => prop::collection::btree_set(word(), 1..4).prop_map(|words| ("type", json!(words))),
        3 => prop::collection::vec(document(), 1..4).prop_map(|mut words| { words.dedup(); ("enum", Value::from(words)) }).prop_filter("distinct", |(_, words)| validator(&json!({ "uniqueItems": true })).is_valid(words)),
        1 => small_number().prop_map(|n| ("minimum", n)),
        1 => small_number().prop_map(|n| ("maximum", n)),
        1 => prop::sample::select(vec![json!(1), json!(2), json!(3), json!(0.5), json!(0.1), json!(1.5)]).prop_map(|n| ("multipleOf", n)),
        1 => count().prop_map(|n| ("minLength", n)),
        1 => count().prop_map(|n| ("maxLength", n)),
        2 => pattern().prop_map(|p| ("pattern", json!(p))),
        1 => prop::sample::select(vec!["date", "ipv4", "email", "unknown"]).prop_map(|f| ("format", json!(f))),
        1 => count().prop_map(|n| ("minItems", n)),
        1 => count().prop_map(|n| ("maxItems", n)),
        1 => Just(("uniqueItems", json!(true))),
        2 => inner.clone().prop_map(|items| ("items", items)),
        2 => several.clone().prop_map(|items| ("items", items)),
        1 => rest().prop_map(|items| ("additionalItems", items)),
        1 => count().prop_map(|n| ("minProperties", n)),
        1 => count().prop_map(|n| ("maxProperties", n)),
        2 => names.prop_map(|names| ("required", names)),
        3 => named.prop_map(|members| ("properties", members)),
        2 => matched.prop_map(|members| ("patternProperties", members)),
        2 => rest().prop_map(|rest| ("additionalProperties", rest)),
        1 => depends.prop_map(|d| ("dependencies", d)),
        1 => several.clone().prop_map(|s| ("allOf", s)),
        2 => several.clone().prop_map(|s| ("anyOf", s)),
        1 => several.prop_map(|s| ("oneOf", s)),
        1 => inner.clone().prop_map(|s| ("not", s)),
    ]
    .boxed()
}

fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![2 => Just(json!({})), 3 => prop::sample::select(vec!["null", "boolean", "integer", "number", "string"]).prop_map(|w| json!({ "type": w })), 1 => Just(json!({ "not": {} }))];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let inner = inner.boxed();
        prop::collection::vec(keyword(&inner), 1..5).prop_map(|keywords| {
            Value::Object(keywords.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
        })
    })
}

/// A schema, and the same with a keyword or two changed somewhere: pairs that are nearly alike.
fn pair() -> impl Strategy<Value = (Value, Value)> {
    let near = (schema(), schema(), any::<prop::sample::Index>()).prop_map(|(base, graft, at)| {
        let mut changed = base.clone();
        let places = places(&base, "");
        if let (Some(Value::Object(here)), Value::Object(graft)) =
            (changed.pointer_mut(at.get::<String>(&places)), graft)
        {
            here.extend(graft);
        }
        (base, changed)
    });
    prop_oneof![3 => near, 1 => (schema(), schema())]
}

fn places(schema: &Value, at: &str) -> Vec<String> {
    let mut all = vec![at.to_owned()];
    for (keyword, value) in schema.as_object().into_iter().flatten() {
        match (keyword.as_str(), value) {
            ("properties", Value::Object(members)) => {
                for (name, inner) in members {
                    all.extend(places(inner, &format!("{at}/properties/{name}")));
                }
            }
            ("items" | "allOf" | "anyOf" | "oneOf", Value::Array(items)) => {
                for (n, inner) in items.iter().enumerate() {
                    all.extend(places(inner, &format!("{at}/{keyword}/{n}")));
                }
            }
            ("items" | "additionalProperties" | "not", Value::Object(_)) => {
                all.extend(places(value, &format!("{at}/{keyword}")));
            }
            _ => {}
        }
    }
    all
}

fn limits() -> Limits {
    Limits { steps: 6_000, ..Limits::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(700), max_shrink_iters: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_refutes_what_was_proved((sub, sup) in pair(), documents in prop::collection::vec(document(), 60)) {
        let verdict = included(&sub, &sup, &limits()).unwrap();
        let (accepting, refusing) = (validator(&sub), validator(&sup));
        match verdict {
            Inclusion::Proved => {
                for document in &documents {
                    prop_assert!(!accepting.is_valid(document) || refusing.is_valid(document), "{document} refutes what was proved: {sub} in {sup}");
                }
            }
            Inclusion::Refuted(found) => {
                prop_assert!(accepting.is_valid(&found.document) && !refusing.is_valid(&found.document), "{found:?}");
            }
            Inclusion::Undecided(_) => {}
        }
    }

    /// What one schema excludes of another's words is found or proved, both ways round: the
    /// engine's own counterexamples are the sharpest documents to try its proofs with.
    #[test]
    fn proofs_chain((a, b) in pair(), c in schema()) {
        let limits = limits();
        let union = json!({ "anyOf": [b, c] });
        if included(&a, &b, &limits).unwrap() == Inclusion::Proved {
            prop_assert!(!matches!(included(&a, &union, &limits).unwrap(), Inclusion::Refuted(_)), "{a} in {b} is proved, in {union} refuted");
        }
        if let Inclusion::Refuted(found) = included(&a, &union, &limits).unwrap() {
            prop_assert!(!validator(&b).is_valid(&found.document));
            prop_assert!(included(&a, &b, &limits).unwrap() != Inclusion::Proved, "{a} in {b}");
        }
        prop_assert_eq!(included(&a, &a, &limits).unwrap(), Inclusion::Proved);
    }

    #[test]
    fn what_shows_a_change_is_refused((old, new) in pair()) {
        let told = changes(&old, &new).unwrap();
        let told = told.get(..4).unwrap_or(&told);
        for (writer, written, reader) in [(Side::Old, &old, &new), (Side::New, &new, &old)] {
            let reading = Reading { old: &old, new: &new, writer, written };
            let explained = explain(told, &reading, &limits()).unwrap();
            for shown in &explained.shown {
                let document = &shown.example.document;
                prop_assert!(validator(written).is_valid(document) && !validator(reader).is_valid(document), "{shown:?}");
            }
            match included(written, reader, &limits()).unwrap() {
                Inclusion::Proved => prop_assert!(explained.shown.is_empty(), "{explained:?}"),
                Inclusion::Refuted(_) => prop_assert!(!explained.shown.is_empty() || explained.rest != Inclusion::Proved, "{explained:?}"),
                Inclusion::Undecided(_) => {}
            }
        }
    }
}
