//! A service that signs for one gateway: each request new, with a new grant in it.

use std::path::Path;

use anyhow::{Context, Result, bail};
use doorward::local::{Answer, Ask, Client, DoorView, EventLine, EventQuery};
use doorward_events::statement::{Accepts, Address, Grant, Issuer, KeyId, LocalSigner, Request};
use doorward_events::types::{AccessAction, EntryUnlockRequested, EventData as _, GatewayStarted};
use doorward_events::{PublisherId, read};
use jiff::{SignedDuration, Timestamp};

/// The key's id on the gateway's list.
const KID: &str = "bench";
/// The service: a registered publisher that may ask.
const PUBLISHER: &str = "acme.delivery";
/// Subjects in turn: one alone would be too fast for a person.
const SUBJECTS: usize = 250;

/// Who asks, and the gateway that is asked.
pub struct Desk {
    client: Client,
    issuer: Issuer,
    accepts: Accepts,
    asked: usize,
}

impl Desk {
    /// Learns what the gateway reads from what it said when it started.
    pub async fn open(socket: &Path, key: &Path) -> Result<Self> {
        let client = Client::new(socket);
        let mut started = None;
        let query = EventQuery {
            event_type: Some(GatewayStarted::TYPE.to_string()),
            ..EventQuery::default()
        };
        client
            .lines("/v1/events", &query, |line: EventLine| {
                started = Some(line.event);
                true
            })
            .await?;
        let started = started.context("the gateway has not said that it started")?;
        let started = read::<GatewayStarted>(started.to_string().as_bytes())?;
        let accepts = Accepts::from_started(&started).context("it is no gateway")?;
        let pem = std::fs::read_to_string(key)?;
        let signer = LocalSigner::from_pkcs8_pem(KeyId::new(KID)?, &pem)?;
        let issuer = Issuer::new(signer, PublisherId::new(PUBLISHER, "bench"))?;
        Ok(Self { client, issuer, accepts, asked: 0 })
    }

    /// Whether each door's lock is known to be locked.
    pub async fn all_locked(&self) -> Result<bool> {
        let doors: Vec<DoorView> = self.client.get("/v1/doors", &()).await?;
        let locked =
            |door: &DoorView| door.lock.value == "locked" && door.lock.quality == "observed";
        Ok(!doors.is_empty() && doors.iter().all(locked))
    }

    /// The text of a new request for this door.
    pub async fn request(&mut self, door: usize) -> Result<String> {
        let subject = format!("courier-{}", self.asked % SUBJECTS);
        self.asked += 1;
        let address = || Address::new("bench", "bench", format!("door-{door}"));
        // Before now by more than a clock's error.
        let from = Timestamp::now() - SignedDuration::from_secs(60);
        let until = from + SignedDuration::from_mins(10);
        let grant = Grant::once(address(), subject.as_str(), AccessAction::Unlock, from, until);
        let grant = self.issuer.grant(&self.accepts, grant).await?;
        let own = grant.to_use().context("the grant has no id")?;
        let request = Request::now(address(), subject).using(own);
        let issued = self.issuer.request::<EntryUnlockRequested>(&self.accepts, request).await?;
        Ok(issued.draft.finish())
    }

    /// Hands a request over as the bus would, and waits until its outcome is durable.
    pub async fn ask(&self, event: String) -> Result<()> {
        let mut answer = None;
        self.client
            .post("/v1/ask", &Ask::Signed { event }, |line: Answer| {
                answer = Some(line);
                false
            })
            .await?;
        match answer {
            Some(Answer::Granted { .. }) => Ok(()),
            other => bail!("it was not granted: {other:?}"),
        }
    }
}
