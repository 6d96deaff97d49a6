//! The socket in front of a journal with more events than fit into a page.

use std::io::Write;
use std::time::Duration;

use doorward_events::types::EndpointOnline;
use doorward_events::{Envelope, PublisherId};
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use super::*;
use crate::journal::{Batch, Bounds, Journal, NewEvent, Writer, WriterHandle};

struct Stand {
    client: Client,
    path: std::path::PathBuf,
    journal: WriterHandle,
    committed: watch::Sender<u64>,
    _writer: Writer,
    _server: tokio_util::task::AbortOnDropHandle<()>,
    _folder: tempfile::TempDir,
}

fn stand() -> Stand {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sock");
    let file = folder.path().join("journal.db");
    let (journal, _) = Journal::open(&file, Bounds::default(), uuid::Uuid::nil()).unwrap();
    let writer = Writer::spawn(journal).unwrap();
    let (committed, watched) = watch::channel(0);
    let access =
        Access { requests: mpsc::channel(1).0, journal: writer.handle(), committed: watched };
    let socket = Socket::bind(&path).unwrap();
    let server = tokio::spawn(async move { serve(socket, access).await.unwrap() });
    Stand {
        client: Client::new(&path),
        path,
        journal: writer.handle(),
        committed,
        _writer: writer,
        _server: tokio_util::task::AbortOnDropHandle::new(server),
        _folder: folder,
    }
}

impl Stand {
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
    let Stand { committed, _folder, _server, _writer, .. } = stand;
    drop(committed);
    let end = tokio::time::timeout(Duration::from_secs(30), follower).await;
    assert_eq!(end.unwrap().unwrap().unwrap(), ListEnd::Gateway);
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
