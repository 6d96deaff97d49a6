//! The orders that are in force now, and what follows from them for one call.
#![expect(unsafe_code, reason = "the control file is read without what this crate replaces")]

use std::ffi::{c_char, c_int};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::orders::{BadOrders, Fault, Orders};
use crate::paths::{Place, place};
use crate::real::{OPEN, Open};

/// Longest control file; a longer one cannot be understood.
const MOST: usize = 512;
/// How often a call that is held back looks for other orders.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// What a call is about to do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Bytes are written, or room is set aside for them.
    Write {
        /// The file gets longer by it.
        grows: bool,
    },
    /// The file's length is set.
    Truncate,
    Sync,
}

/// The orders in force; none where no faults are wanted. `errno` stays as it is.
pub fn orders() -> Orders {
    place().map(read).unwrap_or_default()
}

/// What the orders have in mind for a call on a descriptor: the error it ends with, or none, and
/// then it is to be done. Blocks while the orders say so. `errno` stays as it is.
pub fn verdict(file: c_int, act: impl FnOnce() -> Option<Act>) -> Result<(), c_int> {
    let Some(place) = place() else { return Ok(()) };
    let before = errno();
    let verdict = judge(place, file, act);
    set_errno(before);
    verdict
}

fn judge(place: &Place, file: c_int, act: impl FnOnce() -> Option<Act>) -> Result<(), c_int> {
    let mut orders = read(place);
    if orders.fault == Fault::None && orders.delay.is_zero() || !place.holds(file) {
        return Ok(());
    }
    let Some(act) = act() else { return Ok(()) };
    let mut waited = Duration::ZERO;
    while let Fault::Stall(longest) = orders.fault
        && waited < longest
    {
        pause(LOOK_AGAIN);
        waited += LOOK_AGAIN;
        orders = read(place);
    }
    if act == Act::Sync && !orders.delay.is_zero() {
        pause(orders.delay);
    }
    let failed = match (orders.fault, act) {
        (Fault::Full, Act::Write { grows: true }) | (Fault::FullForAll, Act::Write { .. }) => {
            Some(libc::ENOSPC)
        }
        (Fault::Broken, _) | (Fault::SyncFails(None), Act::Sync) => Some(libc::EIO),
        (Fault::ReadOnly, Act::Write { .. } | Act::Truncate) => Some(libc::EROFS),
        (Fault::SyncFails(Some(most)), Act::Sync) => {
            (SYNCS.next(orders.serial) <= most.into()).then_some(libc::EIO)
        }
        _ => None,
    };
    failed.map_or(Ok(()), Err)
}

/// What is counted from the orders on: their serial number above, the count below.
struct Count(AtomicU64);

static SYNCS: Count = Count(AtomicU64::new(0));
static RENAMES: Count = Count(AtomicU64::new(0));

impl Count {
    /// One more under the orders of this serial number: which one it is, from 1.
    fn next(&self, serial: u32) -> u64 {
        let count = |state: u64| {
            let (of, so_far) = (state >> 32, state & u64::from(u32::MAX));
            let so_far = if of == u64::from(serial) { so_far } else { 0 };
            so_far + 1
        };
        let next = |state| Some(u64::from(serial) << 32 | count(state));
        match self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next) {
            Ok(before) | Err(before) => count(before),
        }
    }
}

/// The error that a rename is to end with; does not come back where it is to end the process.
///
/// # Safety
/// `path` is null or ends with a zero byte.
pub unsafe fn of_rename(path: *const c_char) -> Result<(), c_int> {
    // SAFETY: as the caller vouches.
    unsafe { of_path(path, None) }?;
    // SAFETY: as above.
    let Some(place) = place().filter(|place| unsafe { place.holds_path(path) }) else {
        return Ok(());
    };
    let orders = read(place);
    match orders.fault {
        Fault::RenameFails(number) if RENAMES.next(orders.serial) == number.into() => {
            Err(libc::EIO)
        }
        Fault::RenameKills(number) if RENAMES.next(orders.serial) == number.into() => {
            // SAFETY: it takes numbers only.
            unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The error that a path is to end with when it is opened with these flags, or its name is to be
/// changed or go (`flags` is `None`).
///
/// # Safety
/// `path` is null or ends with a zero byte.
pub unsafe fn of_path(path: *const c_char, flags: Option<c_int>) -> Result<(), c_int> {
    let Some(place) = place() else { return Ok(()) };
    // SAFETY: as the caller vouches.
    if !unsafe { place.holds_path(path) } {
        return Ok(());
    }
    let before = errno();
    // SAFETY: it is not null, or the folder would not hold it.
    let missing = unsafe { libc::access(path, libc::F_OK) } != 0;
    let makes = flags.is_some_and(|flags| flags & libc::O_CREAT != 0) && missing;
    let writes = flags.is_none_or(|flags| {
        flags & libc::O_ACCMODE != libc::O_RDONLY || flags & libc::O_TRUNC != 0
    });
    set_errno(before);
    match read(place).fault {
        Fault::Full | Fault::FullForAll if makes => Err(libc::ENOSPC),
        Fault::Broken if makes => Err(libc::EIO),
        Fault::ReadOnly if makes || writes && !missing => Err(libc::EROFS),
        _ => Ok(()),
    }
}

fn read(place: &Place) -> Orders {
    let before = errno();
    let orders = contents(place);
    set_errno(before);
    orders.unwrap_or_else(|error| give_up(&error))
}

fn contents(place: &Place) -> Result<Orders, BadOrders> {
    let mut bytes = [0u8; MOST];
    // SAFETY: the name ends with a zero byte, the room is as long as said, and the descriptor is
    // the one just opened, or none, which the calls refuse.
    let length = unsafe {
        let open: Open = OPEN.function();
        let descriptor = open(place.control.as_ptr().cast(), libc::O_RDONLY | libc::O_CLOEXEC, 0);
        if descriptor < 0 && errno() == libc::ENOENT {
            return Ok(Orders::default());
        }
        let length = libc::read(descriptor, bytes.as_mut_ptr().cast(), MOST);
        libc::close(descriptor);
        length
    };
    let text = usize::try_from(length)
        .ok()
        .filter(|length| *length < MOST)
        .and_then(|length| bytes.get(..length))
        .and_then(|bytes| std::str::from_utf8(bytes).ok());
    Orders::parse(text.ok_or_else(|| BadOrders::Unknown("the control file".to_owned()))?)
}

/// A test whose orders are not understood must not pass.
fn give_up(error: &BadOrders) -> ! {
    let text = format!("disk-faults: {error}\n");
    // SAFETY: the text is as long as said, and `abort` takes nothing. `write` would be ours, and
    // would read the orders.
    unsafe {
        libc::syscall(libc::SYS_write, libc::STDERR_FILENO, text.as_ptr(), text.len());
        libc::abort()
    }
}

#[expect(clippy::disallowed_methods, reason = "to block is the order")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn errno() -> c_int {
    // SAFETY: the place is this thread's own and always there.
    unsafe { *libc::__errno_location() }
}

/// Sets the error that C functions leave behind.
pub fn set_errno(code: c_int) {
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = code };
}
