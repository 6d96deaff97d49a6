//! The road to the bus: every call passes here, is shown, and fails on demand as the real service
//! fails. What is not a `PutEvents` passes untouched.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{sleep, timeout};

use super::aws::{exchange, whole};

/// The one call that faults are for.
const PUT_EVENTS: &str = "AWSEvents.PutEvents";
/// Connections at once; further ones wait.
const MOST_CONNECTIONS: usize = 256;
/// Calls that are on their way late; what comes beyond is not held back.
const MOST_LATE: usize = 1024;
/// How much later an event arrives.
const LATE: Duration = Duration::from_secs(3);
/// How long an event is held back at most until another overtakes it: less than a request lives.
const OVERTAKEN: Duration = Duration::from_secs(6);
/// Sources that are counted each for itself; those beyond are counted together.
const MOST_SOURCES: usize = 256;
/// How long the head of a request may take.
const HEAD: Duration = Duration::from_secs(30);

/// What goes wrong on the road. Calls and entries are counted for each `Source` of its own, so what
/// one sender meets does not depend on when another sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Fault {
    /// Every second PutEvents is refused as a whole: `ThrottlingException`.
    Throttle,
    /// Every second entry is refused alone: `InternalFailure`.
    Partial,
    /// Every event arrives twice.
    Duplicate,
    /// Every third event is overtaken by the next one of its source; after 6 s it comes anyhow.
    Reorder,
    /// Every event arrives 3 s later.
    Delay,
}

/// One event that passed, or did not.
#[derive(Debug, Clone)]
pub struct Passed {
    /// `DetailType`.
    pub detail_type: String,
    /// `Source`.
    pub source: String,
    /// `accepted`, or what became of it instead.
    pub fate: String,
    /// `Detail`, if it is JSON.
    pub event: Value,
}

/// The road; it serves until dropped.
pub struct Road {
    /// The port on 127.0.0.1 that everybody uses.
    pub port: u16,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Road {
    fn drop(&mut self) {
        self.server.abort();
    }
}

struct Shared {
    bus: u16,
    faults: Vec<Fault>,
    lanes: Mutex<BTreeMap<String, Lane>>,
    late: Arc<Semaphore>,
    told: mpsc::Sender<Passed>,
}

/// What one source has sent.
#[derive(Default)]
struct Lane {
    calls: u64,
    entries: u64,
    /// Tells whoever is held back that an event went past.
    passed: watch::Sender<()>,
}

impl Road {
    /// Opens it at `port`, or at any if that is 0, to the bus at `bus`.
    pub async fn open(
        port: u16,
        bus: u16,
        faults: Vec<Fault>,
        told: mpsc::Sender<Passed>,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await;
        let listener =
            listener.with_context(|| format!("port {port}; give another with --port"))?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            bus,
            faults,
            lanes: Mutex::default(),
            late: Arc::new(Semaphore::new(MOST_LATE)),
            told,
        });
        let server = tokio::spawn(async move {
            let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
            while let Ok(place) = Arc::clone(&places).acquire_owned().await {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    serve(stream, shared).await;
                    drop(place);
                });
            }
        });
        Ok(Self { port, server })
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(shared.answer(request).await) }
    });
    // How a connection ends is its client's affair.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

