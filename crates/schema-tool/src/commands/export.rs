//! `export`: the catalogue in the language of other tools.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use doorward_schema_repository::Form;

use super::ended;
use crate::asyncapi;
use crate::finding::{counted, say};
use crate::site::source::Catalogue;

/// Writes the repository in another tool's language.
#[derive(Debug, clap::Args)]
pub struct Export {
    #[command(subcommand)]
    language: Language,
}

#[derive(Debug, clap::Subcommand)]
enum Language {
    /// An `AsyncAPI` 3.0 document: channels, messages, who sends and who receives.
    #[command(after_help = "Examples:
  doorward-schema export asyncapi > asyncapi.json
  doorward-schema export asyncapi --form reader --revision \"$(git describe --always)\" --out asyncapi.json")]
    Asyncapi {
        /// Where to; by itself the standard output.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Whose payload: what a writer is bound to, or what a reader accepts.
        #[arg(long, default_value = "writer")]
        form: FormChoice,
        /// The document's own version.
        #[arg(long, default_value = "unreleased", value_name = "TEXT")]
        revision: String,
    },
}

/// Which of the two forms of a schema is meant.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum FormChoice {
    /// Closed objects, enumerations hold.
    Writer,
    /// Unknown members and words are accepted, except where authority is carried.
    Reader,
}

impl From<FormChoice> for Form {
    fn from(choice: FormChoice) -> Self {
        match choice {
            FormChoice::Writer => Self::Writer,
            FormChoice::Reader => Self::Reader,
        }
    }
}

impl Export {
    /// 0 written, 1 the repository is wrong, 2 the file cannot be written.
    pub fn run(&self, root: &Path) -> ExitCode {
        let Language::Asyncapi { out, form, revision } = &self.language;
        let document = Catalogue::load(root)
            .map_err(|error| error.to_string())
            .and_then(|catalogue| asyncapi::document(&catalogue, (*form).into(), revision));
        let (text, channels) = match document {
            Ok(document) => {
                let channels = document.get("channels").and_then(serde_json::Value::as_object);
                (format!("{document:#}\n"), channels.map_or(0, serde_json::Map::len))
            }
            Err(error) => return ended(1, &error),
        };
        let written = match out {
            Some(file) => std::fs::write(file, text)
                .map_err(|error| format!("{}: {error}; give another with --out", file.display())),
            None => std::io::stdout().write_all(text.as_bytes()).map_err(|error| error.to_string()),
        };
        match written {
            Ok(()) => {
                if let Some(file) = out {
                    let place = file.display();
                    say(&format!("{}: {place}\n", counted(channels, "channel")));
                }
                ExitCode::SUCCESS
            }
            Err(error) => ended(2, &error),
        }
    }
}
