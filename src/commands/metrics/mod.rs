//! `doorward metrics`: the gateway's figures for Prometheus.
//!
//! The core keeps plain figures and listens on no port. Their names, units and text are made here,
//! in a process of its own, from what the socket tells anybody who may read.

mod exposition;
mod listener;

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;

use super::output;
use crate::local::{Client, ClientError, DoorView, QueueView, VendorView};

#[derive(clap::Args)]
pub struct Args {
    /// Serve them over HTTP, at /metrics, until told to stop (SIGTERM, Ctrl-C). Only an address of
    /// the loopback.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

/// What the gateway told.
#[derive(Debug, Clone)]
struct Seen {
    queue: QueueView,
    vendors: Vec<VendorView>,
    doors: Vec<DoorView>,
    at: Timestamp,
}

impl Seen {
    async fn ask(client: &Client) -> Result<Self, ClientError> {
        Ok(Self {
            queue: client.get("/v1/queue", &()).await?,
            vendors: client.get("/v1/vendors", &()).await?,
            doors: client.get("/v1/doors", &()).await?,
            at: Timestamp::now(),
        })
    }
}

pub async fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    let client = output::client(config)?;
    if let Some(address) = args.listen {
        listener::serve(address, client).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let seen = Seen::ask(&client).await?;
    let text = exposition::of(Some(seen))?;
    output::line(text.trim_end());
    Ok(ExitCode::SUCCESS)
}
