//! Taking another journal over, and looking at one without changing it.

use doorward_events::types::CredentialRemoved;
use doorward_events::{Envelope, PublisherId};
use jiff::Timestamp;
use uuid::Uuid;

use super::super::{Batch, Bounds, DropReason, NewEvent, OpenError, row};
use super::*;

struct Stand {
    folder: tempfile::TempDir,
    own: Journal,
    other: Journal,
}

const THEIRS: Uuid = Uuid::from_u128(8);

fn event(id: u64, instance: &str) -> NewEvent {
    let publisher = PublisherId { name: "doorward.gateway".into(), instance: instance.into() };
    let id = uuid::Builder::from_unix_timestamp_millis(id, &[0; 10]).into_uuid();
    let mut envelope = Envelope::new(id, Timestamp::UNIX_EPOCH, publisher, "acme".into());
    envelope.endpoint_id = Some("z:0x1".into());
    let data = CredentialRemoved {
        credential: "pin".into(),
        operation_source: "keypad".into(),
        user_slot: Some(3),
    };
    NewEvent { draft: envelope.seal(&data).unwrap(), vendor: Some(VendorId::new("z")) }
}

fn open(file: &Path, id: Uuid) -> Journal {
    Journal::open_with(file, Bounds::default(), id, None).unwrap().0
}

/// 700 events of the other journal, 100 of them delivered, 5 events of our own.
fn stand() -> Stand {
    let folder = tempfile::tempdir().unwrap();
    let mut own = open(&folder.path().join("journal.db"), Uuid::from_u128(7));
    let mut other = open(&folder.path().join("journal.db.foreign-1"), THEIRS);
    let events = (1000..1005).map(|id| event(id, "gw")).collect();
    own.commit(&Batch { events, ..Batch::default() }).unwrap();
    let events = (1..=700).map(|id| event(id, "gw")).collect();
    other.commit(&Batch { events, ..Batch::default() }).unwrap();
    other.commit(&Batch { finished: (1..=100).collect(), ..Batch::default() }).unwrap();
    Stand { folder, own, other }
}

fn details(journal: &Journal, waiting: bool) -> Vec<String> {
    let mut details = Vec::new();
    let mut after = 0;
    loop {
        let page = journal.export_page(after, u64::MAX, 64, waiting).unwrap();
        details.extend(page.rows.into_iter().map(|row| row.detail));
        match page.go_on {
            Some(slot) => after = slot,
            None => return details,
        }
    }
}

#[test]
fn all_that_waits_is_taken_over_once_with_its_bytes() {
    let Stand { folder, mut own, other } = stand();
    let theirs = details(&other, true);
    assert_eq!(theirs.len(), 600);
    let adopted = own.adopt(&other, "gw").unwrap();
    assert_eq!(adopted, Adopted { events: 600, ..Adopted::default() });
    assert_eq!(details(&own, true)[5..], theirs);
    assert_eq!(own.folded.carried, [(6, 605)], "one range, however many blocks");
    let again = own.adopt(&other, "gw").unwrap();
    assert_eq!(again, Adopted { known: 600, ..Adopted::default() });
    // What comes next has the next sequence of its own journal.
    let more = own.commit(&Batch { events: vec![event(2000, "gw")], ..Batch::default() }).unwrap();
    assert!(more.events[0].detail.contains("\"sequence\":6,"), "{}", more.events[0].detail);
    // Delivered meanwhile: still here, still known.
    own.commit(&Batch { finished: (1..=606).collect(), ..Batch::default() }).unwrap();
    let again = own.adopt(&other, "gw").unwrap();
    assert_eq!(again, Adopted { known: 600, ..Adopted::default() });
    drop((own, other));
    let foreign = folder.path().join("journal.db.foreign-1");
    assert_eq!(adopted_before(&foreign), None);
    let kept = rename_adopted(&foreign).unwrap();
    assert_eq!(kept, folder.path().join("journal.db.adopted-1"));
    assert!(kept.exists() && !foreign.exists());
    assert_eq!(adopted_before(&foreign), Some(kept));
}

#[test]
fn what_is_missing_there_is_told_here() {
    let Stand { mut own, mut other, .. } = stand();
    other.give_up_slots(&[200, 201], DropReason::Quota).unwrap();
    let sql = "UPDATE access SET body = x'0102030405' WHERE slot IN (300, 50)";
    assert_eq!(other.db.execute(sql, []).unwrap(), 2);
    let adopted = own.adopt(&other, "gw").unwrap();
    let expected = Adopted { events: 597, known: 0, damaged: 1, gaps: 2 };
    assert_eq!(adopted, expected, "a delivered one that is damaged is no loss");
    let gaps: Vec<_> = own
        .folded
        .gaps
        .iter()
        .map(|gap| (gap.reason, gap.journal_id, gap.ranges.clone()))
        .collect();
    let of = Some(THEIRS);
    assert_eq!(
        gaps,
        [(DropReason::Quota, of, vec![(200, 201)]), (DropReason::Corruption, of, vec![(300, 300)])]
    );
    let again = own.adopt(&other, "gw").unwrap();
    assert_eq!((again.events, again.gaps), (0, 0));
    assert_eq!(own.folded.gaps.len(), 2);
}

