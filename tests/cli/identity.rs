//! The gateway's key, request and certificate on the command line.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::gateway::{BINARY, Place, Said};

fn identity(place: &Place, arguments: &[&str]) -> Said {
    let mut command = Command::new(BINARY);
    command.env("DOORWARD_CONFIG", place.path()).arg("identity").args(arguments);
    Said::of(command.stdin(Stdio::null()).output().unwrap())
}

fn done(place: &Place, arguments: &[&str]) -> Value {
    let said = identity(place, &[arguments, &["--json"]].concat());
    assert_eq!(said.code, Some(0), "{arguments:?}: {said:?}");
    serde_json::from_str(&said.out).unwrap()
}

fn openssl(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new("openssl");
    let output = command.args(arguments).current_dir(folder).stdin(Stdio::null()).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_request_that_others_can_sign_becomes_the_gateways_certificate() {
    let place = Place::new();
    let none = identity(&place, &["show"]);
    assert_eq!(none.code, Some(0), "{none:?}");

    let first = done(&place, &["request"]);
    assert_eq!(first["made"], true, "{first}");
    let key = Path::new(first["key"].as_str().unwrap());
    let mode = std::fs::metadata(key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let secret = std::fs::read_to_string(key).unwrap();
    assert!(!first.to_string().contains(secret.lines().nth(1).unwrap()), "a key is never told");
    let again = done(&place, &["request"]);
    assert_eq!((&again["made"], &again["pem"]), (&Value::Bool(false), &first["pem"]));
    let unsigned = identity(&place, &["show", "--json"]);
    assert_eq!(unsigned.code, Some(2), "{unsigned:?}");

    // An authority that is not ours reads the request, believes its signature, and signs it.
    let folder = place.path();
    let request = first["request"].as_str().unwrap();
    openssl(folder, &["req", "-in", request, "-verify", "-noout"]);
    let new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    let own = ["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority", "-days", "2"];
    openssl(folder, &[&new[..], &own].concat());
    let sign = ["x509", "-req", "-in", request, "-CA", "ca.pem", "-CAkey", "ca.key"];
    place.write("extensions", "basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n");
    let rest = ["-set_serial", "7", "-days", "1", "-extfile", "extensions", "-out", "own.pem"];
    openssl(folder, &[&sign[..], &rest].concat());
    let file = folder.join("own.pem");
    let taken = done(&place, &["install", file.to_str().unwrap()]);
    assert_eq!(taken["certificate"]["subject"], "CN=gw", "{taken}");
    let shown = done(&place, &["show"]);
    assert_eq!(shown[0]["kind"], "device_certificate", "{shown}");
    assert_eq!((&shown[0]["state"], &shown[0]["days_left"]), (&"valid".into(), &0.into()));

    let foreign = folder.join("ca.pem");
    let refused = identity(&place, &["install", foreign.to_str().unwrap()]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.err.contains("is of CN=authority"), "{refused:?}");
}
