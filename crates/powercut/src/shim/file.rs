//! The functions of an open file. Its memory holds ours first and then that of the real VFS.

use std::ffi::{c_int, c_void};
use std::mem::size_of;
use std::ptr;
use std::slice;

use rusqlite::ffi::{self, sqlite3_file, sqlite3_io_methods};

use crate::log::Handle;

/// Ours in the memory of a file: a multiple of what its alignment needs.
#[repr(C)]
struct ShimFile {
    base: sqlite3_file,
    /// From `Box::into_raw`, while the file is open.
    handle: *mut Handle,
}

/// How many bytes of a file's memory are ours.
#[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "two pointers")]
pub(super) const SIZE: c_int = size_of::<ShimFile>() as c_int;

/// The memory of the real VFS.
///
/// # Safety
/// `file` has the `szOsFile` bytes of the shim.
pub(super) unsafe fn real(file: *mut sqlite3_file) -> *mut sqlite3_file {
    // SAFETY: the caller's promise.
    unsafe { file.cast::<ShimFile>().add(1).cast() }
}

/// Takes back what the real VFS left in a file that it did not open: SQLite closes that which has
/// methods, and this one will have none.
///
/// # Safety
/// The real VFS's open was called on `real`.
pub(super) unsafe fn abandon(real: *mut sqlite3_file) {
    // SAFETY: the caller's promise; a file with methods may be closed.
    unsafe {
        if let Some(close) = (*real).pMethods.as_ref().and_then(|methods| methods.xClose) {
            close(real);
        }
    }
}

/// Makes `file` ready for SQLite, or one that was not opened.
///
/// # Safety
/// `file` has the `szOsFile` bytes of the shim, and the real file in them is open if `opened` is.
pub(super) unsafe fn fill(file: *mut sqlite3_file, opened: Result<Handle, c_int>) -> c_int {
    let (methods, handle, code): (*const sqlite3_io_methods, _, _) = match opened {
        Ok(handle) => {
            // SAFETY: an open file has methods.
            let version = unsafe { (*(*real(file)).pMethods).iVersion };
            let methods = METHODS.iter().rev().find(|methods| methods.iVersion <= version);
            let methods = methods.unwrap_or(&METHODS[0]);
            (methods, Box::into_raw(Box::new(handle)), ffi::SQLITE_OK)
        }
        Err(code) => (ptr::null(), ptr::null_mut(), code),
    };
    // SAFETY: the caller's promise.
    unsafe {
        file.cast::<ShimFile>()
            .write(ShimFile { base: sqlite3_file { pMethods: methods }, handle });
    };
    code
}

/// The handle of an open file.
///
/// # Safety
/// SQLite passed `file` to one of [`METHODS`], which only [`fill`] hands out, and does not close it
/// during `'a`.
unsafe fn handle<'a>(file: *mut sqlite3_file) -> &'a Handle {
    // SAFETY: the caller's promise; the box lives until `close`.
    unsafe { &*(*file.cast::<ShimFile>()).handle }
}

/// Calls a function of the real file behind `$file`.
macro_rules! forward {
    ($file:expr, $method:ident, $missing:expr $(, $argument:expr)*) => {{
        // SAFETY: SQLite passes a file which `fill` made ready, so the real one behind it is open;
        // the arguments are those which SQLite passed to the same function.
        unsafe {
            let real = real($file);
            match (*(*real).pMethods).$method {
                Some(method) => method(real $(, $argument)*),
                None => $missing,
            }
        }
    }};
}

/// One table for each version: SQLite takes what is in a table for something that works.
static METHODS: [sqlite3_io_methods; 3] = [methods(1), methods(2), methods(3)];

const fn methods(version: c_int) -> sqlite3_io_methods {
    sqlite3_io_methods {
        iVersion: version,
        xClose: Some(close),
        xRead: Some(read),
        xWrite: Some(write),
        xTruncate: Some(truncate),
        xSync: Some(sync),
        xFileSize: Some(file_size),
        xLock: Some(lock),
        xUnlock: Some(unlock),
        xCheckReservedLock: Some(check_reserved_lock),
        xFileControl: Some(file_control),
        xSectorSize: Some(sector_size),
        xDeviceCharacteristics: Some(device_characteristics),
        xShmMap: Some(shm_map),
        xShmLock: Some(shm_lock),
        xShmBarrier: Some(shm_barrier),
        xShmUnmap: Some(shm_unmap),
        xFetch: Some(fetch),
        xUnfetch: Some(unfetch),
    }
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    let code = forward!(file, xClose, ffi::SQLITE_OK);
    // SAFETY: SQLite closes a file once and never uses it again; the handle is from `fill`.
    unsafe {
        let ours = file.cast::<ShimFile>();
        drop(Box::from_raw((*ours).handle));
        (*ours).handle = ptr::null_mut();
        (*ours).base.pMethods = ptr::null();
    }
    code
}

