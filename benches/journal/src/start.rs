//! How long it takes to open a journal in which very many events wait.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, ensure};
use doorward::journal::{Bounds, Journal};
use rustix::fs::{Advice, fadvise};
use uuid::Uuid;

use crate::cost;
use crate::load::{Kind, Load};
use crate::spread::Spread;

/// Events of one commit.
const GROUP: usize = 500;

/// Writes `events` events that wait, and ends as a crash does: the log stays as it is.
pub fn fill(path: &Path, events: usize) -> Result<()> {
    let (mut journal, restored) = open(path)?;
    ensure!(restored.slot == 0, "there is a journal already");
    let mut load = Load::new(Kind::Doors);
    let began = Instant::now();
    for _ in 0..events / GROUP {
        journal.commit(&load.batch(GROUP, Vec::new())?)?;
    }
    eprintln!("{} events wait after {:.0} s", journal.waiting(), began.elapsed().as_secs_f64());
    // Neither closed nor dropped, which would fold the log into the file.
    std::mem::forget(journal);
    Ok(())
}

/// Opens the journal at `path` again and again, in turns cold and warm, and prints a table.
pub fn run(path: &Path, rounds: usize) -> Result<()> {
    let (mut cold, mut warm, mut first, mut events) = (Vec::new(), Vec::new(), None, 0);
    for _ in 0..rounds {
        for (turn, times) in [&mut cold, &mut warm].into_iter().enumerate() {
            if turn == 0 {
                forget(path)?;
            }
            let began = Instant::now();
            let (journal, restored) = open(path)?;
            let took = began.elapsed().as_secs_f64() * 1e3;
            if first.is_none() {
                first = Some(took);
            } else {
                times.push(took);
            }
            events = restored.waiting;
            journal.close()?;
        }
    }
    println!("| opening the journal with {events} waiting events | ms |");
    println!("|---|---|");
    println!(
        "| after a crash, with its log, not in the page cache | {:.1} |",
        first.unwrap_or(f64::NAN)
    );
    println!(
        "| after a stop in order, not in the page cache | {:.1} |",
        Spread::of(cold.into_iter())
    );
    println!("| after a stop in order, in the page cache | {:.1} |", Spread::of(warm.into_iter()));
    println!("\nload {}", cost::machine_load());
    Ok(())
}

fn open(path: &Path) -> Result<(Journal, doorward::journal::Restored)> {
    Ok(Journal::open_with(path, Bounds::default(), Uuid::from_u128(7), None)?)
}

/// Puts the files out of the page cache.
fn forget(path: &Path) -> Result<()> {
    for ending in ["", "-wal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        let Ok(file) = File::open(PathBuf::from(name)) else { continue };
        file.sync_all()?;
        fadvise(&file, 0, None, Advice::DontNeed)?;
    }
    Ok(())
}
