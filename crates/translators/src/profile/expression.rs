//! Expressions, for what a pointer and a table cannot say.
//!
//! One expression of minijinja, without statements: nothing loops and nothing is kept, so work and
//! memory stay in proportion to the text and the payload. What has no value is an error, and never
//! a word. There are no functions, and three filters: `number`, `parsed` and
//! `names`.

use std::sync::LazyLock;

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, Expression as Compiled, UndefinedBehavior};
use serde_json::Value;

use super::pattern::Variables;
use super::value::{Reading, Scalar, whole};

/// The longest expression, in bytes.
pub(super) const MAX_EXPRESSION: usize = 512;

/// Most instructions that one evaluation may take.
const FUEL: u64 = 2_000;

/// Names that no variable may have.
pub(super) const RESERVED: &[&str] = &["value", "payload"];

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.add_test("defined", |value: &minijinja::Value| !value.is_undefined());
    environment.add_test("none", |value: &minijinja::Value| value.is_none());
    environment.add_filter("number", number);
    environment.add_filter("parsed", parsed);
    environment.add_filter("names", names);
    environment
});

/// A whole number. All else is an error: a text that looks like one, too.
fn number(value: &minijinja::Value) -> Result<i64, Error> {
    let number = match (value.kind(), value.as_i64()) {
        (ValueKind::Number, Some(number)) => Some(number),
        (ValueKind::Number, None) => f64::try_from(value.clone()).ok().and_then(whole),
        _ => None,
    };
    number.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "no whole number"))
}

/// The whole number that a text is, in its plain form. All else is an error, and not zero.
fn parsed(value: &minijinja::Value) -> Result<i64, Error> {
    let text = value.as_str();
    let number = text
        .and_then(|text| text.parse::<i64>().ok())
        .filter(|number| text == Some(number.to_string().as_str()));
    number.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "no whole number"))
}

/// Whether a list of words holds one of `sought`. No holds only where all of them are in `others`:
/// what a word means that nobody knows, nobody can say. Of a word, what follows a colon is left out.
#[expect(clippy::needless_pass_by_value, reason = "the engine hands them over so")]
fn names(list: &minijinja::Value, sought: Vec<String>, others: Vec<String>) -> Result<bool, Error> {
    let unknown = || Error::new(ErrorKind::InvalidOperation, "not a list of known words");
    if list.kind() != ValueKind::Seq {
        return Err(unknown());
    }
    let mut all_known = true;
    for item in list.try_iter()? {
        let word = item.as_str().and_then(|text| text.split(':').next()).unwrap_or_default();
        if sought.iter().any(|one| one == word) {
            return Ok(true);
        }
        all_known &= others.iter().any(|one| one == word);
    }
    if all_known { Ok(false) } else { Err(unknown()) }
}

/// The same value in the engine's form.
fn engine_value(value: &Value) -> minijinja::Value {
    match value {
        Value::Null => ().into(),
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => match number.as_i64() {
            Some(number) => number.into(),
            None => number.as_f64().unwrap_or(f64::NAN).into(),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => items.iter().map(engine_value).collect::<Vec<_>>().into(),
        Value::Object(members) => minijinja::Value::from_pairs(
            members.iter().map(|(name, value)| (name.as_str(), engine_value(value))),
        ),
    }
}

/// An expression, compiled.
pub(super) struct Expression(Compiled<'static, 'static>);

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Expression")
    }
}

/// What an expression gave.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    Read(Reading),
    /// `none`: the message says nothing of this.
    Nothing,
    /// It failed, or has no value.
    Failed,
}

