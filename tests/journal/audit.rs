//! The digests beside what they must be: one for each audited event that ever was and none
//! besides, and ranges that verify, whatever happened to the file.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use doorward::domain::audit::{Closable, Found, Neighbour, Statement, events_are_right, examine};
use doorward::journal::{AuditPage, AuditPlace, Batch, Closing, Journal, NewEvent, is_audited};
use doorward_events::statement::{
    KeyId, LocalSigner, Signer as _, open_checkpoint, sign_checkpoint,
};
use doorward_events::types::AuditCheckpoint;
use doorward_events::{Envelope, PublisherId};
use jiff::Timestamp;

use crate::oracle::{Fate, Oracle, Violation, demand};
use crate::run::Run;

fn signer() -> LocalSigner {
    LocalSigner::from_seed(KeyId::new("audit-test").unwrap(), &[7; 32]).unwrap()
}

/// A future that waits for nothing.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

/// Adds to `batch` what closes the range.
fn close(batch: &mut Batch, closable: &Closable) {
    let statement = Statement::of(closable, "acme", "test");
    let signed = ready(sign_checkpoint(&signer(), &statement.to_text().unwrap())).unwrap();
    let publisher = PublisherId::new("doorward.gateway", "test");
    let id = uuid::Builder::from_unix_timestamp_millis(closable.last, &[9; 10]).into_uuid();
    let envelope = Envelope::new(id, Timestamp::UNIX_EPOCH, publisher, "acme".into());
    let data = AuditCheckpoint {
        journal_id: statement.journal_id.to_string(),
        first: 1,
        last: 1,
        events: 0,
        counts: BTreeMap::new(),
        dropped: Vec::new(),
        refused: Vec::new(),
        previous_root: None,
        root: statement.root.to_string(),
        signed: signed.clone(),
    };
    batch.events.push(NewEvent { draft: envelope.seal(&data).unwrap(), vendor: None });
    batch.closing = Some(Closing {
        slots: closable.slots,
        events: closable.events,
        root: statement.root,
        signed,
    });
}

fn pages(journal: &Journal) -> Result<Vec<AuditPage>, Violation> {
    let (mut pages, mut place) = (Vec::new(), AuditPlace::default());
    loop {
        let page = journal.audit_page(place).map_err(|error| Violation(error.to_string()))?;
        demand!(page.kept, "no digests are kept");
        let go_on = page.go_on;
        pages.push(page);
        match go_on {
            Some(next) => place = next,
            None => return Ok(pages),
        }
    }
}

/// Sees whether digests and ranges are what they must be; `listed`: slots whose events can be read.
pub fn check(journal: &Journal, oracle: &Oracle, listed: &BTreeSet<u64>) -> Result<(), Violation> {
    let pages = pages(journal)?;
    let (mut there, mut compared) = (0, 0);
    let mut add = |found: &Found| {
        there += found.events;
        compared += found.compared;
    };
    let mut before: Option<Statement> = None;
    let mut oldest: Option<u64> = None;
    for range in pages.iter().flat_map(|page| &page.ranges) {
        let key = |_: &KeyId| Some(signer().public_key());
        let value = open_checkpoint(&range.signed, key).map_err(|e| Violation(e.to_string()))?;
        let statement: Statement = serde_json::from_value(value).unwrap();
        let neighbour = before.as_ref().map_or(Neighbour::Unknown, Neighbour::Range);
        examine(neighbour, &statement, &range.found)
            .map_err(|broken| Violation(format!("the range to {}: {broken}", statement.last)))?;
        demand!(statement.journal_id == oracle.journal_id, "a range of another journal");
        add(&range.found);
        oldest.get_or_insert(range.slots.0);
        before = Some(statement);
    }
    for open in pages.iter().filter_map(|page| page.open.as_ref()) {
        events_are_right(open).map_err(|broken| Violation(format!("not closed yet: {broken}")))?;
        add(open);
    }
    let from = oldest.unwrap_or(0).max(oracle.audited_after + 1);
    let wanted: Vec<u64> = oracle
        .events
        .iter()
        .filter(|event| event.slot >= from && !event.carried && is_audited(event.kind))
        .map(|event| event.slot)
        .collect();
    demand!(there == wanted.len() as u64, "{there} digests instead of {}", wanted.len());
    let readable = wanted.iter().filter(|slot| listed.contains(slot)).count() as u64;
    demand!(compared == readable, "{compared} of {readable} events were compared");
    Ok(())
}

/// Closes the next range, if one can be.
pub fn close_range(run: &mut Run) -> Result<(), Violation> {
    let closable = run.open_journal()?.closable(false);
    let Some(closable) = closable.map_err(|error| Violation(error.to_string()))? else {
        return Ok(());
    };
    let fates = run.oracle.fates.get(..usize::try_from(closable.slots.1).unwrap());
    let waits = fates.is_none_or(|fates| fates.contains(&Fate::Waiting));
    demand!(!waits, "{closable:?} can be closed, and an event in it waits");
    let mut batch = run.batch(None);
    close(&mut batch, &closable);
    if run.commit(&batch)? {
        run.figures.closed += 1;
    }
    Ok(())
}
