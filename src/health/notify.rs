//! What the service manager is told (`sd_notify(3)`): that the gateway is ready, how it is doing in
//! one line, that it turns. Where there is no such manager, nothing is said.

use std::fmt::Write as _;
use std::time::Duration;

use sd_notify::NotifyState;

use super::Status;

/// Longest line about how it is doing, in bytes.
const LONGEST: usize = 400;
/// How long a journal that is mended may take while the manager watches, in microseconds.
const OPENING: u32 = 3_600_000_000;

/// How long the manager waits for [`Note::Turns`] before it starts the gateway again. `None`: it
/// does not.
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

/// Something to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The journal is open, and each vendor's process was started or its start has failed. Also
    /// after [`Note::Reloading`].
    Ready,
    /// The configuration is being read again.
    Reloading,
    Stopping,
    /// The journal broke and is opened anew in this process, which may take long: the manager waits
    /// until [`Note::Ready`], for an hour at most.
    Opens,
    /// One line for people.
    Doing(String),
    /// Every loop has turned.
    Turns,
}

/// Says it, beside the runtime: the manager may be slow to take it. What it does not take is in the
/// log.
pub async fn tell(notes: Vec<Note>) {
    let told = tokio::task::spawn_blocking(move || send(&notes)).await;
    if let Ok(Err(error)) = told {
        tracing::warn!(%error, "the service manager is not told");
    }
}

fn send(notes: &[Note]) -> std::io::Result<()> {
    let mut states = Vec::with_capacity(2 * notes.len());
    for note in notes {
        match note {
            Note::Ready => {
                states.push(NotifyState::Ready);
                let span = watchdog().and_then(|span| u32::try_from(span.as_micros()).ok());
                states.extend(span.map(NotifyState::WatchdogUsec));
            }
            Note::Opens => states.push(NotifyState::WatchdogUsec(OPENING)),
            Note::Reloading => {
                states.push(NotifyState::Reloading);
                states.push(NotifyState::monotonic_usec_now()?);
            }
            Note::Stopping => states.push(NotifyState::Stopping),
            Note::Doing(line) => states.push(NotifyState::Status(line)),
            Note::Turns => states.push(NotifyState::Watchdog),
        }
    }
    sd_notify::notify(&states)
}

/// Whether each vendor's process was started, or could not be.
pub fn is_ready(status: &Status) -> bool {
    status.vendors.iter().all(|vendor| vendor.state != "starting")
}

/// How the gateway is doing, in one line. `waiting`: events for the bus, where the journal says.
pub fn line(status: &Status, waiting: Option<u64>) -> String {
    let mut line = match waiting {
        Some(waiting) => format!("{waiting} events wait"),
        None => "the journal has not said what waits".to_owned(),
    };
    let count = |state: &str| status.vendors.iter().filter(|one| one.state == state).count();
    let _ = write!(line, "; vendors: {} of {} up", count("running"), status.vendors.len());
    let isolated = count("isolated");
    if isolated > 0 {
        let _ = write!(line, ", {isolated} isolated");
    }
    if let Some(trouble) = &status.storage_failure {
        let _ = write!(line, "; storage_failure: {trouble}");
    }
    if let Some(trouble) = &status.uplink.trouble {
        let _ = write!(line, "; bus: {trouble}");
    }
    // One line, whatever somebody's error says.
    line = line.replace(char::is_control, " ");
    line.truncate(line.floor_char_boundary(LONGEST));
    line
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;
    use crate::health::VendorStatus;

    fn status(states: &[&str]) -> Status {
        let vendors = states
            .iter()
            .map(|state| VendorStatus { vendor: "any".to_owned(), state: (*state).to_owned() });
        Status { vendors: vendors.collect(), ..Status::default() }
    }

    #[test]
    fn it_is_ready_when_each_vendor_was_tried_whatever_came_of_it() {
        assert!(is_ready(&status(&[])));
        assert!(is_ready(&status(&["running", "backoff", "isolated", "disabled"])));
        assert!(!is_ready(&status(&["running", "starting"])));
    }

    #[test]
    fn the_line_has_what_waits_and_who_is_up() {
        let both = status(&["running", "isolated", "backoff"]);
        assert_eq!(line(&both, Some(3)), "3 events wait; vendors: 1 of 3 up, 1 isolated");
    }

    #[test]
    fn the_line_stays_one_and_short_whatever_the_trouble_says() {
        let mut troubled = status(&["running"]);
        troubled.storage_failure = Some("full".to_owned());
        troubled.uplink.trouble = Some(format!("no\nWATCHDOG=1\n{}", "ü".repeat(400)));
        let line = line(&troubled, None);
        assert!(line.contains("storage_failure: full; bus: no WATCHDOG=1"), "{line}");
        assert!(line.len() <= LONGEST && !line.contains('\n'), "{}", line.len());
    }
}
