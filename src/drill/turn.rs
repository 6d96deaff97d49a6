//! One turn: a stage of its own, one thing that goes wrong, and what was seen of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio_util::task::AbortOnDropHandle;

use super::catalogue::{Rule, Trouble, Way};
use super::containment::{self, Containment};
use super::desk::Desk;
use super::field::{Locks, Mad, Sensors};
use super::names::{LOCKS, VENDORS, WATCHED, identity, lock, sensor, vendor_of};
use super::row::Row;
use super::stage::{Plan, Stage};
use super::tape::{Marks, Tape};
use super::watch::Watch;
use crate::local::Client;
use crate::vendor::faults::{Order, PREFIX, Targets};

/// How long a stage may take to be ready.
const READY: Duration = Duration::from_secs(60);
/// The time in which a fault must be contained.
pub const DETECTION: Duration = Duration::from_secs(5);
/// For a vendor that crashes again and again until it is isolated: the sum of its waits, and starts.
const LOOPING: Duration = Duration::from_secs(45);
/// How long it is looked at least what becomes of requests at an isolated vendor's doors.
const REFUSING: Duration = Duration::from_secs(3);
/// How long the last messages may take to the bus.
const DRAIN: Duration = Duration::from_secs(20);
/// Between two requests, all doors in turn.
const ASK_PACE: Duration = Duration::from_millis(50);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(5);

/// Folders of the whole machine that a process may try to fill. The working folder is the drill's.
const FOLDERS: [(&str, &str); 4] =
    [("/tmp", "/tmp"), ("/var/tmp", "/var/tmp"), ("/dev/shm", "/dev/shm"), ("its folder", ".")];

/// How long is looked, and at what load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Windows {
    pub before: Duration,
    pub after: Duration,
    /// Load before anything is counted: caches fill.
    pub warm: Duration,
    /// The least that counts as the time of the fault.
    pub during: Duration,
    /// Sensors' messages a second, of all vendors together.
    pub rate: f64,
}

/// Lets this go wrong at `target`, one of the vendors, in an empty folder.
pub async fn take(
    plan: &Plan,
    windows: &Windows,
    trouble: &Trouble,
    target: usize,
    folder: &Path,
) -> anyhow::Result<Row> {
    let target = *VENDORS.get(target).context("there is no such vendor")?;
    let tape = Arc::new(Tape::default());
    target.clone_into(&mut tape.marks().target);
    let mut stage = Stage::start(plan, folder, &tape).await?;
    let seen = watch(plan, windows, trouble, target, &mut stage, &tape).await;
    let has_fallen = stage.has_ended();
    stage.stop().await;
    let pids: Vec<u32> = tape.marks().pids(target).collect();
    clear(&pids);
    let (begun, contained, end) = seen?;
    let mut row = Row::of(trouble, target, &tape.marks(), windows, begun, contained, end);
    if has_fallen {
        row.stopped = false;
        "nothing: the gateway itself has ended".clone_into(&mut row.by);
    }
    Ok(row)
}

