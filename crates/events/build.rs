//! Turns the schema repository into what the crate compiles: composed schemas in the writer's
//! and the reader's form, the list of event types, and a Rust type per definition.
//!
//! Reads only `../../schemas`; writes only to `OUT_DIR`. Whatever is wrong in a schema stops the
//! build with the file's name.

use std::error::Error;
use std::path::PathBuf;

use doorward_schema_repository::{Repository, rust};

fn main() -> Result<(), Box<dyn Error>> {
    let crate_dir = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let out_dir = PathBuf::from(std::env::var("OUT_DIR")?);
    let schemas = crate_dir.join("../../schemas");
    println!("cargo::rerun-if-changed={}", schemas.display());
    rust::write(&Repository::load(&schemas)?, &out_dir)
}
