//! The file: what it keeps, what it refuses, what it forgets.

use std::path::{Path, PathBuf};

use doorward_events::types::{
    CredentialRemoved, EndpointOnline, EntryPositionChanged, EventQuarantined,
};
use doorward_events::{Envelope, PublisherId};
use jiff::Timestamp;

use super::*;

mod log;
mod room;
use crate::domain::ids::VendorId;
use crate::link::Digest;

struct Folder {
    file: PathBuf,
    _folder: tempfile::TempDir,
}

fn folder() -> Folder {
    let folder = tempfile::tempdir().unwrap();
    Folder { file: folder.path().join("journal.db"), _folder: folder }
}

fn open_with(file: &Path, bounds: Bounds) -> (Journal, Restored) {
    Journal::open(file, bounds, Uuid::from_u128(7)).unwrap()
}

fn open(file: &Path) -> (Journal, Restored) {
    open_with(file, Bounds::default())
}

fn refused(file: &Path) -> OpenError {
    let Err(error) = Journal::open(file, Bounds::default(), Uuid::nil()) else {
        panic!("it could be opened");
    };
    error
}

fn event(n: u64, entry: Option<&str>) -> NewEvent {
    let publisher = PublisherId { name: "doorward.gateway".into(), instance: "test".into() };
    let id = uuid::Builder::from_unix_timestamp_millis(n, &[0; 10]).into_uuid();
    let mut envelope = Envelope::new(id, Timestamp::UNIX_EPOCH, publisher, "acme".into());
    envelope.entry_id = entry.map(Into::into);
    envelope.endpoint_id = Some("zigbee2mqtt:0x1".into());
    let data = EndpointOnline { vendor: "zigbee2mqtt".to_owned(), unavailable_for_s: None };
    NewEvent { draft: envelope.seal(&data).unwrap(), vendor: Some(VendorId::new("zigbee2mqtt")) }
}

fn sealed<T: doorward_events::EventData>(n: u64, data: &T) -> NewEvent {
    let publisher = PublisherId { name: "doorward.gateway".into(), instance: "test".into() };
    let id = uuid::Builder::from_unix_timestamp_millis(n, &[0; 10]).into_uuid();
    let mut envelope = Envelope::new(id, Timestamp::UNIX_EPOCH, publisher, "acme".into());
    envelope.entry_id = Some("front".into());
    envelope.endpoint_id = Some("zigbee2mqtt:0x1".into());
    NewEvent { draft: envelope.seal(data).unwrap(), vendor: Some(VendorId::new("zigbee2mqtt")) }
}

fn telemetry(n: u64) -> NewEvent {
    event(n, Some("front"))
}

fn state(n: u64) -> NewEvent {
    let data = EntryPositionChanged {
        previous: "closed".into(),
        position: "open".into(),
        quality: "observed".into(),
    };
    sealed(n, &data)
}

fn access(n: u64) -> NewEvent {
    let data = CredentialRemoved {
        credential: "pin".into(),
        operation_source: "keypad".into(),
        user_slot: Some(3),
    };
    sealed(n, &data)
}

fn refusal(n: u64) -> NewEvent {
    let data = EventQuarantined {
        quarantine_id: 1,
        vendor: None,
        source: "topic".to_owned(),
        reason: "malformed_json".into(),
        detail: None,
        bytes: 1,
        count: 1,
    };
    sealed(n, &data)
}

fn events(count: u64) -> Batch {
    Batch { events: (0..count).map(|n| event(n, Some("front"))).collect(), ..Batch::default() }
}

fn finished(sequences: impl IntoIterator<Item = u64>) -> Batch {
    Batch { finished: sequences.into_iter().collect(), ..Batch::default() }
}

fn facts() -> Batch {
    let mut batch = Batch::default();
    batch.facts.insert("door/front".to_owned(), b"{}".to_vec());
    batch
}

fn digest(n: u64) -> Digest {
    Digest(u128::from(n).to_be_bytes())
}

fn quarantined(id: u64) -> QuarantineRecord {
    QuarantineRecord {
        id,
        at: Timestamp::UNIX_EPOCH,
        vendor: None,
        source: "topic".to_owned(),
        reason: "malformed_json".to_owned(),
        detail: String::new(),
        bytes: 1,
        raw: Some("{".to_owned()),
        keyed_digest: Some(digest(id)),
    }
}

fn listed(journal: &Journal, filter: &EventFilter) -> Vec<u64> {
    journal.list_events(filter).unwrap().rows.into_iter().map(|row| row.slot).collect()
}

fn all() -> EventFilter {
    EventFilter { limit: usize::MAX, ..EventFilter::default() }
}

