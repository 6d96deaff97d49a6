//! What a vendor's process writes to its log: taken over by the core line by line, so that a process
//! gone wild fills no disk, holds nobody up and speaks under no name but its own.

use std::io::Write;
use std::sync::OnceLock;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;

use crate::domain::ids::VendorId;

/// Longest line, in bytes; the rest of a longer one is dropped.
const MAX_LINE: usize = 1024;
/// Lines that may come at once, and how many a second after that: at most some 10 KiB a second of a
/// vendor's log are kept.
const BURST: u32 = 500;
const LINES_PER_SECOND: f64 = 10.0;
/// How often it is told that lines were dropped.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// Bytes read at a time.
const PORTION: usize = 4096;
/// Waited after each portion that was too much: a process that writes on and on waits for its own
/// log, and the core reads at most some 200 KiB a second of it.
const PAUSE: Duration = Duration::from_millis(20);
/// Lines of all vendors on their way to the core's standard error. Where that takes none, further
/// ones are dropped: the core does not wait for it.
const QUEUE: usize = 256;

/// Follows the log of one process to its end.
pub(super) async fn follow(vendor: VendorId, mut log: impl AsyncRead + Unpin) {
    let mut sifter = Sifter::new(Instant::now());
    let mut bytes = [0; PORTION];
    loop {
        let read = match log.read(&mut bytes).await {
            Ok(0) | Err(_) => break,
            Ok(count) => bytes.get(..count).unwrap_or_default(),
        };
        let now = Instant::now();
        let too_much = sifter.read(read, now, |line| hand_over(&vendor, line));
        if let Some(lines) = sifter.take_dropped(now) {
            tell_dropped(&vendor, lines);
        }
        if too_much {
            tokio::time::sleep(PAUSE).await;
        }
    }
    sifter.end(Instant::now(), |line| hand_over(&vendor, line));
    if sifter.dropped > 0 {
        tell_dropped(&vendor, sifter.dropped);
    }
}

fn tell_dropped(vendor: &VendorId, lines: u64) {
    tracing::warn!(%vendor, lines, "lines of its log were dropped, since it writes too much");
}

/// Whether the line is on its way.
fn hand_over(vendor: &VendorId, line: &[u8]) -> bool {
    static WRITER: OnceLock<Option<SyncSender<Vec<u8>>>> = OnceLock::new();
    let writer = WRITER.get_or_init(|| {
        let (sender, lines) = sync_channel::<Vec<u8>>(QUEUE);
        let write = move || {
            while let Ok(line) = lines.recv() {
                // Whoever reads our log no more is told nothing.
                let _ = std::io::stderr().write_all(&line);
            }
        };
        std::thread::Builder::new().name("log".to_owned()).spawn(write).ok().map(|_| sender)
    });
    let text = as_text(vendor, line);
    writer.as_ref().is_some_and(|writer| writer.try_send(text).is_ok())
}

/// The line as the core's log has it: with the vendor's name, and nothing that moves a terminal.
fn as_text(vendor: &VendorId, line: &[u8]) -> Vec<u8> {
    let line = String::from_utf8_lossy(line);
    let visible: String =
        line.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect();
    format!("{vendor}| {visible}\n").into_bytes()
}

/// Bytes → lines, bounded in length and number.
struct Sifter {
    line: Vec<u8>,
    tokens: f64,
    filled: Instant,
    /// Lines dropped and not told yet.
    dropped: u64,
    told: Option<Instant>,
}

impl Sifter {
    fn new(now: Instant) -> Self {
        let tokens = f64::from(BURST);
        Self { line: Vec::new(), tokens, filled: now, dropped: 0, told: None }
    }

    /// Whether something of it was dropped.
    fn read(&mut self, bytes: &[u8], now: Instant, mut take: impl FnMut(&[u8]) -> bool) -> bool {
        let before = self.dropped;
        let mut cut = false;
        for byte in bytes {
            if *byte == b'\n' {
                self.line_ended(now, &mut take);
            } else if self.line.len() < MAX_LINE {
                self.line.push(*byte);
            } else {
                cut = true;
            }
        }
        cut || self.dropped > before
    }

    /// The process has ended; so does its last line.
    fn end(&mut self, now: Instant, mut take: impl FnMut(&[u8]) -> bool) {
        if !self.line.is_empty() {
            self.line_ended(now, &mut take);
        }
    }

