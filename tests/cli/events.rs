//! `doorward events` and the other questions to a running gateway.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::gateway::{BINARY, Place, Said, wait_for};

#[test]
fn every_question_has_its_answer_in_words_and_in_json() {
    let place = Place::new();
    let _gateway = place.start();
    let started = place.started(1);
    assert_eq!(started["previous_stop"], "first_start");

    let doors = place.json(&["doors", "--json"]);
    let entries: Vec<_> = doors.as_array().unwrap().iter().map(|door| &door["entry"]).collect();
    assert_eq!(entries, ["front", "yard"], "sorted");
    let words = place.run(&["doors"]);
    assert!(words.out.starts_with("ENTRY") && words.out.contains("front"), "{words:?}");

    let queue = place.json(&["queue", "--json"]);
    let vendors = queue["status"]["vendors"].as_array().unwrap();
    let state = |name: &str| {
        vendors.iter().find(|vendor| vendor["vendor"] == name).unwrap()["state"].clone()
    };
    assert_eq!(state("bad"), "disabled");
    assert_ne!(state("zigbee2mqtt"), "disabled");
    assert!(place.run(&["queue"]).out.contains("bad: disabled"));

    assert_eq!(place.json_lines(&["quarantine", "--json"]).len(), 0);
    assert_eq!(place.run(&["quarantine"]).out, "nothing is in quarantine\n");
}

#[test]
fn events_are_listed_filtered_and_bounded() {
    let place = Place::new();
    let _gateway = place.start();
    let all = wait_for("the doors' states", || {
        let all = place.json_lines(&["events", "--json"]);
        let told = |line: &&serde_json::Value| line["event"]["type"] == "entry.state_reported";
        (all.iter().filter(told).count() == 2).then_some(all)
    });
    let sequences: Vec<_> = all.iter().map(|line| line["sequence"].as_u64().unwrap()).collect();
    assert!(sequences.is_sorted());
    let newest = place.json_lines(&["events", "--json", "--limit", "1"]);
    assert_eq!(newest[0]["sequence"], *sequences.last().unwrap());
    let after = sequences[1].to_string();
    let next = place.json_lines(&["events", "--json", "--after", &after, "--limit", "1"]);
    assert_eq!(next[0]["sequence"], sequences[2]);
    let front = place.json_lines(&["events", "--json", "--entry", "front", "--limit", "1000"]);
    assert!(!front.is_empty() && front.iter().all(|line| line["event"]["entry_id"] == "front"));
    let none = place.run(&["events", "--entry", "nowhere"]);
    assert_eq!((none.code, none.out.as_str()), (Some(0), "no event matches\n"));
    assert_eq!(place.run(&["events", "--entry", "nowhere", "--json"]).out, "");

    let words = place.run(&["events"]);
    assert_eq!(words.out.lines().count(), all.len() + 1);
    assert_eq!(words.out.matches("not yet delivered").count(), 1);
    let column = words.out.lines().next().unwrap().find("TYPE").unwrap();
    for line in words.out.lines().skip(1) {
        assert!(line[..column].ends_with("Z "), "{line}");
    }
}

#[test]
fn what_cannot_be_asked_is_refused_in_words() {
    let place = Place::new();
    let unknown = place.run(&["events", "--type", "entry.exploded"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.err.contains("entry.exploded") && unknown.err.contains("entry.lock_changed"));
    for arguments in [
        &["events", "--limit", "0"][..],
        &["events", "--limit", "1001"],
        &["events", "--after", "x"],
        &["events", "--entry", "a", "--endpoint", "b"],
        &["quarantine", "--limit", "0"],
    ] {
        assert_eq!(place.run(arguments).code, Some(2), "{arguments:?}");
    }
}

#[test]
fn a_reader_that_goes_is_no_fault() {
    let place = Place::new();
    let _gateway = place.start();
    place.started(1);
    for command in ["events", "events --json", "doors", "check --offline"] {
        let script = format!(
            "\"$0\" --config \"$1\" {command} | head -n 1 >/dev/null; echo ${{PIPESTATUS[0]}}"
        );
        let output =
            Command::new("bash").args(["-c", &script, BINARY]).arg(place.path()).output().unwrap();
        let said = Said::of(output);
        assert!(said.err.is_empty(), "{command}: {said:?}");
        let expected = if command.starts_with("check") { "2\n" } else { "0\n" };
        assert_eq!(said.out, expected, "{command}");
    }
}

#[test]
fn following_ends_in_words_when_the_gateway_stops() {
    for killed in [false, true] {
        let place = Place::new();
        let gateway = place.start();
        let mut follower = place
            .command(&["events", "--follow", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
        lines.next().unwrap().unwrap();
        if killed {
            gateway.kill();
        } else {
            gateway.terminate();
        }
        let last = lines.map_while(Result::ok).last();
        let said = Said::of(follower.wait_with_output().unwrap());
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.err.contains("the gateway has stopped"), "{said:?}");
        if let Some(last) = last {
            let last: serde_json::Value = serde_json::from_str(&last).unwrap();
            assert!(said.err.contains(&format!("--after {}", last["sequence"])), "{said:?}");
        }
    }
}
