//! Control groups: a leaf for each vendor's process where systemd has handed this service its own
//! subtree (`Delegate=yes`), so that memory, processes and the processor are bounded per vendor.
//!
//! Only version 2, and only what was handed over: a subtree of others is left alone. Without it the
//! limits of the process are the bound, and its layer says so.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::domain::ids::VendorId;
use crate::link::Layer;

/// The layer's name.
pub(super) const NAME: &str = "cgroup";
/// The leaf of the core itself: a group with leaves has no processes of its own.
const CORE: &str = "core";
/// What each leaf is bounded by: below the process's own limit of 64 MiB, so that the kernel ends
/// it and says why; a translator has some 2 MiB.
const MEMORY_MAX: &str = "50331648";
/// Processes and threads: look-ups of names have some.
const PIDS_MAX: &str = "32";
/// Half of one processor, in microseconds of each 100 ms.
const CPU_MAX: &str = "50000 100000";
/// The core has 100.
const CPU_WEIGHT: &str = "50";
const CPU_WEIGHT_LEAST: &str = "1";
const CONTROLLERS: &[&str] = &["memory", "pids", "cpu"];
/// What systemd writes onto a group that it has handed over.
const MARKS: &[&str] = &["user.delegate", "trusted.delegate"];

/// A subtree of ours.
#[derive(Debug)]
struct Subtree {
    root: PathBuf,
    /// Those of [`CONTROLLERS`] that its leaves have.
    controllers: Vec<&'static str>,
}

/// The leaf of one life of a vendor's process; it goes with it.
#[derive(Debug)]
pub(super) struct Leaf {
    folder: PathBuf,
}

/// Our subtree, taken into use with the first call; else why there is none.
fn subtree() -> &'static Result<Subtree, String> {
    static SUBTREE: OnceLock<Result<Subtree, String>> = OnceLock::new();
    SUBTREE.get_or_init(|| take(&own_folder()?))
}

/// Moves this process into its leaf, where there is a subtree; once.
pub(super) fn settle() {
    let _ = subtree();
}

/// The group that this process began in, if it was handed over.
pub fn own_cgroup() -> Option<PathBuf> {
    let folder = own_folder().ok()?;
    handed_over(&folder).ok()?;
    Some(folder)
}

/// Says what bounds a process, or why nothing does. `held`: it has a leaf.
pub(super) fn cgroup_layer(held: bool) -> Layer {
    let (in_force, detail) = match subtree() {
        Ok(_) if !held => (false, "its leaf could not be made; see the log".to_owned()),
        Ok(subtree) if subtree.controllers.len() == CONTROLLERS.len() => (
            true,
            format!(
                "at most {} MiB, {PIDS_MAX} threads and half a processor each",
                MEMORY_MAX.parse::<u64>().unwrap_or_default() >> 20
            ),
        ),
        Ok(subtree) => {
            (false, format!("only these controllers were handed over: {:?}", subtree.controllers))
        }
        Err(reason) => (false, format!("{reason}; the limits of each process are the bound")),
    };
    Layer { name: NAME.to_owned(), in_force, detail }
}

impl Leaf {
    /// Makes the leaf of a process and puts it in. `None`: there is no subtree, or it cannot be
    /// done, which is in the log.
    pub(super) fn hold(vendor: &VendorId, process: u32) -> Option<Self> {
        let subtree = subtree().as_ref().ok()?;
        match Self::make(subtree, vendor, process) {
            Ok(leaf) => Some(leaf),
            Err(error) => {
                tracing::warn!(%vendor, %error, "its process is in no control group of its own");
                None
            }
        }
    }

