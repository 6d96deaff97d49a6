//! The bus of a drill: answers like PutEvents on the loopback, accepts everything, and notes when.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use super::names::vendor_of;
use super::tape::Tape;

/// A running bus; it ends when this is dropped.
pub struct Bus {
    pub port: u16,
    _task: AbortOnDropHandle<()>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Call {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    detail_type: String,
    detail: String,
}

/// What is looked at of an event.
#[derive(Deserialize)]
struct Event {
    time: Timestamp,
    #[serde(default)]
    entry_id: String,
    #[serde(default)]
    data: Data,
}

#[derive(Deserialize, Default)]
struct Data {
    #[serde(default)]
    vendor: String,
}

impl Bus {
    /// Starts it; what it is told goes onto the tape.
    pub async fn start(tape: Arc<Tape>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let router = axum::Router::new()
            .fallback(move |body: Bytes| std::future::ready(answer(&tape, &body)));
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::warn!(%error, "the drill's bus has ended");
            }
        });
        Ok(Self { port, _task: AbortOnDropHandle::new(task) })
    }
}

fn answer(tape: &Tape, body: &[u8]) -> (StatusCode, String) {
    let now = Instant::now();
    let Ok(call) = serde_json::from_slice::<Call>(body) else {
        return (StatusCode::BAD_REQUEST, json!({ "__type": "ValidationException" }).to_string());
    };
    let mut marks = tape.marks();
    for entry in &call.entries {
        let Ok(event) = serde_json::from_str::<Event>(&entry.detail) else { continue };
        match entry.detail_type.as_str() {
            "entry.position_changed" => {
                let reading = (event.entry_id, event.time.as_millisecond());
                if let Some(told) = marks.readings.get_mut(&reading) {
                    told.arrived.get_or_insert(now);
                } else if vendor_of(&reading.0) != marks.target {
                    // Of its own doors a vendor may tell what it likes.
                    marks.untrue += 1;
                }
            }
            kind @ ("vendor.isolated" | "vendor.recovered" | "endpoint.flooding") => {
                marks.events.push((kind.to_owned(), event.data.vendor, now));
            }
            _ => {}
        }
    }
    let ids: Vec<_> = call.entries.iter().map(|_| json!({ "EventId": "drill" })).collect();
    (StatusCode::OK, json!({ "FailedEntryCount": 0, "Entries": ids }).to_string())
}
