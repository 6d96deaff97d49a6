//! `doorward check`: each check is shown its fault, then the machine after its remedy.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::gateway::{Place, wait_for};

/// The outcome of one check on a machine whose files lie under `root`.
fn outcome(place: &Place, root: &Path, name: &str) -> Value {
    let root = root.to_str().unwrap();
    let said = place.run(&["check", "--only", name, "--root", root, "--json"]);
    let report: Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:?}"));
    let [outcome] = &report["checks"].as_array().unwrap()[..] else { panic!("{report}") };
    assert_eq!(outcome["name"], name);
    let worst = match outcome["state"].as_str().unwrap() {
        "error" => Some(2),
        _ => Some(0),
    };
    assert_eq!(said.code, worst, "{outcome}");
    outcome.clone()
}

fn plant(root: &Path, file: &str, text: &str) {
    let file = root.join(file);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

/// The check finds `words` at `state` and says `remedy`.
fn finds(outcome: &Value, state: &str, words: &str, remedy: &str) {
    assert_eq!(outcome["state"], state, "{outcome}");
    assert!(outcome["detail"].as_str().unwrap().contains(words), "{outcome}");
    assert!(outcome["remedy"].as_str().unwrap().contains(remedy), "{outcome}");
}

fn is_well(outcome: &Value) {
    assert_eq!(outcome["state"], "ok", "{outcome}");
    assert_eq!(outcome["remedy"], Value::Null);
}

#[test]
fn checks_are_listed_and_chosen_by_name() {
    let place = Place::new();
    let listed = place.run(&["check", "--list"]);
    let names: Vec<&str> =
        listed.out.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() >= 15 && names.contains(&"memory"), "{listed:?}");
    let wrong = place.run(&["check", "--only", "weather"]);
    assert!(wrong.code == Some(2) && wrong.err.contains("there are: configuration, "), "{wrong:?}");
    let said = place.run(&["check", "--only", "memory,configuration", "--json"]);
    let report: Value = serde_json::from_str(&said.out).unwrap();
    let names: Vec<&Value> =
        report["checks"].as_array().unwrap().iter().map(|check| &check["name"]).collect();
    assert_eq!(names, ["configuration", "memory"], "always in one order");
}

#[test]
fn a_kernel_without_the_memory_group_is_told_and_its_remedy_works() {
    let (place, root) = (Place::new(), tempfile::tempdir().unwrap());
    let root = root.path();
    plant(root, "sys/fs/cgroup/cgroup.controllers", "cpuset cpu io pids\n");
    plant(root, "proc/cmdline", "console=tty1 root=PARTUUID=1 cgroup_disable=memory\n");
    plant(root, "boot/firmware/cmdline.txt", "console=tty1 root=PARTUUID=1 rootwait\n");
    let found = outcome(&place, root, "memory");
    finds(
        &found,
        "warning",
        "no memory control group",
        "sudo sed -i '1s/$/ cgroup_enable=memory/'",
    );
    // The remedy, as it stands there, but in the planted root, and without its reboot.
    let remedy = found["remedy"].as_str().unwrap();
    let command = remedy.split(" && ").next().unwrap().replace("sudo ", "");
    let here = format!("{}/boot/firmware", root.display());
    let command = command.replace("/boot/firmware", &here);
    let status = std::process::Command::new("sh").args(["-c", &command]).status().unwrap();
    assert!(status.success(), "{command}");
    let text = fs::read_to_string(root.join("boot/firmware/cmdline.txt")).unwrap();
    assert_eq!(text, "console=tty1 root=PARTUUID=1 rootwait cgroup_enable=memory\n");
    finds(&outcome(&place, root, "memory"), "warning", "no memory", "sudo reboot");
    plant(root, "sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n");
    is_well(&outcome(&place, root, "memory"));
    // The older hierarchy.
    fs::remove_file(root.join("sys/fs/cgroup/cgroup.controllers")).unwrap();
    plant(root, "proc/cgroups", "#subsys_name hierarchy num_cgroups enabled\nmemory\t0\t1\t0\n");
    assert_eq!(outcome(&place, root, "memory")["state"], "warning");
    plant(root, "proc/cgroups", "memory\t4\t99\t1\n");
    is_well(&outcome(&place, root, "memory"));
}

