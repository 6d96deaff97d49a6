//! The platform's own schemas: every type's whole event against itself and against mutations,
//! within the time that a build can spare.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;
use std::time::{Duration, Instant};

use doorward_schema_compatibility::{Inclusion, Limits, Reading, Side, changes, explain, included};
use doorward_schema_repository::{Form, Repository, compose};
use serde_json::{Value, json};

fn events() -> Vec<(String, Value, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas");
    let repository = Repository::load(&folder).unwrap();
    let forms = |form| repository.types.iter().map(move |source| (source, form));
    let composed: Vec<Value> = [Form::Writer, Form::Reader]
        .into_iter()
        .flat_map(forms)
        .map(|(source, form)| compose(&repository, source, form).unwrap())
        .collect();
    let (writers, readers) = composed.split_at(repository.types.len());
    let names = repository.types.iter().map(|source| source.name.clone());
    names
        .zip(writers.iter().cloned().zip(readers.iter().cloned()))
        .map(|(name, (writer, reader))| (name, writer, reader))
        .collect()
}

/// The longest that one question took so far.
struct Watch(Duration, String);

impl Watch {
    fn ask(&mut self, what: &str, sub: &Value, sup: &Value) -> Inclusion {
        let begun = Instant::now();
        let verdict = included(sub, sup, &Limits::default()).unwrap();
        if begun.elapsed() > self.0 {
            (self.0, self.1) = (begun.elapsed(), what.to_owned());
        }
        verdict
    }
}

#[test]
fn every_type_is_within_itself_and_within_its_readers_form() {
    let events = events();
    assert!(events.len() >= 53, "{} types", events.len());
    let mut watch = Watch(Duration::ZERO, String::new());
    for (name, writer, reader) in &events {
        assert_eq!(watch.ask(name, writer, writer), Inclusion::Proved, "{name}");
        assert_eq!(watch.ask(name, writer, reader), Inclusion::Proved, "{name}: writer in reader");
        assert!(
            matches!(watch.ask(name, reader, writer), Inclusion::Refuted(_)),
            "{name}: reader in writer"
        );
    }
    assert!(watch.0 < Duration::from_secs(5), "{}: {:?}", watch.1, watch.0);
}

#[test]
fn a_mutation_of_each_type_is_refuted_and_its_opposite_proved() {
    let mut watch = Watch(Duration::ZERO, String::new());
    for (name, writer, _) in events() {
        // One more required member, one closed word less, one bound tighter, deep in a definition.
        let mut narrower = vec![];
        let mut longer = writer.clone();
        longer["required"].as_array_mut().unwrap().push(json!("unheard_of"));
        narrower.push(("required", longer));
        let mut bounds = Vec::new();
        lengths(&writer, "", &mut bounds);
        for pointer in bounds.iter().take(3).chain(bounds.last()) {
            let mut tighter = writer.clone();
            let place = tighter.pointer_mut(pointer).unwrap();
            *place = json!(place.as_u64().unwrap().saturating_sub(1));
            narrower.push((pointer, tighter));
        }
        for (what, new) in narrower {
            let begun = format!("{name} {what}");
            let verdict = watch.ask(&begun, &writer, &new);
            assert!(!matches!(verdict, Inclusion::Undecided(_)), "{begun}: {verdict:?}");
            if what != "required" {
                assert_eq!(watch.ask(&begun, &new, &writer), Inclusion::Proved, "{begun}");
                let told = changes(&writer, &new).unwrap();
                assert_eq!(told.len(), 1, "{begun}: {told:?}");
                if matches!(verdict, Inclusion::Refuted(_)) {
                    let reading =
                        Reading { old: &writer, new: &new, writer: Side::Old, written: &writer };
                    let explained = explain(&told, &reading, &Limits::default()).unwrap();
                    assert_eq!(explained.rest, Inclusion::Proved, "{begun}");
                    assert!(explained.shown[0].alone, "{begun}: {explained:?}");
                }
            }
        }
    }
    assert!(watch.0 < Duration::from_secs(5), "{}: {:?}", watch.1, watch.0);
}

/// Pointers to every `maxLength` outside of a map of members.
fn lengths(value: &Value, at: &str, into: &mut Vec<String>) {
    for (name, member) in value.as_object().into_iter().flatten() {
        let below = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        if name == "maxLength" && member.is_u64() {
            into.push(below);
        } else {
            lengths(member, &below, into);
        }
    }
}
