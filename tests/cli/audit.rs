//! `doorward audit verify`: the record as the bus received it, as it is kept, and as it was changed.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use doorward_events::statement::{PublicKey, open_checkpoint};
use rusqlite::Connection;
use serde_json::Value;

use crate::gateway::{Gateway, Place, Said, wait_for};
use crate::sink::{Mood, Sink};

fn delivered(place: &Place) {
    wait_for("all is delivered", || {
        (place.json(&["queue", "--json"])["journal"]["waiting"] == 0).then_some(())
    });
}

/// A gateway all of whose events the bus has.
fn started(place: &Place) -> Gateway {
    let gateway = place.start();
    delivered(place);
    gateway
}

fn fine(place: &Place, arguments: &[&str]) -> Value {
    let all = [&["audit", "verify", "--json"], arguments].concat();
    let report = place.json(&all);
    assert_eq!((&report["fine"], &report["broken"]), (&true.into(), &Value::Null), "{report}");
    report
}

fn broken(place: &Place, arguments: &[&str]) -> Said {
    let said = place.run(&[&["audit", "verify"], arguments].concat());
    assert_eq!(said.code, Some(1), "{said:?}");
    said
}

/// Writes what the bus received, one a line.
fn received(place: &Place, sink: &Sink) -> (String, usize) {
    let checkpoints = sink.of_type("audit.checkpoint");
    let mut lines: Vec<String> = checkpoints
        .iter()
        .enumerate()
        .map(|(number, entry)| match number % 3 {
            0 => entry.detail["data"].to_string(),
            1 => serde_json::json!({ "detail-type": "x", "detail": entry.detail }).to_string(),
            _ => entry.detail.to_string(),
        })
        .collect();
    let other = &sink.of_type("gateway.started")[0];
    lines.push(other.detail.to_string());
    place.write("received.jsonl", &lines.join("\n"));
    let file = place.path().join("received.jsonl").display().to_string();
    (file, checkpoints.len())
}

fn change(file: &Path, sql: &str) {
    let changed = Connection::open(file).unwrap().execute(sql, []).unwrap();
    assert!(changed > 0, "{sql}");
}

#[test]
fn what_was_closed_verifies_here_and_against_the_bus_and_what_was_changed_is_named() {
    let place = Place::new();
    let said = place.run(&["audit", "verify"]);
    assert_eq!(said.code, Some(2), "there is no journal: {said:?}");
    let sink = Sink::start();
    place.bus(&Place::sink(sink.port));
    let gateway = started(&place);
    let report = fine(&place, &[]);
    assert_eq!(report["ranges"], 0);
    assert!(report["open_compared"].as_u64() >= Some(3), "{report}");
    let closed = place.json(&["audit", "close", "--json"]);
    assert_eq!(closed["closed"]["first"], 1, "{closed}");
    let checkpoint = sink.gets("audit.checkpoint", |_| true);
    delivered(&place);
    assert_eq!(fine(&place, &[])["ranges"], 1);
    // Nothing but its checkpoint came since.
    let said = place.run(&["audit", "close"]);
    assert!(said.code == Some(0) && said.out.contains("nothing to close"), "{said:?}");
    gateway.terminate();

    // The file says the same without a gateway.
    let report = fine(&place, &[]);
    assert_eq!((&report["ranges"], &report["waiting"]), (&1.into(), &0.into()), "{report}");
    let old = place.path().join("old.db");
    std::fs::copy(place.journal(), &old).unwrap();
    let gateway = started(&place);
    let key = &sink.of_type("gateway.started")[0].detail["data"]["audit_key"];
    let public = PublicKey::from_base64url(key["public_key"].as_str().unwrap()).unwrap();
    let data = &checkpoint.detail["data"];
    let statement = open_checkpoint(data["signed"].as_str().unwrap(), |kid| {
        (*kid.as_str() == key["kid"]).then_some(public)
    })
    .unwrap();
    assert_eq!((&statement["gateway"], &statement["tenant_id"]), (&"gw".into(), &"acme".into()));
    for member in ["journal_id", "first", "last", "events", "counts", "dropped", "refused", "root"]
    {
        assert_eq!(statement[member], data[member], "{member}");
    }
    assert_eq!((&data["first"], &data["counts"]["gateway.started"]), (&1.into(), &1.into()));

    // A person asks, is told of on the bus, and erased.
    let uid = std::fs::metadata(place.path()).unwrap().uid();
    let said = place.run(&["unlock", "front", "--no-wait"]);
    assert_eq!(said.code, Some(3), "no lock is there: {said:?}");
    delivered(&place);
    assert!(place.json(&["audit", "close", "--json"])["closed"].is_object());
    delivered(&place);
    let before = fine(&place, &[]);
    assert_eq!((&before["ranges"], &before["erased"]), (&2.into(), &0.into()), "{before}");
    let person = format!("operator-{uid}");
    let erased = place.json(&["erase", "--subject", &person, "--yes", "--json"]);
    assert!(erased["events"].as_u64() >= Some(1), "{erased}");
    let after = fine(&place, &[]);
    assert_eq!(after["erased"], erased["events"], "{after}");
    assert_eq!(after["ranges"], 2);
    delivered(&place);
    let (file, count) = received(&place, &sink);
    assert_eq!(count, 2);
    let report = fine(&place, &["--against", &file]);
    assert_eq!(report["against"]["same"], 2, "{report}");
    let said = place.run(&["audit", "verify", "--against", &file]);
    assert!(said.out.contains("all of it is as it was signed"), "{said:?}");
    gateway.terminate();

    // An older copy is whole in itself, and not what the bus has seen.
    let old = old.display().to_string();
    let report = fine(&place, &["--file", &old]);
    assert_eq!(report["ranges"], 1);
    let said = broken(&place, &["--file", &old, "--against", &file]);
    assert!(said.out.contains("an older copy of the journal was put back"), "{said:?}");

    // One digest is changed in the file, and one event.
    let copy = place.path().join("changed.db");
    let name = copy.display().to_string();
    let first = data["last"].as_u64().unwrap() + 1;
    for (sql, words) in [
        ("UPDATE audit SET leaf = zeroblob(32) WHERE slot = 1", "a digest, or their order"),
        ("DELETE FROM audit WHERE slot = 1", "taken away or added"),
        ("UPDATE access SET body = x'00' WHERE slot = 1", "not what their digests say"),
        ("UPDATE checkpoint SET signed = replace(signed, '.', '..')", "signature"),
        ("DELETE FROM checkpoint WHERE first = 1", ""),
    ] {
        std::fs::copy(place.journal(), &copy).unwrap();
        change(&copy, sql);
        if words.is_empty() {
            // What is left is whole; that the beginning went shows beside what the bus has.
            assert_eq!(fine(&place, &["--file", &name])["covered"][0], first);
            continue;
        }
        let said = broken(&place, &["--file", &name]);
        assert!(said.out.contains(words), "{sql}: {said:?}");
        let range = format!("1 to {} of journal", data["last"]);
        assert!(said.out.contains("BROKEN") && said.out.contains(&range), "{sql}: {said:?}");
        let said = broken(&place, &["--file", &name, "--json"]);
        let report: Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(report["broken"]["first"], 1, "{report}");
        assert_eq!(report["fine"], false);
    }

    // A range that was signed anew with the same key is another than the bus received.
    let foreign =
        std::fs::read_to_string(&file).unwrap().replacen("\"signed\":\"ey", "\"signed\":\"ez", 1);
    place.write("received.jsonl", &foreign);
    let said = place.run(&["audit", "verify", "--against", &file]);
    assert_eq!(said.code, Some(2), "what was received is not signed: {said:?}");
    assert!(said.err.contains("line 1"), "{said:?}");

    // With another key, what was signed before is believed under its own name only.
    std::fs::remove_file(place.path().join("state/audit.key")).unwrap();
    started(&place).terminate();
    let said = broken(&place, &[]);
    assert!(said.out.contains("is not known here"), "{said:?}");
    fine(&place, &["--key", key["public_key"].as_str().unwrap()]);
}

