//! seccomp (`seccomp(2)`): which system calls a process makes, from the one list.

use seccompiler::{BpfProgram, TargetArch, apply_filter_all_threads, compile_from_json};
use serde_json::{Value, json};

use crate::syscalls::{ALLOWED, ALLOWED_X86_64, Call, Condition, HOSTILE, Is, TCP, UDP};
use crate::{Layer, Profile, Refused};

const NAME: &str = "seccomp";
const ENOSYS: i32 = libc::ENOSYS;
const EPERM: i32 = libc::EPERM;

/// The filters of a process, in the order of their being applied: of all their answers the strictest
/// counts.
#[derive(Debug)]
pub(crate) struct Filters {
    pub hostile: BpfProgram,
    pub no_clone3: BpfProgram,
    pub allowed: BpfProgram,
}

/// Makes the filters; `own`: the process's id.
pub(crate) fn compile(
    profile: &Profile,
    own: u32,
    architecture: TargetArch,
) -> Result<Filters, String> {
    let mut calls: Vec<Call> = ALLOWED.to_vec();
    if architecture == TargetArch::x86_64 {
        calls.extend(ALLOWED_X86_64);
    }
    if profile.tcp_port.is_some() {
        calls.push(TCP);
        if profile.names {
            calls.push(UDP);
        }
    }
    let allowed: Vec<Value> = calls.iter().flat_map(|call| rules(call, own)).collect();
    Ok(Filters {
        hostile: hostile(architecture, &json!("kill_process"))?,
        no_clone3: one(
            &json!({ "errno": ENOSYS }),
            &json!("allow"),
            &[json!({ "syscall": "clone3" })],
            architecture,
        )?,
        allowed: one(&json!("allow"), &json!({ "errno": EPERM }), &allowed, architecture)?,
    })
}

/// A filter that answers to the hostile calls alone.
pub(crate) fn hostile(architecture: TargetArch, answer: &Value) -> Result<BpfProgram, String> {
    let calls: Vec<Value> = HOSTILE.iter().map(|name| json!({ "syscall": name })).collect();
    one(answer, &json!("allow"), &calls, architecture)
}

fn one(
    matches: &Value,
    otherwise: &Value,
    rules: &[Value],
    architecture: TargetArch,
) -> Result<BpfProgram, String> {
    let text = json!({
        "one": { "match_action": matches, "mismatch_action": otherwise, "filter": rules }
    })
    .to_string();
    compile_from_json(text.as_bytes(), architecture)
        .map_err(|error| error.to_string())?
        .remove("one")
        .ok_or_else(|| "no filter came out".to_owned())
}

fn rules((name, alternatives): &Call, own: u32) -> Vec<Value> {
    if alternatives.is_empty() {
        return vec![json!({ "syscall": name })];
    }
    let rule = |conditions: &&[Condition]| {
        let arguments: Vec<Value> =
            conditions.iter().map(|condition| argument(*condition, own)).collect();
        json!({ "syscall": name, "args": arguments })
    };
    alternatives.iter().map(rule).collect()
}

fn argument((index, is): Condition, own: u32) -> Value {
    let (length, operator, value) = match is {
        Is::Int(value) => ("dword", json!("eq"), u64::from(value)),
        Is::Long(value) => ("qword", json!("eq"), value),
        Is::Masked(mask, value) => ("dword", json!({ "masked_eq": mask }), u64::from(value)),
        Is::OwnProcess => ("dword", json!("eq"), u64::from(own)),
    };
    json!({ "index": index, "type": length, "op": operator, "val": value })
}

/// The processor that this was built for, where there is a list for it.
pub(crate) fn architecture() -> Option<TargetArch> {
    TargetArch::try_from(std::env::consts::ARCH).ok()
}

pub(crate) fn restrict(profile: &Profile) -> Result<Layer, Refused> {
    let cannot = |reason: String| Refused::CannotApply { layer: NAME, reason };
    let Some(architecture) = architecture() else {
        let processor = std::env::consts::ARCH;
        return Ok(Layer::lacks(NAME, format!("there is no filter for {processor}")));
    };
    let filters = compile(profile, std::process::id(), architecture).map_err(cannot)?;
    // The last forbids what applying one needs.
    for filter in [&filters.hostile, &filters.no_clone3, &filters.allowed] {
        if let Some(reason) = apply(filter)? {
            return Ok(Layer::lacks(NAME, reason));
        }
    }
    probe()?;
    Ok(Layer::holds(
        NAME,
        format!(
            "{} calls are allowed, {} end the process, the others fail",
            ALLOWED.len(),
            HOSTILE.len()
        ),
    ))
}

/// Puts one filter in force for every thread. Some: the kernel has no such thing, and why.
pub(crate) fn apply(filter: &BpfProgram) -> Result<Option<String>, Refused> {
    match apply_filter_all_threads(filter) {
        Ok(()) => Ok(None),
        Err(seccompiler::Error::Seccomp(error) | seccompiler::Error::Prctl(error))
            if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EINVAL)) =>
        {
            Ok(Some(format!(
                "this kernel, or what stands for one, has no seccomp filters: {error}"
            )))
        }
        Err(error) => Err(Refused::CannotApply { layer: NAME, reason: error.to_string() }),
    }
}

/// A socket to other processes of the machine, and a file to write, are refused now; the time is
/// told.
fn probe() -> Result<(), Refused> {
    let fails = |reason: String| Err(Refused::DoesNotHold { layer: NAME, reason });
    match std::os::unix::net::UnixDatagram::unbound() {
        Err(error) if error.raw_os_error() == Some(EPERM) => {}
        other => return fails(format!("a Unix socket: {other:?}")),
    }
    match std::fs::File::options().write(true).open("/dev/null") {
        Err(error) if error.raw_os_error() == Some(EPERM) => {}
        other => return fails(format!("a file to write: {other:?}")),
    }
    match rustix::thread::secure_computing_mode() {
        Ok(rustix::thread::SecureComputingMode::Filter) => Ok(()),
        other => fails(format!("the mode reads as {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    fn profiles() -> [Profile; 3] {
        let broker = Profile { tcp_port: Some(8883), ..Profile::default() };
        [Profile::default(), Profile { names: true, ..broker.clone() }, broker]
    }

    #[test]
    fn the_one_list_compiles_for_every_processor_that_has_filters() {
        for architecture in [TargetArch::x86_64, TargetArch::aarch64] {
            for profile in profiles() {
                let filters = compile(&profile, 4711, architecture).unwrap();
                for filter in [&filters.hostile, &filters.no_clone3, &filters.allowed] {
                    assert!(!filter.is_empty() && filter.len() < 4096, "{architecture:?}");
                }
            }
        }
    }

    #[test]
    fn no_hostile_call_is_allowed_and_none_is_named_twice() {
        let mut seen = std::collections::BTreeSet::new();
        for (name, _) in ALLOWED.iter().chain(ALLOWED_X86_64) {
            assert!(!HOSTILE.contains(name), "{name}");
            assert!(seen.insert(name), "{name}");
        }
    }
}
