//! The HTTP sink: takes any POST and answers as `PutEvents` does.

use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, bail};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::mark;
use crate::tally::Tally;

struct Head {
    length: usize,
    body: usize,
    continues: bool,
}

/// Serves one connection until it ends.
pub async fn serve(mut stream: TcpStream, tally: Arc<Mutex<Tally>>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(65_536);
    let mut requests = 0_u64;
    loop {
        let head = loop {
            if let Some(head) = head(&buffer)? {
                break head;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        if head.continues {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let end = head.length + head.body;
        while buffer.len() < end {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        }
        let body = buffer.get(head.length..end).unwrap_or_default();
        let results = lock(&tally)?.http_body(body, mark::now());
        buffer.drain(..end);
        requests += 1;
        stream.write_all(&answer(requests, results)?).await?;
    }
}

/// The tally, whose lock only a panic could have poisoned.
pub fn lock(tally: &Mutex<Tally>) -> Result<std::sync::MutexGuard<'_, Tally>> {
    tally.lock().ok().context("the tally's lock is poisoned")
}

fn head(buffer: &[u8]) -> Result<Option<Head>> {
    let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
        if buffer.len() > 65_536 {
            bail!("a request's head is longer than 64 KiB");
        }
        return Ok(None);
    };
    let text = String::from_utf8_lossy(buffer.get(..end).unwrap_or_default()).to_ascii_lowercase();
    let body = match text.lines().find_map(|line| line.strip_prefix("content-length:")) {
        Some(value) => value.trim().parse().context("content-length")?,
        None => 0,
    };
    Ok(Some(Head { length: end + 4, body, continues: text.contains("100-continue") }))
}

fn answer(request: u64, results: usize) -> Result<Vec<u8>> {
    let entries: Vec<_> = (0..results)
        .map(|entry| json!({"EventId": format!("{request:08x}-0000-0000-0000-{entry:012x}")}))
        .collect();
    let body = serde_json::to_vec(&json!({"FailedEntryCount": 0, "Entries": entries}))?;
    let mut out = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    out.extend_from_slice(&body);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_head_only_when_it_is_whole() {
        assert!(head(b"POST / HTTP/1.1\r\nContent-Len").unwrap().is_none());
        let head = head(b"POST / HTTP/1.1\r\ncontent-LENGTH: 12\r\nExpect: 100-continue\r\n\r\n{")
            .unwrap()
            .unwrap();
        assert_eq!((head.length, head.body, head.continues), (61, 12, true));
    }

    #[test]
    fn answers_one_id_an_entry() {
        let answer = String::from_utf8(answer(7, 3).unwrap()).unwrap();
        assert_eq!(answer.matches("EventId").count(), 3);
    }
}
