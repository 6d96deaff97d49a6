//! `docs`: the catalogue as a folder of pages.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::ended;
use crate::site::{Site, source::Catalogue};

/// Makes a static site of the repository: opens from its folder, needs no network.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  doorward-schema docs
  doorward-schema --root ../contracts docs --out public
  xdg-open target/catalogue/index.html")]
pub struct Docs {
    /// Where to: a folder that is missing, empty, or was made by this command.
    #[arg(long, default_value = "target/catalogue", value_name = "FOLDER")]
    out: PathBuf,
}

impl Docs {
    /// 0 written, 1 the repository is wrong, 2 the folder is.
    pub fn run(&self, root: &Path) -> ExitCode {
        let site = match Catalogue::load(root) {
            Ok(catalogue) => Site::of(&catalogue),
            Err(error) => return ended(1, &error.to_string()),
        };
        if let Err(error) = site.write(&self.out) {
            return ended(2, &error.to_string());
        }
        let bytes: usize = site.files().values().map(String::len).sum();
        println!(
            "{} files, {} KB: {}",
            site.files().len(),
            bytes.div_ceil(1000),
            self.out.join("index.html").display()
        );
        ExitCode::SUCCESS
    }
}
