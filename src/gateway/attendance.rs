//! The service manager is told how the gateway is doing, from beside its loops: each is asked to
//! come round, and the watchdog is fed when all have.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::time::Instant;

use crate::bus::Told;
use crate::health::Status;
use crate::health::notify::{self, Note};
use crate::health::turns::{Disk, Loop, missed};
use crate::journal::{Doing, WriterHandle};
use crate::local::Request;

/// Looks for each span in which the manager wants to be fed: one that is late costs nothing yet.
const LOOKS: u32 = 4;
/// Between two looks where nobody watches: how old the line about it may be.
const UNWATCHED: Duration = Duration::from_secs(15);
/// Between two looks until it is ready.
const SOON: Duration = Duration::from_millis(50);
/// A vendor that takes longer to start keeps nobody waiting.
const START: Duration = Duration::from_secs(10);

/// The ways to the loops.
pub struct Loops {
    pub requests: mpsc::Sender<Request>,
    pub journal: WriterHandle,
    pub uplink: mpsc::Sender<Told>,
    /// None: no queue is configured, and nothing has to turn.
    pub downlink: Option<mpsc::Sender<oneshot::Sender<()>>>,
}

/// A question that is answered when a loop comes round to it.
struct Probe<T> {
    answer: Option<oneshot::Receiver<T>>,
}

impl<T> Probe<T> {
    fn new() -> Self {
        Self { answer: None }
    }

    /// The answer, if it is there.
    fn take(&mut self) -> Option<T> {
        match self.answer.as_mut()?.try_recv() {
            Ok(answer) => {
                self.answer = None;
                Some(answer)
            }
            Err(TryRecvError::Closed) => {
                self.answer = None;
                None
            }
            Err(TryRecvError::Empty) => None,
        }
    }

    /// Asks, unless the last question is still open: a loop that hangs gathers none.
    fn ask(&mut self, ask: impl FnOnce(oneshot::Sender<T>)) {
        if self.answer.is_none() {
            let (reply, answer) = oneshot::channel();
            ask(reply);
            self.answer = Some(answer);
        }
    }
}

/// Tells the manager, until it is dropped.
pub async fn attend(loops: Loops) {
    let pace = notify::watchdog().map_or(UNWATCHED, |span| span / LOOKS);
    watch(&loops, pace, notify::tell).await;
}

/// Looks at the loops at this pace and says what it finds.
async fn watch(loops: &Loops, pace: Duration, tell: impl AsyncFn(Vec<Note>)) {
    let begun = Instant::now();
    let (mut gateway, mut journal, mut uplink) = (Probe::new(), Probe::new(), Probe::new());
    let mut downlink = Probe::new();
    let mut status: Option<Status> = None;
    let mut waiting = None;
    let mut ready = false;
    let mut late: Vec<Loop> = Vec::new();
    let mut before = look(&loops.journal).await;
    let mut looked = Instant::now();
    loop {
        gateway.ask(|reply| drop(loops.requests.try_send(Request::Status(reply))));
        uplink.ask(|reply| drop(loops.uplink.try_send(Told::Turn(reply))));
        if let Some(turns) = &loops.downlink {
            downlink.ask(|reply| drop(turns.try_send(reply)));
        }
        journal.ask(|reply| {
            let handle = loops.journal.clone();
            tokio::spawn(async move {
                if let Ok(waiting) = handle.read(crate::journal::Journal::waiting).await {
                    let _ = reply.send(waiting);
                }
            });
        });
        tokio::time::sleep(if ready { pace } else { SOON }).await;

        let mut turned = Vec::new();
        if let Some(answer) = gateway.take() {
            status = Some(answer);
            turned.push(Loop::Gateway);
        }
        if let Some(answer) = journal.take() {
            waiting = Some(answer);
            turned.push(Loop::Journal);
        }
        if uplink.take().is_some() {
            turned.push(Loop::Uplink);
        }
        if loops.downlink.is_none() || downlink.take().is_some() {
            turned.push(Loop::Downlink);
        }
        let after = look(&loops.journal).await;
        if after.done > before.done && !turned.contains(&Loop::Journal) {
            turned.push(Loop::Journal);
        }
        let disk = Disk::between(before, after, looked.elapsed());
        (before, looked) = (after, Instant::now());

        let mut notes: Vec<_> =
            status.iter().map(|status| Note::Doing(notify::line(status, waiting))).collect();
        if ready {
            let owing = missed(&turned, disk);
            if owing.is_empty() {
                notes.push(Note::Turns);
            } else if owing != late {
                let names: Vec<_> = owing.iter().map(|one| one.as_str()).collect();
                tracing::error!(loops = ?names, "these loops do not turn");
            }
            late = owing;
        } else if status.as_ref().is_some_and(notify::is_ready) || begun.elapsed() >= START {
            ready = true;
            notes.push(Note::Ready);
        } else {
            continue;
        }
        tell(notes).await;
    }
}

