//! Each fault of the proxy shows what it says, to the client and to the service.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod upstream;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use doorward_emulator::{Fault, MOST_CONNECTIONS, Proxy, wait_for};
use serde_json::{Value, json};
use upstream::{Client, Manner, Upstream};

const PUT: &str = "AWSEvents.PutEvents";
const SEND: &str = "AmazonSQS.SendMessage";
/// How long silence is listened to.
const A_WHILE: Duration = Duration::from_millis(200);
/// Longer than anything here takes, shorter than the proxy's hold.
const SOON: Duration = Duration::from_secs(10);

fn pair() -> (Upstream, Proxy, Client) {
    let upstream = Upstream::start(Manner::Kind);
    let proxy = Proxy::start(upstream.port);
    let client = Client::connect(proxy.port);
    (upstream, proxy, client)
}

fn counts(proxy: &Proxy) -> (u64, u64, u64) {
    (proxy.requests(), proxy.forwarded(), proxy.faulted())
}

/// The threads that a proxy on this port has.
fn threads(port: u16) -> usize {
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .filter(|name| name.trim() == format!("proxy-{port}"))
        .count()
}

/// The last of a thread's life is the kernel's.
fn no_threads(port: u16) {
    wait_for("the threads are gone", SOON, || (threads(port) == 0).then_some(()));
}

fn entries(details: &[&str]) -> Value {
    let entries: Vec<Value> = details.iter().map(|detail| json!({"Detail": detail})).collect();
    json!({"Entries": entries})
}

#[test]
fn without_faults_everything_passes_on_one_connection_of_the_client() {
    let (upstream, proxy, mut client) = pair();
    for number in 0..3 {
        let answer = client.call(SEND, &json!({"number": number}));
        assert_eq!(answer.start, "HTTP/1.1 200 OK");
        assert_eq!(answer.json(), json!({"you said": {"number": number}}));
        assert_eq!(answer.get("x-from"), Some("upstream"));
        assert_eq!(answer.get("connection"), Some("keep-alive"));
    }
    let seen = upstream.seen();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[2].start, "POST /path HTTP/1.1");
    assert_eq!(seen[2].get("x-other"), Some("kept"));
    assert_eq!(seen[2].get("x-amz-target"), Some(SEND));
    assert_eq!(seen[2].get("connection"), Some("close"));
    assert_eq!(seen[2].json(), json!({"number": 2}));
    assert_eq!(counts(&proxy), (3, 3, 0));
    // Who asks for an end gets it.
    client.write("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert_eq!(client.answer().get("connection"), Some("close"));
    assert!(client.ends());
}

#[test]
fn a_lost_answer_was_carried_out() {
    let (upstream, proxy, mut client) = pair();
    proxy.faults([Fault::LoseAnswer, Fault::LoseAnswer]);
    client.ask(SEND, &json!({}));
    wait_for("the upstream answers", SOON, || (proxy.forwarded() == 1).then_some(()));
    assert_eq!(upstream.seen().len(), 1);
    assert!(client.is_silent(A_WHILE));
    // Until the client goes.
    assert_eq!(threads(proxy.port), 2);
    drop(client);
    wait_for("the proxy sees it", SOON, || (threads(proxy.port) == 1).then_some(()));
    // Or until the hold has passed.
    proxy.hold(A_WHILE);
    let mut client = Client::connect(proxy.port);
    let begun = Instant::now();
    client.ask(SEND, &json!({}));
    assert!(client.ends());
    assert!(begun.elapsed() >= A_WHILE, "{:?}", begun.elapsed());
    assert_eq!(counts(&proxy), (2, 2, 2));
}

#[test]
fn a_cut_comes_after_the_upstream_or_before_it() {
    for (fault, arrives) in [(Fault::CutAfterAccept, 1), (Fault::CutBefore, 0)] {
        let (upstream, proxy, mut client) = pair();
        proxy.faults([fault]);
        client.ask(SEND, &json!({}));
        assert!(client.ends(), "{fault:?}");
        assert_eq!(upstream.seen().len(), arrives, "{fault:?}");
        assert_eq!(counts(&proxy), (1, arrives as u64, 1), "{fault:?}");
        let mut client = Client::connect(proxy.port);
        assert_eq!(client.call(SEND, &json!({})).start, "HTTP/1.1 200 OK", "{fault:?}");
    }
}

#[test]
fn a_half_open_connection_takes_no_more_and_says_nothing() {
    let (upstream, proxy, _) = pair();
    // More than the sockets' buffers hold.
    let length = 16 * 1024 * 1024;
    let head = format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
    let mut client = Client::connect(proxy.port);
    client.write(&head);
    assert_eq!(client.stuff(length, SOON), length, "without the fault it takes all");
    assert_eq!(client.answer().start, "HTTP/1.1 200 OK");

    proxy.faults([Fault::HalfOpen, Fault::HalfOpen, Fault::HalfOpen]);
    client.write(&head);
    assert!(client.stuff(length, A_WHILE) < length);
    assert!(client.is_silent(A_WHILE));

    let mut small = Client::connect(proxy.port);
    small.ask(SEND, &json!({}));
    assert!(small.is_silent(A_WHILE));
    assert_eq!(threads(proxy.port), 3);
    drop(small);
    wait_for("the proxy sees that it went", SOON, || (threads(proxy.port) == 2).then_some(()));

    proxy.hold(A_WHILE);
    let mut client = Client::connect(proxy.port);
    client.ask(SEND, &json!({}));
    assert!(client.ends());
    assert_eq!(upstream.seen().len(), 1);
    assert_eq!(counts(&proxy), (4, 1, 3));
}

