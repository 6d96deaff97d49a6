//! What a disk surely holds after each operation, and what it might hold besides.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::image::Image;
use crate::trace::{FileId, Op};

/// How many copies of the disk a trace keeps, so that no place is far from one.
const COPIES: usize = 64;

#[derive(Clone, Copy, PartialEq)]
enum Held {
    /// The next sync makes it durable.
    Waiting,
    /// A sync of it failed: no later one answers for it.
    Abandoned,
    /// Durable, behind something that is not.
    Synced,
}

#[derive(Clone, Default)]
struct Stored {
    durable: Image,
    /// By place in the trace, ascending.
    unsynced: Vec<(u32, Held)>,
}

/// Places are kept in 32 bits: the bound of a trace in bytes keeps it far below.
#[derive(Clone, Default)]
pub(crate) struct Disk {
    files: BTreeMap<FileId, Stored>,
    names: BTreeMap<Arc<str>, FileId>,
    /// Changes of names which no sync of their folder has made durable.
    unsynced_names: Vec<u32>,
}

/// An operation which the disk may have or not have. `certain` is one that it has, but which comes
/// after one that it may not have.
#[derive(Clone, Copy)]
pub(crate) struct Pending {
    pub(crate) op: usize,
    pub(crate) certain: bool,
}

pub(crate) fn folder_of(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl Disk {
    pub(crate) fn insert(&mut self, file: FileId, name: Arc<str>, durable: Image) {
        self.files.insert(file, Stored { durable, unsynced: Vec::new() });
        self.names.insert(name, file);
    }

    pub(crate) fn names(&self) -> &BTreeMap<Arc<str>, FileId> {
        &self.names
    }

    pub(crate) fn durable(&self, file: FileId) -> Image {
        self.files.get(&file).map(|stored| stored.durable.clone()).unwrap_or_default()
    }

    fn step(&mut self, at: usize, ops: &[Op]) {
        match &ops[at] {
            Op::Mark(_) => {}
            Op::Write { file, .. } | Op::Truncate { file, .. } => {
                let stored = self.files.entry(*file).or_default();
                stored.unsynced.push((place(at), Held::Waiting));
            }
            Op::Sync { file, .. } => {
                if let Some(stored) = self.files.get_mut(file) {
                    stored.sync(ops);
                }
            }
            Op::SyncFailed { file } => {
                let unsynced = self.files.get_mut(file).map(|stored| stored.unsynced.iter_mut());
                for (_, held) in unsynced.into_iter().flatten() {
                    if *held == Held::Waiting {
                        *held = Held::Abandoned;
                    }
                }
            }
            Op::Create { file, .. } => {
                self.files.entry(*file).or_default();
                self.unsynced_names.push(place(at));
            }
            Op::Unlink { .. } | Op::Rename { .. } => self.unsynced_names.push(place(at)),
            Op::SyncFolder { folder } => self.sync_folder(folder, ops),
        }
    }

    fn sync_folder(&mut self, folder: &str, ops: &[Op]) {
        let unsynced = std::mem::take(&mut self.unsynced_names);
        for at in unsynced {
            let op = &ops[at as usize];
            let inside = match op {
                Op::Create { name, .. } | Op::Unlink { name } => folder_of(name) == folder,
                Op::Rename { from, to } => folder_of(from) == folder || folder_of(to) == folder,
                _ => true,
            };
            if inside {
                rename(&mut self.names, op);
            } else {
                self.unsynced_names.push(at);
            }
        }
        let mut reachable: Vec<FileId> = self.names.values().copied().collect();
        reachable.extend(self.unsynced_names.iter().filter_map(|at| match &ops[*at as usize] {
            Op::Create { file, .. } => Some(*file),
            _ => None,
        }));
        self.files.retain(|file, _| reachable.contains(file));
    }

    /// What the disk may have besides, in the order of the trace.
    pub(crate) fn pending(&self) -> Vec<Pending> {
        let data = self.files.values().flat_map(|stored| &stored.unsynced);
        let data =
            data.map(|(at, held)| Pending { op: *at as usize, certain: *held == Held::Synced });
        let names = self.unsynced_names.iter();
        let names = names.map(|at| Pending { op: *at as usize, certain: false });
        let mut pending: Vec<Pending> = data.chain(names).collect();
        pending.sort_unstable_by_key(|pending| pending.op);
        pending
    }

    /// This disk after `ops`, none of whose syncs did anything.
    pub(crate) fn without_syncs(&self, ops: &[Op]) -> Self {
        let mut disk = self.clone();
        for (at, op) in ops.iter().enumerate() {
            if !matches!(op, Op::Sync { .. } | Op::SyncFolder { .. }) {
                disk.step(at, ops);
            }
        }
        disk
    }
}

impl Stored {
    fn sync(&mut self, ops: &[Op]) {
        for (_, held) in &mut self.unsynced {
            if *held == Held::Waiting {
                *held = Held::Synced;
            }
        }
        // What lies behind an abandoned write waits with it, or that write could come over it.
        let certain = self.unsynced.iter().take_while(|(_, held)| *held == Held::Synced).count();
        for (at, _) in self.unsynced.drain(..certain) {
            match &ops[at as usize] {
                Op::Write { offset, bytes, .. } => self.durable.write(*offset, bytes),
                Op::Truncate { len, .. } => self.durable.resize(*len),
                _ => {}
            }
        }
    }
}

/// Does to the names what the operation does.
pub(crate) fn rename(names: &mut BTreeMap<Arc<str>, FileId>, op: &Op) {
    match op {
        Op::Create { file, name } => {
            names.insert(Arc::clone(name), *file);
        }
        Op::Unlink { name } => {
            names.remove(name);
        }
        Op::Rename { from, to } => {
            if let Some(file) = names.remove(from) {
                names.insert(Arc::clone(to), file);
            }
        }
        _ => {}
    }
}

/// The disk at every place of a trace: it steps forward, and goes back to the copy before.
pub(crate) struct Timeline {
    copies: BTreeMap<usize, Disk>,
    every: usize,
    at: usize,
    disk: Disk,
}

impl Timeline {
    pub(crate) fn new(start: Disk, len: usize) -> Self {
        let copies = BTreeMap::from([(0, start.clone())]);
        Self { copies, every: len.div_ceil(COPIES).max(COPIES), at: 0, disk: start }
    }

    pub(crate) fn at(&mut self, at: usize, ops: &[Op]) -> &Disk {
        if let Some((place, copy)) = self.copies.range(..=at).next_back()
            && (self.at > at || self.at < *place)
        {
            self.at = *place;
            self.disk = copy.clone();
        }
        while self.at < at {
            self.disk.step(self.at, ops);
            self.at += 1;
            if self.at.is_multiple_of(self.every) && !self.copies.contains_key(&self.at) {
                self.copies.insert(self.at, self.disk.clone());
            }
        }
        &self.disk
    }
}
