//! `doorward grants`: who may open which door, when and how often.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Subcommand, ValueEnum};
use doorward_events::types::{WeeklySchedule, WeeklyWindow};
use doorward_translators::Act;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::output;
use super::week::Windows;
use crate::local::{Answer, Ask, Client, GrantView};

/// The exit status where no grant is held now.
const DENIED: u8 = 3;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The grants that are held.
    List {
        /// Only those of this entry.
        #[arg(long, value_name = "ID")]
        entry: Option<String>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// One grant, whole.
    Show {
        grant: Uuid,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Grant somebody an entry, signed with the gateway's own key.
    Issue(Issue),
    /// End a grant that was issued here.
    Revoke {
        grant: Uuid,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Hand over an event that an issuer signed (grant, revocation or request), as the bus would.
    Deliver {
        /// A file with the event; - is the standard input.
        file: PathBuf,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(clap::Args)]
struct Issue {
    /// The entry's id, as in doorward.toml.
    #[arg(long, value_name = "ID")]
    entry: String,
    /// Who may: a pseudonym, never a name.
    #[arg(long, value_name = "REF")]
    subject: String,
    /// What may be asked for.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "unlock", value_name = "ACT")]
    action: Vec<Asked>,
    /// From when on: an RFC 3339 time. Absent: now.
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// For how long, as 2h, 45m or 7d.
    #[arg(long = "for", value_name = "TIME", default_value = "2h", value_parser = crate::config::length)]
    length: SignedDuration,
    /// How often.
    #[arg(long, default_value_t = 1, value_name = "COUNT",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    uses: u32,
    /// Time that must lie between two uses, as 30s.
    #[arg(long, value_name = "TIME", value_parser = crate::config::length)]
    interval: Option<SignedDuration>,
    /// When in the week, by the clock at the entry, as "mon-fri 08:00-18:00"; more than once: each
    /// counts. Absent: always.
    #[arg(long, value_name = "WHEN", value_parser = super::week::windows)]
    on: Vec<Windows>,
    /// A date on which none of that counts, as 2026-12-25.
    #[arg(long, value_name = "DATE", requires = "on")]
    not_on: Vec<Date>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl Issue {
    fn schedule(&self) -> Option<WeeklySchedule> {
        let windows: Vec<_> = self.on.iter().flat_map(|windows| windows.0.clone()).collect();
        let holidays = self.not_on.iter().map(ToString::to_string).collect();
        (!windows.is_empty()).then_some(WeeklySchedule { windows, holidays })
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Asked {
    Unlock,
    Lock,
    Open,
}

impl Asked {
    fn act(self) -> Act {
        match self {
            Self::Unlock => Act::Unlock,
            Self::Lock => Act::Lock,
            Self::Open => Act::Open,
        }
    }
}

pub async fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    let client = output::client(config)?;
    match &args.command {
        Command::List { entry, json } => {
            let mut grants = held(&client).await?;
            grants.retain(|grant| entry.as_ref().is_none_or(|entry| *entry == grant.entry));
            if *json {
                output::json(&grants)?;
            } else {
                list(&grants);
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Show { grant, json } => {
            let found = held(&client).await?.into_iter().find(|held| held.grant_id == *grant);
            let Some(found) = found else {
                bail!("no grant {grant} is held\n  remedy: doorward grants list");
            };
            if *json {
                output::json(&found)?;
            } else {
                show(&found);
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Issue(issue) => {
            let from = issue.from.unwrap_or_else(Timestamp::now);
            let expires_at = from.checked_add(issue.length).context("that is too long")?;
            let interval = issue.interval.map(|time| u32::try_from(time.as_secs())).transpose()?;
            let ask = Ask::Grant {
                entry: issue.entry.clone(),
                subject: issue.subject.clone(),
                actions: issue.action.iter().map(|asked| asked.act()).collect(),
                not_before: issue.from,
                expires_at,
                max_uses: issue.uses,
                min_interval_s: interval,
                schedule: issue.schedule(),
            };
            tell(&self::ask(&client, &ask).await?, issue.json)
        }
        Command::Revoke { grant, json } => {
            tell(&ask(&client, &Ask::Revoke { grant_id: *grant }).await?, *json)
        }
        Command::Deliver { file, json } => {
            let text = if file.as_os_str() == "-" {
                std::io::read_to_string(std::io::stdin())?
            } else {
                std::fs::read_to_string(file)
                    .with_context(|| format!("{} cannot be read", file.display()))?
            };
            tell(&ask(&client, &Ask::Signed { event: text }).await?, *json)
        }
    }
}

/// Asks, and waits until the outcome is durable.
pub(super) async fn ask(client: &Client, ask: &Ask) -> anyhow::Result<Answer> {
    let mut answer = None;
    client
        .post("/v1/ask", ask, |line: Answer| {
            answer = Some(line);
            false
        })
        .await?;
    answer.context(
        "the gateway did not answer\n  remedy: look at doorward events before asking again",
    )
}

/// A denial in words.
pub(super) fn denied(reason: &str, all: &[String], detail: &str) -> String {
    let mut parts = vec![format!("denied: {reason}")];
    let others: Vec<&str> = all.iter().map(String::as_str).filter(|word| *word != reason).collect();
    if !others.is_empty() {
        parts.push(format!(" (and: {})", others.join(", ")));
    }
    if !detail.is_empty() {
        parts.push(format!("\n  {detail}"));
    }
    if let Some(remedy) = remedy(reason) {
        parts.push(format!("\n  remedy: {remedy}"));
    }
    parts.concat()
}

/// What helps against a denial, where something at the gateway does.
fn remedy(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "clock_untrusted" => "look at date, then doorward clock confirm",
        "endpoint_offline" | "vendor_unavailable" | "state_unknown" => {
            "doorward doors shows the entry's devices; the one that acts must be there and online"
        }
        "entry_busy" => "wait until the command before has ended: doorward events",
        "ledger_lost" => "the gateway has a new journal: issue the grant again",
        "not_yet_active" | "expired" | "revoked" | "uses_exhausted" => {
            "doorward grants list shows the grants that are held"
        }
        "too_many_attempts" => "wait; a lockout ends after 5 minutes",
        "invalid_signature" | "issuer_not_authorized" | "unauthenticated_source" => {
            "doorward trust show lists whose keys are believed"
        }
        "unknown_entry" => "doorward doors lists the entries",
        _ => return None,
    })
}

async fn held(client: &Client) -> anyhow::Result<Vec<GrantView>> {
    Ok(client.get("/v1/grants", &()).await?)
}

fn tell(answer: &Answer, json: bool) -> anyhow::Result<ExitCode> {
    if json {
        output::json(answer)?;
    }
    Ok(match answer {
        Answer::Denied { reason, all, detail } => {
            if !json {
                output::say_error(&denied(reason, all, detail));
            }
            ExitCode::from(DENIED)
        }
        _ if json => ExitCode::SUCCESS,
        Answer::Installed { grant_id } => {
            output::say(&format!("granted: {grant_id}"));
            ExitCode::SUCCESS
        }
        Answer::Revoked { grant_id } => {
            output::say(&format!("revoked: {grant_id}"));
            ExitCode::SUCCESS
        }
        Answer::Granted { command_id, .. } => {
            output::say(&format!("granted; the command is {command_id}"));
            ExitCode::SUCCESS
        }
        Answer::Clock { at, trust } => {
            output::say(&format!("the gateway believes that it is {at} ({trust})"));
            ExitCode::SUCCESS
        }
        Answer::Vendor { vendor, state } => {
            output::say(&format!("{vendor}: {state}"));
            ExitCode::SUCCESS
        }
        Answer::Issuers { version } => {
            output::say(&format!("the list of issuers of version {version} is believed"));
            ExitCode::SUCCESS
        }
        Answer::Undecided { detail } => {
            output::say_error(&format!("nothing was decided: {detail}"));
            ExitCode::FAILURE
        }
        Answer::Repeated { then } => {
            output::say(&format!("asked before; the outcome was: {then}"));
            ExitCode::SUCCESS
        }
    })
}

fn actions(grant: &GrantView) -> String {
    grant.actions.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn list(grants: &[GrantView]) {
    if grants.is_empty() {
        output::say("no grant is held");
        return;
    }
    let heading = ["GRANT", "ENTRY", "SUBJECT", "ACTIONS", "FROM", "UNTIL", "USES LEFT", "ISSUER"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for grant in grants {
        rows.push(vec![
            grant.grant_id.to_string(),
            grant.entry.clone(),
            grant.subject.clone(),
            actions(grant),
            grant.not_before.to_string(),
            grant.expires_at.to_string(),
            format!("{} of {}", grant.uses_left, grant.max_uses),
            grant.issuer.clone(),
        ]);
    }
    output::table(&rows);
}

fn show(grant: &GrantView) {
    let mut lines = vec![
        ("grant", grant.grant_id.to_string()),
        ("entry", grant.entry.clone()),
        ("subject", grant.subject.clone()),
        ("actions", actions(grant)),
        ("from", grant.not_before.to_string()),
        ("until", grant.expires_at.to_string()),
        ("uses left", format!("{} of {}", grant.uses_left, grant.max_uses)),
        ("issuer", grant.issuer.clone()),
    ];
    if let Some(seconds) = grant.min_interval_s {
        lines.push(("between two uses", format!("{seconds} s")));
    }
    for WeeklyWindow { day, from, to } in grant.schedule.iter().flat_map(|week| &week.windows) {
        lines.push(("on", format!("{day} {from}-{to}")));
    }
    for date in grant.schedule.iter().flat_map(|week| &week.holidays) {
        lines.push(("not on", date.clone()));
    }
    for (name, value) in lines {
        output::say(&format!("{name:<17} {value}"));
    }
}