unsafe extern "C" fn read(
    file: *mut sqlite3_file,
    into: *mut c_void,
    amount: c_int,
    offset: i64,
) -> c_int {
    // SAFETY: SQLite passes an open file.
    let handle = unsafe { handle(file) };
    handle
        .reads(ffi::SQLITE_IOERR_READ)
        .unwrap_or_else(|| forward!(file, xRead, ffi::SQLITE_IOERR_READ, into, amount, offset))
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    from: *const c_void,
    amount: c_int,
    offset: i64,
) -> c_int {
    let (Ok(size), Ok(place)) = (usize::try_from(amount), usize::try_from(offset)) else {
        return ffi::SQLITE_IOERR_WRITE;
    };
    // SAFETY: SQLite passes an open file and that many bytes.
    let (handle, bytes) = unsafe { (handle(file), slice::from_raw_parts(from.cast::<u8>(), size)) };
    // SAFETY: as above.
    let len = || unsafe { length(file) };
    handle.write(place, bytes, len, || {
        forward!(file, xWrite, ffi::SQLITE_IOERR_WRITE, from, amount, offset)
    })
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, size: i64) -> c_int {
    // SAFETY: SQLite passes an open file.
    let handle = unsafe { handle(file) };
    // SAFETY: as above.
    let len = || unsafe { length(file) };
    handle.truncate(len, || forward!(file, xTruncate, ffi::SQLITE_IOERR_TRUNCATE, size))
}

/// How long the file is now.
///
/// # Safety
/// As for [`handle`].
unsafe fn length(file: *mut sqlite3_file) -> usize {
    let mut size = 0;
    forward!(file, xFileSize, ffi::SQLITE_IOERR_FSTAT, &raw mut size);
    usize::try_from(size).unwrap_or_default()
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: SQLite passes an open file.
    let handle = unsafe { handle(file) };
    handle.sync(flags & ffi::SQLITE_SYNC_DATAONLY != 0, || {
        forward!(file, xSync, ffi::SQLITE_IOERR_FSYNC, flags)
    })
}

unsafe extern "C" fn file_size(file: *mut sqlite3_file, out: *mut i64) -> c_int {
    // SAFETY: SQLite passes an open file.
    let handle = unsafe { handle(file) };
    handle
        .reads(ffi::SQLITE_IOERR_FSTAT)
        .unwrap_or_else(|| forward!(file, xFileSize, ffi::SQLITE_IOERR_FSTAT, out))
}

unsafe extern "C" fn lock(file: *mut sqlite3_file, level: c_int) -> c_int {
    forward!(file, xLock, ffi::SQLITE_IOERR_LOCK, level)
}

unsafe extern "C" fn unlock(file: *mut sqlite3_file, level: c_int) -> c_int {
    forward!(file, xUnlock, ffi::SQLITE_IOERR_UNLOCK, level)
}

unsafe extern "C" fn check_reserved_lock(file: *mut sqlite3_file, out: *mut c_int) -> c_int {
    forward!(file, xCheckReservedLock, ffi::SQLITE_IOERR_CHECKRESERVEDLOCK, out)
}

unsafe extern "C" fn file_control(
    file: *mut sqlite3_file,
    operation: c_int,
    argument: *mut c_void,
) -> c_int {
    if operation != ffi::SQLITE_FCNTL_SIZE_HINT {
        return forward!(file, xFileControl, ffi::SQLITE_NOTFOUND, operation, argument);
    }
    // SAFETY: SQLite passes an open file, and with this operation a 64-bit length.
    let (handle, size) = unsafe { (handle(file), *argument.cast::<i64>()) };
    // SAFETY: as above.
    let len = || unsafe { length(file) };
    handle.hint(usize::try_from(size).unwrap_or_default(), len, || {
        forward!(file, xFileControl, ffi::SQLITE_NOTFOUND, operation, argument)
    })
}

unsafe extern "C" fn sector_size(file: *mut sqlite3_file) -> c_int {
    forward!(file, xSectorSize, 4096)
}

unsafe extern "C" fn device_characteristics(file: *mut sqlite3_file) -> c_int {
    // SAFETY: SQLite passes an open file.
    let handle = unsafe { handle(file) };
    let real = forward!(file, xDeviceCharacteristics, 0);
    if handle.shared.options.powersafe_overwrite {
        real
    } else {
        real & !ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
    }
}

unsafe extern "C" fn shm_map(
    file: *mut sqlite3_file,
    region: c_int,
    size: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    forward!(file, xShmMap, ffi::SQLITE_IOERR_SHMMAP, region, size, extend, out)
}

unsafe extern "C" fn shm_lock(
    file: *mut sqlite3_file,
    offset: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    forward!(file, xShmLock, ffi::SQLITE_IOERR_SHMLOCK, offset, count, flags)
}

unsafe extern "C" fn shm_barrier(file: *mut sqlite3_file) {
    forward!(file, xShmBarrier, ());
}

unsafe extern "C" fn shm_unmap(file: *mut sqlite3_file, delete: c_int) -> c_int {
    forward!(file, xShmUnmap, ffi::SQLITE_OK, delete)
}

unsafe extern "C" fn fetch(
    file: *mut sqlite3_file,
    offset: i64,
    amount: c_int,
    out: *mut *mut c_void,
) -> c_int {
    forward!(file, xFetch, ffi::SQLITE_IOERR_MMAP, offset, amount, out)
}

unsafe extern "C" fn unfetch(file: *mut sqlite3_file, offset: i64, page: *mut c_void) -> c_int {
    forward!(file, xUnfetch, ffi::SQLITE_OK, offset, page)
}
