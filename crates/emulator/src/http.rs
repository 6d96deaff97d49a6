//! As much of HTTP/1.1 as AWS's JSON protocol over a local socket needs: a head, and a body whose
//! length the head says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// Longest head in bytes; a longer one is refused with 431.
pub(crate) const MAX_HEAD: u64 = 64 * 1024;
/// Longest body in bytes, as long as the longest that an emulated service takes; a longer one is
/// refused with 413.
pub(crate) const MAX_BODY: u64 = 16 * 1024 * 1024;
/// How long a connection may take to open.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// How long an answer may pause.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);

/// The first line and the headers of a request or an answer.
pub(crate) struct Head {
    pub(crate) start: String,
    headers: Vec<(String, String)>,
}

/// Why a message cannot be read.
pub(crate) enum Unreadable {
    /// The connection broke or ended before the message did.
    Gone,
    /// The message is not taken; the status that says why.
    Refused(u16),
}

/// How the end of a body is known where no header says it.
#[derive(Clone, Copy)]
pub(crate) enum Unsaid {
    /// A request: there is no body.
    Empty,
    /// An answer on a connection of its own: it goes on to the end.
    ToTheEnd,
}

impl Head {
    pub(crate) fn new(start: impl Into<String>, headers: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self { start: start.into(), headers: headers.iter().map(owned).collect() }
    }

    /// The next head; `None` if the connection ends before one begins.
    pub(crate) fn read(from: &mut impl BufRead) -> Result<Option<Self>, Unreadable> {
        let mut text = Vec::new();
        let mut limited = from.take(MAX_HEAD);
        loop {
            let begins = text.len();
            let read = limited.read_until(b'\n', &mut text).map_err(|_| Unreadable::Gone)?;
            match text.get(begins..) {
                Some(b"\r\n" | b"\n") => break,
                _ if read > 0 => {}
                _ if limited.limit() == 0 => return Err(Unreadable::Refused(431)),
                _ if text.is_empty() => return Ok(None),
                _ => return Err(Unreadable::Gone),
            }
        }
        let bad = Unreadable::Refused(400);
        let Ok(text) = String::from_utf8(text) else { return Err(bad) };
        let mut lines = text.lines();
        let start = lines.next().unwrap_or_default().to_owned();
        let headers = lines
            .take_while(|line| !line.is_empty())
            .map(|line| {
                line.split_once(':').map(|(name, value)| (name.into(), value.trim().into()))
            })
            .collect::<Option<Vec<_>>>();
        match headers {
            Some(headers) if start.contains("HTTP/1.") => Ok(Some(Self { start, headers })),
            _ => Err(bad),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body that belongs to this head. Chunks are refused with 411: no AWS SDK sends them with
    /// the JSON protocol.
    pub(crate) fn body(&self, from: &mut impl Read, unsaid: Unsaid) -> Result<Vec<u8>, Unreadable> {
        if self.get("transfer-encoding").is_some() {
            return Err(Unreadable::Refused(411));
        }
        let length = match self.get("content-length").map(str::parse::<u64>) {
            Some(Ok(length)) => Some(length),
            Some(Err(_)) => return Err(Unreadable::Refused(400)),
            None if matches!(unsaid, Unsaid::Empty) => Some(0),
            None => None,
        };
        let mut body = Vec::new();
        let most = length.unwrap_or(MAX_BODY + 1);
        if length.is_some_and(|length| length > MAX_BODY) {
            return Err(Unreadable::Refused(413));
        }
        from.take(most).read_to_end(&mut body).map_err(|_| Unreadable::Gone)?;
        let read = body.len() as u64;
        match length {
            Some(length) if read < length => Err(Unreadable::Gone),
            None if read > MAX_BODY => Err(Unreadable::Refused(413)),
            _ => Ok(body),
        }
    }

    /// Writes the message with its body's true length; `connection` says whether more may follow.
    pub(crate) fn write(
        &self,
        mut to: impl Write,
        connection: &str,
        body: &[u8],
    ) -> std::io::Result<()> {
        const OF_A_CONNECTION: [&str; 4] =
            ["connection", "keep-alive", "transfer-encoding", "content-length"];
        let mut message = format!("{}\r\n", self.start).into_bytes();
        for (name, value) in &self.headers {
            if !OF_A_CONNECTION.iter().any(|of_it| name.eq_ignore_ascii_case(of_it)) {
                write!(message, "{name}: {value}\r\n")?;
            }
        }
        let length = body.len();
        write!(message, "Content-Length: {length}\r\nConnection: {connection}\r\n\r\n")?;
        message.extend_from_slice(body);
        to.write_all(&message)
    }

    /// The status of an answer.
    pub(crate) fn status(&self) -> Option<u16> {
        self.start.split(' ').nth(1)?.parse().ok()
    }
}

/// A connection to a local port.
pub(crate) fn connect(port: u16) -> std::io::Result<TcpStream> {
    let address = (Ipv4Addr::LOCALHOST, port).into();
    let stream = TcpStream::connect_timeout(&address, CONNECT_PATIENCE)?;
    stream.set_read_timeout(Some(ANSWER_PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// One request and its answer, on a connection of their own.
pub(crate) fn exchange(
    stream: &TcpStream,
    head: &Head,
    body: &[u8],
) -> Result<(Head, Vec<u8>), Unreadable> {
    head.write(stream, "close", body).map_err(|_| Unreadable::Gone)?;
    let mut reader = BufReader::new(stream);
    let answer = Head::read(&mut reader)?.ok_or(Unreadable::Gone)?;
    let body = answer.body(&mut reader, Unsaid::ToTheEnd)?;
    Ok((answer, body))
}