fn waiting(journal: &Journal, after: u64, max_events: usize, max_bytes: usize) -> Vec<u64> {
    let events = journal.waiting_events(after, max_events, max_bytes).unwrap();
    events.into_iter().map(|event| event.slot).collect()
}

#[test]
fn whatever_was_committed_is_there_after_reopening() {
    let Folder { file, _folder } = &folder();
    let (mut journal, restored) = open(file);
    assert_eq!((restored.previous_stop, restored.slot), (PreviousStop::FirstStart, 0));
    let mut batch = events(4);
    batch.facts.insert("door/front".to_owned(), b"{}".to_vec());
    batch.seen.extend([digest(1), digest(2)]);
    batch.quarantine.push(quarantined(1));
    let committed = journal.commit(&batch).unwrap();
    assert_eq!((committed.slot, committed.waiting), (4, 4));
    journal.commit(&finished([1, 3])).unwrap();
    drop(journal);

    let (journal, restored) = open(file);
    assert_eq!(restored.previous_stop, PreviousStop::Unclean);
    assert_eq!(restored.journal_id, Uuid::from_u128(7), "the first one given stays");
    assert_eq!((restored.slot, restored.waiting), (4, 2));
    assert_eq!(restored.facts, [("door/front".to_owned(), b"{}".to_vec())]);
    assert_eq!(restored.seen, [digest(1), digest(2)]);
    assert_eq!(restored.last_quarantine_id, 1);
    assert!(restored.finished.contains(3) && !restored.finished.contains(2));
    let events = journal.waiting_events(0, 10, usize::MAX).unwrap();
    for (event, told) in events.iter().zip([&committed.events[1], &committed.events[3]]) {
        assert_eq!((event.slot, event.id, &event.detail), (told.slot, told.id, &told.detail));
        assert_eq!((event.kind, &event.vendor), (told.kind, &told.vendor));
        assert_eq!(&*event.lane_key, "front");
    }
    journal.close().unwrap();
    assert_eq!(open(file).1.previous_stop, PreviousStop::Clean);
    assert_eq!(open(file).1.previous_stop, PreviousStop::Unclean, "that one was not closed");
}

#[test]
fn sequences_go_on_after_reopening_in_all_and_per_type() {
    let Folder { file, _folder } = &folder();
    open(file).0.commit(&events(3)).unwrap();
    let (mut journal, _) = open(file);
    let committed = journal.commit(&events(1)).unwrap();
    assert_eq!(committed.events[0].slot, 4);
    assert!(committed.events[0].detail.contains("\"type_sequence\":4"));
}

#[test]
fn an_event_of_neither_entry_nor_endpoint_leaves_in_the_gateways_lane() {
    assert_eq!(&*event(1, Some("front")).lane_key(), "front");
    assert_eq!(&*event(1, None).lane_key(), "zigbee2mqtt:0x1");
}

#[test]
fn waiting_events_keep_both_bounds_and_skip_what_is_finished() {
    let Folder { file, _folder } = &folder();
    let (mut journal, _) = open(file);
    journal.commit(&events(10)).unwrap();
    journal.commit(&finished([1, 2, 5, 6])).unwrap();
    assert_eq!(waiting(&journal, 0, usize::MAX, usize::MAX), [3, 4, 7, 8, 9, 10]);
    assert_eq!(waiting(&journal, 0, 3, usize::MAX), [3, 4, 7]);
    assert_eq!(waiting(&journal, 4, 2, usize::MAX), [7, 8]);
    assert_eq!(waiting(&journal, 10, 2, usize::MAX), [0; 0]);
    let one = journal.waiting_events(0, 1, 0).unwrap().remove(0).detail.len();
    assert_eq!(waiting(&journal, 0, 9, 0), [3], "one at least");
    assert_eq!(waiting(&journal, 0, 9, 2 * one), [3, 4]);
    assert_eq!(waiting(&journal, 0, 9, 3 * one - 1), [3, 4]);
}

#[test]
fn an_event_that_this_build_cannot_read_is_skipped_and_waits() {
    let Folder { file, _folder } = &folder();
    let (mut journal, _) = open(file);
    journal.commit(&events(1)).unwrap();
    let detail = journal.waiting_events(0, 1, 0).unwrap().remove(0).detail;
    let detail = detail.replace("endpoint.online", "door.teleported");
    assert_eq!(journal.carry(&[Carried { vendor: None, detail }]).unwrap(), 1);
    journal.commit(&events(1)).unwrap();
    assert_eq!(waiting(&journal, 0, 10, usize::MAX), [1, 3]);
    assert_eq!(journal.waiting(), 3);
    assert_eq!(listed(&journal, &all()), [1, 2, 3]);
}

