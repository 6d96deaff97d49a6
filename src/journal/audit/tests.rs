//! Digests come with their events and outlive them; ranges are closed once.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::path::Path;

use doorward_events::statement::{KeyId, LocalSigner, Signer as _, open_checkpoint};
use doorward_events::types::{AccessGranted, AuditCheckpoint, EndpointOnline};
use doorward_events::{Direction, Envelope, EventData, EventType, PublisherId};
use jiff::Timestamp;
use uuid::Uuid;

use super::super::{
    Arrival, AuditPage, AuditPlace, Batch, Bounds, Closing, Journal, NewEvent, Opening, is_audited,
};
use crate::domain::audit::{Broken, Closable, Neighbour, Statement, events_are_right, examine};
use crate::domain::ids::VendorId;

mod ranges;

const COURIER: &str = "courier-7f3a";

fn open_with(file: &Path, bounds: Bounds) -> Journal {
    Journal::open_with(file, bounds, Uuid::from_u128(7), None).unwrap().0
}

fn open(file: &Path) -> Journal {
    open_with(file, Bounds::default())
}

fn sealed<T: EventData>(n: u64, data: &T) -> NewEvent {
    let publisher = PublisherId { name: "doorward.gateway".into(), instance: "test".into() };
    let id = uuid::Builder::from_unix_timestamp_millis(n, &[0; 10]).into_uuid();
    let mut envelope = Envelope::new(id, Timestamp::UNIX_EPOCH, publisher, "acme".into());
    envelope.entry_id = Some("front".into());
    envelope.endpoint_id = Some("zigbee2mqtt:0x1".into());
    NewEvent { draft: envelope.seal(data).unwrap(), vendor: Some(VendorId::new("zigbee2mqtt")) }
}

fn access(n: u64, subject: &str) -> NewEvent {
    let data = AccessGranted {
        action: "unlock".into(),
        channel: "request".into(),
        request_id: None,
        issuer: None,
        grant_id: None,
        subject_ref: Some(subject.to_owned()),
        visit_id: None,
        command_id: None,
    };
    sealed(n, &data)
}

fn telemetry(n: u64) -> NewEvent {
    sealed(n, &EndpointOnline { vendor: "zigbee2mqtt".to_owned(), unavailable_for_s: None })
}

fn of(events: Vec<NewEvent>) -> Batch {
    Batch { events, ..Batch::default() }
}

fn finished(slots: impl IntoIterator<Item = u64>) -> Batch {
    Batch { finished: slots.into_iter().collect(), ..Batch::default() }
}

fn signer() -> LocalSigner {
    LocalSigner::from_seed(KeyId::new("audit").unwrap(), &[3; 32]).unwrap()
}

/// The range as the gateway signs it.
fn signed(closable: &Closable) -> (Statement, String) {
    let statement = Statement::of(closable, "acme", "test");
    let text = statement.to_text().unwrap();
    let signing = async { doorward_events::statement::sign_checkpoint(&signer(), &text).await };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    (statement, runtime.block_on(signing).unwrap())
}

/// The batch that closes it.
fn checkpoint(n: u64, closable: &Closable) -> Batch {
    let (statement, text) = signed(closable);
    let data = AuditCheckpoint {
        journal_id: statement.journal_id.to_string(),
        first: 1,
        last: 1,
        events: 1,
        counts: std::collections::BTreeMap::new(),
        dropped: Vec::new(),
        refused: Vec::new(),
        previous_root: None,
        root: statement.root.to_string(),
        signed: text.clone(),
    };
    let closing = Closing {
        slots: closable.slots,
        events: closable.events,
        root: statement.root,
        signed: text,
    };
    Batch { events: vec![sealed(n, &data)], closing: Some(closing), ..Batch::default() }
}

/// Closes what can be closed, and lets the bus accept it; the range.
fn close(journal: &mut Journal) -> Closable {
    let closable = journal.closable(false).unwrap().unwrap();
    let slot = journal.commit(&checkpoint(900, &closable)).unwrap().slot;
    journal.commit(&finished([slot])).unwrap();
    closable
}

fn pages(journal: &Journal) -> Vec<AuditPage> {
    let (mut pages, mut place) = (Vec::new(), AuditPlace::default());
    loop {
        let page = journal.audit_page(place).unwrap();
        assert!(page.kept);
        let go_on = page.go_on;
        pages.push(page);
        match go_on {
            Some(next) => place = next,
            None => return pages,
        }
    }
}

