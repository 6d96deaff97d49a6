//! Each order, as a program that knows nothing of it sees it: Python, which calls the C library.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Does as its arguments say, one after the other, and says of each what came of it. Its standard
/// input is a file of the folder, open for reading and writing since before the orders.
const PROGRAM: &str = r#"
import errno, os, sys, time
folder = sys.argv[1]
file = sys.stdin.fileno()
def tell(act):
    try: result = act()
    except OSError as error: result = errno.errorcode[error.errno]
    print("done" if result is None or type(result) is int else result, flush=True)
acts = {
    "extend": lambda: os.pwrite(file, b"x" * 10, 95),
    "append": lambda: os.write(os.open(folder + "/file", os.O_WRONLY | os.O_APPEND), b"x"),
    "vector": lambda: os.writev(os.open(folder + "/file", os.O_WRONLY | os.O_APPEND), [b"x"]),
    "within": lambda: os.pwrite(file, b"x" * 10, 20),
    "allocate": lambda: os.posix_fallocate(file, 0, 4096),
    "truncate": lambda: os.ftruncate(file, 100),
    "fsync": lambda: os.fsync(file),
    "fdatasync": lambda: os.fdatasync(file),
    "folder": lambda: os.fsync(os.open(folder, os.O_RDONLY)),
    "create": lambda: os.close(os.open(folder + "/new", os.O_RDWR | os.O_CREAT)),
    "again": lambda: os.close(os.open(folder + "/file", os.O_RDWR | os.O_CREAT)),
    "read": lambda: os.close(os.open(folder + "/file", os.O_RDONLY)),
    "rename": lambda: os.rename(folder + "/file", folder + "/file"),
    "unlink": lambda: os.unlink(folder + "/spare"),
    "outside": lambda: os.close(os.open(os.path.dirname(folder) + "/outside", os.O_RDWR | os.O_CREAT)),
    "beside": lambda: os.write(os.open(folder + "-beside", os.O_WRONLY | os.O_CREAT), b"x"),
    "time": lambda: str(int(time.time())),
}
for word in sys.argv[2:]: tell(acts[word])
"#;

/// The shared object that cargo built beside this program.
fn preload() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program.with_file_name("libdoorward_disk_faults.so")
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("disk");
    std::fs::create_dir(&place).unwrap();
    std::fs::write(place.join("file"), [b'.'; 100]).unwrap();
    std::fs::write(place.join("spare"), "").unwrap();
    folder
}

