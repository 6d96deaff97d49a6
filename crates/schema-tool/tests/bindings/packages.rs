//! The packages as their users get them: built, checked strictly, packed and installed elsewhere.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::kit::{Python, TypeScript, must, tool, workspace};

fn folder(name: &str) -> PathBuf {
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&place);
    std::fs::create_dir_all(&place).unwrap();
    place
}

fn only_file(folder: &Path, extension: &str) -> PathBuf {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// What is shared is left as it is: packing writes into the package's folder.
fn own_copy(package: &Path, place: &Path) -> PathBuf {
    let to = place.join("events");
    must(Command::new("cp").arg("-r").arg(package).arg(&to));
    to
}

/// What a program says that has the package from its archive alone.
const TYPESCRIPT_USER: &str = r#"
import { envelope, read, Rejected, seal, types, words } from "@doorward/events";
const id = { name: "acme.delivery", instance: "eu-1" };
const window = { not_before: "2026-11-21T08:00:00Z", expires_at: "2026-11-21T10:00:00Z" };
const data = { delivery_id: "d-1", subject_ref: "s-1", window, parcels: 2 };
const draft = seal(types.DeliveryScheduled, envelope(id, "acme"), data);
const event = read(types.DeliveryScheduled, draft.detail);
let refused = "";
try {
  seal(types.DeliveryScheduled, envelope(id, "acme"), { ...data, parcels: 0 });
} catch (error) {
  if (error instanceof Rejected) refused = error.pointers().join();
}
console.log(event.data.parcels, refused, words.isDeliveryOutcome("delivered"));
"#;

#[test]
fn the_npm_package_builds_strictly_packs_and_runs_where_it_is_installed() {
    let typescript = TypeScript::build();
    let place = folder("npm-user");
    let pack = ["pack", "--silent", "--offline", "--pack-destination"];
    let package = own_copy(&typescript.package(), &place);
    let modules = workspace().join("bindings/typescript/node_modules");
    std::os::unix::fs::symlink(modules, package.join("node_modules")).unwrap();
    must(Command::new("npm").args(pack).arg(&place).current_dir(&package));
    let archive = only_file(&place, "tgz");
    std::fs::write(place.join("package.json"), r#"{"private": true, "type": "module"}"#).unwrap();
    let install =
        ["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"];
    must(Command::new("npm").args(install).arg(&archive).current_dir(&place));
    std::fs::write(place.join("user.js"), TYPESCRIPT_USER).unwrap();
    let said = must(Command::new("node").arg("user.js").current_dir(&place));
    assert_eq!(said.trim(), "2 /data/parcels true");
    let installed = place.join("node_modules/@doorward/events");
    assert!(installed.join("dist/index.d.ts").is_file(), "its types come along");
    assert!(!installed.join("src").exists(), "and nothing else");
}

#[test]
fn typescript_unit_tests() {
    let typescript = TypeScript::build();
    println!("{}", must(&mut typescript.tests("units.test.js")));
}

/// What the types of a package refuse; every line must fail to compile by itself.
const TYPESCRIPT_MISTAKES: [&str; 5] = [
    "seal(types.DeliveryScheduled, sent, { ...data, parcels: '2' });",
    "seal(types.DeliveryScheduled, sent, { ...data, parcel: 2 });",
    "seal(types.DeliveryScheduled, sent, { delivery_id: 'd-1' });",
    "seal(types.VisitSecured, sent, data);",
    "seal(types.AlarmRaised, sent, data);",
];

#[test]
fn a_package_of_some_types_holds_these_and_the_compiler_refuses_the_rest() {
    let place = folder("npm-chosen");
    let events = place.join("events");
    let chosen =
        ["--publish", "delivery.scheduled", "--subscribe", "visit.secured,gateway.started"];
    let mut arguments =
        vec!["bindings", "--language", "typescript", "--out", events.to_str().unwrap()];
    arguments.extend(chosen);
    let output = tool(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let installed = workspace().join("bindings/typescript/node_modules");
    std::os::unix::fs::symlink(&installed, place.join("node_modules")).unwrap();
    let compiler = installed.join("typescript/bin/tsc");
    must(Command::new("node").arg(&compiler).arg("-p").arg(&events));

    let head = r#"import { envelope, read, seal, types } from "./events/dist/index.js";
const sent = envelope({ name: "acme.delivery", instance: "eu-1" }, "acme");
const window = { not_before: "", expires_at: "" };
const data = { delivery_id: "d-1", subject_ref: "s-1", window, parcels: 2 };
"#;
    let good = "read(types.VisitSecured, ''); seal(types.DeliveryScheduled, sent, data);\n";
    let bad: String = TYPESCRIPT_MISTAKES.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(place.join("user.mts"), format!("{head}{good}{bad}")).unwrap();
    let strict = ["--strict", "--noEmit", "--module", "nodenext", "--target", "es2022", "user.mts"];
    let output =
        Command::new("node").arg(&compiler).args(strict).current_dir(&place).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let first = 6;
    for (n, mistake) in TYPESCRIPT_MISTAKES.iter().enumerate() {
        assert!(said.contains(&format!("user.mts({},", first + n)), "{mistake} compiles:\n{said}");
    }
    for line in 1..first {
        assert!(!said.contains(&format!("user.mts({line},")), "{said}");
    }
}

const PYTHON_USER: &str = r#"
from doorward_events import Envelope, PublisherId, Rejected, read, seal, types, words
window = {"not_before": "2026-11-21T08:00:00Z", "expires_at": "2026-11-21T10:00:00Z"}
data = {"delivery_id": "d-1", "subject_ref": "s-1", "window": window, "parcels": 2}
sender = PublisherId("acme.delivery", "eu-1")
event = read(types.DELIVERY_SCHEDULED, seal(types.DELIVERY_SCHEDULED, Envelope(sender, "acme"), data).detail)
try:
    seal(types.DELIVERY_SCHEDULED, Envelope(sender, "acme"), {**data, "parcels": 0})
except Rejected as rejected:
    print(event.data["parcels"], *rejected.pointers(), words.is_delivery_outcome("delivered"))
"#;

#[test]
fn the_wheel_builds_and_runs_where_it_is_installed() {
    let python = Python::make();
    let place = folder("pip-user");
    let pip = |arguments: &[&str]| {
        let mut command = Command::new(doorward_emulator::python());
        command.args(["-m", "pip", "--disable-pip-version-check", "--quiet", "--no-input"]);
        must(command.args(arguments).current_dir(&place))
    };
    let package = own_copy(&python.package(), &place);
    let build = ["wheel", "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", "."];
    pip(&[&build[..], &[package.to_str().unwrap()]].concat());
    let wheel = only_file(&place, "whl");
    pip(&["install", "--no-index", "--no-deps", "--target", "installed", wheel.to_str().unwrap()]);
    assert!(place.join("installed/doorward_events/py.typed").is_file(), "its types come along");
    // Isolated from everything else, the environment's packages included.
    let mut user = Command::new(doorward_emulator::python());
    user.args(["-S", "-c", PYTHON_USER]).env("PYTHONPATH", place.join("installed"));
    assert_eq!(must(&mut user).trim(), "2 /data/parcels True");
}

#[test]
fn python_is_typed_strictly_and_passes_its_unit_tests() {
    let python = Python::make();
    let mypy = |folder: &Path| {
        let mut command = python.interpreter();
        command.env("MYPYPATH", python.package().join("src"));
        command.args(["-m", "mypy", "--strict", "--no-incremental"]).arg(folder);
        command
    };
    must(&mut mypy(&python.package().join("src/doorward_events")));
    must(&mut mypy(&python.test_folder()));
    let place = folder("mypy-user");
    let mistakes = place.join("mistakes.py");
    std::fs::write(&mistakes, PYTHON_MISTAKES).unwrap();
    let output = mypy(&mistakes).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<usize> = PYTHON_MISTAKES
        .lines()
        .enumerate()
        .filter(|(_, line)| line.ends_with("# wrong"))
        .map(|(n, _)| n + 1)
        .collect();
    for line in &lines {
        assert!(
            said.contains(&format!("mistakes.py:{line}: error")),
            "line {line} passes:\n{said}"
        );
    }
    assert!(said.contains(&format!("Found {} errors", lines.len())), "{said}");

    let mut tests = python.interpreter();
    tests.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]).arg(python.test_folder());
    println!("{}", must(&mut tests));
}

const PYTHON_MISTAKES: &str = r#"
from doorward_events import Envelope, PublisherId, read, seal, types, writer

sent = Envelope(PublisherId("acme.delivery", "eu-1"), "acme")
window: writer.DeliveryWindow = {"not_before": "", "expires_at": ""}
data: writer.DeliveryScheduled = {"delivery_id": "d-1", "subject_ref": "s-1", "window": window, "parcels": 2}
seal(types.DELIVERY_SCHEDULED, sent, data)
seal(types.DELIVERY_SCHEDULED, sent, {"delivery_id": "d-1"})  # wrong
seal(types.DELIVERY_COMPLETED, sent, {"delivery_id": "d-1", "outcome": "deliverd"})  # wrong
read(types.DELIVERY_SCHEDULED, b"").data["parcel"]  # wrong
outcome: int = read(types.DELIVERY_COMPLETED, b"").data["outcome"]  # wrong
"#;

/// Sends with the one package and reads with the other.
const TYPESCRIPT_BOTH: &str = r#"
import { envelope, seal, types } from "@acme/parcels";
import { read, types as doorward } from "@doorward/events";
const window = { not_before: "2026-11-21T08:00:00Z", expires_at: "2026-11-21T10:00:00Z" };
const data = { delivery_id: "d-1", subject_ref: "s-1", window, parcels: 2 };
const draft = seal(types.DeliveryScheduled, envelope({ name: "acme.delivery", instance: "eu-1" }, "acme"), data);
const parcels: number = read(doorward.DeliveryScheduled, draft.detail).data.parcels;
console.log(parcels);
"#;

#[test]
fn npm_packages_of_two_repositories_are_installed_side_by_side() {
    let place = folder("npm-two");
    let modules = workspace().join("bindings/typescript/node_modules");
    std::fs::write(place.join("package.json"), r#"{"private": true, "type": "module"}"#).unwrap();
    let install =
        ["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"];
    let mut archives = Vec::new();
    for (folder, name) in [("ours", &[][..]), ("theirs", &["--name", "@acme/parcels"])] {
        let package = place.join(folder);
        let chosen = ["--publish", "delivery.scheduled", "--subscribe", "delivery.scheduled"];
        let out = ["bindings", "--language", "typescript", "--out", package.to_str().unwrap()];
        let output = tool(&[&out[..], &chosen, name].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::os::unix::fs::symlink(&modules, package.join("node_modules")).unwrap();
        let packed = place.join(format!("{folder}-packed"));
        std::fs::create_dir(&packed).unwrap();
        let pack = ["pack", "--silent", "--offline", "--pack-destination"];
        must(Command::new("npm").args(pack).arg(&packed).current_dir(&package));
        archives.push(only_file(&packed, "tgz"));
    }
    must(Command::new("npm").args(install).args(&archives).current_dir(&place));
    std::fs::write(place.join("user.ts"), TYPESCRIPT_BOTH).unwrap();
    let strict = ["--strict", "--module", "nodenext", "--target", "es2022", "--types", "node"];
    let mut tsc = Command::new("node");
    tsc.arg(modules.join("typescript/bin/tsc")).args(strict);
    must(tsc.arg("--typeRoots").arg(modules.join("@types")).arg("user.ts").current_dir(&place));
    assert_eq!(must(Command::new("node").arg("user.js").current_dir(&place)).trim(), "2");
}

const PYTHON_BOTH: &str = r#"
from acme_parcels import Envelope, PublisherId, seal, types, writer
from doorward_events import read, types as doorward
window: writer.DeliveryWindow = {"not_before": "2026-11-21T08:00:00Z", "expires_at": "2026-11-21T10:00:00Z"}
data: writer.DeliveryScheduled = {"delivery_id": "d-1", "subject_ref": "s-1", "window": window, "parcels": 2}
draft = seal(types.DELIVERY_SCHEDULED, Envelope(PublisherId("acme.delivery", "eu-1"), "acme"), data)
parcels: int = read(doorward.DELIVERY_SCHEDULED, draft.detail).data["parcels"]
print(parcels)
"#;

/// The name is the repository's own, as `publishers.json` has it.
#[test]
fn wheels_of_two_repositories_are_installed_side_by_side() {
    let python = Python::make();
    let place = folder("pip-two");
    crate::copied::copy(&workspace().join("schemas"), &place.join("repository/schemas"));
    let register = place.join("repository/schemas/publishers.json");
    let text = std::fs::read_to_string(&register).unwrap();
    let named = text.replacen('{', r#"{ "packages": { "python": "acme-parcels" },"#, 1);
    std::fs::write(&register, named).unwrap();
    let mut bindings = Command::new(env!("CARGO_BIN_EXE_doorward-schema"));
    bindings.arg("--root").arg(place.join("repository"));
    bindings.args(["bindings", "--language", "python", "--out"]).arg(place.join("theirs"));
    must(&mut bindings);
    let pip = |arguments: &[&str]| {
        let mut command = Command::new(doorward_emulator::python());
        command.args(["-m", "pip", "--disable-pip-version-check", "--quiet", "--no-input"]);
        must(command.args(arguments).current_dir(&place))
    };
    let ours = own_copy(&python.package(), &place);
    for package in [&ours, &place.join("theirs")] {
        let build = ["wheel", "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir"];
        pip(&[&build[..], &["wheels", package.to_str().unwrap()]].concat());
    }
    let install = ["install", "--no-index", "--no-deps", "--find-links", "wheels", "--target"];
    pip(&[&install[..], &["installed", "doorward-events", "acme-parcels"]].concat());
    let user = place.join("user.py");
    std::fs::write(&user, PYTHON_BOTH).unwrap();
    let mut check = Command::new(doorward_emulator::python());
    check.env("MYPYPATH", place.join("installed")).args(["-m", "mypy", "--strict"]);
    must(check.args(["--no-incremental", "user.py"]).current_dir(&place));
    let mut run = Command::new(doorward_emulator::python());
    run.args(["-S", "user.py"]).env("PYTHONPATH", place.join("installed")).current_dir(&place);
    assert_eq!(must(&mut run).trim(), "2");
}
