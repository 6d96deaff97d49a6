//! The one gate: a type grows so that nobody who was built with any of its releases notices.
//!
//! Compared with every release, not the last alone: a gateway in a cellar may be years behind. A
//! writer is held to the closed form, a reader to the open one; types that carry authority are
//! closed on both sides, their statements too.

mod compare;
mod exact;
pub mod exceptions;
pub mod git;
mod places;

use doorward_schema_compatibility::Limits;
use doorward_schema_repository::{Edition, Place, Repository, Tree, TypeSource};
use jiff::civil::Date;
use serde_json::{Value, json};

use self::compare::{Difference, Forms};
use crate::finding::Finding;
use crate::today;

/// How sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A document shows it, confirmed by the validator.
    Breaking,
    /// Neither proved compatible nor refuted: it fails all the same.
    Unconfirmed,
    /// Of a draft, which promises nothing yet.
    Draft,
}

impl Level {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Breaking => "breaking",
            Self::Unconfirmed => "unconfirmed",
            Self::Draft => "draft",
        }
    }
}

/// A change of a type that breaks somebody, or may.
#[derive(Debug, Clone)]
pub struct Break {
    pub type_name: String,
    /// The release or commit that it was compared with.
    pub against: String,
    /// Compared with a commit: what was edited there need not be released.
    pub of_commit: bool,
    pub level: Level,
    /// What kind of change: a stable word.
    pub code: String,
    /// Within the composed schema of an event, or of the statement.
    pub pointer: String,
    /// Where the change stands.
    pub place: Place,
    pub rule: &'static str,
    pub says: String,
    /// What changed, with both values: what an exception is for.
    pub change: String,
    /// A document that one side accepts and the other refuses.
    pub document: Option<Value>,
    /// Where in the document, and by which keyword, it is refused.
    pub refused: Option<(String, String)>,
    /// Other changes have the document refused too: none was found for this one alone.
    pub together: bool,
    /// The exception that lets it pass.
    pub excused: Option<Value>,
}

impl Break {
    /// Whether it ends a command with failure.
    pub fn fails(&self) -> bool {
        self.excused.is_none() && self.level != Level::Draft
    }

    /// For scripts.
    pub fn json(&self) -> Value {
        json!({
            "type": self.type_name,
            "against": self.against,
            "level": self.level.as_str(),
            "code": self.code,
            "pointer": self.pointer,
            "file": self.place.file,
            "line": self.place.line,
            "column": self.place.column,
            "rule": self.rule,
            "says": self.says,
            "counterexample": self.document,
            "refused_at": self.refused.as_ref().map(|(at, _)| at),
            "refused_by": self.refused.as_ref().map(|(_, keyword)| keyword),
            "together": self.together,
            "excused_by": self.excused,
            "exception": self.fails().then(|| exceptions::ready(self)),
        })
    }
}

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    pub breaks: Vec<Break>,
    /// What is wrong with exceptions and promises.
    pub findings: Vec<Finding>,
    /// The types that were compared, with how many states each.
    pub compared: Vec<(String, usize)>,
}

impl Report {
    /// Whether anything must be mended.
    pub fn fails(&self) -> bool {
        !self.findings.is_empty() || self.breaks.iter().any(Break::fails)
    }
}

/// Compares what is edited with every release of each of these types.
pub fn with_releases(tree: &Tree, types: &[String], now: Date) -> anyhow::Result<Report> {
    let next = edition(tree)?;
    let mut report = Report::default();
    for name in types {
        let (Some(folder), Some(source)) = (tree.types.get(name), next.find(name)) else {
            continue;
        };
        for (version, document) in &folder.released {
            let old = source.released(document).map_err(|e| anyhow::anyhow!("{e}"))?;
            let old_side = places::Old::Release(document);
            let against = version.to_string();
            pair(&next, &old, (&next, source), &old_side, tree, &against, false, &mut report)?;
        }
        report.compared.push((name.clone(), folder.released.len()));
    }
    report.findings = exceptions::apply(tree, &mut report.breaks, types, now);
    Ok(report)
}

/// Compares what is edited with what was edited and promised at a commit.
pub fn with_commit(
    tree: &Tree,
    old: &Tree,
    reference: &str,
    types: &[String],
    now: Date,
) -> anyhow::Result<Report> {
    let next = edition(tree)?;
    let mut report = Report::default();
    if old.documents().next().is_none() && old.malformed.is_empty() {
        // Before there was a schema, nothing was promised.
        return Ok(report);
    }
    let before = edition(old).map_err(|e| anyhow::anyhow!("at {reference}: {e}"))?;
    for name in types {
        let (Some(was), Some(source)) = (before.find(name), next.find(name)) else { continue };
        // What is released here and was not there was promised to nobody there.
        let promised = old.types.get(name).is_some_and(|folder| !folder.released.is_empty());
        let old_side = places::Old::Tree(old);
        pair(&before, was, (&next, source), &old_side, tree, reference, !promised, &mut report)?;
        report.compared.push((name.clone(), 1));
    }
    report.findings = exceptions::apply(tree, &mut report.breaks, &[], now);
    promises(tree, old, reference, now, &mut report.findings);
    Ok(report)
}

