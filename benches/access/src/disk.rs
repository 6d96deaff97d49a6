//! The limit: bytes written into a file that is there already, each followed by `fdatasync`.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

/// The file's size: it is written around, so that it never grows.
const SIZE: u64 = 16 << 20;
/// What is written at once: about what the journal's commit of one request is.
const WRITTEN: [u8; 3 << 10] = [0x5a; 3 << 10];

/// The file that is written.
pub struct Disk {
    file: File,
    offset: u64,
}

impl Disk {
    /// Makes a file full of zeros.
    pub fn new(path: &Path) -> Result<Self> {
        let mut file = File::options().create(true).truncate(true).write(true).open(path)?;
        let zeros = vec![0; 1 << 20];
        for _ in 0..SIZE >> 20 {
            file.write_all(&zeros)?;
        }
        file.sync_all()?;
        Ok(Self { file, offset: 0 })
    }

    /// Writes once, and waits until it is durable.
    pub fn sync(&mut self) -> Result<Duration> {
        let begun = Instant::now();
        self.file.write_all_at(&WRITTEN, self.offset)?;
        self.file.sync_data()?;
        self.offset = (self.offset + WRITTEN.len() as u64) % (SIZE - WRITTEN.len() as u64);
        Ok(begun.elapsed())
    }
}
