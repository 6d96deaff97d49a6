//! What the journal costs beside the least that durability costs.
//!
//! - `groups FOLDER [ROUNDS SECONDS [access]]`: commits of 1, 10, 50 and 100 events, as a gateway in its
//!   steady state makes them (facts, digests, marks of delivery, deletion of old history), in
//!   turns with the same rows written bare and `fdatasync`ed. Bytes are `write_bytes` of the
//!   process over the journal's turns, checkpoints and deletion included.
//!   With `access`, doors that are opened by somebody: events that leave digests, of which ranges
//!   are closed.
//! - `fill FILE [EVENTS]`: a journal with so many waiting events, left as a crash leaves it.
//! - `start FILE [ROUNDS]`: how long opening it takes, out of the page cache and in it. It must be
//!   a journal of which `fill` is told: each opening ends as a stop in order.

mod cost;
mod groups;
mod load;
mod raw;
mod spread;
mod start;

use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result, bail};

use crate::load::Kind;

const USAGE: &str = "usage: doorward-journal-bench groups FOLDER [ROUNDS SECONDS [access]] | fill FILE [EVENTS] | start FILE [ROUNDS]";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let path = Path::new(arguments.get(1).context(USAGE)?);
    match arguments.first().map(String::as_str) {
        Some("groups") => {
            let kind = match arguments.get(4).map(String::as_str) {
                None => Kind::Doors,
                Some("access") => Kind::Access,
                Some(_) => bail!(USAGE),
            };
            groups::run(path, number(&arguments, 2, 7)?, number(&arguments, 3, 3.0)?, kind)
        }
        Some("fill") => start::fill(path, number(&arguments, 2, 1_000_000)?),
        Some("start") => start::run(path, number(&arguments, 2, 7)?),
        _ => bail!(USAGE),
    }
}

/// The argument at `at`, else `default`.
fn number<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    arguments: &[String],
    at: usize,
    default: T,
) -> Result<T> {
    arguments.get(at).map_or(Ok(default), |text| text.parse().context(USAGE))
}