#[test]
fn events_are_listed_by_type_subject_and_place() {
    let Folder { file, _folder } = &folder();
    let (mut journal, _) = open(file);
    let entries = [Some("front"), Some("back"), None, Some("front"), Some("back")];
    let events = (0..).zip(entries).map(|(n, entry)| event(n, entry)).collect();
    journal.commit(&Batch { events, finished: vec![], ..Batch::default() }).unwrap();
    journal.commit(&finished([2])).unwrap();
    let of = |subject: &str| EventFilter { subject: Some(subject.to_owned()), ..all() };
    assert_eq!(listed(&journal, &of("front")), [1, 4]);
    assert_eq!(listed(&journal, &of("zigbee2mqtt:0x1")), [3]);
    assert_eq!(listed(&journal, &of("side")), [0; 0]);
    let typed = |name: &str| EventFilter { event_type: Some(name.to_owned()), ..all() };
    assert_eq!(listed(&journal, &typed("endpoint.online")).len(), 5);
    assert_eq!(listed(&journal, &typed("endpoint.offline")), [0; 0]);
    let newest = EventFilter { newest: true, limit: 2, ..all() };
    assert_eq!(listed(&journal, &newest), [4, 5]);
    assert_eq!(
        listed(&journal, &EventFilter { after: 3, newest: true, limit: 9, ..all() }),
        [4, 5]
    );
    assert_eq!(listed(&journal, &EventFilter { after: 1, limit: 2, ..all() }), [2, 3]);
    let delivered: Vec<bool> =
        journal.list_events(&all()).unwrap().rows.iter().map(|row| row.delivered).collect();
    assert_eq!(delivered, [false, true, false, false, false]);
}

#[test]
fn the_ring_of_seen_messages_comes_back_oldest_first() {
    let Folder { file, _folder } = &folder();
    let (mut journal, _) = open(file);
    let mut next = 0;
    // Up to the bound, over it within a batch, and once around.
    for count in [SEEN_WINDOW - 3, 10, SEEN_WINDOW] {
        let seen = (next..next + count).map(digest).collect();
        next += count;
        journal.commit(&Batch { seen, ..Batch::default() }).unwrap();
        drop(journal);
        let (reopened, restored) = open(file);
        journal = reopened;
        let oldest = next.saturating_sub(SEEN_WINDOW);
        assert_eq!(restored.seen, (oldest..next).map(digest).collect::<Vec<_>>());
    }
}

#[test]
fn quarantine_keeps_its_newest_rows() {
    let Folder { file, _folder } = &folder();
    let (mut journal, _) = open_with(file, Bounds { quarantine_rows: 5, ..Bounds::default() });
    for ids in [1..4, 4..9] {
        let quarantine = ids.map(quarantined).collect();
        journal.commit(&Batch { quarantine, ..Batch::default() }).unwrap();
    }
    let ids = |limit| {
        let rows = journal.list_quarantine(limit).unwrap();
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(100), [4, 5, 6, 7, 8]);
    assert_eq!(ids(2), [7, 8]);
    assert_eq!(journal.statistics().unwrap().quarantined, 5);
    let row = journal.list_quarantine(1).unwrap().remove(0);
    assert_eq!(row.keyed_digest.as_deref(), Some("00000000000000000000000000000008"));
}

#[test]
fn no_vendor_pushes_another_s_rows_out_of_quarantine() {
    let Folder { file, _folder } = &folder();
    let (mut journal, _) = open_with(file, Bounds { quarantine_rows: 5, ..Bounds::default() });
    let of = |vendor: &str, id| QuarantineRecord {
        vendor: Some(VendorId::new(vendor)),
        ..quarantined(id)
    };
    let refused = |id| QuarantineRecord { reason: "refused_by_bus".to_owned(), ..quarantined(id) };
    let mut rows: Vec<_> = (1..=3).map(|id| of("quiet", id)).collect();
    rows.extend((4..=6).map(refused));
    rows.extend((7..=900).map(|id| of("noisy", id)));
    for row in rows {
        journal.commit(&Batch { quarantine: vec![row], ..Batch::default() }).unwrap();
    }
    let ids: Vec<u64> =
        journal.list_quarantine(100).unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5, 6, 896, 897, 898, 899, 900]);
    let quarantine = (901..=1200).map(refused).collect();
    journal.commit(&Batch { quarantine, ..Batch::default() }).unwrap();
    assert_eq!(journal.statistics().unwrap().quarantined, 3 + 5 + 200);
}

