//! Starts, stops, and what they leave.

use std::time::Duration;

use crate::gateway::{Place, Said, is_alive, wait_for};

#[test]
fn sigterm_is_a_clean_stop_and_quick() {
    let place = Place::new();
    let gateway = place.start();
    place.started(1);
    let vendors = wait_for("a vendor's process", || {
        let vendors = gateway.vendors();
        (!vendors.is_empty()).then_some(vendors)
    });
    let (status, took) = gateway.terminate();
    assert!(status.success(), "{status}: {}", place.log());
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(!place.socket().exists(), "a gateway that stopped leaves no socket");
    for vendor in vendors {
        wait_for("its vendor's end", || (!is_alive(vendor)).then_some(()));
    }
    let _gateway = place.start();
    assert_eq!(place.started(2)["previous_stop"], "clean");
}

#[test]
fn a_kill_leaves_no_vendor_and_the_next_start_takes_the_socket() {
    let place = Place::new();
    let gateway = place.start();
    place.started(1);
    let vendors = wait_for("a vendor's process", || {
        let vendors = gateway.vendors();
        (!vendors.is_empty()).then_some(vendors)
    });
    gateway.kill();
    for vendor in vendors {
        wait_for("its vendor's end", || (!is_alive(vendor)).then_some(()));
    }
    assert!(place.socket().exists(), "nobody could remove it");
    let _gateway = place.start();
    assert_eq!(place.started(2)["previous_stop"], "unclean");
}

#[test]
fn a_second_gateway_is_refused_and_the_first_goes_on() {
    let place = Place::new();
    let _gateway = place.start();
    let second = place.run(&["run"]);
    assert_eq!(second.code, Some(2));
    assert!(second.err.contains("another doorward answers on"), "{second:?}");
    assert!(second.err.contains("remedy"), "{second:?}");

    // The same journal under another socket.
    let main = std::fs::read_to_string(place.path().join("doorward.toml")).unwrap();
    let other = Place::new();
    let other_socket = other.socket().display().to_string();
    let own_socket = place.socket().display().to_string();
    other.write("doorward.toml", &main.replace(&own_socket, &other_socket));
    let second = Said::of(other.command(&["run"]).output().unwrap());
    assert_eq!(second.code, Some(2));
    assert!(second.err.contains("another doorward has it open"), "{second:?}");
    assert!(!other.socket().exists());
    assert_eq!(place.run(&["doors"]).code, Some(0));
}

#[test]
fn what_is_no_socket_is_not_replaced() {
    let place = Place::new();
    std::fs::write(place.socket(), "precious").unwrap();
    let said = place.run(&["run"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("exists and is no socket"), "{said:?}");
    assert_eq!(std::fs::read_to_string(place.socket()).unwrap(), "precious");
    assert!(!place.path().join("state").exists(), "nothing was begun");
}
