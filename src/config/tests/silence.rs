//! How long devices may be silent, by their vendor's file.

use jiff::SignedDuration;

use super::*;
use crate::domain::ids::EndpointId;

const DEVICES: &str = "[[endpoint]]\nid = \"front\"\naddress = \"front\"\n\
                       [[endpoint]]\nid = \"cellar\"\naddress = \"cellar\"\nsilence = \"8d\"\n";

#[test]
fn a_device_has_its_own_bound_or_its_vendors_or_the_usual_one() {
    let bounds = |all: &str| {
        let (configuration, findings) =
            found(GATEWAY, &[("acme.toml", &format!("{all}{VENDOR}{DEVICES}"))]);
        assert_eq!(findings, []);
        let vendor = configuration.unwrap().vendors.remove(0);
        ["acme:front", "acme:cellar", "acme:listed-by-the-bridge"]
            .map(|device| vendor.silences.of(&EndpointId::new(device)).as_hours())
    };
    assert_eq!(bounds(""), [25, 8 * 24, 25]);
    assert_eq!(bounds("silence = \"3h\"\n"), [3, 8 * 24, 3]);
    assert_eq!(SignedDuration::from_hours(25), Silences::default().of(&EndpointId::new("a:b")));
}

#[test]
fn what_is_no_bound_is_told_with_its_line() {
    let of_all = |silence: &str| {
        let text = format!("silence = {silence}\n{VENDOR}{DEVICES}");
        place(&found(GATEWAY, &[("acme.toml", &text)]).1)
    };
    for bad in ["\"25\"", "\"soon\"", "\"59s\"", "\"367d\"", "\"0h\"", "25", "\"\""] {
        assert_eq!(of_all(bad), error(1, "silence"), "{bad}");
    }
    let of_one = |silence: &str| {
        let text = format!("{VENDOR}{}", DEVICES.replace("\"8d\"", silence));
        place(&found(GATEWAY, &[("acme.toml", &text)]).1)
    };
    for bad in ["\"8\"", "8", "\"30s\"", "true", "[\"8d\"]"] {
        assert_eq!(of_one(bad), error(10, "endpoint.1.silence"), "{bad}");
    }
}