/// What a verification says: the first broken range, or the sums of events compared, erased and
/// gone, the open part included.
fn verify(journal: &Journal) -> Result<[u64; 3], (u64, u64, Broken)> {
    let mut before: Option<Statement> = None;
    let mut sums = [0; 3];
    for page in pages(journal) {
        let mut add = |found: &crate::domain::audit::Found| {
            sums[0] += found.compared;
            sums[1] += found.erased;
            sums[2] += found.gone;
        };
        for range in &page.ranges {
            add(&range.found);
            let key = |_: &KeyId| Some(signer().public_key());
            let value = open_checkpoint(&range.signed, key).unwrap();
            let statement: Statement = serde_json::from_value(value).unwrap();
            let neighbour = before.as_ref().map_or(Neighbour::Unknown, Neighbour::Range);
            examine(neighbour, &statement, &range.found)
                .map_err(|broken| (statement.first, statement.last, broken))?;
            assert_eq!(statement.root, range.root);
            before = Some(statement);
        }
        if let Some(open) = &page.open {
            add(open);
            events_are_right(open).map_err(|broken| (0, 0, broken))?;
        }
    }
    Ok(sums)
}

/// The types whose events leave digests, one by one: whoever adds a type decides.
#[test]
fn accesses_decisions_and_the_gateways_own_record_leave_digests() {
    const NONE: [&str; 13] = [
        "endpoint.battery_changed",
        "endpoint.discovered",
        "endpoint.flooding",
        "endpoint.offline",
        "endpoint.online",
        "entry.lock_changed",
        "entry.position_changed",
        "entry.state_reported",
        "event.quarantined",
        "gateway.heartbeat",
        "publisher.handshake_sent",
        "security.authentication_failed",
        "security.retained_command_found",
    ];
    const SOME: [&str; 29] = [
        "access.denied",
        "access.granted",
        "access.requested",
        "alarm.cleared",
        "alarm.raised",
        "audit.checkpoint",
        "command.state_changed",
        "credential.removed",
        "credential.set",
        "entry.attribution_updated",
        "entry.registered",
        "gateway.clock_changed",
        "gateway.credential_expiring",
        "gateway.events_dropped",
        "gateway.started",
        "gateway.subject_erased",
        "grant.consumed",
        "grant.installed",
        "grant.rejected",
        "grant.removed",
        "grant.use_restored",
        "vendor.isolated",
        "vendor.recovered",
        "visit.interrupted",
        "visit.left_insecure",
        "visit.not_taken",
        "visit.opened",
        "visit.secured",
        "visit.unverified",
    ];
    let own =
        |kind: &EventType| matches!(kind.direction(), Direction::FromGateway | Direction::Platform);
    for kind in EventType::ALL.into_iter().filter(own) {
        let word = kind.as_str();
        assert_eq!(is_audited(kind), SOME.contains(&word), "{word}");
        assert_eq!(!is_audited(kind), NONE.contains(&word), "{word}");
    }
}

#[test]
fn digests_come_with_their_events_whether_folded_closed_or_killed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.db");
    let mut journal = open(&file);
    assert_eq!(journal.closable(false).unwrap(), None);
    journal.commit(&of(vec![access(1, COURIER), telemetry(2), access(3, COURIER)])).unwrap();
    assert_eq!(verify(&journal), Ok([2, 0, 0]), "before a fold");
    drop(journal);
    let mut journal = open(&file);
    assert_eq!(verify(&journal), Ok([2, 0, 0]), "after a kill");
    journal.fold_alone().unwrap();
    journal.commit(&of(vec![access(4, COURIER)])).unwrap();
    assert_eq!(verify(&journal), Ok([3, 0, 0]), "folded and not");
    journal.close().unwrap();
    let journal = open(&file);
    assert_eq!(verify(&journal), Ok([3, 0, 0]), "after a stop");
    let page = journal.audit_page(AuditPlace::default()).unwrap();
    assert_eq!(page.open.unwrap().counts["access.granted"], 3);
}

