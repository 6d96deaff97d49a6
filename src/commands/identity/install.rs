//! `doorward identity install`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jiff::Timestamp;

use crate::commands::output;
use crate::identity::Folder;

#[derive(clap::Args)]
pub struct Args {
    /// The certificate in PEM, with its chain after it where there is one.
    #[arg(value_name = "FILE")]
    certificate: PathBuf,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    let gateway = output::configuration(config)?.gateway;
    let folder = Folder::new(&gateway.identity.folder);
    let installed = folder.install(&args.certificate, Timestamp::now())?;
    if args.json {
        output::json(&serde_json::json!({
            "file": installed.file,
            "certificate": installed.certificate,
            "renew_at": installed.certificate.renewal_due(),
        }))?;
    } else {
        output::say(&format!(
            "{}: {}, until {}; a new one is due from {:.0}",
            installed.file.display(),
            installed.certificate.subject,
            installed.certificate.not_after,
            installed.certificate.renewal_due()
        ));
    }
    Ok(ExitCode::SUCCESS)
}
