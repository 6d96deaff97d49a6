//! `follow <socket> <count>`: when events are durable, as a doorward's own socket tells it.
//!
//! Asks for the list of events to go on, and takes each line's mark against the time at which the
//! line comes: the gateway tells of an event only after its commit. Prints the tally as JSON after
//! `count` marks, or when none has come for a while. `following` on the standard error says that
//! it listens.

use std::time::Duration;

use anyhow::{Context, Result};
use doorward_load::{mark, tally::Tally};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

const USAGE: &str = "usage: follow <socket> <count>";
/// Events come no more.
const SILENCE: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let socket = arguments.next().context(USAGE)?;
    let count: usize = arguments.next().context(USAGE)?.parse().context(USAGE)?;
    let mut stream = UnixStream::connect(&socket).await.context(socket)?;
    stream
        .write_all(b"GET /v1/events?follow=true&limit=1 HTTP/1.1\r\nHost: doorward\r\n\r\n")
        .await?;
    let mut lines = BufReader::with_capacity(1 << 16, stream);
    let mut tally = Tally::since(mark::now());
    eprintln!("following");
    let mut line = Vec::new();
    while tally.unique() < count {
        line.clear();
        // Lines of the chunks' own lengths hold no mark.
        match timeout(SILENCE, lines.read_until(b'\n', &mut line)).await {
            Ok(Ok(read)) if read > 0 => tally.line(&line, mark::now()),
            _ => break,
        }
    }
    println!("{}", tally.stats(count));
    Ok(())
}
