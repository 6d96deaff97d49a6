//! What the drill and a misbehaving process say to each other: JSON on two topics of the vendor.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::ids::VendorId;

/// The topic on which a vendor's process hears its orders.
pub fn ears(vendor: &VendorId) -> String {
    format!("doorward-drill/{vendor}")
}

/// The topic on which it says what became of them.
pub fn said_on(vendor: &VendorId) -> String {
    format!("doorward-drill/{vendor}/said")
}

/// A way to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// It ends with a status that says failure.
    Exit,
    /// It ends by SIGABRT.
    Abort,
    /// It ends by SIGSEGV, or by what else its stack's end brings.
    Segfault,
    /// Its loop stands still.
    Hang,
    /// Threads that only compute, one for each core.
    Spin,
    /// It takes memory and gives none back.
    Leak,
    /// It starts itself again and again.
    ForkBomb,
    /// It starts threads again and again.
    ThreadBomb,
    /// Bytes on the link that are no frame of the protocol.
    MalformedFrame,
    /// A frame on the link beyond the longest.
    OversizedFrame,
    /// Sound frames on the link, without end and far too fast.
    FrameFlood,
    /// It writes wherever it can.
    FillDisk,
    /// It writes into its log without end.
    FloodLog,
    /// It opens what is the core's, the system's and other vendors'.
    ForbiddenFiles,
    /// It connects to what is none of its business.
    ForbiddenSockets,
    /// It commands another vendor's door at the broker, and listens and speaks there.
    ForeignDoor,
    /// It tells the core of another vendor's door, and of another vendor's command.
    ForeignTale,
}

/// An order to a vendor's process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub fault: Fault,
    #[serde(default)]
    pub targets: Targets,
}

/// What it could reach for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Targets {
    /// Files to read: what each is, and where.
    pub files: Vec<(String, PathBuf)>,
    /// Folders to write into: what each is, and where.
    pub folders: Vec<(String, PathBuf)>,
    /// Unix sockets to connect to.
    pub sockets: Vec<(String, PathBuf)>,
    /// TCP addresses to connect to.
    pub addresses: Vec<(String, String)>,
    /// Another vendor's base topic.
    pub base: String,
    /// One of its locks, and one of its sensors, by name and identity.
    pub lock: String,
    pub sensor: (String, String),
    /// A command that the core gave it.
    pub command: Option<Uuid>,
}

/// What a misbehaving process says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "said", rename_all = "snake_case")]
pub enum Said {
    /// It hears orders from now on.
    Ready {
        pid: u32,
    },
    Begun {
        fault: Fault,
    },
    /// Something forbidden was tried.
    Tried {
        act: String,
        outcome: Outcome,
    },
    /// It has done what was ordered, and lives.
    Done {
        fault: Fault,
    },
}

/// What became of something forbidden.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Refused, and by what.
    Denied(String),
    /// It was let.
    Allowed(String),
}

impl Outcome {
    /// Of an attempt that should not have succeeded. Only a refusal counts as one: what is not
    /// there, or does not answer, could be there tomorrow.
    pub fn of<T>(attempt: &std::io::Result<T>) -> Self {
        use std::io::ErrorKind::{
            FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull,
            Unsupported,
        };
        match attempt {
            Ok(_) => Self::Allowed("it was let".to_owned()),
            Err(error) => match error.kind() {
                PermissionDenied | ReadOnlyFilesystem | StorageFull | QuotaExceeded
                | FileTooLarge | Unsupported => Self::Denied(error.to_string()),
                _ => Self::Allowed(format!("not refused: {error}")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_counts_as_one() {
        use std::io::{Error, ErrorKind};
        let of = |kind: ErrorKind| Outcome::of::<()>(&Err(Error::from(kind)));
        assert!(matches!(of(ErrorKind::PermissionDenied), Outcome::Denied(_)));
        assert!(matches!(of(ErrorKind::ConnectionRefused), Outcome::Allowed(_)));
        assert!(matches!(of(ErrorKind::NotFound), Outcome::Allowed(_)));
        assert!(matches!(Outcome::of(&Ok(())), Outcome::Allowed(_)));
    }

    #[test]
    fn an_order_is_read_as_it_was_written() {
        let targets = Targets {
            files: vec![("the journal".to_owned(), PathBuf::from("/x/journal.db"))],
            command: Some(Uuid::from_u128(7)),
            ..Targets::default()
        };
        let order = Order { fault: Fault::ForkBomb, targets };
        let text = serde_json::to_string(&order).unwrap();
        assert!(text.contains("\"fork-bomb\""), "{text}");
        assert_eq!(serde_json::from_str::<Order>(&text).unwrap(), order);
    }
}
