//! The edge of access: who asks, who is answered once the outcome is durable, and what leaves for
//! the devices then.

use std::collections::HashMap;
use std::time::Duration;

use doorward_events::statement::{
    Accepts, Address, Audience, Grant, Interval, Issued, Request as Requested, Revocation, Verifier,
};
use doorward_events::subscribe::sqs::Receipt;
use doorward_events::types::{
    AccessAction, EntryLockRequested, EntryOpenRequested, EntryUnlockRequested, GrantIssued,
};
use doorward_translators::Act;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::access::{Answering, Belief, Outbound, Trust};
use super::daemon::Daemon;
use super::state::{Identity, Input};
use crate::bus::{Came, Cloud, Downlink};
use crate::config::{Configuration, SystemClock};
use crate::domain::ids::VendorId;
use crate::identity::Ends;
use crate::journal::Restored;
use crate::link::CommandOrder;
use crate::local::{Answer, Ask};

/// How long an operator's own grant is good for: it is used with the same breath.
const OWN_GRANT: SignedDuration = SignedDuration::from_secs(60);
/// How long before it is issued here a grant begins: the clock that judges it is an interval.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);
/// Askers who wait for their answer. Further ones are told to come again.
const MAX_WAITING: usize = 1024;

/// Who waits for an answer.
enum Asker {
    Local(oneshot::Sender<Answer>),
    Queue(Receipt),
}

/// Whom to answer, and with what to sign what operators ask.
pub(super) struct Desk {
    pub trust: Trust,
    pub audience: Audience,
    pub accepts: Accepts,
    pub downlink: Option<Downlink>,
    system_clock: SystemClock,
    issuers_version: u64,
    waiting: HashMap<u64, Asker>,
    next: u64,
}

impl Desk {
    /// Reads whom the gateway believes, and begins to take requests.
    ///
    /// # Errors
    /// The gateway's own key cannot be read or made, or the queue's settings cannot be used.
    pub async fn open(
        config: &Configuration,
        identity: &Identity,
        restored: &Restored,
        cloud: Option<&Cloud>,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let gateway = &config.gateway;
        let taken = super::access::taken(&restored.facts);
        // What surely is over is over; what the clock cannot tell yet is judged with each request,
        // by the end of the key that signed it.
        let interval = Interval::exactly(super::access::surely(&restored.facts));
        let trust = Trust::open(
            &gateway.state_dir,
            &gateway.tenant,
            &gateway.instance,
            &gateway.trust,
            &taken,
            interval,
        )
        .await?;
        let audience = Audience {
            gateway: gateway.instance.clone(),
            tenant_id: gateway.tenant.clone(),
            site_id: gateway.site.clone(),
            // Deadlines are judged before journals: the ledger compares them.
            journal_id: None,
        };
        let accepts = super::access::own(identity, restored.journal_id, now)?;
        let downlink = Downlink::start(cloud, gateway.downlink.as_ref()).await;
        let system_clock = gateway.trust.system_clock;
        let issuers_version = taken.version;
        let (waiting, next) = (HashMap::new(), 0);
        Ok(Self {
            trust,
            audience,
            accepts,
            downlink,
            system_clock,
            issuers_version,
            waiting,
            next,
        })
    }

    /// What the state machine needs of it.
    pub fn belief(&self) -> Belief {
        let issuers = self.trust.issuers.as_ref();
        Belief {
            root: self.trust.root,
            issuers: issuers.map(|listed| Verifier::new(listed.list.trusted().clone())),
            issuers_version: issuers.map_or(self.issuers_version, |listed| listed.list.version()),
            issuers_end: issuers.map(|listed| Ends::of_list(&listed.list, &listed.signed)),
            console: Some(self.trust.console.clone()),
            audience: self.audience.clone(),
            system_clock: self.system_clock(),
        }
    }

    /// The largest error of the system's clock, if somebody stands for it now.
    pub fn system_clock(&self) -> Option<Duration> {
        match self.system_clock {
            SystemClock::Kernel => doorward_system_clock::synchronised(),
            SystemClock::Operator(error) => Some(error),
            SystemClock::Nobody => None,
        }
    }

    fn waits(&mut self, asker: Asker) -> Option<u64> {
        if self.waiting.len() >= MAX_WAITING {
            return None;
        }
        self.next += 1;
        self.waiting.insert(self.next, asker);
        Some(self.next)
    }

    /// The next message of the queue, if there is one; without a queue never.
    pub async fn letter(&mut self) -> Option<Came> {
        match &mut self.downlink {
            Some(downlink) => downlink.letters.recv().await,
            None => std::future::pending().await,
        }
    }

    /// The outcome is durable.
    pub fn answer(&mut self, Answering { ask, answer }: Answering) {
        match self.waiting.remove(&ask) {
            // Whoever asked may be gone; what was decided stands.
            Some(Asker::Local(reply)) => drop(reply.send(answer)),
            // It comes again, and goes to the dead letters in the end.
            Some(Asker::Queue(_)) if matches!(answer, Answer::Undecided { .. }) => {}
            Some(Asker::Queue(receipt)) => {
                if let Some(downlink) = &self.downlink {
                    downlink.settle(receipt);
                }
            }
            None => {}
        }
    }
}

