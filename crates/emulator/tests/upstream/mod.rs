//! What stands behind the proxy and in front of it: a tiny service, and a client that sees bytes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

/// A request as the service got it, or an answer as the client did.
#[derive(Clone, Debug)]
pub struct Message {
    pub start: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// How the service behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Answers with an id for each entry, but refuses those whose `Detail` is `bad`.
    Kind,
    /// Answers with an error.
    Broken,
    /// Reads requests and never answers.
    Silent,
}

/// A service on a port of its own, one connection a request.
pub struct Upstream {
    pub port: u16,
    seen: Arc<Mutex<Vec<Message>>>,
}

impl Upstream {
    pub fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::<Mutex<Vec<Message>>>::default();
        let of_thread = Arc::clone(&seen);
        // It ends with the process.
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some(message) = read(&mut BufReader::new(&stream)) else { continue };
                let (status, answer) = answer(&message, manner);
                of_thread.lock().unwrap().push(message);
                if manner == Manner::Silent {
                    kept.push(stream);
                    continue;
                }
                let length = answer.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status}\r\nX-From: upstream\r\nContent-Length: {length}\r\n\r\n{answer}"
                );
            }
        });
        Self { port, seen }
    }

    /// The requests so far.
    pub fn seen(&self) -> Vec<Message> {
        self.seen.lock().unwrap().clone()
    }
}

fn answer(message: &Message, manner: Manner) -> (&'static str, String) {
    if manner == Manner::Broken {
        return ("500 Broken", json!({"__type": "InternalFailure"}).to_string());
    }
    let request: Value = serde_json::from_slice(&message.body).unwrap_or_default();
    let Some(entries) = request["Entries"].as_array() else {
        return ("200 OK", json!({"you said": request}).to_string());
    };
    let bad = |entry: &&Value| entry["Detail"] == "bad";
    let told: Vec<Value> = entries
        .iter()
        .map(|entry| {
            if bad(&entry) {
                json!({"ErrorCode": "MalformedDetail", "ErrorMessage": "bad"})
            } else {
                json!({"EventId": entry["Detail"]})
            }
        })
        .collect();
    let failed = entries.iter().filter(bad).count();
    ("200 OK", json!({"FailedEntryCount": failed, "Entries": told}).to_string())
}

/// The next message; `None` if the connection ends first.
fn read(from: &mut impl BufRead) -> Option<Message> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if from.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let headers: Vec<(String, String)> = lines[1..]
        .iter()
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_lowercase(), value.to_owned())
        })
        .collect();
    let mut message = Message { start: lines.swap_remove(0), headers, body: Vec::new() };
    let length: usize = message.get("content-length").map_or(0, |length| length.parse().unwrap());
    message.body.resize(length, 0);
    from.read_exact(&mut message.body).ok()?;
    Some(message)
}

impl Message {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A client on one connection.
pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    pub fn write(&self, bytes: impl AsRef<[u8]>) {
        self.stream.get_ref().write_all(bytes.as_ref()).unwrap();
    }

    /// Sends a request for a target and awaits nothing.
    pub fn ask(&self, target: &str, body: &Value) {
        let body = body.to_string();
        let length = body.len();
        self.write(format!(
            "POST /path HTTP/1.1\r\nHost: here\r\nX-Amz-Target: {target}\r\nX-Other: kept\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        ));
    }

    /// The answer; panics if there is none.
    pub fn answer(&mut self) -> Message {
        read(&mut self.stream).expect("an answer")
    }

    /// Sends a request and gives its answer.
    pub fn call(&mut self, target: &str, body: &Value) -> Message {
        self.ask(target, body);
        self.answer()
    }

    /// Whether the connection ends, cleanly and without another byte.
    pub fn ends(&mut self) -> bool {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).is_ok() && rest.is_empty()
    }

    /// Whether nothing comes for this long.
    pub fn is_silent(&mut self, time: Duration) -> bool {
        self.stream.get_ref().set_read_timeout(Some(time)).unwrap();
        let heard = self.stream.fill_buf().map(<[u8]>::len);
        self.stream.get_ref().set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        heard.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    }

    /// Writes until nothing is taken for this long; how many bytes were taken.
    pub fn stuff(&self, most: usize, time: Duration) -> usize {
        let mut stream = self.stream.get_ref();
        stream.set_write_timeout(Some(time)).unwrap();
        let block = [b'x'; 16_384];
        let mut taken = 0;
        while taken < most {
            match stream.write(&block[..block.len().min(most - taken)]) {
                Ok(bytes) => taken += bytes,
                Err(_) => break,
            }
        }
        taken
    }
}
