//! A TCP proxy before the broker that understands as much MQTT as it takes to stand between a
//! PUBLISH and its PUBACK, and keeps what the client for commands wrote.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Kinds of packets (MQTT 5 §2.1.2).
const CONNECT: u8 = 1;
const PUBLISH: u8 = 3;
const PUBACK: u8 = 4;
const SUBSCRIBE: u8 = 8;

/// What becomes of the next publication of the client for commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cut {
    /// Nothing happens to it.
    None,
    /// The connection goes with the PUBLISH in it: the broker hears nothing.
    Before,
    /// The broker hears half of it.
    Within,
    /// The broker hears all of it, and the connection goes at once.
    Behind,
    /// The broker's PUBACK is taken away, and the connection goes.
    Answer,
    /// The PUBACK is held back until [`Proxy::release`].
    Hold,
}

/// One connection of the client for commands, as it was seen.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub connect: Vec<u8>,
    pub publishes: Vec<Vec<u8>>,
    pub subscribes: usize,
}

#[derive(Default)]
struct Shared {
    next: Option<Cut>,
    held: Vec<(TcpStream, Vec<u8>)>,
    seen: Vec<Seen>,
}

/// The proxy; its threads end with their connections.
pub struct Proxy {
    pub port: u16,
    shared: Arc<Mutex<Shared>>,
}

impl Proxy {
    /// Stands before the broker at this port.
    pub fn start(broker: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Mutex::new(Shared::default()));
        let theirs = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(("127.0.0.1", broker)) else { continue };
                let shared = Arc::clone(&theirs);
                std::thread::spawn(move || carry(client, server, &shared));
            }
        });
        Self { port, shared }
    }

    /// What becomes of the next publication.
    pub fn next(&self, cut: Cut) {
        self.shared.lock().unwrap().next = Some(cut);
    }

    /// Lets held answers through; how many there were.
    pub fn release(&self) -> usize {
        let held = std::mem::take(&mut self.shared.lock().unwrap().held);
        for (mut client, answer) in held.iter().map(|(c, a)| (c.try_clone().unwrap(), a)) {
            let _ = client.write_all(answer);
        }
        held.len()
    }

    /// How many answers are held.
    pub fn held(&self) -> usize {
        self.shared.lock().unwrap().held.len()
    }

    /// Every connection of the client for commands so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.lock().unwrap().seen.clone()
    }
}

/// Packets as they stand in a stream.
#[derive(Default)]
struct Packets {
    buffer: Vec<u8>,
}

impl Packets {
    fn next(&mut self) -> Option<Vec<u8>> {
        let (mut length, mut at) = (0_usize, 1);
        loop {
            let byte = *self.buffer.get(at)?;
            length |= usize::from(byte & 0x7f) << (7 * (at - 1));
            at += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        (self.buffer.len() >= at + length).then(|| self.buffer.drain(..at + length).collect())
    }
}

fn carry(client: TcpStream, server: TcpStream, shared: &Arc<Mutex<Shared>>) {
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    // What is to become of this connection's answer.
    let answer = Arc::new(Mutex::new(Cut::None));
    let back = {
        let (client, server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let (answer, shared) = (Arc::clone(&answer), Arc::clone(shared));
        std::thread::spawn(move || answers(client, server, &answer, &shared))
    };
    orders(client, server, &answer, shared);
    let _ = back.join();
}

fn end(client: &TcpStream, server: &TcpStream) {
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

/// From the client to the broker.
fn orders(
    mut client: TcpStream,
    mut server: TcpStream,
    answer: &Mutex<Cut>,
    shared: &Mutex<Shared>,
) {
    let mut packets = Packets::default();
    let mut bytes = [0; 8192];
    let mut number = None;
    'reading: while let Ok(count @ 1..) = client.read(&mut bytes) {
        packets.buffer.extend_from_slice(&bytes[..count]);
        while let Some(packet) = packets.next() {
            let mut cut = Cut::None;
            {
                let mut shared = shared.lock().unwrap();
                let kind = packet[0] >> 4;
                if kind == CONNECT && packet.windows(8).any(|window| window == b"-command") {
                    let seen = Seen { connect: packet.clone(), ..Seen::default() };
                    shared.seen.push(seen);
                    number = Some(shared.seen.len() - 1);
                }
                if let Some(number) = number {
                    match kind {
                        PUBLISH => {
                            cut = shared.next.take().unwrap_or(Cut::None);
                            shared.seen[number].publishes.push(packet.clone());
                        }
                        SUBSCRIBE => shared.seen[number].subscribes += 1,
                        _ => {}
                    }
                }
            }
            match cut {
                Cut::Before => break 'reading,
                Cut::Within => {
                    let _ = server.write_all(&packet[..packet.len() / 2]);
                    break 'reading;
                }
                // The broker may answer before the connection is gone.
                Cut::Behind | Cut::Answer | Cut::Hold => *answer.lock().unwrap() = cut,
                Cut::None => {}
            }
            if server.write_all(&packet).is_err() || cut == Cut::Behind {
                break 'reading;
            }
        }
    }
    end(&client, &server);
}

/// From the broker to the client.
fn answers(
    mut client: TcpStream,
    mut server: TcpStream,
    answer: &Mutex<Cut>,
    shared: &Mutex<Shared>,
) {
    let mut packets = Packets::default();
    let mut bytes = [0; 8192];
    'reading: while let Ok(count @ 1..) = server.read(&mut bytes) {
        packets.buffer.extend_from_slice(&bytes[..count]);
        while let Some(packet) = packets.next() {
            if packet[0] >> 4 == PUBACK {
                match std::mem::replace(&mut *answer.lock().unwrap(), Cut::None) {
                    Cut::Behind | Cut::Answer => break 'reading,
                    Cut::Hold => {
                        let client = client.try_clone().unwrap();
                        shared.lock().unwrap().held.push((client, packet));
                        continue;
                    }
                    _ => {}
                }
            }
            if client.write_all(&packet).is_err() {
                break 'reading;
            }
        }
    }
    end(&client, &server);
}
