//! The core's log: to systemd's journal with its fields, or to the standard error as text.
//!
//! Whoever logs never waits: lines go to a thread of their own over a bounded queue, since a journal
//! on a dying card takes none for minutes, and a door must not wait for that. No place in the code
//! fills a disk: each has a rate of its own, and what it left out is told.

mod line;
mod rate;
mod sink;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

use line::Line;
use rate::{Admission, Rates};
use sink::Sink;

/// Lines on their way. Where nobody takes them, further ones are left out and counted.
const QUEUE: usize = 1024;
/// How long the last lines may take at the end.
const FAREWELL: Duration = Duration::from_secs(1);

/// Held while the core runs; dropped, it waits a moment for the last lines.
pub struct Log {
    lines: SyncSender<Line>,
    writer: Writer,
}

enum Writer {
    /// Lines gather.
    NotYet(Receiver<Line>),
    /// A thread writes them, and says when it has written the last one.
    Thread(Receiver<()>),
    /// Nobody does.
    None,
}

/// Sets the core's log up: `RUST_LOG`, or `info`. Lines gather until [`Log::write`].
pub fn start() -> Log {
    let (lines, taken) = sync_channel(QUEUE);
    let hand_over = HandOver {
        lines: lines.clone(),
        rates: Mutex::new(Rates::default()),
        began: Instant::now(),
        lost: AtomicU64::new(0),
    };
    let _ = tracing_subscriber::registry().with(hand_over.with_filter(filter())).try_init();
    Log { lines, writer: Writer::NotYet(taken) }
}

impl Log {
    /// Begins to write, on a thread of its own: called once the process has given up what it gives
    /// up, since a thread that is there before keeps it.
    pub fn write(&mut self) {
        let writer = std::mem::replace(&mut self.writer, Writer::None);
        let Writer::NotYet(taken) = writer else {
            self.writer = writer;
            return;
        };
        let (done_in, done) = sync_channel(1);
        let spawned = std::thread::Builder::new().name("log".to_owned()).spawn(move || {
            Sink::find().write_all(taken);
            let _ = done_in.send(());
        });
        if spawned.is_ok() {
            self.writer = Writer::Thread(done);
        }
    }
}

/// Sets the log of a vendor's process up: to the standard error, which the core reads and bounds.
pub fn direct() {
    let _ =
        fmt().with_env_filter(filter()).with_writer(std::io::stderr).with_ansi(false).try_init();
}

fn filter() -> EnvFilter {
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"))
}

impl Drop for Log {
    fn drop(&mut self) {
        let _ = self.lines.try_send(Line::End);
        match &self.writer {
            Writer::NotYet(taken) => Sink::find().write_all(taken.try_iter()),
            Writer::Thread(done) => drop(done.recv_timeout(FAREWELL)),
            Writer::None => {}
        }
    }
}

struct HandOver {
    lines: SyncSender<Line>,
    rates: Mutex<Rates<tracing::callsite::Identifier>>,
    began: Instant,
    /// Lines that the queue had no room for, and that were not told yet.
    lost: AtomicU64,
}

impl HandOver {
    /// Whether it is on its way.
    fn send(&self, line: Line) -> bool {
        match self.lines.try_send(line) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
                false
            }
        }
    }
}

impl<S: Subscriber> Layer<S> for HandOver {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let site = event.metadata().callsite();
        let admission = {
            let mut rates = self.rates.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            rates.admit(site, self.began.elapsed())
        };
        let Admission::Admitted { left_out } = admission else { return };
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 && !self.send(Line::lost(lost)) {
            self.lost.fetch_add(lost, Ordering::Relaxed);
        }
        self.send(Line::of(event, left_out));
    }
}
