//! What holds on a Modbus line whatever comes over it. Shared by the property tests and the fuzz
//! target.
//!
//! Three units: 1 does what the script says, 2 answers always, 3 never.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use doorward_translators::ecosystem::open;
use doorward_translators::{
    EndpointSetup, LineDriver, MAX_DETAIL, MAX_LINE_RAW, MAX_OBSERVATIONS, Position, Quality,
    RefusalReason, Report, Setup, What, Wire,
};

/// The longest that a unit that answers may wait for its next question: a cycle in which each of
/// the nine other questions waits for quiet in vain and then runs into its time-out.
const LONGEST_PAUSE: Duration = Duration::from_millis(100 + 10 * 230);

/// Most reports of one call, with three units.
const MAX_REPORTS: usize = 3 + 64;

/// The longest script that is read.
const MAX_SCRIPT: usize = 4096;

const ENDPOINTS: &str = r#"[
    { "unit": 1,
      "closed": { "input": 0, "contact": "normally_open" },
      "open": { "input": 1, "contact": "normally_closed" },
      "obstruction": { "input": 2, "contact": "normally_open" },
      "relay": { "open": { "coil": 0, "max_hold_ms": 500 },
                 "close": { "coil": 1, "pulse": { "function": 6, "register": 9, "value": 5 } } } },
    { "unit": 2,
      "closed": { "input": 0, "contact": "normally_open" },
      "relay": { "unlock": { "coil": 4, "max_hold_ms": 500 } } },
    { "unit": 3, "lock": { "input": 0, "contact": "normally_open" } }
]"#;

/// What a script has led to, so that a test can tell that it led somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    Closed,
    Fault,
    Died,
    CameBack,
    Refused,
    Garbage,
    StayedOn,
}

/// Runs a script and panics where the driver breaks a promise. Each order is a byte, with what
/// follows it: see [`Run::order`].
pub fn hold_for_input(script: &[u8]) -> BTreeSet<Seen> {
    let mut run = Run::new();
    let mut script = script.iter().copied().take(MAX_SCRIPT);
    while let (Some(order), Some(value)) = (script.next(), script.next()) {
        run.order(order, value, &mut script);
    }
    run.wait(Duration::from_secs(3));
    run.seen
}

struct Run {
    driver: Box<dyn LineDriver>,
    now: Duration,
    is_open: bool,
    /// The last question to unit 1, until it is answered.
    asked: Option<Vec<u8>>,
    /// When unit 2 answers, and what.
    answer: Option<(Duration, Vec<u8>)>,
    last_question: Duration,
    /// Coils that were written OFF since the line stands.
    written: Vec<(u8, u8)>,
    /// The last bytes since the line stands, and how many valid readings of units 1 and 2 with an
    /// active closed limit were in all of them.
    heard: Vec<u8>,
    closed_readings: [usize; 2],
    /// Functions of which a valid reading of unit 1 has come since the line stands.
    read: BTreeSet<u8>,
    garbage_told: BTreeMap<String, Duration>,
    online: BTreeMap<String, bool>,
    has_died: bool,
    seen: BTreeSet<Seen>,
}

impl Run {
    fn new() -> Self {
        let endpoints: Vec<serde_json::Map<String, serde_json::Value>> =
            serde_json::from_str(ENDPOINTS).expect("tables");
        let endpoints = endpoints
            .into_iter()
            .enumerate()
            .map(|(index, settings)| EndpointSetup {
                identity: format!("i{index}"),
                address: format!("e{index}"),
                settings,
            })
            .collect();
        let setup = Setup { ecosystem: "modbus".to_owned(), endpoints, ..Setup::default() };
        let Ok(opened) = open(&setup) else { panic!("a good setup") };
        let Wire::Serial(driver) = opened.wire else { panic!("a serial ecosystem") };
        let mut run = Self {
            driver,
            now: Duration::ZERO,
            is_open: false,
            asked: None,
            answer: None,
            last_question: Duration::ZERO,
            written: Vec::new(),
            heard: Vec::new(),
            closed_readings: [0; 2],
            read: BTreeSet::new(),
            garbage_told: BTreeMap::new(),
            online: BTreeMap::new(),
            has_died: false,
            seen: BTreeSet::new(),
        };
        run.turn();
        assert_eq!(run.online.len(), 3, "before the first line nobody can be reached");
        run.open();
        run
    }

