//! One vendor's process: its life, its link, and the cause of its end.

use std::os::fd::OwnedFd;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;
use tokio_util::codec::{FramedRead, FramedWrite};

use super::breaker::{Breaker, STABLE};
use super::serial;
use crate::domain::ids::VendorId;
use crate::link::{
    CommandOrder, Connection, CoreFrame, FrameCodec, Given, MAX_GIVEN, Order, PROTOCOL,
    ReadRequest, VendorFrame, VendorSetup,
};

/// No frame for this long, and the process is taken for hung.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(15);
/// A second look after that, before it is judged.
const SECOND_LOOK: Duration = Duration::from_secs(1);
/// Longest description of a violation, in characters.
const MAX_DETAIL: usize = 256;
/// How long a process has to say hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a process told to end may take before it is killed.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// What the supervisor tells the core.
#[derive(Debug)]
pub enum Event {
    /// A process said hello. Its signals count from 1 again.
    Started {
        vendor: VendorId,
        link: Vendor,
    },
    Frame {
        vendor: VendorId,
        life: u64,
        frame: VendorFrame,
    },
    Ended {
        vendor: VendorId,
        life: u64,
        cause: Cause,
    },
    /// It ended too often; it is tried slowly from now on.
    Isolated {
        vendor: VendorId,
        cause: Cause,
        restarts: u32,
    },
    /// It runs well again after having been isolated.
    Recovered {
        vendor: VendorId,
        isolated_for: Duration,
    },
}

/// Why a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// As in the schema of `vendor.isolated`.
    pub word: &'static str,
    pub detail: String,
}

/// The way to a running vendor process.
#[derive(Debug, Clone)]
pub struct Vendor {
    /// Which life of the vendor's process; acknowledgements of another are void.
    pub life: u64,
    acks: watch::Sender<u64>,
    held: watch::Sender<bool>,
    reads: mpsc::Sender<Vec<ReadRequest>>,
    commands: mpsc::Sender<CommandOrder>,
    /// What the process was given and has not ended; its reader checks by it.
    given: Arc<Mutex<Given>>,
}

impl Vendor {
    /// Every signal up to `through` is handled.
    pub fn acknowledge(&self, through: u64) {
        self.acks.send_replace(through);
    }

    /// Whether its frames are left unread for now. Its silence is not its own then.
    pub fn hold(&self, held: bool) {
        self.held.send_if_modified(|was| std::mem::replace(was, held) != held);
    }

    /// Asks for the state of devices again. Dropped if earlier requests still wait: a newer gap
    /// asks for all of them.
    pub fn read(&self, devices: Vec<ReadRequest>) {
        if self.reads.try_send(devices).is_err() {
            tracing::warn!("a vendor process does not take read requests");
        }
    }

    /// Hands a command over to this life's link, before anything else that waits for it; never
    /// waits itself. False: it was not, and surely nothing was written, because the life has ended,
    /// [`MAX_GIVEN`] commands are open, or this one is.
    ///
    /// After true the process tells how it goes on, as [`VendorFrame::Command`] of this life. If
    /// the life ends without that, it may have been written.
    pub fn command(&self, order: CommandOrder) -> bool {
        let id = order.id;
        if !given(&self.given).give(id) {
            return false;
        }
        let handed = self.commands.try_send(order).is_ok();
        if !handed {
            given(&self.given).take_back(id);
        }
        handed
    }
}

