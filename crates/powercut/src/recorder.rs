//! Which folders are watched, and by whom.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use crate::folder;
use crate::log::{Fault, Log, Shared};
use crate::shim;
use crate::trace::{Op, Trace};

/// The bound of a trace unless [`Options::limit`] says another: 256 MiB of what is written, of the
/// files at the start, and 64 bytes for each operation. Cutting takes about as much memory again.
pub const TRACE_LIMIT: usize = 256 << 20;

/// Those folders that are watched now.
static WATCHED: RwLock<Vec<Arc<Shared>>> = RwLock::new(Vec::new());

/// How a folder is watched.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether the disk promises that a write harms no bytes beside it, as SQLite's own VFS says for
    /// it (the default). Without the promise SQLite fills sectors up; the cuts are the same.
    pub powersafe_overwrite: bool,
    /// Whether syncs go to the real disk too. Off by default: the model needs none of them.
    pub real_syncs: bool,
    /// Whether there is a trace (the default). Without one the folder is a fast place for databases: no syncs,
    /// no bound, faults all the same. For the folder in which cuts are opened.
    pub recording: bool,
    /// The bound of the trace in bytes. Beyond it SQLite gets `SQLITE_IOERR` and [`Recorder::trace`]
    /// panics.
    pub limit: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { powersafe_overwrite: true, real_syncs: false, recording: true, limit: TRACE_LIMIT }
    }
}

/// The shim, which is the process's default VFS from its first use.
pub struct PowercutVfs;

impl PowercutVfs {
    /// Watches `folder` and all below it until the recorder is dropped. What it holds now is taken
    /// for durable, so no database in it may be open.
    ///
    /// Every `Connection::open` of a file in it is recorded, in any thread, unless it names a VFS.
    /// Several folders can be watched at once; of one inside another the inner recorder sees it.
    pub fn register(folder: &Path) -> io::Result<Recorder> {
        Self::register_with(folder, Options::default())
    }

    pub fn register_with(folder: &Path, options: Options) -> io::Result<Recorder> {
        shim::install()?;
        let folder = fs::canonicalize(folder)?;
        let mut log = Log::new(options.recording.then_some(options.limit));
        let start = folder::start(&folder, &mut log)?;
        let shared = Arc::new(Shared::new(folder, options, start, log));
        let mut watched = WATCHED.write().unwrap_or_else(PoisonError::into_inner);
        if watched.iter().any(|other| other.folder == shared.folder) {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the folder is watched"));
        }
        watched.push(Arc::clone(&shared));
        Ok(Recorder { shared })
    }
}

/// The recorder of a file, and the file's name from its folder.
pub(crate) fn watched(path: &str) -> Option<(Arc<Shared>, &str)> {
    let watched = WATCHED.read().unwrap_or_else(PoisonError::into_inner);
    let inside = |shared: &Arc<Shared>| {
        let name = path.strip_prefix(shared.folder.to_str()?)?.strip_prefix('/')?;
        Some((Arc::clone(shared), name))
    };
    watched.iter().filter_map(inside).min_by_key(|(_, name)| name.len())
}

/// One watched folder.
pub struct Recorder {
    shared: Arc<Shared>,
}

impl Recorder {
    /// Puts a mark into the trace: for a test to say what it was told by then, such as which
    /// transaction was acknowledged.
    pub fn mark(&self, mark: u64) {
        self.shared.log().push(Op::Mark(mark));
    }

    /// What the disk does from now on.
    pub fn fail(&self, fault: Fault) {
        self.shared.log().fault = fault;
    }

    /// Says that what the program did to the folder without SQLite so far is durable: it synced
    /// the files and the folders, which the shim does not see.
    pub fn outside_synced(&self) {
        let log = &mut *self.shared.log();
        folder::look(&self.shared.folder, log);
        log.outside_synced();
    }

    /// The record so far. The recorder goes on.
    ///
    /// # Panics
    /// If the trace reached its bound, or there is none ([`Options::recording`]).
    pub fn trace(&self) -> Trace {
        assert!(self.shared.options.recording, "nothing was recorded");
        let log = &mut *self.shared.log();
        folder::look(&self.shared.folder, log);
        assert!(
            !log.is_full(),
            "the trace reached its limit of {} bytes",
            self.shared.options.limit
        );
        Trace::new(log.ops.clone(), self.shared.start.clone())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let mut watched = WATCHED.write().unwrap_or_else(PoisonError::into_inner);
        watched.retain(|shared| !Arc::ptr_eq(shared, &self.shared));
    }
}
