//! A broken file, page by page: which rows of the hot tables can still be read.
//!
//! SQLite refuses a file as a whole once a page that it needs makes no sense. Rows carry their
//! own checksum over slot and content (`row`), so they can be looked for in every page that looks
//! like a leaf of a table, whatever the tree above it says, and none is believed that is not as it
//! was written. Formats: sqlite.org/fileformat2.html, sections 1.6 (b-tree pages), 2.1 (records),
//! 4 (write-ahead log).

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::place::beside;
use super::row;

/// A page that is a leaf of a table.
const LEAF: u8 = 0x0d;
const WAL_HEADER: u64 = 32;
const FRAME_HEADER: u64 = 24;
/// Pages that one row may chain.
const MAX_CHAIN: usize = 4096;

/// Where the cell of a row begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    pub slot: u64,
    page: u32,
    offset: u16,
}

/// The file and its log.
pub(super) struct Pages {
    file: File,
    log: Option<File>,
    /// The last committed frame of a page, as an offset in the log.
    frames: HashMap<u32, u64>,
    size: usize,
    count: u32,
}

impl Pages {
    /// Opens the file at `path` and its log for reading.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        let mut head = [0; 100];
        let known = file.read_exact_at(&mut head, 0).is_ok();
        let said = usize::from(u16::from_be_bytes([head[16], head[17]]));
        let plausible = known && said.is_power_of_two() && (512..=32_768).contains(&said);
        let size = if plausible { said } else { usize::try_from(super::layout::PAGE).unwrap_or(0) };
        let length = file.metadata()?.len();
        let log = match File::open(beside(path, "-wal")) {
            Ok(log) => Some(log),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let mut pages = Self { file, log, frames: HashMap::new(), size, count: 0 };
        pages.read_log();
        let in_file = u32::try_from(length.div_ceil(size as u64)).unwrap_or(u32::MAX);
        pages.count = pages.frames.keys().max().copied().unwrap_or(0).max(in_file);
        Ok(pages)
    }

    /// Finds the frames up to the last commit that has its checksums.
    fn read_log(&mut self) {
        let Some(log) = &self.log else { return };
        let mut reader = std::io::BufReader::new(log);
        let mut header = [0; 32];
        if reader.read_exact(&mut header).is_err() {
            return;
        }
        let word = |bytes: &[u8], at: usize| -> u32 {
            bytes
                .get(at..at + 4)
                .and_then(|word| word.try_into().ok())
                .map_or(0, u32::from_be_bytes)
        };
        let big_endian = match word(&header, 0) {
            0x377f_0682 => false,
            0x377f_0683 => true,
            _ => return,
        };
        let mut sum = checksum((0, 0), header.get(..24).unwrap_or_default(), big_endian);
        if sum != (word(&header, 24), word(&header, 28)) || word(&header, 8) as usize != self.size {
            return;
        }
        let mut frame = vec![0; 24 + self.size];
        let mut open: Vec<(u32, u64)> = Vec::new();
        let mut offset = WAL_HEADER;
        while reader.read_exact(&mut frame).is_ok() {
            let (head, page) = frame.split_at(24);
            if head.get(8..16) != header.get(16..24) {
                break;
            }
            sum = checksum(sum, head.get(..8).unwrap_or_default(), big_endian);
            sum = checksum(sum, page, big_endian);
            if sum != (word(head, 16), word(head, 20)) {
                break;
            }
            open.push((word(head, 0), offset));
            if word(head, 4) > 0 {
                self.frames.extend(open.drain(..));
            }
            offset += frame.len() as u64;
        }
    }

    fn page(&self, number: u32) -> Option<Vec<u8>> {
        let mut page = vec![0; self.size];
        let (file, offset) = match (self.frames.get(&number), &self.log) {
            (Some(frame), Some(log)) => (log, frame + FRAME_HEADER),
            _ => (&self.file, u64::from(number.checked_sub(1)?) * self.size as u64),
        };
        file.read_exact_at(&mut page, offset).ok()?;
        Some(page)
    }

