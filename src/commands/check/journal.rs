//! Whether the journal can be opened and written: as the running gateway says, else by looking at
//! the file.

use std::path::Path;

use super::part::Part;
use super::surroundings::{Running, Surroundings};
use crate::commands::stopped;
use crate::config::{Configuration, Finding};
use crate::journal::OpenError;
use crate::local::QueueView;

const WHAT: &str = "the journal";

pub(super) fn look(around: &Surroundings, configuration: &Configuration, part: &mut Part) {
    match &around.gateway {
        Running::Answers { queue, .. } => told(&configuration.gateway.socket, queue, part),
        Running::Not(_) => {
            let file = configuration.gateway.state_dir.join("journal.db");
            at_rest(&around.folder, &file, part);
        }
    }
}

/// What the running gateway says of it.
fn told(socket: &Path, queue: &QueueView, part: &mut Part) {
    if let Some(failure) = &queue.status.storage_failure {
        let text = format!("the journal cannot be written: {failure}");
        let remedy = "free disk space or replace the disk; nothing is acknowledged meanwhile";
        part.find(Finding::error(socket, text, remedy));
    }
    if let Some(words) = queue.journal.too_little_space() {
        let remedy = "free some, or lower journal.min_free_percent; near the end of it events go";
        part.find(Finding::warning(socket, words, remedy));
    }
    let Some(words) = &queue.status.journal_arrival else {
        part.well = Some(format!("{} events wait", queue.journal.waiting));
        return;
    };
    if queue.status.journal_lost {
        let remedy = "look at what gateway.events_dropped tells; it is said until the next start";
        part.find(Finding::warning(socket, words.clone(), remedy));
    } else {
        part.well(WHAT, Some(words.clone()));
    }
}

/// The file of a gateway that does not run. Nothing of it changes.
fn at_rest(folder: &Path, file: &Path, part: &mut Part) {
    if !file.exists() {
        return part.skip("there is none yet: the gateway makes it at its first start");
    }
    match stopped::inspect(folder, file) {
        Ok(found) => match found.damage {
            None => part.well(WHAT, Some(format!("{} events wait", found.journal.waiting()))),
            Some(damage) => {
                let remedy = "systemctl start doorward: the gateway takes over what can be read, \
                              and tells what is lost";
                let text = format!("{} is damaged: {damage}", file.display());
                part.find(Finding::warning(file, text, remedy));
                part.bad(WHAT, damage.to_string());
            }
        },
        Err(unreadable) => {
            let words = unreadable.error.to_string();
            let denied = matches!(&unreadable.error, OpenError::Io(error)
                if error.kind() == std::io::ErrorKind::PermissionDenied);
            if denied {
                return part.not_looked(WHAT, "not ours to read; sudo -u doorward doorward check");
            }
            let remedy = if matches!(unreadable.error, OpenError::InUse) {
                "the gateway has it open and does not answer: journalctl -u doorward"
            } else {
                "systemctl start doorward: the gateway takes over what can be read, and sets the \
                 file aside"
            };
            let text = format!("{} cannot be opened: {words}", file.display());
            part.find(Finding::error(file, text, remedy));
            part.bad(WHAT, words);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::check::running;

    /// What is found in a gateway's words that are well but for `status` and `journal`.
    fn found(status: &str, journal: &str) -> Part {
        let text = format!(
            r#"{{"status": {{"version": "1", "instance": "gw", "uptime_s": 1, "uplink":
            {{"bus": "standalone", "calls": 0, "accepted": 0, "refused": 0, "retried": 0,
            "failing": 0, "trouble": null, "denied": false}}, "storage_failure": null,
            {status} "vendors": []}}, "journal": {{"journal_id":
            "00000000-0000-0000-0000-000000000000", "slot": 1, "waiting": 1, "waiting_bytes": {{}},
            "bytes_used": 1, "bytes_bound": 2, {journal} "min_free_percent": 5, "quarantined": 0,
            "delivered_through": {{}}, "oldest_waiting": null}}}}"#
        );
        let queue: QueueView = serde_json::from_str(&text).unwrap();
        assert_eq!(
            serde_json::from_value::<QueueView>(serde_json::to_value(&queue).unwrap()).unwrap(),
            queue
        );
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("doorward.toml"),
            "[gateway]\ninstance = \"gw\"\ntenant = \"acme\"\n",
        )
        .unwrap();
        let configuration = crate::config::read(folder.path()).unwrap();
        let around = Surroundings {
            folder: folder.path().to_owned(),
            root: "/".into(),
            configuration: None,
            findings: Vec::new(),
            gateway: Running::Answers { queue: Box::new(queue), doors: None },
        };
        let mut part = Part::default();
        running::look(&around, &configuration, &mut part);
        part.looked.clear();
        look(&around, &configuration, &mut part);
        assert!(part.findings.iter().all(|finding| !finding.is_error()));
        part
    }

    #[test]
    fn what_the_journal_says_of_itself_becomes_warnings() {
        let space = |free: u64, inodes: u64| {
            format!(
                "\"free_bytes\": {free}, \"total_bytes\": 1048576000, \"free_inodes\": {inodes}, \
                 \"total_inodes\": 1000,"
            )
        };
        let none = found("\"held\": [],", &space(900 << 20, 900));
        assert!(none.findings.is_empty() && none.looked.is_empty());
        assert!(found("", "").findings.is_empty(), "a file system that says nothing");
        for (status, journal, words) in [
            ("", space(10 << 20, 900), "10 of 1000 MiB are free"),
            ("", space(900 << 20, 7), "7 of 1000 inodes are free"),
            ("\"held\": [\"acme\"],", space(900 << 20, 900), "acme is not read"),
            (
                "\"journal_arrival\": \"it was broken\", \"journal_lost\": true,",
                space(900 << 20, 900),
                "it was broken",
            ),
        ] {
            let part = found(status, &journal);
            let [finding] = &part.findings[..] else { panic!("{words}") };
            assert!(finding.message.contains(words), "{finding}");
        }
        let upgraded = found("\"journal_arrival\": \"it was upgraded\",", "");
        assert!(upgraded.findings.is_empty(), "that is no fault");
        assert_eq!(upgraded.looked[0].detail.as_deref(), Some("it was upgraded"));
    }
}
