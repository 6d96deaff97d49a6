//! The clients over the wire: a bus, queues and a key service as others wrote them, in front of which
//! a proxy throttles and fails entries.

use std::process::Command;

use doorward_emulator::{Fault, Kms, Moto, Proxy};
use doorward_events::statement::{PublicKey, jws};
use serde_json::{Value, json};

use crate::kit::{Python, TypeScript, must};

const EVENTS: usize = 25;
const BUS: &str = "doors";

fn ask(mut program: Command, arguments: &[&str]) -> Value {
    program.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    program.env("AWS_DEFAULT_REGION", "eu-central-1").env("AWS_REGION", "eu-central-1");
    let printed = must(program.args(arguments));
    serde_json::from_str(printed.lines().last().unwrap()).unwrap()
}

#[test]
fn each_language_publishes_what_the_other_one_receives() {
    let place = tempfile::tempdir().unwrap();
    let moto = Moto::start(place.path());
    moto.create_bus(BUS);
    let (typescript, python) = (TypeScript::build(), Python::make());
    let programs = || {
        [("TypeScript", typescript.program("clients.js")), ("Python", python.program("clients.py"))]
    };
    for (n, ((sender, publishing), (receiver, receiving))) in
        programs().into_iter().zip(programs().into_iter().rev()).enumerate()
    {
        let pattern = json!({ "source": [{ "prefix": "acme.delivery/" }] });
        let queue = moto.create_queue(BUS, &format!("queue-{n}"), &pattern);
        let aside = moto.plain_queue(&format!("aside-{n}"), &json!({}));
        // Of three calls the first is throttled as a whole, and of the next every other entry fails.
        let proxy = Proxy::start(moto.port);
        proxy.only_for("PutEvents");
        proxy.faults([
            Fault::Status(400, "ThrottlingException"),
            Fault::PartialFailure("InternalFailure"),
        ]);
        let count = EVENTS.to_string();
        let sent = ask(publishing, &["publish", &proxy.endpoint(), BUS, &count]);
        assert_eq!(sent["accepted"], EVENTS, "{sender}: {sent}");
        assert_eq!(sent["attempts"], 2, "{sender}: {sent}");
        assert_eq!(proxy.faulted(), 2, "{sender}");

        // One that can never succeed. Of the others, each program lets one fail once.
        moto.send(&queue, "{\"not\": \"a delivery\"}");
        let got = ask(receiving, &["receive", &moto.endpoint(), queue.url(), aside.url(), &count]);
        assert_eq!(got["handled"], EVENTS, "{receiver}: {got}");
        assert_eq!(got["failed_once"], 1, "{receiver}: {got}");
        assert_eq!(got["ids"], sent["ids"], "{sender} to {receiver}");
        assert_eq!(moto.depth(&queue), (0, 0), "{receiver} deleted what it handled");
        let letters = moto.take_messages(&aside);
        assert_eq!(letters.len(), 1, "{receiver}: {letters:?}");
        assert_eq!(letters[0]["Body"], "{\"not\": \"a delivery\"}");
        let reason = &letters[0]["MessageAttributes"]["reason"]["StringValue"];
        assert_eq!(reason, "not_a_delivery", "{receiver}");
    }
}

#[test]
fn a_key_that_never_leaves_kms_signs_in_each_language() {
    let place = tempfile::tempdir().unwrap();
    let kms = Kms::start(place.path());
    let (typescript, python) = (TypeScript::build(), Python::make());
    let public = PublicKey::from_bytes(kms.public_key()).unwrap();
    for (language, program) in
        [("TypeScript", typescript.program("clients.js")), ("Python", python.program("clients.py"))]
    {
        let said = ask(program, &["kms", &kms.endpoint(), kms.key_id()]);
        assert_eq!(said["public_key"], public.to_base64url(), "{language}");
        let signed = said["signed"].as_str().unwrap();
        let parsed = jws::parse(signed, jws::Kind::Time).unwrap();
        assert!(public.verifies(parsed.signing_input.as_bytes(), &parsed.signature), "{language}");
    }
}
