//! The command line: one file a command.

mod act;
mod adopt;
mod audit;
mod check;
mod clock;
mod completions;
mod connect;
mod delivered;
mod diagnose;
mod doors;
mod drill;
mod erase;
mod events;
mod grants;
mod identity;
mod journal;
mod log;
mod man;
mod metrics;
mod output;
mod quarantine;
mod queue;
mod reload;
mod run;
mod settle;
mod setup;
mod stopped;
mod systemd;
mod trust;
mod vendor;
mod vendors;
mod visits;
mod week;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use doorward_sandbox::ProgramText;
use doorward_translators::Act;

/// Gateway between the locks, openers and readers of a building and an event bus.
#[derive(Parser)]
#[command(name = "doorward", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Examples:
  doorward check                         is the configuration right, can the brokers be reached?
  doorward run                           run the gateway in the foreground
  doorward events --follow               watch events as they happen
  doorward doors                         what is known of every door
  doorward --config ./config check       use the configuration in ./config")]
struct Cli {
    /// Folder with doorward.toml and vendors.d/.
    #[arg(
        long,
        short,
        global = true,
        env = "DOORWARD_CONFIG",
        default_value = "/etc/doorward",
        value_name = "FOLDER"
    )]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the gateway until it is told to stop (SIGTERM, Ctrl-C).
    #[command(after_help = "Examples:
  doorward run
  RUST_LOG=debug doorward --config ./config run")]
    Run(run::Args),
    /// Check the configuration and whether the brokers can be reached.
    #[command(
        after_help = "Exit status: 0 no errors, 1 warnings only and --strict, 2 errors. A key that nothing
reads is an error here; the gateway itself only warns of it.

Examples:
  doorward check
  doorward check --offline --json
  doorward check --only broker,acl
  doorward check --list"
    )]
    Check(check::Args),
    /// Set up this controller: configuration, keys, broker. Done again it changes nothing.
    #[command(
        after_help = "What is not said is asked, at a terminal. What a person changed since is never overwritten.
Without --dry-run it writes: the configuration, certificates, and the files of a Mosquitto here.

Examples:
  sudo doorward setup --dry-run
  sudo doorward setup --dry-run --yes --instance gw-1 --tenant acme --vendor garage=ratgdo"
    )]
    Setup(setup::Args),
    /// Make one archive for whoever helps from afar, without secrets.
    #[command(after_help = "Examples:
  sudo doorward diagnose
  sudo doorward diagnose --offline --output doorward.tar")]
    Diagnose(diagnose::Args),
    /// List events, or follow them.
    #[command(after_help = "Examples:
  doorward events --limit 20
  doorward events --follow --type entry.lock_changed
  doorward events --entry front-door --json | jq .event.data")]
    Events(events::Args),
    /// Show every door's facts with their quality and age.
    #[command(after_help = "Examples:
  doorward doors
  doorward doors --json")]
    Doors(doors::Args),
    /// Show how far events have got: waiting, delivered, trouble with the bus.
    #[command(after_help = "Examples:
  doorward queue
  doorward queue --json")]
    Queue(queue::Args),
    /// Show what each vendor's process is doing; restart, isolate or release one.
    #[command(after_help = "Exit status: 3 the order was refused.

Examples:
  doorward vendors
  doorward vendors restart zigbee2mqtt
  doorward vendors isolate zigbee2mqtt
  doorward vendors release zigbee2mqtt")]
    Vendors(vendors::Args),
    /// Let the running gateway read its files again. If anything is wrong with them, nothing
    /// changes.
    #[command(
        after_help = "A changed file of one vendor touches that vendor's process alone; doors and their devices count
at once; [gateway], [bus], [journal], [trust] and [downlink] count from the next start on. SIGHUP
does the same, and tells the log.

Exit status: 3 the new configuration is bad, and the old one goes on.

