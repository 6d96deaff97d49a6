//! A serial line with faults of every sort, beside a broker at a high rate: neither is the worse
//! for the other.

use std::time::Duration;

use jiff::Timestamp;
use rumqttc::v5::mqttbytes::QoS;
use serde_json::json;

use crate::kill::{check, seed, wait_for_all};
use crate::modbus::{Line, start_beside};
use crate::support::device::Devices;
use crate::support::wait_for;

const DOORS: usize = 20;

/// Moves in `make test`; `make soak` sets more.
fn moves() -> usize {
    std::env::var("DOORWARD_SERIAL_MOVES").map_or(8, |text| text.parse().unwrap())
}

/// What happens to the line while gate 1 moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Nothing,
    Garbage,
    WrongChecksums,
    DeadSibling,
    RefusingSibling,
    RelayLeftOn,
    ShortSilence,
    Unplugged,
}

impl Trouble {
    const ALL: [Self; 8] = [
        Self::Nothing,
        Self::Garbage,
        Self::WrongChecksums,
        Self::DeadSibling,
        Self::RefusingSibling,
        Self::RelayLeftOn,
        Self::ShortSilence,
        Self::Unplugged,
    ];

    /// Whether each step of the move must be seen all the same.
    fn hides_nothing(self) -> bool {
        !matches!(self, Self::Unplugged | Self::ShortSilence)
    }

    fn begin(self, line: &mut Line) {
        let boards = &mut line.boards;
        match self {
            Self::Nothing => {}
            Self::Garbage => boards.order(&json!({"do": "garbage", "hex": "0001ffee5aa5010203"})),
            Self::WrongChecksums => boards.order(&json!({"do": "corrupt", "n": 1})),
            Self::DeadSibling => boards.order(&json!({"do": "dead", "unit": 2})),
            Self::RefusingSibling => {
                boards.order(&json!({"do": "exception", "unit": 2, "code": 2}));
            }
            Self::RelayLeftOn => {
                boards.order(&json!({"do": "lose_off", "unit": 2, "n": 1}));
                boards.order(&json!({"do": "stuck", "unit": 2, "coil": 0}));
            }
            Self::ShortSilence => boards.order(&json!({"do": "silence"})),
            Self::Unplugged => boards.order(&json!({"do": "unplug"})),
        }
    }

    fn end(self, line: &mut Line) {
        let boards = &mut line.boards;
        match self {
            Self::DeadSibling => boards.order(&json!({"do": "alive", "unit": 2})),
            Self::RefusingSibling => boards.order(&json!({"do": "exception", "unit": 2})),
            Self::ShortSilence => boards.order(&json!({"do": "silence", "on": false})),
            Self::Unplugged => boards.order(&json!({"do": "replug"})),
            _ => {}
        }
    }
}

#[test]
fn a_line_in_trouble_and_a_busy_broker_do_not_notice_each_other() {
    let seed = seed();
    let moves = moves();
    println!("seed {seed}, {moves} moves");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut line = start_beside(DOORS);
    line.gateway.connected();
    line.is(1, "closed", "observed");
    line.is(2, "closed", "observed");
    let busy =
        Devices::start(line.broker.port, DOORS, Duration::from_micros(500), QoS::AtLeastOnce);
    let begun = std::time::Instant::now();
    let mut expected = vec!["closed"];
    let mut delays = Vec::new();
    for number in 0..moves {
        // Each trouble in turn at first, so that none is left out by chance.
        let trouble = Trouble::ALL
            .get(number)
            .copied()
            .unwrap_or_else(|| Trouble::ALL[random.usize(..Trouble::ALL.len())]);
        let (way, to) = if number % 2 == 0 { ("opening", "open") } else { ("closing", "closed") };
        let so_far = line.boards.said().len();
        let told = line.told(1).len();
        trouble.begin(&mut line);
        line.boards.moves(1, to, random.f64().mul_add(0.4, 2.4));
        let arrived = line.boards.says("moved", so_far, |said| said["to"] == to);
        trouble.end(&mut line);
        line.is(1, to, "observed");
        let steps = wait_for("the move is told", Duration::from_secs(30), || {
            let steps = line.told(1).split_off(told);
            (steps.last().map(String::as_str) == Some(to)).then_some(steps)
        });
        if trouble.hides_nothing() {
            assert_eq!(steps, [way, to], "move {number}, {trouble:?}");
            delays.push(delay(&line, to, arrived["time"].as_f64().unwrap()));
        }
        expected.extend(steps.iter().map(|step| match step.as_str() {
            "opening" => "opening",
            "open" => "open",
            "closing" => "closing",
            "closed" => "closed",
            other => panic!("move {number}, {trouble:?}: {other}"),
        }));
        line.is_online(2, true);
    }
    let took = begun.elapsed();
    let record = busy.finish();
    wait_for_all(&record, &line.sink);
    let figures = check(&record, &line.sink.accepted());
    assert_eq!(line.told(1), expected, "nothing else was told of the gate");
    let switched_on =
        line.boards.said().iter().any(|said| said["event"] == "coil" && said["on"] == true);
    assert!(!switched_on, "nothing may switch a relay on");
    delays.sort_unstable();
    let at = |part: usize| delays[(delays.len() - 1) * part / 100];
    println!(
        "{moves} moves, each told step by step but where the line was gone or silent; from the limit \
         to the durable event: p50 {} ms, p99 {} ms, most {} ms; {} acts over the broker meanwhile, \
         {:.0}/s, all told",
        at(50),
        at(99),
        at(100),
        figures.acts,
        f64::from(u32::try_from(figures.acts).unwrap()) / took.as_secs_f64(),
    );
}

/// Milliseconds from the limit's contact to the event being durable.
fn delay(line: &Line, to: &str, arrived: f64) -> i128 {
    let events = line.sink.of_type("entry.position_changed");
    let event = events
        .iter()
        .rev()
        .find(|event| {
            event.detail["entry_id"] == "gate-1" && event.detail["data"]["position"] == to
        })
        .unwrap();
    let recorded: Timestamp =
        event.detail["gateway"]["recorded_at"].as_str().unwrap().parse().unwrap();
    let arrived = jiff::SignedDuration::try_from_secs_f64(arrived).unwrap();
    recorded.duration_since(Timestamp::UNIX_EPOCH + arrived).as_millis()
}