impl Shared {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let body = match whole(body).await {
            Ok(body) => body,
            Err(error) => {
                return refused(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "RequestTooLarge",
                    &error.to_string(),
                );
            }
        };
        let target = head.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
        if target == Some(PUT_EVENTS)
            && let Ok(call) = serde_json::from_slice::<Value>(&body)
            && let Some(entries) = call.get("Entries").and_then(Value::as_array).cloned()
        {
            return self.put(&head, call, entries).await;
        }
        self.forward(&head, body).await
    }

    async fn forward(
        &self,
        head: &hyper::http::request::Parts,
        body: Bytes,
    ) -> Response<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = head.uri.clone();
        for (name, value) in &head.headers {
            // Those of a connection are its own; the body's length is what it is.
            if !["connection", "keep-alive", "transfer-encoding", "content-length", "expect"]
                .contains(&name.as_str())
            {
                request.headers_mut().append(name, value.clone());
            }
        }
        match exchange(self.bus, request).await {
            Ok(answer) => {
                let (mut head, body) = answer.into_parts();
                for name in ["connection", "keep-alive", "transfer-encoding", "content-length"] {
                    head.headers.remove(name);
                }
                Response::from_parts(head, Full::new(body))
            }
            Err(error) => refused(StatusCode::BAD_GATEWAY, "InternalFailure", &error.to_string()),
        }
    }

    fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    async fn put(
        self: Arc<Self>,
        head: &hyper::http::request::Parts,
        call: Value,
        entries: Vec<Value>,
    ) -> Response<Full<Bytes>> {
        let source = entries.first().and_then(|entry| entry.get("Source")).and_then(Value::as_str);
        let source = source.unwrap_or_default().to_owned();
        let number = self.lane(&source, |lane| {
            lane.calls += 1;
            lane.calls - 1
        });
        if self.has(Fault::Throttle) && number % 2 == 1 {
            self.tell_all(&entries, "throttled");
            return refused(StatusCode::BAD_REQUEST, "ThrottlingException", "Rate exceeded");
        }
        let first = self.lane(&source, |lane| {
            lane.entries += entries.len() as u64;
            lane.entries - entries.len() as u64
        });
        let numbers = || (first..).take(entries.len());
        let failing: Vec<bool> =
            numbers().map(|number| self.has(Fault::Partial) && number % 2 == 1).collect();
        let held: Vec<bool> = numbers()
            .map(|number| self.has(Fault::Delay) || (self.has(Fault::Reorder) && number % 3 == 1))
            .collect();
        let mut now = Vec::new();
        let mut later = Vec::new();
        for ((entry, fails), is_held) in entries.iter().zip(&failing).zip(&held) {
            match (fails, is_held) {
                (true, _) => {}
                (false, true) => later.push(entry.clone()),
                (false, false) => now.push(entry.clone()),
            }
        }
        let with = |entries: &[Value]| {
            let mut call = call.clone();
            if let Some(members) = call.as_object_mut() {
                members.insert("Entries".to_owned(), json!(entries));
            }
            Bytes::from(call.to_string())
        };
        let mut answered = if now.is_empty() {
            Vec::new().into_iter()
        } else {
            let answer = self.forward(head, with(&now)).await;
            if !answer.status().is_success() {
                self.tell_all(&now, "refused");
                return answer;
            }
            self.lane(&source, |lane| lane.passed.send_replace(()));
            told_by(answer).await.into_iter()
        };
        if self.has(Fault::Duplicate) && !now.is_empty() {
            self.forward(head, with(&now)).await;
        }
        if !later.is_empty() {
            self.send_late(head, &source, with(&later)).await;
        }
        let accepted = if self.has(Fault::Duplicate) { "accepted, twice" } else { "accepted" };
        let mut results = Vec::new();
        for ((entry, fails), is_held) in entries.iter().zip(&failing).zip(&held) {
            let result = match (fails, is_held) {
                (true, _) => json!({ "ErrorCode": "InternalFailure", "ErrorMessage": "on demand" }),
                (false, true) => json!({ "EventId": uuid::Uuid::now_v7() }),
                (false, false) => answered.next().unwrap_or(Value::Null),
            };
            let fate = match result.get("ErrorCode").and_then(Value::as_str) {
                Some(code) => code.to_owned(),
                None if *is_held => "accepted, on its way".to_owned(),
                None => accepted.to_owned(),
            };
            self.tell(entry, fate);
            results.push(result);
        }
        let failed = results.iter().filter(|result| result.get("ErrorCode").is_some()).count();
        let body = json!({ "FailedEntryCount": failed, "Entries": results });
        answer(StatusCode::OK, &body)
    }

    /// What a source's lane gives when it is asked so.
    fn lane<T>(&self, source: &str, ask: impl FnOnce(&mut Lane) -> T) -> T {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = lanes.contains_key(source) || lanes.len() < MOST_SOURCES;
        ask(lanes.entry(if is_known { source } else { "" }.to_owned()).or_default())
    }

    /// Puts what was accepted on the bus after a while; at once if too much is late already.
    async fn send_late(
        self: &Arc<Self>,
        head: &hyper::http::request::Parts,
        source: &str,
        body: Bytes,
    ) {
        let Ok(place) = Arc::clone(&self.late).try_acquire_owned() else {
            self.forward(head, body).await;
            return;
        };
        let (shared, head) = (Arc::clone(self), head.clone());
        let mut passed = self.lane(source, |lane| lane.passed.subscribe());
        tokio::spawn(async move {
            if shared.has(Fault::Delay) {
                sleep(LATE).await;
            } else {
                let _ = timeout(OVERTAKEN, passed.changed()).await;
            }
            if shared.has(Fault::Duplicate) {
                shared.forward(&head, body.clone()).await;
            }
            shared.forward(&head, body).await;
            drop(place);
        });
    }

    fn tell_all(&self, entries: &[Value], fate: &str) {
        for entry in entries {
            self.tell(entry, fate.to_owned());
        }
    }

    /// What nobody reads in time is not told: the road does not wait for a screen.
    fn tell(&self, entry: &Value, fate: String) {
        let text = |member: &str| entry.get(member).and_then(Value::as_str).unwrap_or_default();
        let event = serde_json::from_str(text("Detail")).unwrap_or(Value::Null);
        let passed = Passed {
            detail_type: text("DetailType").to_owned(),
            source: text("Source").to_owned(),
            fate,
            event,
        };
        let _ = self.told.try_send(passed);
    }
}

async fn told_by(answer: Response<Full<Bytes>>) -> Vec<Value> {
    use http_body_util::BodyExt as _;
    let Ok(body) = answer.into_body().collect().await;
    let body: Value = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
    body.get("Entries").and_then(Value::as_array).cloned().unwrap_or_default()
}

fn refused(status: StatusCode, code: &str, message: &str) -> Response<Full<Bytes>> {
    answer(status, &json!({ "__type": code, "message": message }))
}

fn answer(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(body.to_string())));
    *answer.status_mut() = status;
    let kind = hyper::header::HeaderValue::from_static("application/x-amz-json-1.1");
    answer.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
    answer
}
