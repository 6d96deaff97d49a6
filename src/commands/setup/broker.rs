//! Mosquitto's part: a file in its conf.d with the settings that we rely on, and the list of who may
//! use which topics.

use std::path::Path;

use super::acl;
use super::written::{Files, Readers};
use crate::config::VendorConfig;

/// The settings, each with its reason.
const SETTINGS: &str = include_str!("../../../config/mosquitto/doorward.conf");
/// Where they say that Mosquitto's files are, and its port.
const SHIPPED_FOLDER: &str = "/etc/mosquitto";
const SHIPPED_LISTENER: &str = "listener 8883";
/// Our file in Mosquitto's conf.d, and our folder beside it.
const DROP_IN: &str = "conf.d/doorward.conf";
pub(super) const FOLDER: &str = "doorward";
const LIST: &str = "doorward.acl";
/// In that folder: who may come in by the listener in clear.
pub(super) const PASSWORDS: &str = "passwords";
/// The listener in clear as it is shipped: commented out.
const SHIPPED_PLAIN: &str =
    "#listener 1883 192.168.50.1\n#password_file /etc/mosquitto/doorward/passwords\n";

/// Writes both. `group`: of the broker's user, who alone reads the list.
///
/// # Errors
/// Another of Mosquitto's files has the port already, or the vendors' topics cannot be kept apart.
pub(super) fn write(
    mosquitto: &Path,
    port: u16,
    plain: Option<&(String, u16)>,
    vendors: &[&VendorConfig],
    group: Option<u32>,
    files: &mut Files,
) -> anyhow::Result<()> {
    if let Some(other) = listens_already(mosquitto, port) {
        anyhow::bail!(
            "{other} has a listener at port {port} already\n  remedy: take it out there, or give \
             ours another port: --broker localhost:{}",
            port.saturating_add(1)
        );
    }
    if plain.is_some_and(|(_, own)| *own == port) {
        anyhow::bail!(
            "port {port} has the listener with TLS\n  remedy: another for the one in clear, as \
             --plain-listener ADDRESS:1883"
        );
    }
    if let Some((address, port)) = plain
        && let Some(other) = listens_already(mosquitto, *port)
    {
        anyhow::bail!(
            "{other} has a listener at port {port} already\n  remedy: take it out there, or give \
             ours another port: --plain-listener {address}:{}",
            port.saturating_add(1)
        );
    }
    let list = acl::list(vendors)?;
    let opened = plain.map_or_else(
        || SHIPPED_PLAIN.to_owned(),
        |(address, port)| {
            SHIPPED_PLAIN
                .replace('#', "")
                .replace("1883 192.168.50.1", &format!("{port} {address}"))
        },
    );
    let settings = SETTINGS
        .replace(SHIPPED_PLAIN, &opened)
        .replace(SHIPPED_FOLDER, &mosquitto.to_string_lossy())
        .replace(SHIPPED_LISTENER, &format!("listener {port}"));
    files.put(&mosquitto.join(FOLDER).join(LIST), &list, Readers::Group(group))?;
    files.put(&mosquitto.join(DROP_IN), &settings, Readers::Everybody)
}

/// The listener in clear that an earlier run, or a person, opened in our file.
pub(super) fn plain(mosquitto: &Path) -> Option<(String, u16)> {
    let text = std::fs::read_to_string(mosquitto.join(DROP_IN)).ok()?;
    let lines: Vec<&str> = text.lines().collect();
    lines.windows(2).find_map(|pair| {
        let [line, next] = pair else { return None };
        next.strip_prefix("password_file ")?;
        let mut words = line.strip_prefix("listener ")?.split_whitespace();
        let port = words.next()?.parse().ok()?;
        Some((words.next()?.to_owned(), port))
    })
}

/// Another file of Mosquitto's that listens at this port.
fn listens_already(mosquitto: &Path, port: u16) -> Option<String> {
    let ours = mosquitto.join(DROP_IN);
    let inside = std::fs::read_dir(mosquitto.join("conf.d")).into_iter().flatten();
    let mut files: Vec<_> = inside.filter_map(|item| Some(item.ok()?.path())).collect();
    files.push(mosquitto.join("mosquitto.conf"));
    files.sort();
    let listens = |text: &str| {
        text.lines().any(|line| {
            let mut words = line.split_whitespace();
            words.next() == Some("listener")
                && words.next().and_then(|word| word.parse().ok()) == Some(port)
        })
    };
    let found = files
        .into_iter()
        .filter(|file| *file != ours && file.extension().is_some_and(|ending| ending == "conf"))
        .find(|file| std::fs::read_to_string(file).is_ok_and(|text| listens(&text)));
    found.map(|file| file.display().to_string())
}
