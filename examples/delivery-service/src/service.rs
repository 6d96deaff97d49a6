//! What ties the parts together: an order or a gateway's word changes a delivery durably first,
//! and is told on the bus after.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use doorward_events::publish::{Fate, Publisher, Why};
use doorward_events::statement::{
    Accepts, Address, Grant, GrantUse, Issued, Issuer, REQUEST_LIFETIME, Request, Revocation,
};
use doorward_events::types::{
    AccessAction, AccessReason, DeliveryScheduled, DeliveryWindow, EntryUnlockRequested,
    GatewayStarted, GrantIssued,
};
use doorward_events::{Envelope, Received};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::sync::{Mutex, Notify};
use uuid::Uuid;

use crate::delivery::{Delivery, Signal, Stage, Told, What};
use crate::ledger::Ledger;
use crate::orders::Order;

/// How long after a request's deadline its answer is still awaited.
const ANSWER_MARGIN: Duration = Duration::from_secs(15);
/// How long to wait before what the bus did not take is told again.
const TELL_AGAIN: Duration = Duration::from_secs(5);

/// The delivery service.
pub struct Service {
    publisher: Publisher,
    issuer: Issuer,
    ledger: Mutex<Ledger>,
    something_to_tell: Notify,
}

impl Service {
    /// A service over what the ledger still has.
    pub fn new(publisher: Publisher, issuer: Issuer, ledger: Ledger) -> Arc<Self> {
        let something_to_tell = Notify::new();
        something_to_tell.notify_one();
        Arc::new(Self { publisher, issuer, ledger: Mutex::new(ledger), something_to_tell })
    }

    /// Carries out one order from the desk. Once it returns, the order outlives a crash.
    pub async fn order(self: &Arc<Self>, order: Order) -> anyhow::Result<()> {
        let ledger = self.ledger.lock().await;
        let delivery = match order {
            Order::Schedule {
                delivery_id,
                tenant_id,
                gateway,
                entry_id,
                subject_ref,
                parcels,
                minutes,
            } => {
                if ledger.delivery(&delivery_id).await?.is_some() {
                    bail!("there is a delivery {delivery_id} already");
                }
                if !(1..=1440).contains(&minutes) {
                    bail!("minutes is {minutes}; 1 to 1440 are allowed");
                }
                let not_before = Timestamp::now();
                let expires_at = not_before + SignedDuration::from_mins(i64::from(minutes));
                let mut delivery = Delivery {
                    delivery_id,
                    tenant_id,
                    gateway,
                    entry_id,
                    subject_ref,
                    parcels,
                    not_before,
                    expires_at,
                    grant_id: Uuid::now_v7(),
                    stage: Stage::Scheduled,
                    to_tell: Vec::new(),
                };
                let granted = self.grant(&ledger, &delivery).await?;
                delivery.to_tell.push(Told::now(What::Scheduled(DeliveryScheduled {
                    delivery_id: delivery.delivery_id.clone(),
                    parcels: i64::from(parcels),
                    subject_ref: delivery.subject_ref.clone(),
                    window: DeliveryWindow {
                        not_before: not_before.to_string(),
                        expires_at: expires_at.to_string(),
                    },
                })));
                delivery.to_tell.push(granted);
                delivery
            }
            Order::Open { delivery_id } => {
                let mut delivery = existing(&ledger, &delivery_id).await?;
                delivery.may_ask().map_err(anyhow::Error::msg)?;
                let (request_id, told) = self.request(&ledger, &delivery).await?;
                delivery.ask(request_id, told);
                self.watch(delivery.grant_id, request_id);
                delivery
            }
            Order::Cancel { delivery_id } => {
                let mut delivery = existing(&ledger, &delivery_id).await?;
                if !delivery.may_cancel() {
                    bail!("it is too late to cancel delivery {delivery_id}");
                }
                let revoked = self.revocation(&ledger, &delivery).await?;
                delivery.cancel(revoked);
                delivery
            }
        };
        keep(&ledger, &delivery).await?;
        self.something_to_tell.notify_one();
        Ok(())
    }

