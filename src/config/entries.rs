//! The entries of `doorward.toml`, and whether their roles have devices.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::gateway::bad_zone;
use super::names::{ID_RULE, is_id, is_identity, is_vendor};
use super::source::Source;
use super::{Finding, VendorConfig};
use crate::domain::entry::{Entry, EntryKind, Role};
use crate::domain::ids::{EndpointId, EntryId, VendorId};
use crate::domain::operation::Timers;

#[derive(Deserialize)]
pub struct EntryTable {
    id: String,
    #[serde(default = "door")]
    kind: EntryKind,
    site: Option<String>,
    time_zone: Option<String>,
    interlock_group: Option<String>,
    #[serde(default = "yes")]
    enabled: bool,
    /// Whether it may be closed with nobody there: an intentional act of the owner's.
    #[serde(default)]
    unattended_close: bool,
    #[serde(default)]
    timers: Timers,
    // Not by `Role`: an unknown one is a typo, and stops no gateway.
    #[serde(default)]
    roles: BTreeMap<String, String>,
}

fn yes() -> bool {
    true
}

fn door() -> EntryKind {
    EntryKind::Door
}

/// An entry and its place in the file.
pub struct Listed {
    index: usize,
    entry: Entry,
}

/// Takes the entries over. A bad one is left out, the others stand.
pub fn read(
    source: &Source,
    tables: Vec<EntryTable>,
    time_zone: &str,
    findings: &mut Vec<Finding>,
) -> Vec<Listed> {
    let mut taken: HashMap<String, usize> = HashMap::new();
    let mut entries = Vec::new();
    for (index, table) in tables.into_iter().enumerate() {
        let before = findings.len();
        let key = |name: &str| format!("entry.{index}.{name}");
        for (name, text) in [
            ("id", Some(&table.id)),
            ("site", table.site.as_ref()),
            ("interlock_group", table.interlock_group.as_ref()),
        ] {
            if let Some(text) = text.filter(|text| !is_id(text)) {
                let message = format!("{text:?} is not usable as a name; the entry is left out");
                findings.push(source.error(key(name), message, ID_RULE));
            }
        }
        if let Some(zone) = &table.time_zone {
            findings.extend(bad_zone(source, &key("time_zone"), zone));
        }
        if let Some(first) = taken.get(&table.id) {
            let line = source.line_of(&format!("entry.{first}.id"));
            findings.push(source.error(
                key("id"),
                format!("line {line} has an entry {:?} already; this one is left out", table.id),
                "give each entry an id of its own",
            ));
        }
        if findings.get(before..).is_some_and(|new| new.iter().any(Finding::is_error)) {
            continue;
        }
        taken.insert(table.id.clone(), index);
        let roles = roles(source, index, table.roles, findings);
        let entry = Entry {
            id: EntryId::new(table.id),
            kind: table.kind,
            site: table.site,
            time_zone: table.time_zone.unwrap_or_else(|| time_zone.to_owned()),
            interlock_group: table.interlock_group,
            enabled: table.enabled,
            unattended_close: table.unattended_close,
            timers: table.timers,
            roles,
        };
        entries.push(Listed { index, entry });
    }
    entries
}

/// A role that cannot be used is left out.
fn roles(
    source: &Source,
    index: usize,
    table: BTreeMap<String, String>,
    findings: &mut Vec<Finding>,
) -> BTreeMap<Role, EndpointId> {
    let mut roles = BTreeMap::new();
    for (name, endpoint) in table {
        let key = format!("entry.{index}.roles.{name}");
        let Some(role) = Role::ALL.into_iter().find(|role| role.as_str() == name) else {
            findings.push(source.unknown_key(key, &Role::ALL.map(Role::as_str).join(", ")));
            continue;
        };
        match endpoint.split_once(':') {
            Some((vendor, identity)) if is_vendor(vendor) && is_identity(identity) => {
                roles.insert(role, EndpointId::new(endpoint));
            }
            _ => findings.push(source.error(
                key,
                format!("{endpoint:?} is no endpoint; the role is left out"),
                "write <vendor>:<identity>, as in \"zigbee2mqtt:0x00124b0024c9d2a1\"",
            )),
        }
    }
    roles
}

/// Checks the entries' roles against the vendors.
pub fn bind(
    source: &Source,
    entries: Vec<Listed>,
    vendors: &[VendorConfig],
    disabled: &[VendorId],
    findings: &mut Vec<Finding>,
) -> Vec<Entry> {
    let mut taken: HashMap<(EndpointId, Role), EntryId> = HashMap::new();
    for Listed { index, entry } in &entries {
        for (role, endpoint) in &entry.roles {
            let key = format!("entry.{index}.roles.{}", role.as_str());
            let vendor = endpoint.vendor();
            if disabled.iter().any(|name| name.as_str() == vendor) {
                findings.push(source.warning(
                    key.as_str(),
                    format!("nothing will be heard of it: vendor {vendor:?} is disabled"),
                    format!("mend vendors.d/{vendor}.toml"),
                ));
            } else if let Some(vendor) = vendors.iter().find(|known| known.id.as_str() == vendor) {
                findings.extend(unlisted(source, &key, vendor, endpoint));
            } else {
                findings.push(source.error(
                    key.as_str(),
                    format!("there is no vendor {vendor:?}"),
                    format!("add vendors.d/{vendor}.toml, or correct the part before the colon"),
                ));
            }
            if let Some(other) = taken.insert((endpoint.clone(), *role), entry.id.clone()) {
                findings.push(source.warning(
                    key,
                    format!("{other} has the same endpoint in the same role"),
                    "one device for two doors is rarely meant: correct one of them",
                ));
            }
        }
    }
    entries.into_iter().map(|listed| listed.entry).collect()
}

/// A device that neither the file names nor an inventory can: above all, its name in place of its
/// identity.
fn unlisted(
    source: &Source,
    key: &str,
    vendor: &VendorConfig,
    endpoint: &EndpointId,
) -> Option<Finding> {
    let identity = endpoint.as_str().split_once(':').map_or("", |(_, identity)| identity);
    let pinned = vendor.endpoints.iter().any(|pinned| pinned.endpoint == *endpoint);
    let file = format!("vendors.d/{}.toml", vendor.id);
    match vendor.lists {
        _ if pinned => None,
        Some(lists) if (lists.is_identity)(identity) => None,
        Some(lists) => Some(source.error(
            key,
            format!(
                "{identity:?} is not {}, so no device of {} will be it",
                lists.described, vendor.id
            ),
            format!("use {}, or name the device under [[endpoint]] in {file}", lists.described),
        )),
        None => Some(source.error(
            key,
            format!("{file} names no device {identity:?}, and nothing else does"),
            format!("add an [[endpoint]] with id = {identity:?} to {file}, or correct the name"),
        )),
    }
}
