//! One file a command; what they share is the place of the repository and how a failure is told.

mod bindings;
mod breaking;
mod changelog;
mod conformance;
mod deprecate;
mod docs;
mod explain;
mod export;
mod lint;
mod new;
mod publish;
mod release;
mod sandbox;
mod subscriptions;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use doorward_schema_repository::Tree;
use doorward_schema_repository::references::nearest;

/// New types, lint, releases, compatibility, bindings and documentation of a schema repository.
#[derive(Debug, Parser)]
#[command(name = "doorward-schema", version)]
pub struct CommandLine {
    /// The folder that holds `schemas/` and `subscriptions/`.
    #[arg(long, global = true, default_value = ".", value_name = "FOLDER")]
    root: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(new::New),
    Lint(lint::Lint),
    Explain(explain::Explain),
    Breaking(breaking::Breaking),
    Release(release::ReleaseTypes),
    Changelog(changelog::Changelog),
    Deprecate(deprecate::Deprecate),
    Subscriptions(subscriptions::Subscriptions),
    Bindings(bindings::Arguments),
    Docs(docs::Docs),
    Export(export::Export),
    Publish(publish::Publish),
    Sandbox(sandbox::Sandbox),
    Send(sandbox::SendExample),
    Conformance(conformance::Conformance),
}

/// What a command ends with: an exit code, or why it could not do its work.
type Outcome = anyhow::Result<ExitCode>;

/// The call itself is wrong, not the repository.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct WrongCall(String);

impl WrongCall {
    /// There is no such type; perhaps another was meant.
    fn no_type(tree: &Tree, name: &str) -> Self {
        let near = nearest(name, tree.types.keys().map(String::as_str));
        let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        Self(format!("there is no type {name} below schemas/{hint}"))
    }
}

/// Says why a command could not do its work, in the form in which clap says what is wrong with a
/// call.
fn ended(code: u8, why: &str) -> ExitCode {
    eprintln!("error: {why}");
    ExitCode::from(code)
}

/// The types that were named, or all.
fn selected(tree: &Tree, names: &[String]) -> Result<Vec<String>, WrongCall> {
    if let Some(name) = names.iter().find(|name| !tree.types.contains_key(*name)) {
        return Err(WrongCall::no_type(tree, name));
    }
    Ok(if names.is_empty() { tree.types.keys().cloned().collect() } else { names.to_vec() })
}

/// Writes a file of the repository: beside it first, so that no half of it is ever seen.
fn write_file(root: &Path, file: &str, text: &str) -> anyhow::Result<()> {
    use anyhow::Context as _;
    let path = root.join(file);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let beside = path.with_extension("json.new");
    std::fs::write(&beside, text).with_context(|| beside.display().to_string())?;
    std::fs::rename(&beside, &path).with_context(|| path.display().to_string())
}

impl CommandLine {
    /// Runs the command: 0 all well, 1 something is wrong with the repository, 2 with the call.
    pub fn run(self) -> ExitCode {
        let root = self.root;
        let outcome = match self.command {
            Command::New(command) => command.run(&root),
            Command::Lint(command) => command.run(&root),
            Command::Explain(command) => command.run(&root),
            Command::Breaking(command) => command.run(&root),
            Command::Release(command) => command.run(&root),
            Command::Changelog(command) => command.run(&root),
            Command::Deprecate(command) => command.run(&root),
            Command::Subscriptions(command) => command.run(&root),
            Command::Bindings(arguments) => Ok(bindings::run(&root, &arguments)),
            Command::Docs(command) => Ok(command.run(&root)),
            Command::Export(command) => Ok(command.run(&root)),
            Command::Publish(command) => Ok(command.run(&root)),
            Command::Sandbox(command) => Ok(command.run(&root)),
            Command::Send(command) => Ok(command.run(&root)),
            Command::Conformance(command) => command.run(&root),
        };
        outcome.unwrap_or_else(|error| {
            let code = if error.is::<WrongCall>() { 2 } else { 1 };
            ended(code, &format!("{error:#}"))
        })
    }
}
