//! When ranges of the journal are closed, and the checkpoint's event.
//!
//! The journal says what can be closed, the machine's key signs it, and the event commits together
//! with the closing. What is not committed is made anew: a checkpoint that failed is none.

use std::path::Path;
use std::time::Duration;

use doorward_events::statement::{LocalSigner, Signer as _, sign_checkpoint};
use doorward_events::types as schema;
use doorward_events::{Draft, Invalid};
use tokio::sync::oneshot;

use super::compose::{Composer, number};
use super::keys;
use super::state::{Effects, Gateway, HEARTBEAT, Now};
use crate::domain::audit::{Closable, MAX_EVENTS, Statement};
use crate::journal::{Batch, Closing, is_audited};
use crate::local::AuditKey;

/// Where a whole range has come together, the journal is asked this often whether the bus has all
/// of it.
const AGAIN: Duration = Duration::from_secs(10);
/// Between two ranges of many.
const NEXT: Duration = Duration::from_secs(1);
/// The first look after a start: what an earlier life left open is closed then.
const FIRST: Duration = Duration::from_secs(60);

/// Signs checkpoints.
pub(super) struct Auditor {
    signer: LocalSigner,
    tenant: String,
    instance: String,
}

/// A range that can be closed, and what was signed of it.
#[derive(Debug)]
pub struct Signed {
    pub closable: Closable,
    pub statement: Statement,
    /// The statement as compact JWS.
    pub text: String,
}

impl Auditor {
    /// Reads the gateway's key, which is made at the first start.
    ///
    /// # Errors
    /// It cannot be read or made.
    pub fn open(state_dir: &Path, tenant: &str, instance: &str) -> anyhow::Result<Self> {
        let signer = keys::audit_key(state_dir)?;
        Ok(Self { signer, tenant: tenant.to_owned(), instance: instance.to_owned() })
    }

    /// The public half.
    pub fn key(&self) -> AuditKey {
        AuditKey {
            kid: self.signer.kid().to_string(),
            public_key: self.signer.public_key().to_base64url(),
        }
    }

    /// Says and signs what is in the range.
    ///
    /// # Errors
    /// It is longer than may be signed.
    pub async fn sign(&self, closable: Closable) -> anyhow::Result<Signed> {
        let statement = Statement::of(&closable, &self.tenant, &self.instance);
        let text = sign_checkpoint(&self.signer, &statement.to_text()?).await?;
        Ok(Signed { closable, statement, text })
    }
}

/// Those at the socket who want a range closed now.
#[derive(Debug, Default)]
pub(super) struct Closers {
    waiting: Vec<oneshot::Sender<Option<(u64, u64)>>>,
    /// First and last sequence of the range in the batch in hand.
    closing: Option<(u64, u64)>,
}

impl Closers {
    /// Somebody waits. There are no more of them than connections.
    pub fn wait(&mut self, reply: oneshot::Sender<Option<(u64, u64)>>) {
        self.waiting.push(reply);
    }

    /// This range is in the batch in hand.
    pub fn closes(&mut self, range: (u64, u64)) {
        self.closing = Some(range);
    }

    /// The batch in hand is durable.
    pub fn closed(&mut self) {
        if let Some(range) = self.closing.take() {
            self.answer(Some(range));
        }
    }

    /// It is not: nobody is answered, and who waits sees that.
    pub fn failed(&mut self) {
        self.closing = None;
        self.waiting.clear();
    }

    /// Tells what was closed.
    pub fn answer(&mut self, range: Option<(u64, u64)>) {
        for reply in self.waiting.drain(..) {
            // Who asked may be gone.
            let _ = reply.send(range);
        }
    }
}

/// When the journal is asked what can be closed.
#[derive(Debug)]
pub(super) struct Checkpoints {
    /// Events with a digest that were composed since and stand in no range yet, as far as this
    /// life knows.
    open: u64,
    /// Whatever there is is closed.
    next: Duration,
    /// A whole range is closed.
    next_whole: Duration,
    /// Whether whole ranges only were asked for last.
    whole: bool,
}

impl Checkpoints {
    pub fn new() -> Self {
        Self { open: 0, next: FIRST, next_whole: Duration::ZERO, whole: false }
    }

    /// When it is to be asked next.
    pub fn deadline(&self) -> Duration {
        if self.is_whole() { self.next.min(self.next_whole) } else { self.next }
    }

    fn is_whole(&self) -> bool {
        self.open >= MAX_EVENTS as u64
    }

    /// Counts what a step composed.
    pub fn note(&mut self, batch: &Batch) {
        let kinds = batch.events.iter().map(|event| event.draft.event_type());
        let count = kinds.filter(|kind| is_audited(*kind)).count();
        self.open = self.open.saturating_add(count as u64);
    }

