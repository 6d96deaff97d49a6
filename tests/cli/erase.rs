//! `doorward erase`: a person out of a running gateway.

use std::os::unix::fs::MetadataExt;

use serde_json::Value;

use crate::exported::{self, detail, header, line};
use crate::gateway::{NO_BUS, Place, raw, wait_for};

/// Like no other text, so that nothing else holds a part of it.
const SUBJECT: &str = "xq7Zk2Vw9Jh4Tb6N";
/// So many bytes of it in a row are evidence.
const PART: usize = 6;

fn import(place: &Place, text: &str) {
    place.write("events.jsonl", text);
    let name = place.path().join("events.jsonl").display().to_string();
    let said = place.run(&["journal", "import", &name]);
    assert_eq!(said.code, Some(0), "{said:?}");
    std::fs::remove_file(name).unwrap();
}

/// The subject's and others' events by turns.
fn events(numbers: std::ops::RangeInclusive<u64>) -> String {
    let lines = numbers.map(|number| {
        let subject = if number % 3 == 0 { SUBJECT } else { "somebody-else" };
        line(number, &detail(number, "gw", Some(subject)))
    });
    header() + &lines.collect::<String>()
}

/// Files in which a part of the subject stands.
fn shown(place: &Place) -> Vec<String> {
    let mut files = vec![place.path().join("log")];
    files.extend(
        std::fs::read_dir(place.path().join("state")).unwrap().map(|entry| entry.unwrap().path()),
    );
    let shows = |path: &std::path::PathBuf| {
        let bytes = std::fs::read(path).unwrap_or_default();
        let mut parts = SUBJECT.as_bytes().windows(PART);
        parts.any(|part| bytes.windows(PART).any(|window| window == part))
    };
    files.retain(shows);
    files.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_person_is_erased_and_the_gateway_tells_so() {
    let place = Place::new();
    import(&place, &events(1..=600));
    let gateway = place.start();
    wait_for("all is delivered", || {
        (place.json(&["queue", "--json"])["journal"]["waiting"] == 0).then_some(())
    });
    gateway.terminate();
    // What comes now waits.
    place.bus(NO_BUS);
    import(&place, &events(601..=900));
    let state = place.path().join("state");
    let copies = ["damaged-1", "damaged-1-wal", "replaced-1", "adopted-1", "foreign-1.damaged-1"];
    for name in copies.into_iter().chain(["foreign-1", "foreign-2"]) {
        let text = if name == "foreign-2" { "nobody" } else { SUBJECT };
        std::fs::write(state.join(format!("journal.db.{name}")), text).unwrap();
    }
    let gateway = place.start();
    assert!(shown(&place).contains(&"journal.db".to_owned()), "or the test is blind");

    let said = place.run(&["erase", "--subject", SUBJECT]);
    assert_eq!(said.code, Some(2), "nobody can be asked: {said:?}");
    assert!(said.err.contains("--yes"), "{said:?}");
    assert!(place.run(&["erase", "--subject", "short", "--yes"]).err.contains("by chance"));

    let view = place.json(&["erase", "--subject", SUBJECT, "--yes", "--json"]);
    assert_eq!((&view["events"], &view["waiting"]), (&300.into(), &100.into()), "{view}");
    assert_eq!(view["told"], true, "{view}");
    let names = |list: &Value| -> Vec<String> {
        let list = list.as_array().unwrap().iter();
        list.map(|path| path.as_str().unwrap().rsplit_once("journal.db.").unwrap().1.to_owned())
            .collect()
    };
    let mut removed = copies.map(str::to_owned).to_vec();
    removed.sort_unstable();
    assert_eq!(names(&view["removed"]), removed);
    assert_eq!(names(&view["left"]), ["foreign-1", "foreign-2"]);
    assert_eq!(shown(&place), ["journal.db.foreign-1"], "{}", place.log());

    // Told: that it was done, by whom, and which sequences will never come.
    let told = place.json_lines(&["events", "--type", "gateway.subject_erased", "--json"]);
    assert_eq!(told.len(), 1);
    let data = &told[0]["event"]["data"];
    let uid = std::fs::metadata(place.path()).unwrap().uid();
    let expected = serde_json::json!({"events": 300, "waiting": 100, "quarantine": 0, "facts": 0,
        "requested_by_uid": uid});
    assert_eq!(*data, expected);
    let gaps = wait_for("the gap is told", || {
        let gaps = place.json_lines(&["events", "--type", "gateway.events_dropped", "--json"]);
        (!gaps.is_empty()).then_some(gaps)
    });
    let data = &gaps[0]["event"]["data"];
    assert_eq!((&data["reason"], &data["count"]), (&"erased".into(), &100.into()));
    assert_eq!(data["journal_id"], exported::JOURNAL.to_string());
    assert_eq!(data["ranges"][0], serde_json::json!({"first": 603, "last": 603}));

    // Others are untouched, and it is done.
    let export = place.run(&["journal", "export"]);
    assert_eq!(export.out.matches("somebody-else").count(), 600);
    assert!(!export.out.contains(SUBJECT));
    assert_eq!(
        place.json(&["queue", "--json"])["journal"]["waiting"].as_u64().map(|n| n > 200),
        Some(true)
    );
    let words = place.run(&["erase", "--subject", SUBJECT, "--yes"]);
    assert!(words.out.starts_with("erased: 0 events (0 of them had not left)"), "{words:?}");
    assert!(words.out.contains("NOT LOOKED AT: ") && words.out.contains("foreign-2"), "{words:?}");
    gateway.terminate();
    assert_eq!(shown(&place), ["journal.db.foreign-1"]);
    let report =
        place.run(&["journal", "verify", "--file", &place.journal().display().to_string()]);
    assert_eq!(report.code, Some(0), "{report:?}");
}

#[test]
fn what_is_no_request_erases_nothing_and_is_not_shown() {
    let place = Place::new();
    import(&place, &events(1..=30));
    place.bus(NO_BUS);
    let _gateway = place.start();
    let post = |body: &str| {
        let length = body.len();
        let request =
            format!("POST /v1/erase HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}");
        raw(&place.socket(), request.as_bytes())
    };
    for (body, status) in [
        ("", "400"),
        ("{}", "400"),
        ("{\"subject\":17}", "400"),
        ("{\"subject\":\"secret\"}", "400"),
        ("{\"subject\":\"somebody-secret\",\"more\":1}", "400"),
        ("\"somebody-secret\"", "400"),
        (&format!("{{\"subject\":\"secret{}\"}}", "x".repeat(200)), "400"),
        (&format!("{{\"subject\":\"secret{}\"}}", "x".repeat(9000)), "413"),
    ] {
        let answer = post(body);
        assert_eq!(answer.split(' ').nth(1), Some(status), "{body:.60}: {answer}");
        assert!(!answer.contains("secret"), "{answer}");
    }
    let answer =
        raw(&place.socket(), b"GET /v1/erase?subject=somebody-else HTTP/1.1\r\nhost: x\r\n\r\n");
    assert_eq!(answer.split(' ').nth(1), Some("405"), "{answer}");
    assert!(!place.log().contains("secret"), "{}", place.log());
    assert_eq!(place.run(&["journal", "export"]).out.matches(SUBJECT).count(), 10);
    let told = place.json_lines(&["events", "--type", "gateway.subject_erased", "--json"]);
    assert!(told.is_empty(), "{told:?}");
}

#[test]
fn an_erasure_goes_on_when_its_asker_goes() {
    use std::io::{Read, Write};
    let place = Place::new();
    import(&place, &events(1..=6000));
    place.bus(NO_BUS);
    let _gateway = place.start();
    let body = format!("{{\"subject\":\"{SUBJECT}\"}}");
    let mut stream = std::os::unix::net::UnixStream::connect(place.socket()).unwrap();
    let length = body.len();
    write!(stream, "POST /v1/erase HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}")
        .unwrap();
    let mut begin = [0; 12];
    stream.read_exact(&mut begin).unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200");
    drop(stream);
    let told = wait_for("the event that tells of it", || {
        let told = place.json_lines(&["events", "--type", "gateway.subject_erased", "--json"]);
        told.first().cloned()
    });
    assert_eq!(told["event"]["data"]["events"], 2000);
    assert_eq!(shown(&place), Vec::<String>::new());
}
