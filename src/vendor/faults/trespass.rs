//! Reaching for what is not its own: files, disk space, sockets, programs.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::Hand;
use super::order::Outcome;

/// How the names of files begin that it makes; its process id follows.
pub const PREFIX: &str = "doorward-drill-pid-";
/// What is written into each folder where nothing stops it, in bytes.
const MOST_DISK: usize = 32 << 20;
static PIECE: [u8; 64 << 10] = [0x5a; 64 << 10];
/// How long a connection is tried.
const PATIENCE: Duration = Duration::from_millis(500);

/// Opens files, and reads a byte of each.
pub fn files(hand: &Hand) {
    for (what, path) in &hand.targets.files {
        let read = File::open(path).and_then(|mut file| file.read(&mut [0; 1]));
        hand.tried(&format!("read {what}"), Outcome::of(&read));
    }
    let listed = std::fs::read_dir("/");
    hand.tried("list the root folder", Outcome::of(&listed));
    let ran = Command::new("/bin/true").stdin(Stdio::null()).stdout(Stdio::null()).status();
    hand.tried("run a program", Outcome::of(&ran));
}

/// Fills what it can write to, and clears it away.
pub fn fill_disk(hand: &Hand) {
    for (what, folder) in &hand.targets.folders {
        let path = folder.join(format!("{PREFIX}{}", std::process::id()));
        let filled =
            File::options().write(true).create_new(true).open(&path).and_then(|mut file| {
                for _ in 0..MOST_DISK / PIECE.len() {
                    file.write_all(&PIECE)?;
                }
                Ok(())
            });
        let _ = std::fs::remove_file(&path);
        hand.tried(&format!("write 32 MiB into {what}"), Outcome::of(&filled));
    }
}

/// Connects to what it should not reach, and listens.
pub fn sockets(hand: &Hand) {
    for (what, path) in &hand.targets.sockets {
        let connected = UnixStream::connect(path);
        hand.tried(&format!("connect to {what}"), Outcome::of(&connected));
    }
    // The first is its own broker, which it may.
    for (what, address) in hand.targets.addresses.iter().skip(1) {
        let Ok(address) = address.parse::<SocketAddr>() else { continue };
        let connected = TcpStream::connect_timeout(&address, PATIENCE);
        hand.tried(&format!("connect to {what}"), Outcome::of(&connected));
    }
    let bound = TcpListener::bind("127.0.0.1:0");
    hand.tried("listen on a port", Outcome::of(&bound));
    let file = std::env::temp_dir().join(format!("{PREFIX}{}.sock", std::process::id()));
    let named = UnixListener::bind(&file);
    let _ = std::fs::remove_file(&file);
    hand.tried("make a socket file", Outcome::of(&named));
}
