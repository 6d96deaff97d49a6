//! Clients of the socket that do not behave.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use crate::gateway::{DEADLINE, Place, raw, wait_for};

const FOLLOW: &[u8] = b"GET /v1/events?follow=true HTTP/1.1\r\nhost: x\r\n\r\n";

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

#[test]
fn requests_that_are_none_are_refused_and_do_not_hurt() {
    let place = Place::new();
    let _gateway = place.start();
    let long = "x".repeat(1 << 20);
    let headers: String = (0..500).map(|n| format!("x-{n}: y\r\n")).collect();
    for (request, expected) in [
        ("\r\n\r\n\0\0\0\0\r\n\r\n".to_owned(), "400"),
        ("HELLO\r\n\r\n".to_owned(), "400"),
        (format!("GET /{long} HTTP/1.1\r\nhost: x\r\n\r\n"), "431"),
        (format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", &long[..100_000]), "414"),
        (format!("GET /v1/doors HTTP/1.1\r\nhost: x\r\nx: {long}\r\n\r\n"), "431"),
        (format!("GET /v1/doors HTTP/1.1\r\n{headers}\r\n"), "431"),
        ("GET /v1/nothing HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), "404"),
        ("GET /../etc/passwd HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), "404"),
        ("POST /v1/doors HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n".to_owned(), "405"),
        ("GET /v1/events?limit=-1 HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), "400"),
        ("GET /v1/events?after=x HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), "400"),
        ("GET /v1/events?type=x HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), "400"),
        ("GET /v1/quarantine?limit=x HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), "400"),
        ("GET /v1/events?limit=99999999 HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), "200"),
        ("GET /v1/events?limit=0 HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), "200"),
        ("GET /v1/events?subject=%00%ff'%22;-- HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), "200"),
        // What would be smuggled behind it is not answered: one answer a connection.
        (
            "GET /v1/doors HTTP/1.1\r\nhost: x\r\n\r\nGET /v1/queue HTTP/1.1\r\n\r\n".to_owned(),
            "200",
        ),
    ] {
        let answer = raw(&place.socket(), request.as_bytes());
        let begin: String = request.chars().take(60).collect();
        assert_eq!(status(&answer), expected, "{begin:?}: {answer:.200}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{begin:?}");
    }
    assert_eq!(place.run(&["doors"]).code, Some(0));
}

#[test]
fn followers_are_bounded_and_leave_their_places() {
    let place = Place::new();
    let _gateway = place.start();
    place.started(1);
    let follow = || {
        let mut stream = UnixStream::connect(place.socket()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(FOLLOW).unwrap();
        let mut begin = [0; 12];
        stream.read_exact(&mut begin).unwrap();
        (stream, String::from_utf8(begin.to_vec()).unwrap())
    };
    let followers: Vec<_> = (0..16).map(|_| follow()).collect();
    assert!(followers.iter().all(|(_, begin)| begin == "HTTP/1.1 200"));
    assert_eq!(follow().1, "HTTP/1.1 503");
    let said = place.run(&["events", "--follow"]);
    assert!(said.err.contains("16 followers"), "{said:?}");
    assert_eq!(place.run(&["events"]).code, Some(0), "lists go on");
    drop(followers);
    wait_for("a free place", || (follow().1 == "HTTP/1.1 200").then_some(()));
}

#[test]
fn connections_that_say_nothing_do_not_keep_others_out_for_ever() {
    let place = Place::new();
    let _gateway = place.start();
    let silent: Vec<_> = (0..40)
        .map(|_| {
            let mut stream = UnixStream::connect(place.socket()).unwrap();
            stream.write_all(b"GET /v1/doors HT").unwrap();
            stream
        })
        .collect();
    // Answered only after the silent ones were dropped by the gateway, not by us.
    wait_for("an answer", || (place.run(&["doors"]).code == Some(0)).then_some(()));
    drop(silent);
}