    fn make(subtree: &Subtree, vendor: &VendorId, process: u32) -> io::Result<Self> {
        let folder = subtree.root.join(leaf_name(vendor));
        // One of an earlier life counts that life's deaths.
        let _ = fs::remove_dir(&folder);
        match fs::create_dir(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let leaf = Self { folder };
        for (controller, file, value) in [
            ("memory", "memory.max", MEMORY_MAX),
            ("memory", "memory.swap.max", "0"),
            ("memory", "memory.oom.group", "1"),
            ("pids", "pids.max", PIDS_MAX),
            ("cpu", "cpu.max", CPU_MAX),
            ("cpu", "cpu.weight", CPU_WEIGHT),
        ] {
            if !subtree.controllers.contains(&controller) {
                continue;
            }
            match fs::write(leaf.folder.join(file), value) {
                // A kernel without swap has no such file.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => other?,
            }
        }
        fs::write(leaf.folder.join("cgroup.procs"), process.to_string())?;
        Ok(leaf)
    }

    /// Whether its process computes after all others, with what they leave. False: nothing shares the
    /// processor among these groups.
    ///
    /// # Errors
    /// The kernel refuses.
    pub(super) fn compute_last(&self, last: bool) -> io::Result<bool> {
        let (idle, weight) = (self.folder.join("cpu.idle"), self.folder.join("cpu.weight"));
        if !weight.exists() {
            return Ok(false);
        }
        // Since Linux 5.15; before that with the least share that there is.
        let has_idle = idle.exists();
        if has_idle {
            fs::write(idle, if last { "1" } else { "0" })?;
        }
        if !last {
            fs::write(weight, CPU_WEIGHT)?;
        } else if !has_idle {
            fs::write(weight, CPU_WEIGHT_LEAST)?;
        }
        Ok(true)
    }

    /// Whether the kernel has ended a process of it for want of memory.
    pub(super) fn out_of_memory(&self) -> bool {
        fs::read_to_string(self.folder.join("memory.events")).is_ok_and(|text| kills(&text) > 0)
    }
}

impl Drop for Leaf {
    fn drop(&mut self) {
        // It fails while a process is in there; the next life tries again.
        let _ = fs::remove_dir(&self.folder);
    }
}

/// A vendor's name is a file's, so it names a folder; the prefix keeps it from the core's.
fn leaf_name(vendor: &VendorId) -> String {
    format!("vendor-{vendor}")
}

/// `oom_kill` of `memory.events`.
fn kills(events: &str) -> u64 {
    events
        .lines()
        .find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
        .unwrap_or_default()
}

/// The folder of the group that this process began in.
fn own_folder() -> Result<PathBuf, String> {
    let groups = fs::read_to_string("/proc/self/cgroup").map_err(|error| error.to_string())?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").map_err(|error| error.to_string())?;
    let own = own_group(&groups).ok_or("there is no cgroup version 2")?;
    let mount = mount_of_version_2(&mounts).ok_or("cgroup version 2 is not mounted")?;
    let own = own.strip_suffix(&format!("/{CORE}")).unwrap_or(own);
    Ok(Path::new(mount).join(own.trim_start_matches('/')))
}

/// `0::/path` of `/proc/self/cgroup`.
fn own_group(groups: &str) -> Option<&str> {
    groups.lines().find_map(|line| line.strip_prefix("0::")).filter(|path| path.starts_with('/'))
}

/// Where a file system of type `cgroup2` is mounted (`proc_pid_mountinfo(5)`).
fn mount_of_version_2(mounts: &str) -> Option<&str> {
    mounts.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let place = before.split(' ').nth(4)?;
        after.starts_with("cgroup2 ").then_some(place)
    })
}

/// Whether systemd says that it is ours.
fn handed_over(folder: &Path) -> Result<(), String> {
    let mut value = [0; 8];
    let marked = MARKS.iter().any(|mark| {
        rustix::fs::getxattr(folder, *mark, &mut value)
            .is_ok_and(|length| value.get(..length) == Some(b"1"))
    });
    // Who is no super-user could not write into a group that was not handed over.
    let ours =
        rustix::fs::access(folder.join("cgroup.subtree_control"), rustix::fs::Access::WRITE_OK);
    if marked || (ours.is_ok() && !rustix::process::geteuid().is_root()) {
        Ok(())
    } else {
        Err("no control group was handed over (run it as a service with Delegate=yes)".to_owned())
    }
}

