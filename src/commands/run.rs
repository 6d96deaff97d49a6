//! `doorward run`: the gateway in the foreground.

use std::path::Path;
use std::process::ExitCode;

use doorward_sandbox::ProgramText;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::config::{BusConfig, Configuration};
use crate::gateway::attendance;
use crate::gateway::commits::Broken;
use crate::gateway::daemon::Daemon;
use crate::health::notify::{self, Note};
use crate::local::{Request, Socket};

/// How often a journal that breaks while it is open is opened anew in one process. A disk that
/// breaks it again and again needs more than that.
const LIVES: u32 = 5;

#[derive(clap::Args)]
pub struct Args {
    /// Vendor processes misbehave on order; `doorward drill` starts its gateway so.
    #[arg(long, hide = true)]
    drill: bool,
}

pub async fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    let mut log = super::log::start();
    let mut configuration = match crate::config::read(config) {
        Ok(configuration) => configuration,
        Err(findings) => {
            for finding in findings {
                super::output::say_error(&finding.to_string());
            }
            return Ok(ExitCode::from(2));
        }
    };
    for finding in &configuration.findings {
        if finding.is_error() {
            tracing::error!("{finding}");
        } else {
            tracing::warn!("{finding}");
        }
    }
    if args.drill {
        for_a_drill(&mut configuration)?;
    }
    #[cfg(feature = "one-process")]
    crate::supervisor::run_with(|link| Box::pin(crate::vendor::run_within(link)));
    let bus = match &configuration.gateway.bus {
        BusConfig::Standalone => "standalone",
        BusConfig::Eventbridge { name, .. } => name,
    }
    .to_owned();
    let place = configuration.gateway.socket.display().to_string();
    let vendors = configuration.vendors.len();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    for life in 1.. {
        // Before the journal is touched: nobody runs a gateway that cannot be asked.
        let socket = Socket::bind(&configuration.gateway.socket)?;
        if life == 1 {
            crate::gateway::confine::confine(&configuration.gateway)?;
            log.write();
            tokio::spawn(super::settle::settle(ProgramText::find()));
        }
        let (daemon, access) = Box::pin(Daemon::start(configuration.clone())).await?;
        tracing::info!(bus, vendors, socket = place, "running");
        let requests = access.requests.clone();
        let attendance = tokio::spawn(attendance::attend(daemon.loops(&access)));
        let server = tokio::spawn(async move {
            if let Err(error) = crate::local::serve(socket, access).await {
                tracing::error!("the local socket is not served: {error:#}");
            }
        });
        let stop = async {
            loop {
                tokio::select! {
                    _ = terminate.recv() => return,
                    _ = interrupt.recv() => return,
                    Some(()) = hangup.recv() => {
                        // The log says what came of it.
                        let (reply, done) = oneshot::channel();
                        notify::tell(vec![Note::Reloading]).await;
                        tokio::spawn(async move {
                            let _ = done.await;
                            notify::tell(vec![Note::Ready]).await;
                        });
                        if requests.try_send(Request::Reload { uid: None, reply }).is_err() {
                            tracing::warn!("too busy to read the configuration again; send it once more");
                        }
                    }
                }
            }
        };
        let stop = async {
            stop.await;
            notify::tell(vec![Note::Stopping]).await;
        };
        let result = Box::pin(daemon.run(stop)).await;
        attendance.abort();
        server.abort();
        let _ = server.await;
        match result {
            Err(error) if error.is::<Broken>() && life < LIVES => {
                tracing::error!("{error:#}");
                notify::tell(vec![Note::Opens]).await;
                // It may have been read again meanwhile.
                if let Ok(read) = crate::config::read(config) {
                    let drill = configuration.drill;
                    configuration = Configuration { drill, ..read };
                }
            }
            other => {
                other?;
                break;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Lets vendor processes misbehave on order: of a test's gateway alone, which ends with whoever
/// started it.
fn for_a_drill(configuration: &mut Configuration) -> anyhow::Result<()> {
    if !configuration.gateway.test {
        anyhow::bail!(
            "a drill lets vendors misbehave, and this gateway is no test's\n  remedy: doorward \
             drill sets up one of its own"
        );
    }
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM))?;
    tracing::warn!("THIS IS A DRILL: vendor processes misbehave on order");
    configuration.drill = true;
    Ok(())
}
