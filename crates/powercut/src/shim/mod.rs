//! The table of functions that SQLite calls: the only place that speaks C.
//!
//! A file outside the watched folders is opened by the real VFS in place and never comes back here.
#![expect(unsafe_code, reason = "a VFS of SQLite is a table of C functions")]

mod file;

use std::ffi::{CStr, c_char, c_int, c_void};
use std::io;
use std::ptr;
use std::sync::{Arc, Once};

use rusqlite::ffi::{self, sqlite3_file, sqlite3_vfs};

use crate::log::Shared;
use crate::recorder;

/// Registers the shim as the default VFS, once.
pub(crate) fn install() -> io::Result<()> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: finding and registering a VFS is allowed from any thread; `find` initialises
        // SQLite. The default VFS lives as long as the process, and so does the leaked shim.
        unsafe {
            let real = ffi::sqlite3_vfs_find(ptr::null());
            if !real.is_null() {
                let shim = Box::leak(Box::new(shim(real)));
                ffi::sqlite3_vfs_register(shim, 1);
            }
        }
    });
    // SAFETY: as above; the name is a C string.
    let found = unsafe { ffi::sqlite3_vfs_find(NAME.as_ptr()) };
    if found.is_null() { Err(io::Error::other("SQLite took no VFS")) } else { Ok(()) }
}

const NAME: &CStr = c"powercut";

/// # Safety
/// `real` is a registered VFS.
unsafe fn shim(real: *mut sqlite3_vfs) -> sqlite3_vfs {
    // SAFETY: the caller's promise.
    let (size, longest) = unsafe { ((*real).szOsFile, (*real).mxPathname) };
    sqlite3_vfs {
        // Two: without the replaceable system calls, which belong to the real VFS.
        iVersion: 2,
        szOsFile: file::SIZE + size,
        mxPathname: longest,
        pNext: ptr::null_mut(),
        zName: NAME.as_ptr(),
        pAppData: real.cast(),
        xOpen: Some(open),
        xDelete: Some(delete),
        xAccess: Some(access),
        xFullPathname: Some(full_pathname),
        xDlOpen: Some(dl_open),
        xDlError: Some(dl_error),
        xDlSym: Some(dl_sym),
        xDlClose: Some(dl_close),
        xRandomness: Some(randomness),
        xSleep: Some(sleep),
        xCurrentTime: Some(current_time),
        xGetLastError: Some(get_last_error),
        xCurrentTimeInt64: Some(current_time_int64),
        xSetSystemCall: None,
        xGetSystemCall: None,
        xNextSystemCall: None,
    }
}

/// Calls a function of the real VFS behind `$shim`.
macro_rules! forward {
    ($shim:expr, $method:ident, $missing:expr, $($argument:expr),*) => {{
        // SAFETY: SQLite passes the shim, whose data is the real VFS; the arguments are those which
        // SQLite passed to the same function.
        unsafe {
            let real: *mut sqlite3_vfs = (*$shim).pAppData.cast();
            match (*real).$method {
                Some(method) => method(real, $($argument),*),
                None => $missing,
            }
        }
    }};
}

/// The recorder of a path from SQLite, if it has one.
///
/// # Safety
/// `path` is null or a C string that lives for `'a`.
unsafe fn watched<'a>(path: *const c_char) -> Option<(Arc<Shared>, &'a str)> {
    if path.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    let path = unsafe { CStr::from_ptr(path) };
    recorder::watched(path.to_str().ok()?)
}

