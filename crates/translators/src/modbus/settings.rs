//! What the vendor's file says of a line and its boards, as it stands there. [`super::plan`] turns
//! it into units.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Deserialize;

use super::contact::Contact;
use super::inputs::Pace;
use super::relays::Role;
use super::timing::Timing;
use crate::ecosystem::{Fault, Setup, read_table};

const POLL_MS: RangeInclusive<i64> = 20..=5000;
const TIMEOUT_MS: RangeInclusive<i64> = 10..=2000;
const DEBOUNCE_MS: RangeInclusive<i64> = 0..=5000;
const TRAVEL_S: RangeInclusive<i64> = 1..=600;
const BAUD: RangeInclusive<i64> = 300..=1_000_000;

/// The table `[settings]`.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct LineTable {
    poll_ms: i64,
    timeout_ms: i64,
    debounce_ms: i64,
    travel_s: i64,
    /// Not the operator's: whoever opens the line puts its rate here.
    baud: i64,
}

impl Default for LineTable {
    fn default() -> Self {
        Self { poll_ms: 100, timeout_ms: 100, debounce_ms: 150, travel_s: 60, baud: 9600 }
    }
}

/// How a line is driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineSettings {
    pub(super) poll: Duration,
    pub(super) timeout: Duration,
    pub(super) pace: Pace,
    pub(super) timing: Timing,
}

/// A table `[[endpoint]]` without its id and address.
#[derive(Debug, Deserialize)]
pub(super) struct EndpointTable {
    pub(super) unit: Option<i64>,
    pub(super) closed: Option<InputTable>,
    pub(super) open: Option<InputTable>,
    pub(super) obstruction: Option<InputTable>,
    pub(super) lock: Option<InputTable>,
    #[serde(default)]
    pub(super) relay: RelayTables,
}

/// An input. Which contact it is has no default: a wrong one turns locked into unlocked.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct InputTable {
    pub(super) input: Option<i64>,
    pub(super) contact: Option<Contact>,
}

/// The tables `[endpoint.relay.…]`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct RelayTables {
    open: Option<RelayTable>,
    close: Option<RelayTable>,
    stop: Option<RelayTable>,
    unlock: Option<RelayTable>,
    lock: Option<RelayTable>,
    toggle: Option<RelayTable>,
}

impl RelayTables {
    pub(super) fn each(self) -> impl Iterator<Item = (Role, RelayTable)> {
        [
            (Role::Open, self.open),
            (Role::Close, self.close),
            (Role::Stop, self.stop),
            (Role::Unlock, self.unlock),
            (Role::Lock, self.lock),
            (Role::Toggle, self.toggle),
        ]
        .into_iter()
        .filter_map(|(role, table)| Some((role, table?)))
    }
}

/// A relay: exactly one of `max_hold_ms` and `pulse`.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct RelayTable {
    pub(super) coil: Option<i64>,
    pub(super) max_hold_ms: Option<i64>,
    pub(super) pulse: Option<PulseTable>,
}

/// The frame that makes the board itself switch on and off again.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct PulseTable {
    pub(super) function: Option<i64>,
    pub(super) register: Option<i64>,
    pub(super) value: Option<i64>,
}

/// Reads `[settings]`.
pub(super) fn line(setup: &Setup, faults: &mut Vec<Fault>) -> Option<LineSettings> {
    let table: LineTable = read_table(&setup.settings, "settings", faults)?;
    let mut number = |key: &str, value, range| {
        within::<u32>(Some(value), &format!("settings.{key}"), range, faults)
    };
    let poll = number("poll_ms", table.poll_ms, POLL_MS);
    let timeout = number("timeout_ms", table.timeout_ms, TIMEOUT_MS);
    let debounce = number("debounce_ms", table.debounce_ms, DEBOUNCE_MS);
    let travel = number("travel_s", table.travel_s, TRAVEL_S);
    let baud = number("baud", table.baud, BAUD);
    Some(LineSettings {
        poll: Duration::from_millis(poll?.into()),
        timeout: Duration::from_millis(timeout?.into()),
        pace: Pace {
            debounce: Duration::from_millis(debounce?.into()),
            travel: Duration::from_secs(travel?.into()),
        },
        timing: Timing::new(baud?),
    })
}

/// A number that must be there and in its range, or a fault.
pub(super) fn within<T: TryFrom<i64>>(
    value: Option<i64>,
    key: &str,
    range: RangeInclusive<i64>,
    faults: &mut Vec<Fault>,
) -> Option<T> {
    let (least, most) = (*range.start(), *range.end());
    let remedy = format!("give a whole number from {least} to {most}");
    let message = match value {
        None => "missing".to_owned(),
        Some(value) if range.contains(&value) => return T::try_from(value).ok(),
        Some(value) => format!("{value} is not from {least} to {most}"),
    };
    faults.push(Fault::error(key, message, remedy));
    None
}
