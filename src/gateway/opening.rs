//! What the gateway opens at its start: its state folder, the journal in it, and what only this
//! machine knows.

use std::path::Path;

use anyhow::Context;
use jiff::Timestamp;

use crate::config::Configuration;
use crate::journal::{Arrival, Bounds, Bug, Journal, Opening, Restored};

/// The fact that holds the key of [`crate::link::Evidence::keyed_digest`].
pub(super) const EVIDENCE_KEY: &str = "gateway/evidence_key";

/// What tells boards apart, where there is such a file; the second is the installation's own.
const SERIALS: [(&str, &str); 2] =
    [("board", "/sys/firmware/devicetree/base/serial-number"), ("installation", "/etc/machine-id")];

/// Opens the journal of `config`, whatever state it is in, and says in the log what it found.
pub(crate) fn open_journal(
    config: &Configuration,
    now: Timestamp,
    random: &mut fastrand::Rng,
) -> anyhow::Result<(Journal, Restored)> {
    let state_dir = &config.gateway.state_dir;
    super::confine::state_folder(state_dir)?;
    let path = state_dir.join("journal.db");
    let opening =
        Opening { bounds: bounds(config), machine: machine(), bug: Bug::from_environment() };
    let millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
    let mut ids = || {
        let mut bytes = [0; 10];
        random.fill(&mut bytes);
        uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
    };
    let (journal, restored) = Journal::arrive(&path, &opening, &mut ids)
        .with_context(|| format!("the journal {} cannot be opened", path.display()))?;
    match &restored.arrival {
        Arrival::AsItWas => {}
        Arrival::Upgraded { from } => tracing::info!(from, "the journal has its new layout"),
        other => tracing::error!(journal_id = %restored.journal_id, "{}", other.words()),
    }
    Ok((journal, restored))
}

/// The bounds of the journal, as configured.
pub(crate) fn bounds(config: &Configuration) -> Bounds {
    let journal = config.gateway.journal;
    Bounds {
        max_bytes: journal.max_mib << 20,
        min_free_percent: journal.min_free_percent,
        vendor_percent: journal.vendor_percent,
        history_seconds: journal.history_days * 86_400,
        history_bytes: journal.history_mib << 20,
        waiting_seconds: journal.waiting_days * 86_400,
        ..Bounds::default()
    }
}

/// A digest of what tells this machine from others; `None` where nothing does.
pub(crate) fn machine() -> Option<String> {
    SERIALS.iter().find_map(|(kind, path)| {
        let text = std::fs::read_to_string(Path::new(path)).ok()?;
        let serial = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        (!serial.is_empty()).then(|| super::memory::digest_of(&(kind, serial)))
    })
}

/// The key under which evidence is digested: the journal's, or a fresh one.
pub(super) fn evidence_key(facts: &[(String, Vec<u8>)]) -> anyhow::Result<String> {
    if let Some((_, key)) = facts.iter().find(|(name, _)| name == EVIDENCE_KEY) {
        return Ok(String::from_utf8_lossy(key).into_owned());
    }
    let mut key = [0u8; 32];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut key)
        .map_err(|_| anyhow::anyhow!("the system gives no random bytes"))?;
    Ok(key.iter().map(|byte| format!("{byte:02x}")).collect())
}
