//! `[bus.credentials]` and `[identity]`.

use std::path::Path;
use std::time::Duration;

use super::*;

const BUS: &str = "[bus]\nkind = \"eventbridge\"\nname = \"b\"\nregion = \"eu-central-1\"\n";
const IOT: &str = "[bus.credentials]\nkind = \"iot\"\nendpoint = \"c1.credentials.iot.x.aws\"\n\
                   role_alias = \"gateway\"\n";

fn gateway(text: &str) -> GatewayConfig {
    let (configuration, findings) = found(&format!("{GATEWAY}{text}"), &[]);
    assert_eq!(findings, []);
    configuration.unwrap().gateway
}

fn credentials(text: &str) -> CredentialsConfig {
    match gateway(&format!("{BUS}{text}")).bus {
        BusConfig::Eventbridge { credentials, .. } => credentials,
        BusConfig::Standalone => panic!("there is a bus"),
    }
}

#[test]
fn each_kind_of_credentials_is_read_with_its_defaults() {
    assert_eq!(credentials(""), CredentialsConfig::Default);
    let environment = "[bus.credentials]\nkind = \"environment\"\n";
    assert_eq!(credentials(environment), CredentialsConfig::Environment);
    let profile = "[bus.credentials]\nkind = \"profile\"\nname = \"dev\"\n";
    assert_eq!(credentials(profile), CredentialsConfig::Profile { name: "dev".to_owned() });
    let own = Path::new("/var/lib/doorward/identity/current");
    let expected = IotConfig {
        endpoint: "c1.credentials.iot.x.aws".to_owned(),
        role_alias: "gateway".to_owned(),
        thing_name: "gw".to_owned(),
        certificate: own.join("certificate.pem"),
        key: own.join("key.pem"),
        ca: None,
    };
    assert_eq!(credentials(IOT), CredentialsConfig::Iot(expected.clone()));
    let more =
        format!("{IOT}thing_name = \"t\"\ncertificate = \"/c\"\nkey = \"/k\"\nca = \"/a\"\n");
    let whole = IotConfig {
        thing_name: "t".to_owned(),
        certificate: "/c".into(),
        key: "/k".into(),
        ca: Some("/a".into()),
        ..expected
    };
    assert_eq!(credentials(&more), CredentialsConfig::Iot(whole));
}

#[test]
fn credentials_that_cannot_work_stop_the_gateway_with_a_remedy() {
    let at = |text: &str| {
        let (line, key, severity) = one(&format!("{BUS}{text}"));
        assert!(line > 7, "{line}");
        (key, severity)
    };
    let wrong = |key: &str| (format!("bus.credentials.{key}"), Severity::Error);
    assert_eq!(at("[bus.credentials]\nkind = \"profile\"\n"), wrong("name"));
    let with = |old: &str, new: &str| IOT.replace(old, new);
    assert_eq!(at(&with("c1.credentials.iot.x.aws", "https://c1")), wrong("endpoint"));
    assert_eq!(at(&with("c1.credentials.iot.x.aws", "c1:0")), wrong("endpoint"));
    assert_eq!(at(&with("\"gateway\"", "\"../x\"")), wrong("role_alias"));
    assert_eq!(at(&format!("{IOT}thing_name = \"a b\"\n")), wrong("thing_name"));
    assert_eq!(at(&format!("{IOT}key = \"/k\"\n")), wrong("certificate"));
    assert_eq!(at(&format!("{IOT}certificate = \"/c\"\n")), wrong("key"));
}

#[test]
fn how_a_certificate_is_renewed_is_read_and_checked() {
    let identity = gateway("").identity;
    assert_eq!(identity.folder, Path::new("/var/lib/doorward/identity"));
    assert_eq!((identity.renew_command, identity.renew_timeout), (None, Duration::from_secs(120)));
    let given = "[identity]\nfolder = \"/x\"\nrenew_command = [\"/bin/r\", \"a\"]\n\
                 renew_timeout_s = 7\n";
    let identity = gateway(given).identity;
    assert_eq!(identity.folder, Path::new("/x"));
    assert_eq!(identity.renew_command.unwrap(), ["/bin/r", "a"]);
    assert_eq!(identity.renew_timeout, Duration::from_secs(7));
    for (line, key) in [
        ("folder = \"x\"", "identity.folder"),
        ("renew_command = [\"r\"]", "identity.renew_command"),
        ("renew_command = []", "identity.renew_command"),
        ("renew_timeout_s = 0", "identity.renew_timeout_s"),
        ("renew_timeout_s = 3601", "identity.renew_timeout_s"),
    ] {
        assert_eq!(one(&format!("[identity]\n{line}\n")), error(5, key));
    }
}
