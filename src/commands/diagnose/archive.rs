//! A tar archive in memory (ustar, POSIX.1-2001): a few small files.

/// Bytes of a block.
const BLOCK: usize = 512;
/// Longest name in a header.
pub(super) const MAX_NAME: usize = 100;

/// An archive that grows.
#[derive(Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
}

impl Archive {
    /// Adds a file. A name that is too long is cut.
    pub(super) fn add(&mut self, name: &str, text: &[u8], modified: u64) {
        let mut header = [0_u8; BLOCK];
        let mut put = |at: usize, bytes: &[u8]| {
            for (to, from) in header.iter_mut().skip(at).zip(bytes) {
                *to = *from;
            }
        };
        let name = doorward_events::bounded_text(name, MAX_NAME);
        put(0, name.as_bytes().get(..MAX_NAME.min(name.len())).unwrap_or_default());
        put(100, b"0000600\0");
        put(108, b"0000000\0");
        put(116, b"0000000\0");
        put(124, format!("{:011o}\0", text.len()).as_bytes());
        put(136, format!("{modified:011o}\0").as_bytes());
        // The sum is made with spaces in its own place.
        put(148, b"        ");
        put(156, b"0");
        put(257, b"ustar\x0000");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        for (to, from) in header.iter_mut().skip(148).zip(format!("{sum:06o}\0 ").as_bytes()) {
            *to = *from;
        }
        self.bytes.extend_from_slice(&header);
        self.bytes.extend_from_slice(text);
        let rest = text.len() % BLOCK;
        if rest > 0 {
            self.bytes.resize(self.bytes.len() + BLOCK - rest, 0);
        }
    }

    /// The whole of it, with its end.
    pub(super) fn bytes(mut self) -> Vec<u8> {
        self.bytes.resize(self.bytes.len() + 2 * BLOCK, 0);
        self.bytes
    }
}
