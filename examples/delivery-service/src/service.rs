//! What ties the parts together: an order or a gateway's word changes a delivery durably first,
//! and is told on the bus after (`teller.rs`).

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use doorward_events::publish::Publisher;
use doorward_events::statement::{
    Accepts, Address, Grant, GrantUse, Issued, Issuer, REQUEST_LIFETIME, Request, Revocation,
};
use doorward_events::types::{
    AccessAction, AccessReason, DeliveryScheduled, DeliveryWindow, EntryUnlockRequested,
    GatewayStarted,
};
use doorward_events::{Authority, Envelope, Received, TraceContext};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::{Mutex, Notify};
use uuid::Uuid;

use crate::delivery::{Delivery, Signal, Stage, Told, What};
use crate::ledger::Ledger;
use crate::orders::Order;

/// How long after a request's deadline its answer is still awaited.
const ANSWER_MARGIN: SignedDuration = SignedDuration::from_secs(15);
/// How long before its window a grant begins: a gateway knows the time only as an interval, and
/// takes what may lie before the beginning for too early.
const CLOCK_MARGIN: SignedDuration = SignedDuration::from_secs(60);
/// The longest window, in minutes: with the margin it is within the day that a key may grant.
const LONGEST_WINDOW_MIN: u16 = 1439;
/// How often what has expired is ended.
const SWEEP: Duration = Duration::from_secs(5);

/// The delivery service.
pub struct Service {
    pub(crate) publisher: Publisher,
    issuer: Issuer,
    pub(crate) ledger: Mutex<Ledger>,
    pub(crate) something_to_tell: Notify,
}

impl Service {
    /// A service over what the ledger still has.
    pub async fn new(
        publisher: Publisher,
        issuer: Issuer,
        ledger: Ledger,
    ) -> anyhow::Result<Arc<Self>> {
        ledger.repair().await.context("the ledger")?;
        let something_to_tell = Notify::new();
        something_to_tell.notify_one();
        Ok(Arc::new(Self { publisher, issuer, ledger: Mutex::new(ledger), something_to_tell }))
    }

