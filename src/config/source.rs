//! A TOML file with the places of its keys, so that findings can name lines.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Finding;

/// A file's text.
pub struct Source {
    pub file: PathBuf,
    text: String,
}

impl Source {
    /// Reads the file; what is wrong goes into `findings`.
    pub fn read(file: &Path, findings: &mut Vec<Finding>) -> Option<Self> {
        match std::fs::read_to_string(file) {
            Ok(text) => Some(Self { file: file.to_owned(), text }),
            Err(error) => {
                findings.push(Finding::error(
                    file,
                    format!("cannot be read: {error}"),
                    "create it (config/doorward.toml is an example), or name its folder with --config",
                ));
                None
            }
        }
    }

    /// Reads the file's content as `T`. Unknown keys are findings, and the rest is taken;
    /// anything else wrong gives `None`.
    pub fn parse<T: DeserializeOwned>(&self, findings: &mut Vec<Finding>) -> Option<T> {
        let mut unknown = Vec::new();
        let parsed = toml::Deserializer::parse(&self.text).and_then(|deserializer| {
            serde_ignored::deserialize(deserializer, |path| unknown.push(path.to_string()))
        });
        for key in unknown {
            let key = key.replace(".?", "");
            findings.push(
                Finding::warning(
                    &self.file,
                    "no such setting; it has no effect",
                    "check its spelling, or remove it",
                )
                .at(self.line_of(&key), key),
            );
        }
        match parsed {
            Ok(value) => Some(value),
            Err(error) => {
                let line = error.span().map(|span| self.line_at(span.start));
                let mut finding = Finding::error(
                    &self.file,
                    error.message().to_owned(),
                    "see the examples in config/ and docs/configuration.md",
                );
                finding.line = line;
                findings.push(finding);
                None
            }
        }
    }

    /// The line of a dotted key, from 1.
    pub fn line_of(&self, key: &str) -> Option<usize> {
        let table = DeTable::parse(&self.text).ok()?;
        let mut place = table.span().start;
        let mut at: &DeValue<'_> = &DeValue::Table(table.get_ref().clone());
        for part in key.split('.') {
            let next: &Spanned<DeValue<'_>> = match at {
                DeValue::Table(table) => {
                    let (name, value) =
                        table.iter().find(|(name, _)| name.get_ref().as_ref() == part)?;
                    place = name.span().start;
                    value
                }
                DeValue::Array(array) => {
                    let value = array.get(part.parse::<usize>().ok()?)?;
                    place = value.span().start;
                    value
                }
                _ => return Some(self.line_at(place)),
            };
            at = next.get_ref();
        }
        Some(self.line_at(place))
    }

    fn line_at(&self, offset: usize) -> usize {
        self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
    }
}
