//! `doorward setup`: from a bare controller to a configuration, keys, a broker and what is left to do.
//! Done again it changes nothing.

mod accounts;
mod acl;
mod answers;
mod broker;
mod certificates;
mod found;
mod hops;
mod left;
mod main_file;
mod passwords;
mod renewal;
mod restart;
mod template;
mod vendor_file;
mod written;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use super::output;
use crate::config::{VendorConfig, vendor_of_text};
use crate::identity::Folder;
use crate::link::Connection;
use answers::{Answers, Person};
use certificates::{Made, Places};
use written::{Fate, Files, Readers};

#[derive(clap::Args)]
pub struct Args {
    /// The gateway's name in every event; it stays when the hardware is exchanged.
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
    /// Whose building this is.
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// The site where the gateway stands.
    #[arg(long, value_name = "NAME")]
    site: Option<String>,
    /// IANA time zone of the doors, as Europe/Berlin.
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// The broker, which Mosquitto on this machine is set up as if its host is this one.
    #[arg(long, value_name = "HOST:PORT", value_parser = answers::address)]
    broker: Option<(String, u16)>,
    /// Also listen in clear at this address, with a password for each vendor's devices: for
    /// devices without TLS, on a network of their own. Mosquitto's 1883 if no port is said.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = answers::plain_address)]
    plain_listener: Option<(String, u16)>,
    /// The serial port of a vendor that needs one, by its name under /dev/serial/by-id.
    #[arg(long, value_name = "PATH")]
    serial: Option<String>,
    /// A vendor, and the ecosystem that its devices belong to. May be given several times.
    #[arg(long, value_name = "NAME=ECOSYSTEM", value_parser = answers::vendor)]
    vendor: Vec<(String, String)>,
    /// The public half of the offline key that signs the list of issuers: 43 characters.
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    root_key: Option<String>,
    /// standalone, or eventbridge.
    #[arg(long, value_name = "KIND")]
    bus: Option<String>,
    /// The EventBridge bus's name or ARN.
    #[arg(long, value_name = "NAME")]
    bus_name: Option<String>,
    /// Its AWS region.
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Folder of the journal, if not /var/lib/doorward.
    #[arg(long, value_name = "FOLDER")]
    state_dir: Option<String>,
    /// The gateway's socket, if not /run/doorward/doorward.sock.
    #[arg(long, value_name = "PATH")]
    socket: Option<String>,
    /// Mosquitto's folder.
    #[arg(long, value_name = "FOLDER", default_value = "/etc/mosquitto")]
    mosquitto: PathBuf,
    /// Ask nothing, and restart Mosquitto where that can be done.
    #[arg(long, short)]
    yes: bool,
    /// Say what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Sign anew what is due of the authority here, and do nothing else: its own certificate, the
    /// broker's, those of the gateway's clients. What runs takes them without a restart.
    ///
    /// Run twice a day by systemd/doorward-renew.timer.
    #[arg(long, conflicts_with_all = ["instance", "tenant", "site", "time_zone", "broker",
        "plain_listener", "serial", "vendor", "root_key", "bus", "bus_name", "region", "state_dir",
        "socket", "yes"])]
    renew: bool,
    /// Where the machine's own files begin.
    #[arg(long, hide = true, default_value = "/", value_name = "FOLDER")]
    root: PathBuf,
}

/// What has become of the broker's part.
struct Brokers {
    made: Made,
    /// Mosquitto's files are other ones now.
    changed: bool,
    /// Mosquitto is not on this machine: its files are to be set up there.
    elsewhere: bool,
    /// Where it listens in clear.
    plain: Option<(String, u16)>,
}

