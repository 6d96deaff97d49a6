//! `doorward connect --test` where one step of the way fails: which it is, what came back, and what
//! to do, as it is printed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use doorward_emulator::{Authority, Iot, Mood, ROLE_ALIAS};

use crate::support::free_port;
use crate::support::gateway::{Gateway, Setup, eventbridge};
use crate::support::sink::{Mood as BusMood, Sink};

const HOUR: Duration = Duration::from_hours(1);

/// The parts, and the files of a gateway without vendors, which exchanges its certificate for keys.
struct Stand {
    folder: tempfile::TempDir,
    authority: Authority,
    iot: Iot,
    sink: Sink,
    gateway: Gateway,
}

/// What one row changes.
struct Row<'a> {
    endpoint: String,
    ca: PathBuf,
    client: (PathBuf, PathBuf),
    bus: String,
    /// Whom the system believes; `None`: as it is.
    believed: Option<&'a Path>,
}

impl Stand {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(&folder.path().join("authority"));
        let (iot, sink) = (Iot::start(&authority), Sink::start());
        let setup = Setup {
            folder: &folder.path().join("gateway"),
            broker_port: 1,
            doors: 0,
            bus: String::new(),
            mqtt: String::new(),
        };
        let gateway = Gateway::configured_only(&setup);
        std::fs::remove_file(setup.folder.join("vendors.d/zigbee2mqtt.toml")).unwrap();
        Self { folder, authority, iot, sink, gateway }
    }

    /// A row in which every step works.
    fn good(&self) -> Row<'_> {
        Row {
            endpoint: self.iot.endpoint(),
            ca: self.authority.ca(),
            client: self.authority.client("gw-test", HOUR),
            bus: format!("http://127.0.0.1:{}", self.sink.port),
            believed: None,
        }
    }

    /// What is printed, and the exit status.
    fn tried(&self, row: &Row<'_>) -> (String, Option<i32>) {
        let bus = eventbridge("doors", 1).replace("http://127.0.0.1:1", &row.bus);
        let (certificate, key) = &row.client;
        let main = format!(
            "[gateway]\ninstance = \"gw-test\"\ntenant = \"acme\"\ntest = true\n\
             state_dir = \"{0}/state\"\nsocket = \"{0}/socket\"\n{bus}\
             [bus.credentials]\nkind = \"iot\"\nendpoint = \"{1}\"\nrole_alias = \"{ROLE_ALIAS}\"\n\
             ca = \"{2}\"\ncertificate = \"{3}\"\nkey = \"{4}\"\n",
            self.folder.path().display(),
            row.endpoint,
            row.ca.display(),
            certificate.display(),
            key.display(),
        );
        std::fs::write(self.gateway.folder.join("doorward.toml"), main).unwrap();
        let mut command: Command = self.gateway.command();
        command.args(["connect", "--test"]).env("AWS_EC2_METADATA_DISABLED", "true");
        if let Some(file) = row.believed {
            command.env("SSL_CERT_FILE", file);
        }
        let output = command.output().unwrap();
        let wrong = String::from_utf8_lossy(&output.stderr).into_owned();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(!said.is_empty(), "{wrong}");
        (said, output.status.code())
    }

    /// The first step that fails is this one of this way, with these words and this remedy; the
    /// steps before it worked, and those behind it were not tried.
    fn fails(&self, row: &Row<'_>, (way, step): (&str, &str), words: &str, remedy: &str) {
        let (said, code) = self.tried(row);
        assert_eq!(code, Some(2), "{said}");
        let of_way: Vec<&str> =
            said.lines().filter(|line| line.contains(&format!(" {way}: "))).collect();
        let bad = format!("BAD  {way}: {step}: ");
        let at = of_way.iter().position(|line| line.starts_with(&bad));
        let at = at.unwrap_or_else(|| panic!("{way}: {step}\n{said}"));
        let (_, answer) = of_way[at].split_once(" -> ").unwrap();
        assert!(answer.contains(words), "{words:?}\n{said}");
        assert!(of_way[..at].iter().all(|line| line.starts_with("ok   ")), "{said}");
        assert!(of_way[at + 1..].iter().all(|line| line.starts_with("-    ")), "{said}");
        let line = said.lines().skip_while(|line| !line.starts_with(&bad)).nth(1).unwrap();
        assert!(line.starts_with("     remedy: ") && line.contains(remedy), "{remedy:?}\n{said}");
        let first = said.lines().find(|line| line.starts_with("BAD"));
        assert_eq!(first, Some(of_way[at]), "{said}");
    }
}

