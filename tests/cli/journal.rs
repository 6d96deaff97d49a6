//! `doorward journal`: the figures, the checks, the events as a file.

use rusqlite::Connection;
use serde_json::Value;

use crate::exported::{self, detail, header, line};
use crate::gateway::{Gateway, NO_BUS, Place, Said, wait_for};

fn file(place: &Place) -> String {
    place.journal().display().to_string()
}

/// A gateway whose events wait, once the doors' states are committed.
fn waiting(place: &Place) -> Gateway {
    place.bus(NO_BUS);
    let gateway = place.start();
    wait_for("the doors' states", || {
        let states = ["events", "--type", "entry.state_reported", "--json"];
        (place.json_lines(&states).len() >= 2).then_some(())
    });
    gateway
}

/// The whole text of a command that must succeed.
fn text(place: &Place, arguments: &[&str]) -> String {
    let said = place.run(arguments);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    said.out
}

fn import(place: &Place, text: &str) -> Value {
    place.write("events.jsonl", text);
    let name = place.path().join("events.jsonl").display().to_string();
    place.json(&["journal", "import", &name, "--json"])
}

#[test]
fn a_running_gateway_and_its_file_say_the_same() {
    let place = Place::new();
    import(&place, &exported::file(1..=300, Some("resident-4711")));
    let gateway = waiting(&place);
    let online = place.json(&["journal", "stats", "--json"]);
    assert!(online["free_bytes"].as_u64() > Some(0), "{online}");
    assert!(online["free_inodes"].is_u64() && online["total_bytes"].is_u64(), "{online}");
    assert_eq!(online["layout"], 2);
    assert_eq!(online["carried"], serde_json::json!([[1, 300]]));
    assert!(online["waiting_by_class"]["access"].as_u64() >= Some(300), "{online}");
    assert!(online["waiting_bytes"]["access"].as_u64() > Some(10_000), "{online}");
    assert_eq!(online["oldest"]["slot"], 1);
    let words = text(&place, &["journal", "stats"]);
    for begin in
        ["journal ", "events ", "waiting ", "history ", "disk ", "file system ", "taken over"]
    {
        assert!(words.lines().any(|line| line.starts_with(begin)), "{begin}: {words}");
    }
    let busy = place.run(&["journal", "stats", "--file", &file(&place)]);
    assert_eq!(busy.code, Some(2));
    assert!(busy.err.contains("another doorward has it open"), "{busy:?}");
    assert!(busy.err.contains("leave out --file"), "{busy:?}");
    gateway.terminate();

    let offline = place.json(&["journal", "stats", "--file", &file(&place), "--json"]);
    for name in ["journal_id", "layout", "carried", "oldest", "quarantined"] {
        assert_eq!(online[name], offline[name], "{name}");
    }
    let known: Vec<&String> = offline.as_object().unwrap().keys().collect();
    assert_eq!(online.as_object().unwrap().keys().collect::<Vec<_>>(), known);
    let said = place.run(&["journal", "stats"]);
    assert!(said.err.contains("no gateway answers on"), "{said:?}");
    let said = place.run(&["journal", "stats", "--file", "/nowhere"]);
    assert_eq!(said.code, Some(2));
    assert_eq!(
        said.err,
        "doorward: /nowhere cannot be opened: No such file or directory (os error 2)\n"
    );
    // To have been looked at is not to have run.
    let _gateway = place.start();
    assert_eq!(place.started(2)["previous_stop"], "clean");
}

