//! After a stop that was not in order, every row is looked at, slowly and beside the work.

use std::time::Duration;

use tokio::sync::mpsc;

use crate::bus::Report;
use crate::journal::{WriterHandle, is_damage};

/// Rows looked at between two commits.
const ROWS: u64 = 256;
/// The pause after them: at most a few percent of the journal's thread.
const PAUSE: Duration = Duration::from_millis(100);

/// Looks at all rows once. Damaged ones are taken out; those that waited become a gap. Where rows
/// cannot even be reached, the journal must be opened anew.
pub(super) async fn run(journal: WriterHandle, reports: mpsc::UnboundedSender<Report>) {
    let (mut after, mut looked, mut damaged) = (0, 0, 0);
    loop {
        let step = journal
            .act(move |journal| {
                let found = journal.verify_rows(after, ROWS)?;
                if !found.damaged.is_empty() {
                    journal.remove_damaged(&found.damaged)?;
                }
                Ok::<_, crate::journal::StorageError>(found)
            })
            .await;
        let found = match step {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                tracing::error!(%error, "the journal's rows could not be looked at");
                if is_damage(&error) {
                    // Else the gateway stops.
                    let _ = reports.send(Report::Broken(error.to_string()));
                }
                return;
            }
            // The gateway stops.
            Err(_) => return,
        };
        looked += found.looked;
        damaged += found.damaged.len();
        if !found.damaged.is_empty() {
            tracing::error!(slots = ?found.damaged, "rows of the journal were damaged; they are taken out");
        }
        match found.through {
            Some(through) => after = through,
            None => break,
        }
        tokio::time::sleep(PAUSE).await;
    }
    tracing::info!(looked, damaged, "the journal's rows were looked at after an unclean stop");
}