pub async fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    let config = std::path::absolute(config)?;
    if args.renew {
        return renewal::run(&config, args).await;
    }
    let found = found::look(&args.root);
    output::say("found on this machine:");
    for line in found.words() {
        output::say(&format!("  {line}"));
    }
    let answers = ask(args, &config, &found)?;
    let mut files = Files::open(&config, args.dry_run)?;
    let vendors = write_configuration(&config, args, &answers, &mut files)?;
    let brokers = set_up_broker(&config, args, &found, &vendors, &mut files)?;
    let request = request(&config, args, &answers)?;
    files.close()?;
    tell(&files);
    let mut left = left::Left::default();
    if !args.dry_run {
        if brokers.changed {
            restart_broker(args, &mut left).await;
        }
        try_hops(&config, args, &vendors, &mut left).await;
    }
    let cloud = if args.dry_run { None } else { hops::cloud(&config).await };
    left.after(&config, &answers, &brokers, request.as_deref(), &files);
    if let Some(cloud) = cloud {
        left.add(cloud);
    }
    if brokers.elsewhere {
        left.broker_elsewhere(&answers);
    }
    output::say("\nleft to do:");
    for line in left.words() {
        output::say(&line);
    }
    Ok(ExitCode::SUCCESS)
}

fn ask(args: &Args, config: &Path, found: &found::Found) -> anyhow::Result<Answers> {
    let mut says = std::io::stdin().lock();
    let interactive = !args.yes && std::io::stdin().is_terminal();
    let mut hears = std::io::stdout();
    let mut person = Person { says: None, hears: &mut hears };
    if interactive {
        person.says = Some(&mut says);
    }
    let host = found.host_name.as_deref();
    answers::gather(args, config, host, &found.adapters, &mut person)
}

/// The gateway's file and each vendor's. What comes back is what stands in the vendors' files now,
/// or would: a person may have changed them.
fn write_configuration(
    config: &Path,
    args: &Args,
    answers: &Answers,
    files: &mut Files,
) -> anyhow::Result<Vec<VendorConfig>> {
    let tls = config.join(certificates::FOLDER);
    let group = accounts::group(&args.root, "doorward");
    let readers = group.map_or(Readers::Everybody, |group| Readers::Group(Some(group)));
    let text = main_file::text(answers, &args.mosquitto.join(broker::FOLDER));
    files.put(&config.join("doorward.toml"), &text, readers)?;
    let mut vendors = Vec::new();
    for vendor in &answers.vendors {
        let file = config.join("vendors.d").join(format!("{}.toml", vendor.name));
        let text = match vendor_file::text(vendor, &tls)? {
            Some(text) => {
                files.put(&file, &text, readers)?;
                let kept = matches!(files.told.last(), Some((_, Fate::Theirs | Fate::Differs(_))));
                if kept { std::fs::read_to_string(&file)? } else { text }
            }
            // A profile of a person's own: so is the file.
            None => std::fs::read_to_string(&file)?,
        };
        let mut findings = Vec::new();
        match vendor_of_text(&file, &text, &config.join("profiles.d"), &mut findings) {
            Some(read) => vendors.push(read),
            None => {
                for finding in findings {
                    output::say(&finding.to_string());
                }
            }
        }
    }
    Ok(vendors)
}

fn set_up_broker(
    config: &Path,
    args: &Args,
    found: &found::Found,
    vendors: &[VendorConfig],
    files: &mut Files,
) -> anyhow::Result<Brokers> {
    let at = |vendor: &VendorConfig| match &vendor.connection {
        Connection::Mqtt(broker) => Some((broker.host.clone(), broker.port)),
        Connection::Serial(_) => None,
    };
    let first = vendors.iter().find_map(at);
    let Some((host, port)) = first.map(|first| args.broker.clone().unwrap_or(first)) else {
        return Ok(Brokers { made: Made::Done, changed: false, elsewhere: false, plain: None });
    };
    let own = found.host_name.as_deref();
    let here = ["localhost", "127.0.0.1", "::1"].contains(&host.as_str()) || own == Some(&host);
    if !here && args.plain_listener.is_some() {
        anyhow::bail!(
            "the broker is on {host}: setup writes to this machine alone\n  remedy: leave \
             --plain-listener out, and open the second listener there by docs/broker.md"
        );
    }
    let at_broker: Vec<&VendorConfig> = vendors
        .iter()
        .filter(|vendor| at(vendor).is_some_and(|(there, _)| there == host))
        .collect();
    let group = |name: &str| accounts::group(&args.root, name);
    let folder = args.mosquitto.join(broker::FOLDER);
    let places = Places {
        config,
        broker: here.then_some(folder.as_path()),
        gateway_user: accounts::user(&args.root, "doorward"),
        broker_group: group("mosquitto"),
    };
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), host.clone()];
    names.extend(own.map(str::to_owned));
    names.sort();
    names.dedup();
    let users: Vec<String> = at_broker.iter().map(|vendor| vendor.id.to_string()).collect();
    let made = certificates::make(&places, &names, &users, files)?;
    let mut plain = None;
    if here {
        plain = args.plain_listener.clone().or_else(|| broker::plain(&args.mosquitto));
        let group = places.broker_group;
        broker::write(&args.mosquitto, port, plain.as_ref(), &at_broker, group, files)?;
        if plain.is_some() {
            let devices = config.join(certificates::FOLDER).join(certificates::DEVICES);
            passwords::write(&folder.join(broker::PASSWORDS), &devices, &users, group, files)?;
        }
    }
    let changed = files.told.iter().any(|(file, fate)| {
        file.starts_with(&args.mosquitto) && matches!(fate, Fate::Created | Fate::Updated)
    });
    Ok(Brokers { made, changed, elsewhere: !here, plain })
}

