//! The socket's server side.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::header::{CONNECTION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use tokio::sync::{Semaphore, oneshot};

use super::access::{Access, Request};
use super::api::{EventQuery, MAX_ROWS, QueueView};
use super::listing::{Follower, Listing};
use super::socket::{Peer, Socket};
use super::{acts, erasure, journal, reload};
use crate::journal::{Journal, Statistics};

/// Readings of the journal at once; further ones wait.
const READINGS: usize = 8;
/// Followers at once; one more is refused.
const FOLLOWERS: usize = 16;
/// How long the gateway or its journal may take to answer one question.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the journal's figures are waited for before those last read are told instead.
const FIGURES_TIMEOUT: Duration = Duration::from_secs(2);
/// Most bytes of quarantine in one answer: the newest rows that fit.
const MAX_QUARANTINE_BYTES: usize = 1 << 20;

#[derive(Clone)]
pub(super) struct Served {
    pub access: Access,
    readings: Arc<Semaphore>,
    followers: Arc<Semaphore>,
    /// The journal's figures as last read.
    last: Arc<Mutex<Option<Statistics>>>,
    /// One erasure at a time.
    pub erasing: Arc<Semaphore>,
}

impl Served {
    /// Reads the journal when it is this one's turn.
    pub async fn read<T, E>(
        &self,
        read: impl FnOnce(&Journal) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Fault>
    where
        T: Send + 'static,
        E: std::fmt::Display + Send + 'static,
    {
        let _turn = self.readings.acquire().await?;
        Ok(in_time(self.access.journal.read(read)).await???)
    }
}

/// Serves the socket until the task is dropped.
pub async fn serve(socket: Socket, access: Access) -> anyhow::Result<()> {
    let served = Served {
        access,
        readings: Arc::new(Semaphore::new(READINGS)),
        followers: Arc::new(Semaphore::new(FOLLOWERS)),
        erasing: Arc::new(Semaphore::new(1)),
        last: Arc::default(),
    };
    if let Ok(figures) = served.read(Journal::statistics).await
        && let Ok(mut last) = served.last.lock()
    {
        *last = Some(figures);
    }
    let router = Router::new()
        .route("/v1/events", get(events))
        .route("/v1/doors", get(doors))
        .route("/v1/queue", get(queue))
        .route("/v1/quarantine", get(quarantine))
        .route("/v1/journal", get(journal::figures))
        .route("/v1/journal/verify", get(journal::verify).post(journal::mend))
        .route("/v1/journal/export", get(journal::export))
        .route("/v1/audit", get(journal::audit).post(journal::close_range))
        .route("/v1/erase", post(erasure::erase).layer(DefaultBodyLimit::max(erasure::MAX_BODY)))
        .route("/v1/ask", post(acts::ask).layer(DefaultBodyLimit::max(acts::MAX_BODY)))
        .route("/v1/grants", get(acts::grants))
        .route("/v1/visits", get(acts::visits))
        .route("/v1/vendors", get(reload::vendors))
        .route("/v1/reload", post(reload::reload).layer(DefaultBodyLimit::max(acts::MAX_BODY)))
        .fallback(|| async { Fault(StatusCode::NOT_FOUND, "there is no such thing".to_owned()) })
        .layer(map_response(last_answer))
        .with_state(served);
    axum::serve(socket, router.into_make_service_with_connect_info::<Peer>()).await?;
    Ok(())
}

/// One answer a connection: nothing idles, and nothing is left unread.
async fn last_answer(mut response: Response) -> Response {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// An answer that could not be had.
#[derive(Debug)]
pub(super) struct Fault(pub StatusCode, pub String);

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        (self.0, self.1).into_response()
    }
}

impl<E: std::fmt::Display> From<E> for Fault {
    fn from(error: E) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

pub(super) async fn in_time<T>(answer: impl Future<Output = T>) -> Result<T, Fault> {
    tokio::time::timeout(ANSWER_TIMEOUT, answer).await.map_err(|_| {
        let words = "the gateway is too busy, or its disk too slow, to answer now";
        Fault(StatusCode::SERVICE_UNAVAILABLE, words.to_owned())
    })
}

async fn doors(State(served): State<Served>) -> Result<Response, Fault> {
    let doors = ask(&served, Request::Doors).await?;
    Ok(Json(doors).into_response())
}

async fn queue(State(served): State<Served>) -> Result<Response, Fault> {
    let status = ask(&served, Request::Status).await?;
    // A disk that does not answer is what this is asked about: the last figures will do then.
    let fresh = tokio::time::timeout(FIGURES_TIMEOUT, served.read(Journal::statistics)).await;
    let last = || served.last.lock().ok()?.clone();
    let journal = match fresh {
        Ok(figures) => figures?,
        Err(_) => last().ok_or_else(|| Fault::from("the journal has not answered yet"))?,
    };
    if let Ok(mut last) = served.last.lock() {
        *last = Some(journal.clone());
    }
    Ok(Json(QueueView { status, journal }).into_response())
}

#[derive(Deserialize)]
struct Limit {
    limit: Option<usize>,
}

async fn quarantine(
    State(served): State<Served>,
    Query(Limit { limit }): Query<Limit>,
) -> Result<Response, Fault> {
    let limit = limit.unwrap_or(100).min(MAX_ROWS);
    let rows = served
        .read(move |journal| {
            let mut rows = journal.list_quarantine(limit)?;
            let mut bytes = 0;
            let fitting = rows.iter().rev().take_while(|row| {
                bytes += row.source.len() + row.detail.len();
                bytes += row.raw.as_ref().map_or(0, String::len);
                bytes <= MAX_QUARANTINE_BYTES
            });
            let first = rows.len() - fitting.count();
            rows.drain(..first);
            anyhow::Ok(rows)
        })
        .await?;
    Ok(Json(rows).into_response())
}

pub(super) async fn ask<T>(
    served: &Served,
    request: impl FnOnce(oneshot::Sender<T>) -> Request,
) -> Result<T, Fault> {
    let (reply, answer) = oneshot::channel();
    in_time(served.access.requests.send(request(reply))).await??;
    Ok(in_time(answer).await??)
}

async fn events(
    State(served): State<Served>,
    Query(query): Query<EventQuery>,
) -> Result<Response, Fault> {
    if let Some(name) = &query.event_type
        && name.parse::<doorward_events::EventType>().is_err()
    {
        return Err(Fault(StatusCode::BAD_REQUEST, format!("there is no event type {name:?}")));
    }
    let follower = if query.follow {
        let Ok(permit) = Arc::clone(&served.followers).try_acquire_owned() else {
            let words = format!("{FOLLOWERS} followers are connected already");
            return Err(Fault(StatusCode::SERVICE_UNAVAILABLE, words));
        };
        Some(Follower::new(served.access.committed.clone(), permit))
    } else {
        None
    };
    let listing = Listing::begin(served, query, follower).await?;
    let headers = [(CONTENT_TYPE, "application/x-ndjson")];
    Ok((headers, Body::from_stream(listing.pages())).into_response())
}
