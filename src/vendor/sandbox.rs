//! What a vendor process keeps when it locks itself down: the way to its broker, and no more.

use std::net::IpAddr;

use doorward_sandbox::Profile;

use crate::link::{Connection, VendorSetup};

/// What this vendor's process needs from here on. Its TLS files are read by then, and a serial port
/// comes as a descriptor.
pub fn profile(setup: &VendorSetup) -> Profile {
    match &setup.connection {
        Connection::Mqtt(broker) => Profile {
            tcp_port: Some(broker.port),
            names: broker.host.parse::<IpAddr>().is_err(),
            ..Profile::default()
        },
        Connection::Serial(_) => Profile::default(),
    }
}
