//! From a request that is received to its command at the lock.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::desk::Desk;
use crate::disk::Disk;
use crate::locks::{LOCKS, Locks};
use crate::quantiles::Quantiles;

/// Requests that count for nothing: caches fill.
const FIRST: usize = 50;
/// Between one request's end and the next: the commits that follow of it are over then.
const PAUSE: Duration = Duration::from_millis(30);
/// Until the gateway knows its doors.
const KNOWN: Duration = Duration::from_secs(30);

/// Where everything is.
pub struct Place<'a> {
    pub socket: &'a Path,
    pub broker: u16,
    pub key: &'a Path,
    pub file: &'a Path,
    pub requests: usize,
}

/// Measures, and prints a table.
pub fn run(place: &Place<'_>) -> Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(measure(place))
}

async fn measure(place: &Place<'_>) -> Result<()> {
    let locks = Locks::start(place.broker)?;
    let mut disk = Disk::new(place.file)?;
    let mut desk = Desk::open(place.socket, place.key).await?;
    known(&desk, &locks).await?;
    let [mut answers, mut commands, mut syncs, mut echoes] = [(); 4].map(|()| Quantiles::default());
    for turn in 0..FIRST + place.requests {
        let lock = turn % LOCKS;
        let request = desk.request(lock).await?;
        let begun = Instant::now();
        desk.ask(request).await?;
        let answered = begun.elapsed();
        let command = locks.command(lock)?.duration_since(begun);
        // Half a round before its turn, so that its door is free and locked then.
        locks.lock((turn + LOCKS / 2) % LOCKS)?;
        // Until the gateway has told what came of both.
        tokio::time::sleep(PAUSE).await;
        let echo = locks.echo()?;
        let sync = disk.sync()?;
        if turn >= FIRST {
            answers.add(answered);
            commands.add(command);
            syncs.add(sync);
            echoes.add(echo);
        }
    }
    println!(
        "| {} requests, one after the other | p50 ms | p90 ms | p99 ms | most ms |",
        place.requests
    );
    println!("|---|---|---|---|---|");
    println!("{}", commands.row("request received to command at the lock"));
    println!("{}", answers.row("request received to durable answer"));
    println!("{}", syncs.row("fdatasync of 3 KiB"));
    println!("{}", echoes.row("a message through the broker alone"));
    for (name, part) in [("p50", 0.5), ("p99", 0.99)] {
        println!("- {name}: command / fdatasync {:.1}", commands.at(part) / syncs.at(part));
    }
    Ok(())
}

/// Waits until the gateway knows every lock.
async fn known(desk: &Desk, locks: &Locks) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < KNOWN {
        for lock in 0..LOCKS {
            locks.lock(lock)?;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        if desk.all_locked().await? {
            return Ok(());
        }
    }
    bail!("the gateway does not know its locks")
}
