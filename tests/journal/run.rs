//! One journal and its oracle, step by step.

use std::path::{Path, PathBuf};

use doorward::journal::{Arrival, Batch, Bounds, Bug, Class, CommitError, DropReason, Journal};
use doorward_powercut::{Fault, Options, PowercutVfs, Recorder, Trace};
use jiff::{SignedDuration, Timestamp};

use crate::audit;
use crate::compare::{compare, history};
use crate::figures::Figures;
use crate::opening::{arrive, which};
use crate::oracle::{Oracle, Stop, Violation, demand};
use crate::raw;
use crate::sample::{Pick, SUBJECTS, digest, event, quarantined, subject};
use crate::steps::{self, After, End, Step, Trouble, history_may_go};

/// Where a run takes place.
enum Place {
    /// A folder whose disk fails when it is told to, and needs no syncs.
    Fast(Recorder),
    /// A folder whose disk is recorded, and what had to be there at the mark of the same number.
    Recorded(Recorder, Vec<Promise>),
    /// A folder that somebody else looks after.
    Plain,
}

/// What must be there from a moment on.
#[derive(Clone)]
pub struct Promise {
    pub oracle: Oracle,
    pub bounds: Bounds,
}

pub struct Run {
    root: PathBuf,
    place: Place,
    /// Each killed process leaves a folder behind; this is the present one's number.
    generation: u32,
    pub journal: Option<Journal>,
    pub oracle: Oracle,
    pub bounds: Bounds,
    pub bug: Option<Bug>,
    pub ids: u64,
    digests: u64,
    clock: Timestamp,
    pub figures: Figures,
}

impl Run {
    /// In the folder `root`, looked at closely after every step; the disk fails when it must.
    pub fn new(root: &Path, bug: Option<Bug>, oracle: Oracle) -> Self {
        let options = Options { recording: false, ..Options::default() };
        let recorder = PowercutVfs::register_with(root, options).unwrap();
        Self::at(root, bug, oracle, Place::Fast(recorder))
    }

    /// In the folder `root`, with a record of what reaches the disk, to be looked at later.
    pub fn recorded(root: &Path, bug: Option<Bug>, oracle: Oracle) -> Self {
        let recorder = PowercutVfs::register(root).unwrap();
        let before = Promise { oracle: oracle.clone(), bounds: steps::bounds(0) };
        Self::at(root, bug, oracle, Place::Recorded(recorder, vec![before]))
    }

    /// In the folder `root`, without either.
    pub fn plain(root: &Path, bug: Option<Bug>, oracle: Oracle) -> Self {
        Self::at(root, bug, oracle, Place::Plain)
    }

    /// Under these bounds from the beginning.
    pub fn under(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        if let Place::Recorded(_, promises) = &mut self.place {
            promises[0].bounds = bounds;
        }
        self
    }

    fn at(root: &Path, bug: Option<Bug>, oracle: Oracle, place: Place) -> Self {
        Self {
            root: root.to_owned(),
            place,
            generation: 0,
            journal: None,
            // Those of earlier runs are others.
            digests: oracle.seen.len() as u64 + 1_000_000 * oracle.slot(),
            oracle,
            bounds: steps::bounds(0),
            bug,
            ids: 0,
            clock: Timestamp::UNIX_EPOCH,
            figures: Figures::default(),
        }
    }

    pub fn folder(&self) -> PathBuf {
        match self.generation {
            0 => self.root.clone(),
            number => self.root.join(number.to_string()),
        }
    }

    fn closely(&self) -> bool {
        matches!(self.place, Place::Fast(_))
    }

    pub fn open_journal(&mut self) -> Result<&mut Journal, Violation> {
        self.journal.as_mut().ok_or_else(|| Violation("no journal is open".to_owned()))
    }

    /// What stands in the oracle now is promised.
    pub fn promise(&mut self) {
        if let Place::Recorded(recorder, promises) = &mut self.place {
            recorder.mark(promises.len() as u64);
            promises.push(Promise { oracle: self.oracle.clone(), bounds: self.bounds });
        }
    }