    /// Carries out one order from the desk. Once it returns, the order outlives a crash.
    pub async fn order(&self, order: Order) -> anyhow::Result<()> {
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
                if !(1..=LONGEST_WINDOW_MIN).contains(&minutes) {
                    bail!("minutes is {minutes}; 1 to {LONGEST_WINDOW_MIN} are allowed");
                }
                let accepts = accepts(&ledger, &gateway).await?;
                let not_before = Timestamp::now();
                let delivery = Delivery {
                    delivery_id,
                    tenant_id,
                    gateway,
                    entry_id,
                    subject_ref,
                    parcels,
                    not_before,
                    expires_at: not_before + SignedDuration::from_mins(i64::from(minutes)),
                    grant_id: Uuid::now_v7(),
                    journal_id: accepts.journal_id(),
                    requests: 0,
                    stage: Stage::Scheduled,
                    to_tell: Vec::new(),
                };
                self.scheduled(&accepts, delivery).await?
            }
            Order::Open { delivery_id } => {
                let mut delivery = existing(&ledger, &delivery_id).await?;
                delivery.may_ask(Timestamp::now()).map_err(anyhow::Error::msg)?;
                let accepts = accepts(&ledger, &delivery.gateway).await?;
                self.asked(&accepts, &mut delivery).await?;
                delivery
            }
            Order::Cancel { delivery_id } => {
                let mut delivery = existing(&ledger, &delivery_id).await?;
                if !delivery.may_cancel() {
                    bail!("it is too late to cancel delivery {delivery_id}");
                }
                let accepts = accepts(&ledger, &delivery.gateway).await?;
                let revocation =
                    Revocation::now(address(&delivery), delivery.grant_id, delivery.expires_at);
                let issued = self.issuer.revoke(&accepts, revocation).await;
                delivery
                    .cancel(told(issued.context("the revocation was not issued")?, What::Revoked));
                delivery
            }
        };
        self.keep(&ledger, &delivery).await
    }

    /// A gateway said which types it reads, and which journal it has: grants issued against
    /// another one are lost.
    pub async fn started(&self, said: Received<GatewayStarted>) -> anyhow::Result<()> {
        let gateway = Arc::clone(&said.envelope.publisher.instance);
        let ledger = self.ledger.lock().await;
        if !ledger.keep_gateway(said).await? {
            return Ok(());
        }
        say(&json!({ "gateway": &*gateway, "stage": { "at": "known" } }));
        let now = accepts(&ledger, &gateway).await?.journal_id();
        for mut delivery in ledger.open().await? {
            if *delivery.gateway == *gateway
                && delivery.journal_id != now
                && delivery.heard(Signal::Rejected(AccessReason::LedgerLost))
            {
                self.keep(&ledger, &delivery).await?;
            }
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
            tracing::warn!(delivery.delivery_id, "another gateway speaks of its grant");
            return Ok(());
        }
        if delivery.heard(signal) {
            self.keep(&ledger, &delivery).await?;
        }
        Ok(())
    }

    /// Ends what has expired, for as long as it is polled.
    pub async fn sweep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(SWEEP).await;
            if let Err(error) = self.expire().await {
                tracing::warn!(%error, "what has expired could not be ended; it is tried again");
            }
        }
    }

    async fn expire(&self) -> anyhow::Result<()> {
        let ledger = self.ledger.lock().await;
        for mut delivery in ledger.open().await? {
            if delivery.expire(Timestamp::now()) {
                self.keep(&ledger, &delivery).await?;
            }
        }
        Ok(())
    }

    async fn scheduled(
        &self,
        accepts: &Accepts,
        mut delivery: Delivery,
    ) -> anyhow::Result<Delivery> {
        let data = DeliveryScheduled {
            delivery_id: delivery.delivery_id.clone(),
            parcels: i64::from(delivery.parcels),
            subject_ref: delivery.subject_ref.clone(),
            window: DeliveryWindow {
                not_before: delivery.not_before.to_string(),
                expires_at: delivery.expires_at.to_string(),
            },
        };
        // What could not be told is refused now, while somebody is there to mend it.
        self.envelope(&delivery).seal(&data).context("the order")?;
        let grant = Grant {
            grant_id: delivery.grant_id,
            ..Grant::once(
                address(&delivery),
                delivery.subject_ref.as_str(),
                AccessAction::Unlock,
                delivery.not_before - CLOCK_MARGIN,
                delivery.expires_at,
            )
        };
        let issued = self.issuer.grant(accepts, grant).await.context("the grant was not issued")?;
        delivery.to_tell = vec![Told::now(What::Scheduled(data)), told(issued, What::Granted)];
        Ok(delivery)
    }

    async fn asked(&self, accepts: &Accepts, delivery: &mut Delivery) -> anyhow::Result<()> {
        let request = Request::now(address(delivery), delivery.subject_ref.as_str());
        let request = request.using(GrantUse {
            grant_id: delivery.grant_id,
            journal_id: delivery.journal_id,
            signed: None,
        });
        let (request_id, issued_at) = (request.request_id, request.issued_at);
        let issued: Issued<EntryUnlockRequested> =
            self.issuer.request(accepts, request).await.context("the request was not issued")?;
        let until = issued_at + REQUEST_LIFETIME + ANSWER_MARGIN;
        delivery.ask(request_id, until, told(issued, What::Asked));
        Ok(())
    }

    /// The grant correlates everything about its delivery.
    pub(crate) fn envelope(&self, delivery: &Delivery) -> Envelope {
        self.publisher
            .envelope(delivery.tenant_id.as_str())
            .about(delivery.entry_id.as_str())
            .correlated(delivery.grant_id)
    }

    /// Durable first, then said and told.
    pub(crate) async fn keep(&self, ledger: &Ledger, delivery: &Delivery) -> anyhow::Result<()> {
        ledger.keep(delivery).await?;
        say(&json!({ "delivery_id": delivery.delivery_id, "stage": delivery.stage }));
        self.something_to_tell.notify_one();
        Ok(())
    }
}

/// The delivery of this id.
pub(crate) async fn existing(ledger: &Ledger, delivery_id: &str) -> anyhow::Result<Delivery> {
    let delivery = ledger.delivery(delivery_id).await?;
    delivery.with_context(|| format!("there is no delivery {delivery_id}"))
}

async fn accepts(ledger: &Ledger, gateway: &str) -> anyhow::Result<Accepts> {
    let accepts = ledger.gateway(gateway).await?;
    accepts.with_context(|| {
        format!("gateway {gateway} has not said yet what it reads: restart it, or wait")
    })
}

fn told<D: Authority>(issued: Issued<D>, what: impl FnOnce(D) -> What) -> Told {
    Told { id: issued.draft.id(), time: issued.draft.time(), what: what(issued.data) }
}

/// Where an event stands in its delivery's trace (W3C trace context): the grant names the trace, the
/// event's random half its own place in it, so that an event sent again says the same.
pub(crate) fn trace(delivery: &Delivery, event: Uuid) -> TraceContext {
    let (_, place) = event.as_u64_pair();
    let traceparent = format!("00-{}-{place:016x}-01", delivery.grant_id.simple());
    TraceContext { traceparent, tracestate: None }
}

fn address(delivery: &Delivery) -> Address {
    Address::new(delivery.tenant_id.as_str(), delivery.gateway.as_str(), delivery.entry_id.as_str())
}

/// One line of JSON on the standard output, for as long as somebody reads it.
pub(crate) fn say(line: &Value) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
