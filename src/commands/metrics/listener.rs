//! Serves the figures on a port of the loopback. Whoever scrapes asks this process, and this one
//! asks the core: a scraper gone wild costs the core no more than a few questions at a time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;

use super::{Seen, exposition};
use crate::local::Client;

/// Scrapes at once; further ones are told to come again.
const SCRAPES: usize = 2;
/// How long the gateway may take; then it counts as down.
const PATIENCE: Duration = Duration::from_secs(8);
/// What Prometheus calls the format (`OpenMetrics` 1.0).
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone)]
struct Served {
    client: Client,
    scrapes: Arc<Semaphore>,
}

/// Serves until the process is told to stop.
///
/// # Errors
/// The address is not of the loopback, or taken.
pub async fn serve(address: SocketAddr, client: Client) -> anyhow::Result<()> {
    if !address.ip().is_loopback() {
        bail!(
            "{address} can be reached from outside, and the figures say when people come and go\n  \
             remedy: listen on 127.0.0.1, and let the machine's own Prometheus agent fetch them"
        );
    }
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("nothing can listen on {address}\n  remedy: choose another port with --listen")
    })?;
    let served = Served { client, scrapes: Arc::new(Semaphore::new(SCRAPES)) };
    let router = Router::new().route("/metrics", get(scrape)).with_state(served);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    tokio::select! {
        served = axum::serve(listener, router) => served?,
        () = stop => {}
    }
    Ok(())
}

async fn scrape(State(served): State<Served>) -> Response {
    let Ok(_permit) = served.scrapes.try_acquire() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    // That it does not answer is a figure too.
    let seen = tokio::time::timeout(PATIENCE, Seen::ask(&served.client)).await;
    match exposition::of(seen.ok().and_then(Result::ok)) {
        Ok(text) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
