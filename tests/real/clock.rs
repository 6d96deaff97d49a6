//! A clock that jumps by ten years either way, below the real binary under load. Nothing is lost,
//! given up for its age, or told twice, and later events go on.

use std::collections::{BTreeMap, BTreeSet};

use std::time::Duration;

use crate::support::device::Record;
use crate::support::disk::{DOORS, Stand, acts, one_id_each};
use crate::support::sink::{Entry, Sink};
use crate::support::wait_for;

const TEN_YEARS: i64 = 315_576_000;

/// The year in which the gateway says that it recorded an event.
fn year(entry: &Entry) -> i16 {
    let text = entry.detail["gateway"]["recorded_at"].as_str().unwrap();
    text.split('-').next().unwrap().parse().unwrap()
}

/// Each door's positions by sequence: one an act, by turns, since an event's time tells nothing.
fn check(record: &Record, entries: &[Entry]) {
    one_id_each(entries);
    let by_sequence: BTreeMap<u64, &Entry> = entries
        .iter()
        .map(|entry| (entry.detail["gateway"]["sequence"].as_u64().unwrap(), entry))
        .collect();
    let last = by_sequence.last_key_value().map(|(sequence, _)| *sequence);
    assert_eq!(last, Some(by_sequence.len() as u64), "sequences have a gap");
    let journals: BTreeSet<String> =
        entries.iter().map(|entry| entry.detail["gateway"]["journal_id"].to_string()).collect();
    assert_eq!(journals.len(), 1, "one journal");
    for door in 0..DOORS {
        let name = format!("door-{door}");
        let positions: Vec<&str> = by_sequence
            .values()
            .filter(|entry| entry.detail_type == "entry.position_changed")
            .filter(|entry| entry.detail["entry_id"] == *name)
            .map(|entry| entry.detail["data"]["position"].as_str().unwrap())
            .collect();
        let owed = record.acknowledged.iter().filter(|(of, _)| *of == door).count();
        assert_eq!(positions.len(), owed, "{name}");
        let by_turns = ["open", "closed"].into_iter().cycle();
        assert!(by_turns.zip(&positions).all(|(wanted, told)| wanted == *told), "{name}");
    }
}

/// Waits until there are as many positions as acts.
fn wait_for_each(record: &Record, sink: &Sink) {
    wait_for("every act arrives", Duration::from_secs(60), || {
        let entries = sink.of_type("entry.position_changed");
        let ids: BTreeSet<&str> =
            entries.iter().map(|entry| entry.detail["id"].as_str().unwrap()).collect();
        (ids.len() >= record.acknowledged.len()).then_some(())
    });
}

#[test]
fn a_clock_that_jumps_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut stand = Stand::start(folder.path());
    let devices = stand.devices();
    let processes = stand.processes();
    let this_year = year(stand.sink.accepted().last().unwrap());
    for (seconds, years) in [(TEN_YEARS, 10), (-TEN_YEARS, -10), (0, 0)] {
        // What waits was recorded before the jump, and after it.
        stand.sink.down();
        acts(&devices, 300);
        stand.disk.order(&format!("clock {seconds}"));
        acts(&devices, 300);
        let so_far = stand.sink.count();
        stand.sink.up();
        stand.arrives(600);
        let expected = this_year + years;
        wait_for("events of the new time arrive", Duration::from_secs(60), || {
            let new = stand.sink.beyond(so_far);
            new.iter().any(|entry| (year(entry) - expected).abs() <= 1).then_some(())
        });
    }
    assert_eq!(stand.processes(), processes);
    // A start finds a journal from the future, or from long ago.
    for seconds in [TEN_YEARS, -TEN_YEARS, 0] {
        stand.gateway.kill();
        stand.disk.order(&format!("clock {seconds}"));
        stand.gateway.up();
        stand.arrives(200);
    }
    let record = devices.finish();
    wait_for_each(&record, &stand.sink);
    stand.gateway.drained();
    let entries = stand.sink.accepted();
    check(&record, &entries);
    let dropped = stand.sink.of_type("gateway.events_dropped");
    assert!(dropped.is_empty(), "{:?}", dropped[0].detail);
    println!("{} acts, {} entries", record.acknowledged.len(), entries.len());
}