    fn order(&mut self, order: u8, value: u8, script: &mut impl Iterator<Item = u8>) {
        match order % 8 {
            0 => self.wait(Duration::from_millis(u64::from(value) * 4)),
            1 => {
                let bytes: Vec<u8> = script.take(usize::from(value % 40)).collect();
                self.hear(&bytes);
            }
            2 | 3 => self.answer(|question| good_answer(question, value)),
            4 => self.answer(|question| sealed(&[question[0], question[1] | 0x80, value])),
            5 => self.answer(|question| {
                let mut answer = good_answer(question, value);
                let at = usize::from(value) % answer.len();
                answer[at] ^= 1 << (value % 8);
                answer
            }),
            6 => self.hear(&vec![value; usize::from(value) * 8]),
            _ => match value % 5 {
                0 => self.open(),
                1 => self.close(),
                2 => self.driver.read_again("e0"),
                3 => self.hear(&sealed(&[1, 2, 1, value >> 4])),
                // Long enough that a dead unit is asked.
                _ => self.wait(Duration::from_secs(35)),
            },
        }
        self.wait(Duration::from_millis(1));
    }

    fn open(&mut self) {
        self.is_open = true;
        self.last_question = self.now;
        self.written.clear();
        self.heard.clear();
        self.closed_readings = [0; 2];
        self.read.clear();
        self.has_died = false;
        self.garbage_told.clear();
        self.asked = None;
        self.answer = None;
        self.driver.opened(self.now);
        self.turn();
    }

    fn close(&mut self) {
        self.is_open = false;
        self.driver.closed(self.now);
        assert_eq!(self.driver.deadline(), None);
        self.turn();
        assert_eq!(self.online.values().filter(|online| !**online).count(), 3);
    }

    fn answer(&mut self, answer: impl Fn(&[u8]) -> Vec<u8>) {
        // To the question that comes next, if there is none.
        for _ in 0..50 {
            if self.asked.is_some() {
                break;
            }
            self.wait(Duration::from_millis(5));
        }
        self.wait(Duration::from_millis(16));
        if let Some(question) = self.asked.take() {
            self.hear(&answer(&question));
        }
    }

    fn hear(&mut self, bytes: &[u8]) {
        if self.is_open {
            self.heard.extend_from_slice(bytes);
            self.count_closed(bytes.len());
        }
        self.driver.received(self.now, bytes);
        self.turn();
    }

