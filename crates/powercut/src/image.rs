//! The content of a file in pieces that copies share, so that a copy of a disk costs little.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::path::Path;
use std::sync::Arc;

const PIECE: usize = 4096;
/// How many pieces go to the system in one call; Linux takes 1,024.
const PIECES_AT_ONCE: usize = 1024;
static ZEROS: [u8; PIECE] = [0; PIECE];

#[derive(Clone, Default)]
pub(crate) struct Image {
    len: usize,
    /// `None` is a hole: zeros.
    pieces: Vec<Option<Arc<[u8; PIECE]>>>,
}

impl Image {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut image = Self::default();
        image.write(0, bytes);
        image
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Writes as `pwrite` does: a gap before `offset` reads as zeros.
    pub(crate) fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if end > self.len {
            self.resize(end);
        }
        let mut at = offset;
        let mut rest = bytes;
        while !rest.is_empty() {
            let inside = at % PIECE;
            let (now, later) = rest.split_at(rest.len().min(PIECE - inside));
            let piece = self.pieces[at / PIECE].get_or_insert_with(|| Arc::new(ZEROS));
            Arc::make_mut(piece)[inside..inside + now.len()].copy_from_slice(now);
            at += now.len();
            rest = later;
        }
    }

    /// Sets the length as `ftruncate` does: what is added reads as zeros.
    pub(crate) fn resize(&mut self, len: usize) {
        self.pieces.resize(len.div_ceil(PIECE), None);
        if len < self.len
            && !len.is_multiple_of(PIECE)
            && let Some(Some(last)) = self.pieces.last_mut()
        {
            Arc::make_mut(last)[len % PIECE..].fill(0);
        }
        self.len = len;
    }

    pub(crate) fn store(&self, path: &Path) -> io::Result<()> {
        let mut file = File::create_new(path)?;
        let mut left = self.len;
        for pieces in self.pieces.chunks(PIECES_AT_ONCE) {
            let mut slices: Vec<IoSlice> = Vec::with_capacity(pieces.len());
            for piece in pieces {
                let piece = piece.as_deref().unwrap_or(&ZEROS);
                let now = left.min(PIECE);
                slices.push(IoSlice::new(&piece[..now]));
                left -= now;
            }
            let mut slices = slices.as_mut_slice();
            while !slices.is_empty() {
                let written = file.write_vectored(slices)?;
                if written == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                IoSlice::advance_slices(&mut slices, written);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(image: &Image) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        image.store(&path).unwrap();
        std::fs::read(path).unwrap()
    }

    #[test]
    fn an_image_is_what_a_vector_would_be() {
        fastrand::seed(3);
        let mut image = Image::default();
        let mut plain: Vec<u8> = Vec::new();
        for _ in 0..500 {
            let offset = fastrand::usize(..40_000);
            if fastrand::u8(..10) == 0 {
                image.resize(offset);
                plain.resize(offset, 0);
            } else {
                let bytes = vec![fastrand::u8(..); fastrand::usize(..9_000)];
                if !bytes.is_empty() && plain.len() < offset + bytes.len() {
                    plain.resize(offset + bytes.len(), 0);
                }
                if !bytes.is_empty() {
                    plain[offset..offset + bytes.len()].copy_from_slice(&bytes);
                    image.write(offset, &bytes);
                }
            }
            assert_eq!(image.len(), plain.len());
        }
        assert_eq!(stored(&image), plain);
    }

    #[test]
    fn a_copy_keeps_what_it_was() {
        let mut image = Image::of(&[7; 10_000]);
        let copy = image.clone();
        image.write(5_000, &[9; 10]);
        image.resize(6_000);
        assert_eq!(stored(&copy), vec![7; 10_000]);
    }

    #[test]
    fn more_pieces_than_one_call_takes_are_all_stored() {
        let bytes: Vec<u8> = (0_u32..2_000_000).flat_map(u32::to_le_bytes).collect();
        assert_eq!(stored(&Image::of(&bytes)), bytes);
    }
}
