//! `POST /v1/ask`, `GET /v1/grants`, `GET /v1/visits`: what operators ask and see of access.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::access::Request;
use super::asking::Ask;
use super::operators::may_act;
use super::server::{Fault, Served, ask as question};
use super::socket::Peer;

/// Longest request: an event of the bus.
pub(super) const MAX_BODY: usize = 64 * 1024 + 1024;

/// `POST /v1/ask`: an [`Ask`]; the answer comes when its outcome is durable.
pub(super) async fn ask(
    State(served): State<Served>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    body: Bytes,
) -> Result<Response, Fault> {
    let uid = operator(&served, &peer).await?;
    let ask: Ask = serde_json::from_slice(&body)
        .map_err(|error| Fault(StatusCode::BAD_REQUEST, format!("not a request: {error}")))?;
    let answer = question(&served, |reply| Request::Ask { ask, uid, reply }).await?;
    let line = serde_json::to_string(&answer)? + "\n";
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], line).into_response())
}

/// The user id of a peer who may act here.
pub(super) async fn operator(served: &Served, peer: &Peer) -> Result<u32, Fault> {
    let group = served.access.operators.clone();
    match peer.uid {
        Some(uid) if is_operator(uid, &group).await? => Ok(uid),
        uid => {
            tracing::warn!(?uid, "somebody who is no operator asked for an act");
            let words = format!(
                "only root and the members of the group {group} may act here\n  remedy: as root: \
                 usermod -aG {group} USER, then log in anew"
            );
            Err(Fault(StatusCode::FORBIDDEN, words))
        }
    }
}

/// Files are read for it, which may take their time.
async fn is_operator(uid: u32, group: &Arc<str>) -> Result<bool, Fault> {
    let group = Arc::clone(group);
    Ok(tokio::task::spawn_blocking(move || may_act(uid, &group)).await?)
}

/// `GET /v1/grants`: the grants that are held.
pub(super) async fn grants(State(served): State<Served>) -> Result<Response, Fault> {
    Ok(Json(question(&served, Request::Grants).await?).into_response())
}

/// `GET /v1/visits`: the visits under way.
pub(super) async fn visits(State(served): State<Served>) -> Result<Response, Fault> {
    Ok(Json(question(&served, Request::Visits).await?).into_response())
}
