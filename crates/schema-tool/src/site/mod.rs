//! The catalogue as a folder of pages: what a team reads before it asks anybody.
//!
//! It opens from a folder, without a server and without a network. The same repository gives the
//! same bytes, so that a published site can be compared with what its repository says.

mod changes;
pub mod fields;
mod files;
mod party_pages;
mod picture;
mod shell;
pub mod source;
mod start_page;
mod type_page;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use shell::{INSIDE, TOP, page};
use source::Catalogue;

/// What says that a folder was made by this command, so that no other is ever emptied.
const STAMP: &str = ".doorward-catalogue";

/// A site that is not on the disk yet: each file's path below its folder, and its bytes.
pub struct Site {
    files: BTreeMap<String, String>,
}

impl Site {
    /// All pages of a catalogue.
    pub fn of(catalogue: &Catalogue) -> Self {
        let mut files = BTreeMap::new();
        let mut top = |file: &str, title: &str, content: &maud::Markup| {
            files.insert(file.to_owned(), page(TOP, title, file, content));
        };
        top("index.html", "Event types", &start_page::content(catalogue));
        top("flows.html", "Who talks to whom", &party_pages::flows(catalogue));
        top("definitions.html", "Shared definitions", &party_pages::definitions(catalogue));
        top("deprecations.html", "Deprecations", &party_pages::deprecations(catalogue));
        let mut inside = |file: String, title: &str, content: &maud::Markup| {
            files.insert(file, page(INSIDE, title, "", content));
        };
        for known in &catalogue.types {
            let content = type_page::content(catalogue, known);
            inside(TOP.of_type(&known.name), &known.name, &content);
        }
        for known in &catalogue.publishers {
            let content = party_pages::publisher(catalogue, known);
            inside(TOP.of_publisher(&known.name), &known.name, &content);
        }
        for known in &catalogue.subscriptions {
            let content = party_pages::subscription(catalogue, known);
            let title = format!("{}/{}", known.team, known.name);
            inside(TOP.of_subscription(&known.team, &known.name), &title, &content);
        }
        files.insert("site.css".to_owned(), include_str!("assets/site.css").to_owned());
        files.insert("site.js".to_owned(), include_str!("assets/site.js").to_owned());
        files.insert(
            STAMP.to_owned(),
            "Made by doorward-schema docs; it may be made anew.\n".to_owned(),
        );
        Self { files }
    }

    /// Each file's path below the site's folder, and its content.
    pub fn files(&self) -> &BTreeMap<String, String> {
        &self.files
    }

    /// Writes the site into `folder`, which must be missing, empty or one that was written so
    /// before; what such a one holds beyond the site is removed.
    pub fn write(&self, folder: &Path) -> Result<(), WriteError> {
        let fail = |path: &Path| {
            let path = path.to_owned();
            move |error| WriteError::Disk { path, error }
        };
        if folder.exists() {
            let mut inside = std::fs::read_dir(folder).map_err(fail(folder))?;
            if inside.next().is_some() && !folder.join(STAMP).is_file() {
                return Err(WriteError::Foreign(folder.to_owned()));
            }
            for old in ["types", "publishers", "subscriptions"] {
                let old = folder.join(old);
                match std::fs::remove_dir_all(&old) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(WriteError::Disk { path: old, error });
                    }
                    _ => {}
                }
            }
        }
        for (file, content) in &self.files {
            let path = folder.join(file);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(fail(parent))?;
            }
            std::fs::write(&path, content).map_err(fail(&path))?;
        }
        Ok(())
    }
}

/// Why a site is not on the disk.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Somebody else's files lie there.
    #[error("{0} holds files that this command did not write; give an empty folder with --out")]
    Foreign(PathBuf),
    /// The file system refused.
    #[error("{path}: {error}")]
    Disk {
        /// What could not be read or written.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}