    /// The journal ends as it stands; gives the record of the disk and the promises.
    pub fn record(self) -> (Trace, Vec<Promise>) {
        match self.place {
            Place::Recorded(recorder, promises) => (recorder.trace(), promises),
            Place::Fast(_) | Place::Plain => panic!("nothing was recorded"),
        }
    }

    /// Opens it for the first time.
    pub fn begin(&mut self) -> Result<(), Violation> {
        let promised = self.oracle.clone();
        self.open(self.bounds, &[promised])
    }

    /// Opens the file; it must hold what one of these says.
    pub fn open(&mut self, bounds: Bounds, may: &[Oracle]) -> Result<(), Violation> {
        let (journal, found) = arrive(&self.folder(), bounds, self.bug, &mut self.ids)
            .map_err(|error| Violation(format!("it cannot be opened: {error}")))?;
        let whole = matches!(found.arrival, Arrival::AsItWas | Arrival::Upgraded { .. });
        demand!(whole, "it came back as {:?}", found.arrival);
        self.oracle = which(&journal, &found, may)?;
        self.opened(journal, bounds);
        Ok(())
    }

    /// A journal is open that holds what the oracle says.
    pub fn opened(&mut self, journal: Journal, bounds: Bounds) {
        self.oracle.history_may_go |= history_may_go(&bounds);
        self.bounds = bounds;
        self.journal = Some(journal);
        self.figures.openings += 1;
        self.promise();
    }

    /// Does a step, and sees whether the journal did what it must.
    pub fn step(&mut self, step: &Step) -> Result<(), Violation> {
        self.figures.steps += 1;
        match step {
            Step::Append { picks, facts, seen, quarantine } => {
                let mut batch = self.batch(picks.iter().copied());
                self.add_facts(&mut batch, *facts);
                self.add_seen(&mut batch, (*seen).into());
                self.add_quarantine(&mut batch, *quarantine);
                self.commit(&batch)?;
            }
            Step::Fill { mix, commits, each } => self.fill(*mix, *commits, *each)?,
            Step::Deliver { from, each, most, with } => {
                let mut batch = self.batch(*with);
                let waiting = self.oracle.waiting_slots();
                let answered = waiting.into_iter().skip((*from).into()).step_by((*each).into());
                batch.finished.extend(answered.take((*most).into()));
                // An answer that comes twice changes nothing.
                batch.finished.extend(batch.finished.first().copied());
                self.commit(&batch)?;
            }
            Step::Refuse { which } => {
                let waiting = self.oracle.waiting_slots();
                let Some(slot) = waiting.get(usize::from(*which) % waiting.len().max(1)) else {
                    return Ok(());
                };
                let mut batch = self.batch(None);
                let raw = self.oracle.events[usize::try_from(slot - 1).unwrap()].detail.to_string();
                let id = self.oracle.last_quarantine + 1;
                batch.quarantine.push(quarantined(id, "refused_by_bus", Some(raw)));
                batch.finished.push(*slot);
                batch.refused.push(*slot);
                self.commit(&batch)?;
            }
            Step::Facts { facts } => {
                let mut batch = self.batch(None);
                self.add_facts(&mut batch, *facts);
                self.commit(&batch)?;
            }
            Step::Seen { seen } => {
                let mut batch = self.batch(None);
                self.add_seen(&mut batch, (*seen).into());
                self.commit(&batch)?;
            }
            Step::Tell { pick } => {
                let mut batch = self.batch([*pick]);
                batch.told = self.oracle.gaps.iter().map(|gap| gap.id).collect();
                self.commit(&batch)?;
            }
            Step::CloseRange => audit::close_range(self)?,
            Step::Erase { subject } => self.erase(*subject)?,
            Step::Trouble { trouble, picks, facts, after } => {
                let mut batch = self.batch(picks.iter().copied());
                self.add_facts(&mut batch, *facts);
                self.trouble(*trouble, &batch, *after)?;
            }
            Step::Reopen { end, bounds } => self.reopen(*end, steps::bounds(*bounds))?,
            Step::Damage { end, way, seed, bounds } => {
                self.damage(*end, *way, *seed, steps::bounds(*bounds))?;
            }
        }
        self.look()
    }

