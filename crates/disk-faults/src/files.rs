//! The functions that change files and make that durable, each in the place of C's.
#![expect(unsafe_code, reason = "these functions have the names and the types of C's")]

use std::ffi::{c_char, c_int, c_void};

use libc::{iovec, mode_t, off_t, off64_t, size_t, ssize_t};

use crate::control::{Act, of_path, of_rename, set_errno, verdict};
use crate::real::Real;

/// Stands in the place of functions whose first argument is a descriptor: `$act` says what a call
/// of `$name` is about to do, or nothing that can fail, and `$failure` how C says that it failed.
macro_rules! on_descriptor {
    ($($name:ident, $symbol:literal,
       ($file:ident $(, $argument:ident: $type:ty)*) -> $result:ty: $act:expr, $failure:expr;)*) => {
        $(
            #[doc = concat!("In place of `", stringify!($name), "`.\n\n# Safety\nAs C's.")]
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $name($file: c_int $(, $argument: $type)*) -> $result {
                static REAL: Real = Real::new($symbol);
                match verdict($file, || $act) {
                    Err(code) => $failure(code),
                    // SAFETY: the type is C's, and the arguments are the caller's.
                    Ok(()) => unsafe {
                        REAL.function::<unsafe extern "C" fn(c_int $(, $type)*) -> $result>()(
                            $file $(, $argument)*
                        )
                    },
                }
            }
        )*
    };
}

/// Stands in the place of functions that take a path.
macro_rules! on_path {
    ($($name:ident, $symbol:literal, ($($argument:ident: $type:ty),*): $verdict:expr;)*) => {
        $(
            #[doc = concat!("In place of `", stringify!($name), "`.\n\n# Safety\nAs C's.")]
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $name($($argument: $type),*) -> c_int {
                static REAL: Real = Real::new($symbol);
                // SAFETY: the path is C's own kind of text, as the caller vouches.
                match unsafe { $verdict } {
                    Err(code) => errno(code),
                    // SAFETY: the type is C's, and the arguments are the caller's.
                    Ok(()) => unsafe {
                        REAL.function::<unsafe extern "C" fn($($type),*) -> c_int>()($($argument),*)
                    },
                }
            }
        )*
    };
}

on_descriptor! {
    write, c"write", (file, bytes: *const c_void, count: size_t) -> ssize_t:
        written(file, None, count), errno;
    writev, c"writev", (file, parts: *const iovec, count: c_int) -> ssize_t:
        // How much it is does not matter: what is written where a file ends makes it grow.
        written(file, None, 1), errno;
    pwrite, c"pwrite", (file, bytes: *const c_void, count: size_t, at: off_t) -> ssize_t:
        written(file, Some(at), count), errno;
    pwrite64, c"pwrite64", (file, bytes: *const c_void, count: size_t, at: off64_t) -> ssize_t:
        written(file, Some(at), count), errno;
    fallocate, c"fallocate", (file, mode: c_int, at: off_t, count: off_t) -> c_int:
        allocated(file, at, count), errno;
    fallocate64, c"fallocate64", (file, mode: c_int, at: off64_t, count: off64_t) -> c_int:
        allocated(file, at, count), errno;
    posix_fallocate, c"posix_fallocate", (file, at: off_t, count: off_t) -> c_int:
        allocated(file, at, count), std::convert::identity;
    posix_fallocate64, c"posix_fallocate64", (file, at: off64_t, count: off64_t) -> c_int:
        allocated(file, at, count), std::convert::identity;
    ftruncate, c"ftruncate", (file, length: off_t) -> c_int: Some(Act::Truncate), errno;
    ftruncate64, c"ftruncate64", (file, length: off64_t) -> c_int: Some(Act::Truncate), errno;
    fsync, c"fsync", (file) -> c_int: Some(Act::Sync), errno;
    fdatasync, c"fdatasync", (file) -> c_int: Some(Act::Sync), errno;
}

on_path! {
    open, c"open", (path: *const c_char, flags: c_int, mode: mode_t): of_path(path, Some(flags));
    open64, c"open64", (path: *const c_char, flags: c_int, mode: mode_t): of_path(path, Some(flags));
    openat, c"openat", (at: c_int, path: *const c_char, flags: c_int, mode: mode_t): of_path(path, Some(flags));
    openat64, c"openat64", (at: c_int, path: *const c_char, flags: c_int, mode: mode_t): of_path(path, Some(flags));
    unlink, c"unlink", (path: *const c_char): of_path(path, None);
    rename, c"rename", (from: *const c_char, to: *const c_char): of_rename(from);
}

/// Leaves an error behind as C does.
fn errno<T: From<i8>>(code: c_int) -> T {
    set_errno(code);
    T::from(-1)
}

/// Room set aside: whether the file grows by it.
fn allocated(file: c_int, at: i64, count: i64) -> Option<Act> {
    Some(Act::Write { grows: at.saturating_add(count) > length(file)? })
}

/// So many bytes written at a place, or where the descriptor stands. `None` of what is no file.
fn written(file: c_int, at: Option<i64>, count: usize) -> Option<Act> {
    let length = length(file)?;
    let begin = at.unwrap_or_else(|| {
        // SAFETY: neither call takes more than numbers.
        let (flags, place) =
            unsafe { (libc::fcntl(file, libc::F_GETFL), libc::lseek(file, 0, libc::SEEK_CUR)) };
        if flags & libc::O_APPEND == 0 { place } else { length }
    });
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    Some(Act::Write { grows: begin.saturating_add(count) > length })
}

/// How long an ordinary file is; `None` of anything else.
fn length(file: c_int) -> Option<i64> {
    // SAFETY: a record of numbers only may be all zeroes, and the call fills it.
    let about = unsafe {
        let mut about: libc::stat = std::mem::zeroed();
        (libc::fstat(file, &raw mut about) == 0).then_some(about)?
    };
    (about.st_mode & libc::S_IFMT == libc::S_IFREG).then_some(about.st_size)
}
