//! `doorward-vendor`: a vendor's process, as the gateway starts it, or one that only shows what holds
//! it.

use std::process::ExitCode;

use anyhow::Context;
use doorward_sandbox::{Prepared, Profile, ProgramText};
use serde::Serialize;
use tracing::Instrument;

use super::{log, output};
use crate::link::Layer;
use crate::vendor::{Attempt, Outcome};

/// A vendor's process; the gateway starts it.
#[derive(clap::Parser)]
#[command(name = "doorward-vendor", version)]
pub struct Program {
    #[command(flatten)]
    pub args: Args,
}

#[derive(clap::Args)]
pub struct Args {
    /// The vendor's name.
    name: String,
    /// Lock down, tell the layers and end.
    #[arg(long)]
    probe: bool,
    /// The port of the broker that there would be.
    #[arg(long, default_value_t = 8883, requires = "probe")]
    port: u16,
    /// Then try these.
    #[arg(long, requires = "probe", value_name = "ACT")]
    attempt: Vec<String>,
}

/// What a probe tells.
#[derive(Serialize)]
struct Told {
    layers: Vec<Layer>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    outcomes: Vec<Outcome>,
}

pub async fn run(
    args: Args,
    prepared: Prepared,
    text: Option<ProgramText>,
) -> anyhow::Result<ExitCode> {
    log::direct();
    if args.probe {
        return probe(&args, prepared);
    }
    // All vendors write to one log.
    tokio::spawn(super::settle::settle(text));
    let span = tracing::info_span!("vendor", name = args.name);
    crate::vendor::run(prepared).instrument(span).await?;
    Ok(ExitCode::SUCCESS)
}

fn probe(args: &Args, prepared: Prepared) -> anyhow::Result<ExitCode> {
    let attempts = args
        .attempt
        .iter()
        .map(|name| Ok((name, name.parse::<Attempt>().map_err(anyhow::Error::msg)?)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let profile = Profile { tcp_port: Some(args.port), names: true, ..Profile::default() };
    let layers = doorward_sandbox::lock_down(prepared, &profile).context("the sandbox")?;
    let outcomes = attempts.iter().map(|(name, attempt)| attempt.run(name)).collect();
    output::json(&Told { layers, outcomes })?;
    Ok(ExitCode::SUCCESS)
}