#[test]
fn each_step_to_the_keys_that_fails_is_told_with_its_cause_and_its_remedy() {
    let stand = Stand::new();
    let (said, code) = stand.tried(&stand.good());
    assert_eq!(code, Some(0), "{said}");
    for line in ["ok   keys: keys: the certificate ", "ok   bus: put_events: a handshake event on "]
    {
        assert!(said.contains(line), "{said}");
    }
    assert!(!said.contains("BAD") && !said.contains("remedy"), "{said}");

    let name = Row { endpoint: "nobody.invalid".to_owned(), ..stand.good() };
    stand.fails(&name, ("keys", "name"), "", "name servers");
    let closed = Row { endpoint: format!("localhost:{}", free_port()), ..stand.good() };
    stand.fails(&closed, ("keys", "tcp"), "refused", "firewall");

    let other = Authority::new(&stand.folder.path().join("other"));
    let stranger = Row { ca: other.ca(), ..stand.good() };
    stand.fails(&stranger, ("keys", "keys"), "endpoint_untrusted: ", "ca-certificates");
    let unregistered = Row { client: other.client("gw-test", HOUR), ..stand.good() };
    stand.fails(&unregistered, ("keys", "keys"), "tls_refused: ", "registered and ACTIVE");
    let expired = Row { client: stand.authority.expired_client("gw-over"), ..stand.good() };
    stand.fails(&expired, ("keys", "keys"), "certificate_expired: ", "doorward identity renew");
    let later = Row { client: stand.authority.later_client("gw-later"), ..stand.good() };
    stand.fails(&later, ("keys", "keys"), "certificate_not_yet_valid: ", "set the clock");
    let none = (stand.folder.path().join("none.pem"), stand.folder.path().join("none.key"));
    let missing = Row { client: none, ..stand.good() };
    stand.fails(&missing, ("keys", "keys"), "certificate_unusable: ", "identity request");

    for (mood, words, remedy) in [
        (
            Mood::Answer(403, "{\"message\":\"Access Denied\"}".to_owned()),
            "refused: ",
            "iot:AssumeRoleWithCertificate",
        ),
        (
            Mood::Answer(404, "{\"message\":\"Unable to locate the RoleAlias\"}".to_owned()),
            "unknown_alias: ",
            "bus.credentials.role_alias",
        ),
        (Mood::Answer(500, "{}".to_owned()), "endpoint_failing: ", "it is tried again"),
        (Mood::Garbage("<html>".to_owned()), "malformed_answer: ", "bus.credentials.endpoint"),
        (Mood::Ahead(3600), "clock_wrong: ", "set the clock"),
        (Mood::Ahead(-3600), "clock_wrong: ", "set the clock"),
    ] {
        stand.iot.be(mood);
        stand.fails(&stand.good(), ("keys", "keys"), words, remedy);
    }
}

#[test]
fn each_step_to_the_bus_that_fails_is_told_with_its_cause_and_its_remedy() {
    let stand = Stand::new();
    let at = |bus: String| Row { bus, ..stand.good() };
    stand.fails(&at("https://nobody.invalid".to_owned()), ("bus", "name"), "", "name servers");
    let closed = at(format!("http://127.0.0.1:{}", free_port()));
    stand.fails(&closed, ("bus", "tcp"), "refused", "firewall");

    // A server of nobody whom the system believes, and one whose certificate is over.
    let secure = at(format!("https://localhost:{}", stand.iot.port));
    stand.fails(&secure, ("bus", "tls"), "UnknownIssuer", "ca-certificates");
    let over = stand.folder.path().join("authority/server");
    let now = jiff::Timestamp::now();
    stand.authority.again(&over, None, (now - HOUR, now - Duration::from_mins(1)));
    let ended =
        Iot::start_with(&stand.authority, &over.with_extension("pem"), &over.with_extension("key"));
    let ca = stand.authority.ca();
    let expired = Row {
        bus: format!("https://localhost:{}", ended.port),
        believed: Some(&ca),
        ..stand.good()
    };
    stand.fails(&expired, ("bus", "tls"), "expired", "set the clock");
    // By our clock it is over; whose is wrong nobody here can say, and ours is the likelier.
    let behind = Row { endpoint: ended.endpoint(), ..stand.good() };
    stand.fails(&behind, ("keys", "keys"), "clock_wrong: ", "set the clock");

    let good = stand.good();
    stand.sink.moods([BusMood::Fail(400, "AccessDeniedException")]);
    stand.fails(&good, ("bus", "put_events"), "AccessDeniedException", "events:PutEvents");
    stand.sink.moods([BusMood::Fail(400, "ResourceNotFoundException")]);
    stand.fails(&good, ("bus", "put_events"), "ResourceNotFoundException", "check its name");
}
