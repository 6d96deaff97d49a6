//! Remembers for as long as the process lives: for tests, and where a restart may handle again.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::{Claim, Document, Store, StoreError, StoreFuture, Token};

/// A bounded store in memory. Share it in an `Arc`.
///
/// It holds at most a given number of ids, the same number of values put once, and the same number
/// of documents. Beyond that the oldest is forgotten: of ids the one claimed first that is not
/// being handled; of documents the one not written for longest. An id forgotten is handled again
/// when it comes again. When every id is being handled, a claim fails with [`StoreError::Full`].
#[derive(Debug)]
pub struct Memory {
    state: Mutex<State>,
    most: usize,
}

#[derive(Debug)]
struct State {
    claims: Table<(String, Uuid), Entry>,
    once: Table<String, (String, Instant)>,
    documents: Table<String, Document>,
}

#[derive(Debug)]
enum Entry {
    Busy { token: Token, until: Instant },
    Done,
}

impl Memory {
    /// A store of at most `most` ids; at least one.
    pub fn new(most: usize) -> Self {
        let state = State { claims: Table::new(), once: Table::new(), documents: Table::new() };
        Self { state: Mutex::new(state), most: most.max(1) }
    }

    /// How many ids it holds.
    pub fn ids(&self) -> usize {
        self.state().claims.rows.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is one insertion or removal: a panic elsewhere leaves it whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Memory {
    fn claim<'a>(&'a self, scope: &'a str, id: Uuid, lease: Duration) -> StoreFuture<'a, Claim> {
        let claim = || {
            let (mut state, now) = (self.state(), Instant::now());
            let key = (scope.to_owned(), id);
            match state.claims.get(&key) {
                Some(Entry::Done) => return Ok(Claim::Done),
                Some(Entry::Busy { until, .. }) if *until > now => {
                    return Ok(Claim::Busy { left: *until - now });
                }
                _ => {}
            }
            let idle = |entry: &Entry| match entry {
                Entry::Done => true,
                Entry::Busy { until, .. } => *until <= now,
            };
            if !state.claims.make_room(&key, self.most, idle) {
                return Err(StoreError::Full);
            }
            let token = Token::draw();
            state.claims.put(key, Entry::Busy { token, until: now + lease });
            Ok(Claim::New(token))
        };
        Box::pin(std::future::ready(claim()))
    }

    fn done<'a>(&'a self, scope: &'a str, id: Uuid) -> StoreFuture<'a, ()> {
        let mut state = self.state();
        let key = (scope.to_owned(), id);
        let place = state.claims.make_room(&key, self.most, |entry| matches!(entry, Entry::Done));
        let kept = if place {
            state.claims.put(key, Entry::Done);
            Ok(())
        } else {
            Err(StoreError::Full)
        };
        Box::pin(std::future::ready(kept))
    }

    fn release<'a>(&'a self, scope: &'a str, id: Uuid, token: Token) -> StoreFuture<'a, ()> {
        let mut state = self.state();
        let key = (scope.to_owned(), id);
        if matches!(state.claims.get(&key), Some(Entry::Busy { token: now, .. }) if *now == token) {
            state.claims.remove(&key);
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn claim_once<'a>(
        &'a self,
        key: &'a str,
        value: &'a str,
        ttl: Duration,
    ) -> StoreFuture<'a, Option<String>> {
        let (mut state, now) = (self.state(), Instant::now());
        let there = match state.once.get(key) {
            Some((there, until)) if *until > now => Some(there.clone()),
            _ => None,
        };
        if there.is_none() {
            let key = key.to_owned();
            state.once.make_room(&key, self.most, |_| true);
            state.once.put(key, (value.to_owned(), now + ttl));
        }
        Box::pin(std::future::ready(Ok(there)))
    }

    fn load<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Document>> {
        let document = self.state().documents.get(key).cloned();
        Box::pin(std::future::ready(Ok(document)))
    }

    fn swap<'a>(&'a self, key: &'a str, version: u64, bytes: &'a [u8]) -> StoreFuture<'a, bool> {
        let mut state = self.state();
        let there = state.documents.get(key).map_or(0, |document| document.version);
        let same = there == version;
        if same {
            let key = key.to_owned();
            state.documents.make_room(&key, self.most, |_| true);
            let document = Document { bytes: bytes.to_vec(), version: version + 1 };
            state.documents.remove(&key);
            state.documents.put(key, document);
        }
        Box::pin(std::future::ready(Ok(same)))
    }
}

/// Rows by key, and in the order in which they came.
#[derive(Debug)]
struct Table<K, V> {
    rows: HashMap<K, (u64, V)>,
    order: BTreeMap<u64, K>,
    next: u64,
}

impl<K: Eq + Hash + Clone, V> Table<K, V> {
    fn new() -> Self {
        Self { rows: HashMap::new(), order: BTreeMap::new(), next: 0 }
    }

    fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.rows.get(key).map(|(_, value)| value)
    }

    /// A row that is there keeps its place in the order.
    fn put(&mut self, key: K, value: V) {
        if let Some((_, there)) = self.rows.get_mut(&key) {
            *there = value;
            return;
        }
        self.order.insert(self.next, key.clone());
        self.rows.insert(key, (self.next, value));
        self.next += 1;
    }

    fn remove(&mut self, key: &K) {
        if let Some((place, _)) = self.rows.remove(key) {
            self.order.remove(&place);
        }
    }

    /// Forgets the oldest row that may be, if `key` would be one too many; false: none may be.
    fn make_room(&mut self, key: &K, most: usize, may_go: impl Fn(&V) -> bool) -> bool {
        if self.rows.contains_key(key) || self.rows.len() < most {
            return true;
        }
        let mut oldest = self.order.values();
        let goes = oldest.find(|key| self.rows.get(key).is_some_and(|(_, value)| may_go(value)));
        let goes = goes.cloned();
        goes.inspect(|key| self.remove(key)).is_some()
    }
}
