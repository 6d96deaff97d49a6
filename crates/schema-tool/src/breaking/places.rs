//! From a pointer into a composed schema back to the line that somebody wrote.

use doorward_schema_repository::places::step;
use doorward_schema_repository::{Document, Place, Tree};

/// Where the old state stands.
#[derive(Debug)]
pub enum Old<'a> {
    /// In one released file.
    Release(&'a Document),
    /// In a tree of its own.
    Tree(&'a Tree),
}

/// What a pointer into a composed schema leads to.
enum Part<'a> {
    Data(&'a str),
    Definition(&'a str, &'a str),
    Envelope(&'a str),
}

fn part<'a>(statement: Option<&'a str>, pointer: &'a str) -> Part<'a> {
    if let Some(rest) = pointer.strip_prefix("/definitions/") {
        let cut = rest.find('/').unwrap_or(rest.len());
        let (name, rest) = rest.split_at(cut);
        return Part::Definition(name, rest);
    }
    if let Some(name) = statement {
        return Part::Definition(name, pointer);
    }
    match pointer.strip_prefix("/properties/data") {
        Some(rest) => Part::Data(rest),
        None => Part::Envelope(pointer),
    }
}

/// The place in the files that are edited.
pub fn of_tree(tree: &Tree, type_name: &str, statement: Option<&str>, pointer: &str) -> Place {
    let next = || {
        let next = tree.types.get(type_name).and_then(|folder| folder.next.as_ref());
        let file = format!("schemas/{type_name}/next.json");
        next.map_or_else(|| Place::of_file(file), |next| next.place(""))
    };
    match part(statement, pointer) {
        Part::Data(rest) => {
            let next = tree.types.get(type_name).and_then(|folder| folder.next.as_ref());
            let file = format!("schemas/{type_name}/next.json");
            next.map_or_else(|| Place::of_file(file), |next| next.place(rest))
        }
        Part::Definition(name, rest) => match tree.owner(name) {
            Some((document, at)) => document.place(&format!("{at}{rest}")),
            None => next(),
        },
        Part::Envelope(rest) => {
            tree.core.get("Envelope.json").map_or_else(next, |document| document.place(rest))
        }
    }
}

/// The place in the old state.
pub fn of_old(old: &Old<'_>, type_name: &str, statement: Option<&str>, pointer: &str) -> Place {
    let document = match old {
        Old::Tree(tree) => return of_tree(tree, type_name, statement, pointer),
        Old::Release(document) => document,
    };
    match part(statement, pointer) {
        Part::Data(rest) => document.place(rest),
        Part::Definition(name, rest) => {
            document.place(&format!("/definitions/{}{rest}", step(name)))
        }
        Part::Envelope(rest) => document.place(&format!("/definitions/Envelope{rest}")),
    }
}
