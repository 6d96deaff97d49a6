//! Measures the cost of an event: `cargo run --release --example hot_path`.

use std::hint::black_box;
use std::time::Instant;

use doorward_events::types::{EntryLockChanged, FactQuality, LockState};
use doorward_events::{Envelope, EventType, Form, GatewayOrigin, Invalid, PublisherId, validate};
use jiff::Timestamp;
use uuid::Uuid;

const ROUNDS: u32 = 200_000;

fn main() -> Result<(), Invalid> {
    let data = EntryLockChanged {
        lock: LockState::Unlocked,
        previous: LockState::Locked,
        quality: FactQuality::Observed,
    };
    let publisher = PublisherId { name: "doorward.gateway".into(), instance: "gw-1".into() };
    let envelope = Envelope {
        site_id: Some("hq".into()),
        entry_id: Some("front-door".into()),
        endpoint_id: Some("zigbee2mqtt:0x00124b0024c9d2a1".into()),
        correlation_id: Some(Uuid::now_v7()),
        ..Envelope::new(Uuid::now_v7(), Timestamp::now(), publisher, "acme".into())
    };
    let origin = GatewayOrigin {
        recorded_at: Timestamp::now(),
        journal_id: Uuid::now_v7(),
        sequence: 1,
        type_sequence: 1,
        clock: None,
    };
    // The first event compiles the validator.
    let draft = envelope.clone().seal(&data)?;
    let detail = draft.stamp(&origin);
    println!("{} bytes: {detail}", detail.len());

    measure("seal", || envelope.clone().seal(&data).is_ok());
    measure("stamp", || draft.stamp(&origin).len());
    measure("validate whole, writer", || validate(detail.as_bytes(), Form::Writer).is_ok());

    let (before, start) = (resident_kib(), Instant::now());
    for event_type in EventType::ALL {
        let event = format!("{{\"type\":\"{event_type}\"}}");
        black_box(validate(event.as_bytes(), Form::Reader).is_err());
    }
    let (types, took) = (EventType::COUNT, start.elapsed());
    let grown = resident_kib().saturating_sub(before);
    println!("{types} validators, reader: {took:.0?} to compile, {grown} KiB resident");
    Ok(())
}

/// This process's resident memory; 0 where there is no `/proc`.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}

fn measure<T>(what: &str, mut act: impl FnMut() -> T) {
    let start = Instant::now();
    for _ in 0..ROUNDS {
        black_box(act());
    }
    println!("{what}: {:.2} µs", start.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS));
}
