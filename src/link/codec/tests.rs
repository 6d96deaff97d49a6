use proptest::prelude::*;

use super::*;
use crate::link::{CoreFrame, VendorFrame};

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

#[test]
fn deep_json_and_numbers_beyond_reach_are_no_frames_whatever_their_depth() {
    let command = "{\"frame\":\"command\",\"id\":";
    let told = "{\"frame\":\"signal\",\"observations\":";
    for text in [
        "[".repeat(500_000),
        "{\"a\":".repeat(200_000),
        format!("{told}{}", "[".repeat(100_000)),
        format!("{command}{}", "{\"id\":".repeat(100_000)),
        format!("{{\"frame\":\"heartbeat\",\"turns\":{}}}", "9".repeat(100_000)),
        "{\"frame\":\"heartbeat\",\"turns\":1e400,\"unacknowledged\":0}".to_owned(),
        "{\"frame\":\"heartbeat\",\"turns\":-1,\"unacknowledged\":0}".to_owned(),
    ] {
        let mut codec = FrameCodec::<VendorFrame>::default();
        let mut wire = BytesMut::new();
        wire.put_u32(u32::try_from(text.len()).unwrap());
        wire.put_slice(text.as_bytes());
        assert!(matches!(codec.decode(&mut wire), Err(FrameError::Malformed(_))), "{text:.60}");
        assert_eq!(codec.length(), text.len());
    }
}

#[test]
fn a_frame_of_too_many_values_is_refused_before_it_is_read() {
    let zeros = vec!["0"; MAX_COMMAS + 2].join(",");
    let text = format!("{{\"frame\":\"signal\",\"x\":[{zeros}]}}");
    let mut wire = BytesMut::new();
    wire.put_u32(u32::try_from(text.len()).unwrap());
    wire.put_slice(text.as_bytes());
    let mut codec = FrameCodec::<VendorFrame>::default();
    assert!(matches!(codec.decode(&mut wire), Err(FrameError::TooManyValues)));
}

/// Feeds `parts` one by one; how many frames came, and whether it ended in an error.
fn feed(parts: &[&[u8]]) -> (Vec<VendorFrame>, bool) {
    let mut codec = FrameCodec::<VendorFrame>::default();
    let mut buffer = BytesMut::new();
    let mut frames = Vec::new();
    for part in parts {
        buffer.extend_from_slice(part);
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(_) => return (frames, true),
            }
        }
        // What waits is one unfinished frame, never more.
        assert!(buffer.len() <= MAX_FRAME_BYTES + 4);
    }
    (frames, false)
}

fn heartbeat() -> impl Strategy<Value = Vec<u8>> {
    any::<u64>().prop_map(|turns| {
        let mut wire = BytesMut::new();
        let frame = VendorFrame::Heartbeat { handled: turns, waiting: 0, unacknowledged: 0 };
        Encoder::<&VendorFrame>::encode(&mut FrameCodec::<CoreFrame>::default(), &frame, &mut wire)
            .unwrap();
        wire.to_vec()
    })
}

fn some_bytes() -> impl Strategy<Value = Vec<u8>> {
    let framed = proptest::collection::vec(any::<u8>(), 0..64).prop_map(|bytes| {
        let mut wire = u32::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
        wire.extend(bytes);
        wire
    });
    prop_oneof![4 => heartbeat(), 1 => framed, 1 => proptest::collection::vec(any::<u8>(), 0..64)]
}

proptest! {
    #[test]
    fn any_bytes_come_to_the_same_however_they_are_split(
        pieces in proptest::collection::vec(some_bytes(), 0..8),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..8),
    ) {
        let wire = pieces.concat();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(wire.len() + 1)).collect();
        cuts.extend([0, wire.len()]);
        cuts.sort_unstable();
        let parts: Vec<&[u8]> = cuts.windows(2).map(|pair| &wire[pair[0]..pair[1]]).collect();
        prop_assert_eq!(feed(&parts), feed(&[&wire]));
    }

    #[test]
    fn a_length_alone_reserves_no_more_than_a_frame(length in any::<u32>()) {
        let mut codec = FrameCodec::<VendorFrame>::default();
        let mut buffer = BytesMut::from(&length.to_be_bytes()[..]);
        match codec.decode(&mut buffer) {
            Ok(frame) => prop_assert_eq!(frame, None),
            Err(_) => prop_assert!(length == 0 || length as usize > MAX_FRAME_BYTES),
        }
        prop_assert!(buffer.capacity() <= MAX_FRAME_BYTES + 64);
    }
}
