//! Faults on the link itself: what the core reads.

#![expect(clippy::disallowed_methods, reason = "what goes wrong here may block its own thread")]

use std::io::{ErrorKind, Write as _};
use std::time::{Duration, Instant};

use super::Hand;
use crate::link::{MAX_FRAME_BYTES, VendorFrame};

/// Frames a second of a flood.
const RATE: u32 = 10_000;
/// How long a flood lasts where nothing stops it.
const LONGEST: Duration = Duration::from_secs(8);
/// Time for the session to come to rest, so that no frame of its own is cut in two.
const REST: Duration = Duration::from_millis(20);

/// A length that is true, and bytes that are no frame.
pub fn malformed(hand: &Hand) {
    still(hand);
    let _ = write(hand, b"\0\0\0\x0f{\"frame\":\"\xff\xfe!}}");
}

/// A length beyond the bound, and the bytes that it promises.
pub fn oversized(hand: &Hand) {
    still(hand);
    let length = u32::try_from(MAX_FRAME_BYTES + 1).unwrap_or(u32::MAX);
    let _ = write(hand, &length.to_be_bytes());
    let piece = vec![b' '; 64 << 10];
    let mut left = MAX_FRAME_BYTES + 1;
    while left > 0 {
        let next = piece.get(..left.min(piece.len())).unwrap_or(&piece);
        if write(hand, next).is_err() {
            return;
        }
        left -= next.len();
    }
}

/// Heartbeats: sound, in order, and for which no credit is needed.
pub fn flood(hand: &Hand) {
    still(hand);
    let begun = Instant::now();
    // Beyond every turn of its loop until now.
    let mut handled: u64 = 1 << 40;
    let mut sent = 0.0;
    while begun.elapsed() < LONGEST {
        let mut due = Vec::new();
        while sent < begun.elapsed().as_secs_f64() * f64::from(RATE) {
            handled += 1;
            sent += 1.0;
            let beat = VendorFrame::Heartbeat { handled, waiting: 0, unacknowledged: 0 };
            let Ok(beat) = serde_json::to_vec(&beat) else {
                return;
            };
            due.extend(u32::try_from(beat.len()).unwrap_or(0).to_be_bytes());
            due.extend(beat);
        }
        if write(hand, &due).is_err() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The session's loop says nothing any more while this fault lasts.
fn still(hand: &Hand) {
    drop(hand.session.spawn(async {
        std::thread::sleep(LONGEST + REST);
    }));
    std::thread::sleep(REST);
}

/// Whole, though the link does not block.
fn write(hand: &Hand, mut bytes: &[u8]) -> std::io::Result<()> {
    let begun = Instant::now();
    while !bytes.is_empty() {
        match (&hand.link).write(bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::WouldBlock && begun.elapsed() < LONGEST => {
                std::thread::sleep(Duration::from_micros(200));
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
