//! Whether the system's clock is kept right, as the kernel tells it.
//!
//! A time service (chrony, systemd-timesyncd, ntpd) tells the kernel that it keeps the clock, and
//! how wrong it may be; while it is silent the kernel lets that error grow, and after 16 s of it
//! calls the clock unsynchronised (`adjtimex(2)`: `STA_UNSYNC`, `maxerror`).

use std::time::Duration;

/// The clock's largest error, where the kernel says that it is synchronised; `None`: it is not, or
/// the kernel does not say. Never blocks, needs no privilege and changes nothing.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the kernel is asked through one C call")]
pub fn synchronised() -> Option<Duration> {
    // SAFETY: `timex` is plain numbers, for which all zeros are a value; `modes` 0 changes nothing.
    let mut asked: libc::timex = unsafe { std::mem::zeroed() };
    // The call itself: the C library may ask by `clock_adjtime`, which can also set any clock, and
    // which the gateway therefore gives up.
    // SAFETY: the pointer is to a whole `timex` of ours, which the kernel fills in.
    let state = unsafe { libc::syscall(libc::SYS_adjtimex, &raw mut asked) };
    if state < 0
        || state == libc::c_long::from(libc::TIME_ERROR)
        || asked.status & libc::STA_UNSYNC != 0
    {
        return None;
    }
    u64::try_from(asked.maxerror).ok().map(Duration::from_micros)
}

/// Elsewhere nobody says.
#[cfg(not(target_os = "linux"))]
pub fn synchronised() -> Option<Duration> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// The kernel calls a clock whose error is 16 s or more unsynchronised.
    #[test]
    fn an_error_that_is_told_is_below_the_kernels_bound() {
        assert!(synchronised().is_none_or(|error| error < Duration::from_secs(16)));
    }
}
