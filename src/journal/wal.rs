//! The write-ahead log, and when it goes into the file.
//!
//! By itself SQLite does that within the commit that makes the log long, and whoever waits for that
//! commit waits for two more syncs of the disk. Here it is done between two commits, after the answer.

use std::ffi::c_int;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;

use super::Journal;

/// The log goes into the file when it has about so many bytes. It is never cut off while the
/// journal is open: a log that grows again costs an inode's write with each commit.
pub(super) const LONG: u64 = 4 << 20;
/// Within a commit nevertheless, where nobody does it between two: so many times as long.
pub(super) const LONGEST: u64 = 2;

/// How long the log is.
#[derive(Debug)]
pub(super) struct Wal {
    /// Pages in it after the last commit; 0 once they are in the file.
    pages: Arc<AtomicU64>,
    /// It is long from so many on.
    long: u64,
}

impl Wal {
    /// Of a file that is only read: no commit makes its log longer.
    pub fn unwatched() -> Self {
        Self { pages: Arc::default(), long: u64::MAX }
    }

    /// Looks at every commit of `db` from now on.
    pub fn watch(db: &mut Connection) -> rusqlite::Result<Self> {
        let page: u64 = db.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let wal = Self { pages: Arc::default(), long: LONG / page.max(512) };
        let (pages, longest) = (Arc::clone(&wal.pages), LONGEST * wal.long);
        db.wal_hook(Some(move |log: &mut rusqlite::hooks::Wal, count: c_int| {
            let count = u64::try_from(count).unwrap_or_default();
            // A commit stands also where this fails; the next one tries again.
            let brought_over = count >= longest && log.checkpoint().is_ok();
            pages.store(if brought_over { 0 } else { count }, Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(wal)
    }
}

impl Journal {
    /// Brings a long log over into the file. To be called when a commit was answered; where more
    /// wait already, only once it is half as long again.
    pub fn shorten_log(&mut self, more_wait: bool) -> rusqlite::Result<()> {
        let Wal { long, .. } = self.wal;
        let enough = if more_wait { long.saturating_add(long / 2) } else { long };
        if self.wal.pages.load(Ordering::Relaxed) < enough {
            return Ok(());
        }
        self.wal.pages.store(0, Ordering::Relaxed);
        self.db.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?.query_row([], |_| Ok(()))
    }
}
