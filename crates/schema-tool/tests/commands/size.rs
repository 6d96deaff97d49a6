//! The worst case that `explain` tells, beside events that are drawn from the schemas.

use doorward_events::EventType;
use doorward_events::testkit::generate::valid;

use crate::stand::{here, tool};

const SEEDS: u64 = 100;

/// Its length as the most wasteful usual writer writes it: what is not ASCII is escaped.
fn escaped(text: &str) -> u64 {
    let width = |c: char| if c.is_ascii() { 1 } else { 6 * c.len_utf16() as u64 };
    text.chars().map(width).sum()
}

#[test]
fn no_event_is_larger_than_the_worst_case_of_its_type() {
    let mut nearest = 0;
    for event_type in EventType::ALL {
        let about = tool(&here(), &["explain", event_type.as_str(), "--json"]).json();
        let worst = about["worst_case"]["bytes"].as_u64().unwrap();
        for seed in 0..SEEDS {
            let event = valid(event_type, seed).to_string();
            let bytes = escaped(&event);
            assert!(bytes <= worst, "{event_type}: {bytes} of {worst}: {event}");
            nearest = nearest.max(bytes * 100 / worst);
        }
    }
    assert!(nearest > 30, "a worst case that nothing comes near says nothing: {nearest} %");
}
