//! Somebody on the bus who speaks as a gateway, to a service that waits for its gateway's word.

use std::time::Duration;

use doorward_events::types::{EventData, VisitSecured};
use doorward_events::{Envelope, GatewayOrigin, PublisherId};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::access::delivery::Street;
use crate::support::wait_for;

/// That the visit of this grant ended well, as this gateway would say it.
fn secured(instance: &str, grant: &Value) -> String {
    let now = Timestamp::now();
    let data = json!({
        "visit_id": Uuid::now_v7(), "granted_at": now, "grant_id": grant,
        "opened_at": now, "closed_at": now,
    });
    let publisher = PublisherId::new("doorward.gateway", instance);
    let envelope = Envelope::now(publisher, "acme").about("front");
    let origin = GatewayOrigin {
        recorded_at: now,
        journal_id: Uuid::now_v7(),
        sequence: 1,
        type_sequence: 1,
        clock: None,
    };
    let draft = envelope.seal(&serde_json::from_value::<VisitSecured>(data).unwrap()).unwrap();
    draft.stamp(&origin)
}

/// The bus binds who may publish under which `Source`; the example service compares the rest.
#[test]
fn one_gateway_cannot_speak_for_another() {
    let folder = tempfile::tempdir().unwrap();
    let mut street = Street::start(folder.path());
    street.granted();
    let installed = street.cloud.says("grant.installed", |_| true);
    let grant = installed["data"]["grant_id"].clone();
    // As the courier's gateway, from another's source: put aside as what it is.
    let kind = VisitSecured::TYPE.as_str();
    street.cloud.put("doorward.gateway/gw-other", kind, &secured("gw-test", &grant));
    let dead = wait_for("it is put aside", Duration::from_secs(60), || {
        street.cloud.moto.take_messages(&street.dead).into_iter().next()
    });
    assert_eq!(dead["MessageAttributes"]["reason"]["StringValue"], "wrong_source", "{dead}");
    // In its own name, of a grant that is not for its doors: heard, and not believed.
    street.cloud.put("doorward.gateway/gw-other", kind, &secured("gw-other", &grant));
    // Had it been believed, the delivery would be over, and nobody could open the door any more.
    let ended = street.visited();
    assert_eq!(ended["stage"]["outcome"], "delivered", "{ended}");
    // Only the real one belongs to the act.
    let real = street.cloud.says("visit.secured", |event| event["correlation_id"] == grant);
    let told = street.completed();
    let completed: Vec<&Value> =
        told.iter().filter(|event| event["type"] == "delivery.completed").collect();
    assert_eq!(completed.len(), 1);
    assert_eq!(completed[0]["data"]["visit_id"], real["data"]["visit_id"]);
    assert_eq!(street.cloud.lock.acts(), ["UNLOCK"]);
}
