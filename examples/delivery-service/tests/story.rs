//! The whole story against an emulated bus and queues: the service runs as its own process, and
//! the test speaks as the gateway, believing only what verifies.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::cell::Cell;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use doorward_emulator::{Moto, Queue, wait_for};
use doorward_events::statement::{
    Audience, Interval, IssuerList, KeyId, LocalSigner, Signer, Verifier,
};
use doorward_events::types::{EntryUnlockRequested, EventData, GrantIssued};
use doorward_events::{Authority, Envelope, GatewayOrigin, PublisherId, Received, read};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

const LONG: Duration = Duration::from_secs(60);

/// Bus, queues, key and the service, in one folder.
struct Stand {
    folder: tempfile::TempDir,
    moto: Moto,
    inbox: Queue,
    dead: Queue,
    to_gateway: Queue,
    /// What the service says about deliveries.
    told: Queue,
    gateway: Gateway,
}

/// The gateway's part, played by the test.
struct Gateway {
    journal_id: Uuid,
    sequence: Cell<u64>,
    verifier: Verifier,
}

/// The running service.
struct Service {
    child: Child,
    desk: ChildStdin,
    said: Receiver<Value>,
}

impl Stand {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let moto = Moto::start(&folder.path().join("moto"));
        moto.create_bus("doors");
        let rule = Command::new(env!("CARGO_BIN_EXE_delivery-service")).arg("rule").output();
        let rule: Value = serde_json::from_slice(&rule.unwrap().stdout).unwrap();
        let inbox = moto.create_queue("doors", "delivery", &rule);
        let dead = moto.plain_queue("delivery-dead", &json!({}));
        let to_gateway = moto.create_queue(
            "doors",
            "to-gateway",
            &json!({ "detail-type": [{ "prefix": "grant.issued" }, { "prefix": "grant.revoked" }, { "prefix": "entry.unlock_requested" }] }),
        );
        let told = moto.create_queue(
            "doors",
            "told",
            &json!({ "source": [{ "prefix": "acme.delivery/" }], "detail-type": [{ "prefix": "delivery." }] }),
        );
        let gateway = Gateway::new(&folder.path().join("key.pem"));
        Self { folder, moto, inbox, dead, to_gateway, told, gateway }
    }

    fn service(&self) -> Service {
        let path = |name: &str| -> PathBuf { self.folder.path().join(name) };
        let mut child = Command::new(env!("CARGO_BIN_EXE_delivery-service"))
            .args(["run", "--endpoint-url", &self.moto.endpoint(), "--queue-url", self.inbox.url()])
            .args(["--dead-letter-queue-url", self.dead.url(), "--kid", "test-key"])
            .arg("--store")
            .arg(path("service.db"))
            .arg("--key")
            .arg(path("key.pem"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, said) = sync_channel(100);
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if tell.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        let desk = child.stdin.take().unwrap();
        Service { child, desk, said }
    }

    /// Publishes as the gateway.
    fn say<D: EventData>(&self, data: Value, about: Option<Uuid>) -> String {
        let data = D::deserialize(data).unwrap();
        let publisher = PublisherId::new("doorward.gateway", "gw-1");
        let mut envelope = Envelope::now(publisher, "acme").about("front-door");
        envelope.correlation_id = about;
        let sequence = self.gateway.sequence.get() + 1;
        self.gateway.sequence.set(sequence);
        let origin = GatewayOrigin {
            recorded_at: Timestamp::now(),
            journal_id: self.gateway.journal_id,
            sequence,
            type_sequence: sequence,
            clock: None,
        };
        let detail = envelope.seal(&data).unwrap().stamp(&origin);
        self.put(D::TYPE.as_str(), "doorward.gateway/gw-1", &detail);
        detail
    }

    fn put(&self, detail_type: &str, source: &str, detail: &str) {
        let entry = json!({
            "EventBusName": "doors", "Source": source, "DetailType": detail_type, "Detail": detail,
        });
        let answer =
            self.moto.call("events", "AWSEvents.PutEvents", &json!({ "Entries": [entry] }));
        assert_eq!(answer["FailedEntryCount"], 0, "{answer}");
    }

    fn started(&self) {
        let types = ["grant.issued", "grant.revoked", "entry.unlock_requested"];
        let accepts: Vec<Value> =
            types.iter().map(|name| json!({ "type": name, "versions": ["1.0"] })).collect();
        self.say::<doorward_events::types::GatewayStarted>(
            json!({
                "version": "0.1.0", "platform": "linux", "previous_stop": "clean",
                "events_waiting": 0, "bus_kind": "eventbridge", "vendors": [], "accepts": accepts,
            }),
            None,
        );
    }

    /// The next statement of this type that reaches the gateway, verified.
    fn statement<D: Authority>(&self) -> Received<D>
    where
        D::Statement: doorward_events::statement::Signable,
    {
        let message = wait_for(&format!("{} arrives", D::TYPE), LONG, || {
            self.moto
                .take(&self.to_gateway)
                .into_iter()
                .find(|m| m["detail-type"] == D::TYPE.as_str())
        });
        assert_eq!(message["source"], "acme.delivery/1");
        let received = read::<D>(message["detail"].to_string().as_bytes()).unwrap();
        let audience = Audience {
            gateway: "gw-1".to_owned(),
            tenant_id: "acme".to_owned(),
            site_id: None,
            journal_id: Some(self.gateway.journal_id),
        };
        let now = Interval::exactly(Timestamp::now());
        self.gateway.verifier.verify(&received, &audience, now).unwrap();
        received
    }

    /// What the service told about deliveries, each event once by its id, until one ended.
    fn completed(&self) -> Vec<Value> {
        let mut told: Vec<Value> = Vec::new();
        wait_for("the delivery is completed", LONG, || {
            for message in self.moto.take(&self.told) {
                if told.iter().all(|other| other["id"] != message["detail"]["id"]) {
                    told.push(message["detail"].clone());
                }
            }
            told.iter().any(|event| event["type"] == "delivery.completed").then_some(())
        });
        told
    }
}

