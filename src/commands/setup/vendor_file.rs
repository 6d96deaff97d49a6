//! vendors.d/NAME.toml, from the examples' own texts.

use std::path::Path;

use anyhow::Context;
use doorward_translators::{Transport, ecosystem};

use super::answers::Vendor;
use super::template::{Template, quoted};

/// The example of each ecosystem.
const EXAMPLES: &[(&str, &str)] = &[
    ("zigbee2mqtt", include_str!("../../../config/vendors.d/zigbee2mqtt.toml")),
    ("esphome", include_str!("../../../config/examples/esphome.toml")),
    ("modbus", include_str!("../../../config/examples/modbus.toml")),
    ("nuki", include_str!("../../../config/examples/nuki.toml")),
    ("opengarage", include_str!("../../../config/examples/opengarage.toml")),
    ("ratgdo", include_str!("../../../config/examples/ratgdo.toml")),
    ("shelly", include_str!("../../../config/examples/shelly.toml")),
    ("tasmota", include_str!("../../../config/examples/tasmota.toml")),
];
/// Where an example's devices begin: they are nobody's here.
const DEVICES: &str = "[[endpoint]]";

/// The file of a vendor, whose certificates lie in the folder `tls`.
///
/// `None`: its ecosystem is a person's own, and no example has it.
///
/// # Errors
/// Its line has no port.
pub(super) fn text(vendor: &Vendor, tls: &Path) -> anyhow::Result<Option<String>> {
    let Some((_, example)) = EXAMPLES.iter().find(|(name, _)| *name == vendor.ecosystem) else {
        return Ok(None);
    };
    let mut file = Template::new(example);
    match ecosystem::transport(&vendor.ecosystem) {
        Transport::Serial => {
            let port = vendor.serial.as_ref().with_context(|| {
                format!(
                    "{} is reached by a serial line\n  remedy: say which with --serial PATH, by its \
                     name under /dev/serial/by-id",
                    vendor.name
                )
            })?;
            file.set("serial", "port", &quoted(port));
        }
        Transport::Mqtt => {
            let name = &vendor.name;
            file.set("mqtt", "host", &quoted(&vendor.host));
            file.set("mqtt", "port", &vendor.port.to_string());
            let of = |file: String| quoted(&tls.join(file).to_string_lossy());
            file.set("mqtt.tls", "ca", &of("ca.pem".to_owned()));
            file.set("mqtt.tls", "certificate", &of(format!("doorward-{name}.pem")));
            file.set("mqtt.tls", "key", &of(format!("doorward-{name}.key")));
        }
    }
    file.silence_from(DEVICES);
    Ok(Some(file.text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ecosystem_has_a_file_that_can_be_used() {
        for name in ecosystem::names() {
            let vendor = Vendor {
                name: "v1".to_owned(),
                ecosystem: name.to_owned(),
                host: "broker.lan".to_owned(),
                port: 8884,
                serial: Some("/dev/serial/by-id/usb-X".to_owned()),
            };
            let text = text(&vendor, Path::new("/etc/doorward/tls")).unwrap().expect(name);
            let mut findings = Vec::new();
            let file = Path::new("vendors.d/v1.toml");
            let read = crate::config::vendor_of_text(file, &text, Path::new("/no"), &mut findings);
            let read = read.unwrap_or_else(|| panic!("{name}: {findings:?}\n{text}"));
            // Its devices are a person's to name.
            findings.retain(|finding| finding.key.as_deref() != Some("endpoint"));
            assert!(findings.is_empty(), "{name}: {findings:?}");
            match read.connection {
                crate::link::Connection::Mqtt(broker) => {
                    assert_eq!((broker.host.as_str(), broker.port), ("broker.lan", 8884));
                    let tls = broker.tls.unwrap();
                    let wanted = Path::new("/etc/doorward/tls/doorward-v1.key");
                    assert_eq!(tls.key.as_deref(), Some(wanted));
                }
                crate::link::Connection::Serial(line) => {
                    assert_eq!(line.port, Path::new("/dev/serial/by-id/usb-X"));
                }
            }
            assert!(read.endpoints.is_empty(), "the example's devices are nobody's");
        }
    }
}
