//! What happened to the files of a folder, in one order.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::cut::{self, Cut};
use crate::disk::{Disk, Timeline};
use crate::shape::Shape;

/// A file, whatever its name is at the time.
pub(crate) type FileId = u32;

#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// A remark of the test.
    Mark(u64),
    Write {
        file: FileId,
        offset: usize,
        bytes: Arc<[u8]>,
    },
    /// A new length; `shrinks` if it is less than the one before.
    Truncate {
        file: FileId,
        len: usize,
        shrinks: bool,
    },
    Sync {
        file: FileId,
        data_only: bool,
    },
    /// The system said that a sync failed; what it was to write may never be written.
    SyncFailed {
        file: FileId,
    },
    Create {
        file: FileId,
        name: Arc<str>,
    },
    Unlink {
        name: Arc<str>,
    },
    Rename {
        from: Arc<str>,
        to: Arc<str>,
    },
    /// The names inside this folder (relative, "" is the watched one) are durable.
    SyncFolder {
        folder: Arc<str>,
    },
}

impl Op {
    pub(crate) fn is_metadata(&self) -> bool {
        matches!(
            self,
            Self::Truncate { .. } | Self::Create { .. } | Self::Unlink { .. } | Self::Rename { .. }
        )
    }

    pub(crate) fn is_name(&self) -> bool {
        matches!(self, Self::Create { .. } | Self::Unlink { .. } | Self::Rename { .. })
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mark(mark) => write!(f, "mark {mark}"),
            Self::Write { file, offset, bytes } => {
                write!(f, "write of {} bytes at {offset} of file {file}", bytes.len())
            }
            Self::Truncate { file, len, .. } => write!(f, "truncate of file {file} to {len} bytes"),
            Self::Sync { file, data_only } => {
                write!(f, "{} of file {file}", if *data_only { "fdatasync" } else { "fsync" })
            }
            Self::SyncFailed { file } => write!(f, "failed sync of file {file}"),
            Self::Create { file, name } => write!(f, "create {name} as file {file}"),
            Self::Unlink { name } => write!(f, "unlink {name}"),
            Self::Rename { from, to } => write!(f, "rename {from} to {to}"),
            Self::SyncFolder { folder } => write!(f, "sync of the folder \"{folder}\""),
        }
    }
}

/// The record of a watched folder up to the moment it was asked for.
pub struct Trace {
    ops: Vec<Op>,
    /// Where each mark lies among the operations, ascending.
    marks: Vec<(usize, u64)>,
    start: Disk,
    timeline: Mutex<Timeline>,
}

impl Trace {
    pub(crate) fn new(ops: Vec<Op>, start: Disk) -> Self {
        let marks = ops.iter().enumerate().filter_map(|(at, op)| match op {
            Op::Mark(mark) => Some((at, *mark)),
            _ => None,
        });
        let marks = marks.collect();
        let timeline = Mutex::new(Timeline::new(start.clone(), ops.len()));
        Self { ops, marks, start, timeline }
    }

    /// How many operations and marks there are: the last place at which the power can be cut.
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// What was marked before `at`, in order.
    pub fn marks(&self, at: usize) -> Vec<u64> {
        let before = self.marks.partition_point(|(place, _)| *place < at);
        self.marks[..before].iter().map(|(_, mark)| *mark).collect()
    }

    /// The operation after which the power would be cut at `at`, in words.
    pub fn before(&self, at: usize) -> String {
        at.checked_sub(1)
            .and_then(|last| self.ops.get(last))
            .map_or_else(|| "the start".to_owned(), Op::to_string)
    }

    /// Cuts the power after the first `at` operations and writes to `into` what the disk may hold.
    ///
    /// The same trace, `at`, `shape` and `seed` always write the same. `into` is created; it fails if
    /// there is something in it. Places in ascending order cost least.
    ///
    /// # Panics
    /// If `at` is beyond [`Trace::len`].
    pub fn cut(&self, at: usize, shape: Shape, seed: u64, into: &Path) -> io::Result<Cut> {
        assert!(at <= self.len(), "cut at {at} of a trace of {}", self.len());
        let remains = if shape == Shape::SyncsSwallowed {
            cut::remains(&self.start.without_syncs(&self.ops[..at]), &self.ops, at, shape, seed)
        } else {
            let mut timeline = self.timeline.lock().unwrap_or_else(PoisonError::into_inner);
            cut::remains(timeline.at(at, &self.ops), &self.ops, at, shape, seed)
        };
        remains.store(into)?;
        let what = format!(
            "{shape:?} at {at} of {} (seed {seed}), after {}: {}",
            self.len(),
            self.before(at),
            remains.what
        );
        Ok(Cut {
            marks: self.marks(at),
            kept: remains.kept,
            torn: remains.torn,
            lost: remains.lost,
            what,
        })
    }
}
