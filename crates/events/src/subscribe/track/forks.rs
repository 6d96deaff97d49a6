//! Whether another event stands at the same place of the same journal.

use std::time::Duration;

use uuid::Uuid;

use crate::origin::GatewayOrigin;
use crate::subscribe::store::{Store, StoreError};

/// How long a place is remembered: as long as a queue, its dead letters and a usual replay may
/// bring its events again.
pub const FORK_MEMORY: Duration = Duration::from_hours(30 * 24);

/// The event that took this one's place before, if it is another.
pub(super) async fn other(
    store: &dyn Store,
    key: &str,
    id: Uuid,
) -> Result<Option<Uuid>, StoreError> {
    let there = store.claim_once(key, &id.to_string(), FORK_MEMORY).await?;
    // A value that is no id was not written here: it is another's all the same.
    let there = there.map(|there| Uuid::try_parse(&there).unwrap_or(Uuid::nil()));
    Ok(there.filter(|there| *there != id))
}

/// The place's key; the source, which comes from outside, stands last.
pub(super) fn key(consumer: &str, source: &str, origin: &GatewayOrigin) -> String {
    format!("{consumer}/place/{}/{}/{source}", origin.journal_id, origin.sequence)
}
