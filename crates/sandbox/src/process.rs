//! What a process is to others: no heir of privileges, closed to looks, in a session of its own.

use std::io;

use rustix::process::{DumpableBehavior, dumpable_behavior, set_dumpable_behavior};
use rustix::thread::{no_new_privs, set_no_new_privs};

use crate::{Layer, Refused};

/// The one variable that says something to a process: how much it writes to its log.
const LOG: &str = "RUST_LOG";
/// Added to the nice level, so that the core and the doors' other vendors come first where there is
/// no cgroup to share the processor by.
const NICE: i32 = 5;

/// The environment is the core's to empty, before the process begins: what it began with stays
/// readable in its memory.
pub(crate) fn environment() -> Result<Layer, Refused> {
    let strange = std::env::vars_os().filter(|(name, _)| name != LOG).count();
    if strange > 0 {
        let reason = format!("{strange} variables beside {LOG}");
        return Err(Refused::DoesNotHold { layer: "environment", reason });
    }
    Ok(Layer::holds("environment", format!("empty but for {LOG}")))
}

pub(crate) fn no_new_privileges() -> Result<Layer, Refused> {
    let layer = "no_new_privileges";
    set_no_new_privs(true)
        .map_err(|error| Refused::CannotApply { layer, reason: error.to_string() })?;
    if !no_new_privs().unwrap_or(false) {
        return Err(Refused::DoesNotHold { layer, reason: "it reads as unset".to_owned() });
    }
    Ok(Layer::holds(layer, "no program that it ran would gain any"))
}

pub(crate) fn not_dumpable() -> Result<Layer, Refused> {
    let layer = "not_dumpable";
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|error| Refused::CannotApply { layer, reason: error.to_string() })?;
    match dumpable_behavior() {
        Ok(DumpableBehavior::NotDumpable) => {
            Ok(Layer::holds(layer, "no other process of its user reads its memory"))
        }
        other => Err(Refused::DoesNotHold { layer, reason: format!("it reads as {other:?}") }),
    }
}

/// A session of its own shares the processor with others as one where the kernel groups by session
/// (`sched_autogroup`, sched(7)), and a terminal's signals do not reach it.
pub(crate) fn session() -> Layer {
    let name = "session";
    // It fails where the process leads a group already, as one that was started from a shell does.
    let _ = rustix::process::setsid();
    let own = rustix::process::getsid(None).is_ok_and(|leader| leader == rustix::process::getpid());
    let before = rustix::process::getpriority_process(None).unwrap_or(0);
    let _ = rustix::process::setpriority_process(None, before.saturating_add(NICE).min(19));
    let nice = rustix::process::getpriority_process(None).unwrap_or(0);
    if own {
        Layer::holds(name, format!("of its own, nice level {nice}"))
    } else {
        Layer::lacks(name, format!("it shares that of who started it; nice level {nice}"))
    }
}

/// Whether another process computes after all others, with what they leave of the processor
/// (`SCHED_IDLE`, sched(7)), or as any.
///
/// # Errors
/// It has ended; or, on its way back, who asks may not raise a nice level (`RLIMIT_NICE`).
pub fn compute_last(process: u32, last: bool) -> io::Result<()> {
    let policy = if last { libc::SCHED_IDLE } else { libc::SCHED_OTHER };
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let number = thread?.file_name().to_string_lossy().parse();
        let Ok(number) = number else { continue };
        match set_policy(number, policy) {
            // A thread that has ended meanwhile has nothing to be put last.
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
            other => other?,
        }
    }
    Ok(())
}

/// The same of the calling thread.
///
/// # Errors
/// As of another process.
pub fn this_thread_computes_last() -> io::Result<()> {
    set_policy(0, libc::SCHED_IDLE)
}

#[expect(unsafe_code, reason = "no library sets the policy of another process")]
fn set_policy(thread: libc::pid_t, policy: libc::c_int) -> io::Result<()> {
    let no_priority = libc::sched_param { sched_priority: 0 };
    // SAFETY: the call reads one structure, which lives until it is back.
    if unsafe { libc::sched_setscheduler(thread, policy, &raw const no_priority) } == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// What was applied to one thread does not bind another that was there already. Some: why it does
/// not bind the process.
pub(crate) fn more_threads() -> Option<String> {
    match threads() {
        Some(1) => None,
        Some(count) => Some(format!("{count} threads ran already")),
        None => Some("nobody knows how many threads ran (no /proc)".to_owned()),
    }
}

/// How many threads this process has.
fn threads() -> Option<usize> {
    std::fs::read_dir("/proc/self/task").ok().map(Iterator::count)
}
