//! Vendors' processes as people handle them: ordered off and on, hung, and their files changed
//! while the gateway runs.

mod orders;
mod reload;
mod switch;

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::access::{Around, Stand};
use crate::support::gateway::Gateway;
use crate::support::wait_for;

/// How long a process may take to begin or to end.
const SOON: Duration = Duration::from_secs(30);

/// A door behind `zigbee2mqtt`, and a second vendor, `shed`, with a sensor that nobody has.
fn stand(folder: &Path) -> Stand {
    // The port is not known yet; the file is made right below.
    let around = Around { vendors: &[], ..Around::default() };
    let stand = Stand::amid(folder, around);
    write_shed(&stand, "shed");
    assert_eq!(stand.lines(&["reload"]).1, Some(0));
    running(&stand.gateway, "shed");
    stand
}

/// The second vendor's file, with its topics below `base`.
fn write_shed(stand: &Stand, base: &str) {
    let text = format!(
        "ecosystem = \"zigbee2mqtt\"\n[mqtt]\nhost = \"127.0.0.1\"\nport = {}\n\
         [settings]\nbase_topic = \"{base}\"\n\
         [[endpoint]]\nid = \"0x1\"\naddress = \"window\"\n",
        stand.broker.port
    );
    std::fs::write(stand.gateway.folder.join("vendors.d/shed.toml"), text).unwrap();
}

/// What `doorward vendors` says of one.
fn vendor(gateway: &Gateway, name: &str) -> Option<Value> {
    let vendors = gateway.json(&["vendors"])?;
    vendors.as_array()?.iter().find(|vendor| vendor["vendor"] == name).cloned()
}

/// Waits until a vendor runs and has its devices' broker; gives its process.
fn running(gateway: &Gateway, name: &str) -> u32 {
    wait_for("the vendor runs", SOON, || {
        let vendor = vendor(gateway, name)?;
        let pid = u32::try_from(vendor["pid"].as_u64()?).unwrap();
        let runs = vendor["state"] == "running" && vendor["connected"] == true;
        (runs && gateway.vendor_named(name) == Some(pid)).then_some(pid)
    })
}
