//! Profiles that nobody meant to write: the loader and the expressions never panic, and end.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

use doorward_translators::profile::{self, BUILT_IN, MAX_TOPICS};
use doorward_translators::{
    Act, EndpointSetup, LockState, Message, Observation, Setup, Translator, What, Wire,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Opens the text with some endpoints; whatever comes of it is bounded.
fn hold(text: &str, addresses: &[String]) {
    let endpoints = addresses.iter().map(|address| EndpointSetup {
        identity: "x".to_owned(),
        address: address.clone(),
        settings: json!({"kind": "strike", "contact": "on_when_open"}).as_object().unwrap().clone(),
    });
    let setup = Setup {
        ecosystem: "own".to_owned(),
        profile: Some(text.to_owned()),
        endpoints: endpoints.collect(),
        ..Setup::default()
    };
    match profile::open(&setup) {
        Ok(opened) => {
            assert!(opened.warnings.iter().all(|fault| fault.warning));
            let Wire::Mqtt(translator) = opened.wire else { panic!("a profile speaks MQTT") };
            assert!(translator.subscriptions().len() <= MAX_TOPICS);
            for one in translator.subscriptions() {
                let name = one.filter.strip_suffix("/#").unwrap_or(&one.filter);
                assert!(!name.contains(['#', '+']) && !name.is_empty() && name.len() <= 512);
            }
            for device in translator.devices() {
                for act in Act::ALL {
                    if let Ok(sent) = translator.command(&device.address, *act) {
                        assert!(!sent.payload.is_empty() && !sent.topic.contains(['#', '+']));
                    }
                }
            }
        }
        Err(faults) => {
            assert!(faults.iter().any(|fault| !fault.warning) && faults.len() <= 100);
            for fault in faults {
                assert!(fault.key.len() <= 512 && fault.message.len() <= 512);
            }
        }
    }
}

/// A built-in profile under a name of its own.
fn own(index: usize) -> String {
    let (name, text) = BUILT_IN[index % BUILT_IN.len()];
    text.replacen(&format!("name = \"{name}\""), "name = \"own\"", 1)
}

fn addresses() -> impl Strategy<Value = Vec<String>> {
    let one = prop_oneof![
        Just("a".to_owned()),
        Just("a/POWER1".to_owned()),
        Just("a/b/cover:0".to_owned()),
        "[a-z/+#$:{}0-9]{0,12}",
        any::<String>(),
    ];
    prop::collection::vec(one, 0..3)
}

/// Texts that stand in profiles.
const PIECES: &[&str] = &[
    "[[kind]]",
    "[[kind.state]]",
    "[[sample]]",
    "[kind.command]",
    "= 1",
    "= \"\"",
    "= []",
    "= {}",
    "\"{device}\"",
    "\"{a+}/{b+}\"",
    "\"/x/~2\"",
    "\"value\"",
    "\"value ~ value\"",
    "{",
    "}",
    "\"",
    "'''",
    "[",
    "]",
    "values = { a = \"locked\" }",
    "fact = \"lock\"",
    "expression = \"1/0\"",
    "expression = \"value.a.b[0](1)\"",
    "topics = [\"#\"]",
    "choose = \"kind\"",
    "\u{0}",
    "\\u00e4",
    "1979-05-27T07:32:00Z",
    "inf",
    "nan",
    "-1",
    "9223372036854775808",
    "absent = \"unknown\"",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text: String, addresses in addresses()) {
        hold(&text, &addresses);
    }

    #[test]
    fn any_tables(
        pieces in prop::collection::vec((prop::sample::select(PIECES), prop::sample::select(&["\n", " ", "."][..])), 0..40),
    ) {
        let text: String = pieces.into_iter().flat_map(|(piece, between)| [piece, between]).collect();
        hold(&format!("format = 1\nname = \"own\"\n{text}"), &[]);
    }

    #[test]
    fn a_damaged_profile(
        index: usize,
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..30, prop::sample::select(PIECES)), 1..4),
        addresses in addresses(),
    ) {
        let mut text: Vec<char> = own(index).chars().collect();
        for (at, removed, piece) in edits {
            let at = at.index(text.len());
            let end = (at + removed).min(text.len());
            text.splice(at..end, piece.chars());
        }
        hold(&text.into_iter().collect::<String>(), &addresses);
    }

    #[test]
    fn lines_of_a_profile_in_any_order(index: usize, lines in prop::collection::vec(any::<prop::sample::Index>(), 0..60)) {
        let text = own(index);
        let all: Vec<&str> = text.lines().collect();
        let some: Vec<&str> = lines.into_iter().map(|line| all[line.index(all.len())]).collect();
        hold(&some.join("\n"), &[]);
    }

    #[test]
    fn any_endpoint(index: usize, addresses in addresses()) {
        hold(&own(index), &addresses);
    }
}

