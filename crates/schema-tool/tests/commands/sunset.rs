//! The end of a type as its owner walks it, step by step as `docs/schemas.md` tells it: by the
//! clock, after a sunset that is past, removed in one commit and checked against the one before.

use std::fs;

use doorward_schema_repository::Repository;
use serde_json::{Value, json};

use super::stand::{Copy, git};

const ENDED: &str = "vendor.isolated";
const REPLACEMENT: &str = "vendor.recovered";
const REGISTER: &str = "schemas/publishers.json";
const LOCK: &str = "schemas/lock.json";
const WATCHERS: &str = "subscriptions/acme.platform/gateways-that-need-us.json";
const SUNSET: &str = "2020-06-30";

/// Released, deprecated until a day that is past, and committed as `main`.
fn deprecated(name: &str, replacement: &str) -> Copy {
    let copy = Copy::released();
    let end = ["deprecate", name, "--replacement", replacement, "--sunset", SUNSET];
    copy.runs(&[&end[..], &["--today", "2020-01-01"]].concat());
    copy.runs(&["lint"]);
    git(&copy, &["init", "-q", "-b", "main"]);
    git(&copy, &["add", "."]);
    git(&copy, &["commit", "-q", "-m", "Deprecated"]);
    copy
}

fn without(list: &mut Value, name: &str) {
    list.as_array_mut().unwrap().retain(|word| word != name);
}

#[test]
fn a_type_whose_sunset_is_past_is_removed_in_one_commit() {
    let copy = deprecated(ENDED, REPLACEMENT);
    let promise =
        || serde_json::from_str::<Value>(&copy.text(LOCK)).unwrap()["types"][ENDED].take();
    let promised = promise();
    assert_eq!(promised["sunset"], SUNSET);
    assert_eq!(copy.runs(&["breaking", "--against", "main"]).err, "");

    // The folder first: the tool names what is left to do, and nothing but that.
    fs::remove_dir_all(copy.root().join("schemas").join(ENDED)).unwrap();
    let left = copy.tool(&["lint", "--json"]);
    assert_eq!(left.code, 1, "{left:?}");
    let left = left.json()["findings"].as_array().unwrap().clone();
    let rules: Vec<(&str, &str)> = left
        .iter()
        .map(|found| (found["rule"].as_str().unwrap(), found["file"].as_str().unwrap()))
        .collect();
    let unused = left.iter().find(|found| found["rule"] == "definition-unused").unwrap();
    assert_eq!(unused["pointer"], "/definitions/IsolationCause", "{left:?}");
    assert_eq!(rules, [("definition-unused", "schemas/core/operations.json")]);
    let asked = copy.tool(&["subscriptions", "check"]);
    assert!(asked.code == 1 && asked.out.contains(ENDED), "{asked:?}");

    copy.edit(unused["file"].as_str().unwrap(), |v| {
        v["definitions"].as_object_mut().unwrap().remove("IsolationCause");
    });
    copy.edit(WATCHERS, |v| {
        without(&mut v["types"], ENDED);
        without(&mut v["fields"], "/data/vendor");
        without(&mut v["rule"]["detail-type"], ENDED);
    });

    copy.runs(&["lint"]);
    let asked = copy.runs(&["subscriptions", "check"]);
    assert!(!asked.out.contains(ENDED), "{asked:?}");
    let against = copy.runs(&["breaking", "--against", "main"]);
    assert!(against.out.ends_with(": 0 changes to undo, 0 findings\n"), "{against:?}");
    assert!(!against.out.contains(ENDED), "{against:?}");
    let told = copy.runs(&["breaking", "--against", "main", "--json"]).json();
    assert_eq!((&told["changes"], &told["findings"]), (&json!([]), &json!([])));
    let built = Repository::load(&copy.root().join("schemas")).unwrap();
    assert!(built.find(ENDED).is_none() && built.find(REPLACEMENT).is_some());
    assert_eq!(promise(), promised, "hashes and day stay");

    // The same on the last promised day is refused, and on the next it is not.
    let on = |day: &str| copy.tool(&["breaking", "--against", "main", "--today", day]);
    let early = on(SUNSET);
    let says = "schemas/vendor.isolated:1:1: removed: the type was released at main and is gone \
                before its sunset";
    assert!(early.code == 1 && early.out.contains(says), "{early:?}");
    assert!(early.out.contains("take it from main; deprecate it first"), "{early:?}");
    assert_eq!(on("2020-07-01").code, 0);

    // Once it is committed nobody asks again, and no command knows the type.
    git(&copy, &["add", "."]);
    git(&copy, &["commit", "-q", "-m", "Removed"]);
    assert_eq!(on(SUNSET).code, 1, "main is the removal now, and the lock still has the day");
    copy.runs(&["breaking", "--against", "main"]);
    copy.runs(&["breaking", "--against", "main~1"]);
    let gone = copy.tool(&["explain", ENDED]);
    assert!(gone.code == 2 && gone.err.contains("there is no type vendor.isolated"), "{gone:?}");
}

#[test]
fn the_name_of_a_removed_type_is_not_free_again() {
    let copy = deprecated(ENDED, REPLACEMENT);
    fs::remove_dir_all(copy.root().join("schemas").join(ENDED)).unwrap();
    copy.runs(&["new", ENDED, "--like", REPLACEMENT, "--summary", "Another thing."]);
    for command in [&["lint"][..], &["breaking"], &["breaking", "--against", "main"]] {
        let ran = copy.tool(command);
        let said = format!("{}{}", ran.out, ran.err);
        assert!(ran.code == 1 && said.contains("1.0.json is gone"), "{command:?} {ran:?}");
    }
    assert!(Repository::load(&copy.root().join("schemas")).is_err(), "and the build");
}

#[test]
fn a_service_that_published_a_removed_type_is_named_until_the_register_lets_it_go() {
    let name = "delivery.scheduled";
    let copy = deprecated(name, "delivery.completed");
    fs::remove_dir_all(copy.root().join("schemas").join(name)).unwrap();
    let left = copy.tool(&["lint"]);
    assert!(left.code == 1 && left.out.contains(&format!("{REGISTER}:")), "{left:?}");
    assert!(left.out.contains(name) && left.out.contains("DeliveryWindow"), "{left:?}");
    copy.edit(REGISTER, |v| {
        for publisher in v["publishers"].as_array_mut().unwrap() {
            if let Some(list) = publisher.get_mut("publishes") {
                without(list, name);
            }
        }
    });
    copy.edit("schemas/core/deliveries.json", |v| {
        v["definitions"].as_object_mut().unwrap().remove("DeliveryWindow");
    });
    copy.runs(&["lint"]);
    copy.runs(&["breaking", "--against", "main"]);
}
