//! What looks names up, brought in while that may still be done.

/// Before glibc 2.34 these are libraries of their own, which the C library opens with the first name:
/// too late for a process that opens no library any more. Other ways of looking up, as mDNS has
/// them, need more than such a process may do.
#[cfg(target_env = "gnu")]
const PARTS: [&std::ffi::CStr; 2] = [c"libnss_files.so.2", c"libnss_dns.so.2"];

/// Loads them, for good, where the C library has them not in itself.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "no library asks the C library for its version, or loads its parts")]
pub(crate) fn load() {
    // SAFETY: it takes nothing, and returns a string that is never freed.
    let version = unsafe { std::ffi::CStr::from_ptr(libc::gnu_get_libc_version()) };
    if version.to_str().is_ok_and(has_parts_of_its_own) {
        for part in PARTS {
            // SAFETY: a part of the C library, which does nothing when it is loaded. One that is not
            // there is not missed: the C library would not find it either.
            unsafe { libc::dlopen(part.as_ptr(), libc::RTLD_NOW) };
        }
    }
}

#[cfg(not(target_env = "gnu"))]
pub(crate) fn load() {}

/// Whether a C library of this version opens libraries to look a name up.
#[cfg(target_env = "gnu")]
fn has_parts_of_its_own(version: &str) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().ok());
    matches!((numbers.next().flatten(), numbers.next().flatten()), (Some(2), Some(minor)) if minor < 34)
}

#[cfg(all(test, target_env = "gnu"))]
mod tests {
    use super::has_parts_of_its_own;

    #[test]
    fn parts_are_loaded_for_the_c_library_of_debian_11_and_not_of_debian_12() {
        assert!(has_parts_of_its_own("2.31"));
        for version in ["2.34", "2.36", "3.0", ""] {
            assert!(!has_parts_of_its_own(version), "{version}");
        }
    }
}
