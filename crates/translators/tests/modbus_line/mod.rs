//! A line in virtual time: the driver on one side, boards on the other. Whatever a test does, the
//! line itself checks the silence before each frame, that no question comes before the last one's
//! end, that nothing but OFF is written unless acts are expected, and that the driver never wants to
//! be called at once again.

#![allow(dead_code, reason = "each test uses its part")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use doorward_translators::ecosystem::open;
use doorward_translators::{
    EndpointSetup, LineDriver, Observation, Report, Setup, Transport, What, Wire, ecosystem,
};
use serde_json::{Map, Value, json};

pub const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The checksum by its definition, bit by bit: not the driver's.
pub fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |sum, byte| {
        (0..8).fold(
            sum ^ u16::from(*byte),
            |sum, _| {
                if sum & 1 == 1 { sum >> 1 ^ 0xa001 } else { sum >> 1 }
            },
        )
    })
}

pub fn sealed(body: &[u8]) -> Vec<u8> {
    let mut frame = body.to_vec();
    frame.extend(crc(body).to_le_bytes());
    frame
}

/// A vendor's file: `[settings]` and the endpoints' tables, each with the address `e<index>`.
pub fn setup(settings: &Value, endpoints: &[Value]) -> Setup {
    let table = |value: &Value| value.as_object().cloned().unwrap_or_default();
    assert_eq!(ecosystem::transport("modbus"), Transport::Serial);
    Setup {
        ecosystem: "modbus".to_owned(),
        profile: None,
        settings: table(settings),
        endpoints: endpoints
            .iter()
            .enumerate()
            .map(|(index, value)| EndpointSetup {
                identity: format!("door-{index}"),
                address: format!("e{index}"),
                settings: table(value),
            })
            .collect(),
    }
}

pub fn driver(setup: &Setup) -> Box<dyn LineDriver> {
    match open(setup) {
        Ok(opened) => {
            assert_eq!(opened.warnings, []);
            let Wire::Serial(driver) = opened.wire else { panic!("a serial ecosystem") };
            driver
        }
        Err(faults) => panic!("{faults:?}"),
    }
}

/// An endpoint with a closed limit at input 0 and an opening relay at coil 0.
pub fn door(unit: u8) -> Value {
    json!({
        "unit": unit,
        "closed": { "input": 0, "contact": "normally_open" },
        "relay": { "open": { "coil": 0, "max_hold_ms": 500 } },
    })
}

/// The same without the relay.
pub fn contact(unit: u8) -> Value {
    json!({ "unit": unit, "closed": { "input": 0, "contact": "normally_open" } })
}

/// A board.
#[derive(Debug, Default, Clone)]
pub struct Board {
    pub inputs: BTreeMap<u16, bool>,
    pub coils: BTreeMap<u16, bool>,
    pub silent: bool,
    /// Functions to which it is silent. It does what they say all the same.
    pub silent_to: BTreeSet<u8>,
    /// Beyond the 5 ms that every board takes.
    pub late: Duration,
    /// Exception codes by function.
    pub refuses: BTreeMap<u8, u8>,
    /// How many more writes it does not do; it answers them all the same.
    pub deaf_writes: u32,
    /// How many more writes it does, but does not answer.
    pub mute_writes: u32,
    /// Put around the next answers.
    pub before: Vec<u8>,
    pub behind: Vec<u8>,
    /// Turned over in the next answers.
    pub flip: Option<usize>,
}

impl Board {
    fn answer(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        let function = request[1];
        let word = |at: usize| u16::from_be_bytes([request[at], request[at + 1]]);
        let (first, value) = (word(2), word(4));
        if self.silent {
            return None;
        }
        if let Some(code) = self.refuses.get(&function) {
            return Some(sealed(&[request[0], function | 0x80, *code]));
        }
        if self.silent_to.contains(&function) {
            if function == 5 {
                self.coils.insert(first, value == 0xff00);
            }
            return None;
        }
        match function {
            1 | 2 => {
                let bits = if function == 1 { &self.coils } else { &self.inputs };
                let mut bytes = vec![0_u8; usize::from(value.div_ceil(8))];
                for n in 0..value {
                    if bits.get(&(first + n)).copied().unwrap_or(false) {
                        bytes[usize::from(n / 8)] |= 1 << (n % 8);
                    }
                }
                let head = [request[0], function, u8::try_from(bytes.len()).unwrap()];
                Some(sealed(&[&head[..], &bytes].concat()))
            }
            5 => {
                if self.deaf_writes > 0 {
                    self.deaf_writes -= 1;
                } else {
                    self.coils.insert(first, value == 0xff00);
                }
                if self.mute_writes > 0 {
                    self.mute_writes -= 1;
                    return None;
                }
                Some(request.to_vec())
            }
            6 => Some(request.to_vec()),
            other => panic!("function {other} is never asked"),
        }
    }
}

/// A request as it went out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub at: Duration,
    pub frame: Vec<u8>,
}

impl Sent {
    pub fn unit(&self) -> u8 {
        self.frame[0]
    }

    pub fn function(&self) -> u8 {
        self.frame[1]
    }
}

pub struct Bus {
    pub driver: Box<dyn LineDriver>,
    pub now: Duration,
    pub boards: BTreeMap<u8, Board>,
    pub sent: Vec<Sent>,
    pub told: Vec<(Duration, Report)>,
    /// Each byte comes alone.
    pub split: bool,
    arriving: VecDeque<(Duration, Vec<u8>)>,
    last_byte: Duration,
    character: Duration,
    silence: Duration,
    /// Whether the silence is checked: noise makes it impossible.
    pub strict: bool,
    /// Whether acts are expected: else nothing but OFF is written.
    pub acts: bool,
}