#[test]
fn figures_say_what_waits_and_how_far_each_type_is_delivered() {
    let Folder { file, _folder } = &folder();
    let (mut journal, _) = open(file);
    let second = "2026-11-21T05:00:00Z".parse().unwrap();
    journal.commit(&events(2)).unwrap();
    journal.commit(&Batch { recorded_at: second, ..events(2) }).unwrap();
    journal.commit(&finished([1, 2, 4])).unwrap();
    let figures = journal.statistics().unwrap();
    assert_eq!((figures.slot, figures.waiting), (4, 1));
    assert_eq!(figures.delivered_through["endpoint.online"], 2, "a hole above it is late");
    assert_eq!(figures.delivered_through.len(), 1, "types that never were are left out");
    assert_eq!(figures.oldest_waiting.as_deref(), Some("2026-11-21T05:00:00Z"));
    journal.commit(&finished([3])).unwrap();
    assert_eq!(journal.statistics().unwrap().delivered_through["endpoint.online"], 4);
    assert_eq!(journal.statistics().unwrap().oldest_waiting, None);
}

#[test]
fn a_journal_that_is_open_cannot_be_opened_again() {
    let Folder { file, _folder } = &folder();
    let (journal, _) = open(file);
    assert!(matches!(refused(file), OpenError::InUse));
    drop(journal);
    open(file);
}

#[test]
fn a_file_of_somebody_else_is_left_as_it_is() {
    let Folder { file, _folder } = &folder();
    std::fs::write(file, "a letter to my landlord, and long enough for a header ".repeat(40))
        .unwrap();
    let before = std::fs::read(file).unwrap();
    assert!(matches!(refused(file), OpenError::Sqlite(_)));
    assert_eq!(std::fs::read(file).unwrap(), before);

    for (version, application) in [(0, 0), (3, 0), (1, 77), (0, 77)] {
        let Folder { file, _folder } = &folder();
        let other = Connection::open(file).unwrap();
        other.execute_batch("CREATE TABLE addresses (name)").unwrap();
        other.pragma_update(None, "user_version", version).unwrap();
        other.pragma_update(None, "application_id", application).unwrap();
        drop(other);
        let before = std::fs::read(file).unwrap();
        assert!(matches!(refused(file), OpenError::NotAJournal), "{version} {application}");
        assert_eq!(std::fs::read(file).unwrap(), before, "{version} {application}");
    }
}

#[test]
fn a_newer_layout_is_refused_with_words_and_left_as_it_is() {
    let Folder { file, _folder } = &folder();
    let (mut journal, _) = open(file);
    journal.commit(&events(1)).unwrap();
    journal.db.pragma_update(None, "user_version", layout::LAYOUT + 1).unwrap();
    drop(journal);
    let error = refused(file);
    assert!(matches!(error, OpenError::Layout { found: 3 }));
    assert_eq!(
        error.to_string(),
        "its layout is 3, this version reads 1 to 2; a newer doorward wrote it"
    );
    let db = Connection::open(file).unwrap();
    db.pragma_update(None, "user_version", layout::LAYOUT).unwrap();
    drop(db);
    assert_eq!(open(file).1.waiting, 1);
}

#[test]
fn a_journal_without_its_figures_is_damaged_not_new() {
    for (name, value, what) in [
        ("journal_id", "no uuid", "it holds no readable journal_id"),
        ("folded", "{}", "it holds no readable counters"),
        ("folded", "7", "it holds no readable counters"),
    ] {
        let Folder { file, _folder } = &folder();
        let (mut journal, _) = open(file);
        journal.commit(&events(3)).unwrap();
        journal.commit(&finished([1])).unwrap();
        fold::set_meta(&journal.db, name, value).unwrap();
        drop(journal);
        assert_eq!(refused(file).to_string(), what);
    }
}

#[test]
fn a_failed_commit_leaves_nothing_and_can_be_tried_again() {
    let Folder { file, _folder } = &folder();
    let (mut journal, _) = open(file);
    journal.commit(&events(1)).unwrap();
    journal.db.execute_batch("ALTER TABLE telemetry RENAME TO elsewhere").unwrap();
    let mut batch = events(2);
    batch.facts.insert("door/front".to_owned(), vec![1]);
    assert!(matches!(journal.commit(&batch), Err(CommitError::Sqlite(_))));
    journal.db.execute_batch("ALTER TABLE elsewhere RENAME TO telemetry").unwrap();
    assert_eq!(listed(&journal, &all()), [1]);
    let committed = journal.commit(&batch).unwrap();
    assert_eq!((committed.slot, committed.waiting), (3, 3));
    assert!(committed.events[1].detail.contains("\"type_sequence\":3"));
}