#[test]
fn a_status_is_an_error_of_aws_and_the_connection_goes_on() {
    let (upstream, proxy, mut client) = pair();
    proxy.faults([Fault::Status(400, "ThrottlingException"), Fault::Status(503, "Unavailable")]);
    let answer = client.call(SEND, &json!({}));
    assert!(answer.start.starts_with("HTTP/1.1 400 "), "{}", answer.start);
    assert_eq!(answer.json()["__type"], "ThrottlingException");
    assert_eq!(answer.get("x-amzn-errortype"), Some("ThrottlingException"));
    let answer = client.call(SEND, &json!({}));
    assert!(answer.start.starts_with("HTTP/1.1 503 "), "{}", answer.start);
    assert_eq!(upstream.seen().len(), 0);
    assert_eq!(client.call(SEND, &json!({})).start, "HTTP/1.1 200 OK");
    assert_eq!(counts(&proxy), (3, 1, 2));
}

#[test]
fn a_delay_forwards_later_even_for_a_client_that_went() {
    let (upstream, proxy, mut client) = pair();
    proxy.always(Fault::Delay(A_WHILE));
    let begun = Instant::now();
    assert_eq!(client.call(SEND, &json!({})).start, "HTTP/1.1 200 OK");
    assert!(begun.elapsed() >= A_WHILE, "{:?}", begun.elapsed());
    client.ask(SEND, &json!({"from": "one who went"}));
    drop(client);
    wait_for("the second comes", SOON, || (upstream.seen().len() == 2).then_some(()));
    wait_for("its answer is counted", SOON, || (proxy.forwarded() == 2).then_some(()));
    assert_eq!(counts(&proxy), (2, 2, 2));
}

#[test]
fn a_partial_failure_tells_of_each_entry_in_its_place() {
    let (upstream, proxy, mut client) = pair();
    proxy.always(Fault::PartialFailure("ThrottlingException"));
    let failure = json!({"ErrorCode": "ThrottlingException", "ErrorMessage": "on demand"});
    let answer = client.call(PUT, &entries(&["a", "b", "c", "d", "e"])).json();
    assert_eq!(
        answer,
        json!({"FailedEntryCount": 2, "Entries": [
            {"EventId": "a"}, failure, {"EventId": "c"}, failure, {"EventId": "e"},
        ]})
    );
    assert_eq!(upstream.seen()[0].json(), entries(&["a", "c", "e"]));
    // What the upstream refuses is told beside it.
    let answer = client.call(PUT, &entries(&["bad", "b", "c", "d"])).json();
    assert_eq!(answer["FailedEntryCount"], 3);
    assert_eq!(answer["Entries"][0]["ErrorCode"], "MalformedDetail");
    assert_eq!(answer["Entries"][1], failure);
    assert_eq!(answer["Entries"][2], json!({"EventId": "c"}));
    assert_eq!(answer["Entries"][3], failure);
    // A single entry stands at an even place.
    let answer = client.call(PUT, &entries(&["a"])).json();
    assert_eq!(answer, json!({"FailedEntryCount": 0, "Entries": [{"EventId": "a"}]}));
    assert_eq!(counts(&proxy), (3, 3, 3));
}

#[test]
fn a_partial_failure_is_for_put_events_that_succeed() {
    let (_, proxy, mut client) = pair();
    proxy.faults([Fault::PartialFailure("InternalFailure")]);
    let both = entries(&["a", "b"]);
    let untouched = client.call("AWSEvents.PutPartnerEvents", &both).json();
    assert_eq!(untouched["FailedEntryCount"], 0);
    assert_eq!(counts(&proxy), (1, 1, 0));
    assert_eq!(client.call(PUT, &both).json()["FailedEntryCount"], 1);
    assert_eq!(client.call(PUT, &both).json()["FailedEntryCount"], 0);

    let broken = Upstream::start(Manner::Broken);
    let proxy = Proxy::start(broken.port);
    proxy.always(Fault::PartialFailure("InternalFailure"));
    let answer = Client::connect(proxy.port).call(PUT, &both);
    assert_eq!(answer.start, "HTTP/1.1 500 Broken");
    assert_eq!(answer.json(), json!({"__type": "InternalFailure"}));
}

