//! Whether the kernel can bound the memory of each vendor's process by a control group. Stock
//! kernels of Raspberry Pi OS have that switched off.

use super::part::Part;
use super::surroundings::Surroundings;
use crate::config::Finding;

/// The controllers of the one hierarchy (cgroups(7), version 2).
const CONTROLLERS: &str = "/sys/fs/cgroup/cgroup.controllers";
/// All controllers that the kernel has, with whether each is enabled (version 1).
const ENABLED: &str = "/proc/cgroups";
/// Where Raspberry Pi OS keeps the kernel's command line, newest first.
const COMMAND_LINES: [&str; 2] = ["/boot/firmware/cmdline.txt", "/boot/cmdline.txt"];
/// What is added there.
const SWITCH: &str = "cgroup_enable=memory";

pub(super) fn look(around: &Surroundings, part: &mut Part) {
    let what = "memory control group";
    if is_there(around) {
        part.well(what, None);
        return;
    }
    let running = around.text("/proc/cmdline").unwrap_or_default();
    let file = COMMAND_LINES.iter().find(|file| around.place(file).exists());
    let written = file.and_then(|file| around.text(file)).is_some_and(|text| has(&text));
    let remedy = match file {
        Some(_) if written && !has(&running) => {
            "it is switched on, from the next start on: sudo reboot".to_owned()
        }
        Some(file) => format!("sudo sed -i '1s/$/ {SWITCH}/' {file} && sudo reboot"),
        None => format!(
            "add {SWITCH} to the kernel's command line (GRUB: GRUB_CMDLINE_LINUX in /etc/default/grub, \
             then update-grub), and reboot"
        ),
    };
    let text = "the kernel has no memory control group: a vendor's process is bound by its own \
                limits alone (64 MiB of address space)";
    part.find(Finding::warning(&around.place(CONTROLLERS), text, remedy));
    part.bad(what, "the kernel has it switched off");
}

fn has(command_line: &str) -> bool {
    command_line.split_whitespace().any(|word| word == SWITCH)
}

fn is_there(around: &Surroundings) -> bool {
    if let Some(controllers) = around.text(CONTROLLERS) {
        return controllers.split_whitespace().any(|name| name == "memory");
    }
    // name, hierarchy, number of groups, enabled
    let listed = around.text(ENABLED).unwrap_or_default();
    listed.lines().any(|line| {
        let mut fields = line.split_whitespace();
        fields.next() == Some("memory") && fields.nth(2) == Some("1")
    })
}
