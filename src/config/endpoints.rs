//! `[[endpoint]]` of a vendor's file: devices that are named there.

use std::collections::HashMap;

use doorward_translators::{EndpointSetup, Transport};
use serde_json::{Map, Value};

use super::Finding;
use super::names::is_identity;
use super::source::Source;
use crate::domain::ids::{EndpointId, VendorId};
use crate::link::MAX_ADDRESS;

/// A device named in the file: needed only where the ecosystem's inventory does not list it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedEndpoint {
    pub endpoint: EndpointId,
    pub address: String,
}

/// Takes the tables over. What an ecosystem asks of its devices beyond id and address is its own.
pub fn read(
    source: &Source,
    vendor: &VendorId,
    transport: Transport,
    tables: Vec<Map<String, Value>>,
    findings: &mut Vec<Finding>,
) -> Vec<EndpointSetup> {
    let mut by_address: HashMap<String, String> = HashMap::new();
    let mut by_id: HashMap<String, String> = HashMap::new();
    let mut endpoints = Vec::new();
    for (index, mut table) in tables.into_iter().enumerate() {
        let id_key = format!("endpoint.{index}.id");
        let address_key = format!("endpoint.{index}.address");
        let mut text = |name: &str| match table.remove(name) {
            Some(Value::String(text)) => Ok(Some(text)),
            None => Ok(None),
            Some(_) => Err("text in quotes belongs here"),
        };
        let (id, address) = match (text("id"), text("address")) {
            (Ok(Some(id)), Ok(address)) => (id, address),
            (Ok(None), _) => {
                let remedy = "add id = … to [[endpoint]]";
                findings.push(source.error(id_key, "this setting is missing", remedy));
                continue;
            }
            (Err(message), _) => {
                findings.push(source.error(id_key, message, "put it in quotes"));
                continue;
            }
            (_, Err(message)) => {
                findings.push(source.error(address_key, message, "put it in quotes"));
                continue;
            }
        };
        // On a line of our own there is nothing else that a device could be known by.
        let address = match (address, transport) {
            (Some(address), _) => address,
            (None, Transport::Serial) => id.clone(),
            (None, Transport::Mqtt) => {
                let remedy = "add address = … to [[endpoint]]";
                findings.push(source.error(address_key, "this setting is missing", remedy));
                continue;
            }
        };
        if !(1..=MAX_ADDRESS).contains(&address.len()) || address.chars().any(char::is_control) {
            findings.push(source.error(
                address_key,
                "no device can be known by this",
                format!("use 1 to {MAX_ADDRESS} bytes without control characters"),
            ));
            continue;
        }
        if let Some(bare) = id.strip_prefix(&format!("{vendor}:")) {
            let message = "the vendor's name does not belong here";
            findings.push(source.error(id_key, message, format!("write {bare:?}")));
            continue;
        }
        if !is_identity(&id) {
            findings.push(source.error(
                id_key,
                format!("{id:?} is not usable as a device's identity"),
                "use 1 to 127 printable characters without spaces",
            ));
            continue;
        }
        if let Some(other) = by_address.insert(address.clone(), id.clone()) {
            findings.push(source.error(
                address_key,
                format!("{id} and {other} have one address, {address:?}"),
                "one address belongs to one device: correct one of them",
            ));
            continue;
        }
        if let Some(other) = by_id.insert(id.clone(), address.clone()) {
            findings.push(source.error(
                id_key,
                format!("{id} has two addresses, {other:?} and {address:?}"),
                "name each device once",
            ));
            continue;
        }
        endpoints.push(EndpointSetup { identity: id, address, settings: table });
    }
    endpoints
}
