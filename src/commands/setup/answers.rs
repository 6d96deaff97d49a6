//! What setup is told: by flags, by what is configured already, else by a person at a terminal.

use std::io::{BufRead, Write};
use std::path::Path;

use anyhow::{Context, bail};
use doorward_events::statement::PublicKey;
use doorward_translators::{Transport, ecosystem};

use super::Args;
use super::acl::OURS;
use crate::config::{ID_RULE, is_id, is_vendor};

/// Where the broker is, if nobody says.
pub(super) const BROKER: (&str, u16) = ("localhost", 8883);
/// Where MQTT in clear is spoken, if nobody says.
const PLAIN: u16 = 1883;
/// Most times that a question is asked again.
const PATIENCE: usize = 5;

/// All that is to be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answers {
    pub(super) instance: String,
    pub(super) tenant: String,
    pub(super) site: Option<String>,
    pub(super) time_zone: Option<String>,
    pub(super) state_dir: Option<String>,
    pub(super) socket: Option<String>,
    pub(super) root_key: Option<String>,
    /// `None`: standalone.
    pub(super) bus: Option<Bus>,
    pub(super) vendors: Vec<Vendor>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bus {
    pub(super) name: String,
    pub(super) region: String,
    pub(super) endpoint_url: Option<String>,
}

/// A vendor's file to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Vendor {
    pub(super) name: String,
    pub(super) ecosystem: String,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) serial: Option<String>,
}

/// A person to ask; without one, defaults count and what has none is an error.
pub(super) struct Person<'a> {
    pub(super) says: Option<&'a mut dyn BufRead>,
    pub(super) hears: &'a mut dyn Write,
}

impl Person<'_> {
    /// Asks for one thing. An empty answer is the default.
    fn ask(&mut self, question: &str, flag: &str, default: Option<&str>) -> anyhow::Result<String> {
        let Some(says) = self.says.as_deref_mut() else {
            return default.map(str::to_owned).with_context(|| {
                format!("nothing says {question}\n  remedy: {flag}, or run it at a terminal")
            });
        };
        for _ in 0..PATIENCE {
            let shown = default.map_or_else(String::new, |default| format!(" [{default}]"));
            write!(self.hears, "{question}{shown}: ")?;
            self.hears.flush()?;
            let mut line = String::new();
            if says.read_line(&mut line)? == 0 {
                bail!("the answers ended at: {question}");
            }
            match (line.trim(), default) {
                ("", Some(default)) => return Ok(default.to_owned()),
                ("", None) => {}
                (answer, _) => return Ok(answer.to_owned()),
            }
        }
        bail!("nobody answers: {question}")
    }
}

/// What is configured already, as far as it is asked for here.
struct Before(toml::Table);

impl Before {
    fn read(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        Self(text.parse().unwrap_or_default())
    }

    fn get(&self, table: &str, key: &str) -> Option<String> {
        let value = self.0.get(table)?.get(key)?;
        value.as_str().map(str::to_owned).or_else(|| Some(value.as_integer()?.to_string()))
    }
}

/// Gathers them. `adapters`: the serial adapters that are plugged in.
pub(super) fn gather(
    args: &Args,
    config: &Path,
    host_name: Option<&str>,
    adapters: &[String],
    person: &mut Person<'_>,
) -> anyhow::Result<Answers> {
    let before = Before::read(&config.join("doorward.toml"));
    let known = |flag: &Option<String>, table: &str, key: &str| {
        flag.clone().or_else(|| before.get(table, key))
    };
    let instance = match known(&args.instance, "gateway", "instance") {
        Some(instance) => instance,
        None => person.ask("the gateway's name, for ever", "--instance NAME", host_name)?,
    };
    let tenant = match known(&args.tenant, "gateway", "tenant") {
        Some(tenant) => tenant,
        None => person.ask("whose building this is", "--tenant NAME", None)?,
    };
    let site = match known(&args.site, "gateway", "site") {
        Some(site) => Some(site),
        None => Some(person.ask("the site (empty: none)", "--site NAME", Some(""))?),
    };
    let named = [("instance", Some(&instance)), ("tenant", Some(&tenant)), ("site", site.as_ref())];
    for (what, name) in named {
        if let Some(name) = name.filter(|name| !name.is_empty() && !is_id(name)) {
            bail!("{name:?} is not usable as {what}\n  remedy: {ID_RULE}");
        }
    }
    let root_key = known(&args.root_key, "trust", "root_key");
    if let Some(key) = &root_key {
        PublicKey::from_base64url(key).context("the root key")?;
    }
    let bus = bus(args, &before, person)?;
    let vendors = vendors(args, config, adapters, person)?;
    Ok(Answers {
        instance,
        tenant,
        site: site.filter(|site| !site.is_empty()),
        time_zone: known(&args.time_zone, "gateway", "time_zone"),
        state_dir: known(&args.state_dir, "gateway", "state_dir"),
        socket: known(&args.socket, "gateway", "socket"),
        root_key,
        bus,
        vendors,
    })
}

