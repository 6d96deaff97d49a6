//! The command line: what is written, and what is said where nothing can be.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::kit::{tool, workspace};

/// Drafts: what is edited there is what counts.
fn copied_schemas(to: &Path) {
    let schemas = to.join("schemas");
    crate::copied::copy(&workspace().join("schemas"), &schemas);
    crate::copied::without_releases(&schemas);
}

#[test]
fn a_wrong_call_is_told_apart_from_a_wrong_repository() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("out");
    let out = out.to_str().unwrap();
    let cases: [(&[&str], i32, &str); 7] = [
        (&["--language", "python", "--out", out, "--name", "@acme/a"], 2, "name of a package"),
        (&["--language", "rust", "--out", out, "--name", "acme"], 2, "leave out --name"),
        (
            &["--language", "typescript", "--out", out, "--publish", "delivery.schedule"],
            2,
            "delivery.scheduled",
        ),
        (
            &["--language", "rust", "--out", out, "--publish", "delivery.scheduled"],
            2,
            "always hold all types",
        ),
        (&["--language", "cobol", "--out", out], 2, "possible values"),
        (&["--language", "python"], 2, "--out"),
        (
            &["--language", "python", "--out", "schemas", "--root", "/nonexistent"],
            1,
            "/nonexistent/schemas",
        ),
    ];
    for (arguments, code, said) in cases {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorward-schema"));
        if !arguments.contains(&"--root") {
            command.arg("--root").arg(workspace());
        }
        let output = command.arg("bindings").args(arguments).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        assert!(error.contains(said), "{arguments:?}: {error}");
        assert!(!Path::new(out).exists(), "{arguments:?} wrote");
    }
}

#[test]
fn a_folder_of_somebody_else_is_left_alone() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("index.ts"), "mine").unwrap();
    let output =
        tool(&["bindings", "--language", "typescript", "--out", place.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);
}

#[test]
fn a_pattern_that_languages_read_differently_is_refused_by_name() {
    let place = tempfile::tempdir().unwrap();
    copied_schemas(place.path());
    let file = place.path().join("schemas/core/primitives.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let changed = text.replacen("^[0-9a-f]{64}$", r"^[\\da-f]{64}$", 1);
    assert_ne!(text, changed);
    std::fs::write(&file, changed).unwrap();
    let out = place.path().join("out");
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward-schema"));
    command.arg("--root").arg(place.path()).args(["bindings", "--language", "python", "--out"]);
    let output = command.arg(&out).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains(r"^[\da-f]{64}$") && error.contains("escape of a letter"), "{error}");
}

#[test]
fn the_rust_bindings_are_those_that_the_library_is_built_with() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("rust");
    let output =
        tool(&["bindings", "--language", "rust", "--json", "--out", out.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["files"], std::fs::read_dir(&out).unwrap().count());
    for event_type in doorward_events::EventType::ALL {
        let file = out.join(format!("{event_type}.writer.json"));
        assert_eq!(std::fs::read_to_string(file).unwrap(), event_type.writer_schema());
    }
}

#[test]
fn the_same_repository_gives_the_same_bytes() {
    let place = tempfile::tempdir().unwrap();
    for language in ["typescript", "python"] {
        let [first, second] =
            ["a", "b"].map(|name| place.path().join(format!("{language}-{name}")));
        for out in [&first, &second, &second] {
            let out = out.to_str().unwrap();
            assert!(tool(&["bindings", "--language", language, "--out", out]).status.success());
        }
        let status = Command::new("diff").arg("-r").args([&first, &second]).status().unwrap();
        assert!(status.success(), "{language}");
    }
}

/// The files of a folder, by their path in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = PathBuf::from(path.file_name().unwrap());
        if !path.is_dir() {
            all.push(name);
        } else if name != Path::new("__pycache__") {
            all.extend(files(&path).into_iter().map(|below| name.join(below)));
        }
    }
    all
}

/// A file that the tool does not list would be missed first by whoever installs the package.
#[test]
fn a_package_holds_every_file_of_its_runtime_and_none_is_long() {
    let place = tempfile::tempdir().unwrap();
    for language in ["typescript", "python"] {
        let out = place.path().join(language);
        let made = tool(&["bindings", "--language", language, "--out", out.to_str().unwrap()]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let runtime = workspace().join("bindings").join(language).join("package/src");
        let sources = files(&runtime);
        assert!(sources.len() > 20, "{sources:?}");
        for source in sources {
            let text = std::fs::read_to_string(runtime.join(&source)).unwrap();
            let packed = std::fs::read_to_string(out.join("src").join(&source));
            assert_eq!(packed.ok().as_ref(), Some(&text), "{language}: {}", source.display());
            let lines = text.lines().count();
            assert!(lines <= 500, "{language}: {}: {lines} lines", source.display());
        }
    }
}
