//! Gives back what only the beginning of a process needed of its own program: the pages of code and
//! constants that its start, its configuration and its first handshake touched. The kernel maps them
//! again, one fault a stretch, when they are needed; until then they are nobody's.

use std::fs;

/// Where the program lies in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramText {
    /// First address and length.
    stretches: Vec<(usize, usize)>,
}

impl ProgramText {
    /// Looks it up, before the process may no longer read `/proc`; `None` where it cannot be told.
    pub fn find() -> Option<Self> {
        let maps = fs::read_to_string("/proc/self/maps").ok()?;
        Self::among(&maps, Self::find as fn() -> Option<Self> as usize)
    }

    /// Of the mappings (`proc_pid_maps(5)`) those of the program that holds the function at `inside`:
    /// its code, and the constants before it. Never what the loader has relocated, whose pages are
    /// the process's own.
    fn among(maps: &str, inside: usize) -> Option<Self> {
        let rows: Vec<Row<'_>> = maps.lines().filter_map(Row::of).collect();
        let program = rows.iter().find(|row| (row.first..row.end).contains(&inside))?;
        let stretches: Vec<(usize, usize)> = rows
            .iter()
            .filter(|row| row.file == program.file)
            .filter(|row| row.kind == "r-xp" || (row.kind == "r--p" && row.from_the_beginning))
            .map(|row| (row.first, row.end.saturating_sub(row.first)))
            .collect();
        (!stretches.is_empty()).then_some(Self { stretches })
    }

    /// Gives it back; how many bytes of addresses that concerns.
    #[expect(unsafe_code, reason = "no library knows that a mapping may be forgotten")]
    pub fn give_back(&self) -> usize {
        let mut given = 0;
        for &(first, length) in &self.stretches {
            let place = std::ptr::with_exposed_provenance_mut(first);
            // SAFETY: a private mapping of a file that nobody writes to, and no page of which was
            // ever written: what is forgotten is read again from that file, unchanged.
            let done = unsafe { libc::madvise(place, length, libc::MADV_DONTNEED) };
            if done == 0 {
                given += length;
            }
        }
        given
    }
}

/// One mapping.
struct Row<'a> {
    first: usize,
    end: usize,
    /// Its permissions, and whether it is private.
    kind: &'a str,
    /// It begins where the file does: headers and constants, before all that is relocated.
    from_the_beginning: bool,
    /// Device and inode.
    file: (&'a str, &'a str),
}

impl<'a> Row<'a> {
    /// One of a file.
    fn of(line: &'a str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (first, end) = words.next()?.split_once('-')?;
        let kind = words.next()?;
        let offset = words.next()?;
        let file = (words.next()?, words.next()?);
        Some(Self {
            first: usize::from_str_radix(first, 16).ok()?,
            end: usize::from_str_radix(end, 16).ok()?,
            kind,
            from_the_beginning: usize::from_str_radix(offset, 16).ok()? == 0,
            file: (file.1 != "0").then_some(file)?,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

    use super::*;

    const MAPS: &str = "\
55550000-55560000 r--p 00000000 fe:00 42 /usr/lib/doorward/doorward-vendor
55560000-55600000 r-xp 00010000 fe:00 42 /usr/lib/doorward/doorward-vendor
55600000-55610000 r--p 000b0000 fe:00 42 /usr/lib/doorward/doorward-vendor
55610000-55611000 rw-p 000c0000 fe:00 42 /usr/lib/doorward/doorward-vendor
55611000-55640000 rw-p 00000000 00:00 0 [heap]
7f000000-7f100000 r-xp 00028000 fe:00 7 /lib/libc.so.6
7f200000-7f201000 r-xp 00000000 00:00 0 [vdso]
";

    #[test]
    fn the_programs_code_and_constants_and_nothing_that_was_written() {
        let text = ProgramText::among(MAPS, 0x5556_1234).unwrap();
        assert_eq!(text.stretches, [(0x5555_0000, 0x1_0000), (0x5556_0000, 0xa_0000)]);
        assert_eq!(ProgramText::among(MAPS, 0x10), None, "not of a file's mapping");
        assert_eq!(ProgramText::among("55550000-5556", 0x5555_0001), None, "cut off");
    }

    #[test]
    fn what_is_given_back_is_there_when_it_is_needed() {
        let resident = |what: &str| -> u64 {
            let rollup = fs::read_to_string("/proc/self/status").unwrap();
            let line = rollup.lines().find(|line| line.starts_with(what)).unwrap();
            line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
        };
        let text = ProgramText::find().unwrap();
        let before = resident("RssFile:");
        assert!(text.give_back() > 1 << 20);
        let after = resident("RssFile:");
        assert!(after < before, "{before} KiB, then {after} KiB");
        assert_eq!(ProgramText::find(), Some(text), "the same code runs on");
    }
}