fn command(folder: &Path, orders: &str, acts: &str) -> Command {
    let place = folder.join("disk");
    order(folder, orders);
    let mut command = Command::new(doorward_emulator::python());
    command
        .args(["-I", "-c", PROGRAM])
        .arg(&place)
        .args(acts.split_whitespace())
        .env("LD_PRELOAD", preload())
        .env("DOORWARD_FAULT_FOLDER", &place)
        .env("DOORWARD_FAULT_CONTROL", folder.join("orders"))
        .stdin(File::options().read(true).write(true).open(place.join("file")).unwrap())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn order(folder: &Path, orders: &str) {
    let new = folder.join("orders.new");
    std::fs::write(&new, orders).unwrap();
    std::fs::rename(new, folder.join("orders")).unwrap();
}

fn told(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text.lines().map(str::to_owned).collect()
}

/// What came of each act under these orders, in a fresh folder.
fn come_of(orders: &str, acts: &str) -> String {
    let folder = folder();
    told(&command(folder.path(), orders, acts).output().unwrap()).join(" ")
}

/// Every act but the one that tells the time.
const ALL: &str = "extend append vector within allocate truncate fsync fdatasync folder create \
                   again read rename unlink outside beside";

#[test]
fn without_a_fault_everything_is_done() {
    let done = ["done"; 16].join(" ");
    assert_eq!(come_of("none", ALL), done);
    assert_eq!(come_of("delay 100\nserial 3\n", ALL), done);
}

#[test]
fn a_full_disk_takes_nothing_new() {
    assert_eq!(
        come_of("enospc", ALL),
        "ENOSPC ENOSPC ENOSPC done ENOSPC done done done done ENOSPC done done done done done done"
    );
    assert_eq!(
        come_of("enospc-all", ALL),
        "ENOSPC ENOSPC ENOSPC ENOSPC ENOSPC done done done done ENOSPC done done done done done done"
    );
}

#[test]
fn a_broken_disk_takes_nothing() {
    assert_eq!(
        come_of("eio", ALL),
        "EIO EIO EIO EIO EIO EIO EIO EIO EIO EIO done done done done done done"
    );
}

#[test]
fn a_disk_mounted_read_only_changes_nothing() {
    assert_eq!(
        come_of("erofs", ALL),
        "EROFS EROFS EROFS EROFS EROFS EROFS done done done EROFS EROFS done EROFS EROFS done done"
    );
}

#[test]
fn syncs_fail_for_good_or_so_many() {
    assert_eq!(come_of("sync-eio", "extend fsync fdatasync folder fsync"), "done EIO EIO EIO EIO");
    assert_eq!(come_of("sync-eio 2", "fsync fdatasync fsync folder"), "EIO EIO done done");
}

#[test]
fn one_rename_fails_or_is_the_end() {
    assert_eq!(come_of("rename-eio 2", "rename rename rename fsync"), "done EIO done done");
    let folder = folder();
    let output = command(folder.path(), "rename-kill 2", "rename rename read").output().unwrap();
    assert_eq!(output.status.signal(), Some(9));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "done\n");
}

#[test]
fn other_orders_of_the_same_words_count_anew() {
    let folder = folder();
    let acts = "fsync ".repeat(4000);
    let mut child =
        command(folder.path(), "serial 1\ndelay 1000\nsync-eio 1", &acts).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let mut next = || lines.next().unwrap().unwrap();
    assert_eq!([next(), next()], ["EIO", "done"]);
    order(folder.path(), "serial 2\ndelay 1000\nsync-eio 1");
    assert!((0..1000).any(|_| next() == "EIO"), "the second orders were not obeyed");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_stall_lasts_its_time_or_until_other_orders() {
    let begun = Instant::now();
    assert_eq!(come_of("stall 300", "fsync within read"), "done done done");
    let took = begun.elapsed();
    assert!((Duration::from_millis(600)..Duration::from_secs(20)).contains(&took), "{took:?}");

    let folder = folder();
    let mut child = command(folder.path(), "stall 3600000", "read fsync within").spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    assert_eq!(lines.next().unwrap().unwrap(), "done");
    // It is in the sync now, or about to be; the sync ends as the new orders have it.
    order(folder.path(), "eio");
    assert_eq!(lines.next().unwrap().unwrap(), "EIO");
    assert_eq!(lines.next().unwrap().unwrap(), "EIO");
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_time_of_day_is_off() {
    for offset in [0, 315_360_000, -315_360_000] {
        let told: i64 = come_of(&format!("clock {offset}"), "time").parse().unwrap();
        let off = told - offset - now();
        assert!((-60..=0).contains(&off), "{offset}: off by {off} s");
    }
}

/// The time of day in seconds, as another program tells it.
fn now() -> i64 {
    let output = Command::new("date").arg("+%s").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

#[test]
fn orders_that_are_not_understood_end_the_program() {
    let folder = folder();
    let output = command(folder.path(), "enospace", "fsync").output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("disk-faults: `enospace` is no order"), "{said}");
}

#[test]
fn without_a_control_file_nothing_is_changed() {
    let folder = folder();
    let mut command = command(folder.path(), "eio", "extend fsync");
    command.env_remove("DOORWARD_FAULT_CONTROL");
    assert_eq!(told(&command.output().unwrap()), ["done", "done"]);
    command.env("DOORWARD_FAULT_CONTROL", folder.path().join("none"));
    assert_eq!(told(&command.output().unwrap()), ["done", "done"]);
}
