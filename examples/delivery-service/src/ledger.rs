//! What the service must not forget: its open deliveries, and what gateways say they read.
//!
//! Kept as documents in the subscriber's own store, so that the service needs no database beside
//! it. One process writes; a second one is noticed and refused. Finished deliveries stay until
//! the store's retention forgets them.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use doorward_events::statement::Accepts;
use doorward_events::subscribe::store::Store;
use doorward_events::types::GatewayStarted;
use doorward_events::{Envelope, EventData as _, GatewayOrigin, PublisherId, Received};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::delivery::Delivery;

/// The most deliveries that are open at once; a further order is refused. Their list fits into one
/// document.
const MAX_OPEN: usize = 500;

/// What a gateway said when it started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Started {
    instance: String,
    tenant_id: String,
    id: Uuid,
    time: Timestamp,
    origin: GatewayOrigin,
    data: GatewayStarted,
}

/// The documents.
pub struct Ledger {
    store: Arc<dyn Store>,
}

/// Open deliveries by their grant.
type Open = BTreeMap<Uuid, String>;

const OPEN: &str = "open-deliveries";

impl Ledger {
    /// The ledger in this store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// The delivery of this id, open or not.
    pub async fn delivery(&self, delivery_id: &str) -> anyhow::Result<Option<Delivery>> {
        self.read(&delivery_key(delivery_id)).await
    }

    /// The delivery that this grant belongs to, while it is open.
    pub async fn of_grant(&self, grant_id: Uuid) -> anyhow::Result<Option<Delivery>> {
        let open: Open = self.read(OPEN).await?.unwrap_or_default();
        let Some(delivery_id) = open.get(&grant_id) else { return Ok(None) };
        let delivery = self.delivery(delivery_id).await?;
        Ok(delivery.filter(|delivery| delivery.grant_id == grant_id))
    }

    /// Takes names off the list that a crash left there.
    pub async fn repair(&self) -> anyhow::Result<()> {
        let open: Open = self.read(OPEN).await?.unwrap_or_default();
        let mut kept = Open::new();
        for (grant_id, delivery_id) in &open {
            let delivery = self.delivery(delivery_id).await?;
            if delivery.is_some_and(|d| d.grant_id == *grant_id && !d.is_done()) {
                kept.insert(*grant_id, delivery_id.clone());
            }
        }
        if kept == open { Ok(()) } else { self.write(OPEN, &kept).await }
    }

    /// Every open delivery.
    pub async fn open(&self) -> anyhow::Result<Vec<Delivery>> {
        let open: Open = self.read(OPEN).await?.unwrap_or_default();
        let mut deliveries = Vec::with_capacity(open.len());
        for delivery_id in open.values() {
            deliveries.extend(self.delivery(delivery_id).await?);
        }
        Ok(deliveries)
    }

    /// Keeps the delivery. It enters the list before it is written and leaves it after, so that a
    /// crash between the two leaves a name too many there, never one too few.
    pub async fn keep(&self, delivery: &Delivery) -> anyhow::Result<()> {
        let mut open: Open = self.read(OPEN).await?.unwrap_or_default();
        if !open.contains_key(&delivery.grant_id) {
            ensure!(open.len() < MAX_OPEN, "{MAX_OPEN} deliveries are open already");
            open.insert(delivery.grant_id, delivery.delivery_id.clone());
            self.write(OPEN, &open).await?;
        }
        self.write(&delivery_key(&delivery.delivery_id), delivery).await?;
        if delivery.is_done() {
            open.remove(&delivery.grant_id);
            self.write(OPEN, &open).await?;
        }
        Ok(())
    }

    /// What the gateway reads, as it said last.
    pub async fn gateway(&self, instance: &str) -> anyhow::Result<Option<Accepts>> {
        let started: Option<Started> = self.read(&gateway_key(instance)).await?;
        Ok(started.and_then(|started| {
            let publisher = PublisherId::new("doorward.gateway", started.instance);
            let envelope =
                Envelope::new(started.id, started.time, publisher, started.tenant_id.into());
            Accepts::from_started(&Received {
                envelope,
                schema_version: GatewayStarted::SCHEMA_VERSION.to_owned(),
                origin: Some(started.origin),
                data: started.data,
            })
        }))
    }

    /// Keeps what a gateway said, unless something newer is known; whether it was kept.
    pub async fn keep_gateway(&self, said: Received<GatewayStarted>) -> anyhow::Result<bool> {
        let instance = said.envelope.publisher.instance.to_string();
        let (Some(accepts), Some(origin)) = (Accepts::from_started(&said), said.origin) else {
            return Ok(false);
        };
        if let Some(known) = self.gateway(&instance).await?
            && !accepts.is_newer_than(&known)
        {
            return Ok(false);
        }
        let started = Started {
            tenant_id: said.envelope.tenant_id.to_string(),
            id: said.envelope.id,
            time: said.envelope.time,
            origin,
            data: said.data,
            instance,
        };
        self.write(&gateway_key(&started.instance), &started).await?;
        Ok(true)
    }

    async fn read<T: DeserializeOwned>(&self, key: &str) -> anyhow::Result<Option<T>> {
        let Some(document) = self.store.load(key).await? else { return Ok(None) };
        let value = serde_json::from_slice(&document.bytes);
        Ok(Some(value.with_context(|| format!("the document {key}"))?))
    }

    async fn write<T: Serialize>(&self, key: &str, value: &T) -> anyhow::Result<()> {
        let version = self.store.load(key).await?.map_or(0, |document| document.version);
        let written = self.store.swap(key, version, &serde_json::to_vec(value)?).await?;
        ensure!(written, "another process writes to this store");
        Ok(())
    }
}

fn delivery_key(delivery_id: &str) -> String {
    format!("delivery/{delivery_id}")
}

fn gateway_key(instance: &str) -> String {
    format!("gateway/{instance}")
}
