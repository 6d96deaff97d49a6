//! What a command could not do is told in one form, whichever it is: a script that looks for it
//! need not know which command said it.

use super::stand::{Copy, here, tool};

/// A call of every command that fails where there is no repository.
const CALLS: &[&[&str]] = &[
    &["new", "parcel.weighed", "--owner", "acme.delivery"],
    &["lint"],
    &["explain", "access.denied"],
    &["breaking"],
    &["release", "--all"],
    &["changelog"],
    &["deprecate", "access.denied", "--replacement", "visit.opened", "--sunset", "2100-01-01"],
    &["subscriptions", "check"],
    &["bindings", "--language", "python", "--out", "bindings"],
    &["docs", "--out", "pages"],
    &["export", "asyncapi"],
    &["publish", "--registry", "doors", "--dry-run"],
    &["sandbox", "--folder", "sandbox"],
    &["send", "access.denied", "--folder", "sandbox"],
    &["conformance", "suites"],
];

#[test]
fn every_command_tells_its_failure_in_one_form() {
    let copy = Copy::new();
    let nowhere = copy.root().join("nowhere");
    for call in CALLS {
        let ran = tool(&nowhere, call);
        assert!(ran.code == 1 || ran.code == 2, "{call:?} {ran:?}");
        assert!(ran.err.starts_with("error: "), "{call:?} {ran:?}");
        assert!(!ran.err.contains("doorward-schema:"), "{call:?} {ran:?}");
    }
    let wrong = tool(&nowhere, &["lint", "--no-such-option"]);
    assert!(wrong.code == 2 && wrong.err.starts_with("error: "), "{wrong:?}");

    let help = tool(&here(), &["--help"]).out;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    let listed = listed.filter(|line| !line.starts_with("   "));
    let listed = listed.filter_map(|line| line.split_whitespace().next());
    let listed: Vec<&str> = listed.filter(|name| *name != "help").collect();
    let called: Vec<&str> = CALLS.iter().map(|call| call[0]).collect();
    assert_eq!(listed, called, "each command fails here");
}

/// The folder can be read, and what is to be written cannot.
#[test]
fn what_cannot_be_written_is_told_in_the_same_form() {
    let copy = Copy::released();
    copy.write("file", "");
    let under = copy.root().join("file/below");
    let under = under.to_str().unwrap();
    for call in [
        &["bindings", "--language", "python", "--out", under][..],
        &["docs", "--out", under],
        &["export", "asyncapi", "--out", under],
    ] {
        let ran = copy.tool(call);
        assert_eq!(ran.code, 2, "{call:?} {ran:?}");
        assert!(ran.err.starts_with("error: ") && ran.err.contains("file"), "{call:?} {ran:?}");
    }
}
