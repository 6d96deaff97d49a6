//! `GET /v1/vendors`, `POST /v1/reload`: the vendors, and their files read anew.

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::access::Request;
use super::acts::operator;
use super::server::{Fault, Served, ask};
use super::socket::Peer;

/// What came of reading the configuration again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// False: something is wrong with the new one, and the old one goes on as a whole.
    pub applied: bool,
    /// Errors where it was not applied; else warnings. With file, line, key and remedy.
    pub findings: Vec<String>,
    /// Vendors, by name.
    pub added: Vec<String>,
    pub changed: Vec<String>,
    pub removed: Vec<String>,
    /// Entries that were added or are not as they were, by id.
    pub entries: Vec<String>,
    pub removed_entries: Vec<String>,
    /// Tables of `doorward.toml` that changed and count from the next start on.
    pub at_next_start: Vec<String>,
}

/// `GET /v1/vendors`.
pub(super) async fn vendors(State(served): State<Served>) -> Result<Response, Fault> {
    Ok(Json(ask(&served, Request::Vendors).await?).into_response())
}

/// `POST /v1/reload`: reads the configuration again, and goes by it if it is good.
pub(super) async fn reload(
    State(served): State<Served>,
    ConnectInfo(peer): ConnectInfo<Peer>,
) -> Result<Response, Fault> {
    let uid = operator(&served, &peer).await?;
    let reloaded = ask(&served, |reply| Request::Reload { uid: Some(uid), reply }).await?;
    let line = serde_json::to_string(&reloaded)? + "\n";
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], line).into_response())
}
