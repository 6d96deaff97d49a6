//! Compares two states of a type, form by form.
//!
//! What a writer of the one may emit, a reader of the other must accept, both ways; a statement,
//! closed on both sides, must be the same to both. Each change of the schemas is tried with a
//! document that only one side accepts; what the changes do not explain, the search over the whole
//! schemas still decides.

use doorward_schema_compatibility::{
    Change, Counterexample, Inclusion, Limits, Side, Witness, changes, included, witness,
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
}

/// Everything that differs so that somebody could notice.
pub fn compare(old: &Forms, new: &Forms, limits: &Limits) -> Result<Vec<Difference>, String> {
    let mut found = Vec::new();
    if old.writer != new.writer || old.reader != new.reader {
        let of_writers = changes(&old.writer, &new.writer).map_err(|e| e.to_string())?;
        let new_refused = Obligation { rule: NEW_WRITER, sub: &new.writer, sup: &old.reader };
        let old_refused = Obligation { rule: OLD_WRITER, sub: &old.writer, sup: &new.reader };
        let whole = Pair { old: &old.writer, new: &new.writer, in_statement: false };
        judge(&whole, &of_writers, &new_refused, &old_refused, limits, &mut found)?;
    }
    if let (Some((_, old)), Some((_, new))) = (&old.statement, &new.statement)
        && old != new
    {
        let of_statement = changes(old, new).map_err(|e| e.to_string())?;
        let new_refused = Obligation { rule: STATEMENT, sub: new, sup: old };
        let old_refused = Obligation { rule: STATEMENT, sub: old, sup: new };
        let pair = Pair { old, new, in_statement: true };
        judge(&pair, &of_statement, &new_refused, &old_refused, limits, &mut found)?;
    }
    Ok(found)
}

struct Pair<'a> {
    old: &'a Value,
    new: &'a Value,
    in_statement: bool,
}

/// Every document of the one must be one of the other.
struct Obligation<'a> {
    rule: &'static str,
    sub: &'a Value,
    sup: &'a Value,
}

fn judge(
    pair: &Pair<'_>,
    changes: &[Change],
    new_refused: &Obligation<'_>,
    old_refused: &Obligation<'_>,
    limits: &Limits,
    found: &mut Vec<Difference>,
) -> Result<(), String> {
    let sides = [(new_refused, false), (old_refused, true)];
    let mut broken = Vec::new();
    for (obligation, of_old) in sides {
        let verdict =
            included(obligation.sub, obligation.sup, limits).map_err(|e| e.to_string())?;
        if !matches!(verdict, Inclusion::Proved) {
            broken.push((obligation, of_old, verdict));
        }
    }
    if broken.is_empty() {
        return Ok(());
    }
    for change in changes {
        let witness = witness(change, pair.old, pair.new, limits).map_err(|e| e.to_string())?;
        let (document, by_new) = match &witness {
            Witness::OnlyOld(example) => (&example.document, false),
            Witness::OnlyNew(example) => (&example.document, true),
            Witness::None => continue,
        };
        let obligation = if by_new { new_refused } else { old_refused };
        let Some(refusal) = refused(document, obligation)? else { continue };
        found.push(Difference {
            level: Level::Breaking,
            code: change.code.as_str().to_owned(),
            pointer: change.pointer.clone(),
            of_old: matches!(change.side, Side::Old),
            in_statement: pair.in_statement,
            rule: obligation.rule,
            says: change.says.clone(),
            change: exact::of_change(change, pair.old, pair.new),
            counterexample: Some(refusal),
        });
    }
    for (obligation, of_old, verdict) in broken {
        let explained = found.iter().any(|difference| {
            difference.rule == obligation.rule && difference.in_statement == pair.in_statement
        });
        match verdict {
            Inclusion::Refuted(example) if !explained => found.push(Difference {
                level: Level::Breaking,
                code: format!("refused-{}", example.keyword),
                pointer: example.refused_by.clone(),
                of_old: !of_old,
                in_statement: pair.in_statement,
                rule: obligation.rule,
                says: "a document of the one side is none of the other".to_owned(),
                change: exact::of_states("a document is refused", pair.old, pair.new),
                counterexample: Some(example),
            }),
            Inclusion::Undecided(open) => found.push(Difference {
                level: Level::Unconfirmed,
                code: "undecided".to_owned(),
                pointer: if of_old { open.sup_pointer } else { open.sub_pointer },
                of_old: false,
                in_statement: pair.in_statement,
                rule: obligation.rule,
                says: format!("neither proved nor refuted: {}", open.reason),
                change: exact::of_states("neither proved nor refuted", pair.old, pair.new),
                counterexample: None,
            }),
            _ => {}
        }
    }
    Ok(())
}

/// Whether the document is the one side's and refused by the other: the validator has the word.
fn refused(
    document: &Value,
    obligation: &Obligation<'_>,
) -> Result<Option<Counterexample>, String> {
    let compile = |schema| jsonschema::draft4::new(schema).map_err(|e| e.to_string());
    if !compile(obligation.sub)?.is_valid(document) {
        return Ok(None);
    }
    let refusing = compile(obligation.sup)?;
    let refusal = refusing.iter_errors(document).next().map(|error| {
        let by = error.schema_path().as_str().to_owned();
        Counterexample {
            document: document.clone(),
            at: error.instance_path().as_str().to_owned(),
            keyword: by.rsplit('/').next().unwrap_or_default().to_owned(),
            refused_by: by,
        }
    });
    Ok(refusal)
}
