//! What is written down while SQLite runs, and the faults it meets.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::ffi;

use crate::disk::{Disk, folder_of};
use crate::folder::{self, Known};
use crate::recorder::Options;
use crate::trace::{FileId, Op};

/// What an operation costs of the bound of a trace, beside its bytes.
const OP_COST: usize = 64;

/// What the disk does from now on. The codes are those which SQLite's own VFS makes of the error
/// of the system, so that a test sees what the field would. Shared memory (`-shm`) meets no fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    None,
    /// Full for every write (copy-on-write, thin provisioning): `SQLITE_FULL`. Nothing can be
    /// created: `SQLITE_CANTOPEN`.
    Enospc,
    /// Full for what makes a file longer or creates one, as ext4 is; writes inside a file go on.
    EnospcGrowth,
    /// Everything fails: `SQLITE_IOERR_READ`, `_WRITE`, `_TRUNCATE`, `_FSYNC`, `_FSTAT`, `_DELETE`,
    /// `_ACCESS`, `SQLITE_CANTOPEN`. What a failed sync should have written may be lost for good.
    Eio,
    /// Remounted read-only. Files that are open: `SQLITE_IOERR_WRITE`, `_TRUNCATE`, `_FSYNC`; files
    /// opened from now on can only be read (`SQLITE_READONLY` on a write, `SQLITE_CANTOPEN` if they
    /// do not exist); `SQLITE_IOERR_DELETE`.
    ReadOnly,
    /// Syncs fail, nothing else: `SQLITE_IOERR_FSYNC`. What they should have written may be lost for
    /// good, whatever later ones say.
    SyncEio,
}

impl Fault {
    fn refuses(self, grows: impl FnOnce() -> bool) -> bool {
        self == Self::Enospc || (self == Self::EnospcGrowth && grows())
    }
}

/// What the shim and the recorder of one folder share.
pub(crate) struct Shared {
    /// Without links, as SQLite names files.
    pub(crate) folder: PathBuf,
    pub(crate) options: Options,
    pub(crate) start: Disk,
    state: Mutex<Log>,
}

pub(crate) struct Log {
    pub(crate) ops: Vec<Op>,
    pub(crate) known: BTreeMap<Arc<str>, Known>,
    pub(crate) fault: Fault,
    files: FileId,
    /// `None` if nothing is recorded.
    room: Option<usize>,
    /// Those with changes from outside that are not known to be synced.
    outside: Vec<FileId>,
}

impl Log {
    pub(crate) fn new(limit: Option<usize>) -> Self {
        Self {
            ops: Vec::new(),
            known: BTreeMap::new(),
            fault: Fault::None,
            files: 0,
            room: limit,
            outside: Vec::new(),
        }
    }

    pub(crate) fn new_file(&mut self) -> FileId {
        let file = self.files;
        self.files += 1;
        file
    }

    pub(crate) fn recording(&self) -> bool {
        self.room.is_some()
    }

    /// Whether there is room for an operation with so many bytes; from the first time that there is
    /// none, there is none.
    pub(crate) fn reserve(&mut self, bytes: usize) -> bool {
        let Some(room) = &mut self.room else { return true };
        let rest = room.checked_sub(bytes + OP_COST);
        if rest.is_none() && *room > 0 {
            eprintln!("powercut: the trace has reached its limit: it records nothing more");
        }
        *room = rest.unwrap_or(0);
        rest.is_some()
    }

