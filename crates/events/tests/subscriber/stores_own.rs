//! What each store promises beyond the contract: bounds, files, faults.

use std::sync::Arc;
use std::time::Duration;

use doorward_emulator::{Fault, Moto, Proxy, REGION};
use doorward_events::aws::Connection;
use doorward_events::subscribe::store::dynamodb::DynamoDb;
use doorward_events::subscribe::store::sqlite::{OpenError, Retention, SCHEMA, Sqlite, TRIM_EVERY};
use doorward_events::subscribe::store::{Claim, Memory, Store, StoreError};
use rusqlite::Connection as Database;

use crate::samples::{id, visit};
use crate::stand::{Stand, is_again, take};

const LONG: Duration = Duration::from_secs(600);

#[tokio::test(start_paused = true)]
async fn memory_forgets_the_oldest_that_nobody_handles() {
    let store = Memory::new(3);
    let is_new = |claim| matches!(claim, Claim::New(_));
    for n in 1..=3 {
        assert!(is_new(store.claim("a", id(n), LONG).await.unwrap()));
    }
    assert_eq!(store.claim("a", id(4), LONG).await, Err(StoreError::Full));
    store.done("a", id(2)).await.unwrap();
    assert!(is_new(store.claim("a", id(4), LONG).await.unwrap()));
    assert_eq!(store.ids(), 3);
    // The one that was done is forgotten, those being handled are not.
    assert!(matches!(store.claim("a", id(1), LONG).await.unwrap(), Claim::Busy { .. }));
    assert_eq!(store.claim("a", id(2), LONG).await, Err(StoreError::Full));
    tokio::time::advance(LONG).await;
    assert!(is_new(store.claim("a", id(2), LONG).await.unwrap()), "leases have ended");
    for n in 100..200 {
        store.done("a", id(n)).await.unwrap_or_default();
        store.claim_once(&format!("k{n}"), "v", LONG).await.unwrap();
        assert!(store.swap(&format!("d{n}"), 0, b"v").await.unwrap());
        assert!(store.ids() <= 3);
    }
    // Three values and documents are left of a hundred.
    let mut left = 0;
    for n in 100..200 {
        left += usize::from(store.load(&format!("d{n}")).await.unwrap().is_some());
    }
    assert_eq!(left, 3);
    assert_eq!(store.claim_once("k199", "w", LONG).await.unwrap().as_deref(), Some("v"));
    assert_eq!(store.claim_once("k100", "w", LONG).await.unwrap(), None);
}

#[tokio::test]
async fn a_full_memory_hands_out_nothing() {
    let store = Arc::new(Memory::new(1));
    store.claim("other", id(9), LONG).await.unwrap();
    let stand = Stand::on(store);
    assert!(is_again(&take(&stand.willing(), &visit(1)).await));
    assert_eq!(stand.called().len(), 0);
}

#[tokio::test]
async fn sqlite_remembers_over_restarts_and_between_processes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let open = || Sqlite::open(path.clone(), Retention::DEFAULT);
    let store = open().await.unwrap();
    store.done("a", id(1)).await.unwrap();
    store.claim("a", id(2), LONG).await.unwrap();
    assert!(store.swap("d", 0, b"one").await.unwrap());
    let other = open().await.unwrap();
    drop(store);
    assert_eq!(other.claim("a", id(1), LONG).await.unwrap(), Claim::Done);
    assert!(matches!(other.claim("a", id(2), LONG).await.unwrap(), Claim::Busy { .. }));
    assert_eq!(other.load("d").await.unwrap().unwrap().version, 1);
    let db = Database::open(&path).unwrap();
    let mode: String = db.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
}

#[tokio::test]
async fn sqlite_opens_only_its_own_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    drop(Sqlite::open(&path, Retention::DEFAULT).await.unwrap());
    Database::open(&path).unwrap().pragma_update(None, "user_version", SCHEMA + 1).unwrap();
    let newer = Sqlite::open(&path, Retention::DEFAULT).await.err().unwrap();
    assert!(matches!(newer, OpenError::Schema { found } if found == SCHEMA + 1), "{newer}");
    let foreign = folder.path().join("foreign.db");
    Database::open(&foreign).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    let foreign = Sqlite::open(foreign, Retention::DEFAULT).await.err().unwrap();
    assert!(matches!(foreign, OpenError::NotAStore), "{foreign}");
    let nowhere = Sqlite::open(folder.path().join("no/where.db"), Retention::DEFAULT).await;
    assert!(matches!(nowhere.err().unwrap(), OpenError::Database(_)));
}

