//! Bindings: what a team's program needs so that it says and reads exactly what the schemas say.
//!
//! A package is the hand-written runtime of its language (`bindings/`, compiled into this tool)
//! and what is generated here: types, words and schemas of the chosen event types. The Rust
//! bindings are those that the build of `doorward-events` makes for itself.

mod folder;
mod patterns;
mod python;
mod selection;
mod shape;
mod typescript;

use std::path::Path;

use doorward_schema_repository::{Repository, rust};
use serde_json::json;

pub use folder::Folder;
pub use selection::Selection;

/// The languages that there are bindings for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// What the build of `doorward-events` includes: all types.
    Rust,
    /// An npm package.
    Typescript,
    /// A package for pip.
    Python,
}

/// Why there are no bindings.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The call asks for what cannot be.
    #[error("{0}")]
    Call(String),
    /// The repository holds what cannot be bound.
    #[error("{0}")]
    Repository(String),
    /// The folder could not be written.
    #[error("{place}: {error}")]
    Write {
        /// The file or folder.
        place: String,
        /// What the system says.
        error: std::io::Error,
    },
}

/// Writes the bindings of the repository under `root` into the folder `out`. Returns how many
/// files that were.
pub fn write(
    root: &Path,
    language: Language,
    publish: Option<&[String]>,
    subscribe: Option<&[String]>,
    out: &Path,
) -> Result<usize, Failure> {
    let schemas = root.join("schemas");
    let repository = Repository::load(&schemas)
        .map_err(|error| Failure::Repository(format!("{}: {error}", schemas.display())))?;
    if language == Language::Rust {
        return write_rust(&repository, publish.or(subscribe).is_some(), out);
    }
    let selection = Selection::of(&repository, &schemas, publish, subscribe)?;
    let mut folder = Folder::new();
    match language {
        Language::Python => python::package(&repository, &selection, &mut folder)?,
        _ => typescript::package(&repository, &selection, &mut folder)?,
    }
    let manifest = json!({
        "language": format!("{language:?}").to_lowercase(),
        "publish": selection.publish.keys().collect::<Vec<_>>(),
        "subscribe": selection.subscribe.keys().collect::<Vec<_>>(),
    });
    folder.write(out, &manifest)
}

fn write_rust(repository: &Repository, chosen: bool, out: &Path) -> Result<usize, Failure> {
    if chosen {
        let text = "the Rust bindings always hold all types: leave out --publish and --subscribe";
        return Err(Failure::Call(text.to_owned()));
    }
    let failed = |error| Failure::Write { place: out.display().to_string(), error };
    std::fs::create_dir_all(out).map_err(failed)?;
    rust::write(repository, out)
        .map_err(|error| Failure::Repository(format!("Rust bindings: {error}")))?;
    Ok(std::fs::read_dir(out).map_err(failed)?.count())
}
