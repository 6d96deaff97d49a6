//! Packages made and built, and programs run over them.

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

/// The TypeScript package of all types, compiled, and the test programs beside it.
pub struct TypeScript(PathBuf);

impl TypeScript {
    /// Makes it in a folder of its own.
    pub fn build(name: &str) -> Self {
        let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("typescript-{name}"));
        let _ = std::fs::remove_dir_all(&place);
        std::fs::create_dir_all(&place).unwrap();
        let installed = workspace().join("bindings/typescript/node_modules");
        assert!(installed.is_dir(), "no {}: run scripts/tools.sh", installed.display());
        std::os::unix::fs::symlink(&installed, place.join("node_modules")).unwrap();
        let package = place.join("events");
        bindings("typescript", &package);
        let built = Self(place);
        built.tsc(&package);

        let tests = built.0.join("test");
        copy(&workspace().join("bindings/typescript/test"), &tests);
        std::fs::create_dir_all(tests.join("node_modules/@doorward")).unwrap();
        let link = tests.join("node_modules/@doorward/events");
        std::os::unix::fs::symlink(&package, link).unwrap();
        built.tsc(&tests);
        built
    }

    fn tsc(&self, project: &Path) {
        let compiler = self.0.join("node_modules/typescript/bin/tsc");
        must(Command::new("node").arg(compiler).arg("-p").arg(project));
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

/// The Python package of all types, and the test programs beside it.
pub struct Python(PathBuf);

impl Python {
    /// Makes it in a folder of its own.
    pub fn make(name: &str) -> Self {
        let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("python-{name}"));
        let _ = std::fs::remove_dir_all(&place);
        std::fs::create_dir_all(&place).unwrap();
        bindings("python", &place.join("events"));
        copy(&workspace().join("bindings/python/test"), &place.join("test"));
        Self(place)
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
