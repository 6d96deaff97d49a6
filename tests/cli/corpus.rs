//! The fuzz target's corpus, replayed.

use std::collections::BTreeMap;
use std::path::Path;

use crate::link_frames::hold_for_input;

#[test]
fn the_corpus_of_the_link_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/link_frame");
    let mut found = BTreeMap::new();
    for item in std::fs::read_dir(folder).unwrap() {
        let item = item.unwrap();
        let name = item.file_name().into_string().unwrap();
        found.insert(name, hold_for_input(&std::fs::read(item.path()).unwrap()));
    }
    // (frames, frames within their bounds): the seeds are what they are meant to be.
    assert_eq!(found["vendor-signals"], (3, 3), "the sandbox before the signals");
    assert_eq!(found["vendor-stands-for"], (3, 2), "at most the credit is left out");
    assert_eq!(found["vendor-sandbox"], (2, 1), "it is told once");
    assert_eq!(found["vendor-connection"], (2, 2));
    assert_eq!(found["vendor-hello"], (1, 0), "no hello after the hello");
    assert_eq!(found["vendor-battery-extremes"], (1, 0));
    assert_eq!(found["core-hello"].0, 1);
    assert_eq!(found["core-hello-serial"].0, 1);
    assert_eq!(found["core-acks"].0, 2);
    assert_eq!(found["core-command"].0, 1);
    assert_eq!(found["vendor-command"], (3, 2), "no control character in words");
    assert_eq!(found["vendor-command-unknown"], (0, 0));
    for bad in ["vendor-signed-digest", "vendor-unknown", "vendor-length-beyond", "vendor-nested"] {
        assert_eq!(found[bad], (0, 0), "{bad}");
    }
}
