//! What a publisher refuses to start with.

use std::sync::Arc;
use std::time::Duration;

use doorward_events::publish::{LARGEST_ENTRY_BYTES, Publisher, Settings, StartError};
use doorward_events::testkit::Memory;
use doorward_events::{MAX_BATCH_BYTES, PublisherId, RegisteredPublisher};

use crate::samples::id;

fn begin(
    id: PublisherId,
    tenant: &str,
    version: &str,
    settings: Settings,
) -> Result<Publisher, StartError> {
    Publisher::start(
        Arc::new(Memory::new()),
        id,
        tenant.to_owned(),
        version,
        settings,
        Arc::new(()),
    )
}

#[tokio::test(start_paused = true)]
async fn names_that_cannot_publish_are_refused_with_how_to_mend_them() {
    let table = [
        (PublisherId::new("acme.parcels", "blue-1"), "acme", "1", "schemas/publishers.json"),
        (PublisherId::new("", "blue-1"), "acme", "1", "schemas/publishers.json"),
        (PublisherId::new("doorward.gateway", "gw-1"), "acme", "1", "gateway"),
        (PublisherId::new("acme.delivery", ""), "acme", "1", "instance"),
        (PublisherId::new("acme.delivery", "blue 1"), "acme", "1", "instance"),
        (PublisherId::new("acme.delivery", "-blue"), "acme", "1", "instance"),
        (PublisherId::new("acme.delivery", "b".repeat(65)), "acme", "1", "instance"),
        (id(), "", "1", "tenant"),
        (id(), "a b", "1", "tenant"),
        (id(), "acme", "1\n", "version"),
    ];
    for (id, tenant, version, mends) in table {
        let error = begin(id.clone(), tenant, version, Settings::default()).unwrap_err();
        assert!(error.to_string().contains(mends), "{id:?} {tenant:?}: {error}");
    }
    let long = begin(id(), "acme", &"1".repeat(129), Settings::default()).unwrap_err();
    assert_eq!(long, StartError::Version);
}

#[tokio::test(start_paused = true)]
async fn every_registered_service_may_start() {
    let services = RegisteredPublisher::all().iter().filter(|publisher| !publisher.is_gateway);
    for service in services {
        let publisher =
            begin(PublisherId::new(service.name, "i-1"), "acme", "1", Settings::default()).unwrap();
        assert_eq!(publisher.ready().await, Ok(()), "{}", service.name);
        assert_eq!(publisher.id().source(), format!("{}/i-1", service.name));
        assert!(format!("{publisher:?}").contains(service.name));
    }
}

#[tokio::test(start_paused = true)]
async fn settings_that_cannot_work_are_named() {
    let base = Settings::default;
    let second = Duration::from_secs(1);
    let day = Duration::from_secs(86_400);
    let table = [
        ("batch_entries", Settings { batch_entries: 0, ..base() }),
        ("batch_entries", Settings { batch_entries: 11, ..base() }),
        ("batch_bytes", Settings { batch_bytes: LARGEST_ENTRY_BYTES - 1, ..base() }),
        ("batch_bytes", Settings { batch_bytes: MAX_BATCH_BYTES + 1, ..base() }),
        ("linger", Settings { linger: second * 61, ..base() }),
        ("queue_entries", Settings { queue_entries: 0, ..base() }),
        ("queue_entries", Settings { queue_entries: 1_000_001, ..base() }),
        ("queue_bytes", Settings { queue_bytes: 0, ..base() }),
        ("queue_bytes", Settings { queue_bytes: LARGEST_ENTRY_BYTES - 1, ..base() }),
        ("queue_bytes", Settings { queue_bytes: (1 << 30) + 1, ..base() }),
        ("calls", Settings { calls: 0, ..base() }),
        ("calls", Settings { calls: 65, ..base() }),
        ("entries_per_second", Settings { entries_per_second: Some(0), ..base() }),
        ("give_up_after", Settings { give_up_after: Duration::ZERO, ..base() }),
        ("give_up_after", Settings { give_up_after: base().linger, ..base() }),
        ("give_up_after", Settings { give_up_after: day + second, ..base() }),
        ("handshake_interval", Settings { handshake_interval: Duration::ZERO, ..base() }),
        ("handshake_interval", Settings { handshake_interval: second * 3 / 2, ..base() }),
        ("handshake_interval", Settings { handshake_interval: day + second, ..base() }),
        ("grace", Settings { grace: day + second, ..base() }),
    ];
    for (setting, settings) in table {
        match begin(id(), "acme", "1", settings) {
            Err(StartError::Setting(error)) => {
                assert_eq!(error.setting, setting);
                assert!(error.to_string().starts_with(&format!("{setting} must be ")), "{error}");
            }
            other => panic!("{setting}: {other:?}"),
        }
    }
    assert!(LARGEST_ENTRY_BYTES.to_string() == "66560", "the messages say 66,560");
    let edges = Settings {
        batch_entries: 1,
        batch_bytes: LARGEST_ENTRY_BYTES,
        linger: Duration::ZERO,
        queue_entries: 1,
        queue_bytes: LARGEST_ENTRY_BYTES,
        calls: 64,
        entries_per_second: Some(u32::MAX),
        give_up_after: day,
        handshake_interval: second,
        grace: Duration::ZERO,
    };
    let publisher = begin(id(), "acme", "1", edges).unwrap();
    assert_eq!(publisher.ready().await, Ok(()));
}

#[test]
fn without_a_runtime_there_is_no_publisher() {
    let error = begin(id(), "acme", "1", Settings::default()).unwrap_err();
    assert_eq!(error, StartError::NoRuntime);
}
