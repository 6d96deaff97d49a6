//! What can go wrong in a drill, and what must stop it.

use crate::vendor::faults::Fault;

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trouble {
    /// As on the command line.
    pub name: &'static str,
    pub what: &'static str,
    pub way: Way,
    pub rule: Rule,
}

/// How it is brought about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Not at all: the noise that everything else is compared with.
    Nothing,
    /// The vendor's process is told once.
    Order(Fault),
    /// It is told anew with each of its lives.
    Again(Fault),
    /// One of its devices goes mad, and the process is as good as ever.
    MadDevice,
    /// As much is said where no vendor listens: what the broker, which all share, and the machine
    /// have to do with a mad device, whatever the gateway does.
    Unheard,
}

impl Way {
    /// Whether nothing goes wrong in the gateway: what others are compared with is not judged.
    pub const fn is_noise(self) -> bool {
        matches!(self, Self::Nothing | Self::Unheard)
    }
}

/// What counts as contained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    Nothing,
    /// The process ends, by itself or by the core.
    Ends,
    /// The core isolates the vendor.
    Isolated,
    /// The core tells of it by an event of this type, and goes on.
    Told(&'static str),
    /// Everything that was tried is refused; the process may end for it.
    Refused,
    /// The same, and the process ends.
    RefusedAndEnds,
    /// Where a control group bounds it, it is refused; else the core's watch or another limit ends the
    /// process.
    RefusedOrEnds,
    /// It is borne: only the others' figures say whether it harms.
    Borne,
}

impl Rule {
    /// What must be, in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Ends => "the process ends",
            Self::Isolated => "the vendor is isolated",
            Self::Told(_) => "the device is limited, and that is told",
            Self::Refused => "all is refused",
            Self::RefusedAndEnds => "it changes nothing, and the process ends",
            Self::RefusedOrEnds => "it is refused, or the process ends",
            Self::Borne => "it is borne",
        }
    }
}

const fn ordered(name: &'static str, what: &'static str, fault: Fault, rule: Rule) -> Trouble {
    Trouble { name, what, way: Way::Order(fault), rule }
}

/// Everything, in the table's order.
pub const TROUBLES: &[Trouble] = &[
    Trouble {
        name: "undisturbed",
        what: "nothing goes wrong: the noise",
        way: Way::Nothing,
        rule: Rule::Nothing,
    },
    ordered("exit", "the process ends with a status", Fault::Exit, Rule::Ends),
    ordered("abort", "the process ends by SIGABRT", Fault::Abort, Rule::Ends),
    ordered("segfault", "the process ends by SIGSEGV", Fault::Segfault, Rule::Ends),
    Trouble {
        name: "crash-loop",
        what: "the process ends whenever it was started",
        way: Way::Again(Fault::Exit),
        rule: Rule::Isolated,
    },
    ordered("hang", "its loop stands still", Fault::Hang, Rule::Ends),
    ordered("spin", "it computes on every core", Fault::Spin, Rule::Ends),
    ordered("leak", "it takes memory and gives none back", Fault::Leak, Rule::Ends),
    ordered("fork-bomb", "it starts itself again and again", Fault::ForkBomb, Rule::Refused),
    ordered(
        "thread-bomb",
        "it starts threads again and again",
        Fault::ThreadBomb,
        Rule::RefusedOrEnds,
    ),
    Trouble {
        name: "device-flood",
        what: "one of its devices says 10,000 things a second",
        way: Way::MadDevice,
        rule: Rule::Told("endpoint.flooding"),
    },
    Trouble {
        name: "unheard-flood",
        what: "as much is said where no vendor listens: the broker's part of a flood",
        way: Way::Unheard,
        rule: Rule::Nothing,
    },
    ordered("frame-flood", "10,000 sound frames a second", Fault::FrameFlood, Rule::Ends),
    ordered("malformed-frame", "bytes that are no frame", Fault::MalformedFrame, Rule::Ends),
    ordered("oversized-frame", "a frame beyond the longest", Fault::OversizedFrame, Rule::Ends),
    ordered("fill-disk", "it writes wherever it can", Fault::FillDisk, Rule::Refused),
    ordered("flood-log", "it writes into its log without end", Fault::FloodLog, Rule::Borne),
    ordered("forbidden-files", "it opens others' files", Fault::ForbiddenFiles, Rule::Refused),
    ordered("forbidden-sockets", "it connects elsewhere", Fault::ForbiddenSockets, Rule::Refused),
    ordered(
        "foreign-door",
        "it commands and hears another's door",
        Fault::ForeignDoor,
        Rule::Refused,
    ),
    ordered(
        "foreign-tale",
        "it tells of another's door and another's command",
        Fault::ForeignTale,
        Rule::RefusedAndEnds,
    ),
];

/// The one of this name.
pub fn find(name: &str) -> Option<&'static Trouble> {
    TROUBLES.iter().find(|trouble| trouble.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_name_of_its_own_and_noise_is_first() {
        for (place, trouble) in TROUBLES.iter().enumerate() {
            assert_eq!(find(trouble.name), TROUBLES.get(place));
        }
        assert_eq!(TROUBLES[0].way, Way::Nothing);
        assert!(find("else").is_none());
    }
}
