//! Turns the schema repository into what the crate compiles: composed schemas in the writer's
//! and the reader's form, the list of event types, and a Rust type per definition.
//!
//! Reads only `../../schemas`; writes only to `OUT_DIR`. Whatever is wrong in a schema stops the
//! build with the file's name.

mod catalogue;
mod compose;
mod publishers;
mod repository;
mod structs;
mod walk;

use std::error::Error;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let crate_dir = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let out_dir = PathBuf::from(std::env::var("OUT_DIR")?);
    let schemas = crate_dir.join("../../schemas");
    println!("cargo::rerun-if-changed={}", schemas.display());
    println!("cargo::rerun-if-changed={}", crate_dir.join("build").display());

    let repository = repository::Repository::load(&schemas)?;
    for source in &repository.types {
        for form in [compose::Form::Writer, compose::Form::Reader] {
            let composed = compose::compose(&repository, source, form)?;
            let file = format!("{}.{}.json", source.name, form.as_str());
            std::fs::write(out_dir.join(file), serde_json::to_string(&composed)?)?;
        }
    }
    for name in repository.statements() {
        let composed = compose::statement(&repository, name)?;
        let file = format!("{name}.statement.json");
        std::fs::write(out_dir.join(file), serde_json::to_string(&composed)?)?;
    }
    let publishers = repository.publishers.catalogue(&repository.types);
    write(&out_dir, "publishers.rs", &publishers)?;
    write(&out_dir, "catalogue.rs", &catalogue::event_types(&repository))?;
    write(&out_dir, "vocabulary.rs", &catalogue::vocabularies(&repository)?)?;
    write(&out_dir, "structs.rs", &structs::generate(&repository)?)?;
    Ok(())
}

fn write(out_dir: &Path, name: &str, text: &str) -> std::io::Result<()> {
    std::fs::write(out_dir.join(name), text)
}
