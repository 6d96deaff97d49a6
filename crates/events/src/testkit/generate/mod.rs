//! Events drawn from the schemas: valid ones of every shape, and for each rule of a schema one
//! that breaks it. The same seed gives the same events with the same build.

mod breach;
mod node;
mod pattern;

use fastrand::Rng;
use serde_json::{Map, Value, json};
use uuid::Builder;

use crate::origin::MAX_STAMP_BYTES;
use crate::publishers::RegisteredPublisher;
use crate::types::{Direction, EventData, EventType};
use crate::validate::MAX_EVENT_BYTES;
use node::{Source, Style, is_required};

pub use breach::{Breach, RefusedBy, Wrong};

/// A whole valid event of this type, of a publisher that may publish it; with an origin if that
/// is a gateway.
///
/// Optional members are there by chance, texts and lists reach their bounds now and then, and texts
/// hold any Unicode that their pattern allows. Ids differ between seeds. Valid is not plausible:
/// members that belong together by sense are drawn apart.
///
/// # Panics
///
/// If a schema uses a pattern that the generator does not know.
pub fn valid(event_type: EventType, seed: u64) -> Value {
    let schema = parsed_schema(event_type.writer_schema());
    let mut rng = rng(event_type, seed);
    let event = draw(event_type, &schema, rng.fork(), Style::Any);
    if event.to_string().len() <= MAX_EVENT_BYTES - MAX_STAMP_BYTES {
        return event;
    }
    draw(event_type, &schema, rng, Style::Short)
}

/// The data of a valid event, as its Rust type.
///
/// # Panics
///
/// If the Rust type does not hold what its schema accepts.
#[expect(clippy::panic, reason = "schema and type disagree: no test may go on")]
pub fn typed<D: EventData>(seed: u64) -> D {
    let mut event = valid(D::TYPE, seed);
    let data = event.get_mut("data").map(Value::take).unwrap_or_default();
    D::deserialize(data).unwrap_or_else(|e| panic!("{} does not hold its data: {e}", D::TYPE))
}

/// Events that each break one rule of the type's schema, of every rule at every node: the first
/// item of lists, every member, every bound.
///
/// All are made from one valid event with all its members, another one for each seed.
///
/// # Panics
///
/// As [`valid`].
pub fn invalid(event_type: EventType, seed: u64) -> impl Iterator<Item = Wrong> {
    let writer = parsed_schema(event_type.writer_schema());
    let reader = parsed_schema(event_type.reader_schema());
    let mut rng = rng(event_type, seed);
    let event = draw(event_type, &writer, rng.fork(), Style::Full);
    breach::of(event_type, event, &writer, &reader, rng)
}

fn parsed_schema(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// Types do not share their randomness: the same seed gives other ids.
fn rng(event_type: EventType, seed: u64) -> Rng {
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    Rng::with_seed(event_type.as_str().bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, fold))
}

fn draw(event_type: EventType, schema: &Value, rng: Rng, style: Style) -> Value {
    let mut source = Source::new(schema, rng, style);
    let full = style == Style::Full;
    let publishers = RegisteredPublisher::all().iter();
    let allowed = |publisher: &&RegisteredPublisher| {
        // The origin is a member too.
        let stamps = publisher.is_gateway || event_type.direction() != Direction::Platform;
        publisher.may_publish(event_type) && (stamps || !full)
    };
    let publisher = source.rng.choice(publishers.filter(allowed).collect::<Vec<_>>());
    let time = source.instant();
    let mut event = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, of) in properties.into_iter().flatten() {
        let value = match name.as_str() {
            "id" => {
                let millisecond = u64::try_from(time.as_millisecond()).unwrap_or_default();
                let random = std::array::from_fn(|_| source.rng.u8(..));
                let id = Builder::from_unix_timestamp_millis(millisecond, &random);
                json!(id.into_uuid())
            }
            "time" => json!(time),
            "publisher" => {
                let instance = of_member(&mut source, schema, of, "instance");
                json!({ "name": publisher.map(|publisher| publisher.name), "instance": instance })
            }
            "gateway" if !publisher.is_some_and(|publisher| publisher.is_gateway) => continue,
            "gateway" => source.value(of),
            _ if full || is_required(schema, name) || source.rng.bool() => source.value(of),
            _ => continue,
        };
        event.insert(name.clone(), value);
    }
    Value::Object(event)
}

fn of_member<'a>(source: &mut Source<'a>, root: &'a Value, object: &'a Value, name: &str) -> Value {
    let object = node::resolved(root, object);
    let member = object.get("properties").and_then(|properties| properties.get(name));
    member.map(|member| source.value(member)).unwrap_or_default()
}