#[test]
fn events_of_another_gateway_are_refused_before_anything_is_taken() {
    let Stand { mut own, mut other, .. } = stand();
    other.commit(&Batch { events: vec![event(900, "elsewhere")], ..Batch::default() }).unwrap();
    let before = own.statistics().unwrap();
    let error = own.adopt(&other, "gw").unwrap_err();
    assert!(matches!(&error, AdoptError::OtherGateway(of) if of == "elsewhere"), "{error}");
    assert_eq!(own.statistics().unwrap().slot, before.slot);
}

/// The files as a power cut leaves them: while they are open, with a log.
fn image(stand: &Stand) -> PathBuf {
    let from = stand.folder.path().join("journal.db.foreign-1");
    let to = stand.folder.path().join("image.db");
    for ending in ["", "-wal"] {
        std::fs::copy(beside(&from, ending), beside(&to, ending)).unwrap();
    }
    to
}

#[test]
fn looking_changes_nothing() {
    let stand = stand();
    let file = image(&stand);
    let read = || ["", "-wal"].map(|ending| std::fs::read(beside(&file, ending)).unwrap());
    let before = read();
    assert!(before[1].len() > 1000, "the events are in its log");
    for _ in 0..2 {
        let inspected = Journal::inspect(&file, Bounds::default()).unwrap();
        assert!(inspected.damage.is_none());
        let journal = inspected.journal;
        assert_eq!(journal.journal_id(), THEIRS);
        assert_eq!(details(&journal, true), details(&stand.other, true));
        assert_eq!(details(&journal, false).len(), 700);
        let (there, here) = (stand.other.figures().unwrap(), journal.figures().unwrap());
        assert_eq!(there.waiting_by_class, here.waiting_by_class);
        assert_eq!(there.waiting_bytes_by_vendor, here.waiting_bytes_by_vendor);
        assert_eq!(there.waiting_by_class.unwrap()["access"], 600);
        assert_eq!(here.oldest.unwrap().slot, 1);
        assert_eq!(journal.verify_rows(0, 1000).unwrap().looked, 700);
        assert_eq!(journal.verify_file().unwrap(), Vec::<String>::new());
        assert!(journal.close().is_err(), "it is there to be looked at");
    }
    assert_eq!(read(), before);
    let names: Vec<_> = std::fs::read_dir(stand.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("image"))
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn what_cannot_be_looked_at_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let refused = |name: &str| {
        let Err(error) = Journal::inspect(&path(name), Bounds::default()) else {
            panic!("{name} could be opened");
        };
        error
    };
    assert!(matches!(refused("nothing"), OpenError::Io(_)));
    assert!(!path("nothing").exists(), "looking makes no file");
    std::fs::write(path("text"), "x".repeat(5000)).unwrap();
    assert!(refused("text").is_damage());
    std::fs::write(path("empty"), "").unwrap();
    assert!(matches!(refused("empty"), OpenError::NotAJournal));
    assert_eq!(std::fs::read(path("empty")).unwrap(), b"", "it did not become one");
    for (version, older) in [(1, true), (3, false)] {
        let name = format!("layout-{version}");
        drop(open(&path(&name), Uuid::nil()));
        let db = rusqlite::Connection::open(path(&name)).unwrap();
        db.pragma_update(None, "user_version", version).unwrap();
        drop(db);
        let error = refused(&name);
        assert_eq!(matches!(error, OpenError::Older { found: 1 }), older, "{error}");
        assert_eq!(matches!(error, OpenError::Layout { found: 3 }), !older, "{error}");
    }
}

#[test]
fn of_a_damaged_file_the_rows_can_be_looked_at() {
    let stand = stand();
    let file = image(&stand);
    let db = rusqlite::Connection::open(&file).unwrap();
    let body = |slot: u64| -> Vec<u8> {
        let sql = "SELECT body FROM access WHERE slot = ?1";
        db.query_row(sql, [slot], |row| row.get(0)).unwrap()
    };
    let mut torn = body(690);
    torn[20] ^= 1;
    assert!(row::decode(690, &torn).is_err());
    db.execute("UPDATE access SET body = ?1 WHERE slot = 690", [torn]).unwrap();
    db.execute("UPDATE meta SET value = '{' WHERE name = 'folded'", []).unwrap();
    drop(db);
    let inspected = Journal::inspect(&file, Bounds::default()).unwrap();
    let damage = inspected.damage.unwrap();
    assert!(damage.is_damage() && damage.to_string().contains("counters"), "{damage}");
    assert_eq!(inspected.journal.verify_rows(0, 1000).unwrap().damaged, [690]);
}
