//! `doorward connect`: what the gateway connects to, and whether each step of the way works.

mod cloud;
mod devices;

use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use super::output;
use crate::bus::probe::{self, Host};
use crate::config::Configuration;

#[derive(clap::Args)]
pub struct Args {
    /// Try each step of the way, and tell what came back.
    ///
    /// A handshake event is put on the bus; one message at most is looked at in the queue and left
    /// there. No door is touched.
    #[arg(long)]
    test: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// One step of the way to somebody.
#[derive(Debug, Serialize)]
pub(super) struct Step {
    /// To whom: `keys`, `bus`, `queue`, `vendor zigbee2mqtt`.
    pub way: String,
    /// `name`, `tcp`, `tls`, `keys`, `put_events`, `receive`, `mqtt`, `serial`.
    pub step: &'static str,
    /// What was tried, or would be.
    pub tried: String,
    /// `ok`, `failed`, `not_tried`.
    pub state: State,
    /// What came back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// How a failure is mended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Ok,
    Failed,
    NotTried,
}

/// The steps so far of one way. After one that failed the others are not tried.
pub(super) struct Way {
    name: String,
    test: bool,
    failed: bool,
    pub steps: Vec<Step>,
}

impl Way {
    pub fn new(name: impl Into<String>, test: bool) -> Self {
        Self { name: name.into(), test, failed: false, steps: Vec::new() }
    }

    /// Tries a step if all before it worked; gives what came of it.
    pub async fn step<T>(
        &mut self,
        step: &'static str,
        tried: String,
        remedy: &str,
        trial: impl Future<Output = Result<(String, T), String>>,
    ) -> Option<T> {
        let mut told = Step {
            way: self.name.clone(),
            step,
            tried,
            state: State::NotTried,
            answer: None,
            remedy: None,
        };
        let mut came = None;
        if self.test && !self.failed {
            match trial.await {
                Ok((answer, value)) => {
                    told.state = State::Ok;
                    told.answer = Some(answer);
                    came = Some(value);
                }
                Err(answer) => {
                    self.failed = true;
                    told.state = State::Failed;
                    // The cause may bring its own remedy behind a line's end.
                    let (answer, own) = answer.split_once('\n').unwrap_or((&answer, remedy));
                    told.answer = Some(answer.to_owned());
                    told.remedy = Some(own.to_owned());
                }
            }
        }
        self.steps.push(told);
        came
    }

    /// Name, TCP, and TLS where it follows: as far as they work.
    pub async fn reach(&mut self, host: &Host, ca: Option<&Path>) {
        let remedy = "check the address in the configuration, and the machine's name servers";
        let resolving = async {
            let found = probe::resolve(&host.name, host.port).await?;
            let words: Vec<String> = found.iter().map(|address| address.ip().to_string()).collect();
            Ok((words.join(", "), found))
        };
        let addresses = self.step("name", host.name.clone(), remedy, resolving).await;
        let remedy = "check the line, the firewall, and that something listens there";
        let connecting = async {
            let stream = probe::connect(&addresses.unwrap_or_default()).await?;
            let peer = stream.peer_addr().map(|peer| peer.to_string()).unwrap_or_default();
            Ok((format!("connected to {peer}"), stream))
        };
        let stream = self.step("tcp", format!("port {}", host.port), remedy, connecting).await;
        if !host.tls {
            return;
        }
        let remedy = "set the clock if it is wrong; update the package ca-certificates; see that \
                      nothing between here and there takes TLS apart";
        let believed =
            ca.map_or_else(|| "the system's authorities".to_owned(), |ca| ca.display().to_string());
        let shaking = async {
            let Some(stream) = stream else { return Err("there is no connection".to_owned()) };
            Ok((probe::tls(&host.name, stream, ca).await?, ()))
        };
        self.step("tls", format!("believing {believed}"), remedy, shaking).await;
    }
}

pub async fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    let configuration = output::configuration(config)?;
    let mut steps = cloud::ways(&configuration, args.test).await;
    steps.extend(devices::ways(&configuration, args.test).await);
    let failed = steps.iter().any(|step| step.state == State::Failed);
    if args.json {
        output::json(&serde_json::json!({ "ok": !failed, "steps": steps }))?;
    } else {
        tell(&steps, args.test);
    }
    Ok(if failed { ExitCode::from(2) } else { ExitCode::SUCCESS })
}

/// Tries the ways to the cloud and tells of each step; whether all worked.
pub(super) async fn try_cloud(configuration: &Configuration) -> bool {
    let steps = cloud::ways(configuration, true).await;
    tell(&steps, true);
    steps.iter().all(|step| step.state != State::Failed)
}

fn tell(steps: &[Step], test: bool) {
    if steps.is_empty() {
        output::say("nothing: the bus is standalone, and no vendor has a file");
    }
    for step in steps {
        let mark = match step.state {
            State::Ok => "ok  ",
            State::Failed => "BAD ",
            State::NotTried => "-   ",
        };
        let answer = step.answer.as_deref().map_or_else(String::new, |a| format!(" -> {a}"));
        output::say(&format!("{mark} {}: {}: {}{answer}", step.way, step.step, step.tried));
        if let Some(remedy) = &step.remedy {
            output::say(&format!("     remedy: {remedy}"));
        }
    }
    if !test {
        output::say("nothing was tried; doorward connect --test tries it");
    }
}
