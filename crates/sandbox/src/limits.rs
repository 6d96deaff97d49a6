//! Resource limits (`setrlimit(2)`): the bound of a process where no cgroup has a tighter one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{Layer, Refused};

const NAME: &str = "limits";

/// What a process may take of the machine. Each is soft and hard limit, so nobody raises it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Address space, in bytes. Arenas and stacks reserve far more of it than they use.
    pub address_space: u64,
    /// Memory of its own that can be written, in bytes: the sharper one. Below 4 MiB a look-up of a
    /// name hangs, since its thread has no stack.
    pub data: u64,
    /// Open descriptors.
    pub descriptors: u64,
    /// Processes and threads of its user together, whatever else that user runs: too low, and no
    /// name is looked up any more. It does not bind the super-user.
    pub processes: u64,
    /// Largest file that it may write, in bytes.
    pub file_size: u64,
}

impl Limits {
    /// A translator with a TLS connection or two: it needs a megabyte, and twenty when packets of
    /// the largest size come at once.
    pub const VENDOR: Self = Self {
        address_space: 512 << 20,
        data: 64 << 20,
        descriptors: 64,
        processes: 4096,
        file_size: 0,
    };
}

pub(crate) fn apply(limits: &Limits) -> Result<Layer, Refused> {
    let mut rows = vec![
        (Resource::As, limits.address_space),
        (Resource::Data, limits.data),
        (Resource::Nofile, limits.descriptors),
        (Resource::Nproc, limits.processes),
        (Resource::Core, 0),
        (Resource::Memlock, 0),
        (Resource::Msgqueue, 0),
    ];
    // A log that is a file would end the process with its first line.
    let writes_file = log_is_file();
    if !writes_file {
        rows.push((Resource::Fsize, limits.file_size));
    }
    let mut unbounded = Vec::new();
    for (resource, most) in rows {
        // One that is lower already stays so.
        let now = getrlimit(resource);
        let most = now.maximum.map_or(most, |maximum| maximum.min(most));
        let wanted = Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(resource, wanted).map_err(|error| Refused::CannotApply {
            layer: NAME,
            reason: format!("{resource:?}: {error}"),
        })?;
        let found = getrlimit(resource);
        // An emulator of user space takes these two over for itself, and says that it did as told.
        if found != wanted && matches!(resource, Resource::As | Resource::Data) {
            unbounded.push(format!("{resource:?}"));
        } else if found != wanted {
            let reason = format!("{resource:?} is {found:?}");
            return Err(Refused::DoesNotHold { layer: NAME, reason });
        }
    }
    if writes_file {
        unbounded.push("Fsize, since its log is a file".to_owned());
    }
    if !unbounded.is_empty() {
        return Ok(Layer::lacks(NAME, format!("without {}", unbounded.join(" and "))));
    }
    Ok(Layer::holds(
        NAME,
        format!(
            "{} MiB of memory in {} MiB of addresses, {} descriptors, no core file, no files",
            limits.data >> 20,
            limits.address_space >> 20,
            limits.descriptors,
        ),
    ))
}

/// Whether the standard error is a file of a disk.
fn log_is_file() -> bool {
    rustix::fs::fstat(std::io::stderr())
        .is_ok_and(|found| rustix::fs::FileType::from_raw_mode(found.st_mode).is_file())
}