#[test]
fn a_disk_that_does_not_fit_is_told() {
    let (place, root) = (Place::new(), tempfile::tempdir().unwrap());
    let root = root.path();
    let mount = |kind: &str, options: &str| {
        plant(
            root,
            "proc/self/mountinfo",
            &format!("22 1 179:2 / / {options} shared:1 - {kind} /dev/mmcblk0p2 rw\n"),
        );
    };
    mount("nfs4", "rw");
    finds(&outcome(&place, root, "disk"), "error", "no write-ahead log works", "state_dir");
    mount("tmpfs", "rw");
    let lost = "the journal does not survive a restart";
    finds(&outcome(&place, root, "disk"), "error", lost, "state_dir");
    let overlay = "22 1 0:30 / / rw - overlay overlayroot rw,lowerdir=/media/root-ro,\
                   upperdir=/media/root-rw/overlay,workdir=/media/root-rw/overlay-workdir/_\n";
    let upper = |kind: &str| format!("23 22 0:31 / /media/root-rw rw - {kind} upper rw\n");
    plant(root, "proc/self/mountinfo", &format!("{overlay}{}", upper("tmpfs")));
    finds(&outcome(&place, root, "disk"), "error", lost, "small partition");
    plant(root, "proc/self/mountinfo", &format!("{overlay}{}", upper("ext4")));
    is_well(&outcome(&place, root, "disk"));
    // Below the root, and out of its sight.
    plant(root, "proc/self/mountinfo", overlay);
    is_well(&outcome(&place, root, "disk"));
    plant(root, "proc/cmdline", "quiet boot=overlay\n");
    finds(&outcome(&place, root, "disk"), "error", lost, "small partition");
    mount("ext4", "ro,noatime");
    finds(&outcome(&place, root, "disk"), "error", "read-only", "remount,rw");
    mount("ext4", "rw,noatime");
    let sys = root.join("sys/devices/mmc0/block/mmcblk0");
    fs::create_dir_all(sys.join("mmcblk0p2")).unwrap();
    fs::create_dir_all(root.join("sys/dev/block")).unwrap();
    plant(&sys, "mmcblk0p2/partition", "2\n");
    std::os::unix::fs::symlink(sys.join("mmcblk0p2"), root.join("sys/dev/block/179:2")).unwrap();
    for (kind, words) in [("SD\n", "SD card mmcblk0"), ("MMC\n", "eMMC mmcblk0")] {
        plant(&sys, "device/type", kind);
        let found = outcome(&place, root, "disk");
        is_well(&found);
        assert!(found["detail"].as_str().unwrap().contains(words), "{found}");
    }
}

#[test]
fn a_clock_that_no_battery_keeps_is_told() {
    let (place, root) = (Place::new(), tempfile::tempdir().unwrap());
    let root = root.path();
    fs::create_dir_all(root.join("sys/class/rtc")).unwrap();
    let root_text = root.to_str().unwrap();
    let findings = || -> String {
        let said = place.run(&["check", "--only", "clock", "--root", root_text, "--json"]);
        serde_json::from_str::<Value>(&said.out).unwrap()["findings"].to_string()
    };
    assert!(findings().contains("no hardware clock"), "{}", findings());
    assert!(findings().contains("dtoverlay=i2c-rtc,ds3231"), "{}", findings());
    fs::create_dir_all(root.join("sys/class/rtc/rtc0")).unwrap();
    assert!(!findings().contains("hardware clock"), "{}", findings());
    // A Raspberry Pi 5 has one, whose battery is to be bought.
    plant(root, "sys/class/rtc/rtc0/since_epoch", "31\n");
    assert!(findings().contains("no battery, or an empty one: it shows 1970-01-01"));
    assert!(findings().contains("Raspberry Pi 5 at J5"), "{}", findings());
    // Beside it one with a battery; then its own.
    plant(root, "sys/class/rtc/rtc1/since_epoch", "1790000000\n");
    assert!(!findings().contains("hardware clock"), "{}", findings());
    fs::remove_dir_all(root.join("sys/class/rtc/rtc1")).unwrap();
    assert!(findings().contains("hardware clock"), "{}", findings());
    plant(root, "sys/class/rtc/rtc0/since_epoch", "1790000000\n");
    // The other fault, which this machine may have or not, and its remedy in the file.
    let main = fs::read_to_string(place.path().join("doorward.toml")).unwrap();
    place.write("doorward.toml", &format!("{main}[trust]\nclock_error_ms = 100\n"));
    is_well(&outcome(&place, root, "clock"));
}

#[test]
fn a_port_that_is_not_there_is_told_with_those_that_are() {
    let (place, root) = (Place::new(), tempfile::tempdir().unwrap());
    let root = root.path();
    let vendor = |port: &str| {
        format!(
            "ecosystem = \"modbus\"\n[serial]\nport = \"{port}\"\n[[endpoint]]\nid = \"gate\"\nunit = 1\nclosed = {{ input = 0, contact = \"normally_open\" }}\n"
        )
    };
    place.write("vendors.d/gates.toml", &vendor("/dev/serial/by-id/usb-A-port0"));
    finds(&outcome(&place, root, "serial"), "error", "No such file", "plug the adapter in; none");
    let folder = root.join("dev/serial/by-id");
    fs::create_dir_all(&folder).unwrap();
    // Any character device will do: it is not opened.
    std::os::unix::fs::symlink("/dev/null", folder.join("usb-B-port0")).unwrap();
    let found = outcome(&place, root, "serial");
    finds(&found, "error", "No such file", "/dev/serial/by-id/usb-B-port0");
    place.write("vendors.d/gates.toml", &vendor("/dev/serial/by-id/usb-B-port0"));
    is_well(&outcome(&place, root, "serial"));
}

#[test]
fn a_journal_that_is_damaged_is_told_and_a_start_mends_it() {
    let (place, root) = (Place::new(), Path::new("/"));
    assert_eq!(outcome(&place, root, "journal")["state"], "skipped", "there is none yet");
    let gateway = place.start();
    place.started(1);
    is_well(&outcome(&place, root, "journal"));
    gateway.terminate();
    is_well(&outcome(&place, root, "journal"));
    let whole = fs::read(place.journal()).unwrap();
    let _ = fs::remove_file(place.path().join("state/journal.db-wal"));
    fs::write(place.journal(), [&b"no journal at all"[..], &whole[17..]].concat()).unwrap();
    finds(&outcome(&place, root, "journal"), "error", "cannot be opened", "systemctl start");
    let _gateway = place.start();
    let found = wait_for("the gateway answers, and says what it found", || {
        let found = outcome(&place, root, "journal");
        (found["state"] == "warning").then_some(found)
    });
    finds(&found, "warning", "", "gateway.events_dropped");
}
