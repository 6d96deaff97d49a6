//! `doorward check`: what is wrong, and how to mend it.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::output;
use crate::config::{BusConfig, Configuration, Finding, Kind, Severity, SystemClock};
use crate::link::Connection;
use crate::local::{Client, ClientError, DoorView, QueueView};

#[derive(clap::Args)]
pub struct Args {
    /// Only the files; reach no broker and no running gateway.
    #[arg(long)]
    offline: bool,
    /// Warnings count as errors for the exit status.
    #[arg(long)]
    strict: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// One thing that was looked at.
#[derive(Serialize)]
pub(super) struct Looked {
    pub(super) what: String,
    /// False: it is not as it must be.
    pub(super) ok: bool,
    /// It could not be looked at, which is no fault.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) skipped: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<String>,
}

#[derive(Serialize, Default)]
pub(super) struct Report {
    errors: usize,
    warnings: usize,
    pub(super) findings: Vec<Finding>,
    pub(super) looked: Vec<Looked>,
}

pub async fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    let mut report = Report::default();
    match crate::config::read(config) {
        Ok(mut configuration) => {
            report.findings.append(&mut configuration.findings);
            issuers(config, &configuration, &mut report);
            if !args.offline {
                reach(config, &configuration, &mut report).await;
                clock(config, &configuration, &mut report);
                super::sandbox::look(&mut report).await;
            }
        }
        Err(findings) => report.findings = findings,
    }
    for finding in &mut report.findings {
        // It stops no gateway, but it is a typo.
        if finding.kind == Kind::UnknownKey {
            finding.severity = Severity::Error;
        }
    }
    report.errors = report.findings.iter().filter(|finding| finding.is_error()).count();
    report.warnings = report.findings.len() - report.errors;
    let (errors, warnings) = (report.errors, report.warnings);
    if args.json {
        output::json(&report)?;
    } else {
        for finding in &report.findings {
            output::say(&finding.to_string());
        }
        for looked in &report.looked {
            let mark = match (looked.ok, looked.skipped) {
                (true, false) => "ok  ",
                (true, true) => "-   ",
                (false, _) => "BAD ",
            };
            let detail = looked.detail.as_deref().map_or_else(String::new, |d| format!(": {d}"));
            output::say(&format!("{mark} {}{detail}", looked.what));
        }
        output::say(&format!("{}, {}", counted(errors, "error"), counted(warnings, "warning")));
    }
    Ok(match (errors, warnings) {
        (0, 0) => ExitCode::SUCCESS,
        (0, _) if args.strict => ExitCode::from(1),
        (0, _) => ExitCode::SUCCESS,
        _ => ExitCode::from(2),
    })
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Whether the list of issuers can be believed. Which version was taken before only the running
/// gateway knows.
fn issuers(config: &Path, configuration: &Configuration, report: &mut Report) {
    let Some(issuers) = &configuration.gateway.trust.issuers else { return };
    let Some(file) = &issuers.file else {
        let (what, detail) = ("list of issuers".to_owned(), "comes over the bus".to_owned());
        report.looked.push(Looked { what, ok: true, skipped: true, detail: Some(detail) });
        return;
    };
    let what = format!("list of issuers {}", file.display());
    let wrong = match super::trust::list(file, &issuers.root_key) {
        Ok(Some(list)) if list.expires() > Timestamp::now() => {
            let (version, expires) = (list.version(), list.expires());
            let keys = counted(list.statement().keys.len(), "key");
            let detail = Some(format!("version {version}, {keys}, until {expires:.0}"));
            report.looked.push(Looked { what, ok: true, skipped: false, detail });
            return;
        }
        Ok(Some(list)) => format!("its time was over at {:.0}", list.expires()),
        Ok(None) => "there is no such file".to_owned(),
        Err(error) => format!("{error:#}"),
    };
    let remedy = "doorward trust add makes it, where the root key is";
    let text = format!("nobody is believed over the bus: {wrong}");
    report.findings.push(
        Finding::error(&config.join("doorward.toml"), text, remedy)
            .of_kind(Kind::Surroundings)
            .at(None, "trust.issuers"),
    );
    report.looked.push(Looked { what, ok: false, skipped: false, detail: Some(wrong) });
}

/// Whether somebody stands for the clock.
fn clock(config: &Path, configuration: &Configuration, report: &mut Report) {
    let trust = &configuration.gateway.trust;
    let within = |error: Duration| format!("right within {} ms", error.as_millis());
    let (ok, detail) = match trust.system_clock {
        SystemClock::Nobody => {
            (true, "is not believed: every request needs a challenge".to_owned())
        }
        SystemClock::Operator(error) => {
            (true, format!("{}, as trust.clock_error_ms says", within(error)))
        }
        SystemClock::Kernel => match doorward_system_clock::synchronised() {
            Some(error) => (true, format!("{}, as the kernel says", within(error))),
            None => (false, "no time service keeps it, as the kernel says".to_owned()),
        },
    };
    if !ok {
        let text = format!("no door opens for a grant: the clock: {detail}");
        let remedy = "start a time service (systemd-timesyncd, chrony), or set trust.clock_error_ms \
                      where something else keeps the clock right, as a container's host";
        report.findings.push(
            Finding::warning(&config.join("doorward.toml"), text, remedy)
                .of_kind(Kind::Surroundings)
                .at(None, "trust.clock_error_ms"),
        );
    }
    report.looked.push(Looked {
        what: "clock".to_owned(),
        ok,
        skipped: false,
        detail: Some(detail),
    });
}

async fn reach(config: &Path, configuration: &Configuration, report: &mut Report) {
    let probes = configuration.vendors.iter().map(|vendor| reach_vendor(&vendor.connection));
    let results = futures_util::future::join_all(probes).await;
    for (vendor, result) in configuration.vendors.iter().zip(results) {
        let (what, key, remedy) = match &vendor.connection {
            Connection::Mqtt(broker) => (
                format!("broker of {} at {}:{}", vendor.id, broker.host, broker.port),
                "mqtt",
                "check host, port, certificates and the broker's log",
            ),
            Connection::Serial(line) => (
                format!("port of {} at {}", vendor.id, line.port.display()),
                "serial",
                "plug the adapter in, check the name (ls -l /dev/serial/by-id), and let the group \
                 dialout use it",
            ),
        };
        let Err(error) = result else {
            report.looked.push(Looked { what, ok: true, skipped: false, detail: None });
            continue;
        };
        let detail = if error.is::<tokio::time::error::Elapsed>() {
            "no answer in time".to_owned()
        } else {
            format!("{error:#}")
        };
        let file = config.join("vendors.d").join(format!("{}.toml", vendor.id));
        report.findings.push(
            Finding::error(&file, format!("the {what} does not take us: {detail}"), remedy)
                .of_kind(Kind::Surroundings)
                .at(None, key),
        );
        report.looked.push(Looked { what, ok: false, skipped: false, detail: Some(detail) });
    }
    if let BusConfig::Eventbridge { name, .. } = &configuration.gateway.bus {
        report.looked.push(Looked {
            what: format!("bus {name}"),
            ok: true,
            skipped: true,
            detail: Some("reached by the running gateway; see doorward queue".to_owned()),
        });
    }
    running(configuration, report).await;
}

async fn reach_vendor(connection: &Connection) -> anyhow::Result<()> {
    match connection {
        Connection::Mqtt(broker) => crate::vendor::probe(broker).await,
        Connection::Serial(line) => crate::supervisor::probe(&line.port),
    }
}

/// What its journal says.
fn journal(socket: &Path, queue: &QueueView, report: &mut Report) {
    let mut warn = |message: String, remedy: &str| {
        report.findings.push(Finding::warning(socket, message, remedy).of_kind(Kind::Surroundings));
    };
    if let Some(words) = queue.journal.too_little_space() {
        warn(words, "free some, or lower journal.min_free_percent; near the end of it events go");
    }
    for vendor in &queue.status.held {
        warn(
            format!("{vendor} is not read: what waits of it fills its quota"),
            "see why events do not leave (doorward queue), or raise journal.vendor_percent",
        );
    }
    for vendor in &queue.status.throttled {
        warn(
            format!("{vendor} sends more than its limit, and is read more slowly"),
            "find the device that floods (doorward queue), or raise limits.per_s in its file",
        );
    }
    for device in &queue.status.flooding {
        warn(
            format!("{device} floods: of its states only the newest are taken, its acts counted"),
            "see what is wrong with it; if it is in order, raise limits.device_per_s",
        );
    }
    if let Some(words) = &queue.status.journal_arrival {
        if queue.status.journal_lost {
            warn(
                words.clone(),
                "look at what gateway.events_dropped tells; it is said until the next start",
            );
        } else {
            let (what, detail) = ("the journal".to_owned(), Some(words.clone()));
            report.looked.push(Looked { what, ok: true, skipped: false, detail });
        }
    }
}

/// What the running gateway says of itself.
async fn running(configuration: &Configuration, report: &mut Report) {
    let client = Client::new(&configuration.gateway.socket);
    let what = "the running gateway".to_owned();
    let queue: QueueView = match client.get("/v1/queue", &()).await {
        Ok(queue) => queue,
        Err(ClientError::NotRunning { .. }) => {
            let detail = Some("it does not run".to_owned());
            report.looked.push(Looked { what, ok: true, skipped: true, detail });
            return;
        }
        Err(error) => {
            let detail = Some(error.to_string());
            report.looked.push(Looked { what, ok: true, skipped: true, detail });
            return;
        }
    };
    let socket = &configuration.gateway.socket;
    if let Some(trouble) = &queue.status.uplink.trouble {
        report.findings.push(
            Finding::warning(
                socket,
                format!("the bus does not take events: {trouble}"),
                "events are kept; check the line, the bus's name and the gateway's credentials",
            )
            .of_kind(Kind::Surroundings),
        );
    }
    if let Some(failure) = &queue.status.storage_failure {
        report.findings.push(
            Finding::error(
                socket,
                format!("the journal cannot be written: {failure}"),
                "free disk space or replace the disk; nothing is acknowledged meanwhile",
            )
            .of_kind(Kind::Surroundings),
        );
    }
    journal(socket, &queue, report);
    let waiting = output::by_class(&queue.journal.waiting_bytes);
    let detail = Some(format!("{} events wait for the bus{waiting}", queue.journal.waiting));
    report.looked.push(Looked { what, ok: true, skipped: false, detail });
    let Ok(doors) = client.get::<Vec<DoorView>>("/v1/doors", &()).await else { return };
    for endpoint in doors.iter().flat_map(|door| &door.endpoints) {
        if endpoint.lossy_source {
            report.findings.push(Finding::warning(
                socket,
                format!("{} publishes at QoS 0: what it says while the gateway is away is lost at the broker", endpoint.endpoint),
                "set upgrade_outgoing_qos true in the broker (config/mosquitto/doorward.conf), or QoS 1 at the publisher",
            )
            .of_kind(Kind::Surroundings));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `check` finds in a journal's view that is well but for `status` and `journal`.
    fn found(status: &str, journal: &str) -> Report {
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
        let mut report = Report::default();
        super::journal(Path::new("sock"), &queue, &mut report);
        assert!(report.findings.iter().all(|finding| !finding.is_error()));
        report
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
            let report = found(status, &journal);
            let [finding] = &report.findings[..] else { panic!("{words}") };
            assert!(finding.message.contains(words), "{finding}");
        }
        let upgraded = found("\"journal_arrival\": \"it was upgraded\",", "");
        assert!(upgraded.findings.is_empty(), "that is no fault");
        assert_eq!(upgraded.looked[0].detail.as_deref(), Some("it was upgraded"));
    }
}
