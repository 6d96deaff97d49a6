//! `doorward diagnose`: what is in the archive, and that no secret is.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use crate::gateway::Place;

/// The files of a tar archive, read by tar itself.
fn files(archive: &std::path::Path) -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let status = std::process::Command::new("tar")
        .arg("-xf")
        .arg(archive)
        .arg("-C")
        .arg(folder.path())
        .status()
        .unwrap();
    assert!(status.success(), "tar reads it");
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.path().to_owned()];
    while let Some(place) = folders.pop() {
        for item in std::fs::read_dir(place).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder.path()).unwrap().display().to_string();
                found.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

const PASSWORD: &str = "correct-horse-battery";
const KEY: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg";
const PIN: &str = "73914682";

#[test]
fn no_secret_is_in_the_archive() {
    let place = Place::new();
    // Secrets wherever a person could put them, and in the log.
    let vendor = format!(
        "# the broker's password is {PASSWORD}\necosystem = \"zigbee2mqtt\"\n[mqtt]\nhost = \
         \"127.0.0.1\"\nport = 9\npassword = \"{PASSWORD}\"\n[settings]\nuser_pin = \"{PIN}\"\n"
    );
    place.write("vendors.d/zigbee2mqtt.toml", &vendor);
    place.write("vendors.d/broken.toml", &format!("password = {PASSWORD}"));
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{KEY}\n-----END PRIVATE KEY-----");
    let log = format!(
        "INFO doorward: running\nWARN mqtt://house:{PASSWORD}@broker\n{pem}\nERROR token={KEY}\n\
         DEBUG pin: {PIN}\nINFO the last line\n"
    );
    place.write("gateway.log", &log);
    let _gateway = place.start();
    place.started(1);
    let archive = place.path().join("out.tar");
    let log = place.path().join("gateway.log");
    let said = place.run(&[
        "diagnose",
        "--output",
        archive.to_str().unwrap(),
        "--log",
        log.to_str().unwrap(),
        "--offline",
    ]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let bytes = std::fs::read(&archive).unwrap();
    for secret in [PASSWORD, KEY, PIN] {
        let there = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
        assert!(!there, "{secret} is in it");
    }
    assert!(bytes.len() < 4 << 20);
    assert_eq!(std::fs::metadata(&archive).unwrap().permissions().mode() & 0o777, 0o600);

    let files = files(&archive);
    for name in [
        "version.txt",
        "check.json",
        "configuration/doorward.toml",
        "configuration/vendors.d/zigbee2mqtt.toml",
        "vendors.json",
        "queue.json",
        "journal.json",
        "quarantine.txt",
        "machine.txt",
        "log.txt",
    ] {
        assert!(files.contains_key(name), "{name}: {:?}", files.keys());
        assert!(files["MANIFEST"].contains(name), "{name}");
    }
    // What is no secret is there, and what was left out is said.
    assert!(files["configuration/doorward.toml"].contains("instance = \"gw\""));
    assert!(files["log.txt"].contains("running") && files["log.txt"].contains("the last line"));
    assert!(files["check.json"].contains("\"errors\""));
    assert!(files["MANIFEST"].contains("broken.toml: it is not TOML"), "{}", files["MANIFEST"]);
    assert!(said.out.contains("never in it:"), "{said:?}");
    // It overwrites nothing.
    let again = place.run(&["diagnose", "--offline", "--output", archive.to_str().unwrap()]);
    assert_eq!(again.code, Some(2), "{again:?}");
    assert_eq!(std::fs::read(&archive).unwrap(), bytes);
}