    /// Every whole row, in the order of the slots. A slot that stands twice is named once.
    pub fn rows(&self) -> Vec<Spot> {
        let mut spots = Vec::new();
        for number in 1..=self.count {
            let Some(page) = self.page(number) else { continue };
            let start = if number == 1 { 100 } else { 0 };
            if page.get(start) != Some(&LEAF) {
                continue;
            }
            let cells = short(&page, start + 3).unwrap_or(0);
            for cell in 0..usize::from(cells) {
                let Some(offset) = short(&page, start + 8 + 2 * cell) else { break };
                let Some((slot, body)) = self.body(&page, usize::from(offset)) else { continue };
                if row::check(slot, &body).is_ok() {
                    spots.push(Spot { slot, page: number, offset });
                }
            }
        }
        spots.sort_unstable_by_key(|spot| spot.slot);
        spots.dedup_by_key(|spot| spot.slot);
        spots
    }

    /// Reads a row that [`Pages::rows`] named.
    pub fn read(&self, spot: Spot) -> Option<row::Content> {
        let page = self.page(spot.page)?;
        let (slot, body) = self.body(&page, usize::from(spot.offset))?;
        row::decode(slot, &body).ok()
    }

    /// Slot and body of a cell, if it is shaped as a row of a hot table.
    fn body(&self, page: &[u8], offset: usize) -> Option<(u64, Vec<u8>)> {
        let mut rest = page.get(offset..)?;
        let length = usize::try_from(varint(&mut rest)?).ok()?;
        let slot = varint(&mut rest)?;
        if length > row::MAX_CONTENT {
            return None;
        }
        let payload = self.payload(rest, length)?;
        let mut header = payload.as_slice();
        let header_length = usize::try_from(varint(&mut header)?).ok()?;
        let mut types = payload.get(payload.len() - header.len()..header_length)?;
        let mut at = header_length;
        for column in 0..6 {
            let kind = varint(&mut types)?;
            let bytes = match kind {
                0 | 8 | 9 => 0,
                1..=4 => usize::try_from(kind).ok()?,
                5 => 6,
                6 | 7 => 8,
                12.. => usize::try_from((kind - 12) / 2).ok()?,
                _ => return None,
            };
            if column == 5 {
                let is_blob = kind >= 12 && kind % 2 == 0;
                return is_blob
                    .then(|| payload.get(at..at + bytes).map(<[u8]>::to_vec))?
                    .map(|body| (slot, body));
            }
            at += bytes;
        }
        None
    }

    /// A record, followed into its overflow pages.
    fn payload(&self, rest: &[u8], length: usize) -> Option<Vec<u8>> {
        let usable = self.size;
        let most = usable - 35;
        if length <= most {
            return rest.get(..length).map(<[u8]>::to_vec);
        }
        let least = (usable - 12) * 32 / 255 - 23;
        let local = least + (length - least) % (usable - 4);
        let local = if local <= most { local } else { least };
        let mut payload = rest.get(..local)?.to_vec();
        let mut next = u32::from_be_bytes(rest.get(local..local + 4)?.try_into().ok()?);
        for _ in 0..MAX_CHAIN {
            if payload.len() >= length || next == 0 {
                break;
            }
            let page = self.page(next)?;
            next = u32::from_be_bytes(page.get(..4)?.try_into().ok()?);
            let wanted = (length - payload.len()).min(usable - 4);
            payload.extend(page.get(4..4 + wanted)?);
        }
        (payload.len() == length).then_some(payload)
    }
}

fn short(page: &[u8], at: usize) -> Option<u16> {
    page.get(at..at + 2)?.try_into().ok().map(u16::from_be_bytes)
}

/// SQLite's variable-length integer: up to nine bytes, the highest bits first.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for number in 0..9 {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        if number == 8 {
            return Some((value << 8) | u64::from(*byte));
        }
        value = (value << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The log's running checksum over `bytes`, whose length is a multiple of eight.
fn checksum(mut sum: (u32, u32), bytes: &[u8], big_endian: bool) -> (u32, u32) {
    for pair in bytes.chunks_exact(8) {
        let word = |bytes: &[u8]| {
            let bytes: [u8; 4] = bytes.try_into().unwrap_or_default();
            if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
        };
        let (first, second) = pair.split_at(4);
        sum.0 = sum.0.wrapping_add(word(first)).wrapping_add(sum.1);
        sum.1 = sum.1.wrapping_add(word(second)).wrapping_add(sum.0);
    }
    sum
}
