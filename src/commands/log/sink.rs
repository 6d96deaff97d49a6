//! Where the lines end: the thread that writes them, and nobody waits for.

use std::io::Write;
use std::os::unix::net::UnixDatagram;

use super::line::Line;

/// systemd's journal (systemd-journald.service(8)).
const JOURNAL: &str = "/run/systemd/journal/socket";

/// Where lines go.
pub enum Sink {
    Journal(UnixDatagram),
    StandardError,
}

impl Sink {
    /// The journal, where the standard error is a stream to it (systemd.exec(5), `JOURNAL_STREAM`).
    pub fn find() -> Self {
        let stream = std::env::var("JOURNAL_STREAM").unwrap_or_default();
        let own = rustix::fs::fstat(std::io::stderr())
            .map(|stat| format!("{}:{}", stat.st_dev, stat.st_ino));
        if own.is_ok_and(|own| own == stream)
            && let Ok(socket) = UnixDatagram::unbound()
            && socket.connect(JOURNAL).is_ok()
        {
            return Self::Journal(socket);
        }
        Self::StandardError
    }

    /// Writes until there are no more.
    pub fn write_all(self, lines: impl IntoIterator<Item = Line>) {
        for line in lines {
            let Line::Text(text) = line else { return };
            // A journal that was started anew has another socket.
            let sent = match &self {
                Self::Journal(socket) => {
                    let bytes = text.to_native();
                    socket.send(&bytes).is_ok()
                        || (socket.connect(JOURNAL).is_ok() && socket.send(&bytes).is_ok())
                }
                Self::StandardError => false,
            };
            if !sent {
                let _ = std::io::stderr().write_all(text.to_text().as_bytes());
            }
        }
    }
}
