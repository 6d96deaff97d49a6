//! What the core gives up. It reads much, writes little, runs nothing but the vendors' program; whom it starts
//! inherits all of this and adds to it.
//!
//! Nothing of this stops the core: a door that opens for a grant is worth more than its layer, so
//! what is not in force is told.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, BitFlags, LandlockStatus, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{Layer, Refused, filter, process, syscalls};

const ABI_KNOWN: ABI = ABI::V6;
/// Most descriptors of the core: vendors, requests and the journal need some dozens.
const DESCRIPTORS: u64 = 4096;
/// Where the dynamic loaders of Linux systems are; each is a program that the kernel runs.
const LOADERS: &[&str] = &["/lib", "/lib64", "/usr/lib", "/usr/lib64"];
/// A file that is no program of ours, to be tried.
const FOREIGN_PROGRAM: &str = "/bin/sh";

/// Where the core writes.
#[derive(Debug, Clone, Default)]
pub struct CoreProfile {
    /// Folders in which it makes, changes and removes files.
    pub writable: Vec<PathBuf>,
    /// Folders whose devices it uses, of which it makes none.
    pub devices: Vec<PathBuf>,
    /// The programs that it runs.
    pub programs: Vec<PathBuf>,
}

/// Restricts the core for good, as far as the kernel can. Called while there is one thread.
pub fn restrict_core(profile: &CoreProfile) -> Vec<Layer> {
    let told = |name: &'static str, layer: Result<Layer, Refused>| {
        layer.unwrap_or_else(|refused| Layer::lacks(name, refused.to_string()))
    };
    vec![
        limits(),
        told("no_new_privileges", process::no_new_privileges()),
        told("not_dumpable", process::not_dumpable()),
        files(profile),
        told("seccomp", seccomp()),
    ]
}

fn limits() -> Layer {
    let lower = |resource, most: u64| {
        let most = getrlimit(resource).maximum.map_or(most, |maximum| maximum.min(most));
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
    };
    match lower(Resource::Core, 0).and_then(|()| lower(Resource::Nofile, DESCRIPTORS)) {
        Ok(()) => Layer::holds("limits", format!("no core file, {DESCRIPTORS} descriptors")),
        Err(error) => Layer::lacks("limits", error.to_string()),
    }
}

fn seccomp() -> Result<Layer, Refused> {
    let Some(architecture) = filter::architecture() else {
        return Ok(Layer::lacks("seccomp", "there is no filter for this processor"));
    };
    let filter = filter::hostile(architecture, &serde_json::json!({ "errno": libc::EPERM }))
        .map_err(|reason| Refused::CannotApply { layer: "seccomp", reason })?;
    if let Some(reason) = filter::apply(&filter)? {
        return Ok(Layer::lacks("seccomp", reason));
    }
    let count = syscalls::HOSTILE.len();
    Ok(Layer::holds("seccomp", format!("{count} calls fail that it never makes")))
}

fn files(profile: &CoreProfile) -> Layer {
    let name = "landlock_files";
    match apply(profile) {
        Ok(LandlockStatus::Available { .. }) => {
            match rustix::fs::access(FOREIGN_PROGRAM, rustix::fs::Access::EXISTS) {
                Ok(()) => probe(name),
                Err(_) => {
                    Layer::holds(name, "it writes in its own folders; no program to try it with")
                }
            }
        }
        Ok(LandlockStatus::NotEnabled) => Layer::lacks(name, "Landlock is switched off at boot"),
        Ok(LandlockStatus::NotImplemented) => Layer::lacks(name, "this kernel has no Landlock"),
        Err(error) => Layer::lacks(name, error.to_string()),
    }
}

/// Runs a program that it may not run, which ends nothing where it may not.
fn probe(name: &'static str) -> Layer {
    match std::process::Command::new(FOREIGN_PROGRAM).args(["-c", ":"]).status() {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Layer::holds(name, "it writes in its own folders, and runs no program but the vendors'")
        }
        other => Layer::lacks(name, format!("it could run {FOREIGN_PROGRAM}: {other:?}")),
    }
}

fn apply(profile: &CoreProfile) -> Result<LandlockStatus, RulesetError> {
    let all = AccessFs::from_all(ABI_KNOWN);
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let write = all & !(AccessFs::Execute | AccessFs::MakeBlock | AccessFs::MakeChar);
    let devices = read | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::IoctlDev;
    let run = AccessFs::ReadFile | AccessFs::Execute;
    let mut rules: Vec<(PathBuf, BitFlags<AccessFs>)> = vec![("/".into(), read)];
    rules.extend(profile.writable.iter().map(|folder| (folder.clone(), write)));
    rules.extend(profile.devices.iter().map(|folder| (folder.clone(), devices)));
    rules.extend(profile.programs.iter().map(|program| (program.clone(), run)));
    rules.extend(loaders().into_iter().map(|loader| (loader, run)));
    let mut ruleset = Ruleset::default().handle_access(all)?.create()?;
    for (path, access) in rules {
        if let Ok(opened) = PathFd::new(&path) {
            ruleset = ruleset.add_rule(PathBeneath::new(opened, access))?;
        }
    }
    Ok(ruleset.restrict_self()?.landlock)
}

/// The dynamic loaders, which the kernel runs with a program.
fn loaders() -> Vec<PathBuf> {
    let is_loader = |path: &Path| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| {
            (name.starts_with("ld-linux")
                || name.starts_with("ld-musl")
                || name.starts_with("ld64"))
                && path.is_file()
        })
    };
    let entries = |folder: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(folder)
            .map(|found| found.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect())
            .unwrap_or_default()
    };
    let mut loaders = Vec::new();
    for folder in LOADERS {
        for entry in entries(Path::new(folder)) {
            if is_loader(&entry) {
                loaders.push(entry);
            } else if entry.to_str().is_some_and(|path| path.contains("linux-")) && entry.is_dir() {
                // As /lib/x86_64-linux-gnu.
                loaders.extend(entries(&entry).into_iter().filter(|path| is_loader(path)));
            }
        }
    }
    loaders
}
