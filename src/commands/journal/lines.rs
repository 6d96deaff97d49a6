//! The lines of an export, read back: each is an event of this gateway, or refused with a reason.
//! A reason never shows what stood in the line.

use std::borrow::Cow;
use std::io::{BufRead, Read};

use doorward_events::{Direction, Form, MAX_EVENT_BYTES, validate};
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::config::is_vendor;
use crate::domain::ids::VendorId;
use crate::journal::{Carried, gateway_of};
use crate::local::ExportHeader;

/// Longest line: an event, and what stands around it.
const MAX_LINE: usize = MAX_EVENT_BYTES + 1024;

/// A line of an export that holds an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    pub id: Uuid,
    pub delivered: bool,
    pub event: Carried,
}

/// A line as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(rename = "slot")]
    _slot: u64,
    #[serde(borrow)]
    vendor: Option<Cow<'a, str>>,
    delivered: bool,
    #[serde(borrow)]
    event: &'a RawValue,
}

#[derive(Deserialize)]
struct Identified {
    id: Uuid,
}

/// Reads a file line by line, each within its bound.
pub struct Lines<R> {
    file: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub fn new(file: R) -> Self {
        Self { file, number: 0 }
    }

    /// The next line and its number, from 1; without its text if it is too long to be one.
    pub fn next(&mut self) -> std::io::Result<Option<(u64, Option<Vec<u8>>)>> {
        let mut line = Vec::new();
        let bound = MAX_LINE as u64 + 1;
        if (&mut self.file).take(bound).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        if line.last() == Some(&b'\n') {
            line.pop();
            return Ok(Some((self.number, Some(line))));
        }
        if line.len() <= MAX_LINE {
            // The last one has no end.
            return Ok(Some((self.number, Some(line))));
        }
        self.skip()?;
        Ok(Some((self.number, None)))
    }

    /// Goes on behind the end of this line.
    fn skip(&mut self) -> std::io::Result<()> {
        loop {
            let part = self.file.fill_buf()?;
            let (length, ends) = match part.iter().position(|byte| *byte == b'\n') {
                Some(place) => (place + 1, true),
                None => (part.len(), part.is_empty()),
            };
            self.file.consume(length);
            if ends {
                return Ok(());
            }
        }
    }
}

/// Reads the first line.
pub fn header(line: Option<&[u8]>) -> Result<ExportHeader, String> {
    let header: Option<ExportHeader> = line.and_then(|line| serde_json::from_slice(line).ok());
    match header {
        Some(header) if header.format == ExportHeader::FORMAT => Ok(header),
        Some(_) => {
            Err(format!("its format is unknown here; it should be {}", ExportHeader::FORMAT))
        }
        None => Err("it is no first line of what doorward journal export writes".to_owned()),
    }
}

/// Reads an event's line, of the gateway `instance`.
pub fn event(line: Option<&[u8]>, instance: &str) -> Result<Exported, String> {
    let line = line.ok_or_else(|| format!("it is longer than {MAX_LINE} bytes"))?;
    let Line { vendor, delivered, event, .. } = serde_json::from_slice(line).map_err(|error| {
        use serde_json::error::Category;
        match error.classify() {
            Category::Data => format!("it is no line of an export, at column {}", error.column()),
            _ => format!("it is not JSON, at column {}", error.column()),
        }
    })?;
    let detail = event.get();
    let kind = validate(detail.as_bytes(), Form::Reader).map_err(|error| error.to_string())?;
    if !matches!(kind.direction(), Direction::FromGateway | Direction::Platform) {
        return Err(format!("{kind} is no event of a gateway"));
    }
    match gateway_of(detail) {
        Some(of) if of == instance => {}
        Some(of) => {
            return Err(format!(
                "it is an event of the gateway {of:?}, this is {instance:?} (gateway.instance)"
            ));
        }
        None => return Err("it is no event of a gateway".to_owned()),
    }
    if let Some(vendor) = &vendor
        && !is_vendor(vendor)
    {
        return Err("vendor: it is no vendor's name".to_owned());
    }
    let Identified { id } = serde_json::from_str(detail).map_err(|_| "/id: no id".to_owned())?;
    let vendor = vendor.map(|vendor| VendorId::new(&*vendor));
    Ok(Exported { id, delivered, event: Carried { vendor, detail: detail.to_owned() } })
}

