//! What can never succeed, why, and what a dead letter tells of it.

use doorward_events::subscribe::{
    MAX_ATTRIBUTE, MAX_DELIVERY_BYTES, Policies, Reason, Verdict, Why,
};
use doorward_events::{LIBRARY_VERSION, MAX_EVENT_BYTES};
use proptest::prelude::*;
use serde_json::json;

use crate::samples::{id, scheduled, visit, with};
use crate::stand::{Stand, dead, take};

async fn reason(delivery: &[u8]) -> Reason {
    let stand = Stand::new();
    let verdict = stand.willing().take(delivery, 1).await;
    assert_eq!(stand.called().len(), 0);
    let Verdict::DeadLetter(reason) = verdict else { panic!("{verdict:?}") };
    assert_eq!(stand.hooks.lines(), [format!("dead {}", reason.why)]);
    reason
}

#[tokio::test]
async fn every_poison_has_its_reason_and_place() {
    let good = visit(1);
    let changed = |pointer: &str, value| with(&good, pointer, value);
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    let deep = good.replace(r#""visit_id""#, &format!(r#""deep":{deep},"visit_id""#));
    let table: Vec<(String, Why, Option<&str>)> = vec![
        (String::new(), Why::NotJson, None),
        ("knock".into(), Why::NotJson, None),
        (good[..good.len() - 1].into(), Why::NotJson, None),
        (" ".repeat(MAX_DELIVERY_BYTES + 1), Why::TooLarge, None),
        ("[]".into(), Why::NotADelivery, None),
        ("{}".into(), Why::NotADelivery, None),
        ("7".into(), Why::NotADelivery, None),
        (changed("/source", json!(7)), Why::NotADelivery, None),
        (changed("/source", json!("")), Why::NotADelivery, None),
        (changed("/source", json!("a".repeat(300))), Why::NotADelivery, None),
        (changed("/replay-name", json!("a".repeat(300))), Why::NotADelivery, None),
        (changed("/detail", json!("text")), Why::NotAnEvent, None),
        (changed("/detail", json!({})), Why::NotAnEvent, Some("/type")),
        (changed("/detail/type", json!(["visit.secured"])), Why::NotAnEvent, Some("/type")),
        (changed("/detail/publisher", json!("me")), Why::NotAnEvent, Some("/publisher")),
        (changed("/detail/extra", json!("x".repeat(MAX_EVENT_BYTES))), Why::TooLarge, None),
        (deep, Why::TooDeep, None),
        (changed("/detail-type", json!("visit.opened")), Why::WrongType, Some("/type")),
        (changed("/detail/type", json!("visit.opened")), Why::WrongType, Some("/type")),
        (changed("/source", json!("doorward.gateway/gw-2")), Why::WrongSource, Some("/publisher")),
        (changed("/source", json!("doorward.gateway/gw-10")), Why::WrongSource, Some("/publisher")),
        (changed("/source", json!("doorward.gateway")), Why::WrongSource, Some("/publisher")),
        (
            changed("/detail/publisher/instance", json!("gw-2")),
            Why::WrongSource,
            Some("/publisher"),
        ),
        (changed("/detail/data/visit_id", json!(7)), Why::RefusedBySchema, Some("/data/visit_id")),
        (changed("/detail/id", json!("no id")), Why::RefusedBySchema, Some("/id")),
        (changed("/detail/test", json!("no")), Why::RefusedBySchema, Some("/test")),
        (
            changed("/detail/schema_version", json!("one")),
            Why::RefusedBySchema,
            Some("/schema_version"),
        ),
        (changed("/detail/gateway", json!({})), Why::RefusedBySchema, Some("/gateway/recorded_at")),
    ];
    for (delivery, why, pointer) in table {
        let reason = reason(delivery.as_bytes()).await;
        assert_eq!((reason.why, reason.pointer.as_deref()), (why, pointer), "{delivery:.300}");
    }
    let not_utf8 = [b"{\"source\":\"".as_slice(), &[0xff], b"\"}".as_slice()].concat();
    assert_eq!(reason(&not_utf8).await.why, Why::NotJson);
}

#[tokio::test]
async fn another_publishers_name_helps_nobody() {
    // A service that writes a gateway's event under its own source.
    let mut delivery = with(&visit(1), "/source", json!("acme.delivery/eu-1"));
    let why = |delivery: String| async move { reason(delivery.as_bytes()).await.why };
    assert_eq!(why(delivery.clone()).await, Why::WrongSource);
    delivery = with(&delivery, "/detail/publisher/name", json!("acme.delivery"));
    delivery = with(&delivery, "/detail/publisher/instance", json!("eu-1"));
    assert_eq!(why(delivery.clone()).await, Why::Unregistered);
    delivery = with(&delivery, "/source", json!("nobody/eu-1"));
    delivery = with(&delivery, "/detail/publisher/name", json!("nobody"));
    assert_eq!(why(delivery).await, Why::Unregistered);
}

#[tokio::test]
async fn the_account_is_compared_where_it_is_known() {
    let stand = Stand::new();
    let subscriber = |policies| {
        let ignore = |_: doorward_events::Received<doorward_events::types::DeliveryScheduled>,
                      _| { std::future::ready(Ok(())) };
        stand.builder(policies).on(ignore).on(stand.secured(|_| Ok(()))).build().unwrap()
    };
    let foreign = |n| with(&scheduled(n), "/account", json!("999999999999"));
    let strict = subscriber(Policies::strict());
    assert_eq!(dead(&take(&strict, &foreign(1)).await), Some(Why::WrongAccount));
    assert_eq!(take(&strict, &scheduled(1)).await, Verdict::Acknowledge);
    // The gap: a delivery without an account, and a publisher without listed ones, pass.
    let without = scheduled(2).replace(r#""account":"111122223333","#, "");
    assert_eq!(take(&strict, &without).await, Verdict::Acknowledge);
    let gateway = with(&visit(3), "/account", json!("999999999999"));
    assert_eq!(take(&strict, &gateway).await, Verdict::Acknowledge);
    let trusting = subscriber(Policies::tolerant());
    assert_eq!(take(&trusting, &foreign(4)).await, Verdict::Acknowledge);
    assert_eq!(stand.hooks.count("handled"), 4);
}

#[tokio::test]
async fn with_the_platforms_accounts_no_account_is_left_unjudged() {
    let stand = Stand::new();
    let ignore = |_: doorward_events::Received<doorward_events::types::DeliveryScheduled>, _| {
        std::future::ready(Ok(()))
    };
    let subscriber = stand
        .builder(Policies::strict())
        .platform_accounts(["123456789012", "210987654321"])
        .on(ignore)
        .on(stand.secured(|_| Ok(())))
        .build()
        .unwrap();
    let of = |delivery: &str, account| with(delivery, "/account", account);
    let wrong = Some(Why::WrongAccount);
    for (delivery, expected) in [
        (of(&visit(1), json!("123456789012")), None),
        (of(&visit(2), json!("210987654321")), None),
        (of(&visit(3), json!("111122223333")), wrong),
        (of(&visit(4), json!(null)), wrong),
        (of(&scheduled(5), json!("111122223333")), None),
        // The platform is not the service, and the service is not the platform.
        (of(&scheduled(6), json!("123456789012")), wrong),
        (of(&scheduled(7), json!(null)), wrong),
        (scheduled(8).replace(r#""account":"111122223333","#, ""), wrong),
    ] {
        let verdict = take(&subscriber, &delivery).await;
        assert_eq!(dead(&verdict), expected, "{delivery}");
        assert_eq!(verdict == Verdict::Acknowledge, expected.is_none(), "{delivery}");
    }
    assert_eq!(stand.called(), [id(1), id(2)]);
    assert_eq!(stand.hooks.count("handled"), 3);
}

#[tokio::test]
async fn a_dead_letter_tells_what_is_known_and_no_value() {
    let secret = "pin 4711";
    let delivery = with(&visit(1), "/detail/data/visit_id", json!(secret));
    let attributes = reason(delivery.as_bytes()).await.attributes("billing");
    let expected = [
        ("reason", "refused_by_schema"),
        ("pointer", "/data/visit_id"),
        ("type", "visit.secured"),
        ("schema_version", "1.0"),
        ("library_version", LIBRARY_VERSION),
        ("consumer", "billing"),
        ("event_id", &id(1).to_string()),
    ];
    assert_eq!(attributes, expected.map(|(name, text)| (name, text.to_owned())));
    let attributes = reason(b"knock").await.attributes("billing");
    let names: Vec<_> = attributes.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["reason", "library_version", "consumer"]);
}

#[test]
fn every_reason_has_its_own_word() {
    let mut words: Vec<_> = Why::ALL.iter().map(|why| why.as_str()).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), Why::ALL.len());
}

proptest! {
    /// Whatever stands in a head, an attribute is bounded, printable and never empty.
    #[test]
    fn attributes_are_bounded(
        event_type in "\\PC{0,300}|[a-z.]{0,300}", version in "[0-9.]{0,30}|\\PC{0,9}",
        id in "\\PC{0,40}", member in "\\PC{0,300}",
    ) {
        let mut delivery = with(&visit(1), "/detail/schema_version", json!(version));
        delivery = with(&delivery, "/detail/id", json!(id));
        if member != "type" && !member.is_empty() {
            delivery = with(&delivery, "/detail/gateway", json!({ member: 1 }));
        }
        delivery = with(&delivery, "/detail/type", json!(event_type));
        delivery = with(&delivery, "/detail-type", json!(event_type));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let verdict = runtime.block_on(Stand::new().willing().take(delivery.as_bytes(), 1));
        let Verdict::DeadLetter(reason) = verdict else { panic!("{verdict:?}") };
        let attributes = reason.attributes("billing");
        prop_assert!(attributes.len() <= 7);
        for (name, text) in attributes {
            prop_assert!(!text.is_empty() && text.len() <= MAX_ATTRIBUTE, "{}", name);
            prop_assert!(text.bytes().all(|b| (b' '..=b'~').contains(&b)), "{}", name);
        }
    }

    /// No bytes break it, and none reach a handler.
    #[test]
    fn no_bytes_break_it(at in 0..1000_usize, byte in any::<u8>()) {
        let mut delivery = visit(1).into_bytes();
        let at = at % delivery.len();
        delivery[at] = byte;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(Stand::new().willing().take(&delivery, 1));
    }
}
