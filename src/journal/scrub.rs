//! Overwriting what deleted rows left behind in the file.
//!
//! `secure_delete` zeroes a cell where it lies when it is deleted. It does not reach the copies
//! that stay in the unallocated middle of a page when SQLite moves rows between neighbours, nor
//! pages that were freed before it was set. Format: sqlite.org/fileformat2.html, section 1.6.

use rusqlite::{OptionalExtension, params};

use super::Journal;

/// Free pages overwritten in one step.
const FREE_AT_ONCE: u64 = 256;
/// Used pages looked at in one step.
const USED_AT_ONCE: u32 = 512;
/// The file's own header, before the first page's.
const FILE_HEADER: usize = 100;
/// The kinds of pages of a tree, with the length of their headers; any other first byte is the
/// high byte of a page's number (overflow, free list), which no file of a journal's size reaches.
const KINDS: [(u8, usize); 4] = [(0x02, 12), (0x05, 12), (0x0a, 8), (0x0d, 8)];

impl Journal {
    /// Overwrites some free pages: they are taken for a table of zeros, whose deletion frees them
    /// again. False: all were overwritten, or there are none.
    pub(super) fn scrub_free_pages(&mut self) -> rusqlite::Result<bool> {
        let free: u64 =
            self.db.prepare_cached("PRAGMA freelist_count")?.query_row([], |row| row.get(0))?;
        let began: bool = self
            .db
            .query_row("SELECT 1 FROM sqlite_schema WHERE name = 'scrub'", [], |_| Ok(true))
            .optional()?
            .unwrap_or(false);
        if !began {
            if free == 0 {
                return Ok(false);
            }
            self.db.execute_batch("CREATE TABLE scrub (zeros BLOB)")?;
        }
        let pages = free.min(FREE_AT_ONCE);
        if pages > 0 {
            // One row a page, each on pages of its own: nothing but its overflow fits there.
            let page: u64 =
                self.db.prepare_cached("PRAGMA page_size")?.query_row([], |row| row.get(0))?;
            let bytes = page - 100;
            let transaction = self.db.unchecked_transaction()?;
            for _ in 0..pages {
                transaction
                    .prepare_cached("INSERT INTO scrub VALUES (zeroblob(?1))")?
                    .execute([bytes])?;
            }
            transaction.commit()?;
            if free > FREE_AT_ONCE {
                return Ok(true);
            }
        }
        self.db.execute_batch("DROP TABLE scrub")?;
        Ok(false)
    }

    /// Zeroes what holds nothing in the next used pages after `after`. `None`: there are no more;
    /// else the last page looked at.
    ///
    /// # Errors
    /// Those of SQLite, also when it was built without `sqlite_dbpage` (`.cargo/config.toml`).
    pub(super) fn scrub_used_pages(&mut self, after: u32) -> rusqlite::Result<Option<u32>> {
        let count: u32 =
            self.db.prepare_cached("PRAGMA page_count")?.query_row([], |row| row.get(0))?;
        let last = count.min(after.saturating_add(USED_AT_ONCE));
        let transaction = self.db.unchecked_transaction()?;
        for number in after + 1..=last {
            let page: Option<Vec<u8>> = transaction
                .prepare_cached("SELECT data FROM sqlite_dbpage WHERE pgno = ?1")?
                .query_row([number], |row| row.get(0))
                .optional()?;
            let Some(mut page) = page else { continue };
            if clean(&mut page, if number == 1 { FILE_HEADER } else { 0 }) {
                transaction
                    .prepare_cached("UPDATE sqlite_dbpage SET data = ?2 WHERE pgno = ?1")?
                    .execute(params![number, page])?;
            }
        }
        transaction.commit()?;
        Ok((last < count).then_some(last))
    }
}

/// Zeroes the gap between a page's cell pointers and its cells, and its free blocks. True: there
/// was something in them. A page that makes no sense is left as it is.
fn clean(page: &mut [u8], header: usize) -> bool {
    let Some(length) = page
        .get(header)
        .and_then(|kind| KINDS.iter().find(|(known, _)| known == kind))
        .map(|(_, length)| *length)
    else {
        return false;
    };
    let word = |page: &[u8], at: usize| -> Option<usize> {
        Some(usize::from(u16::from_be_bytes(page.get(at..at + 2)?.try_into().ok()?)))
    };
    let zero = |page: &mut [u8], from: usize, to: usize| -> bool {
        let Some(part) = page.get_mut(from..to) else { return false };
        let some = part.iter().any(|byte| *byte != 0);
        part.fill(0);
        some
    };
    let (Some(mut block), Some(cells), Some(content)) =
        (word(page, header + 1), word(page, header + 3), word(page, header + 5))
    else {
        return false;
    };
    let content = if content == 0 { 1 << 16 } else { content };
    let mut changed = zero(page, header + length + 2 * cells, content);
    while block > 0 {
        let (Some(next), Some(size)) = (word(page, block), word(page, block + 2)) else { break };
        changed |= zero(page, block + 4, block + size);
        if next <= block {
            break;
        }
        block = next;
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A leaf with one cell of 4 bytes at the end, a free block of 8 before it, and rests in all
    /// that holds nothing.
    fn leaf(header: usize) -> Vec<u8> {
        let mut page = vec![0xaa; 512];
        let (cell, block) = (508u16, 500u16);
        page[header] = 0x0d;
        page[header + 1..header + 3].copy_from_slice(&block.to_be_bytes());
        page[header + 3..header + 5].copy_from_slice(&1u16.to_be_bytes());
        page[header + 5..header + 7].copy_from_slice(&block.to_be_bytes());
        page[header + 8..header + 10].copy_from_slice(&cell.to_be_bytes());
        page[500..504].copy_from_slice(&[0, 0, 0, 8]);
        page
    }

    #[test]
    fn only_what_holds_nothing_is_zeroed() {
        for header in [0, FILE_HEADER] {
            let (mut page, before) = (leaf(header), leaf(header));
            assert!(clean(&mut page, header));
            assert_eq!(page[..header + 10], before[..header + 10]);
            assert!(page[header + 10..500].iter().all(|byte| *byte == 0));
            assert_eq!(page[500..508], [0, 0, 0, 8, 0, 0, 0, 0]);
            assert_eq!(page[508..], before[508..]);
            assert!(!clean(&mut page, header), "it is clean now");
        }
    }

    #[test]
    fn what_is_no_page_of_a_tree_stays_as_it_is() {
        let mut overflow = vec![0x77; 512];
        overflow[..4].copy_from_slice(&9u32.to_be_bytes());
        let before = overflow.clone();
        assert!(!clean(&mut overflow, 0));
        assert_eq!(overflow, before);
    }

    proptest::proptest! {
        #[test]
        fn no_page_panics(mut page in proptest::collection::vec(proptest::num::u8::ANY, 0..600)) {
            clean(&mut page, 0);
            clean(&mut page, FILE_HEADER);
        }
    }
}
