//! A bus over HTTP that answers like PutEvents, remembers everything, and misbehaves on demand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{free_port, wait_for};

/// One accepted entry.
#[derive(Clone)]
pub struct Entry {
    pub source: String,
    pub detail_type: String,
    pub detail: Value,
    pub trace_header: Option<String>,
}

/// How the next calls are answered; the last one stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mood {
    Accept,
    /// The whole call fails with this HTTP status and code.
    Fail(u16, &'static str),
    /// Every second entry fails with this code.
    Partial(&'static str),
    /// Entries with this text in their detail fail with the code.
    Only(&'static str, &'static str),
}

#[derive(Default)]
struct State {
    accepted: Vec<Entry>,
    moods: VecDeque<Mood>,
}

/// The running sink.
pub struct Sink {
    pub port: u16,
    state: Arc<Mutex<State>>,
    server: Option<std::thread::JoinHandle<()>>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
}

impl Sink {
    pub fn start() -> Self {
        let mut sink = Self { port: free_port(), state: Arc::default(), server: None, stop: None };
        sink.up();
        sink
    }

    /// Listens again after [`Sink::down`].
    pub fn up(&mut self) {
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let state = Arc::clone(&self.state);
        let port = self.port;
        self.server = Some(std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let socket = tokio::net::TcpSocket::new_v4().unwrap();
                socket.set_reuseaddr(true).unwrap();
                socket.bind(([127, 0, 0, 1], port).into()).unwrap();
                let listener = socket.listen(64).unwrap();
                ready.send(()).unwrap();
                let router = axum::Router::new()
                    .fallback(move |body: Bytes| std::future::ready(answer(&state, &body)));
                tokio::select! {
                    result = axum::serve(listener, router) => result.unwrap(),
                    _ = stopped => {}
                }
            });
            // Open connections are cut, as in an outage.
            runtime.shutdown_background();
        }));
        is_ready.recv().unwrap();
        self.stop = Some(stop);
    }

    /// Cuts every connection and takes no more.
    pub fn down(&mut self) {
        self.stop.take();
        if let Some(server) = self.server.take() {
            server.join().unwrap();
        }
    }

    /// How the next calls are answered, one mood a call; the last one stands.
    pub fn moods(&self, moods: impl IntoIterator<Item = Mood>) {
        self.state.lock().unwrap().moods = moods.into_iter().collect();
    }

    pub fn accepted(&self) -> Vec<Entry> {
        self.state.lock().unwrap().accepted.clone()
    }

    /// The accepted entries of one type.
    pub fn of_type(&self, kind: &str) -> Vec<Entry> {
        let state = self.state.lock().unwrap();
        state.accepted.iter().filter(|entry| entry.detail_type == kind).cloned().collect()
    }

    /// Waits for an entry of one type of which `matches` holds.
    pub fn gets(&self, kind: &str, matches: impl Fn(&Entry) -> bool) -> Entry {
        wait_for(&format!("{kind} arrives"), Duration::from_secs(60), || {
            self.of_type(kind).into_iter().find(&matches)
        })
    }

    /// The accepted entries beyond the first `so_far`.
    pub fn beyond(&self, so_far: usize) -> Vec<Entry> {
        self.state.lock().unwrap().accepted.get(so_far..).unwrap_or_default().to_vec()
    }

    pub fn count(&self) -> usize {
        self.state.lock().unwrap().accepted.len()
    }
}

fn answer(state: &Mutex<State>, body: &[u8]) -> (StatusCode, String) {
    let mut state = state.lock().unwrap();
    let mood = if state.moods.len() > 1 {
        state.moods.pop_front().unwrap()
    } else {
        state.moods.front().cloned().unwrap_or(Mood::Accept)
    };
    if let Mood::Fail(status, code) = mood {
        let body = json!({"__type": code, "message": "on demand"});
        return (StatusCode::from_u16(status).unwrap(), body.to_string());
    }
    let request: Value = serde_json::from_slice(body).unwrap();
    let entries = request["Entries"].as_array().unwrap();
    assert!((1..=10).contains(&entries.len()), "{} entries in one call", entries.len());
    let mut failed = 0;
    let answers: Vec<Value> = entries
        .iter()
        .enumerate()
        .map(|(index, entry)| {
            let text = entry["Detail"].as_str().unwrap();
            let code = match &mood {
                Mood::Partial(code) if index % 2 == 1 || entries.len() == 1 => Some(*code),
                Mood::Only(part, code) if text.contains(part) => Some(*code),
                _ => None,
            };
            if let Some(code) = code {
                failed += 1;
                return json!({"ErrorCode": code, "ErrorMessage": "on demand"});
            }
            state.accepted.push(Entry {
                source: entry["Source"].as_str().unwrap().to_owned(),
                detail_type: entry["DetailType"].as_str().unwrap().to_owned(),
                detail: serde_json::from_str(text).unwrap(),
                trace_header: entry["TraceHeader"].as_str().map(str::to_owned),
            });
            json!({"EventId": format!("{:08}", state.accepted.len())})
        })
        .collect();
    (StatusCode::OK, json!({"FailedEntryCount": failed, "Entries": answers}).to_string())
}
