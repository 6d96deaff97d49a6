//! `doorward trust`: keys, the list of issuers that gateways believe, and which of them do. Works
//! on files alone, where the root key is: on no gateway.

mod files;
mod known;

pub(super) use files::list;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use doorward_events::RegisteredPublisher;
use doorward_events::statement::{IssuerList, IssuerScope, KeyId, LocalSigner, PublicKey, Signer};
use doorward_events::types::IssuerKey;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use super::output;

/// The name of the root key in what it signs. Nobody looks at it: there is one.
const ROOT: &str = "root";

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a key: the private half into a new file of mode 0600, the public half on the screen.
    #[command(after_help = "Examples:
  doorward trust key root.key            the key that signs the list; keep it offline
  doorward trust key delivery.key        a service's own key")]
    Key {
        /// The file to make: PKCS#8 in PEM.
        file: PathBuf,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the public half of a key.
    #[command(after_help = "Examples:
  doorward trust public delivery.key")]
    Public {
        /// The file with the private half.
        file: PathBuf,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Let gateways believe a service's key: a new version of the list, signed with the root key.
    #[command(after_help = "Examples:
  doorward trust add --root root.key --list issuers.jws --issuer acme.delivery \\
      --kid acme-delivery-2026 --public-key 7_ScYXuLAOXAlD7hvxmzU68lu3l2QqvJt7gyNpLbYXA --tenant acme")]
    Add(Add),
    /// Withdraw a key: a new version of the list without it.
    #[command(after_help = "Examples:
  doorward trust remove --root root.key --list issuers.jws acme-delivery-2026")]
    Remove {
        #[command(flatten)]
        place: Place,
        /// The key's id.
        kid: String,
    },
    /// Show a list, if the root key signed it: by itself the one in doorward.toml.
    #[command(after_help = "Examples:
  doorward trust show
  doorward trust show --root root.key --list issuers.jws --json")]
    Show {
        /// The file with the root key's private half. Absent: the key in doorward.toml.
        #[arg(long, value_name = "FILE", requires = "list")]
        root: Option<PathBuf>,
        /// The list's file. Absent: the one in doorward.toml.
        #[arg(long, value_name = "FILE", requires = "root")]
        list: Option<PathBuf>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show which gateways believe a list, by what they said on the bus.
    #[command(after_help = "Exit status: 0 all of them do, 1 one does not, 2 it could not be read.

Gateways name the version that they believe when they start and with each heartbeat. A rule for
both, {\"detail-type\": [\"gateway.started\", \"gateway.heartbeat\"]}, fills a queue; its messages'
bodies, one a line, are what is read here.

Examples:
  doorward trust known started.jsonl --list-version 3
  doorward trust known heartbeats.jsonl --root root.key --list issuers.jws
  doorward events --type gateway.started --json | doorward trust known - --list-version 3 --json")]
    Known(known::Args),
}

/// Where the list is, and what signs it.
#[derive(clap::Args)]
struct Place {
    /// The file with the root key's private half.
    #[arg(long, value_name = "FILE")]
    root: PathBuf,
    /// The list's file: a compact JWS. Made if there is none.
    #[arg(long, value_name = "FILE")]
    list: PathBuf,
    /// The version of the new list: higher than any that a gateway has taken. Absent: one more
    /// than the list has.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..1 << 53))]
    list_version: Option<u64>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Add {
    #[command(flatten)]
    place: Place,
    /// The publisher whose key it is, as in schemas/publishers.json.
    #[arg(long, value_name = "NAME")]
    issuer: String,
    /// The key's id, as its owner writes it into what it signs.
    #[arg(long, value_name = "ID")]
    kid: String,
    /// The key's public half: 43 characters.
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    public_key: String,
    /// Whose doors it may speak of.
    #[arg(long, value_name = "NAME", required = true, value_delimiter = ',')]
    tenant: Vec<String>,
    /// The only sites that it may speak of. Absent: all of the tenants'.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    site: Vec<String>,
    /// What it may sign.
    #[arg(
        long,
        value_parser = IssuerScope::ALL.map(IssuerScope::as_str),
        value_delimiter = ',',
        default_value = "grant,request",
        value_name = "WHAT"
    )]
    may: Vec<String>,
    /// The longest grant that it may issue, as 2h or 7d; at most 366d.
    #[arg(long, default_value = "24h", value_name = "TIME", value_parser = crate::config::length)]
    longest: SignedDuration,
    /// For how long the key is believed, from now.
    #[arg(long = "for", default_value = "365d", value_name = "TIME",
          value_parser = crate::config::length)]
    length: SignedDuration,
}

/// A list as it is shown.
#[derive(Serialize)]
struct Shown<'a> {
    version: u64,
    expires: Timestamp,
    root_key: String,
    keys: &'a [IssuerKey],
}