impl Bus {
    /// At 9600 baud, with a board for each unit.
    pub fn new(settings: &Value, endpoints: &[Value]) -> Self {
        let boards = endpoints
            .iter()
            .map(|e| (u8::try_from(e["unit"].as_u64().unwrap()).unwrap(), Board::default()))
            .collect();
        Self {
            driver: driver(&setup(settings, endpoints)),
            now: Duration::ZERO,
            boards,
            sent: Vec::new(),
            told: Vec::new(),
            split: false,
            arriving: VecDeque::new(),
            last_byte: Duration::ZERO,
            character: Duration::from_secs(11) / 9600,
            silence: Duration::from_micros(4010),
            strict: true,
            acts: false,
        }
    }

    pub fn opened(settings: &Value, endpoints: &[Value]) -> Self {
        let mut bus = Self::new(settings, endpoints);
        bus.open();
        bus
    }

    pub fn open(&mut self) {
        self.last_byte = self.now;
        self.arriving.clear();
        self.driver.opened(self.now);
    }

    pub fn board(&mut self, unit: u8) -> &mut Board {
        self.boards.get_mut(&unit).unwrap()
    }

    /// Bytes from nowhere, at a time from now.
    pub fn noise(&mut self, after: Duration, bytes: &[u8]) {
        self.arrive(self.now + after, bytes.to_vec());
    }

    fn arrive(&mut self, at: Duration, bytes: Vec<u8>) {
        let place = self.arriving.partition_point(|(other, _)| *other <= at);
        self.arriving.insert(place, (at, bytes));
    }

    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.turn();
            let deadline = self.driver.deadline();
            let arrival = self.arriving.front().map(|(at, _)| *at);
            let next = deadline.into_iter().chain(arrival).min();
            match next {
                Some(next) if next <= end => self.now = next,
                _ => break,
            }
        }
        self.now = end;
        self.turn();
    }

    /// Until this much was sent.
    pub fn run_until_sent(&mut self, count: usize) {
        for _ in 0..100_000 {
            if self.sent.len() >= count {
                return;
            }
            self.run(ms(1));
        }
        panic!("no more is sent: {:?}", self.sent);
    }

    fn turn(&mut self) {
        while self.arriving.front().is_some_and(|(at, _)| *at <= self.now) {
            let (_, bytes) = self.arriving.pop_front().unwrap();
            self.last_byte = self.now;
            self.driver.received(self.now, &bytes);
        }
        while let Some(frame) = self.driver.transmit(self.now) {
            self.takes(frame);
        }
        if let Some(deadline) = self.driver.deadline() {
            assert!(deadline > self.now, "{deadline:?} is not after {:?}", self.now);
        }
        for report in self.driver.reports(self.now) {
            assert!(report.observations.len() <= 32);
            assert!(!report.observations.is_empty() || report.fault.is_some());
            self.told.push((self.now, report));
        }
    }

    fn takes(&mut self, frame: Vec<u8>) {
        assert_eq!(frame.len(), 8);
        assert_eq!(sealed(&frame[..6]), frame);
        let is_off = frame[1] == 5 && frame[4..6] == [0, 0];
        assert!(self.acts || matches!(frame[1], 1 | 2) || is_off, "{frame:?}");
        if self.strict {
            assert!(self.now >= self.last_byte + self.silence, "silence at {:?}", self.now);
        }
        let written = self.now + self.character * 8;
        self.last_byte = self.last_byte.max(written);
        if let Some(board) = self.boards.get_mut(&frame[0])
            && let Some(mut answer) = board.answer(&frame)
        {
            if let Some(at) = board.flip {
                answer[at] ^= 0x10;
            }
            let answer = [&board.before[..], &answer, &board.behind].concat();
            let start = written + ms(5) + board.late;
            if self.split {
                for (n, byte) in (1..).zip(&answer) {
                    self.arrive(start + self.character * n, vec![*byte]);
                }
            } else {
                let end = start + self.character * u32::try_from(answer.len()).unwrap();
                self.arrive(end, answer);
            }
        }
        self.sent.push(Sent { at: self.now, frame });
    }

    /// What was told since this was last asked.
    pub fn observations(&mut self) -> Vec<Observation> {
        self.told.drain(..).flat_map(|(_, report)| report.observations).collect()
    }

    /// As above, of one endpoint.
    pub fn whats(&mut self, address: &str) -> Vec<What> {
        let found = self.observations();
        found.into_iter().filter(|o| o.address == address).map(|o| o.what).collect()
    }

    /// Times at which a function of a unit was asked.
    pub fn asked(&self, unit: u8, function: u8) -> Vec<Duration> {
        let of = |sent: &&Sent| sent.unit() == unit && sent.function() == function;
        self.sent.iter().filter(of).map(|sent| sent.at).collect()
    }

    pub fn faults(&self) -> Vec<(Duration, String, doorward_translators::LineFault)> {
        self.told
            .iter()
            .filter_map(|(at, report)| Some((*at, report.source.clone(), report.fault.clone()?)))
            .collect()
    }
}

/// As JSON, to compare with what stands in a table of a test.
pub fn as_json(whats: &[What]) -> Vec<Value> {
    whats.iter().map(|what| serde_json::to_value(what).unwrap()).collect()
}

pub fn online(online: bool) -> Value {
    json!({ "kind": "availability", "part": "unit", "online": online })
}

pub fn position(position: &str) -> Value {
    json!({ "kind": "position", "position": position, "quality": "reported" })
}

/// An empty table.
pub fn nothing() -> Value {
    Value::Object(Map::new())
}

/// The pauses between these times.
pub fn gaps(times: &[Duration]) -> Vec<Duration> {
    times.windows(2).map(|two| two[1].checked_sub(two[0]).unwrap()).collect()
}
