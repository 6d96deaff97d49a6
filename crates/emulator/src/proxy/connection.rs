//! One client's connection: its requests one after the other, each with its fault.

use std::io::{BufReader, ErrorKind};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use super::fault::Fault;
use super::{Place, Shared, partial};
use crate::http::{self, Head, Unreadable, Unsaid};

/// The connection is not to go on.
struct Over;

/// Serves a client until it goes, a fault closes its connection, or the proxy ends. The place is
/// given back at the end.
pub(super) fn serve(shared: &Shared, client: &TcpStream, _place: Place<'_>) {
    let _watched = shared.watch(client);
    let _ = client.set_nodelay(true);
    let mut reader = BufReader::new(client);
    while request(shared, client, &mut reader).is_ok() {}
}

fn request(
    shared: &Shared,
    client: &TcpStream,
    reader: &mut BufReader<&TcpStream>,
) -> Result<(), Over> {
    let head = Head::read(reader).map_err(|why| refuse(client, &why))?.ok_or(Over)?;
    let fault = dealt(shared, head.get("x-amz-target").unwrap_or_default());
    if fault == Fault::HalfOpen {
        return Err(silence(shared, client));
    }
    let body = head.body(reader, Unsaid::Empty).map_err(|why| refuse(client, &why))?;
    let (answer, told) = match fault {
        Fault::None => forward(shared, &head, &body)?,
        Fault::Delay(time) => {
            if !shared.rest(time) {
                return Err(Over);
            }
            forward(shared, &head, &body)?
        }
        Fault::LoseAnswer => {
            let _ = forward(shared, &head, &body);
            return Err(silence(shared, client));
        }
        Fault::CutAfterAccept => {
            let _ = forward(shared, &head, &body);
            return Err(Over);
        }
        Fault::CutBefore | Fault::HalfOpen => return Err(Over),
        Fault::Status(status, code) => error(status, code),
        Fault::PartialFailure(code) => {
            let some = partial::even(&body);
            let (answer, told) = forward(shared, &head, some.as_deref().unwrap_or(&body))?;
            let merged = partial::merged(&body, &told, code).filter(|_| some.is_some());
            (answer, merged.unwrap_or(told))
        }
    };
    let asked_to_close =
        head.get("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    let goes_on = head.start.ends_with("HTTP/1.1") && !asked_to_close;
    let connection = if goes_on { "keep-alive" } else { "close" };
    answer.write(client, connection, &told).map_err(|_| Over)?;
    if goes_on { Ok(()) } else { Err(Over) }
}

/// Counts a request and takes its fault from the script, at once: the order of the faults is that
/// of the counts.
fn dealt(shared: &Shared, target: &str) -> Fault {
    let mut state = shared.state();
    let fault = state.script.next(target);
    state.requests += 1;
    state.faulted += u64::from(fault != Fault::None);
    fault
}

/// The upstream's answer, counted.
fn forward(shared: &Shared, head: &Head, body: &[u8]) -> Result<(Head, Vec<u8>), Over> {
    let upstream = http::connect(shared.upstream).map_err(|_| Over)?;
    let _watched = shared.watch(&upstream);
    let answer = http::exchange(&upstream, head, body).map_err(|_| Over)?;
    shared.state().forwarded += 1;
    Ok(answer)
}

/// An error as AWS's JSON protocol tells it.
fn error(status: u16, code: &str) -> (Head, Vec<u8>) {
    let head = Head::new(
        format!("HTTP/1.1 {status} On Demand"),
        &[("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-ErrorType", code)],
    );
    (head, json!({"__type": code, "message": "on demand"}).to_string().into_bytes())
}

/// Tells the client why its request is not taken, if it is still there.
fn refuse(client: &TcpStream, why: &Unreadable) -> Over {
    if let Unreadable::Refused(status) = why {
        let _ = Head::new(format!("HTTP/1.1 {status} Refused"), &[]).write(client, "close", &[]);
    }
    Over
}

/// Says nothing until the client goes, the hold has passed, or the proxy ends.
fn silence(shared: &Shared, client: &TcpStream) -> Over {
    let hold = shared.state().hold.max(Duration::from_millis(1));
    let until = Instant::now() + hold;
    let _ = client.set_read_timeout(Some(hold));
    let waiting = loop {
        match client.peek(&mut [0]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(bytes) => break bytes > 0,
            Err(_) => break false,
        }
    };
    if waiting {
        shared.rest(until.saturating_duration_since(Instant::now()));
    }
    Over
}