    /// Looks at all that the journal says.
    pub fn look(&mut self) -> Result<(), Violation> {
        match &self.journal {
            Some(journal) if self.closely() => compare(journal, &self.oracle),
            _ => Ok(()),
        }
    }

    pub fn batch(&mut self, picks: impl IntoIterator<Item = Pick>) -> Batch {
        self.clock += SignedDuration::from_secs(1);
        let events = picks.into_iter().map(event).collect();
        Batch { recorded_at: self.clock, events, ..Batch::default() }
    }

    fn add_facts(&mut self, batch: &mut Batch, facts: u8) {
        for number in 0..facts {
            let turn = self.digests + u64::from(number);
            let value = if turn.is_multiple_of(3) {
                let person = subject(u8::try_from(turn % u64::from(SUBJECTS)).unwrap());
                format!("{{\"subject_ref\":\"{person}\",\"turn\":{turn}}}").into_bytes()
            } else {
                turn.to_be_bytes().repeat(usize::from(number) * 9)
            };
            batch.facts.insert(format!("door/{}", turn % 7), value);
        }
    }

    fn add_seen(&mut self, batch: &mut Batch, seen: u64) {
        batch.seen.extend((self.digests..self.digests + seen).map(digest));
        self.digests += seen;
    }

    fn add_quarantine(&self, batch: &mut Batch, rows: u8) {
        let last = self.oracle.last_quarantine;
        let ids = last + 1..=last + u64::from(rows);
        batch.quarantine.extend(ids.map(|id| quarantined(id, "malformed_json", None)));
    }

    fn fill(&mut self, mix: u8, commits: u8, each: u8) -> Result<(), Violation> {
        let classes: Vec<Class> = (0u8..4)
            .zip(Class::ALL)
            .filter(|(bit, _)| mix >> bit & 1 == 1)
            .map(|(_, c)| c)
            .collect();
        for commit in 0..usize::from(commits) {
            let picks = (0..usize::from(each)).map(|number| {
                let class = classes[number % classes.len()];
                Pick::of(class, u8::try_from(number % 7 % 3).unwrap(), number + commit)
            });
            let batch = self.batch(picks.collect::<Vec<_>>());
            if !self.commit(&batch)? {
                break;
            }
        }
        Ok(())
    }

    /// Commits; false: there is no room, which is right.
    pub fn commit(&mut self, batch: &Batch) -> Result<bool, Violation> {
        let before = if self.closely() { Some(self.before()?) } else { None };
        match self.open_journal()?.commit(batch) {
            Ok(answer) => {
                self.took(batch, &answer)?;
                let shortened = self.open_journal()?.shorten_log(false);
                shortened.map_err(|error| Violation(format!("its log: {error}")))?;
                if let Some(before) = before {
                    before.made_room(self, batch, &answer)?;
                }
                Ok(true)
            }
            Err(CommitError::Full { used, bound }) => {
                demand!(!batch.events.is_empty(), "there is no room for facts and marks");
                demand!(used > bound, "it is full with {used} of {bound} bytes");
                self.figures.full += 1;
                self.learn()?;
                self.full_of_the_precious()?;
                Ok(false)
            }
            Err(error) => Err(Violation(format!("a commit failed: {error}"))),
        }
    }

    /// A commit was acknowledged.
    fn took(
        &mut self,
        batch: &Batch,
        answer: &doorward::journal::Committed,
    ) -> Result<(), Violation> {
        self.oracle.committed(batch, answer)?;
        if let Some(first) = batch.quarantine.first() {
            self.oracle.trim_quarantine(self.bounds.quarantine_rows, first.id);
        }
        self.figures.events += batch.events.len() as u64;
        self.figures.delivered += batch.finished.len() as u64;
        self.figures.shed += answer.gaps.iter().map(|gap| gap.count).sum::<u64>();
        self.promise();
        Ok(())
    }

