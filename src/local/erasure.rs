//! Erasing a person from the journal, in steps between the commits.
//!
//! Once begun it goes on to its end, whether its asker listens or not. Nothing here says, logs or
//! keeps whose data it is.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::access::Request;
use super::api::{EraseLine, EraseRequest, ErasedView};
use super::server::{Fault, Served, in_time};
use super::socket::Peer;
use crate::journal::{Copies, Erased, Erasure, EventFilter, MAX_SUBJECT, MIN_SUBJECT};

/// Longest request.
pub(super) const MAX_BODY: usize = 4096;
/// Its asker is told how far it is this often.
const PROGRESS: Duration = Duration::from_secs(1);
/// How long the event that tells of it may take to be committed before its asker is answered.
const TELLING: Duration = Duration::from_secs(30);

/// `POST /v1/erase`: an [`EraseRequest`]; the answer is lines of [`EraseLine`].
pub(super) async fn erase(
    State(served): State<Served>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    body: Bytes,
) -> Result<Response, Fault> {
    let Some(uid) = peer.uid else {
        let words = "the system does not say who asks".to_owned();
        return Err(Fault(StatusCode::FORBIDDEN, words));
    };
    // The body is not shown in an error: it may be somebody's name.
    let erasure = serde_json::from_slice::<EraseRequest>(&body)
        .ok()
        .map(|request| Erasure::of(&request.subject));
    let Some(Some(erasure)) = erasure else {
        let words = format!(
            "send {{\"subject\":TEXT}}, of {MIN_SUBJECT} to {MAX_SUBJECT} bytes: a shorter one would \
             match by chance"
        );
        return Err(Fault(StatusCode::BAD_REQUEST, words));
    };
    let Ok(turn) = std::sync::Arc::clone(&served.erasing).try_acquire_owned() else {
        let words = "another erasure is under way".to_owned();
        return Err(Fault(StatusCode::CONFLICT, words));
    };
    let (lines, heard) = mpsc::channel(4);
    let _ = lines.try_send(EraseLine::Progress(Erased::default()));
    tokio::spawn(async move {
        let last = match to_its_end(&served, erasure, uid, &lines).await {
            Ok(view) => EraseLine::Done(view),
            Err(Fault(_, words)) => EraseLine::Failed(words),
        };
        drop(turn);
        // Nobody may listen any more.
        let _ = lines.send(last).await;
    });
    let answer = futures_util::stream::unfold(heard, |mut heard| async move {
        let line = heard.recv().await?;
        let text = serde_json::to_string(&line).map(|text| text + "\n");
        Some((text.map_err(std::io::Error::other), heard))
    });
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(answer)).into_response())
}

/// Erases, removes copies, and sees to it that the gateway tells of it.
async fn to_its_end(
    served: &Served,
    erasure: Erasure,
    uid: u32,
    lines: &mpsc::Sender<EraseLine>,
) -> Result<ErasedView, Fault> {
    let so_far = *served.access.committed.borrow();
    let (erased, outcome) = in_steps(served, erasure, lines).await;
    let outcome = match outcome {
        // Whatever was set aside holds what the journal once held.
        Ok(()) => copies(served).await,
        Err(fault) => Err(fault),
    };
    let told = if outcome.is_ok() || erased != Erased::default() {
        tracing::info!(uid, events = erased.events, "a person's data was erased");
        in_time(served.access.requests.send(Request::Erased { erased, uid })).await??;
        tokio::time::timeout(TELLING, is_told(served, so_far)).await.unwrap_or(Ok(false))?
    } else {
        false
    };
    let Copies { removed, left } = outcome?;
    Ok(ErasedView { erased, told, removed, left })
}

/// The journal's own part. What went is said even where it broke off.
async fn in_steps(
    served: &Served,
    mut erasure: Erasure,
    lines: &mpsc::Sender<EraseLine>,
) -> (Erased, Result<(), Fault>) {
    let mut said = Instant::now();
    let mut known = Erased::default();
    loop {
        let step = served
            .access
            .journal
            .act(move |journal| {
                let done = journal.erase_step(&mut erasure);
                (erasure, done)
            })
            .await;
        let done = match step {
            Ok((next, done)) => {
                known = next.erased();
                erasure = next;
                done
            }
            Err(ended) => return (known, Err(ended.into())),
        };
        match done {
            Ok(true) => return (known, Ok(())),
            Ok(false) => {}
            Err(error) => return (known, Err(error.into())),
        }
        if said.elapsed() >= PROGRESS {
            said = Instant::now();
            let _ = lines.try_send(EraseLine::Progress(known));
        }
    }
}

async fn copies(served: &Served) -> Result<Copies, Fault> {
    Ok(served.access.journal.act(|journal| journal.remove_copies()).await??)
}

/// Waits until the event that tells of it is committed. It is the only one of its type after
/// `so_far`, since there is one erasure at a time.
async fn is_told(served: &Served, so_far: u64) -> Result<bool, Fault> {
    let mut committed = served.access.committed.clone();
    let filter = EventFilter {
        after: so_far,
        limit: 1,
        event_type: Some("gateway.subject_erased".to_owned()),
        ..EventFilter::default()
    };
    loop {
        let mut filter = filter.clone();
        committed.borrow_and_update();
        loop {
            let part = filter.clone();
            let page = served.read(move |journal| journal.list_events(&part)).await?;
            if !page.rows.is_empty() {
                return Ok(true);
            }
            match page.go_on {
                Some(slot) => filter.after = slot,
                None => break,
            }
        }
        // The gateway has stopped; it commits what it has in hand before it does.
        if committed.changed().await.is_err() {
            return Ok(false);
        }
    }
}
