//! Which files are the folder's, by path and by descriptor.
#![expect(unsafe_code, reason = "paths and descriptors come as C has them")]

use std::ffi::{CStr, OsString, c_char, c_int};
use std::io::Write as _;
use std::os::unix::ffi::OsStringExt;
use std::sync::OnceLock;

/// What the environment says, once and for all.
pub struct Place {
    folder: Vec<u8>,
    /// The control file, with a zero byte at its end.
    pub control: Vec<u8>,
}

/// Where faults are wanted; `None` where they are not.
pub fn place() -> Option<&'static Place> {
    static PLACE: OnceLock<Option<Place>> = OnceLock::new();
    let place = PLACE.get_or_init(|| {
        let bytes = |name: &str| std::env::var_os(name).map(OsString::into_vec);
        let folder = bytes("DOORWARD_FAULT_FOLDER")?;
        let mut control = bytes("DOORWARD_FAULT_CONTROL")?;
        control.push(0);
        Some(Place { folder, control })
    });
    place.as_ref()
}

impl Place {
    fn covers(&self, path: &[u8]) -> bool {
        let inside = path.strip_prefix(self.folder.as_slice());
        inside.is_some_and(|inside| inside.is_empty() || inside.starts_with(b"/"))
    }

    /// Whether a path names the folder or something in it.
    ///
    /// # Safety
    /// `path` is null or ends with a zero byte.
    pub unsafe fn holds_path(&self, path: *const c_char) -> bool {
        // SAFETY: it is not null, and the caller vouches for its end.
        !path.is_null() && self.covers(unsafe { CStr::from_ptr(path) }.to_bytes())
    }

    /// Whether a descriptor is of the folder or of a file in it, or of one that was there.
    pub fn holds(&self, descriptor: c_int) -> bool {
        let mut link = [0u8; 32];
        let mut path = [0u8; libc::PATH_MAX as usize];
        let mut rest = link.as_mut_slice();
        // It fits: a number has at most 11 characters.
        let named = write!(rest, "/proc/self/fd/{descriptor}\0");
        debug_assert!(named.is_ok(), "the room is too small");
        // SAFETY: the name ends with a zero byte, and the room is as long as said.
        let length =
            unsafe { libc::readlink(link.as_ptr().cast(), path.as_mut_ptr().cast(), path.len()) };
        usize::try_from(length)
            .ok()
            .and_then(|length| path.get(..length))
            .is_some_and(|path| self.covers(path))
    }
}