fn edition(tree: &Tree) -> anyhow::Result<Repository> {
    Repository::of(tree, Edition::Next).map_err(|e| anyhow::anyhow!("{e}"))
}

#[expect(clippy::too_many_arguments, reason = "two states, each with where it stands")]
fn pair(
    before: &Repository,
    old: &TypeSource,
    (after, new): (&Repository, &TypeSource),
    old_side: &places::Old<'_>,
    tree: &Tree,
    against: &str,
    draft: bool,
    report: &mut Report,
) -> anyhow::Result<()> {
    let fail = |why: String| anyhow::anyhow!("{} against {against}: {why}", new.name);
    let of_commit = matches!(old_side, places::Old::Tree(_));
    let version = &old.version;
    let of_old = Forms::of(before, old, version).map_err(fail)?;
    let of_new = Forms::of(after, new, version).map_err(fail)?;
    let level = |level| if draft { Level::Draft } else { level };
    if old.direction != new.direction || old.statement != new.statement {
        let file = format!("schemas/{}/type.json", new.name);
        let manifest = tree.types.get(&new.name).and_then(|folder| folder.manifest.as_ref());
        let way = |source: &TypeSource| match &source.statement {
            Some(statement) => format!("{} with {statement}", source.direction.as_str()),
            None => source.direction.as_str().to_owned(),
        };
        let says = format!("it was {} and is {}", way(old), way(new));
        report.breaks.push(Break {
            type_name: new.name.clone(),
            against: against.to_owned(),
            of_commit,
            level: level(Level::Breaking),
            code: "direction-changed".to_owned(),
            pointer: "/direction".to_owned(),
            place: manifest.map_or_else(|| Place::of_file(file), |m| m.place("/direction")),
            rule: "one-direction",
            change: says.clone(),
            says,
            document: None,
            refused: None,
            together: false,
            excused: None,
        });
        return Ok(());
    }
    let differences = compare::compare(&of_old, &of_new, &Limits::default()).map_err(fail)?;
    for difference in differences {
        let Difference { code, pointer, of_old, in_statement, rule, says, change, .. } = difference;
        let together = difference.together;
        let statement = new.statement.as_deref().filter(|_| in_statement);
        let place = if of_old {
            places::of_old(old_side, &new.name, statement, &pointer)
        } else {
            places::of_tree(tree, &new.name, statement, &pointer)
        };
        let example = difference.counterexample;
        report.breaks.push(Break {
            type_name: new.name.clone(),
            against: against.to_owned(),
            of_commit,
            level: level(difference.level),
            code,
            pointer: match statement {
                Some(name) => format!("{name}:{pointer}"),
                None => pointer,
            },
            place,
            rule,
            says,
            change,
            refused: example.as_ref().map(|e| (e.at.clone(), e.keyword.clone())),
            document: example.map(|example| example.document),
            together,
            excused: None,
        });
    }
    Ok(())
}

/// What was released and promised at the commit is still there.
fn promises(tree: &Tree, old: &Tree, reference: &str, now: Date, out: &mut Vec<Finding>) {
    let (Ok(was), Ok(is)) = (old.locked(), tree.locked()) else { return };
    for (name, promise) in &was.types {
        let here = is.types.get(name);
        let file = format!("schemas/{name}");
        for (version, release) in &promise.versions {
            if here.and_then(|p| p.versions.get(version)).map(|r| &r.sha256)
                != Some(&release.sha256)
            {
                out.push(Finding::of_file(
                    &format!("{file}/{version}.json"),
                    "release-changed",
                    format!("it is not what {reference} released"),
                    format!("take it and its hash from {reference}"),
                ));
            }
        }
        let day = |text: &Option<String>| text.as_deref().and_then(|day| today::read(day).ok());
        let before = day(&promise.sunset);
        if before.is_some() && day(&here.and_then(|p| p.sunset.clone())) < before {
            out.push(Finding::of_file(
                "schemas/lock.json",
                "sunset-earlier",
                format!("the sunset of {name} is earlier than at {reference}"),
                "write the old day or a later one: a sunset only moves later",
            ));
        }
        let gone = tree.types.get(name).is_none_or(|folder| folder.manifest.is_none());
        if gone && before.is_none_or(|sunset| sunset >= now) {
            out.push(Finding::of_file(
                &file,
                "removed",
                format!("the type was released at {reference} and is gone before its sunset"),
                format!("take it from {reference}; deprecate it first"),
            ));
        }
    }
}
