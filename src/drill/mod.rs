//! `doorward drill`: one of four vendors goes wrong in every way that we could think of, and it is
//! measured what the three others notice of it.
//!
//! A turn is one thing that goes wrong, on a stage of its own: broker, bus, gateway, folder. A round
//! is each of them once and one turn in which nothing goes wrong, in a random order. Everything is on
//! the loopback, bounded, and gone in the end.

mod broker;
mod bus;
mod catalogue;
mod containment;
mod desk;
mod field;
mod figures;
mod names;
mod report;
mod row;
mod stage;
mod table;
mod tape;
mod turn;
mod watch;

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use futures_util::{StreamExt as _, stream};

pub use broker::find as find_mosquitto;
pub use catalogue::{TROUBLES, Trouble, find};
pub use report::{ROUNDS, Report};
pub use row::Row;
pub use stage::Plan;
pub use table::{remarks, rows};
pub use turn::Windows;

use names::VENDORS;

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Drill {
    pub plan: Plan,
    pub windows: Windows,
    pub troubles: Vec<&'static Trouble>,
    pub rounds: usize,
    pub seed: u64,
    /// Turns at once: more than one only where no latency is judged.
    pub at_once: usize,
    /// Where everything is put; each turn has a folder of its own in it.
    pub folder: PathBuf,
    /// Whether the folders of turns stay.
    pub keep: bool,
    /// A file to which each turn is added, and whose turns are not done again.
    pub record: Option<PathBuf>,
}

impl Drill {
    /// Does it. `progress` hears of each turn when it begins.
    pub async fn run(&self, mut progress: impl FnMut(&str)) -> anyhow::Result<Report> {
        let mut rows = match &self.record {
            Some(file) => recorded(file)?,
            None => Vec::new(),
        };
        let mut turns = Vec::new();
        for round in 0..self.rounds {
            let mut random = fastrand::Rng::with_seed(self.seed.wrapping_add(round as u64));
            let mut order = self.troubles.clone();
            random.shuffle(&mut order);
            for trouble in order {
                let target = random.usize(..VENDORS.len());
                if !rows.iter().any(|row| row.round == round && row.fault == trouble.name) {
                    turns.push((round, trouble, target));
                }
            }
        }
        let all = turns.len();
        let mut taken = stream::iter(turns.into_iter().enumerate())
            .map(|(number, (round, trouble, target))| {
                let words = format!("turn {} of {all}: {}", number + 1, trouble.name);
                progress(&format!("{words}, {}", trouble.what));
                let turn = self.turn(round, trouble, target);
                async move { turn.await.context(words) }
            })
            .buffer_unordered(self.at_once.max(1));
        while let Some(row) = taken.next().await {
            let row = row?;
            if let Some(file) = &self.record {
                add(file, &row)?;
            }
            rows.push(row);
        }
        drop(taken);
        rows.retain(|row| self.troubles.iter().any(|trouble| trouble.name == row.fault));
        Ok(Report::of(&rows, self.seed))
    }

    async fn turn(&self, round: usize, trouble: &Trouble, target: usize) -> anyhow::Result<Row> {
        let folder = self.folder.join(format!("{round}-{}", trouble.name));
        std::fs::create_dir_all(&folder)?;
        let mut row = turn::take(&self.plan, &self.windows, trouble, target, &folder).await?;
        row.round = round;
        if !self.keep {
            std::fs::remove_dir_all(&folder)?;
        }
        Ok(row)
    }
}

/// The turns of a file; none if there is no file.
fn recorded(file: &Path) -> anyhow::Result<Vec<Row>> {
    let open = match File::open(file) {
        Ok(open) => open,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("{}", file.display())),
    };
    let mut rows = Vec::new();
    for (number, line) in BufReader::new(open).lines().enumerate() {
        match serde_json::from_str(&line?) {
            Ok(row) => rows.push(row),
            Err(error) => bail!("{}, line {}: no turn: {error}", file.display(), number + 1),
        }
    }
    Ok(rows)
}

fn add(file: &Path, row: &Row) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(row)?;
    line.push(b'\n');
    File::options().create(true).append(true).open(file)?.write_all(&line)?;
    Ok(())
}
