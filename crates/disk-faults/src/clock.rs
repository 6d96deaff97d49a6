//! The time of day, off by what the orders say. Clocks that only run are left alone.
#![expect(unsafe_code, reason = "these functions have the names and the types of C's")]

use std::ffi::{c_int, c_void};

use crate::control::orders;
use crate::real::Real;

static REAL_CLOCK_GETTIME: Real = Real::new(c"clock_gettime");
static REAL_GETTIMEOFDAY: Real = Real::new(c"gettimeofday");
static REAL_TIME: Real = Real::new(c"time");

/// In place of `clock_gettime`.
///
/// # Safety
/// As C's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn clock_gettime(clock: libc::clockid_t, time: *mut libc::timespec) -> c_int {
    type Function = unsafe extern "C" fn(libc::clockid_t, *mut libc::timespec) -> c_int;
    // SAFETY: the type is C's, the arguments are the caller's, and `time` is filled on success.
    unsafe {
        let result = REAL_CLOCK_GETTIME.function::<Function>()(clock, time);
        if result == 0 && [libc::CLOCK_REALTIME, libc::CLOCK_REALTIME_COARSE].contains(&clock) {
            (*time).tv_sec = (*time).tv_sec.saturating_add(orders().clock);
        }
        result
    }
}

/// In place of `gettimeofday`.
///
/// # Safety
/// As C's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn gettimeofday(time: *mut libc::timeval, zone: *mut c_void) -> c_int {
    type Function = unsafe extern "C" fn(*mut libc::timeval, *mut c_void) -> c_int;
    // SAFETY: the type is C's, the arguments are the caller's, and `time`, where there is one, is
    // filled on success.
    unsafe {
        let result = REAL_GETTIMEOFDAY.function::<Function>()(time, zone);
        if result == 0 && !time.is_null() {
            (*time).tv_sec = (*time).tv_sec.saturating_add(orders().clock);
        }
        result
    }
}

/// In place of `time`.
///
/// # Safety
/// As C's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn time(place: *mut libc::time_t) -> libc::time_t {
    type Function = unsafe extern "C" fn(*mut libc::time_t) -> libc::time_t;
    // SAFETY: the type is C's; a null pointer asks for the result only; `place` is the caller's.
    unsafe {
        let time = REAL_TIME.function::<Function>()(std::ptr::null_mut());
        let time = time.saturating_add(orders().clock);
        if !place.is_null() {
            *place = time;
        }
        time
    }
}
