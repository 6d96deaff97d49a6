//! What goes into the archive, each part without secrets and within its bound, and what does not.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;

use super::archive::Archive;
use super::{MAX_ARCHIVE, redaction, systemd};
use crate::commands::check::{self, Wanted};
use crate::journal::QuarantineRow;
use crate::local::Client;

/// Longest part, in bytes; of a log its end is kept, of anything else its beginning.
const MAX_PART: usize = 512 << 10;
/// What is kept for the headers and for the list of what is in it, in bytes.
const FOR_LIST: usize = 64 << 10;
/// Most files of a folder.
const MAX_FILES: usize = 64;
/// Rows of quarantine that are counted, the newest.
const ROWS: u64 = 1000;

/// What is never in it.
const NEVER: &[&str] = &[
    "keys, certificates and passwords, whatever file they are in",
    "comments in configuration files, which may hold anything",
    "events, grants and visits, which may name persons",
    "bytes of messages in quarantine; their topics",
];
/// What the machine says of itself.
const MACHINE: &[&str] = &[
    "etc/os-release",
    "proc/device-tree/model",
    "proc/version",
    "proc/cmdline",
    "proc/uptime",
    "proc/loadavg",
    "proc/meminfo",
    "proc/cgroups",
    "sys/fs/cgroup/cgroup.controllers",
    "proc/self/mountinfo",
    "sys/kernel/security/lsm",
];

/// The parts, in their order.
#[derive(Default)]
pub(super) struct Contents {
    parts: Vec<(String, String)>,
    left_out: Vec<String>,
    bytes: usize,
}

impl Contents {
    /// Gathers all of it.
    pub(super) async fn gather(
        config: &Path,
        log: Option<&Path>,
        offline: bool,
        root: &Path,
    ) -> Self {
        let mut contents = Self::default();
        contents.add("version.txt", format!("doorward {}\n", env!("CARGO_PKG_VERSION")));
        let wanted = Wanted { folder: config, root, offline, only: &[] };
        contents.json("check.json", serde_json::to_value(check::look(&wanted).await).ok());
        contents.configuration(config);
        contents.gateway(config).await;
        contents.machine(root);
        match systemd::unit(root).await {
            Ok(text) => contents.add("unit.txt", redaction::text(&text)),
            Err(why) => contents.leave_out("unit.txt", &why),
        }
        let log = match log {
            Some(file) => std::fs::read(file)
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                .map_err(|error| error.to_string()),
            None => systemd::log(root).await,
        };
        match log {
            Ok(text) => contents.add_end("log.txt", &redaction::text(&text)),
            Err(why) => contents.leave_out("log.txt", &why),
        }
        contents
    }

    fn configuration(&mut self, config: &Path) {
        let mut files = vec![config.join("doorward.toml")];
        for folder in ["vendors.d", "profiles.d"] {
            let items = std::fs::read_dir(config.join(folder)).into_iter().flatten();
            let mut found: Vec<_> = items
                .filter_map(|item| Some(item.ok()?.path()))
                .filter(|file| file.extension().is_some_and(|ending| ending == "toml"))
                .collect();
            found.sort();
            files.extend(found.into_iter().take(MAX_FILES));
        }
        for file in files {
            let name = file.strip_prefix(config).unwrap_or(&file).display().to_string();
            let name = format!("configuration/{name}");
            match std::fs::read_to_string(&file) {
                Err(error) => self.leave_out(&name, &error.to_string()),
                Ok(text) => match text.parse::<toml::Table>() {
                    Ok(table) => self.add(&name, redaction::toml(&table).to_string()),
                    // What it says cannot be told from what it must not say.
                    Err(_) => self.leave_out(&name, "it is not TOML; doorward check says where"),
                },
            }
        }
    }

