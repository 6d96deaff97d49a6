//! `publish`: the catalogue into an `EventBridge` schema registry.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use super::ended;
use super::export::FormChoice;
use crate::registry::{self, Remote, RemoteError, Step, Target};
use crate::site::source::Catalogue;

/// Brings a schema registry of EventBridge up to date; a second run changes nothing.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Each schema describes an event as EventBridge delivers it, type JSONSchemaDraft4.
Nothing is ever removed there. Credentials come from the environment, the profile or the machine's
role; needed are schemas:DescribeRegistry, CreateRegistry, DescribeSchema, CreateSchema, UpdateSchema.

Examples:
  doorward-schema publish --registry doors --dry-run
  doorward-schema publish --registry doors --region eu-central-1
  doorward-schema publish --registry doors --drafts --json"
)]
pub struct Publish {
    /// The registry's name; it is created where it is missing.
    #[arg(long, value_name = "NAME", value_parser = registry_name)]
    registry: String,
    /// Only say what would be done: the registry is read, and nothing is written.
    #[arg(long)]
    dry_run: bool,
    /// Another endpoint than AWS's own.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// The AWS region; by itself the environment's or the profile's.
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Whose form: what a reader accepts, or what a writer is bound to.
    #[arg(long, default_value = "reader")]
    form: FormChoice,
    /// Types without a release too, as they stand.
    #[arg(long)]
    drafts: bool,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

impl Publish {
    /// 0 the registry says the same, 1 the repository is wrong or the service refused, 2 the call.
    pub fn run(&self, root: &Path) -> ExitCode {
        let offers = Catalogue::load(root)
            .map_err(|error| error.to_string())
            .and_then(|mut all| registry::offers(&mut all, self.form.into(), self.drafts));
        let (offers, left_out) = match offers {
            Ok(found) => found,
            Err(error) => return ended(1, &error),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return ended(1, &error.to_string()),
        };
        let target = Target {
            registry: self.registry.clone(),
            region: self.region.clone(),
            endpoint: self.endpoint.clone(),
        };
        let mut counts = [0_usize; 3];
        let done = runtime.block_on(async {
            let remote = Remote::new(target).await?;
            let mut tell = |name: &str, step: &Step| {
                match step {
                    Step::Create => counts[0] += 1,
                    Step::Update(_) => counts[1] += 1,
                    Step::Unchanged => counts[2] += 1,
                    Step::CreateRegistry => {}
                }
                self.tell(name, step);
            };
            registry::publish(&remote, &offers, self.dry_run, &mut tell).await
        });
        match done {
            Ok(()) => {
                self.sum_up(counts, left_out.len());
                ExitCode::SUCCESS
            }
            Err(error @ (RemoteError::Region | RemoteError::Endpoint(_))) => {
                ended(2, &error.to_string())
            }
            Err(error) if self.dry_run || counts == [0; 3] => ended(1, &error.to_string()),
            Err(error) => {
                ended(1, &format!("{error}; what is listed above was done, run it again"))
            }
        }
    }

    fn tell(&self, name: &str, step: &Step) {
        let version = if let Step::Update(version) = step { Some(version) } else { None };
        if self.json {
            let line = json!({
                "registry": self.registry, "schema": name, "step": step.word(),
                "from_version": version, "done": !self.dry_run && *step != Step::Unchanged,
            });
            say(&line.to_string());
        } else if *step != Step::Unchanged {
            let would = if self.dry_run { "would " } else { "" };
            let after = version.map(|version| format!(" (version {version} there)"));
            let name = if name.is_empty() { &self.registry } else { name };
            say(&format!("{would}{} {name}{}", step.word(), after.unwrap_or_default()));
        }
    }

    fn sum_up(&self, [created, updated, unchanged]: [usize; 3], left_out: usize) {
        if self.json {
            return;
        }
        let to_be = if self.dry_run { "to be " } else { "" };
        say(&format!("{created} {to_be}created, {updated} {to_be}updated, {unchanged} unchanged"));
        if left_out > 0 {
            say(&format!("{left_out} drafts left out; --drafts publishes them too"));
        }
    }
}

/// A line on the standard output; that nobody reads it any more is no reason to stop in the middle.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// 1 to 64 letters, digits, `.`, `-` and `_`, as the service has it.
fn registry_name(text: &str) -> Result<String, String> {
    let harmless = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if (1..=64).contains(&text.len()) && text.bytes().all(harmless) {
        return Ok(text.to_owned());
    }
    Err("a registry's name is 1 to 64 letters, digits, '.', '-' and '_'".to_owned())
}