    /// Asks what was given up so far.
    fn learn(&mut self) -> Result<(), Violation> {
        let nothing = Batch::default();
        let answer = self
            .open_journal()?
            .commit(&nothing)
            .map_err(|error| Violation(format!("an empty commit failed: {error}")))?;
        self.took(&nothing, &answer)
    }

    /// Events are refused only when nothing is left but what is never given up.
    fn full_of_the_precious(&mut self) -> Result<(), Violation> {
        let left = history(self.open_journal()?)?;
        demand!(left.is_empty(), "it is full, and holds {} delivered events", left.len());
        let spare = |class: Class| matches!(class, Class::Telemetry | Class::State);
        let idle = self.oracle.waiting().find(|e| spare(e.class) && !e.carried);
        demand!(idle.is_none(), "it is full, and {idle:?} waits");
        Ok(())
    }

    fn before(&mut self) -> Result<Before, Violation> {
        let slot = self.oracle.slot();
        let room = self.bounds.for_events();
        let journal = self.open_journal()?;
        let used = journal.statistics().map_err(|e| Violation(e.to_string()))?.bytes_used;
        let near = used + (256 << 10) > room;
        let history = if near { history(journal)? } else { Default::default() };
        Ok(Before { slot, used, history })
    }

    /// All that names a person goes, from the files too.
    fn erase(&mut self, number: u8) -> Result<(), Violation> {
        let person = subject(number);
        let (waiting, rows, facts) = self.oracle.erase(&person);
        let erased = self
            .open_journal()?
            .erase(&person)
            .ok_or_else(|| Violation("the subject is no subject".to_owned()))?
            .map_err(|error| Violation(format!("erasing failed: {error}")))?;
        let found = (erased.waiting, erased.quarantine, erased.facts);
        demand!(found == (waiting, rows, facts), "{erased:?}, not {waiting}, {rows}, {facts}");
        self.figures.erased += erased.events;
        let journal = self.open_journal()?;
        journal.remove_copies().map_err(|error| Violation(format!("a copy stays: {error}")))?;
        self.learn()?;
        let left = self.oracle.waiting().find(|event| event.names(&person));
        demand!(left.is_none(), "{left:?} was not erased");
        // Files that were set aside are the command's to remove (`tests/cli/erase.rs`).
        let mut holding = raw::holding(&self.folder(), &person);
        holding.retain(|place| !place.contains(".damaged-"));
        demand!(holding.is_empty(), "the person still stands in {holding:?}");
        Ok(())
    }

    /// Commits while the disk fails. What is not acknowledged may be there after a kill, whole.
    fn trouble(&mut self, trouble: Trouble, batch: &Batch, after: After) -> Result<(), Violation> {
        let Place::Fast(recorder) = &self.place else { return Ok(()) };
        recorder.fail(match trouble {
            Trouble::Full => Fault::Enospc,
            Trouble::Broken => Fault::Eio,
            Trouble::ReadOnly => Fault::ReadOnly,
            Trouble::SyncFails => Fault::SyncEio,
        });
        let answer = self.journal.as_mut().map(|journal| journal.commit(batch));
        recorder.fail(Fault::None);
        match answer {
            None => return Ok(()),
            Some(Ok(answer)) => return self.took(batch, &answer),
            Some(Err(CommitError::Full { .. })) => return self.learn(),
            Some(Err(_)) => self.figures.failed += 1,
        }
        if after == After::Kill {
            let without = self.oracle.clone();
            let mut with = self.oracle.clone();
            with.apply(batch);
            self.end(End::Kill)?;
            return self.open(self.bounds, &[without, with]);
        }
        self.learn()?;
        self.look()?;
        if after == After::Again {
            self.commit(batch)?;
        } else {
            // Until something else is written the log may still hold it.
            let mut other = self.batch(None);
            self.add_seen(&mut other, 1);
            self.commit(&other)?;
        }
        Ok(())
    }