fn bus(args: &Args, before: &Before, person: &mut Person<'_>) -> anyhow::Result<Option<Bus>> {
    let kind = match args.bus.clone().or_else(|| before.get("bus", "kind")) {
        Some(kind) => kind,
        None => {
            person.ask("the bus: standalone or eventbridge", "--bus KIND", Some("standalone"))?
        }
    };
    match kind.as_str() {
        "standalone" => Ok(None),
        "eventbridge" => {
            let mut need = |flag: &Option<String>, key: &str, question: &str, word: &str| match flag
                .clone()
                .or_else(|| before.get("bus", key))
            {
                Some(value) => Ok(value),
                None => person.ask(question, word, None),
            };
            Ok(Some(Bus {
                name: need(&args.bus_name, "name", "the bus's name or ARN", "--bus-name NAME")?,
                region: need(&args.region, "region", "its AWS region", "--region REGION")?,
                endpoint_url: before.get("bus", "endpoint_url"),
            }))
        }
        other => bail!("there is no bus of the kind {other:?}: standalone, or eventbridge"),
    }
}

fn vendors(
    args: &Args,
    config: &Path,
    adapters: &[String],
    person: &mut Person<'_>,
) -> anyhow::Result<Vec<Vendor>> {
    let mut named: Vec<(String, Option<String>)> = Vec::new();
    for (name, ecosystem) in &args.vendor {
        named.push((name.clone(), Some(ecosystem.clone())));
    }
    let folder = config.join("vendors.d");
    let mut there: Vec<String> = std::fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .filter_map(|item| item.ok()?.file_name().into_string().ok())
        .filter_map(|file| file.strip_suffix(".toml").map(str::to_owned))
        .collect();
    there.sort();
    for name in there {
        if !named.iter().any(|(known, _)| *known == name) {
            named.push((name, None));
        }
    }
    if named.is_empty() {
        let names: Vec<&str> = ecosystem::names().collect();
        let question = format!("the devices' ecosystem ({})", names.join(", "));
        let first = names.first().copied();
        let ecosystem = person.ask(&question, "--vendor NAME=ECOSYSTEM", first)?;
        named.push((ecosystem.clone(), Some(ecosystem)));
    }
    named.sort();
    named.dedup_by(|one, other| one.0 == other.0);
    let mut vendors = Vec::new();
    for (name, ecosystem) in named {
        let before = Before::read(&folder.join(format!("{name}.toml")));
        let told = before.0.get("ecosystem").and_then(toml::Value::as_str).map(str::to_owned);
        let Some(ecosystem) = ecosystem.or(told) else { continue };
        if !is_vendor(&name) || name.starts_with(OURS) {
            bail!(
                "{name:?} is not usable as a vendor's name\n  remedy: 1 to 32 lower-case letters, \
                 digits, '-' and '_', not beginning with {OURS}"
            );
        }
        let serial = match ecosystem::transport(&ecosystem) {
            Transport::Mqtt => None,
            Transport::Serial => {
                let told = args.serial.clone().or_else(|| before.get("serial", "port"));
                Some(told.map_or_else(
                    || {
                        let first = adapters.first();
                        let first = first.map(|name| format!("/dev/serial/by-id/{name}"));
                        let question = format!("the serial port of {name}");
                        person.ask(&question, "--serial PATH", first.as_deref())
                    },
                    Ok,
                )?)
            }
        };
        let (host, port) = broker(args, &before)?;
        vendors.push(Vendor { name, ecosystem, host, port, serial });
    }
    Ok(vendors)
}

fn broker(args: &Args, before: &Before) -> anyhow::Result<(String, u16)> {
    if let Some(broker) = &args.broker {
        return Ok(broker.clone());
    }
    let host = before.get("mqtt", "host").unwrap_or_else(|| BROKER.0.to_owned());
    let port = before.get("mqtt", "port").map_or(Ok(BROKER.1), |port| port.parse())?;
    Ok((host, port))
}

/// `HOST:PORT`, or `HOST` alone.
pub(super) fn address(text: &str) -> Result<(String, u16), String> {
    at(text, BROKER.1)
}