/// The gateway's key and its request for a certificate, which AWS IoT wants; only for a bus there.
fn request(config: &Path, args: &Args, answers: &Answers) -> anyhow::Result<Option<PathBuf>> {
    if answers.bus.is_none() || args.dry_run {
        return Ok(None);
    }
    let configuration = crate::config::read(config);
    let Ok(configuration) = configuration else { return Ok(None) };
    let folder = Folder::new(&configuration.gateway.identity.folder);
    let requested = folder.request(&answers.instance).context("the gateway's key")?;
    if args.root == Path::new("/") {
        accounts::give(&args.root, &configuration.gateway.identity.folder, "doorward")?;
    }
    let verb = if requested.made { "created" } else { "unchanged" };
    output::say(&format!("{verb:<10} {}", requested.key.display()));
    Ok(Some(requested.request))
}

async fn restart_broker(args: &Args, left: &mut left::Left) {
    if args.yes && restart::is_possible(&args.root) {
        match restart::mosquitto().await {
            Ok(()) => {
                output::say("restarted  mosquitto");
            }
            Err(error) => left.add(format!(
                "Mosquitto was not restarted ({error}); see journalctl -u mosquitto, then: {}",
                restart::BY_HAND
            )),
        }
    } else {
        left.add(format!("let Mosquitto read its files: {}", restart::BY_HAND));
    }
}

async fn try_hops(config: &Path, args: &Args, vendors: &[VendorConfig], left: &mut left::Left) {
    output::say("\ntried:");
    let report = hops::ours(config, &args.root).await;
    report.say();
    if report.counts() != (0, 0) {
        left.add("mend what is told above; then try again: sudo doorward check".to_owned());
    }
    let all: Vec<&VendorConfig> = vendors.iter().collect();
    for vendor in vendors {
        let Some(tried) = hops::devices(config, vendor, &all).await else { continue };
        let what = format!("what devices of {} may publish", vendor.id);
        match tried {
            Ok(through) if through.is_empty() => {
                output::say(&format!("ok   {what}: no command, of any vendor"));
            }
            Ok(through) => {
                output::say(&format!("BAD  {what}: {}", through.join(", ")));
                left.add(format!(
                    "the broker lets devices of {} command: {}",
                    vendor.id,
                    restart::BY_HAND
                ));
            }
            Err(error) => {
                output::say(&format!("-    {what}: {error:#}"));
            }
        }
    }
}

fn tell(files: &Files) {
    output::say("");
    let would = if files.dry { "would be " } else { "" };
    for (file, fate) in &files.told {
        let (word, lines) = match fate {
            Fate::Created => ("created", &[][..]),
            Fate::Unchanged => ("unchanged", &[][..]),
            Fate::Updated => ("updated", &[][..]),
            Fate::Theirs => ("kept", &[][..]),
            Fate::Differs(lines) => ("kept", &lines[..]),
        };
        let would = if matches!(fate, Fate::Created | Fate::Updated) { would } else { "" };
        output::say(&format!("{:<10} {}", format!("{would}{word}"), file.display()));
        if !lines.is_empty() {
            output::say(
                "           you changed it; setup would write this (+) instead of that (-):",
            );
            for line in lines {
                output::say(&format!("           {line}"));
            }
        }
    }
    if !files.differs() {
        output::say("nothing changed");
    }
}
