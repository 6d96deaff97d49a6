//! The disk under the journal: what sort it is, whether its file system suits a write-ahead log,
//! and how much room there is.

use std::path::{Path, PathBuf};

use super::part::Part;
use super::surroundings::Surroundings;
use crate::commands::output;
use crate::config::{Configuration, Finding};
use crate::journal::Space;

/// File systems without the shared memory or the locks that a write-ahead log needs.
const UNFIT: &[&str] =
    &["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "vfat", "exfat", "msdos"];
/// File systems in memory.
const VOLATILE: &[&str] = &["tmpfs", "ramfs"];
/// On the kernel's command line: the root is an overlay in memory, as `raspi-config` once made it.
const OVERLAY_ROOT: &str = "boot=overlay";
/// What is mounted where (proc(5)).
const MOUNTS: &str = "/proc/self/mountinfo";

/// A line of [`MOUNTS`].
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mount {
    device: String,
    point: PathBuf,
    read_only: bool,
    kind: String,
    source: String,
    /// Where an overlay puts what is written to it.
    upper: Option<PathBuf>,
}

pub(super) fn look(around: &Surroundings, configuration: &Configuration, part: &mut Part) {
    let state = &configuration.gateway.state_dir;
    let what = format!("disk under {}", state.display());
    // Before its first start the gateway has no folder yet.
    let there = state.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    let place = std::fs::canonicalize(there).unwrap_or_else(|_| there.to_owned());
    let mounts = mounts(&around.text(MOUNTS).unwrap_or_default());
    let mut said = Vec::new();
    let before = part.findings.len();
    match mount_of(&mounts, &place) {
        Some(mount) => {
            said.push(mount.kind.clone());
            said.push(sort(around, mount));
            let command_line = around.text("/proc/cmdline").unwrap_or_default();
            suits(mount, in_memory(mount, &mounts, &command_line), state, part);
        }
        None => said.push("nothing says what it is".to_owned()),
    }
    if mounts.iter().any(|mount| mount.point == Path::new("/") && mount.read_only) {
        said.push("the root is read-only".to_owned());
    }
    if let Some(space) = Space::of(&place) {
        said.push(format!(
            "{} of {} free",
            output::size(space.free_bytes),
            output::size(space.total_bytes)
        ));
        if let Some(words) = space.too_little(configuration.gateway.journal.min_free_percent) {
            let remedy = "free some (sudo apt-get clean; sudo journalctl --vacuum-size=50M), or lower \
                          journal.min_free_percent; near the end of it events go";
            part.find(Finding::warning(state, words, remedy));
        }
    }
    if part.findings.len() == before {
        part.well(what, Some(said.join(", ")));
    } else {
        part.bad(what, said.join(", "));
    }
}

fn suits(mount: &Mount, in_memory: Option<String>, state: &Path, part: &mut Part) {
    let kind = mount.kind.as_str();
    let elsewhere = "set gateway.state_dir to a folder on ext4, f2fs, btrfs or xfs of this machine";
    if UNFIT.contains(&kind) || kind.starts_with("fuse") {
        let text = format!("{} is on {kind}, where no write-ahead log works", state.display());
        part.find(Finding::error(state, text, elsewhere));
    } else if let Some(words) = in_memory {
        let text =
            format!("{} is on {words}: the journal does not survive a restart", state.display());
        let remedy = format!(
            "mount a small partition at {} (ext4, f2fs, btrfs or xfs; beside overlayroot with \
             recurse=0), or {elsewhere}; docs/hardware.md",
            state.display()
        );
        part.find(Finding::error(state, text, remedy));
    } else if mount.read_only {
        let text = format!("{} is mounted read-only", mount.point.display());
        let remedy = format!(
            "sudo mount -o remount,rw {}; where the root shall stay read-only, give {} a partition \
             of its own",
            mount.point.display(),
            state.display()
        );
        part.find(Finding::error(state, text, remedy));
    }
}

/// How a mount lies in memory, if it does: itself, or what is written to it as an overlay.
fn in_memory(mount: &Mount, mounts: &[Mount], command_line: &str) -> Option<String> {
    if VOLATILE.contains(&mount.kind.as_str()) {
        return Some(mount.kind.clone());
    }
    let upper = mount.upper.as_deref()?;
    let below = mount_of(mounts, upper).filter(|below| below.point != mount.point);
    let lies_there = match below {
        Some(below) => VOLATILE.contains(&below.kind.as_str()),
        // What is below a root may be mounted before it and out of its sight, as a container's is.
        None => command_line.split_whitespace().any(|word| word == OVERLAY_ROOT),
    };
    lies_there.then(|| format!("an overlay in memory ({})", upper.display()))
}

/// The sort of the disk that a file system is on, as the kernel tells it.
fn sort(around: &Surroundings, mount: &Mount) -> String {
    let device = around.place(&format!("/sys/dev/block/{}", mount.device));
    let Ok(device) = std::fs::canonicalize(&device) else {
        return format!("no disk of this machine ({})", mount.source);
    };
    // A partition lies in its disk's folder.
    let disk = if device.join("partition").exists() {
        device.parent().map_or_else(|| device.clone(), Path::to_path_buf)
    } else {
        device
    };
    let read = |name: &str| {
        std::fs::read_to_string(disk.join(name)).map(|text| text.trim().to_owned()).ok()
    };
    let name = disk.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let kind = match read("device/type").as_deref() {
        Some("SD") => "SD card",
        Some("MMC") => "eMMC",
        _ if name.starts_with("nvme") => "NVMe",
        _ if read("queue/rotational").as_deref() == Some("1") => "rotating disk or virtual disk",
        _ if disk.to_string_lossy().contains("/usb") => "USB disk",
        _ => "solid-state disk",
    };
    format!("{kind} {name}")
}

/// Read from proc(5): `36 35 98:0 /root /point rw,noatime master:1 - ext4 /dev/root rw`.
fn mounts(text: &str) -> Vec<Mount> {
    let path = |text: &str| PathBuf::from(text.replace("\\040", " "));
    let read = |line: &str| {
        let (before, after) = line.split_once(" - ")?;
        let mut before = before.split(' ');
        let device = before.nth(2)?.to_owned();
        let point = path(before.nth(1)?);
        let own = before.next()?;
        let mut after = after.split(' ');
        let (kind, source) = (after.next()?.to_owned(), after.next()?.to_owned());
        let options = after.next().unwrap_or_default();
        let read_only = [own, options].iter().any(|all| all.split(',').any(|one| one == "ro"));
        let upper = options.split(',').find_map(|one| one.strip_prefix("upperdir=")).map(path);
        Some(Mount { device, point, read_only, kind, source, upper })
    };
    text.lines().filter_map(read).collect()
}

/// The mount that holds `place`: of those around it the innermost, of several there the last.
fn mount_of<'a>(mounts: &'a [Mount], place: &Path) -> Option<&'a Mount> {
    let around = mounts.iter().filter(|mount| place.starts_with(&mount.point));
    around.max_by_key(|mount| mount.point.components().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = "\
22 1 179:2 / / ro,noatime shared:1 - ext4 /dev/mmcblk0p2 ro
23 22 0:21 / /tmp rw - tmpfs tmpfs rw
24 22 179:3 / /var/lib/doorward rw,noatime - f2fs /dev/mmcblk0p3 rw
broken";

    #[test]
    fn a_place_is_on_the_innermost_mount() {
        let mounts = mounts(LINES);
        assert_eq!(mounts.len(), 3);
        let of = |place: &str| mount_of(&mounts, Path::new(place)).unwrap();
        assert_eq!(of("/var/lib/doorward/x").kind, "f2fs");
        assert_eq!(of("/var/lib").device, "179:2");
        assert!(of("/etc").read_only && !of("/tmp/a").read_only);
    }

    #[test]
    fn what_lies_in_memory_is_seen_through_an_overlay() {
        let overlay = |point: &str, upper: &str| {
            format!("30 1 0:30 / {point} rw - overlay over rw,lowerdir=/l,upperdir={upper},w=/w\n")
        };
        let disk = "22 1 179:2 / / rw - ext4 /dev/mmcblk0p2 rw\n".to_owned();
        let memory = |point: &str| format!("31 30 0:31 / {point} rw - tmpfs tmpfs-root rw\n");
        let state = Path::new("/var/lib/doorward");
        for (lines, command_line, words) in [
            (disk.clone(), "boot=overlay", None),
            (disk.clone() + &memory("/var/lib"), "", Some("tmpfs")),
            // overlayroot, alone and with a partition that is covered too.
            (
                overlay("/", "/media/root-rw/overlay") + &memory("/media/root-rw"),
                "",
                Some("an overlay in memory (/media/root-rw/overlay)"),
            ),
            (
                disk.clone() + &overlay("/var/lib", "/run/a\\040b") + &memory("/run"),
                "",
                Some("an overlay in memory (/run/a b)"),
            ),
            // The same with a partition of its own.
            (overlay("/", "/run/a") + &memory("/run") + &disk.replace("/ /", "/ /var"), "", None),
            // On a disk; and out of sight, of a container and of raspi-config's.
            (disk + &overlay("/var", "/data/upper"), "", None),
            (overlay("/", "/docker/1/diff"), "quiet", None),
            (
                overlay("/", "/upper/data"),
                "quiet boot=overlay",
                Some("an overlay in memory (/upper/data)"),
            ),
        ] {
            let mounts = mounts(&lines);
            let mount = mount_of(&mounts, state).unwrap();
            assert_eq!(in_memory(mount, &mounts, command_line).as_deref(), words, "{lines}");
        }
    }
}
