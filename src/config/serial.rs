//! `[serial]` of a vendor's file: its port.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Finding;
use super::source::Source;
use crate::link::{Parity, SerialLine};

/// Speeds that serial adapters have, in bits a second.
const SPEEDS: [u32; 9] = [1200, 2400, 4800, 9600, 19200, 38400, 57600, 115_200, 230_400];

/// Folders whose names belong to an adapter, whatever else is plugged in before it.
const STABLE_NAMES: [&str; 2] = ["/dev/serial/by-id", "/dev/serial/by-path"];

#[derive(Deserialize)]
pub struct SerialTable {
    port: PathBuf,
    #[serde(default = "usual_speed")]
    baud: u32,
    #[serde(default = "no_parity")]
    parity: Parity,
    #[serde(default = "one")]
    stop_bits: u8,
}

fn usual_speed() -> u32 {
    9600
}

fn no_parity() -> Parity {
    Parity::None
}

fn one() -> u8 {
    1
}

/// Takes the table over.
pub fn read(source: &Source, table: SerialTable, findings: &mut Vec<Finding>) -> SerialLine {
    let SerialTable { port, baud, parity, stop_bits } = table;
    if !port.is_absolute() {
        findings.push(source.error(
            "serial.port",
            format!("{:?} is no whole path", port.display().to_string()),
            "give the adapter's name under /dev/serial/by-id (ls -l /dev/serial/by-id)",
        ));
    } else if !STABLE_NAMES.iter().any(|folder| port.starts_with(folder)) {
        findings.push(source.warning(
            "serial.port",
            format!("{} may be another adapter after the next start", port.display()),
            "give the adapter's name under /dev/serial/by-id (ls -l /dev/serial/by-id)",
        ));
    }
    if !SPEEDS.contains(&baud) {
        let speeds: Vec<String> = SPEEDS.iter().map(ToString::to_string).collect();
        let remedy = format!("use the board's own: {}", speeds.join(", "));
        findings.push(source.error("serial.baud", format!("{baud} is no usual speed"), remedy));
    }
    if !(1..=2).contains(&stop_bits) {
        let message = format!("{stop_bits} is no number of stop bits");
        findings.push(source.error("serial.stop_bits", message, "use 1 or 2"));
    }
    SerialLine { port, baud, parity, stop_bits }
}

/// Whether two names are of one port, as far as can be seen now.
pub fn is_same_port(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    one == other || real(one) == real(other)
}