    pub(crate) fn push(&mut self, op: Op) {
        if self.recording() && self.reserve(0) {
            self.ops.push(op);
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.room == Some(0)
    }

    /// Room for the bytes was reserved before.
    pub(crate) fn write(&mut self, file: FileId, offset: usize, bytes: &[u8]) {
        if self.recording() {
            self.ops.push(Op::Write { file, offset, bytes: bytes.into() });
        }
    }

    fn truncate(&mut self, file: FileId, before: usize, len: usize) {
        if len != before {
            self.push(Op::Truncate { file, len, shrinks: len < before });
        }
    }

    /// Notes that something other than SQLite changed the file.
    pub(crate) fn outside(&mut self, file: FileId) {
        self.outside.push(file);
    }

    pub(crate) fn outside_synced(&mut self) {
        for file in std::mem::take(&mut self.outside) {
            self.push(Op::Sync { file, data_only: false });
        }
        let mut folders: Vec<&str> = vec![""];
        folders.extend(self.known.keys().map(|name| folder_of(name)));
        folders.sort_unstable();
        folders.dedup();
        let folders: Vec<Arc<str>> = folders.into_iter().map(Arc::from).collect();
        for folder in folders {
            self.push(Op::SyncFolder { folder });
        }
    }
}

impl Shared {
    pub(crate) fn new(folder: PathBuf, options: Options, start: Disk, log: Log) -> Self {
        Self { folder, options, start, state: Mutex::new(log) }
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the file `name`; `forward` does it with the flags that it is given.
    pub(crate) fn open(
        self: &Arc<Self>,
        name: &str,
        mut flags: i32,
        forward: impl FnOnce(i32) -> i32,
    ) -> Result<Handle, i32> {
        let log = &mut *self.log();
        folder::look(&self.folder, log);
        let creates = flags & ffi::SQLITE_OPEN_CREATE != 0;
        let missing = !self.folder.join(name).exists();
        match log.fault {
            Fault::Eio => return Err(ffi::SQLITE_CANTOPEN),
            fault if creates && missing && fault.refuses(|| true) => {
                return Err(ffi::SQLITE_CANTOPEN);
            }
            Fault::ReadOnly => {
                flags &= !(ffi::SQLITE_OPEN_READWRITE
                    | ffi::SQLITE_OPEN_CREATE
                    | ffi::SQLITE_OPEN_EXCLUSIVE);
                flags |= ffi::SQLITE_OPEN_READONLY;
            }
            _ => {}
        }
        if log.is_full() {
            return Err(ffi::SQLITE_CANTOPEN);
        }
        let code = forward(flags);
        if code != ffi::SQLITE_OK {
            return Err(code);
        }
        let name: Arc<str> = name.into();
        let file = folder::opened(&self.folder, &name, log);
        // SQLite's own VFS syncs the folder with the first sync of these.
        let journals =
            ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL | ffi::SQLITE_OPEN_WAL;
        let syncs_folder = creates && flags & journals != 0;
        let folder = syncs_folder.then(|| Arc::from(folder_of(&name)));
        Ok(Handle { shared: Arc::clone(self), file, folder: Mutex::new(folder) })
    }

    pub(crate) fn delete(
        &self,
        name: &str,
        sync_folder: bool,
        forward: impl FnOnce(bool) -> i32,
    ) -> i32 {
        let log = &mut *self.log();
        folder::look(&self.folder, log);
        if matches!(log.fault, Fault::Eio | Fault::ReadOnly) {
            return ffi::SQLITE_IOERR_DELETE;
        }
        let code = forward(sync_folder && self.options.real_syncs);
        if code == ffi::SQLITE_OK {
            log.known.remove(name);
            log.push(Op::Unlink { name: name.into() });
            if sync_folder {
                if log.fault == Fault::SyncEio {
                    return ffi::SQLITE_IOERR_DIR_FSYNC;
                }
                log.push(Op::SyncFolder { folder: folder_of(name).into() });
            }
        }
        code
    }

    /// The answer of a fault to a question about a file, if it has one.
    pub(crate) fn access(&self, writing: bool) -> Option<Result<bool, i32>> {
        match self.log().fault {
            Fault::Eio => Some(Err(ffi::SQLITE_IOERR_ACCESS)),
            Fault::ReadOnly if writing => Some(Ok(false)),
            _ => None,
        }
    }
}

/// An open file of a watched folder.
pub(crate) struct Handle {
    pub(crate) shared: Arc<Shared>,
    file: FileId,
    /// The folder which the next sync makes durable too.
    folder: Mutex<Option<Arc<str>>>,
}

impl Handle {
    /// Writes; `len` is how long the file is. The lock is held while the system works: the order of
    /// the trace is that of the files.
    pub(crate) fn write(
        &self,
        offset: usize,
        bytes: &[u8],
        len: impl FnOnce() -> usize,
        forward: impl FnOnce() -> i32,
    ) -> i32 {
        let log = &mut *self.shared.log();
        if log.fault.refuses(|| offset + bytes.len() > len()) {
            return ffi::SQLITE_FULL;
        }
        if matches!(log.fault, Fault::Eio | Fault::ReadOnly) || !log.reserve(bytes.len()) {
            return ffi::SQLITE_IOERR_WRITE;
        }
        let code = forward();
        if code == ffi::SQLITE_OK {
            log.write(self.file, offset, bytes);
        }
        code
    }

    /// Truncates; `len` is how long the file is, before and after.
    pub(crate) fn truncate(&self, len: impl Fn() -> usize, forward: impl FnOnce() -> i32) -> i32 {
        let log = &mut *self.shared.log();
        if matches!(log.fault, Fault::Eio | Fault::ReadOnly) || log.is_full() {
            return ffi::SQLITE_IOERR_TRUNCATE;
        }
        self.resize(log, len, forward)
    }

    /// Passes on that the file will soon be `size` long, which may make it so at once.
    pub(crate) fn hint(
        &self,
        size: usize,
        len: impl Fn() -> usize,
        forward: impl FnOnce() -> i32,
    ) -> i32 {
        let log = &mut *self.shared.log();
        if log.fault.refuses(|| size > len()) {
            return ffi::SQLITE_FULL;
        }
        if matches!(log.fault, Fault::Eio | Fault::ReadOnly) || log.is_full() {
            return ffi::SQLITE_IOERR_WRITE;
        }
        self.resize(log, len, forward)
    }

    fn resize(&self, log: &mut Log, len: impl Fn() -> usize, forward: impl FnOnce() -> i32) -> i32 {
        let before = len();
        let code = forward();
        log.truncate(self.file, before, len());
        code
    }

    pub(crate) fn sync(&self, data_only: bool, forward: impl FnOnce() -> i32) -> i32 {
        let log = &mut *self.shared.log();
        if matches!(log.fault, Fault::Eio | Fault::ReadOnly | Fault::SyncEio) {
            log.push(Op::SyncFailed { file: self.file });
            return ffi::SQLITE_IOERR_FSYNC;
        }
        let code = if self.shared.options.real_syncs { forward() } else { ffi::SQLITE_OK };
        if code != ffi::SQLITE_OK {
            log.push(Op::SyncFailed { file: self.file });
            return code;
        }
        if log.is_full() {
            return ffi::SQLITE_IOERR_FSYNC;
        }
        log.push(Op::Sync { file: self.file, data_only });
        let folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(folder) = folder {
            log.push(Op::SyncFolder { folder });
        }
        code
    }

    /// The answer of a fault to a read or a question, if it has one.
    pub(crate) fn reads(&self, failure: i32) -> Option<i32> {
        (self.shared.log().fault == Fault::Eio).then_some(failure)
    }
}
