//! The checks that there are.

use std::time::Duration;

use futures_util::future::LocalBoxFuture;

use super::part::Part;
use super::surroundings::Surroundings;
use super::{
    acl, broker, bus, certificates, clock, configuration, devices, disk, endpoints, issuers,
    journal, memory, running, sandbox, serial,
};

/// What one check does.
type Look = for<'a> fn(&'a Surroundings, &'a mut Part) -> LocalBoxFuture<'a, ()>;

/// How long a check that only reads may take.
const READING: Duration = Duration::from_secs(10);
/// How long one may take that talks to brokers: connecting, then a step for each publication.
const TALKING: Duration = Duration::from_secs(30);

/// One check.
#[derive(Clone)]
pub(in crate::commands) struct Check {
    pub(super) name: &'static str,
    /// What it looks at, in a line.
    pub(super) about: &'static str,
    /// It looks at the configuration's files alone.
    pub(super) of_files: bool,
    /// It needs the running gateway's words.
    pub(super) asks_gateway: bool,
    /// After this time it counts as hanging.
    pub(super) bound: Duration,
    pub(super) look: Look,
}

impl PartialEq for Check {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// A check that needs no waiting, of a configuration that can be used.
macro_rules! reading {
    ($look:expr) => {
        |around, part| {
            match &around.configuration {
                Some(configuration) => $look(around, configuration, part),
                None => part.skip(UNUSABLE),
            }
            Box::pin(std::future::ready(()))
        }
    };
}

/// A check that waits for others.
macro_rules! talking {
    ($look:expr) => {
        |around, part| {
            Box::pin(async move {
                match &around.configuration {
                    Some(configuration) => $look(around, configuration, part).await,
                    None => part.skip(UNUSABLE),
                }
            })
        }
    };
}

const UNUSABLE: &str = "the configuration cannot be used";

const BASE: Check = Check {
    name: "",
    about: "",
    of_files: false,
    asks_gateway: false,
    bound: READING,
    look: |_, _| Box::pin(std::future::ready(())),
};

/// All of them, in the order in which they are told.
pub(in crate::commands) static CHECKS: &[Check] = &[
    Check {
        name: "configuration",
        about: "doorward.toml and the vendors' files",
        of_files: true,
        look: |around, part| {
            configuration::look(around, part);
            Box::pin(std::future::ready(()))
        },
        ..BASE
    },
    Check {
        name: "issuers",
        about: "the list of issuers: signed by the root key, and not over",
        of_files: true,
        look: reading!(issuers::look),
        ..BASE
    },
    Check {
        name: "certificates",
        about: "certificates for the brokers: their ends, and that each key is its own",
        of_files: true,
        look: reading!(certificates::look),
        ..BASE
    },
    Check {
        name: "broker",
        about: "each vendor's broker takes its client, and grants what it subscribes to",
        bound: TALKING,
        look: talking!(broker::look),
        ..BASE
    },
    Check {
        name: "acl",
        about: "the broker refuses what a vendor's client must not publish",
        bound: TALKING,
        look: talking!(acl::look),
        ..BASE
    },
    Check {
        name: "serial",
        about: "each serial port is there and may be used",
        look: reading!(serial::look),
        ..BASE
    },
    Check {
        name: "bus",
        about: "the bus lets the running gateway publish, and takes its events",
        asks_gateway: true,
        look: reading!(bus::look),
        ..BASE
    },
    Check {
        name: "gateway",
        about: "what the running gateway says of itself",
        asks_gateway: true,
        look: reading!(running::look),
        ..BASE
    },
    Check {
        name: "journal",
        about: "the journal opens and can be written",
        asks_gateway: true,
        look: reading!(journal::look),
        ..BASE
    },
    Check {
        name: "disk",
        about: "the disk under the journal: sort, file system, room",
        look: reading!(disk::look),
        ..BASE
    },
    Check {
        name: "clock",
        about: "somebody keeps the clock right, and it outlives a power cut",
        look: reading!(clock::look),
        ..BASE
    },
    Check {
        name: "memory",
        about: "the kernel can bound the memory of a vendor's process",
        look: |around, part| {
            memory::look(around, part);
            Box::pin(std::future::ready(()))
        },
        ..BASE
    },
    Check {
        name: "sandbox",
        about: "the layers that hold a vendor's process, and that it finds its broker's name",
        bound: TALKING,
        look: |around, part| Box::pin(sandbox::look(around, part)),
        ..BASE
    },
    Check {
        name: "devices",
        about: "devices that have been silent for too long",
        asks_gateway: true,
        look: reading!(devices::look),
        ..BASE
    },
    Check {
        name: "endpoints",
        about: "devices that speak and that nobody knows",
        asks_gateway: true,
        bound: TALKING,
        look: talking!(endpoints::look),
        ..BASE
    },
];

/// The check of this name.
pub(in crate::commands) fn named(name: &str) -> Result<&'static Check, String> {
    CHECKS.iter().find(|check| check.name == name).ok_or_else(|| {
        let names: Vec<&str> = CHECKS.iter().map(|check| check.name).collect();
        format!("there are: {}", names.join(", "))
    })
}
