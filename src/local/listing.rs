//! A list of events, page by page as the reader takes them: a slow one holds a page, not a list.

use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::api::{EventQuery, MAX_ROWS};
use super::server::{Fault, Served};
use crate::journal::{EventFilter, EventRow};

/// Events in one page.
const PAGE: usize = 100;
/// A follower is told of new events at most this often, in one page for all of them.
const FOLLOW_PAUSE: Duration = Duration::from_millis(20);

/// What makes a list go on when it has come to its end.
pub(super) struct Follower {
    committed: watch::Receiver<u64>,
    _permit: OwnedSemaphorePermit,
}

impl Follower {
    pub fn new(committed: watch::Receiver<u64>, permit: OwnedSemaphorePermit) -> Self {
        Self { committed, _permit: permit }
    }
}

/// A list on its way out.
pub(super) struct Listing {
    served: Served,
    filter: EventFilter,
    /// Events still to list, where nobody follows.
    left: usize,
    follower: Option<Follower>,
    /// A page read already.
    first: Option<Vec<EventRow>>,
    /// Everything committed was listed.
    at_end: bool,
}

impl Listing {
    /// Finds where the list begins, and its first page.
    pub async fn begin(
        served: Served,
        query: EventQuery,
        mut follower: Option<Follower>,
    ) -> Result<Self, Fault> {
        let limit = query.limit.unwrap_or(if query.follow { 10 } else { 100 }).min(MAX_ROWS);
        let known = committed(&mut follower);
        let newest = query.after.is_none();
        let mut filter = EventFilter {
            after: query.after.unwrap_or(0),
            limit,
            event_type: query.event_type,
            subject: query.subject,
            newest,
            before: None,
        };
        if newest && limit > PAGE {
            // Only where they begin is kept of them.
            let all = filter.clone();
            let rows = read_on(&served, all).await?;
            match rows.first().map(|row| row.slot) {
                Some(first) => (filter.after, filter.newest) = (first.saturating_sub(1), false),
                None => filter.limit = 0,
            }
        }
        filter.limit = filter.limit.min(PAGE);
        let mut listing =
            Self { served, filter, left: limit, follower, first: None, at_end: false };
        let first = listing.page(known).await?;
        // From here on forwards, from what was listed or known to be there.
        listing.at_end |= listing.filter.newest;
        listing.filter.newest = false;
        listing.first = Some(first);
        Ok(listing)
    }

    /// The next rows after those listed. `known`: committed before this was asked.
    async fn page(&mut self, known: u64) -> Result<Vec<EventRow>, Fault> {
        let rows = read_on(&self.served, self.filter.clone()).await?;
        if let Some(last) = rows.last() {
            self.filter.after = last.slot;
        }
        self.left = self.left.saturating_sub(rows.len());
        self.at_end = rows.len() < self.filter.limit || self.filter.newest;
        if self.at_end {
            // What does not match is not looked at again.
            self.filter.after = self.filter.after.max(known);
        }
        Ok(rows)
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        if let Some(first) = self.first.take()
            && !first.is_empty()
        {
            return Ok(Some(lines(&first)));
        }
        loop {
            if let Some(follower) = &mut self.follower {
                self.filter.limit = PAGE;
                if self.at_end {
                    if follower.committed.changed().await.is_err() {
                        return Ok(None);
                    }
                    tokio::time::sleep(FOLLOW_PAUSE).await;
                }
            } else {
                self.filter.limit = PAGE.min(self.left);
                if self.at_end || self.left == 0 {
                    return Ok(None);
                }
            }
            let known = committed(&mut self.follower);
            let rows = self.page(known).await?;
            if !rows.is_empty() {
                return Ok(Some(lines(&rows)));
            }
        }
    }

    /// The list as chunks of lines. One that cannot be gone on with breaks off.
    pub fn pages(self) -> impl Stream<Item = std::io::Result<Bytes>> + Send + 'static {
        futures_util::stream::unfold(Some(self), |listing| async move {
            let mut listing = listing?;
            match listing.next().await {
                Ok(None) => None,
                Ok(Some(page)) => Some((Ok(page), Some(listing))),
                Err(Fault(_, words)) => {
                    tracing::warn!(words, "a list of events broke off");
                    Some((Err(std::io::Error::other(words)), None))
                }
            }
        })
    }
}

/// Reads until there are rows enough or no more: commits come between the readings.
async fn read_on(served: &Served, mut filter: EventFilter) -> Result<Vec<EventRow>, Fault> {
    let mut found: Vec<EventRow> = Vec::new();
    loop {
        let part = filter.clone();
        let page = served.read(move |journal| journal.list_events(&part)).await?;
        filter.limit = filter.limit.saturating_sub(page.rows.len());
        if filter.newest {
            found.splice(0..0, page.rows);
            filter.before = page.go_on;
        } else {
            found.extend(page.rows);
            filter.after = page.go_on.unwrap_or(filter.after);
        }
        if page.go_on.is_none() || filter.limit == 0 {
            return Ok(found);
        }
    }
}

/// What is committed as of now; from here on a follower is woken by what is more.
fn committed(follower: &mut Option<Follower>) -> u64 {
    follower.as_mut().map_or(0, |follower| *follower.committed.borrow_and_update())
}

/// One [`super::EventLine`] a row, the event byte for byte as it leaves.
fn lines(rows: &[EventRow]) -> Bytes {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(rows.iter().map(|row| row.detail.len() + 64).sum());
    for row in rows {
        let EventRow { slot, delivered, detail } = row;
        let _ =
            writeln!(text, "{{\"sequence\":{slot},\"delivered\":{delivered},\"event\":{detail}}}");
    }
    text.into()
}
