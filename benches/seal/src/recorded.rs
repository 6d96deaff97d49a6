//! Validation beside the bare `jsonschema` crate: the recorded events, from bytes to a verdict in the
//! reader's form. The same question that `bindings/*/test` ask in their languages, so that their
//! answers stand in one table.

use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

use doorward_events::{EventType, Form, validate};
use jsonschema::Validator;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use crate::whole::validator;

/// Rounds between two looks at the clock.
const BATCH: u32 = 20;

/// Prints one JSON object with events a second of processor time, the best of all batches.
pub fn compare(file: &str, time: Duration) -> Result<(), Box<dyn Error>> {
    let mut events = Vec::new();
    for line in std::fs::read_to_string(file)?.lines() {
        let delivered: Value = serde_json::from_str(line)?;
        let detail = delivered.get("detail").ok_or("a line without a detail")?;
        events.push(detail.to_string().into_bytes());
    }
    let mut validators: Vec<(&str, Validator)> = Vec::new();
    for known in EventType::ALL {
        validators.push((known.as_str(), validator(known.reader_schema())?));
    }
    let bindings = rate(time, &events, |event| validate(event, Form::Reader).is_ok())?;
    let bare = rate(time, &events, |event| {
        let Ok(value) = serde_json::from_slice::<Value>(event) else { return false };
        let name = value.get("type").and_then(Value::as_str);
        let known = validators.iter().find(|(known, _)| Some(*known) == name);
        known.is_some_and(|(_, validator)| validator.is_valid(&value))
    })?;
    println!("{}", json!({ "events": events.len(), "bindings": bindings, "jsonschema": bare }));
    Ok(())
}

fn rate(
    time: Duration,
    events: &[Vec<u8>],
    is_valid: impl Fn(&[u8]) -> bool,
) -> Result<u64, Box<dyn Error>> {
    let (mut best, mut spent) = (0.0_f64, Duration::ZERO);
    let count = f64::from(BATCH) * f64::from(u32::try_from(events.len())?);
    while spent < time {
        let begun = processor_time()?;
        for _ in 0..BATCH {
            if !events.iter().all(|event| black_box(is_valid(event))) {
                return Err("an event is refused".into());
            }
        }
        let took = processor_time()?.saturating_sub(begun);
        best = best.max(count / took.as_secs_f64());
        spent += took;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "events a second")]
    Ok(best as u64)
}

fn processor_time() -> Result<Duration, Box<dyn Error>> {
    Ok(Duration::try_from(clock_gettime(ClockId::ProcessCPUTime))?)
}