#[test]
fn what_is_exported_is_imported_elsewhere_byte_for_byte() {
    let place = Place::new();
    import(&place, &exported::file(1..=700, Some("resident-4711")));
    let gateway = waiting(&place);
    let online = text(&place, &["journal", "export", "--waiting"]);
    let first: Value = serde_json::from_str(online.lines().next().unwrap()).unwrap();
    assert_eq!(first["format"], "doorward-journal/1");
    assert!(first["journal_id"].is_string() && first["exported_at"].is_string());
    let begin = "{\"slot\":1,\"vendor\":\"zigbee2mqtt\",\"delivered\":false,\"event\":{";
    assert!(online.lines().nth(1).unwrap().starts_with(begin), "{online:.400}");
    let made: Vec<String> =
        (1..=700).map(|number| detail(number, "gw", Some("resident-4711"))).collect();
    assert_eq!(exported::events(&online)[..700], made);
    let after = text(&place, &["journal", "export", "--after", "700"]);
    assert!(after.lines().nth(1).unwrap().starts_with("{\"slot\":701,\"vendor\":null,"));
    gateway.terminate();
    let offline = text(&place, &["journal", "export", "--file", &file(&place), "--waiting"]);
    assert!(exported::events(&offline).starts_with(&exported::events(&online)));

    // Here all of it is known.
    let report = import(&place, &offline);
    assert_eq!((&report["imported"], &report["known"]), (&0.into(), &report["events"]));
    // Elsewhere nothing is, once.
    let other = Place::new();
    let report = import(&other, &offline);
    assert_eq!(report["imported"], report["events"]);
    assert!(report["imported"].as_u64() > Some(700), "{report}");
    let before = text(&other, &["journal", "export", "--file", &file(&other)]);
    assert_eq!(exported::events(&before), exported::events(&offline), "to the byte");
    let report = import(&other, &offline);
    assert_eq!((&report["imported"], &report["known"]), (&0.into(), &report["events"]));
    let again = text(&other, &["journal", "export", "--file", &file(&other)]);
    assert_eq!(exported::events(&again), exported::events(&before));

    // There they leave, and once they have left importing brings nothing back.
    let gateway = other.start();
    let events = report["events"].as_u64().unwrap();
    wait_for("all of it is delivered", || {
        let queue = other.json(&["queue", "--json"]);
        (queue["journal"]["waiting"] == 0).then_some(())
    });
    assert!(
        other.json(&["queue", "--json"])["status"]["uplink"]["accepted"].as_u64() >= Some(events)
    );
    gateway.terminate();
    let report = import(&other, &offline);
    assert_eq!((&report["imported"], &report["known"]), (&0.into(), &events.into()));
    let all = text(&other, &["journal", "export", "--file", &file(&other)]);
    let report = import(&Place::new(), &all);
    assert!(report["delivered"].as_u64() >= Some(events), "{report}");
    assert_eq!(report["imported"], 0);
    let none = text(&other, &["journal", "export", "--file", &file(&other), "--waiting"]);
    assert_eq!(none.lines().count(), 1, "{none}");
}

#[test]
fn a_bad_line_stops_an_import_and_is_named() {
    let good = |number| line(number, &detail(number, "gw", None));
    for (bad, why) in [
        (line(2, "{}"), "/type"),
        (line(2, &detail(2, "another", None)), "gateway \"another\""),
        (line(2, &detail(2, "gw", None).replace("\"acme\"", "17")), "/tenant_id"),
        ("{\"slot\":2,\"vendor\":null,\"del".to_owned(), "not JSON"),
        ("{\"slot\":2}\n".to_owned(), "no line of an export"),
        (line(2, &format!("\"{}\"", "x".repeat(80_000))), "longer than"),
        ("\n".to_owned(), "not JSON"),
    ] {
        let place = Place::new();
        let text =
            header() + &good(1) + &bad + if bad.ends_with('\n') { "" } else { "\n" } + &good(3);
        place.write("events.jsonl", &text);
        let name = place.path().join("events.jsonl").display().to_string();
        let said = place.run(&["journal", "import", &name]);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{said:?}");
        assert!(said.err.contains("line 3: ") && said.err.contains(why), "{why}: {said:?}");
        assert!(said.err.contains("nothing was imported"), "{said:?}");
        assert!(!place.journal().exists(), "nothing was begun");
        let said = place.run(&["journal", "import", &name, "--skip-bad"]);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(
            said.out.contains("2 events imported") && said.out.contains("1 bad lines"),
            "{said:?}"
        );
    }
    let place = Place::new();
    for text in ["", "no JSON\n", &good(1)] {
        place.write("events.jsonl", text);
        let name = place.path().join("events.jsonl").display().to_string();
        let said = place.run(&["journal", "import", &name, "--skip-bad"]);
        assert!(said.code == Some(2) && said.err.contains("line 1: "), "{said:?}");
    }
}

#[test]
fn what_changes_the_journal_needs_it_alone() {
    let place = Place::new();
    place.write("events.jsonl", &exported::file(1..=3, None));
    let name = place.path().join("events.jsonl").display().to_string();
    let _gateway = place.start();
    for arguments in [&["journal", "import", &name][..], &["adopt"]] {
        let said = place.run(arguments);
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.err.contains("stop it first"), "{said:?}");
    }
    assert_eq!(place.run(&["queue"]).code, Some(0), "it goes on");
}

fn verified(place: &Place, arguments: &[&str]) -> (Value, Option<i32>) {
    let said = place.run(&[&["journal", "verify", "--json"], arguments].concat());
    (serde_json::from_str(&said.out).unwrap(), said.code)
}

