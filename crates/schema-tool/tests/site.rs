//! What the catalogue's pages say, that they say it the same way twice, and that nothing of the
//! repository reaches them unescaped. How they look and behave, `site_browser` sees.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod site_support;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;
use site_support::{Repository, workspace};

/// Makes the site and reads it back: path below its folder to content.
fn site(repository: &Repository) -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("site");
    let said = repository.run(&["docs", "--out", out.to_str().unwrap()]);
    assert_eq!(said.code, 0, "{said:?}");
    let mut files = BTreeMap::new();
    gather(&out, &out, &mut files);
    files
}

fn gather(root: &Path, folder: &Path, files: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            files.insert(name, std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// The text of a page, without marks and with single blanks.
fn text(page: &str) -> String {
    let mut text = String::new();
    let mut is_mark = false;
    for letter in page.replace("<wbr>", "").chars() {
        match letter {
            '<' => is_mark = true,
            '>' if is_mark => {
                is_mark = false;
                text.push(' ');
            }
            _ if !is_mark => text.push(letter),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_type_s_page_says_all_that_its_folder_says() {
    let repository = Repository::small();
    repository.subscribe("support", "doors", &["door.opened"]);
    let files = site(&repository);
    let page = text(&files["types/door.opened.html"]);
    for said in [
        "A door was opened.",
        "from a gateway",
        "draft",
        "personal",
        "Sent by test.gateway",
        "Received by support/doors (filtered)",
        "door required",
        "string Name",
        "1 to 16 characters",
        "A short name.",
        "hand motor (open: readers keep others)",
        "list of object Mark",
        "marks[].at required",
        "from 0 to 9",
        "sensitive personal: a pseudonym",
        "Envelope id type",
        "Origin, gateway",
        "by hand",
        "&quot;door&quot;: &quot;front&quot;",
        "Refused: required door",
        "&quot;how&quot;: &quot;motor&quot;",
        "Not released",
    ] {
        assert!(page.contains(said), "{said:?} is not in: {page}");
    }
    let authority = text(&files["types/door.unlock_requested.html"]);
    assert!(authority.contains("What is signed"), "{authority}");
    assert!(authority.contains("The gateway that it names"), "{authority}");
    let shared = &files["definitions.html"];
    assert!(shared.contains("<h2 id=\"How\">") && text(shared).contains("core/primitives.json"));
    let flows = text(&files["flows.html"]);
    assert!(flows.contains("test.parcels to gateways : 1 type"), "{flows}");
    assert!(flows.contains("test.gateway to support/doors : 1 type"), "{flows}");
    let subscription = text(&files["subscriptions/support--doors.html"]);
    assert!(subscription.contains("999988887777") && subscription.contains("/data/door"));
    assert!(text(&files["publishers/test.parcels.html"]).contains("parcel.delivered"));
}

#[test]
fn what_differs_between_versions_is_told_newest_first() {
    let repository = Repository::ours();
    let flag = |says: &str| json!({"description": says, "type": "boolean"});
    let add = |member: &str| {
        repository.edit("delivery.completed/next.json", |schema| {
            schema["properties"][member] = flag("Whether it was so.");
        });
    };
    repository.release("delivery.completed");
    add("in_the_box");
    repository.release("delivery.completed");
    add("in_the_yard");
    let page = text(&site(&repository)["types/delivery.completed.html"]);
    assert!(page.contains("Released: 1.0 1.1"), "{page}");
    let newest = page.find("1.1 to next").unwrap();
    let oldest = page.find("1.0 to 1.1").unwrap();
    assert!(newest < oldest, "{page}");
    let (draft, released) = (&page[newest..oldest], &page[oldest..]);
    assert!(draft.contains("added in_the_yard optional"), "{page}");
    assert!(released.contains("added in_the_box optional"), "{page}");
}

#[test]
fn a_deprecation_names_what_replaces_it_until_when_and_who_is_left() {
    let repository = Repository::small();
    repository.subscribe("support", "doors", &["door.opened"]);
    repository.edit("door.opened/type.json", |manifest| {
        manifest["lifecycle"] = json!("deprecated");
        manifest["replacement"] = json!("parcel.delivered");
        manifest["sunset"] = json!("2027-05-01");
    });
    let files = site(&repository);
    let page = text(&files["types/door.opened.html"]);
    assert!(
        page.contains("Deprecated. Use parcel.delivered instead. Sent until 2027-05-01 ."),
        "{page}"
    );
    assert!(page.contains("1 subscription still here."), "{page}");
    let list = text(&files["deprecations.html"]);
    assert!(list.contains("2027-05-01") && list.contains("support/doors"), "{list}");

    repository.edit("door.opened/type.json", |manifest| manifest["replacement"] = json!("gone"));
    let said = repository.run(&["docs"]);
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("door.opened/type.json: the replacement gone is no type"),
        "{said:?}"
    );
}

#[test]
fn nothing_of_the_repository_is_a_mark_in_a_page() {
    let repository = Repository::small();
    let hostile = "</p><script>alert(1)</script><img src=x onerror=alert(1)>\"'&";
    repository.subscribe("support", "doors", &["door.opened"]);
    repository.edit("door.opened/type.json", |manifest| {
        for member in ["summary", "owner", "lifecycle", "version"] {
            manifest[member] = json!(hostile);
        }
        manifest["sensitive_fields"] = json!({"/data/who": hostile, "/time": hostile});
    });
    repository.edit("door.opened/next.json", |data| {
        data["description"] = json!(hostile);
        data["properties"][hostile] =
            json!({"type": "string", "enum": [hostile], "description": hostile});
    });
    repository
        .edit("door.opened/examples/by-hand.json", |example| example["door"] = json!(hostile));
    repository.edit("publishers.json", |all| all["publishers"][0]["summary"] = json!(hostile));
    let files = site(&repository);
    for (file, page) in files.iter().filter(|(file, _)| is_page(file)) {
        assert!(!page.contains("<script>") && !page.contains("<img"), "{file}");
        assert_eq!(page.matches("<script").count(), 1, "{file}");
        assert!(!page.contains("\"'&\""), "{file}");
    }
    assert!(files["types/door.opened.html"].contains("&lt;script&gt;alert(1)"));
}

#[test]
fn the_same_repository_gives_the_same_bytes_without_anything_from_elsewhere() {
    let repository = Repository::small();
    repository.subscribe("support", "doors", &["door.opened"]);
    let files = site(&repository);
    assert_eq!(files, site(&repository));
    for (file, page) in &files {
        for elsewhere in ["http://", "https://", "//fonts", "@import", "url("] {
            let rest = page
                .replace("http://www.w3.org/2000/svg", "")
                .replace("http://json-schema.org", "");
            assert!(!rest.contains(elsewhere), "{file} names {elsewhere}");
        }
    }
}

#[test]
fn a_folder_of_somebody_else_is_left_alone_and_an_own_one_made_anew() {
    let repository = Repository::small();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("letter.txt"), "mine").unwrap();
    let out = folder.path().to_str().unwrap();
    let said = repository.run(&["docs", "--out", out]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("files that this command did not write"), "{said:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

    let own = folder.path().join("own");
    let own = own.to_str().unwrap();
    assert_eq!(repository.run(&["docs", "--out", own]).code, 0);
    let stale = folder.path().join("own/types/gone.html");
    std::fs::write(&stale, "").unwrap();
    assert_eq!(repository.run(&["docs", "--out", own]).code, 0);
    assert!(!stale.exists());
}

fn is_page(file: &str) -> bool {
    Path::new(file).extension().is_some_and(|extension| extension == "html")
}

#[test]
fn what_cannot_be_read_is_told_with_its_file() {
    let broken = |change: &dyn Fn(&Repository), says: &str| {
        let repository = Repository::small();
        change(&repository);
        let said = repository.run(&["docs", "--out", "/nonexistent"]);
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.err.contains(says), "{says:?}: {said:?}");
    };
    broken(
        &|r| r.subscribe("support", "doors", &["door.closed"]),
        "doors.json: types names door.closed",
    );
    broken(&|r| r.subscribe("support", "a b", &["door.opened"]), "the name \"a b\" is not");
    broken(
        &|r| {
            std::fs::write(r.path().join("schemas/door.opened/examples/bad.json"), "{\n  1")
                .unwrap();
        },
        "examples/bad.json:2:3: here should stand the name of a member",
    );
    broken(
        &|r| {
            let long = "9".repeat(1024 * 1024 + 1);
            std::fs::write(r.path().join("schemas/door.opened/examples/long.json"), long).unwrap();
        },
        "long.json: 1048577 bytes, at most 1048576",
    );
    broken(
        &|r| r.write("schemas/door.opened/2.0.json", &json!("x".repeat(1_100_000))),
        "2.0.json: ",
    );
    let nowhere = site_support::run(Path::new("/nonexistent"), &["docs"], &[]);
    assert_eq!(nowhere.code, 1);
    assert!(nowhere.err.contains("give the repository's folder with --root"), "{nowhere:?}");
}

#[test]
fn a_definition_inside_itself_is_told() {
    let repository = Repository::small();
    repository.edit("core/primitives.json", |document| {
        document["definitions"]["Loop"] = json!({"$ref": "#/definitions/Pool"});
        document["definitions"]["Pool"] = json!({"$ref": "#/definitions/Loop"});
    });
    let said = repository.run(&["docs", "--out", "/nonexistent"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("Loop -> Pool -> Loop"), "{said:?}");
}

#[test]
fn this_workspace_s_own_repository_has_its_catalogue() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("site");
    let said = site_support::run(&workspace(), &["docs", "--out", out.to_str().unwrap()], &[]);
    assert_eq!(said.code, 0, "{said:?}");
    let page = std::fs::read_to_string(out.join("types/access.granted.html")).unwrap();
    assert!(text(&page).contains("subject_ref"));
}
