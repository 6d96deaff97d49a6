//! Reads orders from the standard input and answers for each on the standard output.

use std::io::BufRead as _;
use std::sync::Arc;

use serde_json::json;
use tokio::sync::mpsc;

use crate::orders::Order;
use crate::service::{Service, say};

/// Lines that wait to be read.
const WAITING: usize = 16;

/// Serves the desk until the standard input ends; the service goes on after that.
pub async fn serve(service: Arc<Service>) {
    let (lines, mut read) = mpsc::channel(WAITING);
    // A thread of its own: a runtime would wait at its end for a line that never comes.
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if lines.blocking_send(line).is_err() {
                return;
            }
        }
    });
    while let Some(line) = read.recv().await {
        if line.trim().is_empty() {
            continue;
        }
        let done = match serde_json::from_str::<Order>(&line) {
            Ok(order) => service.order(order).await,
            Err(error) => Err(anyhow::anyhow!("not an order: {error}")),
        };
        if let Err(error) = done {
            say(&json!({ "refused": format!("{error:#}") }));
        }
    }
}
