//! From the vendor's tables to the units of a line: what is inconsistent is refused here, with the
//! key at which it stands.

use std::collections::{BTreeMap, btree_map::Entry};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::contact::Input;
use super::frame::{MAX_COUNT, OFF, ON, Request, UNITS, WRITE_COIL, WRITE_REGISTER};
use super::inputs::{Motion, Sensors};
use super::relays::{Drive, Relay, Role};
use super::settings::{EndpointTable, InputTable, PulseTable, RelayTable, within};
use super::unit::{Endpoint, Span, Unit};
use crate::ecosystem::{EndpointSetup, Fault, Setup, read_table};
use crate::observation::Device;
use crate::vocabulary::Capability;

/// Most endpoints of one line, and so most of its units.
pub(super) const MAX_ENDPOINTS: usize = 64;

const HOLD_MS: RangeInclusive<i64> = 50..=10_000;
const NUMBERS: RangeInclusive<i64> = 0..=0xffff;

/// The value of [`WRITE_COIL`] that switches a relay over on many boards. It is in no specification.
const SWITCH_OVER: u16 = 0x5500;

/// The units of a line, and the devices on them in the file's order.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) devices: Vec<Device>,
    pub(super) units: Vec<Unit>,
}

/// Reads the tables `[[endpoint]]`. `None`: `faults` says why.
pub(super) fn read(setup: &Setup, faults: &mut Vec<Fault>) -> Option<Plan> {
    if setup.endpoints.len() > MAX_ENDPOINTS {
        let message = format!("more than {MAX_ENDPOINTS} endpoints on one line");
        let remedy = "put the rest on another line, in a vendor file of its own";
        faults.push(Fault::error(format!("endpoint.{MAX_ENDPOINTS}"), message, remedy));
        return None;
    }
    let mut reader = Reader { faults, claims: BTreeMap::new(), drafts: BTreeMap::new() };
    let mut devices = Vec::new();
    let mut whole = true;
    for (index, endpoint) in setup.endpoints.iter().enumerate() {
        match reader.endpoint(&format!("endpoint.{index}"), endpoint) {
            Some(device) => devices.push(device),
            None => whole = false,
        }
    }
    let units = reader.units()?;
    whole.then_some(Plan { devices, units })
}

/// What only one role may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Claim {
    Input { unit: u8, number: u16 },
    Coil { unit: u8, number: u16 },
    Pulse { unit: u8, function: u8, register: u16, value: u16 },
}

/// A unit as far as it is known.
#[derive(Debug, Default)]
struct Draft {
    inputs: Extent,
    coils: Extent,
    endpoints: Vec<Endpoint>,
}

/// The least and the greatest number, with the keys that said them.
#[derive(Debug, Default)]
struct Extent {
    least: Option<u16>,
    greatest: Option<(u16, String)>,
}

impl Extent {
    fn add(&mut self, number: u16, key: String) {
        self.least = Some(self.least.map_or(number, |least| least.min(number)));
        if self.greatest.as_ref().is_none_or(|(greatest, _)| *greatest < number) {
            self.greatest = Some((number, key));
        }
    }

    /// What one request reads. `Err`: it would read too much.
    fn span(&self) -> Result<Option<Span>, Fault> {
        let (Some(first), Some((last, key))) = (self.least, &self.greatest) else {
            return Ok(None);
        };
        let count = u32::from(last - first) + 1;
        match u16::try_from(count) {
            Ok(count) if count <= MAX_COUNT => Ok(Some(Span { first, count })),
            _ => {
                let message = format!(
                    "{count} numbers from {first} on; one request reads at most {MAX_COUNT}"
                );
                Err(Fault::error(key, message, "check the number; boards count from 0"))
            }
        }
    }
}

struct Reader<'a> {
    faults: &'a mut Vec<Fault>,
    claims: BTreeMap<Claim, String>,
    drafts: BTreeMap<u8, Draft>,
}

