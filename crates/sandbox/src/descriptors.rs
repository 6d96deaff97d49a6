//! Descriptors: a process has the standard streams, and what it opens itself.

use crate::{Layer, Refused};

const NAME: &str = "descriptors";
/// The first that is not one of the standard streams.
const FIRST: libc::c_int = 3;
/// Through which one is looked for what is open; more than any limit of ours lets one have.
const LAST: libc::c_int = 4096;

/// Closes whatever was inherited beside the standard streams; how many that were.
pub(crate) fn close_strange() -> usize {
    let strange = open_ones();
    close_all();
    strange.len()
}

#[expect(unsafe_code, reason = "no owner can be asked to close what nobody opened here")]
fn close_all() {
    // SAFETY: called before anything of this process has opened a descriptor, so none beyond the
    // standard streams has an owner that would use it later.
    let done = unsafe { libc::syscall(libc::SYS_close_range, FIRST, libc::c_uint::MAX, 0) };
    if done == 0 {
        return;
    }
    // A kernel before 5.9 has no such call.
    for descriptor in open_ones() {
        // SAFETY: as above.
        unsafe { libc::close(descriptor) };
    }
}

/// Those that are open beside the standard streams.
fn open_ones() -> Vec<libc::c_int> {
    (FIRST..=LAST).filter(|descriptor| is_open(*descriptor)).collect()
}

#[expect(unsafe_code, reason = "a bare number is asked about, which may be no descriptor")]
fn is_open(descriptor: libc::c_int) -> bool {
    // SAFETY: only reads the flags of a descriptor, or fails with EBADF.
    unsafe { libc::fcntl(descriptor, libc::F_GETFD) != -1 }
}

pub(crate) fn probe(closed: usize) -> Result<Layer, Refused> {
    let left = open_ones();
    if !left.is_empty() {
        let reason = format!("still open: {left:?}");
        return Err(Refused::DoesNotHold { layer: NAME, reason });
    }
    let detail = match closed {
        0 => "none but the standard streams was inherited".to_owned(),
        closed => format!("{closed} were inherited, and closed"),
    };
    Ok(Layer::holds(NAME, detail))
}