impl Daemon {
    /// A message came out of the queue.
    pub(super) fn letter(&mut self, came: Came) {
        let Came { letter, at } = came;
        let Some(ask) = self.desk.waits(Asker::Queue(letter.receipt)) else {
            tracing::warn!("too many requests wait; this one comes again");
            return;
        };
        let (text, source) = match letter.delivered {
            Some(delivered) => (delivered.detail, Some(delivered.source)),
            None => (String::new(), None),
        };
        let received = at.saturating_duration_since(self.started);
        self.step(Input::Asked { ask, text, source, uid: None, received });
    }

    /// An operator asks.
    pub(super) async fn operator(&mut self, ask: Ask, uid: u32, reply: oneshot::Sender<Answer>) {
        if ask == Ask::ConfirmClock {
            if let Some(ask) = self.desk.waits(Asker::Local(reply)) {
                self.step(Input::ClockConfirmed { ask, uid });
            }
            return;
        }
        if let Ask::Vendor { vendor, order } = ask {
            if let Some(ask) = self.desk.waits(Asker::Local(reply)) {
                let vendor = VendorId::new(vendor);
                self.step(Input::VendorOrdered { ask, vendor, order, uid });
            }
            return;
        }
        let text = match ask {
            Ask::Signed { event } => Ok((event, None)),
            ask => self.signed(ask, uid).await.map(|text| (text, Some(uid))),
        };
        match text {
            Ok((text, uid)) => {
                let Some(ask) = self.desk.waits(Asker::Local(reply)) else { return };
                let received = self.started.elapsed();
                self.step(Input::Asked { ask, text, source: None, uid, received });
            }
            Err(error) => {
                let _ = reply.send(Answer::Denied {
                    reason: "malformed_request".to_owned(),
                    all: Vec::new(),
                    detail: format!("{error:#}"),
                });
            }
        }
    }

    /// What an operator asks, as an event signed with the gateway's own key.
    async fn signed(&self, ask: Ask, uid: u32) -> anyhow::Result<String> {
        let issuer = &self.desk.trust.issuer;
        let accepts = &self.desk.accepts;
        let address = |entry: String| {
            let audience = &self.desk.audience;
            let address =
                Address::new(audience.tenant_id.as_str(), audience.gateway.as_str(), entry);
            match &audience.site_id {
                Some(site) => address.at_site(site.as_str()),
                None => address,
            }
        };
        let now = Timestamp::now();
        let draft = match ask {
            Ask::Grant {
                entry,
                subject,
                actions,
                not_before,
                expires_at,
                max_uses,
                min_interval_s,
                schedule,
            } => {
                let grant = Grant {
                    address: address(entry),
                    grant_id: Uuid::now_v7(),
                    subject_ref: subject,
                    actions: actions.into_iter().map(|act| act.as_str().into()).collect(),
                    issued_at: now,
                    not_before: not_before.unwrap_or(now - MARGIN),
                    expires_at,
                    max_uses,
                    min_interval_s,
                    schedule,
                };
                issuer.grant(accepts, grant).await?.draft
            }
            Ask::Revoke { grant_id } => {
                let Some((entry, expires_at)) = self.gateway.own_grant_place(grant_id) else {
                    anyhow::bail!(
                        "no grant {grant_id} that was issued here is held; one of another issuer \
                         is ended by that issuer"
                    );
                };
                let revocation = Revocation::now(address(entry), grant_id, expires_at);
                issuer.revoke(accepts, revocation).await?.draft
            }
            Ask::Act { entry, action } => {
                let subject = format!("operator-{uid}");
                let end = now + OWN_GRANT;
                let word: AccessAction = action.as_str().into();
                let grant =
                    Grant::once(address(entry.clone()), subject.as_str(), word, now - MARGIN, end);
                let grant: Issued<GrantIssued> = issuer.grant(accepts, grant).await?;
                let own = grant.to_use().ok_or_else(|| anyhow::anyhow!("the grant has no id"))?;
                let request = Requested::now(address(entry), subject).using(own);
                match action {
                    Act::Unlock => {
                        issuer.request::<EntryUnlockRequested>(accepts, request).await?.draft
                    }
                    Act::Open => {
                        issuer.request::<EntryOpenRequested>(accepts, request).await?.draft
                    }
                    Act::Lock => {
                        issuer.request::<EntryLockRequested>(accepts, request).await?.draft
                    }
                    Act::Close | Act::Stop => anyhow::bail!("{action} cannot be asked for here"),
                }
            }
            Ask::Signed { .. } | Ask::ConfirmClock | Ask::Vendor { .. } => {
                anyhow::bail!("nothing is signed for it")
            }
        };
        Ok(draft.finish())
    }

    /// The intent is durable: the command leaves, or is known not to have left.
    pub(super) fn dispatch(&mut self, order: Outbound) {
        // Its vendor may have gone while the intent became durable: it has its end then.
        if !self.gateway.may_leave(order.id) {
            return;
        }
        let left = order.until.checked_sub(self.started.elapsed());
        let handed = match (left, self.vendors.get(&order.vendor)) {
            (Some(left), Some(link)) if !left.is_zero() => link.command(CommandOrder::now(
                order.id,
                order.endpoint,
                order.address,
                order.act,
                left,
            )),
            _ => false,
        };
        if !handed {
            let late = left.is_none_or(|left| left.is_zero());
            self.step(Input::NotSent { id: order.id, late });
        }
    }
}
