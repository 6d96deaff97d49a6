//! `doorward identity renew`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

use crate::commands::output;
use crate::identity::{Renewal, Renewing, renew};

#[derive(clap::Args)]
pub struct Args {
    /// Only if two thirds of the certificate's life are over.
    #[arg(long)]
    if_due: bool,
    /// Say what would be done, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    let gateway = output::configuration(config)?.gateway;
    let renewing = Renewing {
        folder: &gateway.identity.folder,
        instance: &gateway.instance,
        command: gateway.identity.renew_command.as_deref(),
        timeout: gateway.identity.renew_timeout,
    };
    let renewal = renew(&renewing, args.if_due, args.dry_run)
        .context("the certificate was not renewed, and the one in use stays")?;
    let (state, told) = match &renewal {
        Renewal::NoneHere => ("none_here", "the gateway has no certificate of its own".to_owned()),
        Renewal::NotDue { at } => {
            ("not_due", format!("not due before {at:.0}: two thirds of its life are not over"))
        }
        Renewal::WouldRenew { not_after } => {
            let end = not_after.map_or_else(String::new, |end| format!(", which ends at {end}"));
            ("would_renew", format!("the certificate{end}, would be renewed"))
        }
        Renewal::Renewed(installed) => (
            "renewed",
            format!("{} until {}", installed.certificate.subject, installed.certificate.not_after),
        ),
    };
    if args.json {
        output::json(&serde_json::json!({ "state": state, "detail": told }))?;
    } else {
        output::say(&format!("{state}: {told}"));
    }
    Ok(ExitCode::SUCCESS)
}