impl Reader<'_> {
    fn fault(&mut self, key: impl Into<String>, message: impl Into<String>, remedy: &str) {
        self.faults.push(Fault::error(key, message, remedy));
    }

    fn number<T: TryFrom<i64>>(
        &mut self,
        value: Option<i64>,
        key: &str,
        range: RangeInclusive<i64>,
    ) -> Option<T> {
        within(value, key, range, self.faults)
    }

    /// Every fault of the endpoint is found, whatever came before it.
    fn endpoint(&mut self, place: &str, setup: &EndpointSetup) -> Option<Device> {
        let table: EndpointTable = read_table(&setup.settings, place, self.faults)?;
        let units = i64::from(*UNITS.start())..=i64::from(*UNITS.end());
        let unit: Option<u8> = self.number(table.unit, &format!("{place}.unit"), units);
        let faults_before = self.faults.len();
        let sensors = Sensors {
            closed: self.input(place, "closed", unit, table.closed),
            open: self.input(place, "open", unit, table.open),
            obstruction: self.input(place, "obstruction", unit, table.obstruction),
            lock: self.input(place, "lock", unit, table.lock),
            motion: Motion::default(),
        };
        let has_limits = table.closed.is_some() && table.open.is_some();
        let mut relays = Vec::new();
        for (role, table) in table.relay.each() {
            let place = format!("{place}.relay.{}", role.name());
            if role == Role::Toggle && !has_limits {
                let message = "a toggle without both limits: nobody would know what it does";
                let remedy = "wire a closed and an open limit switch to inputs, and list them";
                self.fault(&place, message, remedy);
            }
            relays.extend(self.relay(&place, unit, role, table));
        }
        let unit = unit?;
        if self.faults.len() > faults_before {
            return None;
        }
        if sensors.is_empty() && relays.is_empty() {
            let remedy = "list what is wired to the board, as closed or relay.open";
            self.fault(place, "neither an input nor a relay", remedy);
            return None;
        }
        let device = Device {
            identity: setup.identity.clone(),
            address: setup.address.clone(),
            manufacturer: None,
            model: None,
            capabilities: capabilities(&sensors, &relays),
        };
        let endpoint = Endpoint::new(setup.address.clone(), sensors, relays);
        self.drafts.entry(unit).or_default().endpoints.push(endpoint);
        Some(device)
    }

    fn input(
        &mut self,
        place: &str,
        name: &str,
        unit: Option<u8>,
        table: Option<InputTable>,
    ) -> Option<Input> {
        let table = table?;
        let key = format!("{place}.{name}.input");
        let number = self.number(table.input, &key, NUMBERS);
        if table.contact.is_none() {
            let remedy =
                "\"normally_open\" if the input is on while active, else \"normally_closed\"";
            self.fault(format!("{place}.{name}.contact"), "missing", remedy);
        }
        let (number, contact, unit) = (number?, table.contact?, unit?);
        self.claim(Claim::Input { unit, number }, &key, "this input of the unit");
        self.drafts.entry(unit).or_default().inputs.add(number, key);
        Some(Input::new(number, contact))
    }

    fn relay(
        &mut self,
        place: &str,
        unit: Option<u8>,
        role: Role,
        table: RelayTable,
    ) -> Option<Relay> {
        let key = format!("{place}.coil");
        let coil = self.number(table.coil, &key, NUMBERS);
        let drive = self.drive(place, unit, table);
        let (coil, unit) = (coil?, unit?);
        self.claim(Claim::Coil { unit, number: coil }, &key, "this coil of the unit");
        self.drafts.entry(unit).or_default().coils.add(coil, key);
        Some(Relay::new(role, coil, drive?))
    }

    fn drive(&mut self, place: &str, unit: Option<u8>, table: RelayTable) -> Option<Drive> {
        match (table.max_hold_ms, table.pulse) {
            (Some(_), None) => {
                let key = format!("{place}.max_hold_ms");
                let hold: u16 = self.number(table.max_hold_ms, &key, HOLD_MS)?;
                Some(Drive::Hold(Duration::from_millis(hold.into())))
            }
            (None, Some(pulse)) => self.pulse(&format!("{place}.pulse"), unit, pulse),
            (None, None) => {
                let remedy = "give max_hold_ms, or the board's own pulse";
                self.fault(place, "nothing bounds how long this relay is on", remedy);
                None
            }
            (Some(_), Some(_)) => {
                let remedy = "remove max_hold_ms, or pulse";
                self.fault(place, "both max_hold_ms and pulse: only one can hold", remedy);
                None
            }
        }
    }

    fn pulse(&mut self, place: &str, unit: Option<u8>, table: PulseTable) -> Option<Drive> {
        let key = format!("{place}.function");
        let functions = i64::from(WRITE_COIL)..=i64::from(WRITE_REGISTER);
        let function: Option<u8> = self.number(table.function, &key, functions);
        let first: Option<u16> = self.number(table.register, &format!("{place}.register"), NUMBERS);
        let key = format!("{place}.value");
        let value: Option<u16> = self.number(table.value, &key, NUMBERS);
        let (function, first, value) = (function?, first?, value?);
        let wrong = match value {
            _ if function != WRITE_COIL => None,
            ON => Some("this value switches on, and nothing switches off again"),
            OFF => Some("this value switches off"),
            SWITCH_OVER => Some("with this value many boards switch over: on as well as off"),
            _ => None,
        };
        if let Some(message) = wrong {
            self.fault(&key, message, "take the value of a pulse from the board's manual");
            return None;
        }
        let unit = unit?;
        let claim = Claim::Pulse { unit, function, register: first, value };
        self.claim(claim, &key, "this pulse of the unit");
        Some(Drive::Pulse(Request { unit, function, first, value }))
    }

    /// What two roles share, one of them has wrong; and one relay for two acts is a toggle.
    fn claim(&mut self, claim: Claim, key: &str, what: &str) {
        match self.claims.entry(claim) {
            Entry::Vacant(free) => {
                free.insert(key.to_owned());
            }
            Entry::Occupied(taken) => {
                let message = format!("{what} is {}'s already", taken.get());
                let remedy = "give each role a number of its own";
                self.faults.push(Fault::error(key, message, remedy));
            }
        }
    }

    fn units(self) -> Option<Vec<Unit>> {
        let mut units = Vec::new();
        let mut whole = true;
        for (number, draft) in self.drafts {
            match (draft.inputs.span(), draft.coils.span()) {
                (Ok(inputs), Ok(coils)) => {
                    units.push(Unit::new(number, inputs, coils, draft.endpoints));
                }
                (inputs, coils) => {
                    self.faults.extend([inputs, coils].into_iter().filter_map(Result::err));
                    whole = false;
                }
            }
        }
        whole.then_some(units)
    }
}

fn capabilities(sensors: &Sensors, relays: &[Relay]) -> Vec<Capability> {
    [
        (sensors.lock.is_some(), Capability::Lock),
        (sensors.has_position(), Capability::Position),
        (sensors.obstruction.is_some(), Capability::Obstruction),
        (relays.iter().any(|relay| relay.role.act().is_some()), Capability::Actuator),
    ]
    .into_iter()
    .filter_map(|(has, capability)| has.then_some(capability))
    .collect()
}
