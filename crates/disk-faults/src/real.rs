//! The functions in whose place ours stand.
#![expect(unsafe_code, reason = "the next symbol of a name is known to the dynamic linker only")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

/// `open` is variadic in C; where the third argument is not given, it is not looked at.
pub type Open = unsafe extern "C" fn(*const c_char, c_int, libc::mode_t) -> c_int;

/// What opens a file, the control file too.
pub static OPEN: Real = Real::new(c"open");

/// A function of the C library, looked up when it is first needed.
pub struct Real {
    name: &'static CStr,
    found: AtomicPtr<c_void>,
}

impl Real {
    /// The function of this name.
    pub const fn new(name: &'static CStr) -> Self {
        Self { name, found: AtomicPtr::new(std::ptr::null_mut()) }
    }

    /// It as a function. Without it nothing can be passed on, and the program ends.
    ///
    /// # Safety
    /// `F` is the type of a pointer to a function with the signature that the C library gives
    /// this name.
    pub unsafe fn function<F: Copy>(&self) -> F {
        const { assert!(size_of::<F>() == size_of::<*mut c_void>(), "no pointer to a function") };
        let mut found = self.found.load(Ordering::Relaxed);
        if found.is_null() {
            // SAFETY: the name ends with a zero byte and lives for ever.
            found = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr()) };
            if found.is_null() {
                // SAFETY: it takes nothing and does not come back.
                unsafe { libc::abort() };
            }
            self.found.store(found, Ordering::Relaxed);
        }
        // SAFETY: the sizes are the same, and the caller vouches for the signature.
        unsafe { std::mem::transmute_copy(&found) }
    }
}
