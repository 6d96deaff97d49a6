//! Packages made and built, and programs run over them.

use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The root of the repository.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Calls the tool.
pub fn tool(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward-schema"));
    command.arg("--root").arg(workspace()).args(arguments).output().unwrap()
}

/// Runs a command that must succeed, and gives what it printed.
pub fn must(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    out.into_owned()
}

fn bindings(language: &str, out: &Path) {
    let output = tool(&["bindings", "--language", language, "--out", out.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

/// A folder that the first test that needs it makes, and the others wait for: each test is a process
/// of its own, and compiling takes longer than all else. `made_of`: what a new one is made for.
fn shared(name: &str, made_of: &[PathBuf], make: impl FnOnce(&Path)) -> PathBuf {
    let mut hash = DefaultHasher::new();
    let tool = PathBuf::from(env!("CARGO_BIN_EXE_doorward-schema"));
    for path in std::iter::once(&tool).chain(made_of) {
        std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).hash(&mut hash);
    }
    let places = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&places).unwrap();
    let lock = File::create(places.join("lock")).unwrap();
    lock.lock().unwrap();
    let place = places.join(format!("{:016x}", hash.finish()));
    let ready = place.join("ready");
    if !ready.exists() {
        for entry in std::fs::read_dir(&places).unwrap() {
            // What earlier sources made; nobody else is here while the lock is held.
            let old = entry.unwrap().path();
            if old.is_dir() {
                std::fs::remove_dir_all(old).unwrap();
            }
        }
        std::fs::create_dir_all(&place).unwrap();
        make(&place);
        File::create(ready).unwrap();
    }
    place
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.is_file()).collect();
    files.sort();
    files
}

/// The TypeScript package of all types, compiled, and the test programs beside it.
pub struct TypeScript(PathBuf);

impl TypeScript {
    /// As it was built for these sources.
    pub fn build() -> Self {
        let repository = workspace().join("bindings/typescript");
        let installed = repository.join("node_modules");
        assert!(installed.is_dir(), "no {}: run scripts/tools.sh", installed.display());
        let mut made_of = files_of(&repository.join("test"));
        made_of.push(repository.join("package-lock.json"));
        Self(shared("typescript", &made_of, |place| {
            std::os::unix::fs::symlink(&installed, place.join("node_modules")).unwrap();
            let package = place.join("events");
            bindings("typescript", &package);
            tsc(place, &package);
            let tests = place.join("test");
            copy(&repository.join("test"), &tests);
            std::fs::create_dir_all(tests.join("node_modules/@doorward")).unwrap();
            let link = tests.join("node_modules/@doorward/events");
            std::os::unix::fs::symlink("../../../events", link).unwrap();
            tsc(place, &tests);
        }))
    }

    /// The package's folder.
    pub fn package(&self) -> PathBuf {
        self.0.join("events")
    }

    /// A test program, to be run.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new("node");
        command.arg(self.0.join("test/dist").join(name)).current_dir(&self.0);
        command
    }

    /// `node --test` over a file of tests.
    pub fn tests(&self, name: &str) -> Command {
        let mut command = Command::new("node");
        command.arg("--test").arg(self.0.join("test/dist").join(name)).current_dir(&self.0);
        command
    }
}

fn tsc(place: &Path, project: &Path) {
    let compiler = place.join("node_modules/typescript/bin/tsc");
    must(Command::new("node").arg(compiler).arg("-p").arg(project));
}

/// The Python package of all types, and the test programs beside it.
pub struct Python(PathBuf);

impl Python {
    /// As it was made for these sources.
    pub fn make() -> Self {
        let tests = workspace().join("bindings/python/test");
        Self(shared("python", &files_of(&tests), |place| {
            bindings("python", &place.join("events"));
            copy(&tests, &place.join("test"));
        }))
    }

    /// The package's folder.
    pub fn package(&self) -> PathBuf {
        self.0.join("events")
    }

    /// The test programs' folder.
    pub fn test_folder(&self) -> PathBuf {
        self.0.join("test")
    }

    /// The interpreter, which finds the package.
    pub fn interpreter(&self) -> Command {
        let mut command = Command::new(doorward_emulator::python());
        command.env("PYTHONPATH", self.package().join("src")).current_dir(&self.0);
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// A test program, to be run.
    pub fn program(&self, name: &str) -> Command {
        let mut command = self.interpreter();
        command.arg(self.test_folder().join(name));
        command
    }
}
