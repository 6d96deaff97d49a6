//! An example: a delivery service. It grants a courier a door for a time, asks the gateway for it
//! when the courier stands there, and follows the visit to its end.
//!
//! Orders come on the standard input, a JSON object a line (`orders.rs`); what becomes of them
//! goes to the standard output, a JSON object a line. `docs/service-teams.md` walks through it.

mod delivery;
mod desk;
mod ledger;
mod listener;
mod orders;
mod service;
mod teller;

pub use listener::rule;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Parser};
use doorward_events::PublisherId;
use doorward_events::aws::Connection;
use doorward_events::bus::eventbridge::{EventBridge, Options};
use doorward_events::publish::{Publisher, Settings};
use doorward_events::statement::{Issuer, KeyId, LocalSigner};
use doorward_events::subscribe::sqs::Consumer;
use doorward_events::subscribe::store::sqlite::{Retention, Sqlite};
use tokio::signal::unix::{SignalKind, signal};

use crate::ledger::Ledger;
use crate::service::Service;

/// The registered name in `schemas/publishers.json`.
const PUBLISHER: &str = "acme.delivery";
/// The ledger is in the same store: what a gateway said at its start must outlive its uptime.
const RETENTION: Retention =
    Retention { time: Duration::from_hours(400 * 24), ..Retention::DEFAULT };
/// How long what is on its way may take when the service ends.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// A delivery service that opens doors for its couriers.
#[derive(Parser)]
#[command(version)]
pub enum Command {
    /// Print the event pattern of this service's rule.
    Rule,
    /// Take orders and deliver.
    Run(Box<Arguments>),
}

/// What the service runs with.
#[derive(Args)]
#[command(after_help = "Orders, one a line on the standard input:\n  \
    {\"do\":\"schedule\",\"delivery_id\":\"d-1\",\"tenant_id\":\"acme\",\"gateway\":\"gw-1\",\"entry_id\":\"front-door\",\"subject_ref\":\"courier-7\"}\n  \
    {\"do\":\"open\",\"delivery_id\":\"d-1\"}\n  \
    {\"do\":\"cancel\",\"delivery_id\":\"d-1\"}")]
pub struct Arguments {
    /// The event bus's name or ARN.
    #[arg(long, default_value = "doors")]
    bus: String,
    /// The AWS region.
    #[arg(long, env = "AWS_REGION", default_value = "eu-central-1")]
    region: String,
    /// An emulator instead of AWS: `http://127.0.0.1:5000`; used with its test key.
    #[arg(long)]
    endpoint_url: Option<String>,
    /// The queue that this service's rule fills.
    #[arg(long)]
    queue_url: String,
    /// Where messages go that can never succeed.
    #[arg(long)]
    dead_letter_queue_url: String,
    /// The file in which it remembers.
    #[arg(long, default_value = "delivery-service.db")]
    store: PathBuf,
    /// The Ed25519 signing key: PKCS#8 in PEM, as `openssl genpkey -algorithm ed25519` makes it.
    #[arg(long)]
    key: PathBuf,
    /// The key's id, as gateways know it.
    #[arg(long, default_value = "acme-delivery-2026")]
    kid: String,
    /// Which of the service's instances this is.
    #[arg(long, default_value = "1")]
    instance: String,
}

/// Carries out a command, until it is done or told to end.
///
/// # Errors
/// The service cannot be started with these arguments.
pub async fn carry_out(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Rule => {
            println!("{}", rule());
            Ok(())
        }
        Command::Run(arguments) => run(*arguments).await,
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let connection = match &arguments.endpoint_url {
        Some(endpoint) => Connection::emulator(&arguments.region, endpoint),
        None => Connection::new(&arguments.region),
    };

    let bus = Options { bus: arguments.bus, connection: connection.clone() };
    let bus = EventBridge::new(bus).await.context("the bus")?;
    let id = PublisherId::new(PUBLISHER, arguments.instance);
    // The handshake belongs to the service, not to one of its tenants.
    let publisher = Publisher::start(
        Arc::new(bus),
        id.clone(),
        PUBLISHER,
        env!("CARGO_PKG_VERSION"),
        Settings::default(),
        Arc::new(()),
    )
    .context("the publisher")?;

    let pem = std::fs::read_to_string(&arguments.key)
        .with_context(|| format!("the signing key {}", arguments.key.display()))?;
    let kid = KeyId::new(&arguments.kid).context("the key's id")?;
    let signer = LocalSigner::from_pkcs8_pem(kid, &pem).context("the signing key")?;
    let issuer = Issuer::new(signer, id).context("the issuer")?;

    let store = Sqlite::open(&arguments.store, RETENTION).await;
    let store = Arc::new(store.with_context(|| format!("{}", arguments.store.display()))?);
    let service = Service::new(publisher.clone(), issuer, Ledger::new(store.clone())).await?;
    let subscriber = listener::subscriber(&service, store)?;
    let consumer = Consumer::new(
        connection,
        &arguments.queue_url,
        &arguments.dead_letter_queue_url,
        doorward_events::subscribe::sqs::Settings::DEFAULT,
    )
    .await
    .context("the queue")?;

    let mut end = signal(SignalKind::terminate())?;
    let shutdown = async move {
        tokio::select! {
            _ = end.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    };
    tokio::spawn(teller::run(Arc::clone(&service)));
    tokio::spawn(Arc::clone(&service).sweep());
    tokio::spawn(desk::serve(service));
    consumer.run(subscriber, shutdown).await;
    let closing = publisher.close(LAST_WORDS).await;
    tracing::info!(left = closing.left.len(), "ended; what is left is told at the next start");
    Ok(())
}