#[cfg(test)]
mod tests {
    use doorward_events::types::EndpointOnline;
    use doorward_events::{Envelope, GatewayOrigin, PublisherId};
    use jiff::Timestamp;

    use super::*;

    fn detail(publisher: &str, instance: &str) -> String {
        let publisher = PublisherId { name: publisher.into(), instance: instance.into() };
        let id = Uuid::parse_str("01900000-0000-7000-8000-000000000001").unwrap();
        let mut envelope = Envelope::new(id, Timestamp::UNIX_EPOCH, publisher, "acme".into());
        envelope.endpoint_id = Some("z:0x1".into());
        let data = EndpointOnline { vendor: "z".to_owned(), unavailable_for_s: None };
        let draft = envelope.seal(&data).unwrap();
        draft.stamp(&GatewayOrigin {
            recorded_at: Timestamp::UNIX_EPOCH,
            journal_id: Uuid::nil(),
            sequence: 3,
            type_sequence: 1,
            clock: None,
        })
    }

    fn line(detail: &str) -> String {
        format!("{{\"slot\":3,\"vendor\":\"z\",\"delivered\":false,\"event\":{detail}}}")
    }

    fn refused(line: &str) -> String {
        event(Some(line.as_bytes()), "gw").unwrap_err()
    }

    #[test]
    fn an_event_keeps_its_bytes() {
        // Spaces and escapes that no writer of ours makes.
        let detail = detail("doorward.gateway", "gw").replace("\"acme\"", "  \"\\u0061cme\"  ");
        let read = event(Some(line(&detail).as_bytes()), "gw").unwrap();
        assert_eq!(read.event.detail, detail);
        assert_eq!(read.event.vendor, Some(VendorId::new("z")));
        assert!(!read.delivered);
        let own = line(&detail).replacen("\"vendor\":\"z\"", "\"vendor\":null", 1);
        assert_eq!(event(Some(own.as_bytes()), "gw").unwrap().event.vendor, None);
    }

    #[test]
    fn what_is_no_event_of_this_gateway_is_refused_in_words() {
        let good = detail("doorward.gateway", "gw");
        assert!(refused(&line(&detail("doorward.gateway", "other"))).contains("\"other\""));
        assert!(refused(&line(&good.replace("0x1", ""))).contains("/endpoint_id"));
        assert!(refused(&line(&good.replace("endpoint.online", "a.b"))).contains("unknown event"));
        assert!(refused(&line(&good[..good.len() - 1])).contains("not JSON"));
        assert!(refused(&line(&good).replace("\"z\",\"del", "\"Z z\",\"del")).contains("vendor"));
        assert!(refused(&line(&good).replace("\"slot\":3", "\"slot\":\"x\"")).contains("no line"));
        assert!(
            refused(&line(&good).replace("\"slot\"", "\"more\":1,\"slot\"")).contains("no line")
        );
        assert!(refused("").contains("not JSON"));
        assert!(event(None, "gw").unwrap_err().contains("longer"));
        // What stood there is not shown.
        let secret = line(&good.replace("\"z\"", "{\"pin\":\"4711\"}"));
        assert!(!refused(&secret).contains("4711"));
    }

    #[test]
    fn lines_are_bounded() {
        let long = "x".repeat(MAX_LINE + 1);
        let fits = "y".repeat(MAX_LINE);
        let text = format!("a\n\n{long}\n{fits}\n{long}{long}\nlast");
        let mut lines = Lines::new(std::io::BufReader::with_capacity(100, text.as_bytes()));
        let mut found = Vec::new();
        while let Some((number, line)) = lines.next().unwrap() {
            found.push((number, line.map(|line| line.len())));
        }
        let expected =
            [(1, Some(1)), (2, Some(0)), (3, None), (4, Some(MAX_LINE)), (5, None), (6, Some(4))];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_header_says_its_format() {
        let good = "{\"journal_id\":\"00000000-0000-0000-0000-000000000000\",\
                    \"exported_at\":\"2026-01-02T03:04:05Z\",\"format\":\"doorward-journal/1\"}";
        assert!(header(Some(good.as_bytes())).is_ok());
        assert!(header(Some(good.replace("/1", "/2").as_bytes())).unwrap_err().contains("format"));
        for other in [Some("{}"), Some(""), None] {
            assert!(header(other.map(str::as_bytes)).unwrap_err().contains("no first line"));
        }
    }
}
