//! Made-up histories: devices act, the broker delivers, the power goes, the bus answers or not.
//! Whatever happened, in the end every act is told exactly once.
//!
//! `DOORWARD_SIM_SEED` repeats a run, `DOORWARD_SIM_CASES` says how many histories it has.

use std::collections::BTreeMap;
use std::time::Duration;

use doorward::domain::ids::VendorId;
use doorward::gateway::{Input, VendorChange};
use doorward::journal::Bounds;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::broker::Broker;
use crate::house::{House, VENDOR, entries};
use crate::oracle::{Devices, Oracle};

/// One step of a history.
#[derive(Debug, Clone)]
enum Step {
    /// A device does something, or repeats itself: which device, and two details.
    Act(u8, u8, u8),
    /// The broker hands over up to so many messages.
    Deliver(usize),
    Commit,
    /// The power goes: before the commit, or after it while so many acknowledgements had left.
    Crash(Option<u8>),
    /// The vendor process ends and another one starts.
    Relink,
    /// The bus accepts some events, or refuses one for good.
    Answer {
        which: u8,
        refuse: bool,
    },
    Pass(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (0..5u8, any::<u8>(), any::<u8>()).prop_map(|(device, a, b)| Step::Act(device, a, b)),
        6 => (1..8usize).prop_map(Step::Deliver),
        4 => Just(Step::Commit),
        1 => proptest::option::of(0..6u8).prop_map(Step::Crash),
        1 => Just(Step::Relink),
        3 => (any::<u8>(), proptest::bool::weighted(0.2))
            .prop_map(|(which, refuse)| Step::Answer { which, refuse }),
        1 => (0..20_000u16).prop_map(Step::Pass),
    ]
}

struct Run {
    house: House,
    broker: Broker,
    devices: Devices,
    oracle: Oracle,
    /// Answers of the bus that are in the batch in hand; true: refused.
    answers: BTreeMap<u64, bool>,
}

impl Run {
    fn new(seed: u64, prelude: u8) -> Self {
        // No history: what is delivered leaves the file, so that trimming is put to the test.
        let bounds = Bounds { history_seconds: 0, ..Bounds::default() };
        let mut house = House::with(entries(), bounds, seed);
        house.connect();
        let mut run = Self {
            house,
            broker: Broker::default(),
            devices: Devices::default(),
            oracle: Oracle::default(),
            answers: BTreeMap::new(),
        };
        run.commit();
        run.relink();
        // So many that the file is trimmed when they are delivered.
        (0..prelude).for_each(|n| run.step(&Step::Act(0, n, 0)));
        run.deliver(usize::MAX);
        run.commit();
        run.broker.acknowledge(run.house.acknowledged);
        run
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Act(device, a, b) => {
                self.pass(10);
                let (message, acts) = self.devices.act(device, a, b, self.house.now.wall);
                self.oracle.expect(acts);
                self.broker.publish(message);
            }
            Step::Deliver(most) => self.deliver(most),
            Step::Commit => {
                self.commit();
                self.broker.acknowledge(self.house.acknowledged);
            }
            Step::Crash(left) => {
                if let Some(left) = left {
                    self.commit();
                    self.broker.acknowledge(self.house.acknowledged.min(left.into()));
                }
                self.answers.clear();
                self.house.crash();
                self.oracle.check_waiting(&self.house.journal);
                self.link_up();
            }
            Step::Relink => self.relink(),
            Step::Answer { which, refuse } => {
                // All of them, or every third.
                let (all, rest) = (which.is_multiple_of(2), u64::from(which) % 3);
                self.answer(|n| all || n % 3 == rest, refuse);
            }
            Step::Pass(milliseconds) => self.pass(milliseconds.into()),
        }
    }

    /// Deadlines in that time are met, and committed as they come.
    fn pass(&mut self, milliseconds: u64) {
        self.house.pass(Duration::from_millis(milliseconds));
        self.committed();
        self.broker.acknowledge(self.house.acknowledged);
    }

    fn deliver(&mut self, most: usize) {
        for _ in 0..most {
            let Some(message) = self.broker.deliver() else { return };
            let signal = self.house.wire.signal(&message, self.house.now.wall);
            self.house.step(Input::Signal { vendor: VendorId::new(VENDOR), signal });
        }
    }

    fn commit(&mut self) {
        self.house.commit();
        self.committed();
    }

    fn committed(&mut self) {
        if self.house.batch.finished.is_empty() {
            self.oracle.finished(std::mem::take(&mut self.answers));
        }
        self.oracle.take(self.house.told());
        self.oracle.check_waiting(&self.house.journal);
    }

    fn relink(&mut self) {
        let vendor = || VendorId::new(VENDOR);
        self.house.step(Input::Connection { vendor: vendor(), up: false });
        self.house.step(Input::Vendor { vendor: vendor(), change: VendorChange::Down });
        self.link_up();
    }

    /// A new vendor process gets the broker's session.
    fn link_up(&mut self) {
        let vendor = || VendorId::new(VENDOR);
        self.house.new_link();
        self.broker.reconnect();
        self.house.step(Input::Vendor { vendor: vendor(), change: VendorChange::Running });
        self.house.step(Input::Connection { vendor: vendor(), up: true });
    }

    fn answer(&mut self, picks: impl Fn(u64) -> bool, refuse: bool) {
        let waiting = self.house.journal.waiting_events(0, usize::MAX, usize::MAX).unwrap();
        let mut picked = waiting;
        picked.retain(|event| picks(event.slot) && !self.answers.contains_key(&event.slot));
        if refuse {
            picked.truncate(1);
        }
        self.answers.extend(picked.iter().map(|event| (event.slot, refuse)));
        for event in &picked {
            self.oracle.sent(event);
        }
        if !refuse {
            let slots = picked.iter().map(|event| event.slot).collect();
            return self.house.step(Input::Delivered(slots));
        }
        for event in picked {
            self.house.step(Input::Refused {
                slot: event.slot,
                event_type: event.kind.as_str(),
                code: "InvalidArgument".to_owned(),
                message: String::new(),
                detail: event.detail,
            });
        }
    }

    /// Faults stop: the broker hands over all, the bus takes all.
    fn finish(&mut self) {
        self.relink();
        while !self.broker.is_empty() {
            self.deliver(50);
            self.step(&Step::Commit);
        }
        self.commit();
        self.oracle.check(&self.house);
        self.answer(|_| true, false);
        self.commit();
        self.oracle.check(&self.house);
        assert_eq!(self.house.journal.waiting(), 0);
    }
}

#[test]
fn whatever_happens_every_act_is_told_exactly_once_and_in_order() {
    let variable = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seed = variable("DOORWARD_SIM_SEED").unwrap_or_else(|| fastrand::u64(..));
    let cases = variable("DOORWARD_SIM_CASES").unwrap_or(300);
    let config = Config {
        cases: u32::try_from(cases).unwrap(),
        failure_persistence: None,
        ..Config::default()
    };
    let bytes = [seed; 4].map(u64::to_be_bytes).concat();
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let histories = (any::<u64>(), 0..200u8, proptest::collection::vec(step(), 1..120));
    let result = TestRunner::new_with_rng(config, random).run(&histories, |history| {
        let (seed, prelude, steps) = history;
        let mut run = Run::new(seed, prelude);
        for step in &steps {
            run.step(step);
        }
        run.finish();
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}\nto repeat: DOORWARD_SIM_SEED={seed} DOORWARD_SIM_CASES={cases}");
    }
}