impl Expression {
    /// Compiles the text. `variables`: the names that it may use beside [`RESERVED`].
    pub fn compile<'a>(
        text: &str,
        variables: impl Iterator<Item = &'a str>,
    ) -> Result<Self, String> {
        if text.len() > MAX_EXPRESSION {
            return Err(format!("longer than {MAX_EXPRESSION} bytes"));
        }
        // A text times a number is the one way from a short expression to much memory.
        if text.contains('*') {
            return Err("it holds a '*': there is no multiplication here".to_owned());
        }
        let compiled = ENVIRONMENT.compile_expression_owned(text.to_owned()).map_err(|error| {
            format!("no expression: {}", error.detail().unwrap_or("it cannot be read"))
        })?;
        let known: Vec<&str> = variables.chain(RESERVED.iter().copied()).collect();
        let mut unknown: Vec<String> = compiled
            .undeclared_variables(false)
            .into_iter()
            .filter(|name| !known.contains(&name.as_str()))
            .collect();
        unknown.sort();
        match unknown.first() {
            Some(name) => Err(format!("there is no variable {name:?} in this kind")),
            None => Ok(Self(compiled)),
        }
    }

    /// Evaluates it over what the rule points at, and the whole payload.
    pub fn evaluate(&self, value: &Value, payload: &Value, variables: &Variables) -> Outcome {
        let texts = variables.iter().map(|(name, text)| (name.as_str(), text.as_str().into()));
        let values = [("value", engine_value(value)), ("payload", engine_value(payload))];
        let context = minijinja::Value::from_pairs(texts.chain(values));
        let Ok(given) = self.0.eval(context) else {
            return Outcome::Failed;
        };
        let other = |what: &str| Reading::Other(format!("{what} that no table holds"));
        Outcome::Read(match given.kind() {
            ValueKind::Undefined | ValueKind::Invalid => return Outcome::Failed,
            ValueKind::None => return Outcome::Nothing,
            ValueKind::Bool => Reading::Scalar(Scalar::Bool(given.is_true())),
            ValueKind::Number => match given.as_i64() {
                Some(number) => Reading::Scalar(Scalar::Whole(number)),
                None => Reading::number(f64::try_from(given.clone()).unwrap_or(f64::NAN)),
            },
            ValueKind::String => Reading::text(given.as_str().unwrap_or_default()),
            _ => other("a value"),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn given(text: &str, value: &Value) -> Outcome {
        let variables = Variables::from([("n".to_owned(), "2".to_owned())]);
        Expression::compile(text, ["n"].into_iter()).unwrap().evaluate(
            value,
            &json!({"whole": true}),
            &variables,
        )
    }

    fn word(text: &str) -> Outcome {
        Outcome::Read(Reading::text(text))
    }

    fn flag(is: bool) -> Outcome {
        Outcome::Read(Reading::Scalar(Scalar::Bool(is)))
    }

    #[test]
    fn what_expressions_give() {
        let value = json!({"p": 0, "d": 1, "e": ["obstruction"], "s": "56",
            "z": null, "c": ["obstruction:back"], "n": [], "f": 2.0, "m": ["new", "obstruction"]});
        for (text, outcome) in [
            ("'a' if value.p == 0 else 'b'", word("a")),
            ("'a' if 'obstruction' in value.e else 'b'", word("a")),
            ("'a' if value.x is defined else 'b'", word("b")),
            ("value.z", Outcome::Nothing),
            ("none if value.d == 1 else 'b'", Outcome::Nothing),
            ("value.d", Outcome::Read(Reading::Scalar(Scalar::Whole(1)))),
            ("value.d / 1", Outcome::Read(Reading::Scalar(Scalar::Whole(1)))),
            ("value.d == 1", Outcome::Read(Reading::Scalar(Scalar::Bool(true)))),
            ("value.s|parsed", Outcome::Read(Reading::Scalar(Scalar::Whole(56)))),
            ("payload.whole", Outcome::Read(Reading::Scalar(Scalar::Bool(true)))),
            ("n ~ value.s", word("256")),
            ("value.e|names(['obstruction'], [])", flag(true)),
            ("value.c|names(['x', 'obstruction'], [])", flag(true)),
            ("value.n|names(['obstruction'], [])", flag(false)),
            ("value.e|names(['x'], ['y', 'obstruction'])", flag(false)),
            ("value.m|names(['obstruction'], [])", flag(true)),
            ("value.f|number", Outcome::Read(Reading::Scalar(Scalar::Whole(2)))),
        ] {
            assert_eq!(given(text, &value), outcome, "{text}");
        }
    }

    #[test]
    fn what_has_no_value_fails() {
        let value = json!({"p": "x", "n": "56", "e": ["other"], "b": true, "f": 0.5, "l": [1]});
        for text in [
            "value.e|names(['x'], ['y'])",
            "value.l|names(['x'], [])",
            "value.p|names(['x'], [])",
            "value.b|number",
            "value.n|number",
            "value.f|parsed",
            "value.p|parsed",
            "'+1'|parsed",
            "'01'|parsed",
            "'1 '|parsed",
            "value.f|number",
            "value.e|number",
            "value.x",
            "value.x.y",
            "value.x == 1",
            "'a' if value.x else 'b'",
            "'a' if value.p == 1",
            "value.p|number",
            "value.p + 1",
            "1 / 0 if value.p == 'y' else value.p / 0",
            "value.p()",
            "value.p.upper()",
        ] {
            assert_eq!(given(text, &value), Outcome::Failed, "{text}");
        }
    }

    #[test]
    fn fuel_ends_and_length_is_bounded() {
        let long = vec!["value"; 80].join("~");
        assert!(matches!(given(&long, &json!("0123456789")), Outcome::Read(Reading::Other(_))));
        let environment = {
            let mut environment = ENVIRONMENT.clone();
            environment.set_fuel(Some(20));
            environment
        };
        let error = environment
            .compile_expression_owned(long)
            .unwrap()
            .eval(minijinja::Value::from_pairs([("value", "x")]));
        assert_eq!(error.unwrap_err().kind(), ErrorKind::OutOfFuel);
    }

    #[test]
    fn what_is_no_expression() {
        for text in [
            "",
            "{{ value }}",
            "{% for x in value %}{% endfor %}",
            "value.",
            "x",
            "value ~ other",
            "'x' * 100000000",
            "value ** 9",
            "range(100000)",
            &"value~".repeat(200),
            &"(".repeat(400),
        ] {
            assert!(Expression::compile(text, ["n"].into_iter()).is_err(), "{text}");
        }
    }

    #[test]
    fn filters_of_jinja_are_not_there() {
        for text in ["value|int", "value|default('locked')", "value|replace('a', 'bb')"] {
            let compiled = Expression::compile(text, std::iter::empty());
            let failed = compiled.map_or(true, |expression| {
                expression.evaluate(&json!("a"), &json!("a"), &Variables::new()) == Outcome::Failed
            });
            assert!(failed, "{text}");
        }
    }
}
