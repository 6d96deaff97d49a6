//! The journal's thread: one batch at a time, whatever gathered meanwhile goes into the next.

use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use super::doing::{Doing, Log};
use super::{Batch, CommitError, Committed, Journal};

/// Orders that may wait for the thread; who has one more waits for its turn. Senders are the
/// core's few tasks, each with one order at a time.
const QUEUE: usize = 64;

/// A batch that could not be committed, given back to be tried again.
#[derive(Debug)]
pub struct Failure {
    pub batch: Box<Batch>,
    pub error: CommitError,
}

enum Order {
    Commit(Box<Batch>, oneshot::Sender<Result<Committed, Failure>>),
    Act(Box<dyn FnOnce(&mut Journal) + Send>),
    Close(oneshot::Sender<Result<(), rusqlite::Error>>),
}

/// The running thread.
pub struct Writer {
    handle: WriterHandle,
    thread: JoinHandle<()>,
}

/// A way to give the thread orders. Cheap to clone.
#[derive(Clone)]
pub struct WriterHandle {
    orders: mpsc::Sender<Order>,
    log: Arc<Log>,
}

/// The journal's thread has ended, which it does only when told to or after a panic.
#[derive(Debug, thiserror::Error)]
#[error("the journal's thread has ended")]
pub struct Ended;

impl Writer {
    /// Moves `journal` to a thread of its own.
    pub fn spawn(journal: Journal) -> std::io::Result<Self> {
        let (orders, queue) = mpsc::channel(QUEUE);
        let log = Arc::new(Log::default());
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .stack_size(512 * 1024)
            .spawn({
                let log = Arc::clone(&log);
                move || work(journal, queue, &log)
            })?;
        Ok(Self { handle: WriterHandle { orders, log }, thread })
    }

    pub fn handle(&self) -> WriterHandle {
        self.handle.clone()
    }

    /// Closes the file after everything ordered so far, and ends the thread.
    pub async fn close(self) -> Result<(), anyhow::Error> {
        let (reply, answer) = oneshot::channel();
        self.handle.orders.send(Order::Close(reply)).await.map_err(|_| Ended)?;
        answer.await.map_err(|_| Ended)??;
        self.thread.join().map_err(|_| Ended)?;
        Ok(())
    }
}

impl WriterHandle {
    /// What the thread is doing. Reads a file of `/proc`.
    pub fn doing(&self) -> Doing {
        self.log.look()
    }

    /// Commits `batch`. `Err(Ended)` when there is no thread any more.
    pub async fn commit(&self, batch: Box<Batch>) -> Result<Result<Committed, Failure>, Ended> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(Order::Commit(batch, reply)).await.map_err(|_| Ended)?;
        answer.await.map_err(|_| Ended)
    }

    /// Runs `read` on the journal between two commits.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Journal) -> T + Send + 'static,
    ) -> Result<T, Ended> {
        self.act(move |journal| read(journal)).await
    }

    /// Runs `act` on the journal between two commits. It must be short: commits wait for it.
    pub async fn act<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Journal) -> T + Send + 'static,
    ) -> Result<T, Ended> {
        let (reply, answer) = oneshot::channel();
        let order = Order::Act(Box::new(move |journal| {
            let _ = reply.send(act(journal));
        }));
        self.orders.send(order).await.map_err(|_| Ended)?;
        answer.await.map_err(|_| Ended)
    }
}

fn work(mut journal: Journal, mut queue: mpsc::Receiver<Order>, log: &Log) {
    log.begins_here();
    while let Some(order) = queue.blocking_recv() {
        log.begin();
        match order {
            Order::Commit(batch, reply) => {
                let result = journal.commit(&batch).map_err(|error| Failure { batch, error });
                let _ = reply.send(result);
            }
            Order::Act(act) => act(&mut journal),
            Order::Close(reply) => {
                let _ = reply.send(journal.close());
                return;
            }
        }
        if let Err(error) = journal.shorten_log(!queue.is_empty()) {
            tracing::warn!(%error, "the journal's log did not go into the file; it is tried again");
        }
        log.done();
    }
}
