//! `doorward adopt`: another machine's journal, and what it still owes.

use rusqlite::Connection;

use crate::exported;
use crate::gateway::{NO_BUS, Place, wait_for};
use crate::sink::Sink;

/// A journal of 300 made events and some of a gateway's own that all wait, closed.
fn owing() -> Place {
    let place = Place::new();
    place.write("events.jsonl", &exported::file(1..=300, Some("resident-4711")));
    let name = place.path().join("events.jsonl").display().to_string();
    assert_eq!(place.run(&["journal", "import", &name]).code, Some(0));
    place.bus(NO_BUS);
    let gateway = place.start();
    place.started(1);
    gateway.terminate();
    place
}

fn export(place: &Place, file: &std::path::Path) -> Vec<String> {
    let file = file.display().to_string();
    let said = place.run(&["journal", "export", "--waiting", "--file", &file]);
    assert_eq!(said.code, Some(0), "{said:?}");
    exported::events(&said.out).into_iter().map(str::to_owned).collect()
}

#[test]
fn another_machines_journal_is_set_aside_and_adopted() {
    let place = owing();
    let owed = export(&place, &place.journal());
    assert!(owed.len() > 300);
    // It was bound to this machine; now to another.
    let db = Connection::open(place.journal()).unwrap();
    let bound = db.execute("UPDATE meta SET value = 'another' WHERE name = 'machine'", []).unwrap();
    assert_eq!(bound, 1, "this machine has no name of its own (/etc/machine-id)");
    drop(db);
    let sink = Sink::start();
    place.bus(&Place::sink(sink.port));
    let gateway = place.start();
    assert_eq!(place.started(1)["previous_stop"], "first_start", "a fresh journal");
    place.says(&["belongs to another machine"]);
    let queue = place.json(&["queue", "--json"]);
    let words = queue["status"]["journal_arrival"].as_str().unwrap();
    assert!(words.contains("journal.db.foreign-1") && words.contains("doorward adopt"), "{words}");
    let said = place.run(&["queue"]);
    assert!(said.out.contains("at the start the journal belongs to another machine"), "{said:?}");
    let said = place.run(&["check"]);
    assert!(said.out.contains("warning") && said.out.contains("another machine"), "{said:?}");
    gateway.terminate();
    assert!(sink.accepted().iter().all(|entry| !owed.contains(&entry.detail.to_string())));

    let report = place.json(&["adopt", "--json"]);
    assert_eq!(report["events"], owed.len());
    let kept = place.path().join("state/journal.db.adopted-1");
    assert_eq!(report["kept_as"].as_str(), kept.to_str());
    assert!(kept.exists() && !place.path().join("state/journal.db.foreign-1").exists());
    assert!(export(&place, &place.journal()).ends_with(&owed), "to the byte, in their order");
    let said = place.run(&["adopt"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "there is nothing to take over\n"));

    let _gateway = place.start();
    wait_for("all of it arrives", || {
        let arrived = sink.count();
        (place.json(&["queue", "--json"])["journal"]["waiting"] == 0 && arrived >= owed.len())
            .then_some(())
    });
    let arrived = sink.accepted();
    for event in &owed {
        let event: serde_json::Value = serde_json::from_str(event).unwrap();
        let same = arrived.iter().filter(|entry| entry.detail == event).count();
        assert_eq!(same, 1, "{}", event["id"]);
    }
    assert!(arrived.iter().all(|entry| entry.source == "doorward.gateway/gw"));
}

#[test]
fn a_named_journal_is_adopted_once() {
    let old = owing();
    let owed = export(&old, &old.journal());
    let place = Place::new();
    let name = old.journal().display().to_string();
    let said = place.run(&["adopt", &name]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(
        said.out.contains(&format!("{} events of {name} were taken over", owed.len())),
        "{said:?}"
    );
    assert_eq!(export(&place, &place.journal()), owed);
    let said = place.run(&["adopt", &name]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.contains("journal.db.adopted-1 was taken over before"), "{said:?}");
    // Put back, as by somebody who does not trust it.
    std::fs::rename(old.path().join("state/journal.db.adopted-1"), old.journal()).unwrap();
    let report = place.json(&["adopt", &name, "--json"]);
    assert_eq!((&report["events"], &report["known"]), (&0.into(), &owed.len().into()));
    assert_eq!(export(&place, &place.journal()), owed);
}

#[test]
fn a_broken_journal_is_adopted_as_far_as_it_can_be_read() {
    let old = owing();
    let owed = export(&old, &old.journal());
    let mut bytes = std::fs::read(old.journal()).unwrap();
    bytes[..100].fill(0x5a);
    std::fs::write(old.journal(), bytes).unwrap();
    let place = Place::new();
    let said = place.run(&["adopt", &old.journal().display().to_string()]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.contains("was broken"), "{said:?}");
    assert_eq!(export(&place, &place.journal()), owed, "its rows were whole");
}

#[test]
fn what_cannot_be_adopted_is_refused_in_words() {
    let old = owing();
    let place = Place::new();
    let other = std::fs::read_to_string(place.path().join("doorward.toml")).unwrap();
    place.write("doorward.toml", &other.replace("instance = \"gw\"", "instance = \"gw-2\""));
    let name = old.journal().display().to_string();
    let said = place.run(&["adopt", &name]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("the gateway \"gw\"") && said.err.contains("remedy"), "{said:?}");
    assert!(old.journal().exists(), "it stays where it is");
    assert_eq!(export(&place, &place.journal()), Vec::<String>::new());

    let own = place.journal().display().to_string();
    let said = place.run(&["adopt", &own]);
    assert!(said.code == Some(2) && said.err.contains("own journal"), "{said:?}");
    assert_eq!(place.run(&["adopt", "/nowhere"]).code, Some(2));
    place.write("text", "no journal at all");
    let text = place.path().join("text").display().to_string();
    let said = place.run(&["adopt", &text]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(std::fs::read_to_string(place.path().join("text")).is_ok(), "it is left alone");

    for number in [1, 2] {
        std::fs::copy(
            old.journal(),
            place.path().join(format!("state/journal.db.foreign-{number}")),
        )
        .unwrap();
    }
    let said = place.run(&["adopt"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("foreign-1, ") && said.err.contains("foreign-2"), "{said:?}");
}