async fn look(journal: &WriterHandle) -> Doing {
    let journal = journal.clone();
    tokio::task::spawn_blocking(move || journal.doing()).await.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use uuid::Uuid;

    use super::*;
    use crate::health::VendorStatus;
    use crate::journal::{Bounds, Journal, Writer};

    const PACE: Duration = Duration::from_millis(40);
    /// Enough for a busy machine to come round to everybody.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn status() -> Status {
        let vendor = VendorStatus { vendor: "any".to_owned(), state: "running".to_owned() };
        Status { vendors: vec![vendor], ..Status::default() }
    }

    /// What is said of loops of which these turn, until `enough` of it was said.
    async fn said(turning: &'static [Loop], enough: impl Fn(&[Note]) -> bool) -> Vec<Note> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("journal.db");
        let (journal, _) = Journal::open(&file, Bounds::default(), Uuid::from_u128(7)).unwrap();
        let writer = Writer::spawn(journal).unwrap();
        let (requests, mut asked) = mpsc::channel(4);
        let (uplink, mut told) = mpsc::channel(4);
        let gateway = async {
            // Held, not answered: that is how a loop hangs.
            let mut held = Vec::new();
            while let Some(request) = asked.recv().await {
                match request {
                    Request::Status(reply) if turning.contains(&Loop::Gateway) => {
                        reply.send(status()).unwrap();
                    }
                    other => held.push(other),
                }
            }
        };
        let bus = async {
            let mut held = Vec::new();
            while let Some(one) = told.recv().await {
                match one {
                    Told::Turn(reply) if turning.contains(&Loop::Uplink) => reply.send(()).unwrap(),
                    other => held.push(other),
                }
            }
        };
        let (turns, mut came) = mpsc::channel::<oneshot::Sender<()>>(1);
        let queue = async {
            let mut held = Vec::new();
            while let Some(reply) = came.recv().await {
                if turning.contains(&Loop::Downlink) {
                    reply.send(()).unwrap();
                } else {
                    held.push(reply);
                }
            }
        };
        let loops = Loops { requests, journal: writer.handle(), uplink, downlink: Some(turns) };
        let (notes_in, mut notes) = mpsc::channel(64);
        let tell = async |some: Vec<Note>| {
            for note in some {
                notes_in.send(note).await.unwrap();
            }
        };
        let mut heard = Vec::new();
        let listen = async {
            while !enough(&heard) {
                heard.push(notes.recv().await.unwrap());
            }
        };
        let all = async {
            tokio::select! {
                () = watch(&loops, PACE, tell) => {}
                () = gateway => {}
                () = bus => {}
                () = queue => {}
                () = listen => {}
            }
        };
        tokio::time::timeout(PATIENCE, all).await.unwrap();
        writer.close().await.unwrap();
        heard
    }

    fn fed(notes: &[Note]) -> usize {
        notes.iter().filter(|note| **note == Note::Turns).count()
    }

    #[tokio::test]
    async fn who_turns_is_fed_idle_as_it_is() {
        let notes = said(&Loop::ALL, |notes| fed(notes) >= 5).await;
        assert_eq!(notes.iter().filter(|note| **note == Note::Ready).count(), 1);
        let line = "0 events wait; vendors: 1 of 1 up".to_owned();
        assert!(notes.contains(&Note::Doing(line)), "{notes:?}");
    }

    #[tokio::test]
    async fn an_uplink_or_a_downlink_that_hangs_is_not_fed() {
        let lines = |notes: &[Note]| notes.len() >= 20;
        for turning in [
            &[Loop::Gateway, Loop::Journal, Loop::Downlink],
            &[Loop::Gateway, Loop::Journal, Loop::Uplink],
        ] {
            let notes = said(turning, lines).await;
            assert!(notes.contains(&Note::Ready));
            assert_eq!(fed(&notes), 0, "{turning:?}: {notes:?}");
        }
    }
}
