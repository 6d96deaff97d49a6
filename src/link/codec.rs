//! Frames on the socket: a 4-byte big-endian length, then one JSON object.

use std::marker::PhantomData;

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Serialize, de::DeserializeOwned};
use tokio_util::codec::{Decoder, Encoder, LengthDelimitedCodec};

/// Longest frame either side sends or takes. An inventory of 4,096 devices fits.
pub const MAX_FRAME_BYTES: usize = 2 * 1024 * 1024;

/// A frame that cannot be carried or read. The link is of no use after one.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    #[error("link: {0}")]
    Io(#[from] std::io::Error),
    #[error("link: not a frame of this protocol: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// Codec that reads frames of type `In`.
pub struct FrameCodec<In> {
    length: LengthDelimitedCodec,
    read: PhantomData<fn() -> In>,
}

impl<In> Default for FrameCodec<In> {
    fn default() -> Self {
        Self {
            length: LengthDelimitedCodec::builder().max_frame_length(MAX_FRAME_BYTES).new_codec(),
            read: PhantomData,
        }
    }
}

impl<In: DeserializeOwned> Decoder for FrameCodec<In> {
    type Item = In;
    type Error = FrameError;

    fn decode(&mut self, source: &mut BytesMut) -> Result<Option<In>, FrameError> {
        match self.length.decode(source)? {
            Some(frame) => Ok(Some(serde_json::from_slice(&frame)?)),
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
mod tests {
    use super::*;
    use crate::link::CoreFrame;

    #[test]
    fn a_frame_survives_being_split_anywhere() {
        let mut codec = FrameCodec::<CoreFrame>::default();
        let mut wire = BytesMut::new();
        let sent = CoreFrame::Ack { through: 7 };
        Encoder::<&CoreFrame>::encode(&mut codec, &sent, &mut wire).unwrap();
        for cut in 0..wire.len() {
            let mut codec = FrameCodec::<CoreFrame>::default();
            let mut part = BytesMut::from(&wire[..cut]);
            assert_eq!(codec.decode(&mut part).unwrap(), None);
            part.extend_from_slice(&wire[cut..]);
            assert_eq!(codec.decode(&mut part).unwrap(), Some(sent.clone()));
        }
    }

    #[test]
    fn an_oversized_length_is_refused_before_it_is_read() {
        let mut codec = FrameCodec::<CoreFrame>::default();
        let mut wire = BytesMut::from(&u32::MAX.to_be_bytes()[..]);
        assert!(matches!(codec.decode(&mut wire), Err(FrameError::Io(_))));
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for bytes in [&b"{}"[..], b"\xff\xfe", b"{\"frame\":\"open_the_door\"}", b"[]"] {
            let mut codec = FrameCodec::<CoreFrame>::default();
            let mut wire = BytesMut::new();
            wire.put_u32(u32::try_from(bytes.len()).unwrap());
            wire.put_slice(bytes);
            assert!(matches!(codec.decode(&mut wire), Err(FrameError::Malformed(_))));
        }
    }
}
