//! What every ecosystem must keep to, whoever wrote it. The ecosystems come from the registry, so a
//! new one is tested here without a change to this suite; what the suite needs of it is in its folder
//! under `fixtures` (see `conformance/ecosystems.rs`).
//!
//! Of an ecosystem on a serial line there are no messages to translate, so what is said here of
//! messages cannot apply: its driver's own tests play its line. What can apply does: its devices,
//! and what it sends to make them act (`a_line_sends_nothing_unsure`).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

#[path = "conformance/bounds.rs"]
mod bounds;
#[path = "conformance/ecosystems.rs"]
mod ecosystems;
#[path = "conformance/facts.rs"]
mod facts;
#[path = "conformance/mutation.rs"]
mod mutation;
#[path = "conformance/topics.rs"]
mod topics;

use std::collections::BTreeSet;
use std::time::Duration;

use doorward_translators::profile::BUILT_IN;
use doorward_translators::{Act, CannotAct, Message, RefusalReason, What, ecosystem};
use ecosystems::{Mqtt, Sample, lines, over_mqtt, read};
use facts::{Fact, facts, is_unknown, may_be_left_out};
use proptest::prelude::*;

/// Words of messages whose outcome depends on the state before.
const TOGGLING: &[&str] = &["toggle", "click", "button", "trigger", "pulse", "press"];

/// Longest wait that a translator may ask for before a read request.
const LONGEST_DELAY: Duration = Duration::from_secs(3600);

