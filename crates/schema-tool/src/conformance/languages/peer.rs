//! The validators of the other languages as programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, anyhow, bail};
use tempfile::TempDir;

use super::{Answer, Question};

macro_rules! typescript {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../../../bindings/typescript/package/src/", $name)))
    };
}
macro_rules! python {
    ($name:literal) => {
        (
            concat!("doorward_events/", $name),
            include_str!(concat!(
                "../../../../../bindings/python/package/src/doorward_events/",
                $name
            )),
        )
    };
}

const TYPESCRIPT: [(&str, &str); 6] = [
    typescript!("draft4.ts"),
    typescript!("formats.ts"),
    typescript!("json.ts"),
    typescript!("known.ts"),
    typescript!("text.ts"),
    ("verdicts.ts", include_str!("verdicts.ts")),
];
/// The package's own beginning reads its schemas; here there are none.
const PYTHON: [(&str, &str); 6] = [
    ("doorward_events/__init__.py", ""),
    python!("draft4.py"),
    python!("formats.py"),
    python!("jsontext.py"),
    python!("text.py"),
    ("verdicts.py", include_str!("verdicts.py")),
];

/// Where the programs are that run the other languages.
#[derive(Debug)]
pub struct Places {
    /// The folder `node_modules` that holds the TypeScript compiler and Node's types.
    pub node_modules: PathBuf,
    /// The Python interpreter.
    pub python: PathBuf,
}

/// A validator as a program.
#[derive(Debug)]
pub struct Peer {
    program: PathBuf,
    script: PathBuf,
    /// Its sources, for as long as it is asked.
    place: TempDir,
}

impl Peer {
    /// The validator of the npm package, compiled.
    ///
    /// # Errors
    /// No Node, no compiler, or sources that do not compile strictly.
    pub fn typescript(places: &Places) -> Result<Self> {
        let compiler = places.node_modules.join("typescript/bin/tsc");
        if !compiler.is_file() {
            bail!("no {}", compiler.display());
        }
        let place = written(&TYPESCRIPT)?;
        std::os::unix::fs::symlink(
            std::path::absolute(&places.node_modules)?,
            place.path().join("node_modules"),
        )?;
        std::fs::write(place.path().join("package.json"), r#"{"type":"module"}"#)?;
        let strict = ["--strict", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes"];
        let form = ["--module", "nodenext", "--target", "es2022", "--outDir", "dist"];
        let mut tsc = Command::new("node");
        tsc.arg(std::path::absolute(compiler)?).args(strict).args(form).arg("verdicts.ts");
        ended(&mut tsc, place.path())?;
        let script = place.path().join("dist/verdicts.js");
        Ok(Self { program: "node".into(), script, place })
    }

    /// The validator of the Python package.
    ///
    /// # Errors
    /// No interpreter that runs it.
    pub fn python(places: &Places) -> Result<Self> {
        let place = written(&PYTHON)?;
        let script = place.path().join("verdicts.py");
        let peer = Self { program: places.python.clone(), script, place };
        peer.ask(&[Question { schema: "{}".to_owned(), documents: Vec::new() }])?;
        Ok(peer)
    }

    /// What it says to each question.
    ///
    /// # Errors
    /// It cannot be started, fails, or does not answer all.
    pub fn ask(&self, questions: &[Question]) -> Result<Vec<Answer>> {
        let lines = questions.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
        let file = self.place.path().join("questions.jsonl");
        std::fs::write(&file, lines.join("\n"))?;
        let mut program = Command::new(&self.program);
        program.arg(&self.script).arg(&file).env("PYTHONDONTWRITEBYTECODE", "1");
        let output = ended(&mut program, self.place.path())?;
        let answers = String::from_utf8(output.stdout)?
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<Vec<Answer>, _>>()?;
        for (n, question) in questions.iter().enumerate() {
            let whole = match answers.get(n) {
                None => false,
                Some(Answer::Refused(_)) => true,
                Some(Answer::Verdicts(verdicts)) => verdicts.len() == question.documents.len(),
            };
            if !whole {
                bail!("{} does not answer question {n}", self.program.display());
            }
        }
        Ok(answers)
    }
}

fn written(files: &[(&str, &str)]) -> Result<TempDir> {
    let place = tempfile::tempdir()?;
    for (path, text) in files {
        let path = place.path().join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, text)?;
    }
    Ok(place)
}

/// Runs a program to its end, which must be a good one.
fn ended(command: &mut Command, place: &Path) -> Result<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.current_dir(place).output().with_context(|| format!("no {name}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let tail: Vec<&str> = said.lines().rev().take(5).collect();
    let tail: Vec<&str> = tail.into_iter().rev().collect();
    Err(anyhow!("{name} ended with {}: {}", output.status, tail.join(" | ")))
}
