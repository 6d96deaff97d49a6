//! The socket's server side.

use std::convert::Infallible;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use serde::Deserialize;
use tokio::net::UnixListener;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::access::{Access, Request};
use super::api::{EventLine, EventQuery, MAX_ROWS, QueueView};
use crate::journal::{EventFilter, EventRow};

/// Requests served at once; further ones wait.
const CONCURRENT: usize = 8;
/// Followers at once; one more is refused.
const FOLLOWERS: usize = 16;

#[derive(Clone)]
struct Served {
    access: Access,
    requests: Arc<Semaphore>,
    followers: Arc<Semaphore>,
}

/// Serves the socket until the task is dropped. A socket left behind by a killed process is
/// replaced; one that answers is not.
pub async fn serve(path: &Path, access: Access) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("the socket's folder {} cannot be made", folder.display()))?;
    }
    if let Ok(metadata) = std::fs::symlink_metadata(path) {
        if !metadata.file_type().is_socket() {
            bail!("{} exists and is no socket", path.display());
        }
        if tokio::net::UnixStream::connect(path).await.is_ok() {
            bail!("another doorward answers on {}", path.display());
        }
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)
        .with_context(|| format!("the socket {} cannot be made", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    let served = Served {
        access,
        requests: Arc::new(Semaphore::new(CONCURRENT)),
        followers: Arc::new(Semaphore::new(FOLLOWERS)),
    };
    let router = Router::new()
        .route("/v1/events", get(events))
        .route("/v1/doors", get(doors))
        .route("/v1/queue", get(queue))
        .route("/v1/quarantine", get(quarantine))
        .with_state(served);
    axum::serve(listener, router).await?;
    Ok(())
}

/// An answer that could not be had.
struct Fault(StatusCode, String);

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

async fn doors(State(served): State<Served>) -> Result<Response, Fault> {
    let doors = ask(&served, Request::Doors).await?;
    Ok(Json(doors).into_response())
}

async fn queue(State(served): State<Served>) -> Result<Response, Fault> {
    let _turn = served.requests.acquire().await?;
    let status = ask(&served, Request::Status).await?;
    let journal = served.access.journal.read(crate::journal::Journal::statistics).await??;
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
    let _turn = served.requests.acquire().await?;
    let limit = limit.unwrap_or(100).min(MAX_ROWS);
    let rows = served.access.journal.read(move |journal| journal.list_quarantine(limit)).await??;
    Ok(Json(rows).into_response())
}

async fn ask<T>(
    served: &Served,
    request: impl FnOnce(oneshot::Sender<T>) -> Request,
) -> Result<T, Fault> {
    let (reply, answer) = oneshot::channel();
    served.access.requests.send(request(reply)).await?;
    Ok(answer.await?)
}

async fn events(
    State(served): State<Served>,
    Query(query): Query<EventQuery>,
) -> Result<Response, Fault> {
    let limit = query.limit.unwrap_or(if query.follow { 10 } else { 100 }).min(MAX_ROWS);
    let mut filter = EventFilter {
        after: query.after.unwrap_or(0),
        limit,
        event_type: query.event_type,
        subject: query.subject,
        newest: query.after.is_none(),
    };
    let mut committed = served.access.committed.clone();
    let mut known = *committed.borrow_and_update();
    let first = list(&served, &filter).await?;
    if !query.follow {
        return Ok(lines(first).into_response());
    }
    let Ok(permit) = Arc::clone(&served.followers).try_acquire_owned() else {
        let words = format!("{FOLLOWERS} followers are connected already");
        return Err(Fault(StatusCode::SERVICE_UNAVAILABLE, words));
    };
    filter.after = first.last().map_or(known, |row| row.sequence).max(filter.after);
    filter.newest = false;
    filter.limit = MAX_ROWS;
    let (body, chunks) = mpsc::channel::<Result<Bytes, Infallible>>(4);
    tokio::spawn(async move {
        let _permit = permit;
        if !first.is_empty() && body.send(Ok(lines(first).into())).await.is_err() {
            return;
        }
        loop {
            let rows = match list(&served, &filter).await {
                Ok(rows) => rows,
                Err(Fault(_, words)) => {
                    tracing::warn!(words, "a follower's list failed");
                    return;
                }
            };
            let full = rows.len() == filter.limit;
            filter.after = rows.last().map_or(filter.after.max(known), |row| row.sequence);
            if !rows.is_empty() && body.send(Ok(lines(rows).into())).await.is_err() {
                return;
            }
            if full {
                continue;
            }
            tokio::select! {
                changed = committed.changed() => if changed.is_err() { return },
                () = body.closed() => return,
            }
            known = filter.after;
            committed.borrow_and_update();
        }
    });
    let stream = futures_util::stream::unfold(chunks, |mut chunks| async move {
        chunks.recv().await.map(|chunk| (chunk, chunks))
    });
    Ok(Body::from_stream(stream).into_response())
}

async fn list(served: &Served, filter: &EventFilter) -> Result<Vec<EventRow>, Fault> {
    let _turn = served.requests.acquire().await?;
    let filter = filter.clone();
    Ok(served.access.journal.read(move |journal| journal.list_events(&filter)).await??)
}

fn lines(rows: Vec<EventRow>) -> String {
    let mut text = String::new();
    for row in rows {
        let event = serde_json::from_str(&row.detail).unwrap_or(serde_json::Value::Null);
        let line = EventLine { sequence: row.sequence, delivered: row.delivered, event };
        if let Ok(json) = serde_json::to_string(&line) {
            text.push_str(&json);
            text.push('\n');
        }
    }
    text
}