    fn line_ended(&mut self, now: Instant, take: &mut impl FnMut(&[u8]) -> bool) {
        let since = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = now;
        self.tokens = (self.tokens + since * LINES_PER_SECOND).min(f64::from(BURST));
        let line = std::mem::take(&mut self.line);
        if self.tokens >= 1.0 && take(&line) {
            self.tokens -= 1.0;
        } else {
            self.dropped += 1;
        }
        self.line = line;
        self.line.clear();
    }

    /// How many lines were dropped, when it is time to say so.
    fn take_dropped(&mut self, now: Instant) -> Option<u64> {
        let due = self.told.is_none_or(|told| now.saturating_duration_since(told) >= TELL_EVERY);
        if self.dropped == 0 || !due {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.dropped))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    fn sifted(sifter: &mut Sifter, bytes: &[u8], now: Instant) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        sifter.read(bytes, now, |line| {
            lines.push(line.to_vec());
            true
        });
        lines
    }

    #[test]
    fn lines_are_put_together_and_cut_at_their_bound() {
        let now = Instant::now();
        let mut sifter = Sifter::new(now);
        assert!(sifted(&mut sifter, b"one li", now).is_empty());
        assert_eq!(sifted(&mut sifter, b"ne\n\ntwo\n", now), [&b"one line"[..], b"", b"two"]);
        let long = vec![b'x'; 5 * MAX_LINE];
        assert!(sifted(&mut sifter, &long, now).is_empty());
        assert_eq!(sifter.line.len(), MAX_LINE, "nothing beyond it is kept");
        assert_eq!(sifted(&mut sifter, b"y\nz\n", now), [&long[..MAX_LINE], b"z"]);
        let mut last = Vec::new();
        sifter.read(b"the last words", now, |_| false);
        sifter.end(now, |line| {
            last.push(line.to_vec());
            true
        });
        assert_eq!(last, [b"the last words"]);
        assert_eq!(sifter.dropped, 0);
    }

    #[test]
    fn a_burst_passes_and_then_so_many_a_second_and_the_rest_is_counted() {
        let now = Instant::now();
        let mut sifter = Sifter::new(now);
        let burst = usize::try_from(BURST).unwrap();
        assert_eq!(sifted(&mut sifter, &b"a\n".repeat(burst + 30), now).len(), burst);
        assert_eq!(sifter.take_dropped(now), Some(30));
        let later = now + Duration::from_secs(1);
        assert_eq!(sifted(&mut sifter, &b"a\n".repeat(15), later).len(), 10);
        assert_eq!((sifter.dropped, sifter.take_dropped(later)), (5, None), "not that often");
        assert_eq!(sifter.take_dropped(now + TELL_EVERY), Some(5));
        let much_later = now + Duration::from_secs(3600);
        assert_eq!(sifted(&mut sifter, &b"a\n".repeat(burst + 1), much_later).len(), burst);
    }

    #[test]
    fn what_nobody_takes_is_counted_as_dropped() {
        let now = Instant::now();
        let mut sifter = Sifter::new(now);
        sifter.read(b"a\nb\n", now, |_| false);
        assert_eq!(sifter.dropped, 2);
    }

    #[test]
    fn a_line_bears_its_vendors_name_and_moves_no_terminal() {
        let text = as_text(&VendorId::new("zwave"), b"\x1b[2J INFO core: all is well\r\xff");
        let expected = "zwave| \u{fffd}[2J INFO core: all is well\u{fffd}\u{fffd}\n";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    /// The process's end of the pipe never waits long, and the core's task ends with it.
    #[tokio::test(start_paused = true)]
    async fn a_process_that_writes_on_and_on_is_read_slowly_to_its_end() {
        let (ours, mut its) = tokio::io::duplex(PORTION);
        let following = tokio::spawn(follow(VendorId::new("flooder"), ours));
        let begun = Instant::now();
        let portions = 200;
        for portion in 0..portions {
            // Many lines, then one that has no end.
            let byte = if portion < portions / 2 { b'\n' } else { b'x' };
            tokio::io::AsyncWriteExt::write_all(&mut its, &[byte; PORTION]).await.unwrap();
        }
        drop(its);
        following.await.unwrap();
        assert!(begun.elapsed() >= PAUSE * (portions - 4), "{:?}", begun.elapsed());
    }
}