/// From an empty stage to the last message: when it began, what contained it, and when the time of
/// the fault was over.
async fn watch(
    plan: &Plan,
    windows: &Windows,
    trouble: &Trouble,
    target: &str,
    stage: &mut Stage,
    tape: &Arc<Tape>,
) -> anyhow::Result<(Instant, Option<Containment>, Instant)> {
    let _watch = Watch::start(&stage.folder.join("gateway.log"), stage.core, Arc::clone(tape))?;
    let locks = Arc::clone(&stage.locks);
    ready(stage, &locks, tape).await?;
    let signer = stage.signer.take().context("somebody asks already")?;
    let desk = Desk::open(&stage.socket(), signer, Arc::clone(tape)).await?;
    let devices = stage.broker.devices;
    let sensors = Sensors::start(devices, plan.sensors, windows.rate, Arc::clone(tape));
    let asking = AbortOnDropHandle::new(tokio::spawn(ask(desk, Arc::clone(&locks))));
    tokio::time::sleep(windows.warm + windows.before).await;
    let begun = Instant::now();
    let mut mad = None;
    let mut again = None;
    match trouble.way {
        Way::Nothing => {}
        Way::Order(fault) => {
            let order = Order { fault, targets: targets(stage, target, tape)? };
            locks.order(target, &order)?;
        }
        Way::Again(fault) => {
            let order = Order { fault, targets: Targets::default() };
            let (locks, tape, target) = (Arc::clone(&locks), Arc::clone(tape), target.to_owned());
            let ordering = async move {
                let mut since = begun;
                locks.order(&target, &order)?;
                loop {
                    tokio::time::sleep(LOOK).await;
                    let ready = tape.marks().ready(&target, since);
                    if let Some(at) = ready {
                        since = at;
                        locks.order(&target, &order)?;
                    }
                }
            };
            again = Some(AbortOnDropHandle::new(tokio::spawn(async move {
                let _: anyhow::Result<()> = ordering.await;
            })));
        }
        Way::MadDevice => mad = Some(Mad::sensor(devices, target)?),
        Way::Unheard => mad = Some(Mad::unheard(devices)?),
    }
    let (patience, after) = match trouble.rule {
        Rule::Isolated => (LOOPING, windows.after.max(REFUSING)),
        _ => (DETECTION, windows.after),
    };
    let mut contained = None;
    while contained.is_none() && begun.elapsed() < patience {
        tokio::time::sleep(LOOK).await;
        contained = containment::found(trouble.rule, target, begun, &tape.marks());
        if stage.has_ended() {
            break;
        }
    }
    let end = contained.as_ref().map_or_else(Instant::now, |contained| contained.at);
    let end = end.max(begun + windows.during);
    tokio::time::sleep(end.saturating_duration_since(Instant::now()) + after).await;
    drop((sensors, asking, mad));
    drained(target, stage, tape).await;
    drop(again);
    Ok((begun, contained, end))
}

/// Waits until every vendor's process hears orders and every lock is known.
async fn ready(stage: &mut Stage, locks: &Locks, tape: &Tape) -> anyhow::Result<()> {
    let begun = Instant::now();
    let client = Client::new(&stage.socket());
    let mut told = begun;
    while begun.elapsed() < READY {
        tokio::time::sleep(4 * LOOK).await;
        if stage.has_ended() {
            bail!("the gateway has ended: {}", tail(&stage.folder));
        }
        let all = VENDORS.iter().all(|vendor| tape.marks().pid(vendor).is_some());
        if !all {
            continue;
        }
        if told.elapsed() > Duration::from_millis(150) {
            told = Instant::now();
            locks.lock_all();
        }
        if Desk::locked(&client).await.is_ok_and(|locked| locked == VENDORS.len() * LOCKS) {
            return Ok(());
        }
    }
    bail!("the gateway is not ready after {} s: {}", READY.as_secs(), tail(&stage.folder))
}

/// Requests, all doors in turn; each lock is locked half a round before its turn.
async fn ask(mut desk: Desk, locks: Arc<Locks>) {
    let doors: Vec<String> = (0..LOCKS)
        .flat_map(|number| VENDORS.iter().map(move |vendor| lock(vendor, number)))
        .collect();
    let mut tick = tokio::time::interval(ASK_PACE);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for turn in 0_usize.. {
        tick.tick().await;
        let at = |turn: usize| doors.get(turn % doors.len());
        let (Some(door), Some(other)) = (at(turn), at(turn + doors.len() / 2)) else { return };
        if let Err(error) = desk.ask(door).await {
            tracing::warn!(%error, "a request could not be made");
        }
        locks.lock(other);
    }
}

