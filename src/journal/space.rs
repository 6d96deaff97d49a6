//! What the file system has left.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// Beyond this much free space the share of it does not matter.
const ENOUGH_BYTES: u64 = 1 << 30;
/// Beyond so many free inodes their share does not matter: the journal needs a handful.
const ENOUGH_INODES: u64 = 1000;

/// Room on the file system of a folder, as an ordinary user may use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Space {
    pub free_bytes: u64,
    pub total_bytes: u64,
    /// `None` where the file system makes inodes as it needs them.
    pub free_inodes: Option<u64>,
    /// `None` as above.
    pub total_inodes: Option<u64>,
}

impl Space {
    /// Asks the file system that holds `folder`; `None` if it does not say.
    pub fn of(folder: &Path) -> Option<Self> {
        let stat = rustix::fs::statvfs(folder).ok()?;
        Some(Self {
            free_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
            total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
            free_inodes: (stat.f_files > 0).then_some(stat.f_favail),
            total_inodes: (stat.f_files > 0).then_some(stat.f_files),
        })
    }

    /// Bytes that must stay free where `percent` of the file system must.
    pub fn kept_free(&self, percent: u64) -> u64 {
        (self.total_bytes / 100 * percent).min(ENOUGH_BYTES)
    }

    /// What there is too little of, in words; `None`: there is enough.
    pub fn too_little(&self, percent: u64) -> Option<String> {
        if self.free_bytes < self.kept_free(percent) {
            let (free, total) = (self.free_bytes >> 20, self.total_bytes >> 20);
            return Some(format!("{free} of {total} MiB are free on the journal's file system"));
        }
        let (free, total) = (self.free_inodes?, self.total_inodes?);
        (free < (total / 100 * percent).min(ENOUGH_INODES))
            .then(|| format!("{free} of {total} inodes are free on the journal's file system"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(free_bytes: u64, total_bytes: u64, free: u64, total: u64) -> Space {
        let (free_inodes, total_inodes) = (Some(free), Some(total));
        Space { free_bytes, total_bytes, free_inodes, total_inodes }
    }

    #[test]
    fn too_little_is_a_share_or_an_amount() {
        let words = |space: Space, percent| space.too_little(percent).unwrap_or_default();
        assert_eq!(words(space(50 << 20, 1000 << 20, 900, 1000), 5), "");
        assert!(words(space(49 << 20, 1000 << 20, 900, 1000), 5).contains("49 of 1000 MiB"));
        assert_eq!(words(space(49 << 20, 1000 << 20, 900, 1000), 0), "");
        // A gibibyte is enough, however large the disk.
        assert_eq!(words(space(1 << 30, 1 << 42, 1000, 1 << 20), 5), "");
        assert!(words(space((1 << 30) - 1, 1 << 42, 1000, 1 << 20), 5).contains("MiB"));
        assert!(words(space(1 << 30, 1 << 32, 999, 1 << 20), 5).contains("999 of 1048576 inodes"));
        assert!(words(space(1 << 30, 1 << 32, 4, 100), 5).contains("4 of 100 inodes"));
        let unknown = Space { free_inodes: None, ..space(1 << 30, 1 << 32, 0, 100) };
        assert_eq!(unknown.too_little(5), None);
    }
}