    /// Counts the readings with an active closed limit that end in the newest bytes.
    fn count_closed(&mut self, new: usize) {
        let known = self.heard.len() - new;
        for end in known + 1..=self.heard.len() {
            let Some(start) = end.checked_sub(6) else { continue };
            let frame = &self.heard[start..end];
            let unit = usize::from(frame[0]);
            if unit == 1 && frame[2] == 1 && sealed(&frame[..4]) == frame {
                self.read.insert(frame[1]);
            }
            let is_reading = matches!(unit, 1 | 2) && frame[1..3] == [2, 1];
            if is_reading && frame[3] & 1 == 1 && sealed(&frame[..4]) == frame {
                self.closed_readings[unit - 1] += 1;
            }
        }
        let beyond = self.heard.len().saturating_sub(8);
        self.heard.drain(..beyond);
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let events = [self.driver.deadline(), self.answer.as_ref().map(|(at, _)| *at)];
            let Some(next) = events.into_iter().flatten().min().filter(|at| *at <= end) else {
                break;
            };
            assert!(next >= self.now);
            self.now = next;
            if let Some((_, answer)) = self.answer.take_if(|(at, _)| *at <= next) {
                self.hear(&answer);
            } else {
                self.turn();
            }
        }
        self.now = end;
        self.turn();
    }

    fn turn(&mut self) {
        let mut frames = 0;
        while let Some(frame) = self.driver.transmit(self.now) {
            self.sent(&frame);
            frames += 1;
        }
        assert!(frames <= 1, "one question at a time");
        match self.driver.deadline() {
            Some(deadline) => assert!(deadline > self.now, "no busy loop"),
            None => assert!(!self.is_open, "an open line is asked"),
        }
        if self.is_open {
            let pause = self.now.saturating_sub(self.last_question);
            assert!(pause <= LONGEST_PAUSE, "unit 2 was not asked for {pause:?}");
        }
        let reports = self.driver.reports(self.now);
        assert!(reports.len() <= MAX_REPORTS);
        for report in &reports {
            self.told(report);
        }
        assert_eq!(self.driver.reports(self.now), [], "each state is told once");
    }

    fn sent(&mut self, frame: &[u8]) {
        assert!(self.is_open);
        assert_eq!(frame, sealed(&frame[..6]));
        let (unit, function) = (frame[0], frame[1]);
        let owed: &[(u8, u8)] = match unit {
            1 => &[(1, 0), (1, 1)],
            2 => &[(2, 4)],
            3 => &[],
            other => panic!("unit {other} is nobody's"),
        };
        if function == 5 {
            assert_eq!(frame[4..6], [0, 0], "nothing but OFF is written");
            assert!(owed.contains(&(unit, frame[3])) && frame[2] == 0, "to relays alone");
            self.written.push((unit, frame[3]));
        } else {
            assert!(matches!(function, 1 | 2));
            assert!(
                self.written.iter().any(|(of, _)| *of == unit) || owed.is_empty(),
                "OFF goes before any reading"
            );
        }
        match unit {
            1 => self.asked = Some(frame.to_vec()),
            2 => {
                if function == 2 {
                    self.last_question = self.now;
                }
                let at = self.now + Duration::from_millis(20);
                self.answer = Some((at, good_answer(frame, 0)));
            }
            _ => {}
        }
    }

    fn told(&mut self, report: &Report) {
        assert!(report.observations.len() <= MAX_OBSERVATIONS);
        assert!(self.is_open || report.fault.is_none());
        for observation in &report.observations {
            let address = observation.address.as_str();
            assert!(matches!(address, "e0" | "e1" | "e2"));
            let is_offline = matches!(observation.what, What::Availability { online: false, .. });
            assert!(self.is_open || is_offline, "without a line no more is told");
            match &observation.what {
                What::Position { position, quality } => {
                    assert_eq!(*quality, Quality::Reported);
                    if *position == Position::Closed {
                        // Unit 2 never says so itself, but the script may in its name.
                        let readings = self.closed_readings[usize::from(address == "e1")];
                        assert!(readings >= 2, "closed was never read");
                        self.seen.insert(Seen::Closed);
                    }
                    if *position == Position::Fault {
                        self.seen.insert(Seen::Fault);
                    }
                }
                What::Availability { online, .. } => {
                    let before = self.online.insert(address.to_owned(), *online);
                    assert!(
                        self.is_open || before != Some(false),
                        "without a line it is told once that nobody can be reached"
                    );
                    if address == "e0" {
                        assert!(
                            !online || [1, 2].iter().all(|function| self.read.contains(function)),
                            "online is what was read whole"
                        );
                        if !self.is_open {
                            // That of the line is no death.
                        } else if !online {
                            self.has_died = true;
                            self.seen.insert(Seen::Died);
                        } else if self.has_died {
                            self.seen.insert(Seen::CameBack);
                        }
                    }
                }
                What::Alarm { active, .. } => assert!(address == "e0" || active.is_none()),
                What::Anomaly { field, detail } => {
                    assert!(field.starts_with("relay.") && detail.len() <= MAX_DETAIL);
                    self.seen.insert(Seen::StayedOn);
                }
                What::Lock { state, .. } => {
                    assert_eq!((address, state.as_str()), ("e2", "unknown"), "forged exceptions");
                }
                other => panic!("{other:?} is nothing that a board says"),
            }
        }
        if let Some(fault) = &report.fault {
            assert!(fault.raw.len() <= MAX_LINE_RAW && fault.detail.len() <= MAX_DETAIL);
            if fault.reason == RefusalReason::MalformedFrame {
                self.seen.insert(Seen::Garbage);
                let before = self.garbage_told.insert(report.source.clone(), self.now);
                let second = Duration::from_secs(1);
                assert!(before.is_none_or(|before| self.now - before >= second));
            } else {
                assert_eq!(fault.reason, RefusalReason::DeviceException);
                self.seen.insert(Seen::Refused);
            }
        }
    }
}

/// An answer to `question` with these bits.
fn good_answer(question: &[u8], bits: u8) -> Vec<u8> {
    match question[1] {
        1 | 2 => sealed(&[question[0], question[1], 1, bits]),
        _ => question.to_vec(),
    }
}

fn sealed(body: &[u8]) -> Vec<u8> {
    let sum =
        body.iter().fold(0xffff_u16, |sum, byte| {
            (0..8).fold(sum ^ u16::from(*byte), |sum, _| {
                if sum & 1 == 1 { sum >> 1 ^ 0xa001 } else { sum >> 1 }
            })
        });
    let mut frame = body.to_vec();
    frame.extend(sum.to_le_bytes());
    frame
}