#[test]
fn what_the_bus_refused_is_told_by_the_checkpoint() {
    let place = Place::new();
    let sink = Sink::start();
    sink.moods([Mood::Only("\"type\":\"entry.registered\"", "MalformedDetail")]);
    place.bus(&Place::sink(sink.port));
    let gateway = started(&place);
    assert!(place.json(&["audit", "close", "--json"])["closed"].is_object());
    let checkpoint = sink.gets("audit.checkpoint", |_| true);
    let data = &checkpoint.detail["data"];
    let refused = data["refused"].as_array().unwrap();
    let told = |run: &Value| run["last"].as_u64().unwrap() - run["first"].as_u64().unwrap() + 1;
    assert_eq!(refused.iter().map(told).sum::<u64>(), 2, "one of each entry: {data}");
    assert_eq!(data["counts"]["entry.registered"], 2, "{data}");
    assert!(data["dropped"].as_array().unwrap().is_empty());
    fine(&place, &[]);
    // So is a checkpoint that it refused.
    sink.moods([Mood::Only("\"type\":\"audit.checkpoint\"", "MalformedDetail")]);
    assert_eq!(place.run(&["unlock", "front", "--no-wait"]).code, Some(3));
    delivered(&place);
    let lost = place.json(&["audit", "close", "--json"])["closed"].clone();
    delivered(&place);
    assert_eq!(fine(&place, &[])["lost"], 1);
    sink.moods([Mood::Accept]);
    assert!(place.json(&["audit", "close", "--json"])["closed"].is_object());
    let told = sink.gets("audit.checkpoint", |entry| entry.detail["data"]["first"] != 1);
    let next = lost["last"].as_u64().unwrap() + 1;
    let expected = serde_json::json!([{ "first": next, "last": next }]);
    assert_eq!(
        (&told.detail["data"]["first"], &told.detail["data"]["refused"]),
        (&next.into(), &expected)
    );
    delivered(&place);
    gateway.kill();
    // As after a power cut: what was closed is closed, and its marks may be missing.
    assert_eq!(fine(&place, &[])["ranges"], 3);
    let gateway = started(&place);
    assert_eq!(fine(&place, &[])["ranges"], 3);
    assert!(place.json(&["audit", "close", "--json"])["closed"].is_object());
    delivered(&place);
    let (file, count) = received(&place, &sink);
    assert_eq!(count, 3);
    assert_eq!(fine(&place, &["--against", &file])["against"]["same"], 3);
    gateway.terminate();
}
