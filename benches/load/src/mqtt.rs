//! The MQTT sink: as much of a broker (3.1.1 and 5) as a bridge needs to hand over its messages.

use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http::lock;
use crate::mark;
use crate::tally::Tally;

const CONNECT: u8 = 1;
const PUBLISH: u8 = 3;
const PUBREL: u8 = 6;
const SUBSCRIBE: u8 = 8;
const UNSUBSCRIBE: u8 = 10;
const PINGREQ: u8 = 12;
const DISCONNECT: u8 = 14;

/// Serves one connection until it ends.
pub async fn serve(mut stream: TcpStream, tally: Arc<Mutex<Tally>>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut session = Session { version_5: false, out: Vec::new() };
    let mut buffer = Vec::with_capacity(65_536);
    while stream.read_buf(&mut buffer).await? > 0 {
        let mut done = 0;
        while let Some((kind, packet, length)) = packet(buffer.get(done..).unwrap_or_default()) {
            if kind >> 4 == DISCONNECT {
                return Ok(());
            }
            if let Some(payload) = session.take(kind, packet)? {
                lock(&tally)?.payload(payload, mark::now());
            }
            done += length;
        }
        buffer.drain(..done);
        if !session.out.is_empty() {
            stream.write_all(&session.out).await?;
            session.out.clear();
        }
    }
    Ok(())
}

/// The first whole packet: its first byte, what follows the length, and its length in all.
fn packet(buffer: &[u8]) -> Option<(u8, &[u8], usize)> {
    let (kind, mut rest) = buffer.split_first()?;
    let mut length = 0;
    for shift in [0, 7, 14, 21] {
        let (byte, after) = rest.split_first()?;
        rest = after;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let packet = rest.get(..length)?;
    Some((*kind, packet, buffer.len() - rest.len() + length))
}

struct Session {
    version_5: bool,
    out: Vec<u8>,
}

impl Session {
    /// Answers a packet, and gives the payload where it is a publication.
    fn take<'a>(&mut self, kind: u8, packet: &'a [u8]) -> Result<Option<&'a [u8]>> {
        let id = packet.get(..2).unwrap_or_default();
        match kind >> 4 {
            CONNECT => {
                self.version_5 = packet.get(6) == Some(&5);
                self.reply(0x20, &[0, 0], true);
            }
            PUBLISH => {
                return self
                    .publish(kind >> 1 & 3, packet)
                    .context("a malformed publication")
                    .map(Some);
            }
            PUBREL => self.reply(0x70, id, false),
            SUBSCRIBE => self.subscribe(packet).context("a malformed subscription")?,
            UNSUBSCRIBE if self.version_5 => self.reply(0xb0, &[id, &[0, 0]].concat(), false),
            UNSUBSCRIBE => self.reply(0xb0, id, false),
            PINGREQ => self.reply(0xd0, &[], false),
            _ => {}
        }
        Ok(None)
    }

    fn publish<'a>(&mut self, qos: u8, packet: &'a [u8]) -> Option<&'a [u8]> {
        let (_topic, mut rest) = string(packet)?;
        if qos > 0 {
            let (id, after) = rest.split_at_checked(2)?;
            self.reply(if qos == 1 { 0x40 } else { 0x50 }, id, false);
            rest = after;
        }
        if self.version_5 { properties(rest) } else { Some(rest) }
    }

    fn subscribe(&mut self, packet: &[u8]) -> Option<()> {
        let (id, mut rest) = packet.split_at_checked(2)?;
        if self.version_5 {
            rest = properties(rest)?;
        }
        let mut body = id.to_vec();
        if self.version_5 {
            body.push(0);
        }
        while !rest.is_empty() {
            let (_filter, after) = string(rest)?;
            let (options, after) = after.split_first()?;
            body.push((options & 3).min(1));
            rest = after;
        }
        self.reply(0x90, &body, false);
        Some(())
    }

    fn reply(&mut self, kind: u8, body: &[u8], properties: bool) {
        let properties = properties && self.version_5;
        // Every answer here is far below the 128 bytes at which the length takes a second byte.
        let length = u8::try_from(body.len() + usize::from(properties)).unwrap_or(0x7f);
        self.out.extend_from_slice(&[kind, length]);
        self.out.extend_from_slice(body);
        if properties {
            self.out.push(0);
        }
    }
}

fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

/// What follows a block of MQTT 5 properties, none of which matters here.
fn properties(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first()?;
    rest.get(usize::from(*length)..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_taken_only_when_it_is_whole() {
        assert!(packet(&[0x30, 3, 0, 1]).is_none());
        assert_eq!(packet(&[0xd0, 0, 9]), Some((0xd0, [].as_slice(), 2)));
        let mut long = vec![0x30, 0x80, 0x01];
        long.extend([7; 128]);
        assert_eq!(packet(&long).map(|(_, body, length)| (body.len(), length)), Some((128, 131)));
    }

    #[test]
    fn a_publication_is_acknowledged_and_its_payload_found() {
        let mut session = Session { version_5: false, out: Vec::new() };
        let payload = session.take(0x32, b"\x00\x01a\x12\x34body").unwrap();
        assert_eq!(payload, Some(b"body".as_slice()));
        assert_eq!(session.out, [0x40, 2, 0x12, 0x34]);
        session.version_5 = true;
        let payload = session.take(0x30, b"\x00\x01a\x02\x01\x01body").unwrap();
        assert_eq!(payload, Some(b"body".as_slice()));
        assert!(session.take(0x32, b"\x00\x09a").is_err());
    }
}
