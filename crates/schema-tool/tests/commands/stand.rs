//! A copy of the repository in a folder of its own, and the tool to run on it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

/// What a call of the tool ended with.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

/// The repository that this crate lies in.
pub fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn tool(root: &Path, arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_doorward-schema"))
        .arg("--root")
        .arg(root)
        .args(arguments)
        .output()
        .unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A copy of what lies there.
pub struct Copy(TempDir);

impl Copy {
    /// As it was before anything was released.
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        for part in ["schemas", "subscriptions"] {
            crate::copied::copy(&here().join(part), &folder.path().join(part));
        }
        crate::copied::without_releases(&folder.path().join("schemas"));
        Self(folder)
    }

    /// A copy in which everything is released.
    pub fn released() -> Self {
        let copy = Self::new();
        copy.runs(&["release", "--all"]);
        copy
    }

    pub fn root(&self) -> &Path {
        self.0.path()
    }

    pub fn tool(&self, arguments: &[&str]) -> Ran {
        tool(self.root(), arguments)
    }

    /// Runs a command that must succeed.
    pub fn runs(&self, arguments: &[&str]) -> Ran {
        let ran = self.tool(arguments);
        assert_eq!(ran.code, 0, "{arguments:?} {ran:?}");
        ran
    }

    pub fn text(&self, file: &str) -> String {
        std::fs::read_to_string(self.root().join(file)).unwrap()
    }

    pub fn write(&self, file: &str, text: &str) {
        let path = self.root().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn edit(&self, file: &str, change: impl FnOnce(&mut Value)) {
        let mut value = serde_json::from_str(&self.text(file)).unwrap();
        change(&mut value);
        self.write(file, &format!("{value:#}\n"));
    }
}

/// Runs git in the copy; it must succeed.
pub fn git(copy: &Copy, arguments: &[&str]) {
    let output = Command::new("git")
        .arg("-C")
        .arg(copy.root())
        .args(["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?} {output:?}");
}
