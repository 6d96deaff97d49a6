//! Exchanges as recorded from another implementation: `captured.jsonl`, with `expected.jsonl` line
//! by line. What the driver asks is what was asked then, and the answer means what is expected.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

mod modbus_line;

use std::time::Duration;

use doorward_translators::{Act, Observation, RefusalReason};
use modbus_line::{driver, ms, nothing, sealed, setup};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Captured {
    payload: String,
    note: String,
}

#[derive(Deserialize)]
struct Expected {
    line: usize,
    /// The table of the vendor's file with which the driver asks just this.
    endpoint: Value,
    /// The request is not the driver's own but that of an act: its steps.
    act: Option<Act>,
    #[serde(default)]
    steps: Vec<(u64, String)>,
    observations: Vec<Observation>,
    faults: Vec<ExpectedFault>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct ExpectedFault {
    reason: RefusalReason,
    detail: String,
    raw: String,
}

fn lines<T: for<'a> Deserialize<'a>>(file: &str) -> Vec<T> {
    let path = format!("{}/fixtures/modbus/{file}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|two| u8::try_from(two[0] * 16 + two[1]).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Request and answer of a line.
fn exchange(payload: &str) -> (Vec<u8>, Vec<u8>) {
    let (request, answer) = payload.split_once(" -> ").unwrap();
    let request = bytes(request);
    let answer = if answer == "echo" { request.clone() } else { bytes(answer) };
    (request, answer)
}

/// What a board with everything off answers.
fn at_rest(request: &[u8]) -> Vec<u8> {
    match request[1] {
        1 | 2 => {
            let count = u16::from_be_bytes([request[4], request[5]]).div_ceil(8);
            let mut body = vec![request[0], request[1], u8::try_from(count).unwrap()];
            body.resize(3 + usize::from(count), 0);
            sealed(&body)
        }
        _ => request.to_vec(),
    }
}

#[test]
fn captured() {
    let captured: Vec<Captured> = lines("captured.jsonl");
    let expected: Vec<Expected> = lines("expected.jsonl");
    assert_eq!((captured.len(), expected.len()), (6, 6));
    for (index, (captured, expected)) in captured.iter().zip(expected).enumerate() {
        assert_eq!(expected.line, index + 1);
        let name = format!("line {} ({})", expected.line, captured.note);
        let (request, answer) = exchange(&captured.payload);
        let mut driver = driver(&setup(&nothing(), std::slice::from_ref(&expected.endpoint)));
        let mut asked = 0;
        if let Some(act) = expected.act {
            let steps = driver.command("e0", act).unwrap();
            let steps: Vec<(u64, String)> = steps
                .iter()
                .map(|step| (u64::try_from(step.after.as_millis()).unwrap(), hex(&step.frame)))
                .collect();
            assert_eq!(steps, expected.steps, "{name}");
            asked += usize::from(bytes(&steps[0].1) == request);
        }
        let (mut observations, mut faults) = (Vec::new(), Vec::new());
        let mut now = Duration::ZERO;
        driver.opened(now);
        while now < ms(1000) {
            while let Some(frame) = driver.transmit(now) {
                now += ms(20);
                asked += usize::from(frame == request);
                let answer = if frame == request { answer.clone() } else { at_rest(&frame) };
                driver.received(now, &answer);
                for report in driver.reports(now) {
                    observations.extend(report.observations);
                    faults.extend(report.fault.map(|fault| ExpectedFault {
                        reason: fault.reason,
                        detail: fault.detail,
                        raw: hex(&fault.raw),
                    }));
                }
            }
            now = driver.deadline().unwrap();
        }
        assert!(asked > 0, "{name}: not asked");
        assert_eq!(observations, expected.observations, "{name}");
        assert_eq!(faults, expected.faults, "{name}");
    }
}