Examples:
  doorward check && doorward reload
  doorward reload --json"
    )]
    Reload(reload::Args),
    /// Unlock a door, and wait until it is.
    #[command(after_help = ACT_HELP)]
    Unlock(act::Args),
    /// Open a door, gate or garage door, and wait until it moves.
    #[command(after_help = ACT_HELP)]
    Open(act::Args),
    /// Lock a door, and wait until it is.
    #[command(after_help = ACT_HELP)]
    Lock(act::Args),
    /// Say who may open which door, when and how often.
    #[command(after_help = "Examples:
  doorward grants issue --entry front-door --subject courier-7f3a --for 2h
  doorward grants list
  doorward grants revoke 01890a5d-ac96-774b-bcce-b302099a8057")]
    Grants(grants::Args),
    /// Make keys, and the list of issuers that gateways believe.
    #[command(after_help = "Examples:
  doorward trust key root.key
  doorward trust show --root root.key --list issuers.jws
  doorward trust remove --root root.key --list issuers.jws acme-delivery-2026")]
    Trust(trust::Args),
    /// Show what the gateway connects to, or try each step of the way.
    #[command(after_help = "Exit status: 0 everything works, 2 something does not.

Examples:
  doorward connect
  doorward connect --test
  doorward connect --test --json")]
    Connect(connect::Args),
    /// Make the gateway's key and certificate request, take its certificate, and see what ends when.
    #[command(after_help = "Examples:
  doorward identity request
  doorward identity install certificate.pem
  doorward identity show")]
    Identity(identity::Args),
    /// Look at this machine's clock, and stand for it.
    #[command(
        subcommand,
        after_help = "Examples:
  doorward clock confirm"
    )]
    Clock(clock::Command),
    /// Show the visits under way.
    #[command(after_help = "Examples:
  doorward visits
  doorward visits --json")]
    Visits(visits::Args),
    /// Show what could not become an event, with its reason and raw bytes.
    #[command(after_help = "Examples:
  doorward quarantine
  doorward quarantine --limit 5 --json")]
    Quarantine(quarantine::Args),
    /// Look after the journal: its figures, its checksums, its events as a file.
    #[command(after_help = "Examples:
  doorward journal stats
  doorward journal verify
  doorward journal export --waiting > events.jsonl
  doorward journal import events.jsonl")]
    Journal(journal::Args),
    /// See whether the record of accesses and decisions is still what was signed.
    #[command(after_help = "Examples:
  doorward audit verify
  doorward audit verify --against checkpoints.jsonl
  doorward audit close")]
    Audit(audit::Args),
    /// Take over what another machine's journal still owes the bus; the gateway must be stopped.
    #[command(
        after_help = "A journal that came along from another machine is set aside when the gateway starts
(journal.db.foreign-1 in the state folder). Its waiting events are taken over with their exact
bytes, its facts are not: they are of other doors' time. The file is renamed then.

Examples:
  doorward adopt
  doorward adopt /mnt/old/var/lib/doorward/journal.db"
    )]
    Adopt(adopt::Args),
    /// Erase a person from the running gateway's journal, for good.
    #[command(
        after_help = "Every event, fact and quarantined message that names the subject goes, delivered or not, and
what was set aside of the journal with it. What subscribers have is theirs to erase; so are
backups and exports of the journal.

Examples:
  doorward erase --subject resident-4711
  doorward erase --subject resident-4711 --yes --json"
    )]
    Erase(erase::Args),
    /// Let one vendor go wrong in every way, on a test instance of its own, and measure the others.
    #[command(after_help = DRILL_HELP)]
    Drill(drill::Args),
    /// The gateway's figures for Prometheus: once, or served on the loopback.
    #[command(after_help = "Examples:
  doorward metrics
  doorward metrics --listen 127.0.0.1:9464")]
    Metrics(metrics::Args),
    /// Print a completion script for a shell.
    #[command(after_help = "Examples:
  doorward completions bash > /etc/bash_completion.d/doorward
  doorward completions zsh > /usr/share/zsh/vendor-completions/_doorward
  doorward completions fish > /etc/fish/completions/doorward.fish")]
    Completions(completions::Args),
    /// Write the manual pages into a folder.
    #[command(hide = true)]
    Man(man::Args),
}

