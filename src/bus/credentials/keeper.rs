//! Keys in memory, fetched anew before they end. While the endpoint is away the old ones are used
//! as long as they are good; one exchange is under way at a time.

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, Result as Provided, future};
use doorward_events::bus::backoff;
use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::exchange::{Exchanged, PATIENCE, exchange};
use super::failure::CredentialFailure;
use super::timing;
use crate::config::IotConfig;
use crate::health::CredentialStatus;
use crate::identity::{Stamp, stamp};

/// How often it is looked whether certificate or key were exchanged.
pub const LOOK: Duration = Duration::from_secs(5);
/// How long a caller waits for the first keys.
const FIRST_PATIENCE: Duration = PATIENCE.saturating_add(Duration::from_secs(1));

/// Keeps keys fresh, for every client of AWS at once.
#[derive(Clone)]
pub struct Keeper {
    wanted: Arc<Notify>,
    state: watch::Receiver<State>,
    status: watch::Receiver<CredentialStatus>,
}

#[derive(Debug, Clone, Default)]
struct State {
    held: Option<Held>,
    /// Why the last exchange failed, if it did.
    failure: Option<CredentialFailure>,
}

#[derive(Debug, Clone)]
struct Held {
    credentials: Credentials,
    usable_until: Instant,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keeper")
    }
}

impl Keeper {
    /// A keeper that exchanges nothing before it is asked for keys.
    pub fn start(config: IotConfig) -> Self {
        let wanted = Arc::new(Notify::new());
        let (state_in, state) = watch::channel(State::default());
        let (status_in, status) = watch::channel(CredentialStatus::default());
        let task =
            Task { config, state: state_in, status: status_in, failures: 0, failing_since: None };
        tokio::spawn(task.run(Arc::clone(&wanted)));
        Self { wanted, state, status }
    }

    /// How it is doing.
    pub fn status(&self) -> watch::Receiver<CredentialStatus> {
        self.status.clone()
    }

    /// Keys that are good now.
    ///
    /// # Errors
    /// There are none, and why the last exchange failed.
    pub async fn credentials(&self) -> Result<Credentials, CredentialFailure> {
        self.wanted.notify_one();
        let mut state = self.state.clone();
        let known = state.wait_for(|state| state.usable().is_some() || state.failure.is_some());
        match tokio::time::timeout(FIRST_PATIENCE, known).await {
            Ok(Ok(state)) => match (state.usable(), &state.failure) {
                (Some(credentials), _) => Ok(credentials.clone()),
                (None, Some(failure)) => Err(failure.clone()),
                (None, None) => Err(CredentialFailure::TimedOut),
            },
            Ok(Err(_)) | Err(_) => Err(CredentialFailure::TimedOut),
        }
    }
}

impl ProvideCredentials for Keeper {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let provided: Provided = self.credentials().await.map_err(|failure| {
                if failure.needs_a_person() {
                    CredentialsError::invalid_configuration(failure)
                } else {
                    CredentialsError::provider_error(failure)
                }
            });
            provided
        })
    }
}

impl State {
    fn usable(&self) -> Option<&Credentials> {
        let held = self.held.as_ref().filter(|held| Instant::now() < held.usable_until)?;
        Some(&held.credentials)
    }
}

/// What exchanges. It ends with the last keeper.
struct Task {
    config: IotConfig,
    state: watch::Sender<State>,
    status: watch::Sender<CredentialStatus>,
    failures: u32,
    failing_since: Option<Instant>,
}

impl Task {
    async fn run(mut self, wanted: Arc<Notify>) {
        tokio::select! {
            () = wanted.notified() => {}
            () = self.state.closed() => return,
        }
        let mut stamps = stamps(&self.config).await;
        loop {
            // Before the exchange: a file that changes during it makes another one.
            let result = exchange(&self.config, Timestamp::now()).await;
            let pause = self.told(result);
            let until = Instant::now() + pause;
            loop {
                let now = Instant::now();
                if now >= until {
                    break;
                }
                tokio::select! {
                    () = tokio::time::sleep_until(until.min(now + LOOK)) => {}
                    () = self.state.closed() => return,
                }
                let seen = self::stamps(&self.config).await;
                if seen != stamps {
                    tracing::info!("the gateway's certificate or key is another one");
                    stamps = seen;
                    break;
                }
            }
        }
    }

    /// Tells what came of an exchange, and after what pause the next one is made.
    fn told(&mut self, result: Result<Exchanged, CredentialFailure>) -> Duration {
        match result {
            Ok(Exchanged { credentials, life }) => {
                if self.failures > 0 {
                    tracing::info!("there are keys for AWS again");
                }
                self.failures = 0;
                self.failing_since = None;
                let usable_until = Instant::now() + timing::usable_for(life);
                let held = Some(Held { credentials, usable_until });
                self.state.send_replace(State { held, failure: None });
                let good_until = Timestamp::now().checked_add(life).ok();
                self.status.send_modify(|status| {
                    status.exchanges += 1;
                    status.good_until = good_until;
                    status.failure = None;
                    status.words = None;
                });
                timing::refresh_after(life, fastrand::f64())
            }
            Err(failure) => {
                self.failures = self.failures.saturating_add(1);
                let outage = self.failing_since.get_or_insert_with(Instant::now).elapsed();
                let code = failure.code();
                if self.status.borrow().failure.as_deref() != Some(code) {
                    let remedy = failure.remedy();
                    tracing::error!(code, %failure, remedy, "no new keys for AWS");
                }
                self.status.send_modify(|status| {
                    status.failed += 1;
                    status.failure = Some(code.to_owned());
                    status.words = Some(format!("{failure}; {}", failure.remedy()));
                });
                self.state.send_modify(|state| state.failure = Some(failure));
                backoff::delay(self.failures, outage, fastrand::f64()).max(timing::LEAST_PAUSE / 5)
            }
        }
    }
}

async fn stamps(config: &IotConfig) -> Vec<Option<Stamp>> {
    let files = [Some(config.certificate.clone()), Some(config.key.clone()), config.ca.clone()];
    let looked = tokio::task::spawn_blocking(move || {
        let files = files.iter().flatten();
        files.map(|file| stamp(file)).collect()
    });
    looked.await.unwrap_or_default()
}
