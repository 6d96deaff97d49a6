//! The contract of a store, kept by all three.

use std::sync::Arc;
use std::time::Duration;

use doorward_emulator::{Moto, REGION};
use doorward_events::aws::Connection;
use doorward_events::subscribe::Verdict;
use doorward_events::subscribe::store::dynamodb::DynamoDb;
use doorward_events::subscribe::store::sqlite::{Retention, Sqlite};
use doorward_events::subscribe::store::{Claim, Memory, Store, Token};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::samples::{id, visit};
use crate::stand::{Stand, take};

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn memory_keeps_the_contract() {
    contract(Arc::new(Memory::new(1000))).await;
}

#[tokio::test]
async fn sqlite_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    contract(Arc::new(Sqlite::open(path, Retention::DEFAULT).await.unwrap())).await;
}

#[tokio::test]
async fn dynamodb_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let moto = Moto::start(folder.path());
    moto.create_table("seen", "pk");
    let connection = Connection::emulator(REGION, moto.endpoint());
    contract(Arc::new(DynamoDb::new(connection, "seen", LONG).await.unwrap())).await;
}

async fn contract(store: Arc<dyn Store>) {
    claims(&*store).await;
    leases(&*store).await;
    late_answers(&*store).await;
    values(&*store).await;
    documents(&*store).await;
    one_of_many(&store).await;
    a_subscriber(&store).await;
}

async fn claim(store: &dyn Store, n: u64) -> Claim {
    store.claim("a", id(n), LONG).await.unwrap()
}

fn token(claim: Claim) -> Token {
    let Claim::New(token) = claim else { panic!("{claim:?}") };
    token
}

async fn claims(store: &dyn Store) {
    let first = token(claim(store, 1).await);
    let Claim::Busy { left } = claim(store, 1).await else { panic!("not busy") };
    assert!(left <= LONG && left + Duration::from_secs(30) > LONG, "{left:?}");
    token(claim(store, 2).await);
    let other = token(store.claim("b", id(1), LONG).await.unwrap());
    assert_ne!(first, other);
    // Only its own claim is released, and only once.
    store.release("a", id(1), Token(Uuid::from_u128(77))).await.unwrap();
    assert!(matches!(claim(store, 1).await, Claim::Busy { .. }));
    store.release("a", id(1), first).await.unwrap();
    let second = token(claim(store, 1).await);
    store.release("a", id(1), first).await.unwrap();
    assert!(matches!(claim(store, 1).await, Claim::Busy { .. }));
    store.done("a", id(1)).await.unwrap();
    store.done("a", id(1)).await.unwrap();
    assert_eq!(claim(store, 1).await, Claim::Done);
    store.release("a", id(1), second).await.unwrap();
    assert_eq!(claim(store, 1).await, Claim::Done, "done is for ever");
    assert!(matches!(store.claim("b", id(1), LONG).await.unwrap(), Claim::Busy { .. }));
    store.release("a", id(3), first).await.unwrap();
}

/// Claims again and again until it is had.
async fn claim_in_time(store: &dyn Store, n: u64) -> Token {
    let begun = Instant::now();
    loop {
        match claim(store, n).await {
            Claim::New(token) => return token,
            Claim::Busy { left } => assert!(left <= SHORT, "{left:?}"),
            Claim::Done => panic!("nobody has done it"),
        }
        assert!(begun.elapsed() < SOON, "the lease does not end");
        sleep(Duration::from_millis(20)).await;
    }
}

async fn leases(store: &dyn Store) {
    let begun = Instant::now();
    let first = token(store.claim("a", id(10), SHORT).await.unwrap());
    let second = claim_in_time(store, 10).await;
    assert!(begun.elapsed() + Duration::from_millis(5) >= SHORT, "{:?}", begun.elapsed());
    assert_ne!(first, second);
    store.release("a", id(10), first).await.unwrap();
    assert!(matches!(claim(store, 10).await, Claim::Busy { .. }), "the second's, still");
}

/// Whoever was too late has handled it all the same.
async fn late_answers(store: &dyn Store) {
    token(store.claim("a", id(20), SHORT).await.unwrap());
    let second = claim_in_time(store, 20).await;
    store.done("a", id(20)).await.unwrap();
    store.release("a", id(20), second).await.unwrap();
    assert_eq!(claim(store, 20).await, Claim::Done);
    store.done("a", id(21)).await.unwrap();
    assert_eq!(claim(store, 21).await, Claim::Done, "without a claim");
}

async fn values(store: &dyn Store) {
    let put = |key, value, ttl| store.claim_once(key, value, ttl);
    assert_eq!(put("k", "one", LONG).await.unwrap(), None);
    assert_eq!(put("k", "two", LONG).await.unwrap().as_deref(), Some("one"));
    assert_eq!(put("k", "one", LONG).await.unwrap().as_deref(), Some("one"));
    assert_eq!(put("l", "two", LONG).await.unwrap(), None);
    let second = Duration::from_secs(1);
    assert_eq!(put("short", "one", second).await.unwrap(), None);
    let begun = Instant::now();
    while put("short", "two", LONG).await.unwrap().is_some() {
        assert!(begun.elapsed() < SOON, "the value does not go");
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(put("short", "three", LONG).await.unwrap().as_deref(), Some("two"));
}

async fn documents(store: &dyn Store) {
    let load = async |key| {
        let document = store.load(key).await.unwrap();
        document.map(|document| (document.bytes, document.version))
    };
    assert_eq!(load("d").await, None);
    assert!(!store.swap("d", 1, b"x").await.unwrap());
    assert_eq!(load("d").await, None);
    assert!(store.swap("d", 0, b"one").await.unwrap());
    assert!(!store.swap("d", 0, b"x").await.unwrap());
    assert_eq!(load("d").await, Some((b"one".to_vec(), 1)));
    assert!(store.swap("d", 1, &[0, 255]).await.unwrap());
    for stale in [0, 1, 3, u64::MAX] {
        assert!(!store.swap("d", stale, b"x").await.unwrap(), "{stale}");
    }
    assert_eq!(load("d").await, Some((vec![0, 255], 2)));
    assert_eq!(load("e").await, None);
    // Keys of one kind are none of another.
    assert_eq!(store.claim_once("d", "v", LONG).await.unwrap(), None);
}

async fn one_of_many(store: &Arc<dyn Store>) {
    let (mut claims, mut swaps) = (JoinSet::new(), JoinSet::new());
    for _ in 0..20 {
        let store = Arc::clone(store);
        claims.spawn(async move { store.claim("a", id(30), LONG).await.unwrap() });
    }
    let won = claims.join_all().await;
    assert_eq!(won.iter().filter(|claim| matches!(claim, Claim::New(_))).count(), 1);
    for n in 0..20_u8 {
        let store = Arc::clone(store);
        swaps.spawn(async move { store.swap("many", 0, &[n]).await.unwrap() });
    }
    assert_eq!(swaps.join_all().await.iter().filter(|won| **won).count(), 1);
}

async fn a_subscriber(store: &Arc<dyn Store>) {
    let stand = Stand::on(Arc::clone(store));
    for delivery in [visit(50), visit(50), visit(53), visit(52), visit(52)] {
        assert_eq!(take(&stand.willing(), &delivery).await, Verdict::Acknowledge);
    }
    assert_eq!(stand.called(), [id(50), id(53), id(52)]);
    assert_eq!(
        stand.hooks.lines(),
        [
            "handled at 1",
            "duplicate",
            "late 51..52 visit.secured",
            "handled at 1",
            "closed 52..52 Arrived",
            "handled at 1",
            "duplicate",
        ]
    );
}
