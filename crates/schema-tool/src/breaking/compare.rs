//! Compares two states of a type, form by form.
//!
//! What a writer of the one may emit, a reader of the other must accept, both ways; a statement,
//! closed on both sides, must be the same to both. Each change of the schemas is judged by itself,
//! with a document that it alone has refused; what the changes do not explain, the search over the
//! whole schemas still decides.

use doorward_schema_compatibility::{
    Change, Counterexample, Explained, Inclusion, Limits, Reading, Shown, Side, changes, explain,
};
use doorward_schema_repository::compose::of_statement;
use doorward_schema_repository::{Form, Repository, TypeSource, compose};
use serde_json::Value;

use super::{Level, exact};

/// What a new writer emits, every old reader accepts.
pub const NEW_WRITER: &str = "new-writer-old-reader";
/// What an old writer emitted, a new reader accepts.
pub const OLD_WRITER: &str = "old-writer-new-reader";
/// A statement is the same to old and new: it carries authority and is closed.
pub const STATEMENT: &str = "closed-on-both-sides";

/// The forms of one state of a type.
#[derive(Debug, Clone)]
pub struct Forms {
    pub writer: Value,
    pub reader: Value,
    /// The statement's name and its schema.
    pub statement: Option<(String, Value)>,
}

impl Forms {
    /// Of a type, as if it had this version: no rule names one, so no difference may come of it.
    pub fn of(repository: &Repository, source: &TypeSource, version: &str) -> Result<Self, String> {
        let source = TypeSource { version: version.to_owned(), ..source.clone() };
        let (_, definitions) = source.surroundings(repository);
        let statement = match &source.statement {
            Some(name) => Some((name.clone(), of_statement(definitions, name)?)),
            None => None,
        };
        Ok(Self {
            writer: compose(repository, &source, Form::Writer)?,
            reader: compose(repository, &source, Form::Reader)?,
            statement,
        })
    }
}

/// A change that breaks somebody, or may.
#[derive(Debug, Clone)]
pub struct Difference {
    pub level: Level,
    pub code: String,
    /// Within the composed schema of that side, or within the statement.
    pub pointer: String,
    /// Whether the pointer is one of the old state.
    pub of_old: bool,
    /// The pointer is one into a statement's schema.
    pub in_statement: bool,
    pub rule: &'static str,
    pub says: String,
    /// What it says, made to hold both values: see [`exact`].
    pub change: String,
    /// A document, why the other side refuses it.
    pub counterexample: Option<Counterexample>,
    /// Other changes have the document refused too: none was found for this one alone.
    pub together: bool,
}

/// Everything that differs so that somebody could notice.
pub fn compare(old: &Forms, new: &Forms, limits: &Limits) -> Result<Vec<Difference>, String> {
    let mut found = Vec::new();
    if old.writer != new.writer || old.reader != new.reader {
        let pair = Pair::of(&old.writer, &new.writer, false)?;
        for (rule, writer, written) in
            [(NEW_WRITER, Side::New, &new.writer), (OLD_WRITER, Side::Old, &old.writer)]
        {
            let reading = Reading { old: &old.reader, new: &new.reader, writer, written };
            judge(&pair, rule, &reading, limits, &mut found)?;
        }
    }
    if let (Some((_, old)), Some((_, new))) = (&old.statement, &new.statement)
        && old != new
    {
        let pair = Pair::of(old, new, true)?;
        for (writer, written) in [(Side::New, new), (Side::Old, old)] {
            judge(&pair, STATEMENT, &Reading { old, new, writer, written }, limits, &mut found)?;
        }
    }
    Ok(found)
}

/// What two states write, and what changed between.
struct Pair<'a> {
    old: &'a Value,
    new: &'a Value,
    changes: Vec<Change>,
    in_statement: bool,
}

impl<'a> Pair<'a> {
    fn of(old: &'a Value, new: &'a Value, in_statement: bool) -> Result<Self, String> {
        let changes = changes(old, new).map_err(|e| e.to_string())?;
        Ok(Self { old, new, changes, in_statement })
    }
}

fn judge(
    pair: &Pair<'_>,
    rule: &'static str,
    reading: &Reading<'_>,
    limits: &Limits,
    found: &mut Vec<Difference>,
) -> Result<(), String> {
    let Explained { shown, rest } =
        explain(&pair.changes, reading, limits).map_err(|e| e.to_string())?;
    let in_statement = pair.in_statement;
    found.extend(shown.into_iter().map(|Shown { change, example, alone }| Difference {
        level: Level::Breaking,
        code: change.code.as_str().to_owned(),
        pointer: change.pointer.clone(),
        of_old: matches!(change.side, Side::Old),
        in_statement,
        rule,
        says: change.says.clone(),
        change: exact::of_change(change, pair.old, pair.new),
        counterexample: Some(example),
        together: !alone,
    }));
    match rest {
        Inclusion::Proved => {}
        Inclusion::Refuted(example) => found.push(Difference {
            level: Level::Breaking,
            code: format!("refused-{}", example.keyword),
            pointer: example.refused_by.clone(),
            of_old: reading.writer == Side::New,
            in_statement,
            rule,
            says: "a document of the one side is none of the other".to_owned(),
            change: exact::of_states("a document is refused", pair.old, pair.new),
            counterexample: Some(example),
            together: false,
        }),
        Inclusion::Undecided(open) => found.push(Difference {
            level: Level::Unconfirmed,
            code: "undecided".to_owned(),
            pointer: match reading.writer {
                Side::Old => open.sup_pointer,
                Side::New => open.sub_pointer,
            },
            of_old: false,
            in_statement,
            rule,
            says: format!("neither proved nor refuted: {}", open.reason),
            change: exact::of_states("neither proved nor refuted", pair.old, pair.new),
            counterexample: None,
            together: false,
        }),
    }
    Ok(())
}