    /// Whether to ask, and whether for a whole range only.
    fn due(&mut self, now: Duration) -> Option<bool> {
        if now >= self.next {
            self.next = now + HEARTBEAT;
            self.whole = false;
        } else if self.is_whole() && now >= self.next_whole {
            self.next_whole = now + AGAIN;
            self.whole = true;
        } else {
            return None;
        }
        Some(self.whole)
    }

    fn closed(&mut self, now: Duration, range: &Closable) {
        self.open = self.open.saturating_sub(range.events);
        if !range.more {
            return;
        }
        if self.whole {
            self.next_whole = now + NEXT;
        } else {
            self.next = now + NEXT;
        }
    }
}

impl Gateway {
    pub(super) fn tick_checkpoints(&mut self, now: Now, effects: &mut Effects) {
        effects.wants_checkpoint = self.checkpoints.due(now.monotonic);
    }

    /// A range is closed by this step's batch.
    pub(super) fn checkpoint(&mut self, now: Now, signed: Signed, effects: &mut Effects) {
        let Signed { closable, statement, text } = signed;
        let draft = self.composer.checkpoint(now, &statement, &text);
        let good = draft.is_ok();
        effects.event(None, draft);
        if good {
            self.checkpoints.closed(now.monotonic, &closable);
            effects.batch.closing = Some(Closing {
                slots: closable.slots,
                events: closable.events,
                root: statement.root,
                signed: text,
            });
        }
    }
}

impl Composer {
    fn checkpoint(
        &mut self,
        now: Now,
        statement: &Statement,
        signed: &str,
    ) -> Result<Draft, Invalid> {
        let id = self.id(now);
        let Statement { journal_id, first, last, events, counts, dropped, refused, .. } = statement;
        self.envelope(id, now.wall).seal(&schema::AuditCheckpoint {
            journal_id: journal_id.to_string(),
            first: number(*first),
            last: number(*last),
            events: number(*events),
            counts: counts.iter().map(|(kind, count)| (kind.clone(), number(*count))).collect(),
            dropped: dropped
                .iter()
                .map(|run| schema::DroppedRange {
                    first: number(run.first),
                    last: number(run.last),
                    reason: run.reason.as_str().into(),
                })
                .collect(),
            refused: refused
                .iter()
                .map(|run| schema::SequenceRange {
                    first: number(run.first),
                    last: number(run.last),
                })
                .collect(),
            previous_root: statement.previous_root.map(|root| root.to_string()),
            root: statement.root.to_string(),
            signed: signed.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(events: u64, more: bool) -> Closable {
        Closable {
            journal_id: uuid::Uuid::nil(),
            first: 1,
            last: 1,
            events,
            counts: std::collections::BTreeMap::new(),
            dropped: Vec::new(),
            refused: Vec::new(),
            previous_root: None,
            merkle: crate::domain::audit::merkle(&[]),
            slots: (1, 1),
            more,
        }
    }

    #[test]
    fn a_range_is_asked_for_hourly_and_when_a_whole_one_came_together() {
        let seconds = Duration::from_secs;
        let mut checkpoints = Checkpoints::new();
        assert_eq!(checkpoints.deadline(), FIRST);
        assert_eq!(checkpoints.due(seconds(59)), None);
        assert_eq!(checkpoints.due(seconds(60)), Some(false));
        assert_eq!(checkpoints.deadline(), seconds(3660));
        checkpoints.open = MAX_EVENTS as u64 - 1;
        assert_eq!(checkpoints.due(seconds(100)), None);
        checkpoints.open += 1;
        assert!(checkpoints.deadline() <= seconds(100));
        assert_eq!(checkpoints.due(seconds(100)), Some(true));
        // The bus does not have it yet: later again, not in a loop.
        assert_eq!(checkpoints.deadline(), seconds(110));
        assert_eq!(checkpoints.due(seconds(110)), Some(true));
        checkpoints.closed(seconds(110), &range(1024, true));
        assert_eq!(checkpoints.deadline(), seconds(3660));
        // Hourly, all that there is, range after range.
        assert_eq!(checkpoints.due(seconds(3660)), Some(false));
        checkpoints.closed(seconds(3660), &range(1024, true));
        assert_eq!(checkpoints.deadline(), seconds(3661));
        assert_eq!(checkpoints.due(seconds(3661)), Some(false));
        checkpoints.closed(seconds(3661), &range(10, false));
        assert_eq!(checkpoints.deadline(), seconds(3661 + 3600));
    }
}
