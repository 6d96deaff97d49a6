//! `doorward check`: what is wrong, and how to mend it.

use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use super::output;
use crate::config::{BusConfig, Configuration, Finding, Severity};
use crate::local::{Client, DoorView, QueueView};

#[derive(clap::Args)]
pub struct Args {
    /// Only the files; reach no broker and no running gateway.
    #[arg(long)]
    offline: bool,
    /// Warnings count as errors for the exit status.
    #[arg(long)]
    strict: bool,
    #[arg(long)]
    json: bool,
}

/// One thing that was looked at.
#[derive(Serialize)]
struct Looked {
    what: String,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

#[derive(Serialize)]
struct Report {
    findings: Vec<Finding>,
    looked: Vec<Looked>,
}

pub async fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    let mut report = Report { findings: Vec::new(), looked: Vec::new() };
    match crate::config::read(config) {
        Ok(mut configuration) => {
            for finding in &mut configuration.findings {
                // An unknown key is a warning at run time and an error here: it is a typo.
                if finding.message.starts_with("no such setting") {
                    finding.severity = Severity::Error;
                }
            }
            report.findings.append(&mut configuration.findings);
            if !args.offline {
                reach(config, &configuration, &mut report).await;
            }
        }
        Err(findings) => report.findings = findings,
    }
    let errors = report.findings.iter().filter(|finding| finding.is_error()).count();
    let warnings = report.findings.len() - errors;
    if args.json {
        output::json(&report)?;
    } else {
        for finding in &report.findings {
            output::line(&finding.to_string());
        }
        for looked in &report.looked {
            let mark = if looked.ok { "ok  " } else { "BAD " };
            let detail = looked.detail.as_deref().map_or_else(String::new, |d| format!(": {d}"));
            output::line(&format!("{mark} {}{detail}", looked.what));
        }
        output::line(&format!("{errors} errors, {warnings} warnings"));
    }
    Ok(match (errors, warnings) {
        (0, 0) => ExitCode::SUCCESS,
        (0, _) if args.strict => ExitCode::from(1),
        (0, _) => ExitCode::SUCCESS,
        _ => ExitCode::from(2),
    })
}

async fn reach(config: &Path, configuration: &Configuration, report: &mut Report) {
    for vendor in &configuration.vendors {
        let what = format!("broker of {} at {}:{}", vendor.id, vendor.mqtt.host, vendor.mqtt.port);
        let file = config.join("vendors.d").join(format!("{}.toml", vendor.id));
        match crate::vendor::probe(&vendor.mqtt).await {
            Ok(()) => report.looked.push(Looked { what, ok: true, detail: None }),
            Err(error) => {
                let detail = format!("{error:#}");
                report.findings.push(
                    Finding::error(
                        &file,
                        format!("{what} does not take us: {detail}"),
                        "check host, port, certificates and the broker's log",
                    )
                    .at(None, "mqtt"),
                );
                report.looked.push(Looked { what, ok: false, detail: Some(detail) });
            }
        }
    }
    if let BusConfig::Eventbridge { name, .. } = &configuration.gateway.bus {
        report.looked.push(Looked {
            what: format!("bus {name}"),
            ok: true,
            detail: Some("reached by the running gateway; see doorward queue".to_owned()),
        });
    }
    running(configuration, report).await;
}

/// What the running gateway says of itself.
async fn running(configuration: &Configuration, report: &mut Report) {
    let client = Client::new(&configuration.gateway.socket);
    let what = "the running gateway".to_owned();
    let queue: QueueView = match client.get("/v1/queue", &()).await {
        Ok(queue) => queue,
        Err(error) => {
            report.looked.push(Looked {
                what,
                ok: true,
                detail: Some(format!("not asked: {error}")),
            });
            return;
        }
    };
    let socket = &configuration.gateway.socket;
    if let Some(trouble) = &queue.status.uplink.trouble {
        report.findings.push(Finding::warning(
            socket,
            format!("the bus does not take events: {trouble}"),
            "events are kept; check the line, the bus's name and the gateway's credentials",
        ));
    }
    if let Some(failure) = &queue.status.storage_failure {
        report.findings.push(Finding::error(
            socket,
            format!("the journal cannot be written: {failure}"),
            "free disk space or replace the disk; nothing is acknowledged meanwhile",
        ));
    }
    report.looked.push(Looked {
        what,
        ok: true,
        detail: Some(format!("{} events wait for the bus", queue.journal.waiting)),
    });
    let Ok(doors) = client.get::<Vec<DoorView>>("/v1/doors", &()).await else { return };
    for endpoint in doors.iter().flat_map(|door| &door.endpoints) {
        if endpoint.lossy_source {
            report.findings.push(Finding::warning(
                socket,
                format!("{} publishes at QoS 0: what it says while the gateway is away is lost at the broker", endpoint.endpoint),
                "set upgrade_outgoing_qos true in the broker (config/mosquitto/doorward.conf), or QoS 1 at the publisher",
            ));
        }
    }
}
