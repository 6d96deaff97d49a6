//! The repository as a commit has it, read from git's own objects: nothing is checked out, and
//! nothing is fetched.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use doorward_schema_repository::Tree;
use doorward_schema_repository::files::{Files, LARGEST_FILE};
use doorward_schema_repository::tree::{SCHEMAS, SUBSCRIPTIONS};

/// The tree of a commit, a branch or a tag.
pub fn at(root: &Path, reference: &str) -> anyhow::Result<Tree> {
    if reference.starts_with('-') {
        bail!("{reference:?} names no commit");
    }
    let commit =
        run(root, &["rev-parse", "--verify", "--quiet", &format!("{reference}^{{commit}}")])
            .with_context(|| format!("{reference} names no commit here; fetch it first"))?;
    let commit = commit.trim();
    let listing = run(root, &["ls-tree", "-r", "-l", "-z", commit, "--", SCHEMAS, SUBSCRIPTIONS])?;
    let mut child = git(root)
        .args(["cat-file", "--batch"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("git cat-file")?;
    let mut ask = child.stdin.take().context("git cat-file: no input")?;
    let mut answer = BufReader::new(child.stdout.take().context("git cat-file: no output")?);
    let mut files = Files::default();
    for line in listing.split('\0').filter(|line| !line.is_empty()) {
        let Some((about, file)) = line.split_once('\t') else { continue };
        let about: Vec<&str> = about.split_whitespace().collect();
        let [mode, "blob", object, size] = about.as_slice() else { continue };
        if Path::new(file).extension().is_none_or(|e| e != "json") || *mode == "120000" {
            continue;
        }
        let size: u64 = size.parse().with_context(|| format!("{reference}:{file}"))?;
        if size > LARGEST_FILE {
            bail!("{reference}:{file}: {size} bytes, at most {LARGEST_FILE}");
        }
        writeln!(ask, "{object}").context("git cat-file")?;
        ask.flush().context("git cat-file")?;
        let mut header = String::new();
        answer.read_line(&mut header).context("git cat-file")?;
        if !header.contains(" blob ") {
            bail!("{reference}:{file}: git does not have it here; fetch it first");
        }
        let mut bytes = Vec::new();
        answer.by_ref().take(size).read_to_end(&mut bytes).context("git cat-file")?;
        let mut end = [0];
        answer.read_exact(&mut end).context("git cat-file")?;
        files.add(file.to_owned(), bytes)?;
    }
    drop(ask);
    child.wait().context("git cat-file")?;
    Ok(Tree::of(&files))
}

fn git(root: &Path) -> Command {
    let mut command = Command::new("git");
    // Of a partial clone, what is not here stays there: this command uses no network.
    command.arg("-C").arg(root).env("GIT_NO_LAZY_FETCH", "1").env("GIT_TERMINAL_PROMPT", "0");
    command
}

fn run(root: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let output = git(root).args(arguments).stdin(Stdio::null()).output();
    let output = output.context("git cannot be started; is it installed?")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = if said.trim().is_empty() { "it says no more" } else { said.trim() };
        bail!("git {}: {said}", arguments.first().unwrap_or(&""));
    }
    String::from_utf8(output.stdout).context("git: a name that is not UTF-8")
}