impl Gateway {
    /// A gateway that believes the key it writes to `key`.
    fn new(key: &Path) -> Self {
        let (root, _) = LocalSigner::generate(KeyId::new("root").unwrap()).unwrap();
        let (signer, secret) = LocalSigner::generate(KeyId::new("test-key").unwrap()).unwrap();
        std::fs::write(key, secret.expose_pem()).unwrap();
        let next_year = Timestamp::now() + SignedDuration::from_hours(24 * 365);
        let list = json!({
            "version": 1, "expires": next_year,
            "keys": [{
                "kid": "test-key", "alg": "EdDSA",
                "public_key": signer.public_key().to_base64url(),
                "issuer": "acme.delivery", "may": ["grant", "request"], "tenants": ["acme"],
                "longest_validity_s": 86_400, "not_after": next_year,
            }],
        });
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let list = serde_json::from_value(list).unwrap();
        let list = runtime.block_on(IssuerList::sign(&root, &list)).unwrap();
        let now = Interval::exactly(Timestamp::now());
        let list = IssuerList::open(&list, &root.public_key(), 1, now).unwrap();
        Self {
            journal_id: Uuid::from_u128(7),
            sequence: Cell::new(0),
            verifier: Verifier::new(list.trusted().clone()),
        }
    }
}

impl Service {
    fn order(&mut self, order: &Value) {
        writeln!(self.desk, "{order}").unwrap();
    }

    /// Waits until the service says of the delivery, or of a gateway, that it is at this stage.
    fn reaches(&self, stage: &str) -> Value {
        loop {
            let said = self.said.recv_timeout(LONG).unwrap_or_else(|_| panic!("never {stage}"));
            assert_eq!(said["refused"], Value::Null, "waiting for {stage}");
            if said["stage"]["at"] == stage {
                return said;
            }
        }
    }