/// Waits until all that the broker took over of the others' sensors is at the bus.
async fn drained(target: &str, stage: &mut Stage, tape: &Tape) {
    let begun = Instant::now();
    // What was published last may not be acknowledged yet.
    tokio::time::sleep(Duration::from_millis(300)).await;
    while begun.elapsed() < DRAIN && !stage.has_ended() {
        if !is_waiting(target, &tape.marks()) {
            return;
        }
        tokio::time::sleep(4 * LOOK).await;
    }
}

/// Whether anything of the others' is still to come.
fn is_waiting(target: &str, marks: &Marks) -> bool {
    let is_other = |door: &str| vendor_of(door) != target;
    let mut readings = marks.readings.iter().filter(|((door, _), _)| is_other(door));
    let mut requests = marks.requests.iter().filter(|asked| is_other(&asked.door));
    readings.any(|(_, told)| told.taken && told.arrived.is_none())
        || requests.any(|asked| match &asked.answered {
            None => true,
            Some((_, reason)) => reason.is_none() && asked.wire.is_none(),
        })
}

/// What a misbehaving process may reach for.
fn targets(stage: &Stage, target: &str, tape: &Tape) -> anyhow::Result<Targets> {
    let place = VENDORS.iter().position(|name| *name == target).unwrap_or_default();
    let next = (place + 1) % VENDORS.len();
    let sibling = *VENDORS.get(next).context("a sibling")?;
    let port = |of: usize| stage.broker.vendors.get(of).copied().unwrap_or_default();
    let local = |port: u16| format!("127.0.0.1:{port}");
    let (pid, command) = {
        let marks = tape.marks();
        let mut others =
            marks.requests.iter().rev().filter(|asked| asked.door.starts_with(sibling));
        (marks.pid(sibling), others.find_map(|asked| asked.command))
    };
    let pid = pid.context("a sibling's process")?;
    let file = |what: &str, path: String| (what.to_owned(), path.into());
    let own = |what: &str, name: &str| (what.to_owned(), stage.folder.join(name));
    let core = stage.core;
    Ok(Targets {
        files: vec![
            own("the journal", "state/journal.db"),
            own("the core's configuration", "doorward.toml"),
            own("another vendor's settings", &format!("vendors.d/{sibling}.toml")),
            file("the system's passwords", "/etc/shadow".to_owned()),
            file("another vendor's environment", format!("/proc/{pid}/environ")),
            file("another vendor's memory", format!("/proc/{pid}/mem")),
            file("the core's environment", format!("/proc/{core}/environ")),
            file("the core's memory", format!("/proc/{core}/mem")),
        ],
        folders: [own("the state folder", "state"), own("the configuration", "vendors.d")]
            .into_iter()
            .chain(FOLDERS.map(|(what, path)| (what.to_owned(), path.into())))
            .filter(|(_, path): &(String, PathBuf)| path.is_dir())
            .collect(),
        sockets: vec![("the core's socket".to_owned(), stage.socket())],
        addresses: vec![
            // Its own, which it may.
            ("its own broker".to_owned(), local(port(place))),
            ("another vendor's listener".to_owned(), local(port(next))),
            ("the bus".to_owned(), local(stage.bus.port)),
            // A documentation address (RFC 5737): nobody is there.
            ("the internet".to_owned(), "192.0.2.1:443".to_owned()),
        ],
        base: sibling.to_owned(),
        lock: lock(sibling, 0),
        sensor: (sensor(sibling, WATCHED), identity(sibling, LOCKS + WATCHED)),
        command,
    })
}

/// Removes what processes of these ids have left: one that is ended while it writes clears nothing.
fn clear(pids: &[u32]) {
    for pid in pids {
        for (_, folder) in FOLDERS {
            for ending in ["", ".sock"] {
                let _ = std::fs::remove_file(format!("{folder}/{PREFIX}{pid}{ending}"));
            }
        }
    }
}

/// The last lines of the gateway's log.
fn tail(folder: &Path) -> String {
    let log = std::fs::read_to_string(folder.join("gateway.log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().rev().take(5).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
}
