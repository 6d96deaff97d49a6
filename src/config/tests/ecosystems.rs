//! Vendor files beyond the first ecosystem: transports, profiles, devices that a file lists.

use super::*;

const SERIAL: &str = "ecosystem = \"modbus\"\n[serial]\nport = \"/dev/serial/by-id/usb-0\"\n";
const GATE: &str = "[[endpoint]]\nid = \"gate\"\nunit = 1\n\
                    closed = { input = 0, contact = \"normally_open\" }\n";

/// `(line, key, severity)` of the one finding in a vendor's file of this text.
fn of_file(text: &str) -> (usize, String, Severity) {
    let (_, findings) = found(GATEWAY, &[("line.toml", text)]);
    assert!(findings.iter().all(|finding| finding.file.ends_with("vendors.d/line.toml")));
    place(&findings)
}

#[test]
fn a_serial_vendor_has_a_port_and_no_broker() {
    let (configuration, findings) = found(GATEWAY, &[("line.toml", &format!("{SERIAL}{GATE}"))]);
    assert_eq!(findings, []);
    let configuration = configuration.unwrap();
    let Connection::Serial(line) = &configuration.vendors[0].connection else { panic!() };
    assert_eq!((line.baud, line.stop_bits), (9600, 1));
    assert_eq!(configuration.vendors[0].endpoints[0].address, "gate", "its id, where none is said");
    assert_eq!(of_file(&format!("ecosystem = \"modbus\"\n{GATE}")), error(1, "serial"));
    assert_eq!(
        of_file(&format!("{SERIAL}{GATE}[mqtt]\nhost = \"localhost\"\n")),
        warning(8, "mqtt")
    );
    let both = format!("{VENDOR}[serial]\nport = \"/dev/serial/by-id/usb-0\"\n");
    assert_eq!(of_file(&both), warning(4, "serial"));
}

#[test]
fn a_port_is_named_by_its_adapter() {
    let with = |port: &str, more: &str| {
        of_file(&format!("ecosystem = \"modbus\"\n[serial]\nport = {port:?}\n{more}{GATE}"))
    };
    assert_eq!(with("/dev/ttyUSB0", ""), warning(3, "serial.port"));
    assert_eq!(with("ttyUSB0", ""), error(3, "serial.port"));
    let named = "/dev/serial/by-id/usb-0";
    assert_eq!(with(named, "baud = 9601\n"), error(4, "serial.baud"));
    assert_eq!(with(named, "stop_bits = 3\n"), error(4, "serial.stop_bits"));
    assert_eq!(with(named, "parity = \"mark\"\n"), error(4, "serial.parity"));
}

#[test]
fn a_pair_of_wires_has_one_master() {
    let one = format!("{SERIAL}{GATE}");
    let (configuration, findings) = found(GATEWAY, &[("a.toml", &one), ("b.toml", &one)]);
    assert_eq!(place(&findings), error(3, "serial.port"));
    assert_eq!(configuration.unwrap().disabled, [VendorId::new("b")]);
    // Another name of the same port.
    let folder = tempfile::tempdir().unwrap();
    let port = folder.path().join("port");
    std::fs::write(&port, "").unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&port, &link).unwrap();
    let on = |port: &Path| one.replace("/dev/serial/by-id/usb-0", port.to_str().unwrap());
    let (configuration, _) = found(GATEWAY, &[("a.toml", &on(&port)), ("b.toml", &on(&link))]);
    assert_eq!(configuration.unwrap().disabled, [VendorId::new("b")]);
}

#[test]
fn an_ecosystem_is_ours_or_has_a_profile() {
    let unheard = VENDOR.replace("zigbee2mqtt", "acme");
    let (_, findings) = found(GATEWAY, &[("line.toml", &unheard)]);
    assert_eq!(place(&findings), error(1, "ecosystem"));
    assert!(
        findings[0].remedy.contains("modbus") && findings[0].remedy.contains("profiles.d/acme")
    );
    assert_eq!(of_file(&unheard.replace("acme", "../acme")), error(1, "ecosystem"));

    let folder = folder(GATEWAY, &[("line.toml", &unheard)]);
    let profiles = folder.path().join("profiles.d");
    std::fs::create_dir(&profiles).unwrap();
    for (text, kind) in [("x", Kind::Syntax), ("name = \"acme\"\nnothing = 1\n", Kind::Value)] {
        std::fs::write(profiles.join("acme.toml"), text).unwrap();
        let configuration = read(folder.path()).unwrap();
        assert_eq!(configuration.disabled, [VendorId::new("line")]);
        let finding = &configuration.findings[0];
        assert!(finding.file.ends_with("profiles.d/acme.toml"), "{finding}");
        assert_eq!((finding.kind, finding.is_error()), (kind, true), "{finding}");
        assert!(finding.line.is_some(), "{finding}");
    }
}

#[test]
fn devices_that_a_file_lists_are_all_there_are() {
    let main = |gate: &str| {
        format!(
            "{GATEWAY}[[entry]]\nid = \"a\"\nkind = \"gate\"\nroles.position = \"line:{gate}\"\n"
        )
    };
    let vendor = format!("{SERIAL}{GATE}");
    assert_eq!(found(&main("gate"), &[("line.toml", &vendor)]).1, []);
    let (_, findings) = found(&main("gat"), &[("line.toml", &vendor)]);
    assert_eq!(place(&findings), error(7, "entry.0.roles.position"));
    assert!(findings[0].remedy.contains("vendors.d/line.toml"));
}

#[test]
fn what_an_ecosystem_asks_of_its_devices_is_told_where_it_stands() {
    let with = |line: &str| of_file(&format!("{SERIAL}{GATE}{line}\n"));
    assert_eq!(with("color = \"red\""), warning(8, "endpoint.0.color"));
    assert_eq!(with("open = { input = 0, contact = \"normally_open\" }").2, Severity::Error);
    let (_, findings) = found(GATEWAY, &[("line.toml", &format!("{SERIAL}{GATE}color = 1\n"))]);
    assert_eq!(findings[0].kind, Kind::UnknownKey);
    let settings = |line: &str| of_file(&format!("{SERIAL}[settings]\n{line}\n{GATE}"));
    assert_eq!(settings("poll_ms = \"fast\""), error(5, "settings.poll_ms"));
    assert_eq!(settings("pol_ms = 100"), warning(5, "settings.pol_ms"));
    assert_eq!(of_file(&format!("{SERIAL}[[endpoint]]\nunit = 1\n")), error(4, "endpoint.0.id"));
    assert_eq!(
        of_file(&format!("{VENDOR}[[endpoint]]\nid = \"0x1\"\n")),
        error(4, "endpoint.0.address")
    );
}

#[test]
fn the_shipped_examples_of_ecosystems_have_no_finding() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples");
    let mut seen = 0;
    for item in std::fs::read_dir(examples).unwrap() {
        let file = item.unwrap().path();
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        let (configuration, findings) = found(GATEWAY, &[(name, &text)]);
        assert_eq!(findings, [], "{name}");
        assert_eq!(configuration.unwrap().vendors.len(), 1, "{name}");
        seen += 1;
    }
    assert!(seen >= 6, "{seen} examples");
}