/// The open commands. Nothing panics while it holds them, so a poisoned lock is as good.
fn given(shared: &Mutex<Given>) -> MutexGuard<'_, Given> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps one vendor's process running until `events` is closed.
pub async fn supervise(setup: VendorSetup, events: mpsc::Sender<Event>) {
    let vendor = setup.vendor.clone();
    let mut breaker = Breaker::default();
    let mut isolated_at: Option<Instant> = None;
    let mut life = 0;
    loop {
        life += 1;
        let begun = Instant::now();
        let cause = match one_life(&setup, life, &events, &mut breaker, &mut isolated_at).await {
            Ok(cause) => cause,
            Err(Closed) => return,
        };
        if events.is_closed() {
            return;
        }
        tracing::warn!(%vendor, cause = cause.word, detail = cause.detail, "the vendor's process ended");
        let verdict = breaker.failed(begun.elapsed(), fastrand::f64());
        if verdict.recovered {
            let isolated_for = isolated_at.take().map(|at| at.elapsed()).unwrap_or_default();
            let recovered = Event::Recovered { vendor: vendor.clone(), isolated_for };
            if events.send(recovered).await.is_err() {
                return;
            }
        }
        let ended = Event::Ended { vendor: vendor.clone(), life, cause: cause.clone() };
        if events.send(ended).await.is_err() {
            return;
        }
        if verdict.isolate {
            isolated_at = Some(Instant::now());
            tracing::error!(%vendor, "isolated; it is tried again slowly");
            let restarts = breaker.failures();
            let isolated = Event::Isolated { vendor: vendor.clone(), cause, restarts };
            if events.send(isolated).await.is_err() {
                return;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(verdict.wait) => {}
            () = events.closed() => return,
        }
    }
}

/// The core has ended.
struct Closed;

async fn one_life(
    setup: &VendorSetup,
    life: u64,
    events: &mpsc::Sender<Event>,
    breaker: &mut Breaker,
    isolated_at: &mut Option<Instant>,
) -> Result<Cause, Closed> {
    let (mut child, sockets) = match spawn(setup) {
        Ok(spawned) => spawned,
        Err(error) => return Ok(Cause { word: "spawn_failed", detail: error.to_string() }),
    };
    let end = talk(setup, life, sockets, events, breaker, isolated_at).await;
    match end {
        Err(Closed) => {
            // The link is closed by now, which is the order to end.
            reap(&mut child).await;
            Err(Closed)
        }
        Ok(End::LinkClosed) => {
            let status = reap(&mut child).await;
            Ok(cause_of(status))
        }
        Ok(End::Fault(cause)) => {
            let _ = child.kill().await;
            Ok(cause)
        }
    }
}

enum End {
    LinkClosed,
    Fault(Cause),
}

/// Our ends of what a vendor process was given.
struct Sockets {
    link: UnixStream,
    /// Over which it gets its serial port, where it has one.
    port: Option<UnixStream>,
}

fn spawn(setup: &VendorSetup) -> std::io::Result<(Child, Sockets)> {
    let (link, its_link) = pair()?;
    let (port, its_output) = match &setup.connection {
        Connection::Mqtt(_) => (None, Stdio::null()),
        Connection::Serial(_) => {
            let (port, its_port) = pair()?;
            (Some(port), Stdio::from(its_port))
        }
    };
    let log = std::env::var("RUST_LOG").unwrap_or_else(|_| "info".to_owned());
    let child = Command::new("/proc/self/exe")
        .arg0("doorward")
        .args(["vendor", setup.vendor.as_str()])
        .env_clear()
        .env("RUST_LOG", log)
        .stdin(Stdio::from(its_link))
        .stdout(its_output)
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()?;
    Ok((child, Sockets { link, port }))
}

fn pair() -> std::io::Result<(UnixStream, OwnedFd)> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    Ok((UnixStream::from_std(ours)?, OwnedFd::from(theirs)))
}

async fn reap(child: &mut Child) -> Option<ExitStatus> {
    if let Ok(status) = tokio::time::timeout(END_TIMEOUT, child.wait()).await {
        return status.ok();
    }
    let _ = child.kill().await;
    None
}

fn cause_of(status: Option<ExitStatus>) -> Cause {
    use std::os::unix::process::ExitStatusExt;
    match status.map(|status| (status.code(), status.signal())) {
        Some((Some(code), _)) => Cause { word: "exited", detail: format!("exit code {code}") },
        Some((None, Some(signal))) => {
            Cause { word: "signalled", detail: format!("signal {signal}") }
        }
        _ => Cause { word: "exited", detail: "it closed the link and did not end".to_owned() },
    }
}