#[test]
fn damage_is_found_and_named() {
    let place = Place::new();
    import(&place, &exported::file(1..=2500, Some("resident-4711")));
    let gateway = waiting(&place);
    let (report, code) = verified(&place, &[]);
    assert_eq!(
        (code, &report["whole"], &report["file_checked"]),
        (Some(0), &true.into(), &false.into())
    );
    assert!(report["rows"].as_u64() > Some(2500), "{report}");
    gateway.terminate();
    let (report, code) = verified(&place, &["--file", &file(&place)]);
    assert_eq!((code, &report["file_checked"]), (Some(0), &true.into()), "{report}");
    let words = place.run(&["journal", "verify", "--file", &file(&place)]);
    assert!(words.out.ends_with("all of it is as it was written\n"), "{words:?}");

    // Rows that say something else than was written.
    let db = Connection::open(place.journal()).unwrap();
    for slot in [17_u64, 1200] {
        let sql = "SELECT body FROM access WHERE slot = ?1";
        let mut body: Vec<u8> = db.query_row(sql, [slot], |row| row.get(0)).unwrap();
        body[30] ^= 4;
        db.execute("UPDATE access SET body = ?2 WHERE slot = ?1", rusqlite::params![slot, body])
            .unwrap();
    }
    drop(db);
    let (report, code) = verified(&place, &["--file", &file(&place)]);
    assert_eq!((code, &report["slots"]), (Some(1), &serde_json::json!([17, 1200])), "{report}");
    assert_eq!((&report["whole"], &report["damaged_rows"]), (&false.into(), &2.into()));
    let words = place.run(&["journal", "verify", "--file", &file(&place)]);
    assert!(words.out.contains("DAMAGED 2 rows, slots 17, 1200"), "{words:?}");
    let export = place.run(&["journal", "export", "--file", &file(&place)]);
    assert_eq!(export.code, Some(1), "{}", export.err);
    assert!(export.err.contains("slot 17 cannot be read"), "{}", export.err);
    assert!(!export.out.contains("{\"slot\":17,") && export.out.contains("{\"slot\":18,"));
    let gateway = place.start();
    let (report, code) = verified(&place, &[]);
    assert_eq!((code, &report["slots"]), (Some(1), &serde_json::json!([17, 1200])), "{report}");
    let export = place.run(&["journal", "export"]);
    assert_eq!(export.code, Some(1), "{}", export.err);
    let (report, code) = verified(&place, &["--mend"]);
    assert_eq!((code, &report["slots"]), (Some(1), &serde_json::json!([17, 1200])), "{report}");
    assert_eq!(verified(&place, &[]).1, Some(0));
    place.says(&["they are taken out slots=[17]"]);
    gateway.terminate();
    // Nothing is known of them but that there were two, since they had been taken over.
    let gateway = place.start();
    let told = wait_for("the gap is told", || {
        place.json_lines(&["events", "--type", "gateway.events_dropped", "--json"]).pop()
    });
    let expected = serde_json::json!({"ranges": [], "count": 2, "reason": "corruption"});
    assert_eq!(told["event"]["data"], expected);
    gateway.terminate();

    // Files that are not what they should be.
    let bytes = std::fs::read(place.journal()).unwrap();
    let told = |name: &str, bytes: &[u8]| {
        std::fs::write(place.path().join(name), bytes).unwrap();
        let path = place.path().join(name).display().to_string();
        place.run(&["journal", "verify", "--file", &path])
    };
    let said = told("noise", &vec![0x5a; 9000]);
    assert!(said.code == Some(1) && said.out.contains("DAMAGED"), "{said:?}");
    let said = told("half", &bytes[..bytes.len() / 2]);
    assert!(said.code == Some(1) && said.out.contains("DAMAGED"), "{said:?}");
    let mut torn = bytes.clone();
    let at = torn.len() / 2 / 4096 * 4096;
    torn[at..at + 4096].fill(0);
    let said = told("torn", &torn);
    assert!(said.code == Some(1) && said.out.contains("DAMAGED"), "{said:?}");
    let said = told("empty", b"");
    assert!(said.code == Some(2) && said.err.contains("not a journal"), "{said:?}");
    let said = place.run(&["journal", "verify", "--file", "/nowhere"]);
    assert_eq!(said.code, Some(2), "{said:?}");
}

#[test]
fn a_reader_that_goes_ends_an_export() {
    let place = Place::new();
    import(&place, &exported::file(1..=3000, Some("resident-4711")));
    let _gateway = waiting(&place);
    for file in ["", "--file"] {
        if file == "--file" {
            // Nobody's copy: while it is open only its bytes are of interest.
            std::fs::copy(place.journal(), place.path().join("copy.db")).unwrap();
        }
        let script = "\"$0\" --config \"$1\" journal export $2 $3 | head -n 1 >/dev/null; \
                      echo ${PIPESTATUS[0]}";
        let mut command = std::process::Command::new("bash");
        command.args(["-c", script, crate::gateway::BINARY]).arg(place.path());
        if file == "--file" {
            command.args([file, &place.path().join("copy.db").display().to_string()]);
        }
        let said = Said::of(command.output().unwrap());
        assert_eq!((said.out.as_str(), said.err.as_str()), ("0\n", ""), "{file}");
    }
}
