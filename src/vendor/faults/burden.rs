//! Faults that take what belongs to all: time, memory, processes, threads, the log. Each ends by
//! itself at its bound.

#![expect(clippy::disallowed_methods, reason = "what goes wrong here may block its own thread")]

use std::hint::black_box;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Hand;
use super::order::Outcome;

/// How long a burden is borne where nothing stops it.
const LONGEST: Duration = Duration::from_secs(10);
/// Memory that is taken where nothing stops it, in bytes.
const MOST_MEMORY: usize = 512 << 20;
const PIECE: usize = 4 << 20;
/// Processes and threads that are started where nothing stops it.
const MOST_PROCESSES: usize = 200;
const MOST_THREADS: usize = 500;
/// How long each of them lives.
const LIFE: Duration = Duration::from_secs(5);
/// What is written into the log where nothing stops it, in bytes.
const MOST_LOG: usize = 64 << 20;

/// The session's loop stands still, and with it the heartbeat.
pub fn hang(hand: &Hand) {
    let begun = Instant::now();
    drop(hand.session.spawn(async move {
        while begun.elapsed() < 3 * LONGEST {
            std::thread::park_timeout(LONGEST);
        }
    }));
    std::thread::sleep(3 * LONGEST);
}

/// One thread a core.
pub fn spin() {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let until = Instant::now() + LONGEST;
    let compute = move || {
        let mut turns = 0_u64;
        while Instant::now() < until {
            for _ in 0..10_000 {
                turns = black_box(turns.wrapping_mul(31).wrapping_add(7));
            }
        }
    };
    let threads: Vec<_> =
        (1..cores).filter_map(|_| std::thread::Builder::new().spawn(compute).ok()).collect();
    compute();
    for thread in threads {
        let _ = thread.join();
    }
}

/// Memory that is written to, so that it is really taken.
pub fn leak(hand: &Hand) {
    let mut taken: Vec<Vec<u8>> = Vec::new();
    while taken.len() * PIECE < MOST_MEMORY {
        let mut piece = Vec::new();
        if piece.try_reserve_exact(PIECE).is_err() {
            // As where nobody asks first: the process ends by its allocator.
            std::alloc::handle_alloc_error(std::alloc::Layout::new::<[u8; PIECE]>());
        }
        piece.resize(PIECE, 0x5a);
        taken.push(black_box(piece));
    }
    hand.tried("take 512 MiB of memory", Outcome::Allowed("it has them".to_owned()));
    std::thread::sleep(LIFE);
    drop(taken);
}

/// Copies of itself that wait for a core that says nothing.
pub fn fork_bomb(hand: &Hand) {
    let mut children = Vec::new();
    let act = format!("start {MOST_PROCESSES} processes");
    let mut outcome = Outcome::Allowed(format!("{MOST_PROCESSES} were started"));
    while children.len() < MOST_PROCESSES {
        match copy_of_itself() {
            Ok(child) => children.push(child),
            Err(error) => {
                outcome = Outcome::Denied(format!("after {}: {error}", children.len()));
                break;
            }
        }
    }
    hand.tried(&act, outcome);
    std::thread::sleep(
        LIFE.min(Duration::from_millis(20) * u32::try_from(children.len()).unwrap_or(0)),
    );
    for (child, _link) in &mut children {
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn copy_of_itself() -> std::io::Result<(std::process::Child, UnixStream)> {
    let (kept, its) = UnixStream::pair()?;
    let child = Command::new("/proc/self/exe")
        .arg0("doorward-vendor")
        .arg("copy")
        .env_clear()
        .env("RUST_LOG", "off")
        .stdin(Stdio::from(OwnedFd::from(its)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    Ok((child, kept))
}

/// Threads that do nothing.
pub fn thread_bomb(hand: &Hand) {
    let mut threads = Vec::new();
    let act = format!("start {MOST_THREADS} threads");
    let mut outcome = Outcome::Allowed(format!("{MOST_THREADS} were started"));
    let until = Instant::now() + LIFE;
    while threads.len() < MOST_THREADS {
        let idle = move || std::thread::sleep(until.saturating_duration_since(Instant::now()));
        match std::thread::Builder::new().stack_size(64 << 10).spawn(idle) {
            Ok(thread) => threads.push(thread),
            Err(error) => {
                outcome = Outcome::Denied(format!("after {}: {error}", threads.len()));
                break;
            }
        }
    }
    hand.tried(&act, outcome);
    for thread in threads {
        let _ = thread.join();
    }
}

/// As fast as it is taken.
pub fn flood_log(hand: &Hand) {
    let line = [b'x'; 1023];
    let until = Instant::now() + LONGEST / 2;
    let mut written = 0;
    let mut errors = std::io::stderr().lock();
    while written < MOST_LOG && Instant::now() < until {
        match errors.write_all(&line).and_then(|()| errors.write_all(b"\n")) {
            Ok(()) => written += line.len() + 1,
            Err(error) => {
                drop(errors);
                hand.tried("flood its log", Outcome::Denied(error.to_string()));
                return;
            }
        }
    }
    drop(errors);
    let words = format!("{} MiB were written", written >> 20);
    hand.tried("flood its log", Outcome::Allowed(words));
}
