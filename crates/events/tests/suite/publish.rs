//! Stamping, batching, publishing and the handshake.

use std::time::{Duration, Instant};

use crate::samples::{envelope, origin};
use doorward_events::bus::standalone::Standalone;
use doorward_events::testkit::Memory;
use doorward_events::types::{AlarmKind, AlarmRaised, AlarmSeverity};
use doorward_events::{
    Bus, ClockInterval, ClockTrust, Form, GatewayOrigin, Handshake, MAX_BATCH_BYTES,
    MAX_BATCH_ENTRIES, Outcome, Outgoing, batches, bounded_text, entry_size, read, validate,
};
use jiff::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;

fn instants() -> impl Strategy<Value = Timestamp> {
    let (min, max) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    (min..=max, 0..1_000_000_000_i32)
        .prop_map(|(s, ns)| Timestamp::new(s, ns).unwrap_or(Timestamp::MIN))
}

fn origins() -> impl Strategy<Value = GatewayOrigin> {
    let trust =
        prop_oneof![Just(ClockTrust::Full), Just(ClockTrust::Bounded), Just(ClockTrust::Untrusted)];
    let clock = (instants(), prop::option::of(instants()), trust)
        .prop_map(|(earliest, latest, trust)| ClockInterval { earliest, latest, trust });
    let count = || 0..1_u64 << 53;
    let numbers = (any::<u128>(), count(), count());
    (instants(), numbers, prop::option::of(clock)).prop_map(|(recorded_at, numbers, clock)| {
        let (journal, sequence, type_sequence) = numbers;
        let journal_id = Uuid::from_u128(journal);
        GatewayOrigin { recorded_at, journal_id, sequence, type_sequence, clock }
    })
}

proptest! {
    /// Whatever the texts and the origin: sealed is valid when stamped, and reads back as it was.
    #[test]
    fn whatever_is_sealed_is_valid_when_stamped(origin in origins(), detail in "\\PC{0,200}|.{0,40}") {
        let data = AlarmRaised {
            alarm: AlarmKind::Tamper,
            detail: Some(bounded_text(&detail, 512)),
            severity: AlarmSeverity::Warning,
        };
        let draft = envelope().seal(&data).unwrap();
        let stamped = draft.stamp(&origin);
        prop_assert_eq!(validate(stamped.as_bytes(), Form::Writer), Ok(draft.event_type()));
        prop_assert!(stamped.len() <= draft.len() + 512);
        let received = read::<AlarmRaised>(stamped.as_bytes()).unwrap();
        prop_assert_eq!(received.data, data);
        let read_back = received.origin.unwrap();
        prop_assert_eq!(read_back.sequence, origin.sequence);
        prop_assert_eq!(read_back.journal_id, origin.journal_id);
    }

    /// No bytes make the validator panic.
    #[test]
    fn no_bytes_break_the_validator(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = validate(&bytes, Form::Reader);
    }

    /// Nor does an event in which one byte is another.
    #[test]
    fn no_changed_byte_breaks_the_reader(at in 0..700_usize, byte in any::<u8>()) {
        let data = AlarmRaised { alarm: AlarmKind::Tamper, detail: None, severity: AlarmSeverity::Info };
        let mut bytes = crate::samples::stamped(&data).into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = read::<AlarmRaised>(&bytes);
    }

    /// Batches hold every entry once, in order, within both limits.
    #[test]
    fn batches_keep_order_and_limits(sizes in prop::collection::vec(0..400_000_usize, 0..40)) {
        let entries: Vec<_> = sizes.iter().map(|size| entry(*size)).collect();
        let cut: Vec<&[Outgoing]> = batches(&entries).collect();
        prop_assert_eq!(&cut.concat(), &entries);
        for batch in cut {
            prop_assert!(!batch.is_empty() && batch.len() <= MAX_BATCH_ENTRIES);
            prop_assert!(batch.iter().map(entry_size).sum::<usize>() <= MAX_BATCH_BYTES);
        }
    }
}

fn entry(size: usize) -> Outgoing {
    Outgoing {
        id: Uuid::from_u128(1),
        source: "doorward.gateway/gw-1".into(),
        detail_type: "alarm.raised",
        detail: "x".repeat(size).into(),
        trace_header: None,
    }
}

#[test]
fn an_entry_counts_its_utf8_bytes() {
    let entry = Outgoing { detail: "ü".into(), ..entry(0) };
    assert_eq!(entry_size(&entry), "doorward.gateway/gw-1".len() + "alarm.raised".len() + 2);
}

#[test]
fn an_entry_over_the_limit_stands_alone() {
    let entries = [entry(1), entry(MAX_BATCH_BYTES), entry(1)];
    let sizes: Vec<_> = batches(&entries).map(<[_]>::len).collect();
    assert_eq!(sizes, [1, 1, 1]);
}

#[test]
fn years_before_zero_are_written_as_the_epoch() {
    let handshake =
        Handshake { publisher_version: "1".to_owned(), interval: Duration::from_mins(1) };
    let draft = handshake.draft(envelope()).unwrap();
    let stamped = draft.stamp(&GatewayOrigin { recorded_at: Timestamp::MIN, ..origin() });
    assert!(stamped.contains(r#""recorded_at":"1970-01-01T00:00:00Z""#), "{stamped}");
}

#[test]
fn a_handshake_is_valid_without_an_origin_and_bounded() {
    let handshake = |seconds| Handshake {
        publisher_version: "2026.11".to_owned(),
        interval: Duration::from_secs(seconds),
    };
    let draft = handshake(300).draft(envelope()).unwrap();
    let event_type = validate(draft.finish().as_bytes(), Form::Writer);
    assert_eq!(event_type, Ok(draft.event_type()));
    for seconds in [0, 86_401, u64::MAX] {
        let invalid = handshake(seconds).draft(envelope()).unwrap_err();
        assert_eq!(invalid.errors[0].pointer, "/data/interval_s");
    }
}

#[tokio::test]
async fn the_memory_bus_fails_on_demand() {
    let bus = Memory::new();
    let retry = Outcome::Retry { code: "Busy".to_owned(), message: String::new() };
    bus.script([retry.clone()]);
    bus.set_latency(Duration::from_millis(20));
    let start = Instant::now();
    let outcomes = bus.put(&[entry(1), entry(2)]).await;
    assert!(start.elapsed() >= Duration::from_millis(20));
    assert_eq!(outcomes[0], retry);
    assert!(matches!(outcomes[1], Outcome::Accepted { .. }));
    assert_eq!(bus.accepted(), [entry(2)]);
    bus.set_down(Some(retry.clone()));
    assert_eq!(bus.put(&[entry(3)]).await, [retry]);
    bus.set_down(None);
    assert!(matches!(bus.put(&[entry(3)]).await[..], [Outcome::Accepted { .. }]));
}

#[tokio::test]
async fn the_standalone_bus_accepts_everything() {
    let outcomes = Standalone.put(&[entry(1), entry(2)]).await;
    assert_eq!(outcomes, vec![Outcome::Accepted { bus_id: None }; 2]);
}