/// The same of a listener in clear.
pub(super) fn plain_address(text: &str) -> Result<(String, u16), String> {
    at(text, PLAIN)
}

fn at(text: &str, usual: u16) -> Result<(String, u16), String> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|_| format!("{port:?} is no port"))?),
        None => (text, usual),
    };
    let usable = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    if host.is_empty() || !host.bytes().all(usable) {
        return Err(format!("{host:?} is no host"));
    }
    Ok((host.to_owned(), port))
}

/// `NAME=ECOSYSTEM`, or a name that is both.
pub(super) fn vendor(text: &str) -> Result<(String, String), String> {
    let (name, ecosystem) = text.split_once('=').unwrap_or((text, text));
    if !ecosystem::names().any(|known| known == ecosystem) {
        let names: Vec<&str> = ecosystem::names().collect();
        return Err(format!(
            "there is no ecosystem {ecosystem:?}; there are: {}",
            names.join(", ")
        ));
    }
    Ok((name.to_owned(), ecosystem.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    /// What comes of flags and of what a person types; `None`: nobody is there.
    fn gathered(
        config: &Path,
        flags: &[&str],
        typed: Option<&str>,
    ) -> anyhow::Result<(Answers, String)> {
        let line = Line::parse_from([&["setup"], flags].concat());
        let mut typed = typed.map(str::as_bytes);
        let mut heard = Vec::new();
        let says = typed.as_mut().map(|typed| typed as &mut dyn BufRead);
        let mut person = Person { says, hears: &mut heard };
        let adapters = ["usb-A".to_owned(), "usb-B".to_owned()];
        let answers = gather(&line.args, config, Some("pi"), &adapters, &mut person)?;
        Ok((answers, String::from_utf8(heard)?))
    }

    #[test]
    fn a_person_is_asked_for_what_no_flag_says() {
        let folder = tempfile::tempdir().unwrap();
        let typed = "\n\n\nacme\nbridge-street\neventbridge\ndoors\neu-central-1\nmodbus\n\n";
        // The tenant has no default: it is asked for until it is said.
        let (answers, heard) = gathered(folder.path(), &[], Some(typed)).unwrap();
        assert_eq!((answers.instance.as_str(), answers.tenant.as_str()), ("pi", "acme"));
        assert!(heard.contains("the gateway's name, for ever [pi]: "), "{heard}");
        assert!(heard.contains("the serial port of modbus [/dev/serial/by-id/usb-A]: "), "{heard}");
        assert_eq!(answers.bus.unwrap().region, "eu-central-1");
        assert_eq!(answers.vendors[0].serial.as_deref(), Some("/dev/serial/by-id/usb-A"));
        assert!(gathered(folder.path(), &[], Some("pi\n")).is_err(), "the answers ended");
        assert!(
            gathered(folder.path(), &[], Some("pi\n\n\n\n\n\n\n\n")).is_err(),
            "nobody answers"
        );
    }

    #[test]
    fn flags_and_files_leave_nothing_to_ask() {
        let folder = tempfile::tempdir().unwrap();
        let flags = ["--tenant", "acme", "--vendor", "house=zigbee2mqtt", "--broker", "b.lan:1883"];
        let (answers, heard) = gathered(folder.path(), &flags, None).unwrap();
        assert_eq!(heard, "");
        let vendor = &answers.vendors[0];
        assert_eq!((vendor.host.as_str(), vendor.port), ("b.lan", 1883));
        // What is configured is the answer of the next run.
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        std::fs::create_dir(folder.path().join("vendors.d")).unwrap();
        write(
            "doorward.toml",
            &super::super::main_file::text(&answers, Path::new("/etc/mosquitto/doorward")),
        );
        let text = super::super::vendor_file::text(vendor, Path::new("/t")).unwrap().unwrap();
        write("vendors.d/house.toml", &text);
        assert_eq!(gathered(folder.path(), &[], None).unwrap().0, answers);
        for wrong in [
            &["--instance", "my gateway", "--tenant", "a"][..],
            &["--tenant", "a", "--vendor", "doorward-x=ratgdo"],
            &["--tenant", "a", "--root-key", "short"],
            &["--tenant", "a", "--bus", "kafka"],
        ] {
            assert!(gathered(folder.path(), wrong, None).is_err(), "{wrong:?}");
        }
        for (text, expected) in [
            ("h:1", Ok(("h".to_owned(), 1))),
            ("h", Ok(("h".to_owned(), 8883))),
            ("a b:1", Err(())),
            ("h:x", Err(())),
        ] {
            assert_eq!(address(text).map_err(|_| ()), expected);
        }
        assert!(super::vendor("x=weather").is_err());
    }
}
