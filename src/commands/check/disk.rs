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
/// File systems that a power cut empties.
const VOLATILE: &[&str] = &["tmpfs", "ramfs"];
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
            suits(mount, state, part);
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

fn suits(mount: &Mount, state: &Path, part: &mut Part) {
    let kind = mount.kind.as_str();
    let elsewhere = "set gateway.state_dir to a folder on ext4, f2fs, btrfs or xfs of this machine";
    if UNFIT.contains(&kind) || kind.starts_with("fuse") {
        let text = format!("{} is on {kind}, where no write-ahead log works", state.display());
        part.find(Finding::error(state, text, elsewhere));
    } else if VOLATILE.contains(&kind) {
        let text = format!("{} is on {kind}: a power cut takes all of it", state.display());
        part.find(Finding::warning(state, text, elsewhere));
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
    let read = |line: &str| {
        let (before, after) = line.split_once(" - ")?;
        let mut before = before.split(' ');
        let device = before.nth(2)?.to_owned();
        let point = PathBuf::from(before.nth(1)?.replace("\\040", " "));
        let own = before.next()?;
        let mut after = after.split(' ');
        let (kind, source) = (after.next()?.to_owned(), after.next()?.to_owned());
        let options = after.next().unwrap_or_default();
        let read_only = [own, options].iter().any(|all| all.split(',').any(|one| one == "ro"));
        Some(Mount { device, point, read_only, kind, source })
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
}
