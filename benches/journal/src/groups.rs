//! The journal beside the limit, in turns: what else the machine does meets both alike.

#![expect(clippy::cast_precision_loss, reason = "the counts of one run fit a float")]

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use doorward::domain::audit::MAX_EVENTS;
use doorward::journal::{Bounds, Journal};
use uuid::Uuid;

use crate::cost;
use crate::load::{Kind, Load};
use crate::raw::Raw;
use crate::spread::{Spread, median};

/// Groups that are measured.
const GROUPS: [usize; 4] = [1, 10, 50, 100];
/// Events that are committed before anything is measured: history is then full and trimmed with
/// every fold, and the write-ahead log has its size.
const FILL: usize = 60_000;
/// Bytes of history that stay.
const HISTORY: u64 = 8 << 20;

/// What one round of one group has shown.
struct Round {
    commits_per_second: f64,
    raw_per_second: f64,
    ratio: f64,
    ratio_of_medians: f64,
    bytes: f64,
    cpu_us: f64,
    raw_cpu_us: f64,
    p99_us: f64,
}

/// Measures each group for `rounds` rounds of `seconds`, in `folder`, and prints a table.
pub fn run(folder: &Path, rounds: usize, seconds: f64, kind: Kind) -> Result<()> {
    let mut raw = Raw::new(&folder.join("raw"))?;
    let mut tracks = Vec::new();
    for group in GROUPS {
        tracks.push(Track::new(folder, group, kind)?);
    }
    for round in 0..rounds {
        eprintln!("journal: round {} of {rounds}, load {}", round + 1, cost::machine_load());
        for track in &mut tracks {
            let measured = track.round(&mut raw, Duration::from_secs_f64(seconds))?;
            track.rounds.push(measured);
        }
    }
    println!(
        "| group | commits/s | fdatasync/s | ratio % | ratio of median commits % | p99 ms | CPU µs/commit | raw CPU µs | bytes/event | × Detail |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for track in &tracks {
        let of = |figure: fn(&Round) -> f64| Spread::of(track.rounds.iter().map(figure));
        println!(
            "| {} | {:.0} | {:.0} | {:.1} | {:.1} | {:.2} | {:.0} | {:.0} | {:.0} | {:.2} |",
            track.group,
            of(|round| round.commits_per_second),
            of(|round| round.raw_per_second),
            of(|round| round.ratio * 100.0),
            of(|round| round.ratio_of_medians * 100.0),
            of(|round| round.p99_us / 1000.0),
            of(|round| round.cpu_us),
            of(|round| round.raw_cpu_us),
            of(|round| round.bytes),
            Spread::of(track.rounds.iter().map(|round| round.bytes / track.detail())),
        );
    }
    let details = Spread::of(tracks.iter().map(Track::detail));
    println!("\nDetail: {details:.0} bytes; load {}", cost::machine_load());
    Ok(())
}

/// A journal that takes groups of one size.
struct Track {
    group: usize,
    journal: Journal,
    load: Load,
    /// Slots of the last commit, which the next one marks as accepted.
    last: Vec<u64>,
    /// Events since a range was closed.
    open: usize,
    events: u64,
    details: u64,
    rounds: Vec<Round>,
}

impl Track {
    fn new(folder: &Path, group: usize, kind: Kind) -> Result<Self> {
        let path = folder.join(format!("journal-{group}.db"));
        let bounds = Bounds { history_bytes: HISTORY, ..Bounds::default() };
        let (journal, _) = Journal::open_with(&path, bounds, Uuid::from_u128(7), None)?;
        let mut track = Self {
            group,
            journal,
            load: Load::new(kind),
            last: Vec::new(),
            open: 0,
            events: 0,
            details: 0,
            rounds: Vec::new(),
        };
        let mut filled = 0;
        while filled < FILL {
            let batch = track.load.batch(500, std::mem::take(&mut track.last))?;
            let committed = track.journal.commit(&batch)?;
            track.journal.shorten_log(false)?;
            track.last = committed.events.iter().map(|event| event.slot).collect();
            filled += 500;
            track.close(500)?;
        }
        Ok(track)
    }

    fn round(&mut self, raw: &mut Raw, length: Duration) -> Result<Round> {
        let slice = if self.group >= 50 { 4 } else { 8 };
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let (mut bytes, mut cpu, mut raw_cpu) = (0, 0, 0);
        let start = Instant::now();
        while start.elapsed() < length {
            let mut rows = Vec::new();
            // Made beforehand: sealing is not the journal's.
            let mut batches = Vec::new();
            for _ in 0..slice {
                batches.push(self.load.batch(self.group, Vec::new())?);
            }
            let (before, busy) = (cost::written()?, cost::busy()?);
            for mut batch in batches {
                batch.finished = std::mem::take(&mut self.last);
                let began = Instant::now();
                let committed = self.journal.commit(&batch).context("commit")?;
                self.journal.shorten_log(false)?;
                ours.push(began.elapsed().as_secs_f64() * 1e6);
                self.last = committed.events.iter().map(|event| event.slot).collect();
                let text: String = committed.events.iter().map(|event| &*event.detail).collect();
                self.events += committed.events.len() as u64;
                self.details += text.len() as u64;
                rows.push(text);
                self.close(self.group)?;
            }
            cpu += cost::busy()? - busy;
            bytes += cost::written()? - before;
            let busy = cost::busy()?;
            for row in rows {
                let began = Instant::now();
                raw.commit(row.as_bytes())?;
                theirs.push(began.elapsed().as_secs_f64() * 1e6);
            }
            raw_cpu += cost::busy()? - busy;
        }
        let count = ours.len() as f64;
        let (sum, raw_sum): (f64, f64) = (ours.iter().sum(), theirs.iter().sum());
        ours.sort_by(f64::total_cmp);
        Ok(Round {
            commits_per_second: count / sum * 1e6,
            raw_per_second: count / raw_sum * 1e6,
            ratio: raw_sum / sum,
            p99_us: ours.get(ours.len() * 99 / 100).copied().unwrap_or(f64::NAN),
            ratio_of_medians: median(theirs.into_iter()) / median(ours.into_iter()),
            bytes: bytes as f64 / (count * self.group as f64),
            cpu_us: cpu as f64 / count / 1e3,
            raw_cpu_us: raw_cpu as f64 / count / 1e3,
        })
    }

    /// Closes a range when as many events came as one holds.
    fn close(&mut self, events: usize) -> Result<()> {
        self.open += events;
        if !self.load.leaves_digests() || self.open < MAX_EVENTS {
            return Ok(());
        }
        if let Some(closable) = self.journal.closable(true)? {
            self.open = 0;
            let batch = self.load.checkpoint(&closable)?;
            let committed = self.journal.commit(&batch)?;
            self.last.extend(committed.events.iter().map(|event| event.slot));
        }
        Ok(())
    }

    fn detail(&self) -> f64 {
        self.details as f64 / self.events as f64
    }
}
