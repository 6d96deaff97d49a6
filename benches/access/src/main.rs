//! What it costs to decide at the door, beside the least that it could cost.
//!
//! - `wire SOCKET BROKER_PORT KEY FILE [REQUESTS]`: signed requests, each with a new grant in it,
//!   one after the other to a running gateway's SOCKET, until the command stands at the simulated
//!   lock. In turns with a write of 3 KiB into FILE with `fdatasync`, which is the least that "no
//!   use and no intent is lost" costs, and with a message through the broker alone. KEY signs, and
//!   must be on the gateway's list of issuers as `bench`.
//! - `decide [ROUNDS]`: the decision alone, on one core, in turns with one verification of an
//!   Ed25519 signature and one SHA-256 of the same request.
//!
//! `scripts/bench/access.py` starts the gateway and the broker, and runs both.

mod decide;
mod desk;
mod disk;
mod locks;
mod quantiles;
mod wire;

use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result, bail};

const USAGE: &str =
    "usage: doorward-access-bench wire SOCKET BROKER_PORT KEY FILE [REQUESTS] | decide [ROUNDS]";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let at = |index: usize| arguments.get(index).map(String::as_str);
    match at(0) {
        Some("wire") => wire::run(&wire::Place {
            socket: Path::new(at(1).context(USAGE)?),
            broker: at(2).context(USAGE)?.parse().context(USAGE)?,
            key: Path::new(at(3).context(USAGE)?),
            file: Path::new(at(4).context(USAGE)?),
            requests: number(at(5), 2_000)?,
        }),
        Some("decide") => decide::run(number(at(1), 31)?),
        _ => bail!(USAGE),
    }
}

/// The number in this argument, else `default`.
fn number<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    argument: Option<&str>,
    default: T,
) -> Result<T> {
    argument.map_or(Ok(default), |text| text.parse().context(USAGE))
}