/// Everything at once, so that one run shows the whole difference.
fn report(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn message<'a>(topic: &'a str, payload: &'a [u8], retained: bool) -> Message<'a> {
    Message { topic, payload, retained }
}

#[test]
fn every_ecosystem_is_tested() {
    let tested: BTreeSet<String> = over_mqtt()
        .iter()
        .map(|one| one.name.clone())
        .chain(lines().into_iter().map(|(name, _)| name))
        .collect();
    let registered: BTreeSet<String> = ecosystem::names().map(str::to_owned).collect();
    assert_eq!(tested, registered);
    assert!(BUILT_IN.iter().all(|(name, _)| tested.contains(*name)));
    assert_eq!(ecosystem::names().count(), registered.len(), "two of one name");
}

#[test]
fn messages_mean_what_is_written_beside_them() {
    let mut wrong = Vec::new();
    for one in over_mqtt() {
        for sample in &one.samples {
            let found = one.translator.translate(&sample.message());
            if !sample.expected.agrees(&found) {
                wrong.push(format!(
                    "{} {} ({}; {} {:.80}):\n  expected {:?}\n  found    {found:?}",
                    one.name,
                    sample.place,
                    sample.note,
                    sample.topic,
                    sample.payload,
                    sample.expected
                ));
            }
        }
    }
    report(&wrong);
}

/// For each state that a sample gives: a value put in its place that no table can hold makes it
/// unknown, or makes the message say nothing of it. A value put anywhere else changes no state.
#[test]
fn unknown_values_give_no_state() {
    let mut wrong = Vec::new();
    for one in over_mqtt() {
        let mut states = 0;
        for sample in &one.samples {
            let before = facts(&one.translate(sample, sample.payload.as_bytes()));
            let known: Vec<(&Fact, &String)> =
                before.iter().filter(|(_, value)| !is_unknown(value)).collect();
            states += known.len();
            let places = mutation::places(&sample.payload);
            for (fact, value) in known {
                let mut decisive = false;
                for place in &places {
                    let mut all_gone = true;
                    for payload in &place.mutants {
                        let after = facts(&one.translate(sample, payload.as_bytes()));
                        match after.get(fact) {
                            Some(other) if other == value => all_gone = false,
                            Some(other) if !is_unknown(other) => wrong.push(format!(
                                "{} {}: {fact:?} was {value}, and is {other} with {payload}",
                                one.name, sample.place
                            )),
                            _ => {}
                        }
                    }
                    decisive |= all_gone && !place.mutants.is_empty();
                }
                if !decisive && !may_be_left_out(fact, value) {
                    wrong.push(format!(
                        "{} {}: {fact:?} is {value} whatever stands in the message",
                        one.name, sample.place
                    ));
                }
            }
        }
        if states == 0 {
            wrong.push(format!("{}: no sample gives a state", one.name));
        }
    }
    report(&wrong);
}

/// What the broker kept happened nobody knows when, and was told when it did.
#[test]
fn retained_messages_are_no_acts() {
    for one in over_mqtt() {
        for sample in &one.samples {
            let kept = message(&sample.topic, sample.payload.as_bytes(), true);
            for observation in one.translator.translate(&kept).into_iter().flatten() {
                assert!(
                    !matches!(observation.what, What::Operation { .. } | What::Credential { .. }),
                    "{} {}: {observation:?}",
                    one.name,
                    sample.place
                );
            }
        }
    }
}

#[test]
fn there_is_no_memory() {
    for one in over_mqtt() {
        let once: Vec<_> =
            one.samples.iter().map(|sample| one.translator.translate(&sample.message())).collect();
        let mut backwards: Vec<_> = one
            .samples
            .iter()
            .rev()
            .map(|sample| one.translator.translate(&sample.message()))
            .collect();
        backwards.reverse();
        assert_eq!(once, backwards, "{}", one.name);
        for sample in &one.samples {
            let key = one.translator.dedup_key(&sample.message());
            assert_eq!(key, one.translator.dedup_key(&sample.message()), "{}", one.name);
        }
    }
}

/// Only the very words say that a device is there.
#[test]
fn availability_needs_its_word() {
    let mut wrong = Vec::new();
    for one in over_mqtt() {
        let mut seen = BTreeSet::new();
        for sample in &one.samples {
            let Ok(found) = one.translator.translate(&sample.message()) else { continue };
            let said = found.iter().find_map(|observation| match observation.what {
                What::Availability { online, .. } => Some(online),
                _ => None,
            });
            let Some(online) = said else { continue };
            seen.insert(online);
            let mutants = mutation::places(&sample.payload).into_iter().flat_map(|p| p.mutants);
            for payload in mutants.chain(["{}".to_owned(), String::new()]) {
                match one.translator.translate(&message(&sample.topic, payload.as_bytes(), true)) {
                    Ok(found) if !found.is_empty() => {
                        let offline = found.iter().all(|observation| {
                            !matches!(observation.what, What::Availability { online: true, .. })
                        });
                        if !offline {
                            wrong.push(format!("{}: online with {payload:?}", one.name));
                        }
                    }
                    other => wrong.push(format!("{}: {other:?} with {payload:?}", one.name)),
                }
            }
        }
        if seen.len() < 2 {
            wrong.push(format!("{}: the samples show {seen:?} of online and not", one.name));
        }
    }
    report(&wrong);
}

/// The topics that we command on ourselves are those on which others can.
#[test]
fn commands_of_others_are_never_read() {
    for one in over_mqtt() {
        let mut topics: BTreeSet<String> = BTreeSet::new();
        for address in &one.addresses {
            let acts = Act::ALL.iter().filter_map(|act| one.translator.command(address, *act).ok());
            topics.extend(acts.chain(one.translator.read_request(address)).map(|sent| sent.topic));
        }
        let refused = one
            .samples
            .iter()
            .filter(|sample| sample.expected.refused() == Some(RefusalReason::RetainedCommand));
        topics.extend(refused.map(|sample| sample.topic.clone()));
        assert!(!topics.is_empty(), "{}: no sample of a command that the broker keeps", one.name);
        for topic in topics {
            for payload in [&b"x"[..], b"UNLOCK", b"{\"state\":\"UNLOCK\"}", &[0xff, 0], b"{"] {
                let kept = one.translator.translate(&message(&topic, payload, true));
                let refusal = kept.expect_err(&topic);
                assert_eq!(refusal.reason, RefusalReason::RetainedCommand, "{topic}");
                assert!(refusal.sensitive, "{topic}");
                assert_eq!(one.translator.translate(&message(&topic, payload, false)), Ok(vec![]));
                assert!(one.translator.is_sensitive(&topic, payload), "{topic}");
            }
            let removed = one.translator.translate(&message(&topic, b"", true));
            assert_eq!(removed, Ok(vec![]), "{topic}: one that was kept is removed");
        }
    }
}

#[test]
fn what_is_sent_is_sure() {
    for one in over_mqtt() {
        for address in &one.addresses {
            let mut sent = Vec::new();
            for act in Act::ALL {
                match one.translator.command(address, *act) {
                    Ok(publication) => sent.push((publication.topic, publication.payload)),
                    Err(error) => assert_eq!(error, CannotAct::NoSafeForm(*act), "{}", one.name),
                }
            }
            let different: BTreeSet<_> = sent.iter().collect();
            assert_eq!(different.len(), sent.len(), "{} {address}: two acts alike", one.name);
            if let Some(read) = one.translator.read_request(address) {
                assert!(!sent.contains(&(read.topic.clone(), read.payload.clone())), "{address}");
                sent.push((read.topic, read.payload));
            }
            for (topic, payload) in &sent {
                assert!(!payload.is_empty(), "{topic}");
                assert!(!topic.is_empty() && !topic.contains(['#', '+']), "{topic}");
                assert!(!topic.starts_with('$') && !topic.chars().any(char::is_control));
                let text = String::from_utf8(payload.clone()).unwrap().to_lowercase();
                for word in TOGGLING {
                    assert!(!text.contains(word), "{topic} {text}");
                }
                if text.starts_with(['{', '[']) {
                    serde_json::from_str::<serde_json::Value>(&text).unwrap();
                }
            }
        }
        assert!(one.translator.read_delay() <= LONGEST_DELAY, "{}", one.name);
    }
}

/// What locks must not unlock: every act of every device of the set-up, as written by hand.
#[test]
fn acts_are_those_that_are_written_down() {
    for one in over_mqtt() {
        let mut found = BTreeSet::new();
        for address in &one.addresses {
            for act in Act::ALL {
                if let Ok(sent) = one.translator.command(address, *act) {
                    let payload = String::from_utf8(sent.payload).unwrap();
                    found.insert([address.clone(), act.to_string(), sent.topic, payload]);
                }
            }
        }
        let written: Vec<[String; 4]> = read(&one.name, "acts.jsonl");
        let written: BTreeSet<_> = written.into_iter().collect();
        assert_eq!(found, written, "{}: [address, act, topic, payload] in acts.jsonl", one.name);
    }
}

#[test]
fn subscriptions_cover_what_is_heard() {
    for one in over_mqtt() {
        let filters: Vec<String> =
            one.translator.subscriptions().into_iter().map(|s| s.filter).collect();
        let again: Vec<String> =
            one.translator.subscriptions().into_iter().map(|s| s.filter).collect();
        assert_eq!(filters, again, "{}: always in one order", one.name);
        assert_eq!(filters.iter().collect::<BTreeSet<_>>().len(), filters.len(), "{}", one.name);
        for filter in &filters {
            assert!(!filter.is_empty() && !filter.starts_with(['$', '#', '+', '/']), "{filter}");
        }
        for sample in &one.samples {
            let heard = match one.translator.translate(&sample.message()) {
                Ok(found) => !found.is_empty(),
                Err(refusal) => refusal.reason == RefusalReason::RetainedCommand,
            };
            assert!(
                !heard || filters.iter().any(|filter| covers(filter, &sample.topic)),
                "{}: nobody subscribes to {}",
                one.name,
                sample.topic
            );
        }
    }
}

/// What others command is asked for apart, so that one for keeping is known as such; what a device
/// says is not, since there it would be taken for old.
#[test]
fn commands_have_filters_of_their_own() {
    for one in over_mqtt() {
        let filters = one.translator.subscriptions();
        let is_command =
            |topic: &str| filters.iter().any(|f| f.commands && covers(&f.filter, topic));
        for address in &one.addresses {
            for sent in Act::ALL.iter().filter_map(|act| one.translator.command(address, *act).ok())
            {
                assert!(is_command(&sent.topic), "{}: {}", one.name, sent.topic);
            }
        }
        for sample in &one.samples {
            let said = one.translator.translate(&sample.message()).is_ok_and(|all| !all.is_empty());
            assert!(!said || !is_command(&sample.topic), "{}: {}", one.name, sample.topic);
        }
    }
}

/// Whether a filter takes in the topic (MQTT 5 §4.7.1).
fn covers(filter: &str, topic: &str) -> bool {
    let mut levels = topic.split('/');
    for part in filter.split('/') {
        match (part, levels.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (part, Some(level)) if part == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

#[test]
fn listed_devices_are_those_of_the_file() {
    for one in over_mqtt() {
        let devices = one.translator.devices();
        for device in &devices {
            assert!(one.translator.is_address(&device.address), "{}", one.name);
            let listed = one.setup.endpoints.iter().any(|endpoint| {
                endpoint.identity == device.identity && endpoint.address == device.address
            });
            assert!(listed, "{} {device:?}", one.name);
            assert!(!device.capabilities.is_empty(), "{} {device:?}", one.name);
        }
        let different: BTreeSet<&str> = devices.iter().map(|d| d.address.as_str()).collect();
        assert_eq!(different.len(), devices.len(), "{}", one.name);
    }
}

#[test]
fn every_sample_is_within_bounds_whole_and_cut() {
    for one in over_mqtt() {
        for sample in &one.samples {
            for end in 0..=sample.payload.len().min(400) {
                let payload = &sample.payload.as_bytes()[..end];
                for retained in [false, true] {
                    bounds::hold(&one, &message(&sample.topic, payload, retained));
                }
            }
            for end in 0..sample.topic.len() {
                let topic = &sample.topic.as_bytes()[..end];
                let topic = String::from_utf8_lossy(topic);
                bounds::hold(&one, &message(&topic, sample.payload.as_bytes(), sample.retained));
            }
        }
    }
}

#[test]
fn no_address_is_a_pattern() {
    for one in over_mqtt() {
        for address in ["", "#", "+", "a/#", "+/a", "/", "a/", "/a", "\u{0}", "$SYS"] {
            let filled = one.addresses.first().map(|known| format!("{known}/{address}"));
            for address in [Some(address.to_owned()), filled].into_iter().flatten() {
                let heard = one.translator.is_address(&address);
                assert!(!heard || !address.contains(['#', '+', '\u{0}']), "{address:?}");
                nothing_for_strangers(&one, &address);
            }
        }
    }
}

/// Nothing is sent to what is no device.
fn nothing_for_strangers(one: &Mqtt, address: &str) {
    if one.translator.is_address(address) {
        return;
    }
    assert_eq!(one.translator.read_request(address), None, "{address:?}");
    for act in Act::ALL {
        let sent = one.translator.command(address, *act);
        assert_eq!(sent, Err(CannotAct::UnknownDevice(address.to_owned())));
    }
}

#[test]
fn a_line_sends_nothing_unsure() {
    for (name, driver) in lines() {
        let devices = driver.devices();
        let different: BTreeSet<&str> = devices.iter().map(|d| d.address.as_str()).collect();
        assert_eq!(different.len(), devices.len(), "{name}");
        for device in &devices {
            let mut sent = Vec::new();
            for act in Act::ALL {
                match driver.command(&device.address, *act) {
                    Ok(steps) => {
                        assert!(!steps.is_empty() && steps.iter().all(|s| !s.frame.is_empty()));
                        let frames: Vec<Vec<u8>> = steps.into_iter().map(|s| s.frame).collect();
                        assert!(!sent.contains(&frames), "{name} {device:?}: two acts alike");
                        sent.push(frames);
                    }
                    Err(error) => assert_eq!(error, CannotAct::NoSafeForm(*act), "{name}"),
                }
            }
        }
        for act in Act::ALL {
            let stranger = "no such device";
            let refused = driver.command(stranger, *act);
            assert_eq!(refused, Err(CannotAct::UnknownDevice(stranger.to_owned())), "{name}");
        }
    }
}

/// Topics of the samples and near them, and any others.
fn topics(samples: &[Sample]) -> impl Strategy<Value = String> {
    let known: Vec<String> = samples.iter().map(|sample| sample.topic.clone()).collect();
    let near = prop::sample::select(known.clone());
    prop_oneof![
        3 => prop::sample::select(known),
        1 => (near, "[a-z/#+$]{0,4}").prop_map(|(topic, more)| format!("{topic}{more}")),
        1 => any::<String>(),
    ]
}

/// Payloads of the samples, damaged, and any others.
fn payloads(samples: &[Sample]) -> impl Strategy<Value = Vec<u8>> {
    let known: Vec<Vec<u8>> = samples.iter().map(|s| s.payload.clone().into_bytes()).collect();
    let damaged = (prop::sample::select(known.clone()), any::<prop::sample::Index>(), any::<u8>());
    prop_oneof![
        1 => prop::sample::select(known),
        2 => damaged.prop_map(|(mut payload, at, byte)| {
            if !payload.is_empty() {
                let at = at.index(payload.len());
                payload[at] = byte;
            }
            payload
        }),
        1 => prop::collection::vec(any::<u8>(), 0..200),
        1 => any::<String>().prop_map(String::into_bytes),
    ]
}

#[test]
fn nothing_breaks_it() {
    for one in over_mqtt() {
        let strategy = (topics(&one.samples), payloads(&one.samples), any::<bool>());
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
            cases: 2_000,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        runner
            .run(&strategy, |(topic, payload, retained)| {
                bounds::hold(&one, &message(&topic, &payload, retained));
                nothing_for_strangers(&one, &topic);
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{}: {error}", one.name));
    }
}