/// A lock whose state is an expression, proved by two samples.
fn with_expression(expression: &str) -> Result<Box<dyn Translator>, String> {
    let text = format!(
        r#"
format = 1
name = "own"
[[kind]]
name = "lock"
address = "{{device+}}"
[[kind.state]]
fact = "lock"
topics = ["{{device}}/state"]
payload = "json"
expression = {expression:?}
values = {{ locked = "locked", unlocked = "unlocked" }}
[[sample]]
kind = "lock"
address = "a"
messages = [
    {{ topic = "a/state", payload = '{{"s":"locked"}}', expect = {{ lock = "locked" }} }},
    {{ topic = "a/state", payload = '{{"s":"unlocked"}}', expect = {{ lock = "unlocked" }} }},
]
"#
    );
    let setup = Setup {
        ecosystem: "own".to_owned(),
        profile: Some(text),
        endpoints: vec![EndpointSetup {
            identity: "x".to_owned(),
            address: "d".to_owned(),
            settings: serde_json::Map::new(),
        }],
        ..Setup::default()
    };
    match profile::open(&setup) {
        Ok(opened) => match opened.wire {
            Wire::Mqtt(translator) => Ok(translator),
            Wire::Serial(_) => panic!("a profile speaks MQTT"),
        },
        Err(faults) => Err(format!("{faults:?}")),
    }
}

fn translate(translator: &dyn Translator, payload: &Value) -> Vec<Observation> {
    let payload = payload.to_string();
    let message = Message { topic: "d/state", payload: payload.as_bytes(), retained: false };
    translator.translate(&message).unwrap()
}

/// Whether the answer is unknown with an anomaly that repeats nothing of the payload.
fn is_unknown(found: &[Observation]) -> bool {
    let [state, anomaly] = found else { return false };
    matches!(state.what, What::Lock { state: LockState::Unknown, .. })
        && matches!(&anomaly.what, What::Anomaly { detail, .. } if !detail.contains("4711"))
}

#[test]
fn what_an_expression_cannot_say_is_unknown() {
    let translator = with_expression("value.s").unwrap();
    for payload in [
        json!({}),
        json!({"t": "locked"}),
        json!({"s": "x".repeat(60_000)}),
        json!({"s": "4711"}),
        json!({"s": ["locked"]}),
        json!({"s": {"locked": 4711}}),
        json!({"s": 1e300}),
        json!([]),
        json!([{"s": "locked"}]),
        json!("locked"),
        json!(4711),
    ] {
        let found = translate(translator.as_ref(), &payload);
        assert!(is_unknown(&found), "{payload:.80}: {found:?}");
    }
    assert_eq!(translate(translator.as_ref(), &json!({"s": null})), [], "null says nothing");
    let chosen = with_expression("value.s if value.s in ['locked', 'unlocked']").unwrap();
    assert!(is_unknown(&translate(chosen.as_ref(), &json!({"s": "ajar"}))));
}

/// What an expression says of a word that its author did not think of is no state.
#[test]
fn no_expression_has_a_default() {
    for expression in [
        "'locked' if value.s == 'locked' else 'unlocked'",
        "'unlocked' if value.s == 'unlocked' else 'locked'",
        "value.s if value.s in ['locked', 'unlocked'] else 'locked'",
    ] {
        let refused = with_expression(expression).err().unwrap_or_else(|| panic!("{expression}"));
        assert!(refused.contains("kind.0.state.0.expression"), "{refused}");
    }
    let strict = "'locked' if value.s == 'locked' else 'unlocked' if value.s == 'unlocked'";
    let translator = with_expression(strict).unwrap();
    assert!(is_unknown(&translate(translator.as_ref(), &json!({"s": "ajar"}))));
}

/// The longest expression over the longest payload: done in a moment, and no state.
#[test]
fn much_output_is_bounded() {
    let long = format!("value.s if 'l' in value.s and value.s|length < 9 else {}", "value.s");
    assert!(with_expression(&long).is_err(), "there is no such filter");
    let doubled = vec!["value.s"; 40].join(" ~ ");
    let translator =
        with_expression(&format!("value.s if value.s in ['locked','unlocked'] else {doubled}"))
            .unwrap();
    let started = std::time::Instant::now();
    let found = translate(translator.as_ref(), &json!({"s": "x".repeat(65_000)}));
    assert!(is_unknown(&found), "{found:?}");
    assert!(started.elapsed() < std::time::Duration::from_secs(5));
}

/// There are no statements, so nothing can loop or gather.
#[test]
fn what_could_go_on_forever_is_not_loaded() {
    for expression in [
        "{% for x in range(1000000) %}{% endfor %}",
        "{% set x = value.s ~ value.s %}{{ x }}",
        "{{ value.s }}",
        "value.s * 1000000",
        "range(1000000)",
        "namespace()",
        "value.s | replace('l', 'll')",
        "value.s if true else lipsum()",
        "cycler(1)",
        "self.x()",
        "loop.index",
    ] {
        assert!(with_expression(expression).is_err(), "{expression}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever an expression is: a state comes only out of the table.
    #[test]
    fn any_expression(parts in prop::collection::vec(prop::sample::select(&[
        "value", ".s", "payload", "[0]", "['s']", " ~ ", " + ", " - ", " / ", " // ", " % ", " == ", " < ",
        " in ", " if ", " else ", " is ", "defined", "none", "not ", "'locked'", "1", "0.5", "true",
        "(", ")", "[", "]", ",", "|number", "|parsed", "|names(['a'],[])", "{", "}", ":", " and ", " or ",
    ][..]), 0..14)) {
        if let Ok(translator) = with_expression(&parts.concat()) {
            for payload in [json!({"s": "no such word"}), json!({"s": 7}), json!({})] {
                let found = translate(translator.as_ref(), &payload);
                prop_assert!(found.is_empty() || is_unknown(&found), "{:?}", found);
            }
        }
    }
}
