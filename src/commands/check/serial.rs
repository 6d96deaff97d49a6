//! Whether each serial port is there and may be used, without opening it.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::broker::{file_of, words};
use super::part::Part;
use super::rights::User;
use super::surroundings::Surroundings;
use crate::config::{Configuration, Finding};
use crate::link::Connection;
use crate::local::Accounts;

/// Names that belong to an adapter.
const BY_ID: &str = "/dev/serial/by-id";
/// Most adapters that are named.
const NAMED: usize = 8;

pub(super) fn look(around: &Surroundings, configuration: &Configuration, part: &mut Part) {
    let mut any = false;
    let service = User::in_place_of_root(around, &configuration.gateway.state_dir);
    for vendor in &configuration.vendors {
        let Connection::Serial(line) = &vendor.connection else { continue };
        any = true;
        let what = format!("port of {} at {}", vendor.id, line.port.display());
        let port = around.place(&line.port.to_string_lossy());
        let tried = crate::supervisor::probe(&port).and_then(|()| also_of(service.as_ref(), &port));
        let Err(error) = tried else {
            part.well(what, stable_name(around, &port, &line.port));
            continue;
        };
        let detail = words(&error);
        let remedy = remedy(around, &port, &error);
        part.find(
            Finding::error(
                &file_of(around, vendor),
                format!("the {what} does not take us: {detail}"),
                remedy,
            )
            .at(None, "serial"),
        );
        part.bad(what, detail);
    }
    if !any {
        part.skip("no vendor is reached by a serial line");
    }
}

/// Root may use every port. Where it asks, the gateway's user must be able to.
fn also_of(service: Option<&User>, port: &Path) -> anyhow::Result<()> {
    let Some(user) = service else { return Ok(()) };
    let file = std::fs::metadata(port)?;
    if user.may_use(file.uid(), file.gid(), file.mode()) {
        return Ok(());
    }
    let words = "permission denied to the gateway's user";
    Err(std::io::Error::new(ErrorKind::PermissionDenied, words).into())
}

/// The adapters that are plugged in, by the names that stay theirs.
pub(in crate::commands) fn adapters(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|item| item.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

fn remedy(around: &Surroundings, port: &Path, error: &anyhow::Error) -> String {
    let kind = error
        .downcast_ref::<std::io::Error>()
        .map(std::io::Error::kind)
        .or_else(|| error.downcast_ref::<rustix::io::Errno>().map(|errno| errno.kind()));
    match kind {
        Some(ErrorKind::NotFound) => {
            let names = adapters(&around.place(BY_ID));
            if names.is_empty() {
                return "plug the adapter in; none is there (ls -l /dev/serial/by-id)".to_owned();
            }
            let named: Vec<String> =
                names.iter().take(NAMED).map(|name| format!("{BY_ID}/{name}")).collect();
            format!(
                "plug the adapter in, or set serial.port to one that is there: {}",
                named.join(", ")
            )
        }
        Some(ErrorKind::PermissionDenied) => {
            let group = std::fs::metadata(port).ok().and_then(|file| group(around, file.gid()));
            let group = group.unwrap_or_else(|| "dialout".to_owned());
            format!("sudo usermod -aG {group} doorward && sudo systemctl restart doorward")
        }
        _ => "check the name (ls -l /dev/serial/by-id)".to_owned(),
    }
}

/// The name of a group, by its number.
fn group(around: &Surroundings, gid: u32) -> Option<String> {
    Accounts::read(&around.root).group_numbered(gid).map(|group| group.name.clone())
}

/// Where the port has a name that stays its own, and is not called by it: that name.
fn stable_name(around: &Surroundings, port: &Path, called: &Path) -> Option<String> {
    if called.starts_with("/dev/serial") {
        return None;
    }
    let real = std::fs::canonicalize(port).ok()?;
    let folder = around.place(BY_ID);
    let name = adapters(&folder)
        .into_iter()
        .find(|name| std::fs::canonicalize(folder.join(name)).is_ok_and(|other| other == real))?;
    Some(format!("better called {BY_ID}/{name}"))
}
