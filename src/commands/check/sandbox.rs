//! What `doorward check` says of the sandbox that vendor processes have on this machine.

use std::path::Path;

use super::names;
use super::part::{Looked, Part};
use super::surroundings::Surroundings;
use crate::config::{Finding, Kind};
use crate::link::Layer;

/// Where a layer is looked for that is no file's: the program itself.
const PLACE: &str = "sandbox";

/// Starts a process as a vendor's, and tells which of its layers are in force.
pub(super) async fn look(around: &Surroundings, part: &mut Part) {
    match crate::supervisor::layers().await {
        Ok(layers) => {
            for layer in &layers {
                tell(layer, part);
            }
            part.looked.push(Looked {
                what: format!("{PLACE}: cgroup"),
                ok: true,
                skipped: true,
                detail: Some(
                    "of a service of systemd with Delegate=yes; else the limits are the bound"
                        .to_owned(),
                ),
            });
            names::look(around, part).await;
        }
        Err(error) => {
            let words = format!("{error:#}");
            let remedy = "run doorward on Linux 5.0 or newer, as this is how every vendor's \
                          process begins";
            part.findings.push(
                Finding::error(
                    Path::new(PLACE),
                    format!("no vendor's process can be locked down: {words}"),
                    remedy,
                )
                .of_kind(Kind::Surroundings),
            );
            part.looked.push(Looked {
                what: PLACE.to_owned(),
                ok: false,
                skipped: false,
                detail: Some(words),
            });
        }
    }
}

fn tell(layer: &Layer, part: &mut Part) {
    let what = format!("{PLACE}: {}", layer.name);
    let detail = Some(layer.detail.clone());
    let (without, remedy) = match layer.name.as_str() {
        "landlock_files" => (
            "a vendor's process that is taken over can read what the gateway's user can",
            "run Linux 5.13 or newer with landlock among lsm=",
        ),
        "landlock_tcp" => (
            "a vendor's process that is taken over can connect to any TCP port",
            "run Linux 6.7 or newer with landlock among lsm=, or bound it by a firewall",
        ),
        "landlock_scope" => (
            "seccomp alone keeps a vendor's process from signals to others",
            "run Linux 6.12 or newer with landlock among lsm=",
        ),
        "seccomp" => (
            "a vendor's process that is taken over can make any system call",
            "run a kernel with CONFIG_SECCOMP_FILTER, on x86-64 or 64-bit ARM",
        ),
        _ => ("a vendor's process is bound less", "start the gateway as a service of systemd"),
    };
    if !layer.in_force {
        let text = format!("{}: {}; {without}", layer.name, layer.detail);
        part.findings
            .push(Finding::warning(Path::new(PLACE), text, remedy).of_kind(Kind::Surroundings));
    }
    part.looked.push(Looked { what, ok: layer.in_force, skipped: false, detail });
}