    /// The journal ends.
    pub fn end(&mut self, end: End) -> Result<(), Violation> {
        let journal = self.journal.take().ok_or_else(|| Violation("it is closed".to_owned()))?;
        match end {
            End::Close => {
                journal.close().map_err(|error| Violation(format!("closing failed: {error}")))?;
                self.oracle.stop = Stop::Closed;
                self.promise();
            }
            End::Kill if self.closely() => {
                let before = self.folder();
                self.generation += 1;
                raw::copy(&before, &self.folder());
                drop(journal);
            }
            End::Drop | End::Kill => drop(journal),
        }
        Ok(())
    }

    fn reopen(&mut self, end: End, bounds: Bounds) -> Result<(), Violation> {
        if !self.closely() {
            self.end(end)?;
            let promised = self.oracle.clone();
            return self.open(bounds, &[promised]);
        }
        let said = self.said()?;
        self.end(end)?;
        let scratch = self.root.join("scratch");
        raw::copy(&self.folder(), &scratch);
        let counted = raw::waiting_bytes(&scratch, &self.oracle)?;
        demand!(said == counted, "{said:?} bytes are said to wait, {counted:?} do");
        let promised = self.oracle.clone();
        self.open(bounds, &[promised])?;
        let (said, counted) = (self.said()?, raw::waiting_bytes(&scratch, &self.oracle)?);
        std::fs::remove_dir_all(&scratch).unwrap();
        demand!(said == counted, "{said:?} bytes are said to wait after opening, {counted:?} do");
        Ok(())
    }

    /// Bytes that wait by class, as the journal says.
    fn said(&mut self) -> Result<std::collections::BTreeMap<&'static str, u64>, Violation> {
        let figures = self.open_journal()?.statistics().map_err(|e| Violation(e.to_string()))?;
        Ok(Class::ALL.map(|c| (c.as_str(), figures.waiting_bytes[c.as_str()])).into())
    }
}

/// The journal before a commit.
struct Before {
    slot: u64,
    used: u64,
    /// Delivered events that could be read, where room is short.
    history: std::collections::BTreeSet<u64>,
}

/// What a commit may take beyond its events' bytes: split pages, a fold with its gaps, digests.
const SLACK: u64 = 256 << 10;

impl Before {
    /// What went for room went in the right order, and the bound is kept but for this batch.
    fn made_room(
        &self,
        run: &mut Run,
        batch: &Batch,
        answer: &doorward::journal::Committed,
    ) -> Result<(), Violation> {
        if batch.events.is_empty() {
            return Ok(());
        }
        let used =
            run.open_journal()?.statistics().map_err(|e| Violation(e.to_string()))?.bytes_used;
        let bytes: u64 = answer.events.iter().map(|event| event.detail.len() as u64).sum();
        let most = self.used.min(run.bounds.for_events()) + 2 * bytes + SLACK;
        demand!(used <= most, "{used} bytes are used, {most} may be");
        let full = |gap: &&doorward::journal::Gap| gap.reason == DropReason::DiskFull;
        let gone: Vec<u64> =
            answer.gaps.iter().filter(full).flat_map(|gap| run.oracle.slots_of(gap)).collect();
        if gone.is_empty() {
            return Ok(());
        }
        let left = history(run.open_journal()?)?;
        let kept = self.history.intersection(&left).count();
        demand!(kept == 0, "{kept} delivered events were kept, and events that wait given up");
        let class = |slot: &u64| run.oracle.events[usize::try_from(slot - 1).unwrap()].class;
        let telemetry = run.oracle.waiting().any(|event| {
            event.class == Class::Telemetry && event.slot <= self.slot && !event.carried
        });
        let states = gone.iter().any(|slot| class(slot) == Class::State);
        demand!(!(states && telemetry), "states were given up before telemetry");
        Ok(())
    }
}