async fn talk(
    setup: &VendorSetup,
    life: u64,
    sockets: Sockets,
    events: &mpsc::Sender<Event>,
    breaker: &mut Breaker,
    isolated_at: &mut Option<Instant>,
) -> Result<End, Closed> {
    let (read, write) = sockets.link.into_split();
    let mut frames = FramedRead::new(read, FrameCodec::<VendorFrame>::default());
    let mut writer = FramedWrite::new(write, FrameCodec::<VendorFrame>::default());
    let violation = |detail: String| {
        let detail = doorward_events::bounded_text(&detail, MAX_DETAIL);
        End::Fault(Cause { word: "protocol_violation", detail })
    };
    match tokio::time::timeout(HELLO_TIMEOUT, frames.next()).await {
        Ok(Some(Ok(VendorFrame::Hello { protocol: PROTOCOL, .. }))) => {}
        Ok(Some(Ok(_))) => return Ok(violation("its first frame is no hello".to_owned())),
        Ok(Some(Err(error))) => return Ok(violation(error.to_string())),
        Ok(None) => return Ok(End::LinkClosed),
        Err(_) => return Ok(hung("no hello")),
    }
    let hello = CoreFrame::Hello {
        protocol: PROTOCOL,
        build: env!("CARGO_PKG_VERSION").to_owned(),
        setup: Box::new(setup.clone()),
    };
    if writer.send(&hello).await.is_err() {
        return Ok(End::LinkClosed);
    }
    let (acks, mut acked) = watch::channel(0);
    let (held, mut holding) = watch::channel(false);
    let (reads, mut to_read) = mpsc::channel(4);
    let (commands, mut ordered) = mpsc::channel(MAX_GIVEN);
    let open = Arc::new(Mutex::new(Given::default()));
    // Reading and writing are apart: a process that does not read must not keep us from
    // reading what it sends.
    let writing = async move {
        loop {
            let frame = tokio::select! {
                biased;
                order = ordered.recv() => match order {
                    Some(order) => CoreFrame::Command(order),
                    None => return,
                },
                changed = acked.changed() => match changed {
                    Ok(()) => CoreFrame::Ack { through: *acked.borrow_and_update() },
                    Err(_) => return,
                },
                devices = to_read.recv() => match devices {
                    Some(devices) => CoreFrame::Read { devices },
                    None => return,
                },
            };
            if writer.send(&frame).await.is_err() {
                return;
            }
        }
    };
    let port_lost = Notify::new();
    let lending = async {
        match (&setup.connection, sockets.port) {
            (Connection::Serial(line), Some(process)) => {
                serial::lend(&setup.vendor, line, process, &port_lost).await;
            }
            _ => std::future::pending().await,
        }
    };
    let reading = async {
        let vendor = &setup.vendor;
        let acknowledged = acks.subscribe();
        let mut order = Order::default();
        let link = Vendor { life, acks, held, reads, commands, given: Arc::clone(&open) };
        tell(events, Event::Started { vendor: vendor.clone(), link }).await?;
        let begun = Instant::now();
        loop {
            // Once nobody can let go any more, there is nothing to wait for.
            let _ = holding.wait_for(|held| !held).await;
            let mut next = tokio::time::timeout(HEARTBEAT_TIMEOUT, frames.next()).await;
            if next.is_err() {
                // If we were the ones who stood still, its frames are waiting by now.
                next = tokio::time::timeout(SECOND_LOOK, frames.next()).await;
            }
            match next {
                Ok(Some(Ok(frame))) => {
                    let through = *acknowledged.borrow();
                    if let Err(broken) = order.admit(&frame, through) {
                        return Ok(violation(broken.to_string()));
                    }
                    if let VendorFrame::Command(told) = &frame
                        && let Err(broken) = given(&open).told(told)
                    {
                        return Ok(violation(broken.to_string()));
                    }
                    if let VendorFrame::Connection { up: false, .. } = &frame {
                        port_lost.notify_one();
                    }
                    if begun.elapsed() >= STABLE && breaker.recovered() {
                        let isolated_for =
                            isolated_at.take().map(|at| at.elapsed()).unwrap_or_default();
                        let recovered = Event::Recovered { vendor: vendor.clone(), isolated_for };
                        tell(events, recovered).await?;
                    }
                    tell(events, Event::Frame { vendor: vendor.clone(), life, frame }).await?;
                }
                Ok(Some(Err(error))) => return Ok(violation(error.to_string())),
                Ok(None) => return Ok(End::LinkClosed),
                Err(_) => return Ok(hung("no frame")),
            }
        }
    };
    tokio::pin!(reading);
    tokio::select! {
        end = &mut reading => end,
        () = lending => Ok(End::LinkClosed),
        () = writing => reading.await,
    }
}

async fn tell(events: &mpsc::Sender<Event>, event: Event) -> Result<(), Closed> {
    events.send(event).await.map_err(|_| Closed)
}

fn hung(what: &str) -> End {
    End::Fault(Cause { word: "missed_heartbeat", detail: format!("{what} in time") })
}

#[cfg(test)]
mod tests;
