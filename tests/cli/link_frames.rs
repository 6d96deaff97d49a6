//! What must hold for whatever comes over the link. Shared with the fuzz target.
//!
//! An input's first byte says which side reads (even: the core, what a vendor process wrote; odd:
//! a vendor process), and in pieces of how many bytes the rest comes off the socket.

use bytes::BytesMut;
use doorward::link::{CoreFrame, FrameCodec, MAX_FRAME_BYTES, Order, VendorFrame};
use tokio_util::codec::{Decoder, Encoder};

/// How many frames an input holds, and how many of them are within their bounds.
pub fn hold_for_input(input: &[u8]) -> (usize, usize) {
    let Some((how, bytes)) = input.split_first() else { return (0, 0) };
    let piece = usize::from(how >> 1).max(1);
    let mut admitted = 0;
    let mut order = Order::default();
    let frames = if how & 1 == 0 {
        read::<VendorFrame>(bytes, piece, |frame| {
            admitted += usize::from(order.admit(frame, 0).is_ok());
        })
    } else {
        read::<CoreFrame>(bytes, piece, |_| ())
    };
    (frames, admitted)
}

/// Reads frames to the first that is none; each survives being written and read again.
fn read<F>(bytes: &[u8], piece: usize, mut seen: impl FnMut(&F)) -> usize
where
    F: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let mut codec = FrameCodec::<F>::default();
    let mut buffer = BytesMut::new();
    let mut frames = 0;
    for part in bytes.chunks(piece) {
        buffer.extend_from_slice(part);
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(frame)) => {
                    frames += 1;
                    seen(&frame);
                    let mut wire = BytesMut::new();
                    let written = FrameCodec::<F>::default().encode(&frame, &mut wire);
                    assert!(written.is_ok(), "{frame:?} cannot be written");
                    let again = FrameCodec::<F>::default().decode(&mut wire).ok().flatten();
                    assert_eq!(again, Some(frame));
                    assert!(wire.is_empty());
                }
                Ok(None) => break,
                Err(_) => return frames,
            }
        }
        assert!(buffer.len() <= MAX_FRAME_BYTES + 4);
    }
    frames
}
