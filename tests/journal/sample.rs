//! Events, digests and rows of quarantine, of every class and of several vendors.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use doorward::domain::ids::VendorId;
use doorward::journal::{Class, NewEvent, QuarantineRecord};
use doorward::link::Digest;
use doorward_events::types::{
    AccessDenied, AccessGranted, AlarmRaised, CredentialRemoved, EndpointBatteryChanged,
    EndpointOnline, EntryPositionChanged, EventQuarantined, GatewayEventsDropped, SequenceRange,
};
use doorward_events::{Draft, Envelope, EventData, PublisherId};
use jiff::Timestamp;
use uuid::Uuid;

/// Which event, out of those that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pick {
    /// Below [`SORTS`].
    pub sort: u8,
    /// Below [`VENDORS`]; the first is the gateway itself.
    pub vendor: u8,
    /// Below [`VARIANTS`]: entry, subject and text.
    pub variant: u8,
}

pub const SORTS: u8 = 9;
pub const VENDORS: u8 = 3;
pub const VARIANTS: u8 = 6;
/// Persons that events and rows of quarantine may name.
pub const SUBJECTS: u8 = 3;

const SORTS_OF: [(Class, &[u8]); 4] = [
    (Class::Refusal, &[0, 1]),
    (Class::Telemetry, &[2, 3]),
    (Class::State, &[4]),
    (Class::Access, &[5, 6, 7, 8]),
];

impl Pick {
    /// Some event of a class; `number` says which.
    pub fn of(class: Class, vendor: u8, number: usize) -> Self {
        let (_, sorts) = SORTS_OF.iter().find(|(of, _)| *of == class).unwrap();
        let variant = u8::try_from(number % usize::from(VARIANTS)).unwrap();
        Self { sort: sorts[number % sorts.len()], vendor: vendor % VENDORS, variant }
    }
}

/// The name of a person that events name, too odd to stand anywhere by chance.
pub fn subject(number: u8) -> String {
    let mut rng = fastrand::Rng::with_seed(u64::from(number) + 77);
    format!("s-{number}-{:016x}", rng.u64(..))
}

/// Text that does not compress.
fn noise(seed: u64, length: usize) -> String {
    let mut rng = fastrand::Rng::with_seed(seed);
    (0..length).map(|_| rng.alphanumeric()).collect()
}

fn sealed<T: EventData>(pick: Pick, data: &T) -> Draft {
    let publisher = PublisherId::new("doorward.gateway", "test");
    let number = u64::from(pick.sort) * 10 + u64::from(pick.variant);
    let id = uuid::Builder::from_unix_timestamp_millis(number, &[pick.vendor; 10]).into_uuid();
    let mut envelope = Envelope::new(id, Timestamp::UNIX_EPOCH, publisher, "acme".into());
    envelope.entry_id =
        [Some("front"), Some("back"), None][usize::from(pick.variant) % 3].map(Into::into);
    envelope.endpoint_id = Some(format!("acme:0x{:x}", pick.variant).into());
    envelope.seal(data).unwrap()
}

fn draft(pick: Pick) -> Draft {
    let seed = u64::from(pick.sort) << 16 | u64::from(pick.variant);
    let text = |length: usize| noise(seed, length);
    let person = Some(subject(pick.variant % SUBJECTS));
    match pick.sort {
        0 => sealed(
            pick,
            &EventQuarantined {
                quarantine_id: 1,
                vendor: None,
                source: text(40 + 60 * usize::from(pick.variant)),
                reason: "malformed_json".into(),
                detail: None,
                bytes: 1,
                count: 1,
            },
        ),
        1 => sealed(
            pick,
            &AccessDenied {
                action: None,
                challenge: None,
                channel: "request".into(),
                grant_id: None,
                issuer: None,
                reason: "clock_untrusted".into(),
                request_id: None,
                subject_ref: person,
            },
        ),
        2 => sealed(
            pick,
            &EndpointOnline {
                vendor: "acme".to_owned(),
                unavailable_for_s: Some(pick.variant.into()),
            },
        ),
        3 => sealed(
            pick,
            &EndpointBatteryChanged { vendor: "acme".to_owned(), percent: Some(50.5), low: None },
        ),
        4 => sealed(
            pick,
            &EntryPositionChanged {
                previous: "closed".into(),
                position: "open".into(),
                quality: "observed".into(),
            },
        ),
        5 => sealed(
            pick,
            &CredentialRemoved {
                credential: "pin".into(),
                operation_source: "keypad".into(),
                user_slot: Some(pick.variant.into()),
            },
        ),
        6 => sealed(
            pick,
            &AlarmRaised {
                alarm: "forced_open".into(),
                severity: "critical".into(),
                detail: Some(text(80 * usize::from(pick.variant))),
            },
        ),
        7 => sealed(
            pick,
            &AccessGranted {
                action: "open".into(),
                channel: "request".into(),
                request_id: None,
                issuer: None,
                grant_id: None,
                subject_ref: person,
                visit_id: None,
                command_id: None,
            },
        ),
        _ => {
            // The longest events there are: a row of several pages.
            let mut rng = fastrand::Rng::with_seed(seed);
            let ranges = 20 * usize::from(pick.variant);
            let ranges = (0..ranges)
                .map(|_| SequenceRange { first: rng.i64(0..1 << 40), last: rng.i64(0..1 << 40) });
            sealed(
                pick,
                &GatewayEventsDropped {
                    journal_id: None,
                    ranges: ranges.collect(),
                    count: 1,
                    reason: "quota".into(),
                },
            )
        }
    }
}

/// A new event. It is sealed once for each [`Pick`].
pub fn event(pick: Pick) -> NewEvent {
    static SEALED: LazyLock<Mutex<HashMap<Pick, Draft>>> = LazyLock::new(Mutex::default);
    let draft = SEALED.lock().unwrap().entry(pick).or_insert_with(|| draft(pick)).clone();
    let vendor = [None, Some("acme"), Some("bolt")][usize::from(pick.vendor) % 3];
    NewEvent { draft, vendor: vendor.map(VendorId::new) }
}

/// The digest with this running number.
pub fn digest(number: u64) -> Digest {
    Digest((u128::from(number) << 64 | u128::from(number)).to_be_bytes())
}

/// A row of quarantine; some name a person.
pub fn quarantined(id: u64, reason: &str, raw: Option<String>) -> QuarantineRecord {
    let named = id.is_multiple_of(3);
    let person = subject(u8::try_from(id % u64::from(SUBJECTS)).unwrap());
    QuarantineRecord {
        id,
        at: Timestamp::UNIX_EPOCH,
        vendor: Some(VendorId::new(if id.is_multiple_of(4) { "acme" } else { "bolt" })),
        source: format!("zigbee2mqtt/{id}"),
        reason: reason.to_owned(),
        detail: String::new(),
        bytes: 1,
        raw: raw.or_else(|| named.then(|| format!("{{\"subject_ref\":\"{person}\""))),
        keyed_digest: Some(digest(id)),
    }
}

/// The id with this running number, of a journal.
pub fn journal_id(number: u64) -> Uuid {
    Uuid::from_u128(0x0191_c7a0_0000_7000_8000_0000_0000_0000 + u128::from(number))
}