unsafe extern "C" fn open(
    shim: *mut sqlite3_vfs,
    path: ffi::sqlite3_filename,
    into: *mut sqlite3_file,
    flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite passes null or the name of the file.
    let watched = unsafe { watched(path) };
    let Some((shared, name)) = watched.filter(|_| flags & ffi::SQLITE_OPEN_DELETEONCLOSE == 0)
    else {
        return forward!(shim, xOpen, ffi::SQLITE_CANTOPEN, path, into, flags, flags_out);
    };
    // SAFETY: SQLite reserved `szOsFile` bytes at `into`: ours and then the real VFS's.
    let real = unsafe { file::real(into) };
    let opened = shared.open(name, flags, |flags| {
        let code = forward!(shim, xOpen, ffi::SQLITE_CANTOPEN, path, real, flags, flags_out);
        if code != ffi::SQLITE_OK {
            // SAFETY: the real VFS filled the file in, whether it opened it or not.
            unsafe { file::abandon(real) };
        }
        code
    });
    // SAFETY: as above; the real file is open if there is a handle.
    unsafe { file::fill(into, opened) }
}

unsafe extern "C" fn delete(shim: *mut sqlite3_vfs, path: *const c_char, sync: c_int) -> c_int {
    // SAFETY: SQLite passes the name of the file.
    match unsafe { watched(path) } {
        None => forward!(shim, xDelete, ffi::SQLITE_IOERR_DELETE, path, sync),
        Some((shared, name)) => shared.delete(name, sync & 1 != 0, |sync| {
            forward!(shim, xDelete, ffi::SQLITE_IOERR_DELETE, path, c_int::from(sync))
        }),
    }
}

unsafe extern "C" fn access(
    shim: *mut sqlite3_vfs,
    path: *const c_char,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite passes the name of the file.
    let watched = unsafe { watched(path) };
    let writing = flags == ffi::SQLITE_ACCESS_READWRITE;
    match watched.and_then(|(shared, _)| shared.access(writing)) {
        None => forward!(shim, xAccess, ffi::SQLITE_IOERR_ACCESS, path, flags, out),
        Some(Err(code)) => code,
        Some(Ok(may)) => {
            // SAFETY: SQLite passes where to put the answer.
            unsafe { *out = c_int::from(may) };
            ffi::SQLITE_OK
        }
    }
}

unsafe extern "C" fn full_pathname(
    shim: *mut sqlite3_vfs,
    path: *const c_char,
    room: c_int,
    out: *mut c_char,
) -> c_int {
    forward!(shim, xFullPathname, ffi::SQLITE_CANTOPEN, path, room, out)
}

unsafe extern "C" fn dl_open(shim: *mut sqlite3_vfs, path: *const c_char) -> *mut c_void {
    forward!(shim, xDlOpen, ptr::null_mut(), path)
}

unsafe extern "C" fn dl_error(shim: *mut sqlite3_vfs, room: c_int, out: *mut c_char) {
    forward!(shim, xDlError, (), room, out);
}

type Symbol = Option<unsafe extern "C" fn(*mut sqlite3_vfs, *mut c_void, *const c_char)>;

unsafe extern "C" fn dl_sym(
    shim: *mut sqlite3_vfs,
    library: *mut c_void,
    name: *const c_char,
) -> Symbol {
    forward!(shim, xDlSym, None, library, name)
}

unsafe extern "C" fn dl_close(shim: *mut sqlite3_vfs, library: *mut c_void) {
    forward!(shim, xDlClose, (), library);
}

unsafe extern "C" fn randomness(shim: *mut sqlite3_vfs, room: c_int, out: *mut c_char) -> c_int {
    forward!(shim, xRandomness, 0, room, out)
}

unsafe extern "C" fn sleep(shim: *mut sqlite3_vfs, microseconds: c_int) -> c_int {
    forward!(shim, xSleep, 0, microseconds)
}

unsafe extern "C" fn current_time(shim: *mut sqlite3_vfs, out: *mut f64) -> c_int {
    forward!(shim, xCurrentTime, ffi::SQLITE_ERROR, out)
}

unsafe extern "C" fn current_time_int64(shim: *mut sqlite3_vfs, out: *mut i64) -> c_int {
    forward!(shim, xCurrentTimeInt64, ffi::SQLITE_ERROR, out)
}

unsafe extern "C" fn get_last_error(
    shim: *mut sqlite3_vfs,
    room: c_int,
    out: *mut c_char,
) -> c_int {
    forward!(shim, xGetLastError, 0, room, out)
}
