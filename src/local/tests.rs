//! The socket in front of a journal with more events than fit into a page.

use std::io::Write;
use std::time::Duration;

use doorward_events::types::{EndpointOnline, GatewaySubjectErased};
use doorward_events::{Envelope, PublisherId};
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use super::*;
use crate::journal::{Batch, Bounds, Erased, Journal, NewEvent, Writer, WriterHandle};

struct Stand {
    client: Client,
    path: std::path::PathBuf,
    journal: WriterHandle,
    committed: watch::Sender<u64>,
    _writer: Writer,
    server: tokio_util::task::AbortOnDropHandle<()>,
    _folder: tempfile::TempDir,
}

fn stand() -> Stand {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sock");
    let file = folder.path().join("journal.db");
    let (journal, _) = Journal::open(&file, Bounds::default(), uuid::Uuid::nil()).unwrap();
    let writer = Writer::spawn(journal).unwrap();
    let (committed, watched) = watch::channel(0);
    let access = Access {
        requests: mpsc::channel(1).0,
        journal: writer.handle(),
        audit_key: None,
        operators: "nobody".into(),
        committed: watched,
    };
    let socket = Socket::bind(&path).unwrap();
    let server = tokio::spawn(async move { serve(socket, access).await.unwrap() });
    Stand {
        client: Client::new(&path),
        path,
        journal: writer.handle(),
        committed,
        _writer: writer,
        server: tokio_util::task::AbortOnDropHandle::new(server),
        _folder: folder,
    }
}

impl Stand {
    /// Serves anew, with a gateway that is asked through `requests`.
    fn serve(&mut self, requests: mpsc::Sender<Request>) {
        self.path = self.path.with_extension("2");
        self.client = Client::new(&self.path);
        let committed = self.committed.subscribe();
        let operators = "nobody".into();
        let journal = self.journal.clone();
        let access = Access { requests, journal, audit_key: None, operators, committed };
        let socket = Socket::bind(&self.path).unwrap();
        let server = tokio::spawn(async move { serve(socket, access).await.unwrap() });
        self.server = tokio_util::task::AbortOnDropHandle::new(server);
    }

    /// Commits the event that tells of an erasure.
    async fn commit_told(&self) {
        let publisher = PublisherId { name: "doorward.gateway".into(), instance: "t".into() };
        let id = uuid::Builder::from_unix_timestamp_millis(1, &[1; 10]).into_uuid();
        let envelope = Envelope::new(id, Timestamp::UNIX_EPOCH, publisher, "acme".into());
        let data = GatewaySubjectErased {
            events: 1,
            waiting: 0,
            quarantine: 0,
            facts: 0,
            requested_by_uid: Some(0),
        };
        let events = vec![NewEvent { draft: envelope.seal(&data).unwrap(), vendor: None }];
        let batch = Batch { events, ..Batch::default() };
        let committed = self.journal.commit(Box::new(batch)).await.unwrap().unwrap();
        self.committed.send_replace(committed.slot);
    }

    /// Commits so many events, every tenth of the entry `side`.
    async fn commit(&self, count: u64) {
        let events = (0..count).map(|n| {
            let publisher = PublisherId { name: "doorward.gateway".into(), instance: "t".into() };
            let id = uuid::Builder::from_unix_timestamp_millis(n, &[0; 10]).into_uuid();
            let mut envelope = Envelope::new(id, Timestamp::UNIX_EPOCH, publisher, "acme".into());
            envelope.entry_id = Some(if n % 10 == 9 { "side" } else { "front" }.into());
            envelope.endpoint_id = Some("zigbee2mqtt:0x1".into());
            let data = EndpointOnline { vendor: "z".to_owned(), unavailable_for_s: None };
            NewEvent { draft: envelope.seal(&data).unwrap(), vendor: None }
        });
        let batch = Batch { events: events.collect(), ..Batch::default() };
        let committed = self.journal.commit(Box::new(batch)).await.unwrap().unwrap();
        self.committed.send_replace(committed.slot);
    }

    async fn list(&self, query: EventQuery) -> Vec<u64> {
        let mut sequences = Vec::new();
        let end = self.client.lines("/v1/events", &query, |line: EventLine| {
            sequences.push(line.sequence);
            true
        });
        assert_eq!(end.await.unwrap(), ListEnd::Gateway);
        sequences
    }
}

#[tokio::test]
async fn lists_of_many_pages_are_whole_and_in_order() {
    let stand = stand();
    stand.commit(1234).await;
    let newest = |limit| EventQuery { limit: Some(limit), ..EventQuery::default() };
    for limit in [1, 99, 100, 101, 250, 1000] {
        let expected: Vec<u64> = (1235 - limit as u64..=1234).collect();
        assert_eq!(stand.list(newest(limit)).await, expected);
    }
    assert_eq!(stand.list(newest(5000)).await.len(), 1000, "bounded");
    assert_eq!(stand.list(newest(0)).await, [0; 0]);
    let after = |after, limit| EventQuery { after: Some(after), ..newest(limit) };
    assert_eq!(stand.list(after(100, 250)).await, (101..=350).collect::<Vec<_>>());
    assert_eq!(stand.list(after(1200, 250)).await, (1201..=1234).collect::<Vec<_>>());
    assert_eq!(stand.list(after(9999, 250)).await, [0; 0]);
    let side = EventQuery { subject: Some("side".to_owned()), ..newest(110) };
    assert_eq!(stand.list(side).await, (14..=123).map(|n| n * 10).collect::<Vec<_>>());
    let none = EventQuery { subject: Some("back".to_owned()), ..newest(500) };
    assert_eq!(stand.list(none).await, [0; 0]);
}