pub async fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::Key { file, json } => {
            let (signer, secret) = LocalSigner::generate(KeyId::new(ROOT)?)?;
            files::keep_secret(file, &secret)?;
            public(&signer.public_key(), *json)?;
        }
        Command::Public { file, json } => public(&files::signer(file)?.public_key(), *json)?,
        Command::Add(add) => {
            let root = files::signer(&add.place.root)?;
            let old = files::list(&add.place.list, &root.public_key())?;
            let mut keys = keys_of(old.as_ref())?;
            if keys.iter().any(|key| key["kid"] == add.kid.as_str()) {
                bail!(
                    "the list has a key {} already\n  remedy: doorward trust remove it first, or \
                     give the new key another id",
                    add.kid
                );
            }
            keys.push(added(add)?);
            publish(&root, old.as_ref(), &add.place, keys).await?;
        }
        Command::Remove { place, kid } => {
            let root = files::signer(&place.root)?;
            let old = files::list(&place.list, &root.public_key())?;
            let mut keys = keys_of(old.as_ref())?;
            let before = keys.len();
            keys.retain(|key| key["kid"] != kid.as_str());
            if keys.len() == before {
                bail!("no key {kid} is on the list\n  remedy: doorward trust show");
            }
            publish(&root, old.as_ref(), place, keys).await?;
        }
        Command::Show { root, list, json } => {
            let (root, file) = match (root, list) {
                (Some(root), Some(list)) => (files::signer(root)?.public_key(), list.clone()),
                _ => configured(config)?,
            };
            let Some(list) = files::list(&file, &root)? else {
                bail!("there is no list {}\n  remedy: doorward trust add", file.display());
            };
            show(&list, &root, *json)?;
        }
        Command::Known(args) => return known::run(args),
    }
    Ok(ExitCode::SUCCESS)
}

fn public(key: &PublicKey, as_json: bool) -> anyhow::Result<()> {
    let text = key.to_base64url();
    if as_json {
        return output::json(&json!({ "public_key": text }));
    }
    output::say(&text);
    Ok(())
}

/// The root key and the list's file that the gateway's configuration names.
fn configured(config: &Path) -> anyhow::Result<(PublicKey, PathBuf)> {
    let trust = output::configuration(config)?.gateway.trust;
    let issuers = trust.issuers.context(
        "doorward.toml names no list of issuers\n  remedy: set root_key and issuers under [trust], \
         or give --root and --list",
    )?;
    let file = issuers.file.context(
        "doorward.toml names no file with a list of issuers\n  remedy: give --root and --list, or set \
         issuers under [trust]",
    )?;
    Ok((issuers.root_key, file))
}

fn keys_of(list: Option<&IssuerList>) -> anyhow::Result<Vec<Value>> {
    let keys = list.map_or(&[][..], |list| &list.statement().keys);
    Ok(keys.iter().map(serde_json::to_value).collect::<Result<_, _>>()?)
}

fn added(add: &Add) -> anyhow::Result<Value> {
    if RegisteredPublisher::find(&add.issuer).is_none() {
        bail!(
            "{} is no publisher of the contract that this program was built with \
             (schemas/publishers.json): no such gateway would read what it says",
            add.issuer
        );
    }
    KeyId::new(&add.kid)?;
    PublicKey::from_base64url(&add.public_key)?;
    let not_after = Timestamp::now().checked_add(add.length).context("--for is too long")?;
    let mut key = json!({
        "kid": add.kid,
        "alg": "EdDSA",
        "public_key": add.public_key,
        "issuer": add.issuer,
        "may": add.may,
        "tenants": add.tenant,
        "longest_validity_s": add.longest.as_secs(),
        "not_after": files::second(not_after),
    });
    if let (false, Some(members)) = (add.site.is_empty(), key.as_object_mut()) {
        members.insert("sites".to_owned(), json!(add.site));
    }
    Ok(key)
}

/// Signs the next version of the list, and puts it in the place of the one before.
async fn publish(
    root: &LocalSigner,
    old: Option<&IssuerList>,
    place: &Place,
    keys: Vec<Value>,
) -> anyhow::Result<()> {
    let before = old.map_or(0, IssuerList::version);
    let version = place.list_version.unwrap_or(before + 1);
    if version <= before {
        bail!("the list has version {before}, and gateways take no lower one");
    }
    // The list ends with the last of its keys; an empty one says so for as long as the one before.
    let ends = keys.iter().filter_map(|key| key["not_after"].as_str()?.parse::<Timestamp>().ok());
    let expires = ends.max().or(old.map(IssuerList::expires)).unwrap_or_else(Timestamp::now);
    let statement = serde_json::from_value(json!({
        "version": version, "expires": files::second(expires), "keys": keys,
    }))?;
    let signed = IssuerList::sign(root, &statement).await.context("the list is not signed")?;
    files::replace(&place.list, &signed)?;
    let root_key = root.public_key().to_base64url();
    if place.json {
        let shown = Shown { version, expires, root_key, keys: &statement.keys };
        return output::json(&shown);
    }
    let file = std::path::absolute(&place.list)?;
    output::say(&format!("version {version}, keys: {}, until {expires:.0}", statement.keys.len()));
    output::say("Gateways believe it when they start, with this in doorward.toml:\n");
    output::say(&format!("[trust]\nroot_key = \"{root_key}\"\nissuers = \"{}\"", file.display()));
    Ok(())
}

fn show(list: &IssuerList, root: &PublicKey, as_json: bool) -> anyhow::Result<()> {
    let (version, expires) = (list.version(), list.expires());
    let keys = &list.statement().keys;
    if as_json {
        return output::json(&Shown { version, expires, root_key: root.to_base64url(), keys });
    }
    let over = if expires < Timestamp::now() { ", which is over: nobody is believed" } else { "" };
    output::say(&format!("version {version}, until {expires:.0}{over}"));
    let heading = ["KEY", "ISSUER", "MAY SIGN", "TENANTS", "SITES", "LONGEST GRANT", "UNTIL"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for key in keys {
        let sites = if key.sites.is_empty() { "all".to_owned() } else { key.sites.join(", ") };
        let longest = SignedDuration::from_secs(key.longest_validity_s);
        rows.push(vec![
            key.kid.clone(),
            key.issuer.clone(),
            key.may.join(", "),
            key.tenants.join(", "),
            sites,
            format!("{longest:#}"),
            output::time(&key.not_after),
        ]);
    }
    output::table(&rows);
    Ok(())
}