    /// What the running gateway says of itself.
    async fn gateway(&mut self, config: &Path) {
        let parts = [
            ("vendors.json", "/v1/vendors"),
            ("queue.json", "/v1/queue"),
            ("journal.json", "/v1/journal"),
        ];
        let Ok(configuration) = crate::config::read(config) else {
            self.leave_out(
                "vendors, queue, journal, quarantine",
                "the configuration cannot be used",
            );
            return;
        };
        let client = Client::new(&configuration.gateway.socket);
        for (name, path) in parts {
            match client.get::<Value>(path, &()).await {
                Ok(value) => self.json(name, Some(value)),
                Err(_) => self.leave_out(name, "the gateway does not answer"),
            }
        }
        let query = BTreeMap::from([("limit", ROWS)]);
        match client.get::<Vec<QuarantineRow>>("/v1/quarantine", &query).await {
            Ok(rows) => self.add("quarantine.txt", counted(&rows)),
            Err(_) => self.leave_out("quarantine.txt", "the gateway does not answer"),
        }
    }

    fn machine(&mut self, root: &Path) {
        let mut text = String::new();
        for file in MACHINE {
            if let Ok(found) = std::fs::read_to_string(root.join(file)) {
                let _ = writeln!(text, "== /{file}\n{}", found.trim_end_matches(['\n', '\0']));
            }
        }
        self.add("machine.txt", redaction::text(&text));
    }

    fn json(&mut self, name: &str, value: Option<Value>) {
        let Some(mut value) = value else { return self.leave_out(name, "it has no form in JSON") };
        redaction::value(&mut value);
        self.add(name, serde_json::to_string_pretty(&value).unwrap_or_default());
    }

    /// Adds a part, of which the beginning is kept where it is too long.
    fn add(&mut self, name: &str, text: String) {
        let mut text = text;
        if text.len() > MAX_PART {
            let cut = (0..=MAX_PART).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            text.truncate(cut);
            self.left_out.push(format!("{name}: what is beyond {MAX_PART} bytes"));
        }
        let room = MAX_ARCHIVE.saturating_sub(self.bytes + FOR_LIST);
        if text.len() > room {
            return self.leave_out(name, "the archive is full");
        }
        // A header, and what fills the last block.
        self.bytes += text.len() + 1024;
        self.parts.push((name.to_owned(), text));
    }

    /// The same, of which the end is kept.
    fn add_end(&mut self, name: &str, text: &str) {
        let from = text.len().saturating_sub(MAX_PART);
        let from = (from..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(from);
        if from > 0 {
            self.left_out.push(format!("{name}: all but its last {MAX_PART} bytes"));
        }
        self.add(name, text.get(from..).unwrap_or_default().to_owned());
    }

    fn leave_out(&mut self, name: &str, why: &str) {
        self.left_out.push(format!("{name}: {why}"));
    }

    /// What is in it, and what is not.
    pub(super) fn manifest(&self) -> String {
        let mut text = "in it:\n".to_owned();
        for (name, part) in &self.parts {
            let _ = writeln!(text, "  {name} ({} bytes)", part.len());
        }
        text.push_str("left out:\n");
        for line in &self.left_out {
            let _ = writeln!(text, "  {}", redaction::text(line).trim_end());
        }
        text.push_str("never in it:\n");
        for line in NEVER {
            let _ = writeln!(text, "  {line}");
        }
        text
    }

    /// The archive, its list first.
    pub(super) fn archive(self, now: Timestamp) -> Vec<u8> {
        let modified = u64::try_from(now.as_second()).unwrap_or(0);
        let mut archive = Archive::default();
        archive.add("MANIFEST", self.manifest().as_bytes(), modified);
        for (name, text) in &self.parts {
            archive.add(name, text.as_bytes(), modified);
        }
        archive.bytes()
    }
}

/// Rows by vendor and reason.
fn counted(rows: &[QuarantineRow]) -> String {
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for row in rows {
        *counts.entry((row.vendor.as_deref().unwrap_or("gateway"), &row.reason)).or_default() += 1;
    }
    let mut text = format!("of the newest {ROWS} at most:\n");
    for ((vendor, reason), count) in counts {
        let _ = writeln!(text, "{count:>6} {vendor} {reason}");
    }
    text
}
