//! Patterns, formats and steps of both schemas, each once, with the automaton and the check that belong
//! to it.

use std::collections::HashMap;

use jsonschema::Validator;
use serde_json::Value;

use crate::automaton::Automaton;
use crate::validator::of_keyword;

/// Texts that no checked format takes; a format that takes them all is one that the validator does
/// not know.
const NO_FORMAT: [&str; 3] = ["(\u{1}", "\u{1} \u{2}", "[\\"];

/// A keyword whose judgement is the validator's alone.
#[derive(Debug)]
pub struct Rule {
    pub text: String,
    /// What texts match, as an automaton: for patterns that can be one.
    pub automaton: Option<Automaton>,
    check: Option<Validator>,
}

impl Rule {
    /// Whether the validator lets this value pass.
    pub fn holds(&self, value: &Value) -> bool {
        self.check.as_ref().is_none_or(|check| check.is_valid(value))
    }

    fn of_pattern(text: &str) -> Self {
        let translated = jsonschema_regex::to_rust_regex(text);
        Self {
            text: text.to_owned(),
            automaton: translated.ok().and_then(|rust| Automaton::new(&rust)),
            check: of_keyword("pattern", &Value::from(text)),
        }
    }
}

/// All rules, by number.
#[derive(Debug, Default)]
pub struct Table {
    pub patterns: Vec<Rule>,
    pub formats: Vec<Rule>,
    pub multiples: Vec<Rule>,
    numbers: HashMap<(&'static str, String), Option<usize>>,
}

impl Table {
    /// The number of a pattern.
    pub fn pattern(&mut self, text: &str) -> usize {
        let number = *self.numbers.entry(("pattern", text.to_owned())).or_insert_with(|| {
            self.patterns.push(Rule::of_pattern(text));
            Some(self.patterns.len() - 1)
        });
        number.unwrap_or_default()
    }

    /// The number of what `multipleOf` says.
    pub fn multiple(&mut self, step: &Value) -> usize {
        let text = step.to_string();
        let number = *self.numbers.entry(("multipleOf", text.clone())).or_insert_with(|| {
            let check = of_keyword("multipleOf", step);
            self.multiples.push(Rule { text, automaton: None, check });
            Some(self.multiples.len() - 1)
        });
        number.unwrap_or_default()
    }

    /// The number of a format; none of one that the validator does not check.
    pub fn format(&mut self, name: &str) -> Option<usize> {
        *self.numbers.entry(("format", name.to_owned())).or_insert_with(|| {
            let check = of_keyword("format", &Value::from(name))?;
            if NO_FORMAT.iter().all(|text| check.is_valid(&Value::from(*text))) {
                return None;
            }
            self.formats.push(Rule { text: name.to_owned(), automaton: None, check: Some(check) });
            Some(self.formats.len() - 1)
        })
    }
}
