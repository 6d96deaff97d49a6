//! Room to recurse in. How deep schemas nest through references is bounded, and still more than the
//! stack of a small thread holds.

/// Enough for every bound of this crate; memory is taken only where it is used.
const STACK: usize = 256 << 20;

/// Does the work on a thread with a large stack. None if no thread can be had, or it panicked.
pub fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        thread.ok().and_then(|thread| thread.join().ok())
    })
}