    /// A gateway said which types it reads.
    pub async fn started(&self, said: Received<GatewayStarted>) -> anyhow::Result<()> {
        let gateway = Arc::clone(&said.envelope.publisher.instance);
        if self.ledger.lock().await.keep_gateway(said).await? {
            say(&json!({ "gateway": &*gateway, "stage": { "at": "known" } }));
        }
        Ok(())
    }

    /// A gateway said something about a grant of ours; of others' grants nothing is known here.
    pub async fn heard(
        &self,
        envelope: &Envelope,
        grant_id: Option<&str>,
        signal: Signal,
    ) -> anyhow::Result<()> {
        let named = grant_id.and_then(|id| id.parse().ok());
        let Some(grant_id) = named.or(envelope.correlation_id) else { return Ok(()) };
        let ledger = self.ledger.lock().await;
        let Some(mut delivery) = ledger.of_grant(grant_id).await? else { return Ok(()) };
        let from = (&*envelope.publisher.instance, &*envelope.tenant_id);
        if from != (delivery.gateway.as_str(), delivery.tenant_id.as_str()) {
            tracing::warn!(
                delivery_id = delivery.delivery_id,
                "another gateway speaks of its grant"
            );
            return Ok(());
        }
        if delivery.heard(signal) {
            keep(&ledger, &delivery).await?;
            self.something_to_tell.notify_one();
        }
        Ok(())
    }

    /// Tells on the bus whatever is to be told, for as long as it is polled.
    pub async fn tell(self: Arc<Self>) {
        self.watch_again().await;
        loop {
            self.something_to_tell.notified().await;
            while let Err(error) = self.tell_all().await {
                tracing::warn!(%error, "not everything could be told; it is tried again");
                tokio::time::sleep(TELL_AGAIN).await;
            }
        }
    }

    async fn tell_all(&self) -> anyhow::Result<()> {
        let open = self.ledger.lock().await.open().await?;
        for delivery in open {
            for told in &delivery.to_tell {
                let lost = match self.publish(&delivery, told).await {
                    Ok(_) => false,
                    Err(refusal) if is_final(&refusal.why) => {
                        tracing::error!(delivery.delivery_id, %refusal, "it cannot be told");
                        true
                    }
                    Err(refusal) => bail!("{refusal}"),
                };
                let ledger = self.ledger.lock().await;
                let mut now = existing(&ledger, &delivery.delivery_id).await?;
                now.to_tell.retain(|other| other.id != told.id);
                // Without its grant a delivery leads nowhere.
                if lost && matches!(told.what, What::Granted(_)) {
                    now.heard(Signal::Rejected(AccessReason::MalformedRequest));
                }
                ledger.keep(&now).await?;
            }
        }
        Ok(())
    }

    async fn publish(&self, delivery: &Delivery, told: &Told) -> Fate {
        let envelope = Envelope { id: told.id, time: told.time, ..self.envelope(delivery) };
        match &told.what {
            What::Scheduled(data) => self.publisher.publish(envelope, data).await,
            What::Granted(data) => self.publisher.publish(envelope, data).await,
            What::Asked(data) => self.publisher.publish(envelope, data).await,
            What::Revoked(data) => self.publisher.publish(envelope, data).await,
            What::Completed(data) => self.publisher.publish(envelope, data).await,
        }
    }

    /// The grant correlates everything about its delivery.
    fn envelope(&self, delivery: &Delivery) -> Envelope {
        self.publisher
            .envelope(delivery.tenant_id.as_str())
            .about(delivery.entry_id.as_str())
            .correlated(delivery.grant_id)
    }

