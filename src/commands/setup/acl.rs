//! Who may use which topics at the broker, from the vendors' files: what each ecosystem says of its
//! own topics, and no table beside it.

use std::fmt::Write as _;

use crate::config::VendorConfig;

/// What a user of the gateway's own begins with: its process for the vendor of the rest of the name.
pub(super) const OURS: &str = "doorward-";

const HEAD: &str = "\
# Who may use which topics. A user is the common name of a client's certificate, not its client id.
# What no line allows is refused; a user without lines can do nothing.
#
# Made by doorward setup from the files in vendors.d. After a change there run it again, and restart
# the broker. What you change here is left alone from then on.
";

/// The list for these vendors.
///
/// # Errors
/// A topic that the list cannot express, or a vendor's devices could reach another's commands.
pub(super) fn list(vendors: &[&VendorConfig]) -> anyhow::Result<String> {
    apart(vendors)?;
    let mut text = HEAD.to_owned();
    for vendor in vendors {
        let topics = &vendor.topics;
        let name = &vendor.id;
        let _ =
            write!(text, "\n# {name}: its devices, or their bridge, say and hear.\nuser {name}\n");
        lines(&mut text, "write", &topics.said)?;
        lines(&mut text, "read", &topics.heard)?;
        let _ = write!(
            text,
            "\n# The gateway's process for {name}: nobody else may ask and command its devices.\n\
             user {OURS}{name}\n"
        );
        lines(&mut text, "read", &vendor.subscriptions)?;
        lines(&mut text, "write", &topics.asked)?;
    }
    Ok(text)
}

fn lines(text: &mut String, may: &str, filters: &[String]) -> anyhow::Result<()> {
    for filter in filters {
        if filter.chars().any(char::is_control) || filter.trim() != filter {
            anyhow::bail!("the topic {filter:?} has no form in a broker's list");
        }
        let _ = writeln!(text, "topic {may} {filter}");
    }
    Ok(())
}

/// No vendor's devices, and no vendor's process, may reach what another vendor's devices hear.
fn apart(vendors: &[&VendorConfig]) -> anyhow::Result<()> {
    for vendor in vendors {
        let may = || vendor.topics.said.iter().chain(&vendor.topics.asked);
        // Where a filter of its own meets another, the name between is one that no device can have.
        for other in vendors.iter().filter(|other| other.id != vendor.id) {
            let met = may().find_map(|filter| {
                let heard = other.topics.heard.iter().find(|heard| meet(filter, heard))?;
                Some((filter, heard))
            });
            if let Some((filter, heard)) = met {
                anyhow::bail!(
                    "{} may use {filter}, which is {heard} of {} too: one vendor's devices could \
                     command another's\n  remedy: give their devices topics of their own",
                    vendor.id,
                    other.id
                );
            }
        }
    }
    Ok(())
}

/// Whether some topic is in both filters (MQTT 5 §4.7.1).
fn meet(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.split('/'), other.split('/'));
    loop {
        match (one.next(), other.next()) {
            (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
            (Some(a), Some(b)) if a == b || a == "+" || b == "+" => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::vendor_of_text;

    fn vendor(name: &str, text: &str) -> VendorConfig {
        let mut findings = Vec::new();
        let text = text.replace("MQTT", "[mqtt]\nhost = \"localhost\"\n");
        let file = format!("{name}.toml");
        vendor_of_text(Path::new(&file), &text, Path::new("/none"), &mut findings)
            .unwrap_or_else(|| panic!("{findings:?}"))
    }

    const GARAGE: &str =
        "ecosystem = \"ratgdo\"\nMQTT[[endpoint]]\nid = \"left\"\naddress = \"garage/left\"\n";

    #[test]
    fn each_vendor_has_its_topics_and_no_others() {
        let (house, garage) =
            (vendor("house", "ecosystem = \"zigbee2mqtt\"\nMQTT"), vendor("garage", GARAGE));
        let text = list(&[&house, &garage]).unwrap();
        let of = |user: &str| -> Vec<&str> {
            let (_, after) = text.split_once(&format!("\nuser {user}\n")).unwrap();
            after.lines().take_while(|line| line.starts_with("topic ")).collect()
        };
        assert!(of("house").contains(&"topic write zigbee2mqtt/+"));
        assert!(of("house").contains(&"topic read zigbee2mqtt/+/set/#"));
        assert_eq!(
            of("doorward-house").iter().filter(|line| line.contains(" write ")).collect::<Vec<_>>(),
            [&"topic write zigbee2mqtt/+/get", &"topic write zigbee2mqtt/+/set"]
        );
        assert!(of("garage").contains(&"topic write garage/left/status/door"));
        assert_eq!(
            of("garage").last(),
            Some(&"topic read garage/left/command/#"),
            "devices read their commands, and write none"
        );
        assert!(of("doorward-garage").contains(&"topic write garage/left/command/door"));
        assert!(!of("garage").iter().any(|line| line.contains("write garage/left/command")));
    }

    #[test]
    fn vendors_that_reach_each_other_are_refused() {
        let house = vendor(
            "house",
            "ecosystem = \"zigbee2mqtt\"\nMQTT[settings]\nbase_topic = \"garage\"\n",
        );
        let inside = vendor("inside", &GARAGE.replace("garage/left", "garage/x/set"));
        assert!(list(&[&house, &inside]).is_err());
        assert!(list(&[&house]).is_ok() && list(&[&inside]).is_ok());
        for (one, other, expected) in [
            ("a/+", "a/b", true),
            ("a/#", "a", true),
            ("a/+/set", "a/b/get", false),
            ("a/b", "a/b/c", false),
            ("a/+", "a/b/#", true),
            ("+/x", "a/#", true),
        ] {
            assert_eq!(meet(one, other), expected, "{one} {other}");
            assert_eq!(meet(other, one), expected, "{other} {one}");
        }
    }
}
