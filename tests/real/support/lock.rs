//! A lock behind zigbee2mqtt: it takes commands, moves for a while, and says where its bolt is. It
//! counts what it was told to do: it, not we, knows how often a door was opened.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::client::Client;

/// How long the bolt moves.
pub const TRAVEL: Duration = Duration::from_millis(300);

#[derive(Default)]
struct State {
    unlocked: bool,
    /// What it did, with the moment at which it began.
    acts: Vec<(String, Instant)>,
    /// It hears commands and does nothing.
    jammed: bool,
}

/// A lock in the background until dropped.
pub struct Lock {
    base: String,
    client: Arc<Client>,
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Lock {
    pub fn start(port: u16, address: &str) -> Self {
        let base = format!("zigbee2mqtt/{address}");
        let filters = [format!("{base}/set"), format!("{base}/get")];
        let id = format!("lock-{address}");
        let client = Arc::new(Client::connect(port, &id, &filters.each_ref().map(String::as_str)));
        let state = Arc::new(Mutex::new(State::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (client, state, stop) =
                (Arc::clone(&client), Arc::clone(&state), Arc::clone(&stop));
            let base = base.clone();
            move || serve(&base, &client, &state, &stop)
        });
        Self { base, client, state, stop, thread: Some(thread) }
    }

    /// What it was told to do and did, in order.
    pub fn acts(&self) -> Vec<String> {
        self.state.lock().unwrap().acts.iter().map(|(act, _)| act.clone()).collect()
    }

    /// Somebody turns it by hand.
    pub fn by_hand(&self, unlocked: bool) {
        self.state.lock().unwrap().unlocked = unlocked;
        speak(&self.base, &self.client, &self.state);
    }

    /// It says once more how it is.
    pub fn repeat(&self) {
        speak(&self.base, &self.client, &self.state);
    }

    /// From now on it hears and does nothing, or works again.
    pub fn jam(&self, jammed: bool) {
        self.state.lock().unwrap().jammed = jammed;
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(base: &str, client: &Client, state: &Mutex<State>, stop: &AtomicBool) {
    let mut taken = 0;
    while !stop.load(Ordering::Relaxed) {
        let heard = client.heard();
        for message in &heard[taken..] {
            let payload: serde_json::Value =
                serde_json::from_slice(&message.payload).unwrap_or_default();
            if message.topic.ends_with("/set") {
                let act = payload["state"].as_str().unwrap_or_default().to_owned();
                if state.lock().unwrap().jammed {
                    continue;
                }
                state.lock().unwrap().acts.push((act.clone(), Instant::now()));
                std::thread::sleep(TRAVEL);
                state.lock().unwrap().unlocked = act == "UNLOCK";
            }
            speak(base, client, state);
        }
        taken = heard.len();
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn speak(base: &str, client: &Client, state: &Mutex<State>) {
    let unlocked = state.lock().unwrap().unlocked;
    let (word, lock) = if unlocked { ("UNLOCK", "unlocked") } else { ("LOCK", "locked") };
    let payload = format!("{{\"state\":\"{word}\",\"lock_state\":\"{lock}\"}}");
    let _ = client.tell(base, payload.as_bytes());
}
