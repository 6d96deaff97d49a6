//! Bindings: what a team's program needs so that it says and reads exactly what the schemas say.
//!
//! A package is the hand-written runtime of its language (`bindings/`, compiled into this tool)
//! and what is generated here: types, words and schemas of the chosen event types. The Rust
//! bindings are those that the build of `doorward-events` makes for itself.

mod folder;
mod name;
mod patterns;
mod python;
mod selection;
mod shape;
mod typescript;

use std::path::Path;

use doorward_schema_repository::{Repository, rust};
use serde_json::{Value, json};

pub use folder::Folder;
pub use name::{PACKAGES, faults as name_faults};
pub use patterns::check as admits;
pub use selection::Selection;

use name::Name;

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

/// What a package holds, and what it is called; nothing chosen: all types, and the repository's
/// name for it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Choice<'a> {
    pub publish: Option<&'a [String]>,
    pub subscribe: Option<&'a [String]>,
    pub name: Option<&'a str>,
}

/// Writes the bindings of the repository under `root` into the folder `out`. Returns how many
/// files that were.
pub fn write(
    root: &Path,
    language: Language,
    choice: Choice<'_>,
    out: &Path,
) -> Result<usize, Failure> {
    let Choice { publish, subscribe, name } = choice;
    let name = name.map(|name| Name::of(language, name).map_err(Failure::Call)).transpose()?;
    let schemas = root.join("schemas");
    let repository = Repository::load(&schemas)
        .map_err(|error| Failure::Repository(format!("{}: {error}", schemas.display())))?;
    if language == Language::Rust {
        return write_rust(&repository, publish.or(subscribe).is_some(), out);
    }
    let selection = Selection::of(&repository, &schemas, publish, subscribe)?;
    let name = match name {
        Some(name) => name,
        None => configured(&schemas, language)?,
    };
    let mut folder = Folder::new();
    match language {
        Language::Python => python::package(&repository, &selection, &mut folder)?,
        _ => typescript::package(&repository, &selection, &mut folder)?,
    }
    for (from, to) in &name.renamed {
        folder.rename(from, to);
    }
    let manifest = json!({
        "name": name.name,
        "language": format!("{language:?}").to_lowercase(),
        "publish": selection.publish.keys().collect::<Vec<_>>(),
        "subscribe": selection.subscribe.keys().collect::<Vec<_>>(),
    });
    folder.write(out, &manifest)
}

/// As `publishers.json` names the package.
fn configured(schemas: &Path, language: Language) -> Result<Name, Failure> {
    let file = schemas.join("publishers.json");
    let wrong = |why: String| Failure::Repository(format!("{}: {why}", file.display()));
    let text = std::fs::read_to_string(&file).map_err(|error| wrong(error.to_string()))?;
    let register: Value = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    Name::configured(language, &register).map_err(|why| wrong(format!("/{PACKAGES}: {why}")))
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