    async fn grant(&self, ledger: &Ledger, delivery: &Delivery) -> anyhow::Result<Told> {
        let accepts = gateway(ledger, delivery).await?;
        let issued: Issued<GrantIssued> = self
            .issuer
            .grant(
                &accepts,
                Grant {
                    grant_id: delivery.grant_id,
                    ..Grant::once(
                        address(delivery),
                        delivery.subject_ref.as_str(),
                        AccessAction::Unlock,
                        delivery.not_before,
                        delivery.expires_at,
                    )
                },
            )
            .await
            .context("the grant was not issued")?;
        Ok(Told {
            id: issued.draft.id(),
            time: issued.draft.time(),
            what: What::Granted(issued.data),
        })
    }

    async fn request(&self, ledger: &Ledger, delivery: &Delivery) -> anyhow::Result<(Uuid, Told)> {
        let accepts = gateway(ledger, delivery).await?;
        let request = Request::now(address(delivery), delivery.subject_ref.as_str());
        let request_id = request.request_id;
        let journal_id = accepts.journal_id();
        let request =
            request.using(GrantUse { grant_id: delivery.grant_id, journal_id, signed: None });
        let issued: Issued<EntryUnlockRequested> =
            self.issuer.request(&accepts, request).await.context("the request was not issued")?;
        let what = What::Asked(issued.data);
        Ok((request_id, Told { id: issued.draft.id(), time: issued.draft.time(), what }))
    }

    async fn revocation(&self, ledger: &Ledger, delivery: &Delivery) -> anyhow::Result<Told> {
        let accepts = gateway(ledger, delivery).await?;
        let revocation = Revocation::now(address(delivery), delivery.grant_id, delivery.expires_at);
        let issued = self
            .issuer
            .revoke(&accepts, revocation)
            .await
            .context("the revocation was not issued")?;
        Ok(Told {
            id: issued.draft.id(),
            time: issued.draft.time(),
            what: What::Revoked(issued.data),
        })
    }

    /// A request that nobody answers is over after its deadline: the courier may ask again.
    fn watch(self: &Arc<Self>, grant_id: Uuid, request_id: Uuid) {
        let service = Arc::clone(self);
        let lifetime = REQUEST_LIFETIME.unsigned_abs();
        tokio::spawn(async move {
            tokio::time::sleep(lifetime + ANSWER_MARGIN).await;
            let ledger = service.ledger.lock().await;
            let found = ledger.of_grant(grant_id).await;
            if let Ok(Some(mut delivery)) = found
                && delivery.unanswered(request_id)
                && let Err(error) = keep(&ledger, &delivery).await
            {
                tracing::error!(%error, "an unanswered request could not be noted");
            }
        });
    }

    /// After a start: the requests that waited when the process ended.
    async fn watch_again(self: &Arc<Self>) {
        let open = self.ledger.lock().await.open().await.unwrap_or_default();
        for delivery in open {
            if let Stage::Asked { request_id } = delivery.stage {
                self.watch(delivery.grant_id, request_id);
            }
        }
    }
}

async fn existing(ledger: &Ledger, delivery_id: &str) -> anyhow::Result<Delivery> {
    let delivery = ledger.delivery(delivery_id).await?;
    delivery.with_context(|| format!("there is no delivery {delivery_id}"))
}

async fn gateway(ledger: &Ledger, delivery: &Delivery) -> anyhow::Result<Accepts> {
    let accepts = ledger.gateway(&delivery.gateway).await?;
    accepts.with_context(|| {
        format!("gateway {} has not said yet what it reads: restart it, or wait", delivery.gateway)
    })
}

fn address(delivery: &Delivery) -> Address {
    Address::new(delivery.tenant_id.as_str(), delivery.gateway.as_str(), delivery.entry_id.as_str())
}

/// Durable first, then said.
async fn keep(ledger: &Ledger, delivery: &Delivery) -> anyhow::Result<()> {
    ledger.keep(delivery).await?;
    say(&json!({ "delivery_id": delivery.delivery_id, "stage": delivery.stage }));
    Ok(())
}

/// One line of JSON on the standard output.
fn say(line: &serde_json::Value) {
    println!("{line}");
}

/// Whether telling it again can never succeed.
fn is_final(why: &Why) -> bool {
    matches!(why, Why::Invalid(_) | Why::Refused { .. })
}