const ACT_HELP: &str = "It is an operator's act: it goes through the same decision as any request, by a grant of its own
for this one use, and its events name the user id of who asked.

Exit status: 0 it did, or was told to where no sensor can see it; 3 denied, nothing moved; 4 told
to, and not known to have done it.

Examples:
  doorward unlock front-door
  doorward unlock front-door --json";

const DRILL_HELP: &str = "It needs Mosquitto and nothing of the gateway that may run here: it sets up a broker, a bus and a
gateway with four vendors on the loopback, lets one vendor go wrong, and tells what stopped it, when,
and what the three others noticed. Whatever goes wrong is bounded and ends with the drill.

Exit status: 0 everything holds, 1 something does not, 2 the drill could not be done.

Examples:
  doorward drill --quick
  doorward drill --quick --fault hang --fault undisturbed
  doorward drill --rounds 20 --record turns.jsonl --json > drill.json";

/// Runs the command line's command.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Command::Completions(args) = &cli.command {
        return completions::run(args);
    }
    complete(dispatch(cli))
}

/// Runs a vendor's process.
pub fn vendor() -> ExitCode {
    // Before the limits: an emulator makes a file of what is read here.
    let text = ProgramText::find();
    // Before anything else: no thread, no descriptor, no byte of anybody else's.
    let prepared = match crate::vendor::prepare() {
        Ok(prepared) => prepared,
        Err(error) => return output::failed(&error),
    };
    let vendor::Program { args } = vendor::Program::parse();
    complete(vendor::run(args, prepared, text))
}

fn complete(command: impl Future<Output = anyhow::Result<ExitCode>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::failed(&anyhow::anyhow!("no runtime: {error}")),
    };
    let result = runtime.block_on(command);
    // A blocking thread (a name look-up) must not hold up the end.
    runtime.shutdown_background();
    result.unwrap_or_else(|error| output::failed(&error))
}

async fn dispatch(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Run(args) => Box::pin(run::run(&cli.config, &args)).await,
        Command::Check(args) => check::run(&cli.config, &args).await,
        Command::Setup(args) => Box::pin(setup::run(&cli.config, &args)).await,
        Command::Diagnose(args) => Box::pin(diagnose::run(&cli.config, &args)).await,
        Command::Events(args) => events::run(&cli.config, &args).await,
        Command::Doors(args) => doors::run(&cli.config, &args).await,
        Command::Queue(args) => queue::run(&cli.config, &args).await,
        Command::Vendors(args) => vendors::run(&cli.config, &args).await,
        Command::Reload(args) => reload::run(&cli.config, &args).await,
        Command::Unlock(args) => act::run(&cli.config, Act::Unlock, &args).await,
        Command::Open(args) => act::run(&cli.config, Act::Open, &args).await,
        Command::Lock(args) => act::run(&cli.config, Act::Lock, &args).await,
        Command::Grants(args) => grants::run(&cli.config, &args).await,
        Command::Trust(args) => trust::run(&cli.config, &args).await,
        Command::Connect(args) => connect::run(&cli.config, &args).await,
        Command::Identity(args) => identity::run(&cli.config, &args),
        Command::Clock(command) => clock::run(&cli.config, &command).await,
        Command::Visits(args) => visits::run(&cli.config, &args).await,
        Command::Quarantine(args) => quarantine::run(&cli.config, &args).await,
        Command::Journal(args) => journal::run(&cli.config, &args).await,
        Command::Audit(args) => audit::run(&cli.config, &args).await,
        Command::Adopt(args) => adopt::run(&cli.config, &args),
        Command::Erase(args) => erase::run(&cli.config, &args).await,
        Command::Drill(args) => Box::pin(drill::run(&args)).await,
        Command::Metrics(args) => metrics::run(&cli.config, &args).await,
        Command::Man(args) => man::run(&args),
        Command::Completions(_) => Ok(ExitCode::SUCCESS),
    }
}