#[test]
fn what_was_erased_or_went_leaves_its_digest_and_the_rest_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.db");
    let mut journal = open(&file);
    journal.commit(&of(vec![access(1, COURIER), access(2, "resident-0815")])).unwrap();
    journal.commit(&finished([1, 2])).unwrap();
    // Before it is folded, and not delivered; a fact of his rides in another's row.
    let mut beside = of(vec![access(3, COURIER), access(4, "resident-0815")]);
    beside.facts.insert(format!("grant/{COURIER}"), b"{}".to_vec());
    journal.commit(&beside).unwrap();
    journal.erase(COURIER).unwrap().unwrap();
    assert_eq!(verify(&journal), Ok([2, 2, 0]));
    journal.commit(&finished([4])).unwrap();
    let closed = close(&mut journal);
    assert_eq!((closed.events, closed.last), (4, 4));
    assert_eq!((closed.dropped[0].first, closed.dropped[0].last), (3, 3));
    assert_eq!(closed.dropped[0].reason, "erased");
    assert_eq!(verify(&journal), Ok([3, 2, 0]));
    // After it was closed; and history goes by itself.
    journal.erase("resident-0815").unwrap().unwrap();
    assert_eq!(verify(&journal), Ok([1, 4, 0]));
    journal.commit(&of(vec![access(6, "resident-4711")])).unwrap();
    journal.commit(&finished([6])).unwrap();
    while journal.delete_history().unwrap() {}
    assert_eq!(verify(&journal), Ok([0, 4, 2]));
    drop(journal);
    assert_eq!(verify(&open(&file)), Ok([0, 4, 2]));
    // No salt of what went is left to try out what it said.
    let salts: u64 =
        open(&file).db.query_row("SELECT COUNT(*) FROM access", [], |row| row.get(0)).unwrap();
    assert_eq!(salts, 0);
}

/// Changes the file by SQL, and says what a verification makes of it.
fn tampered(file: &Path, sql: &str) -> (u64, u64, Broken) {
    let copy = file.with_extension("copy");
    std::fs::copy(file, &copy).unwrap();
    let db = rusqlite::Connection::open(&copy).unwrap();
    assert!(db.execute(sql, []).unwrap() > 0, "{sql}");
    drop(db);
    let broken = verify(&Journal::inspect(&copy, Bounds::default()).unwrap().journal).unwrap_err();
    for name in ["copy", "copy-wal", "copy-shm"] {
        let _ = std::fs::remove_file(file.with_extension(name));
    }
    broken
}

#[test]
fn what_is_changed_behind_its_back_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.db");
    let mut journal = open(&file);
    let mut n = 0;
    for _ in 0..3 {
        journal
            .commit(&of((0..5)
                .map(|_| {
                    n += 1;
                    access(n, COURIER)
                })
                .collect()))
            .unwrap();
        let slot = journal.statistics().unwrap().slot;
        journal.commit(&finished(1..=slot)).unwrap();
        close(&mut journal);
    }
    // Ranges 1–5, 6–11, 12–17; a checkpoint stands in the next range.
    journal.close().unwrap();
    let kind = |sql: &str| {
        let (first, last, broken) = tampered(&file, sql);
        assert_eq!((first, last), (6, 11), "{sql}: {broken}");
        broken
    };
    let root = |broken: Broken| matches!(broken, Broken::Root { .. });
    assert!(root(kind("UPDATE audit SET leaf = zeroblob(32) WHERE slot = 8")));
    assert!(root(kind("UPDATE audit SET leaf = 'no digest' WHERE slot = 8")));
    let swap = "UPDATE audit SET leaf = (SELECT leaf FROM audit AS other
                WHERE other.slot = 17 - audit.slot) WHERE slot IN (8, 9)";
    assert!(root(kind(swap)));
    let gone = kind("DELETE FROM audit WHERE slot = 8");
    assert_eq!(gone, Broken::Number { there: 5 });
    let moved = kind("UPDATE checkpoint SET last = 10 WHERE last = 11");
    assert_eq!(moved, Broken::Number { there: 5 });
    assert_eq!(kind("UPDATE audit SET kind = 1 WHERE slot = 8"), Broken::Types);
    let (first, _, broken) = tampered(&file, "DELETE FROM checkpoint WHERE last = 11");
    assert_eq!(first, 12);
    assert!(matches!(broken, Broken::Chain { wanted_first: 6, .. }), "{broken:?}");
    // A row that was written anew, with a checksum that is right.
    let body = |slot: u64, salt| {
        let aside = super::super::aside::Aside { salt, ..Default::default() };
        let detail = format!(
            "{{\"gateway\":{{\"journal_id\":\"{}\",\"sequence\":{slot}}},\"n\":\"another\"}}",
            Uuid::from_u128(7)
        );
        let body = super::super::row::encode(slot, None, &detail, &aside);
        body.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    for salt in [None, Some([1; 16])] {
        let sql = format!("UPDATE access SET body = x'{}' WHERE slot = 8", body(8, salt));
        assert_eq!(kind(&sql), Broken::Unlike { sequences: vec![8], count: 1 });
    }
    assert_eq!(
        kind("UPDATE access SET body = x'00' WHERE slot = 8"),
        Broken::Unlike { sequences: vec![8], count: 1 }
    );
    // An event more, of a range that is not closed yet.
    let added = format!(
        "INSERT INTO access SELECT 19, kind, 99, vendor, at, x'{}' FROM access WHERE slot = 8",
        body(19, None)
    );
    let copy = file.with_extension("more");
    std::fs::copy(&file, &copy).unwrap();
    let mut journal = open(&copy);
    journal.commit(&of(vec![telemetry(500)])).unwrap();
    let slot = journal.statistics().unwrap().slot;
    journal.fold_alone().unwrap();
    journal.db.execute(&added.replace("19", &slot.to_string()), []).unwrap();
    let (_, _, broken) = verify(&journal).unwrap_err();
    assert!(matches!(broken, Broken::Bare { .. } | Broken::Unlike { .. }), "{broken:?}");
}

