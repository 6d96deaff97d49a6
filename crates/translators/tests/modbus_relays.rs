//! The relays of Modbus boards on a line in virtual time: OFF, and that it arrives.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

mod modbus_line;

use doorward_translators::{Act, CannotAct, Step};
use modbus_line::{Bus, as_json, door, gaps, ms, nothing, position, sealed};
use serde_json::json;

#[test]
fn off_goes_first_and_is_read_back() {
    let many = json!({
        "unit": 1,
        "relay": {
            "open": { "coil": 2, "max_hold_ms": 500 },
            "close": { "coil": 5, "pulse": { "function": 5, "register": 0x200, "value": 5 } },
        },
    });
    let mut bus = Bus::opened(&nothing(), &[many, door(2)]);
    for unit in [1, 2] {
        bus.board(unit).coils = (0..8).map(|coil| (coil, true)).collect();
    }
    bus.run(ms(900));
    let first: Vec<(u8, u8, u8)> =
        bus.sent.iter().map(|sent| (sent.unit(), sent.function(), sent.frame[3])).collect();
    assert_eq!(
        first[..6],
        [(1, 5, 2), (1, 5, 5), (2, 5, 0), (1, 1, 2), (2, 2, 0), (2, 1, 0)],
        "every OFF of every unit, then the readings"
    );
    assert_eq!(bus.sent.iter().filter(|sent| sent.function() == 5).count(), 3, "once is enough");
    assert!(!bus.boards[&1].coils[&2] && !bus.boards[&1].coils[&5] && !bus.boards[&2].coils[&0]);
    assert!(bus.boards[&1].coils[&3], "no other coil is touched");
    let opened = bus.sent.len();
    bus.driver.closed(bus.now);
    bus.run(ms(50));
    bus.open();
    bus.run_until_sent(opened + 3);
    assert!(bus.sent[opened..].iter().all(|sent| sent.function() == 5), "after every opening");
}

#[test]
fn a_lost_off_is_written_again_each_cycle() {
    for (deaf, mute) in [(4, 0), (0, 2), (2, 1)] {
        let mut bus = Bus::opened(&nothing(), &[door(1)]);
        let board = bus.board(1);
        board.coils.insert(0, true);
        board.deaf_writes = deaf;
        board.mute_writes = mute;
        bus.run(ms(3000));
        let writes = bus.asked(1, 5);
        assert_eq!(writes.len(), usize::try_from(deaf.max(mute)).unwrap() + 1, "{deaf} {mute}");
        assert!(!bus.boards[&1].coils[&0]);
        assert!(gaps(&writes).iter().all(|gap| *gap >= ms(75)), "once a cycle: {writes:?}");
        assert!(gaps(&writes).iter().all(|gap| *gap <= ms(180)), "each cycle: {writes:?}");
    }
}

#[test]
fn a_write_that_is_refused_goes_on_at_the_pace_of_the_cycles() {
    let mut bus = Bus::opened(&nothing(), &[door(1)]);
    bus.board(1).refuses.insert(5, 2);
    bus.run(ms(10_000));
    let writes = bus.asked(1, 5);
    assert!((95..=101).contains(&writes.len()), "{}", writes.len());
    assert_eq!(bus.faults().len(), 1);
    assert!(as_json(&bus.whats("e0")).contains(&position("open")), "its inputs are read");
}

#[test]
fn a_relay_that_stays_on_is_switched_off() {
    let pulse = json!({ "unit": 1, "relay": {
        "open": { "coil": 0, "pulse": { "function": 6, "register": 0, "value": 0x0600 } } } });
    for (endpoint, bound) in [(door(1), 500), (pulse, 10_000)] {
        let mut bus = Bus::opened(&nothing(), &[endpoint]);
        bus.run(ms(1000));
        bus.observations();
        let writes = bus.asked(1, 5).len();
        // Short of its time it is left alone.
        bus.board(1).coils.insert(0, true);
        bus.run(ms(bound - 200));
        bus.board(1).coils.insert(0, false);
        bus.run(ms(1000));
        assert_eq!(bus.asked(1, 5).len(), writes);
        assert_eq!(bus.observations(), []);

        bus.board(1).coils.insert(0, true);
        bus.board(1).deaf_writes = 3;
        let begun = bus.now;
        bus.run(ms(bound + 2000));
        let later = bus.asked(1, 5).split_off(writes);
        assert_eq!(later.len(), 4, "until it is read as off");
        let after = later[0].checked_sub(begun).unwrap();
        assert!((ms(bound)..ms(bound + 250)).contains(&after), "{after:?}");
        assert_eq!(
            as_json(&bus.whats("e0")),
            [json!({ "kind": "anomaly", "field": "relay.open", "detail": "relay stayed on" })],
            "told once"
        );
    }
}

#[test]
fn commands() {
    let endpoint = json!({
        "unit": 3,
        "closed": { "input": 0, "contact": "normally_open" },
        "open": { "input": 1, "contact": "normally_open" },
        "relay": {
            "open": { "coil": 0, "max_hold_ms": 700 },
            "unlock": { "coil": 1, "pulse": { "function": 5, "register": 0x0201, "value": 5 } },
            "lock": { "coil": 2, "pulse": { "function": 6, "register": 2, "value": 0x0600 } },
            "toggle": { "coil": 3, "max_hold_ms": 500 },
        },
    });
    let bus = Bus::new(&nothing(), &[endpoint]);
    let step = |after, body: &[u8]| Step { after: ms(after), frame: sealed(body) };
    let command = |act| bus.driver.command("e0", act);
    assert_eq!(
        command(Act::Open),
        Ok(vec![step(0, &[3, 5, 0, 0, 0xff, 0]), step(700, &[3, 5, 0, 0, 0, 0])])
    );
    assert_eq!(command(Act::Unlock), Ok(vec![step(0, &[3, 5, 2, 1, 0, 5])]));
    assert_eq!(command(Act::Lock), Ok(vec![step(0, &[3, 6, 0, 2, 6, 0])]));
    for act in [Act::Close, Act::Stop] {
        assert_eq!(command(act), Err(CannotAct::NoSafeForm(act)), "a toggle is no form of it");
    }
    assert_eq!(bus.driver.command("e1", Act::Open), Err(CannotAct::UnknownDevice("e1".to_owned())));
}
