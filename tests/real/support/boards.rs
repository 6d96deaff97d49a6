//! Modbus boards that others wrote: pymodbus on a pseudo-terminal (`tests/real/peers`).

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::wait_for;

/// Boards on one line, until dropped.
pub struct Boards {
    /// Plays the adapter's name under `/dev/serial/by-id`.
    pub port: PathBuf,
    child: Child,
    orders: ChildStdin,
    said: Arc<Mutex<Vec<Value>>>,
}

impl Boards {
    /// Starts boards of these unit ids.
    pub fn start(folder: &Path, units: &[u8]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/peers/modbus_slave.py");
        let port = folder.join("usb-boards");
        let units: Vec<String> = units.iter().map(ToString::to_string).collect();
        let mut child = Command::new(doorward_emulator::python())
            .arg(script)
            .args(["--units", &units.join(","), "--link"])
            .arg(&port)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = child.stdin.take().unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let heard = Arc::clone(&said);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                heard.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        let boards = Self { port, child, orders, said };
        boards.says("ready", 0, |_| true);
        boards
    }

    /// Gives an order and waits until it is in force.
    pub fn order(&mut self, order: &Value) {
        let so_far = self.said().len();
        writeln!(self.orders, "{order}").unwrap();
        let answer = wait_for("the boards obey", Duration::from_secs(20), || {
            self.said()
                .get(so_far..)?
                .iter()
                .find(|said| {
                    said["event"] == "error" || said["event"] == "done" && said["do"] == order["do"]
                })
                .cloned()
        });
        assert_eq!(answer["event"], "done", "{answer}");
    }

    /// A door begins to move.
    pub fn moves(&mut self, unit: u8, to: &str, seconds: f64) {
        self.order(&json!({"do": "move", "unit": unit, "to": to, "seconds": seconds}));
    }

    /// Everything that was said so far.
    pub fn said(&self) -> Vec<Value> {
        self.said.lock().unwrap().clone()
    }

    /// Waits for something said after the first `so_far`.
    pub fn says(&self, event: &str, so_far: usize, is: impl Fn(&Value) -> bool) -> Value {
        wait_for(event, Duration::from_secs(30), || {
            let said = self.said();
            said.get(so_far..)?.iter().find(|said| said["event"] == event && is(said)).cloned()
        })
    }

    /// How a unit is now.
    pub fn report(&mut self, unit: u8) -> Value {
        let so_far = self.said().len();
        self.order(&json!({"do": "report", "unit": unit}));
        self.says("unit", so_far, |said| said["unit"] == unit)
    }
}

impl Drop for Boards {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
