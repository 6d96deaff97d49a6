//! The Rust bindings: what the build of the client library compiles.

mod catalogue;
mod structs;

use std::path::Path;

use crate::compose::{Form, compose, statement};
use crate::repository::{Failure, Repository};

/// Writes into `folder`: composed schemas in both forms (`TYPE.writer.json`, `TYPE.reader.json`),
/// those of statements (`NAME.statement.json`), the lists of types, words and publishers, and a
/// Rust type per definition.
pub fn write(repository: &Repository, folder: &Path) -> Result<(), Failure> {
    for source in &repository.types {
        for form in [Form::Writer, Form::Reader] {
            let composed = compose(repository, source, form)?;
            let file = format!("{}.{}.json", source.name, form.as_str());
            std::fs::write(folder.join(file), serde_json::to_string(&composed)?)?;
        }
    }
    for name in repository.statements() {
        let composed = statement(repository, name)?;
        let file = format!("{name}.statement.json");
        std::fs::write(folder.join(file), serde_json::to_string(&composed)?)?;
    }
    let publishers = repository.publishers.catalogue(&repository.types);
    std::fs::write(folder.join("publishers.rs"), publishers)?;
    std::fs::write(folder.join("catalogue.rs"), catalogue::event_types(repository))?;
    std::fs::write(folder.join("vocabulary.rs"), catalogue::vocabularies(repository)?)?;
    std::fs::write(folder.join("structs.rs"), structs::generate(repository)?)?;
    Ok(())
}
