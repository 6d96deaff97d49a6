//! Requests at the doors: each signed anew with a grant of its own, as a delivery service's would
//! be, handed over at the gateway's socket. An operator's own acts would be too many for one person.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use doorward_events::statement::{Accepts, Address, Grant, Issuer, LocalSigner, Request};
use doorward_events::types::{AccessAction, EntryUnlockRequested, EventData as _, GatewayStarted};
use doorward_events::{PublisherId, read};
use jiff::{SignedDuration, Timestamp};

use super::stage::{ISSUER, TENANT};
use super::tape::{Asked, Tape};
use crate::local::{Answer, Ask, Client, DoorView, EventLine, EventQuery};

/// Subjects in turn: one alone would be too fast for a person.
const SUBJECTS: usize = 250;
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who asks, and the gateway that is asked.
pub struct Desk {
    client: Client,
    issuer: Issuer,
    accepts: Accepts,
    tape: Arc<Tape>,
    asked: usize,
}

impl Desk {
    /// Learns what the gateway reads from what it said when it started. `None`: it has not yet.
    pub async fn open(socket: &Path, signer: LocalSigner, tape: Arc<Tape>) -> anyhow::Result<Self> {
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
        let issuer = Issuer::new(signer, PublisherId::new(ISSUER, "drill"))?;
        Ok(Self { client, issuer, accepts, tape, asked: 0 })
    }

    /// How many locks are known to be locked.
    pub async fn locked(client: &Client) -> anyhow::Result<usize> {
        let doors: Vec<DoorView> = client.get("/v1/doors", &()).await?;
        let locked =
            |door: &&DoorView| door.lock.value == "locked" && door.lock.quality == "observed";
        Ok(doors.iter().filter(locked).count())
    }

    /// Asks for a door to be unlocked; what comes of it goes onto the tape. A door at which a
    /// request is under way is left alone.
    pub async fn ask(&mut self, door: &str) -> anyhow::Result<()> {
        if self.tape.marks().is_busy(door) {
            return Ok(());
        }
        let event = self.request(door).await?;
        let asked = Asked {
            door: door.to_owned(),
            at: Instant::now(),
            wire: None,
            answered: None,
            command: None,
        };
        let number = {
            let mut marks = self.tape.marks();
            marks.requests.push(asked);
            marks.requests.len() - 1
        };
        let (client, tape) = (self.client.clone(), Arc::clone(&self.tape));
        tokio::spawn(async move {
            let mut answer = None;
            let ask = Ask::Signed { event };
            let asking = client.post("/v1/ask", &ask, |line: Answer| {
                answer = Some(line);
                false
            });
            let answered = tokio::time::timeout(PATIENCE, asking).await;
            let (reason, command) = match (answered, answer) {
                (_, Some(Answer::Granted { command_id, .. })) => (None, Some(command_id)),
                (_, Some(Answer::Denied { reason, .. })) => (Some(reason), None),
                (_, Some(other)) => (Some(format!("{other:?}")), None),
                (Err(_), None) => (Some("no answer".to_owned()), None),
                (Ok(Err(error)), None) => (Some(error.to_string()), None),
                (Ok(Ok(_)), None) => (Some("an empty answer".to_owned()), None),
            };
            if let Some(asked) = tape.marks().requests.get_mut(number) {
                asked.answered = Some((Instant::now(), reason));
                asked.command = command;
            }
        });
        Ok(())
    }

    async fn request(&mut self, door: &str) -> anyhow::Result<String> {
        let subject = format!("courier-{}", self.asked % SUBJECTS);
        self.asked += 1;
        let address = || Address::new(TENANT, "drill", door);
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
}