#[tokio::test]
async fn a_follower_misses_nothing_however_slowly_it_reads() {
    let stand = stand();
    stand.commit(20).await;
    let query = EventQuery { follow: true, ..EventQuery::default() };
    // One that never reads holds its page and nobody else.
    let mut idle = std::os::unix::net::UnixStream::connect(&stand.path).unwrap();
    idle.write_all(b"GET /v1/events?follow=true&after=0 HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let (told, mut heard) = mpsc::unbounded_channel();
    let client = stand.client.clone();
    let follower = tokio::spawn(async move {
        client.lines("/v1/events", &query, |line: EventLine| told.send(line.sequence).is_ok()).await
    });
    let mut expected = 11;
    for burst in [0, 1, 2500, 1, 100, 300] {
        if burst > 0 {
            stand.commit(burst).await;
        }
        let through = *stand.committed.borrow();
        while expected <= through {
            let next = tokio::time::timeout(Duration::from_secs(30), heard.recv()).await;
            assert_eq!(next.unwrap(), Some(expected));
            expected += 1;
        }
    }
    assert_eq!(stand.list(EventQuery::default()).await.len(), 100);
    // The gateway's end is the list's.
    let Stand { committed, _folder, server: _server, _writer, .. } = stand;
    drop(committed);
    let end = tokio::time::timeout(Duration::from_secs(30), follower).await;
    assert_eq!(end.unwrap().unwrap().unwrap(), ListEnd::Gateway);
}

/// Asks for an erasure; each line of the answer goes to `heard`.
async fn erase(
    client: Client,
    subject: &str,
    heard: mpsc::Sender<EraseLine>,
) -> Result<ListEnd, ClientError> {
    let request = EraseRequest { subject: subject.to_owned() };
    client.post("/v1/erase", &request, |line: EraseLine| heard.try_send(line).is_ok()).await
}

#[tokio::test]
async fn one_person_is_erased_at_a_time() {
    let mut stand = stand();
    let (requests, mut asked) = mpsc::channel(1);
    stand.serve(requests);
    stand.commit(3000).await;
    // Nothing of the first moves before the second was refused.
    let (go, waits) = std::sync::mpsc::sync_channel::<()>(1);
    let journal = stand.journal.clone();
    let held = tokio::spawn(async move { journal.act(move |_| waits.recv()).await });
    let (telling, mut heard) = mpsc::channel(64);
    let first = tokio::spawn(erase(stand.client.clone(), "zigbee2mqtt:0x1", telling));
    assert_eq!(heard.recv().await, Some(EraseLine::Progress(Erased::default())));
    let second = || erase(stand.client.clone(), "somebody-else", mpsc::channel(64).0);
    let refused = second().await.unwrap_err().to_string();
    assert!(refused.contains("another erasure is under way"), "{refused}");
    go.send(()).unwrap();
    held.await.unwrap().unwrap().unwrap();
    let deadline = Duration::from_secs(30);
    let request = tokio::time::timeout(deadline, asked.recv()).await.unwrap();
    let Some(Request::Erased { erased, uid }) = request else { panic!("{request:?}") };
    assert_eq!(uid, rustix::process::getuid().as_raw());
    assert_eq!((erased.events, erased.waiting), (3000, 3000));
    // Until the gateway has told of it nobody is answered, nor does another begin.
    assert!(second().await.is_err());
    stand.commit_told().await;
    tokio::time::timeout(deadline, first).await.unwrap().unwrap().unwrap();
    let mut last = None;
    while let Some(line) = heard.recv().await {
        last = Some(line);
    }
    let Some(EraseLine::Done(view)) = last else { panic!("{last:?}") };
    assert!(view.told && view.erased == erased, "{view:?}");
    let next = tokio::spawn(second());
    let request = tokio::time::timeout(deadline, asked.recv()).await.unwrap();
    assert!(matches!(request, Some(Request::Erased { .. })), "there is room again");
    next.abort();
}

#[tokio::test]
async fn more_readers_than_the_journals_queue_holds_wait_for_their_turn() {
    let stand = stand();
    let readings = (0..500).map(|n| {
        stand.journal.read(move |_| {
            if n == 0 {
                std::thread::sleep(Duration::from_millis(50));
            }
            n
        })
    });
    let read = futures_util::future::join_all(readings).await;
    let read: Vec<u64> = read.into_iter().map(Result::unwrap).collect();
    assert_eq!(read, (0..500).collect::<Vec<_>>());
}
