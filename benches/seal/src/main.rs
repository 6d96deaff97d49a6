//! What the library costs beside the parts that anybody needs: `cargo run --release -p
//! doorward-seal [ROUNDS]`.
//!
//! Writing. `ours`: the typed data is built, sealed in an envelope and stamped with an origin (or
//! finished, for a service's type): the exact outgoing text. Beside it the bare parts, of which
//! each is measured alone: `is_valid`, the `jsonschema` crate on a ready `Value` of the same whole
//! event, with the same composed schema and options; `text`, `serde_json::to_string` of that
//! `Value`; and `to_value`, the way from a struct of the whole event to the `Value`, without which
//! there is nothing to validate. `ratio` is ours / (`is_valid` + `text`), `+value` the same with
//! `to_value` among the parts.
//!
//! Reading. `ours`: `read`, from bytes to typed envelope, origin and data. Beside it
//! `serde_json::from_slice` to a `Value`, `is_valid` in the reader's form, and `from_value` to a
//! struct whose ids and instants stay texts.
//!
//! The library keeps what it can from one event to the next of the same type, so a row shows what it
//! costs when no two events in a row have the same members.
//!
//! `doorward-seal --recorded FILE [MILLISECONDS]` measures recorded events instead, as the bindings'
//! own benchmarks do (`scripts/bench-bindings.sh`).
//!
//! All of it takes turns in one run, so that what else the machine does meets everything alike.
//! Medians over the rounds; the ratio is the median of each round's.

mod cases;
mod clock;
mod recorded;
mod whole;

use std::error::Error;
use std::time::Duration;

use doorward_events::EventData;
use serde_json::Value;

use cases::Case;
use clock::{Turns, median};
use whole::{Whole, validator};

const ROUNDS: usize = 31;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, file, time @ ..] = &arguments[..]
        && flag == "--recorded"
    {
        let time = time.first().map_or(Ok(3000), |text| text.parse())?;
        return recorded::compare(file, Duration::from_millis(time));
    }
    let rounds = match arguments.first() {
        Some(text) => text.parse()?,
        None => ROUNDS,
    };
    println!("{rounds} rounds, medians, nanoseconds per event\n");
    println!("writing");
    println!(
        "{:<26}{:>7}{:>9}{:>10}{:>9}{:>7}{:>9}{:>8}{:>8}",
        "type", "bytes", "ours", "events/s", "is_valid", "text", "to_value", "ratio", "+value"
    );
    writing(&cases::lock_changed(), rounds)?;
    writing(&cases::lock_changed_in_two_shapes(), rounds)?;
    writing(&cases::alarm_raised(), rounds)?;
    writing(&cases::delivery_scheduled(), rounds)?;
    writing(&cases::state_reported(), rounds)?;
    writing(&cases::heartbeat(), rounds)?;
    println!("\nreading");
    println!(
        "{:<26}{:>7}{:>9}{:>10}{:>9}{:>9}{:>11}{:>8}",
        "type", "bytes", "ours", "events/s", "to_value", "is_valid", "from_value", "ratio"
    );
    reading(&cases::lock_changed(), rounds)?;
    reading(&cases::alarm_raised(), rounds)?;
    reading(&cases::delivery_scheduled(), rounds)?;
    reading(&cases::state_reported(), rounds)?;
    reading(&cases::heartbeat(), rounds)?;
    Ok(())
}

fn writing<D: EventData>(case: &Case<D>, rounds: usize) -> Result<(), Box<dyn Error>> {
    let detail = case.write()?;
    let event: Value = serde_json::from_str(&detail)?;
    let whole: Whole<D> = serde_json::from_str(&detail)?;
    if serde_json::to_value(&whole)? != event {
        return Err("the struct of the whole event leaves something out".into());
    }
    let validator = validator(D::TYPE.writer_schema())?;
    if !validator.is_valid(&event) {
        return Err("the event is not valid by itself".into());
    }
    let mut turns = Turns::new();
    for _ in 0..rounds {
        turns.round(&mut [
            &mut || case.write().is_ok(),
            &mut || validator.is_valid(&event),
            &mut || serde_json::to_string(&event).is_ok(),
            &mut || serde_json::to_value(&whole).is_ok(),
        ]);
    }
    let [ours, is_valid, text, to_value] = [0, 1, 2, 3].map(|part| turns.median(part));
    let ratio = turns.ratio(0, &[1, 2]);
    let with_value = turns.ratio(0, &[1, 2, 3]);
    println!(
        "{:<26}{:>7}{ours:>9.0}{:>10.0}{is_valid:>9.0}{text:>7.0}{to_value:>9.0}{ratio:>8.2}{with_value:>8.2}",
        case.name,
        detail.len(),
        1e9 / ours,
    );
    Ok(())
}

fn reading<D: EventData>(case: &Case<D>, rounds: usize) -> Result<(), Box<dyn Error>> {
    let detail = case.write()?;
    let bytes = detail.as_bytes();
    let event: Value = serde_json::from_slice(bytes)?;
    let validator = validator(D::TYPE.reader_schema())?;
    let mut turns = Turns::new();
    for _ in 0..rounds {
        // `from_value` takes its Value; what the copy for it costs is measured and taken off.
        turns.round(&mut [
            &mut || doorward_events::read::<D>(bytes).is_ok(),
            &mut || serde_json::from_slice::<Value>(bytes).is_ok(),
            &mut || validator.is_valid(&event),
            &mut || serde_json::from_value::<Whole<D>>(event.clone()).is_ok(),
            &mut || event.clone().is_object(),
        ]);
    }
    let [ours, to_value, is_valid, from_value, copy] =
        [0, 1, 2, 3, 4].map(|part| turns.median(part));
    let from_value = from_value - copy;
    let ratio = median(turns.rounds().map(|round| match round {
        [ours, to_value, is_valid, from_value, copy] => {
            ours / (to_value + is_valid + from_value - copy)
        }
        _ => f64::NAN,
    }));
    println!(
        "{:<26}{:>7}{ours:>9.0}{:>10.0}{to_value:>9.0}{is_valid:>9.0}{from_value:>11.0}{ratio:>8.2}",
        case.name,
        detail.len(),
        1e9 / ours,
    );
    Ok(())
}