fn take(root: &Path) -> Result<Subtree, String> {
    handed_over(root)?;
    let at = |what: &str, error: &io::Error| format!("{what}: {error}");
    let core = root.join(CORE);
    match fs::create_dir(&core) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(at("the core's leaf cannot be made", &error));
        }
        _ => {}
    }
    let own = std::process::id().to_string();
    fs::write(core.join("cgroup.procs"), own)
        .map_err(|error| at("the core cannot move into its leaf", &error))?;
    let control = root.join("cgroup.subtree_control");
    let enabled = |controller: &&&str| fs::write(&control, format!("+{controller}")).is_ok();
    let controllers: Vec<&'static str> = CONTROLLERS.iter().filter(enabled).copied().collect();
    if controllers.is_empty() {
        let words = "no controller can be handed on (does another process run in the service?)";
        return Err(words.to_owned());
    }
    Ok(Subtree { root: root.to_owned(), controllers })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn the_own_group_is_found_in_what_the_kernel_tells() {
        let hybrid = "5:memory:/x\n1:name=systemd:/y\n0::/system.slice/doorward.service\n";
        assert_eq!(own_group(hybrid), Some("/system.slice/doorward.service"));
        assert_eq!(own_group("5:memory:/x\n"), None);
        let mounts = "24 1 0:22 / /sys rw - sysfs sysfs rw\n\
            31 24 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n";
        assert_eq!(mount_of_version_2(mounts), Some("/sys/fs/cgroup"));
        assert_eq!(mount_of_version_2("30 24 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"), None);
    }

    #[test]
    fn deaths_for_want_of_memory_are_read_and_other_counts_are_not() {
        assert_eq!(kills("low 0\nhigh 3\nmax 7\noom 2\noom_kill 1\noom_group_kill 1\n"), 1);
        assert_eq!(kills("oom 5\noom_kill 0\n"), 0);
        assert_eq!(kills(""), 0);
    }

    #[test]
    fn a_group_that_was_not_handed_over_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        if rustix::process::geteuid().is_root() {
            assert!(take(folder.path()).is_err());
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn a_process_that_comes_last_has_its_share_again_later() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_path_buf();
        let subtree = Subtree { root: root.clone(), controllers: vec!["cpu"] };
        let leaf = Leaf::make(&subtree, &VendorId::new("zwave"), 4711).unwrap();
        let write = |file: &str, text: &str| fs::write(root.join("vendor-zwave").join(file), text);
        let read = |file: &str| fs::read_to_string(root.join("vendor-zwave").join(file)).unwrap();
        // Before Linux 5.15.
        assert!(leaf.compute_last(true).unwrap());
        assert_eq!(read("cpu.weight"), CPU_WEIGHT_LEAST);
        assert!(leaf.compute_last(false).unwrap());
        assert_eq!(read("cpu.weight"), CPU_WEIGHT);
        write("cpu.idle", "0").unwrap();
        assert!(leaf.compute_last(true).unwrap());
        assert_eq!(read("cpu.idle"), "1");
        // The kernel shows no weight of such a group.
        write("cpu.weight", "0").unwrap();
        assert!(leaf.compute_last(false).unwrap());
        assert_eq!((read("cpu.idle"), read("cpu.weight")), ("0".to_owned(), CPU_WEIGHT.to_owned()));
    }

    /// In a folder that only looks like a group: what is written where.
    #[test]
    fn a_leaf_is_bounded_before_the_process_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_path_buf();
        let subtree = Subtree { root: root.clone(), controllers: vec!["memory", "pids"] };
        let leaf = Leaf::make(&subtree, &VendorId::new("zwave"), 4711).unwrap();
        let read = |file: &str| std::fs::read_to_string(root.join("vendor-zwave").join(file));
        assert_eq!(read("memory.max").unwrap(), MEMORY_MAX);
        assert_eq!(read("pids.max").unwrap(), PIDS_MAX);
        assert_eq!(read("cgroup.procs").unwrap(), "4711");
        assert!(read("cpu.max").is_err(), "it has no such controller");
        assert!(!leaf.out_of_memory());
        assert!(!leaf.compute_last(true).unwrap(), "and nothing to be last by");
        std::fs::write(root.join("vendor-zwave/memory.events"), "oom_kill 1\n").unwrap();
        assert!(leaf.out_of_memory());
    }
}