#[test]
fn a_file_of_before_begins_with_what_comes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.db");
    let mut journal = open(&file);
    journal.commit(&of(vec![access(1, COURIER), access(2, COURIER)])).unwrap();
    journal.close().unwrap();
    let db = rusqlite::Connection::open(&file).unwrap();
    db.execute_batch("DROP TABLE audit; DROP TABLE checkpoint; DROP TABLE fate").unwrap();
    drop(db);
    let inspected = Journal::inspect(&file, Bounds::default()).unwrap();
    assert!(!inspected.journal.audit_page(AuditPlace::default()).unwrap().kept);
    drop(inspected);
    let mut journal = open(&file);
    assert_eq!(verify(&journal), Ok([0, 0, 0]));
    journal.commit(&of(vec![access(3, COURIER)])).unwrap();
    journal.commit(&finished(1..=3)).unwrap();
    let closed = close(&mut journal);
    assert_eq!((closed.first, closed.last, closed.events), (3, 3, 1));
    assert_eq!(verify(&journal), Ok([2, 0, 0]));
}

#[test]
fn a_copy_that_was_put_back_begins_a_chain_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.db");
    let mut number = 10;
    let mut ids = || {
        number += 1;
        Uuid::from_u128(number)
    };
    let opening = Opening::default();
    let (mut journal, _) = Journal::arrive(&file, &opening, &mut ids).unwrap();
    journal.commit(&of(vec![access(1, COURIER)])).unwrap();
    journal.commit(&finished([1])).unwrap();
    close(&mut journal);
    journal.commit(&of(vec![access(2, COURIER)])).unwrap();
    journal.close().unwrap();
    let copy = file.with_extension("copy");
    std::fs::copy(&file, &copy).unwrap();
    let (mut journal, _) = Journal::arrive(&file, &opening, &mut ids).unwrap();
    journal.commit(&of(vec![access(3, COURIER)])).unwrap();
    journal.close().unwrap();
    std::fs::rename(&copy, &file).unwrap();
    let (mut journal, restored) = Journal::arrive(&file, &opening, &mut ids).unwrap();
    assert!(matches!(restored.arrival, Arrival::RolledBack { .. }), "{:?}", restored.arrival);
    journal.commit(&of(vec![access(4, COURIER)])).unwrap();
    let slot = journal.statistics().unwrap().slot;
    journal.commit(&finished(1..=slot)).unwrap();
    let closed = close(&mut journal);
    assert_eq!((closed.first, closed.last, closed.previous_root), (1, 1, None));
    assert_eq!(closed.journal_id, journal.journal_id());
    assert!(verify(&journal).is_ok(), "{:?}", verify(&journal));
    assert_eq!(
        journal.audit_page(AuditPlace::default()).unwrap().ranges.len(),
        2,
        "the old one's range is kept"
    );
}

#[test]
fn events_of_another_journal_leave_no_digests_here() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one.db"), folder.path().join("other.db"));
    let mut theirs =
        Journal::open_with(&other, Bounds::default(), Uuid::from_u128(8), None).unwrap().0;
    theirs.commit(&of(vec![access(1, COURIER), access(2, COURIER)])).unwrap();
    let mut journal = open(&one);
    journal.commit(&of(vec![access(3, COURIER)])).unwrap();
    assert_eq!(journal.adopt(&theirs, "test").unwrap().events, 2);
    journal.commit(&of(vec![access(4, COURIER)])).unwrap();
    assert_eq!(verify(&journal), Ok([2, 0, 0]));
    journal.commit(&finished(1..=4)).unwrap();
    let closed = close(&mut journal);
    assert_eq!((closed.first, closed.last, closed.events), (1, 2, 2));
    assert_eq!(verify(&journal), Ok([3, 0, 0]));
}
