//! Files as `doorward journal export` writes them, made here.

use doorward_events::types::{AccessGranted, EndpointOnline};
use doorward_events::{Envelope, EventData, GatewayOrigin, PublisherId};
use jiff::Timestamp;
use uuid::Uuid;

/// The journal that the made events say they are of.
pub const JOURNAL: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);

/// The `number`th event of that journal, of the gateway `instance`, as it leaves: an access of
/// `subject`, or without one a word of a device.
pub fn detail(number: u64, instance: &str, subject: Option<&str>) -> String {
    let publisher = PublisherId { name: "doorward.gateway".into(), instance: instance.into() };
    let id = uuid::Builder::from_unix_timestamp_millis(number, &[7; 10]).into_uuid();
    let mut envelope = Envelope::new(id, Timestamp::UNIX_EPOCH, publisher, "acme".into());
    let Some(subject) = subject else {
        envelope.endpoint_id = Some("zigbee2mqtt:0x1".into());
        let data = EndpointOnline { vendor: "zigbee2mqtt".to_owned(), unavailable_for_s: None };
        return stamped(number, &envelope, &data);
    };
    envelope.entry_id = Some("front".into());
    let data = AccessGranted {
        action: "unlock".into(),
        channel: "request".into(),
        request_id: None,
        issuer: None,
        grant_id: None,
        subject_ref: Some(subject.to_owned()),
        visit_id: None,
        command_id: None,
    };
    stamped(number, &envelope, &data)
}

fn stamped<T: EventData>(number: u64, envelope: &Envelope, data: &T) -> String {
    let draft = envelope.clone().seal(data).unwrap();
    draft.stamp(&GatewayOrigin {
        recorded_at: Timestamp::UNIX_EPOCH,
        journal_id: JOURNAL,
        sequence: number,
        type_sequence: number,
        clock: None,
    })
}

pub fn header() -> String {
    format!(
        "{{\"journal_id\":\"{JOURNAL}\",\"exported_at\":\"2026-01-02T03:04:05Z\",\
         \"format\":\"doorward-journal/1\"}}\n"
    )
}

/// One line of an event that was not delivered.
pub fn line(number: u64, detail: &str) -> String {
    format!(
        "{{\"slot\":{number},\"vendor\":\"zigbee2mqtt\",\"delivered\":false,\"event\":{detail}}}\n"
    )
}

/// A file of so many events of the gateway `gw`.
pub fn file(numbers: std::ops::RangeInclusive<u64>, subject: Option<&str>) -> String {
    let lines = numbers.map(|number| line(number, &detail(number, "gw", subject)));
    header() + &lines.collect::<String>()
}

/// The events of an export, each as it stands between `"event":` and the end of its line.
pub fn events(text: &str) -> Vec<&str> {
    text.lines()
        .skip(1)
        .map(|line| line.split_once("\"event\":").unwrap().1.strip_suffix('}').unwrap())
        .collect()
}
