//! Frames on the socket: a 4-byte big-endian length, then one JSON object.

use std::marker::PhantomData;

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Serialize, de::DeserializeOwned};
use tokio_util::codec::{Decoder, Encoder, LengthDelimitedCodec};

/// Longest frame either side sends or takes. An inventory of 4,096 devices fits.
pub const MAX_FRAME_BYTES: usize = 2 * 1024 * 1024;

/// Most commas in a frame. Values take many times their text's length when they are read, and
/// between any two stands a comma: this keeps a frame of nothing but `0,0,0` from becoming 64 MiB.
/// The inventory of 4,096 devices has some 50,000.
pub const MAX_COMMAS: usize = 96 * 1024;

/// A frame that cannot be carried or read. The link is of no use after one.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    #[error("link: {0}")]
    Io(#[from] std::io::Error),
    #[error("link: not a frame of this protocol: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("link: a frame of more than {MAX_COMMAS} values")]
    TooManyValues,
}

/// Codec that reads frames of type `In`.
pub struct FrameCodec<In> {
    length: LengthDelimitedCodec,
    last: usize,
    read: PhantomData<fn() -> In>,
}

impl<In> Default for FrameCodec<In> {
    fn default() -> Self {
        Self {
            length: LengthDelimitedCodec::builder().max_frame_length(MAX_FRAME_BYTES).new_codec(),
            last: 0,
            read: PhantomData,
        }
    }
}

impl<In> FrameCodec<In> {
    /// Length of the frame that was read last, in bytes.
    pub fn length(&self) -> usize {
        self.last
    }
}

impl<In: DeserializeOwned> Decoder for FrameCodec<In> {
    type Item = In;
    type Error = FrameError;

    fn decode(&mut self, source: &mut BytesMut) -> Result<Option<In>, FrameError> {
        match self.length.decode(source)? {
            Some(frame) => {
                self.last = frame.len();
                // A short one cannot have so many.
                let values = || frame.as_ref().split(|byte: &u8| *byte == b',').count();
                if frame.len() > MAX_COMMAS && values() > MAX_COMMAS {
                    return Err(FrameError::TooManyValues);
                }
                Ok(Some(serde_json::from_slice(&frame)?))
            }
            None => Ok(None),
        }
    }
}

impl<In, Out: Serialize> Encoder<&Out> for FrameCodec<In> {
    type Error = FrameError;

    fn encode(&mut self, frame: &Out, target: &mut BytesMut) -> Result<(), FrameError> {
        let mut json = BytesMut::with_capacity(512).writer();
        serde_json::to_writer(&mut json, frame)?;
        let json: Bytes = json.into_inner().freeze();
        Ok(self.length.encode(json, target)?)
    }
}

#[cfg(test)]
mod tests;