fn rows(path: &std::path::Path, table: &str) -> i64 {
    let count = format!("SELECT COUNT(*) FROM {table}");
    Database::open(path).unwrap().query_row(&count, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn sqlite_is_bounded_by_count() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let retention = Retention { most: 50, ..Retention::DEFAULT };
    let store = Sqlite::open(&path, retention).await.unwrap();
    // One that is being handled, older than all others.
    store.claim("a", id(0), LONG).await.unwrap();
    let mut longest = 0;
    for n in 1..=u64::from(TRIM_EVERY) {
        let Claim::New(_) = store.claim("a", id(n), LONG).await.unwrap() else { panic!("{n}") };
        store.done("a", id(n)).await.unwrap();
        assert!(store.swap(&format!("d{n}"), 0, b"v").await.unwrap());
        store.claim_once(&format!("k{n}"), "v", LONG).await.unwrap();
        if n % 32 == 0 {
            longest = longest.max(rows(&path, "claims"));
        }
    }
    assert!(longest <= 50 + i64::from(TRIM_EVERY), "{longest}");
    drop(store);
    let store = Sqlite::open(&path, retention).await.unwrap();
    for table in ["claims", "once", "documents"] {
        assert_eq!(rows(&path, table), 50, "{table}");
    }
    assert!(matches!(store.claim("a", id(0), LONG).await.unwrap(), Claim::Busy { .. }));
    let newest = id(u64::from(TRIM_EVERY));
    assert_eq!(store.claim("a", newest, LONG).await.unwrap(), Claim::Done);
    assert!(matches!(store.claim("a", id(1), LONG).await.unwrap(), Claim::New(_)), "forgotten");
}

#[tokio::test]
async fn sqlite_is_bounded_by_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = Sqlite::open(&path, Retention::DEFAULT).await.unwrap();
    // More than one block.
    for n in 0..600 {
        store.done("a", id(n)).await.unwrap();
    }
    store.claim("a", id(900), LONG).await.unwrap();
    let db = Database::open(&path).unwrap();
    let aged = "UPDATE claims SET at = at - 40 * 86400000 WHERE id <> (SELECT id FROM claims \
                WHERE done = 1 LIMIT 1)";
    assert_eq!(db.execute(aged, []).unwrap(), 600);
    drop((db, store));
    Sqlite::open(&path, Retention::DEFAULT).await.unwrap();
    // The young one, and the one that is being handled.
    assert_eq!(rows(&path, "claims"), 2);
}

#[tokio::test]
async fn dynamodb_that_answers_nothing_is_no_reason_to_handle() {
    let folder = tempfile::tempdir().unwrap();
    let moto = Moto::start(folder.path());
    moto.create_table("seen", "pk");
    let proxy = Proxy::start(moto.port);
    let mut connection = Connection::emulator(REGION, proxy.endpoint());
    connection.timeouts.attempt = Duration::from_millis(500);
    let store = Arc::new(DynamoDb::new(connection, "seen", LONG).await.unwrap());
    let stand = Stand::on(Arc::clone(&store) as Arc<dyn Store>);
    let subscriber = stand.willing();
    for fault in [Fault::CutBefore, Fault::Status(400, "ThrottlingException"), Fault::HalfOpen] {
        proxy.faults([fault]);
        assert!(is_again(&take(&subscriber, &visit(1)).await), "{fault:?}");
    }
    assert_eq!(stand.called().len(), 0);
    let lines = stand.hooks.lines();
    assert!(lines[1].contains("ThrottlingException"), "{lines:?}");
    // A claim whose answer was lost is held until its lease ends: nobody handles it twice.
    proxy.only_for("PutItem");
    proxy.faults([Fault::LoseAnswer]);
    let lost = store.claim("a", id(7), LONG).await;
    assert_eq!(lost, Err(StoreError::Failed("Timeout".to_owned())));
    assert!(matches!(store.claim("a", id(7), LONG).await.unwrap(), Claim::Busy { .. }));
    let missing = Connection::emulator(REGION, moto.endpoint());
    let missing = DynamoDb::new(missing, "nowhere", LONG).await.unwrap();
    let error = missing.claim("a", id(1), LONG).await.unwrap_err();
    assert_eq!(error, StoreError::Failed("ResourceNotFoundException".to_owned()));
}

#[tokio::test]
async fn dynamodb_items_expire() {
    let folder = tempfile::tempdir().unwrap();
    let moto = Moto::start(folder.path());
    moto.create_table("seen", "pk");
    let connection = Connection::emulator(REGION, moto.endpoint());
    let store = DynamoDb::new(connection, "seen", Duration::from_secs(1)).await.unwrap();
    store.done("a", id(1)).await.unwrap();
    assert_eq!(store.claim("a", id(1), Duration::ZERO).await.unwrap(), Claim::Done);
    assert!(store.swap("d", 0, b"one").await.unwrap());
    let begun = tokio::time::Instant::now();
    // Kept at least that long; then gone although the item is still in the table.
    while store.claim("a", id(1), Duration::ZERO).await.unwrap() == Claim::Done {
        assert!(begun.elapsed() < Duration::from_secs(10), "it does not expire");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    while store.load("d").await.unwrap().is_some() {
        assert!(begun.elapsed() < Duration::from_secs(10), "it does not expire");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert!(store.swap("d", 0, b"two").await.unwrap());
    let item = serde_json::json!({"TableName": "seen", "Key": {"pk": {"S": "doc/d"}}});
    let item = &moto.call("dynamodb", "DynamoDB_20120810.GetItem", &item)["Item"];
    assert!(item["expires_at"]["N"].is_string(), "{item}");
}