    fn refused(&self) -> String {
        self.said.recv_timeout(LONG).unwrap()["refused"].as_str().unwrap().to_owned()
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn stop(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Ended already, in a test that passes.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn schedule() -> Value {
    json!({
        "do": "schedule", "delivery_id": "d-1", "tenant_id": "acme", "gateway": "gw-1",
        "entry_id": "front-door", "subject_ref": "courier-7",
    })
}

fn open() -> Value {
    json!({ "do": "open", "delivery_id": "d-1" })
}

fn visit(grant_id: Uuid) -> Value {
    json!({
        "visit_id": Uuid::from_u128(9), "granted_at": Timestamp::now(), "grant_id": grant_id,
        "opened_at": Timestamp::now(), "closed_at": Timestamp::now(),
    })
}

#[test]
fn a_courier_is_let_in_and_the_visit_followed_to_its_end_across_a_crash() {
    use doorward_events::types::{AccessGranted, GrantInstalled, VisitOpened, VisitSecured};

    let stand = Stand::new();
    let mut service = stand.service();
    // Nobody knows yet what the gateway reads, so nothing is issued.
    service.order(&schedule());
    assert!(service.refused().contains("gw-1 has not said yet"));

    stand.started();
    service.reaches("known");
    service.order(&schedule());
    service.reaches("scheduled");
    let grant = stand.statement::<GrantIssued>();
    let grant_id: Uuid = grant.data.grant_id.parse().unwrap();
    assert_eq!(grant.envelope.correlation_id, Some(grant_id));
    let installed = json!({
        "grant_id": grant_id, "issuer": "acme.delivery", "max_uses": 1,
        "not_before": Timestamp::now(), "expires_at": grant.data.expires_at,
    });
    let installed = stand.say::<GrantInstalled>(installed, Some(grant_id));
    service.reaches("granted");

    // The same event again, as a bus may deliver it; and one that claims to be of this gateway.
    stand.put("grant.installed", "doorward.gateway/gw-1", &installed);
    stand.put("grant.installed", "doorward.gateway/gw-2", &installed);
    let dead = wait_for("the forged one is put aside", LONG, || {
        stand.moto.take_messages(&stand.dead).into_iter().next()
    });
    assert_eq!(dead["MessageAttributes"]["reason"]["StringValue"], "wrong_source", "{dead}");

    service.order(&open());
    service.reaches("asked");
    let request = stand.statement::<EntryUnlockRequested>();
    assert_eq!(request.data.grant_id, Some(grant_id.to_string()));

    // The service dies while the gateway acts; everything is there when it is back.
    service.kill();
    let granted = json!({
        "action": "unlock", "channel": "request", "request_id": request.data.request_id,
        "grant_id": grant_id,
    });
    stand.say::<AccessGranted>(granted, Some(grant_id));
    let opened = json!({
        "visit_id": Uuid::from_u128(9), "granted_at": Timestamp::now(), "grant_id": grant_id,
    });
    stand.say::<VisitOpened>(opened, Some(grant_id));
    let service = stand.service();
    service.reaches("visiting");
    stand.say::<VisitSecured>(visit(grant_id), Some(grant_id));
    let ended = service.reaches("ended");
    assert_eq!(ended["stage"]["outcome"], "delivered");

    let told = stand.completed();
    let types: Vec<&str> = told.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["delivery.scheduled", "delivery.completed"]);
    assert_eq!(told[1]["data"]["outcome"], "delivered");
    service.stop();
}

#[test]
fn a_denial_ends_a_delivery_with_its_reason_and_orders_that_make_no_sense_are_refused() {
    use doorward_events::types::{AccessDenied, GrantInstalled};

    let stand = Stand::new();
    let mut service = stand.service();
    stand.started();
    service.reaches("known");
    service.order(&schedule());
    service.reaches("scheduled");
    service.order(&schedule());
    assert!(service.refused().contains("already"));
    service.order(&open());
    assert!(service.refused().contains("not confirmed"));
    service.order(&json!({ "do": "open", "delivery_id": "d-2" }));
    assert!(service.refused().contains("no delivery d-2"));
    service.order(&json!({ "do": "smash" }));
    assert!(service.refused().contains("not an order"));

    let grant = stand.statement::<GrantIssued>();
    let installed = json!({
        "grant_id": grant.data.grant_id, "issuer": "acme.delivery", "max_uses": 1,
        "not_before": Timestamp::now(), "expires_at": grant.data.expires_at,
    });
    stand.say::<GrantInstalled>(installed, None);
    service.reaches("granted");
    service.order(&open());
    service.reaches("asked");
    let request = stand.statement::<EntryUnlockRequested>();
    let denied = json!({
        "channel": "request", "reason": "revoked", "request_id": request.data.request_id,
        "grant_id": grant.data.grant_id,
    });
    stand.say::<AccessDenied>(denied, None);
    let ended = service.reaches("ended");
    assert_eq!(ended["stage"]["reason"], "revoked");
    let told = stand.completed();
    assert_eq!(told.last().unwrap()["data"]["outcome"], "not_delivered");
    service.stop();
}