#[test]
fn a_script_is_dealt_in_order_to_whom_it_is_for() {
    let (_, proxy, mut client) = pair();
    let mut status = |target: &str| -> u16 {
        let answer = client.call(target, &json!({}));
        answer.start.split(' ').nth(1).unwrap().parse().unwrap()
    };
    proxy.faults([Fault::Status(501, "A"), Fault::None, Fault::Status(502, "B")]);
    assert_eq!([status(PUT), status(SEND), status(PUT), status(PUT)], [501, 200, 502, 200]);
    assert_eq!(proxy.faulted(), 2);
    proxy.only_for("PutEvents");
    proxy.faults([Fault::Status(501, "A"), Fault::Status(502, "B")]);
    assert_eq!([status(SEND), status(PUT), status(SEND), status(PUT)], [200, 501, 200, 502]);
    proxy.always(Fault::Status(503, "C"));
    assert_eq!([status(PUT), status(SEND), status(PUT)], [503, 200, 503]);
    proxy.only_for("");
    assert_eq!(status(SEND), 503);
    proxy.faults([]);
    assert_eq!(status(PUT), 200);
    assert_eq!(counts(&proxy), (13, 6, 7));
}

#[test]
fn what_no_aws_sdk_sends_is_refused() {
    let (upstream, proxy, _) = pair();
    let too_long = 16 * 1024 * 1024 + 1;
    for (status, request) in [
        (400, "nonsense\r\n\r\n".to_owned()),
        (400, "POST / HTTP/1.1\r\nno colon\r\n\r\n".to_owned()),
        (400, "POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n".to_owned()),
        (411, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned()),
        (413, format!("POST / HTTP/1.1\r\nContent-Length: {too_long}\r\n\r\n")),
        (431, format!("POST / HTTP/1.1\r\nLong: {}", "x".repeat(64 * 1024 - 23))),
    ] {
        let mut client = Client::connect(proxy.port);
        client.write(&request);
        let answer = client.answer();
        assert_eq!(answer.start, format!("HTTP/1.1 {status} Refused"), "{request:.60}");
        assert!(client.ends(), "{request:.60}");
    }
    // A request that breaks off is none.
    Client::connect(proxy.port).write("POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf");
    wait_for("it is read", SOON, || (proxy.requests() == 4).then_some(()));
    wait_for("it is given up", SOON, || (threads(proxy.port) == 1).then_some(()));
    assert_eq!(upstream.seen().len(), 0);
}

#[test]
fn an_upstream_that_is_away_closes_the_connection() {
    let away = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::start(away.local_addr().unwrap().port());
    drop(away);
    let mut client = Client::connect(proxy.port);
    client.ask(SEND, &json!({}));
    assert!(client.ends());
    assert_eq!(counts(&proxy), (1, 0, 0));
}

#[test]
fn one_connection_too_many_waits_for_a_place() {
    let (upstream, proxy, first) = pair();
    let mut clients = vec![first];
    clients.extend((1..MOST_CONNECTIONS).map(|_| Client::connect(proxy.port)));
    for client in &mut clients {
        client.call(SEND, &json!({}));
    }
    let mut late = Client::connect(proxy.port);
    late.ask(SEND, &json!({}));
    assert!(late.is_silent(A_WHILE));
    assert_eq!(upstream.seen().len(), MOST_CONNECTIONS);
    clients.pop();
    assert_eq!(late.answer().start, "HTTP/1.1 200 OK");
}

#[test]
fn everything_ends_with_the_proxy() {
    let silent = Upstream::start(Manner::Silent);
    let proxy = Proxy::start(silent.port);
    let port = proxy.port;
    proxy.faults([
        Fault::HalfOpen,
        Fault::HalfOpen,
        Fault::Delay(Duration::from_secs(1_000)),
        Fault::LoseAnswer,
        Fault::None,
    ]);
    proxy.hold(Duration::from_secs(1_000));
    let mut clients: Vec<Client> = (1..=5)
        .map(|number| {
            let client = Client::connect(port);
            if number == 1 {
                // Bytes that the proxy leaves unread.
                client.write("POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n");
                client.stuff(1_000_000, A_WHILE);
            } else {
                client.ask(SEND, &json!({}));
            }
            wait_for("it arrives", SOON, || (proxy.requests() == number).then_some(()));
            client
        })
        .collect();
    clients.push(Client::connect(port));
    wait_for("two wait for the upstream", SOON, || (silent.seen().len() == 2).then_some(()));
    wait_for("all are served", SOON, || (threads(port) == 7).then_some(()));
    let begun = Instant::now();
    drop(proxy);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    no_threads(port);
    // The first one's unread bytes make its end a reset.
    for client in &mut clients[1..] {
        assert!(client.ends());
    }
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn a_full_proxy_ends_too() {
    let (_, proxy, first) = pair();
    let port = proxy.port;
    let mut clients = vec![first];
    clients.extend((0..MOST_CONNECTIONS).map(|_| Client::connect(port)));
    clients[0].call(SEND, &json!({}));
    wait_for("it is full", SOON, || (threads(port) == MOST_CONNECTIONS + 1).then_some(()));
    drop(proxy);
    no_threads(port);
}
