//! Whether an event matches a pattern, as the bus decides it: leaves only, arrays as their
//! elements, and the members of one element together.

use std::net::IpAddr;

use serde_json::Value;

use super::pattern::{Comparison, Matcher, Network, Node, Pattern, Text};

/// Whether the pattern lets the event through.
pub fn matches(pattern: &Pattern, event: &Value) -> bool {
    let of_member = |(name, node): &(String, Node)| match node {
        Node::Inner(inner) => below(inner, event.get(name)),
        Node::Leaf(matchers) => leaf(matchers, event.get(name)),
    };
    pattern.members.iter().all(of_member)
        && pattern.choices.iter().all(|branches| branches.iter().any(|one| matches(one, event)))
}

fn below(inner: &Pattern, value: Option<&Value>) -> bool {
    match value {
        Some(Value::Array(elements)) if !elements.is_empty() => {
            elements.iter().any(|element| below(inner, Some(element)))
        }
        Some(object @ Value::Object(_)) => matches(inner, object),
        // Nothing there: only what asks for absence is content.
        _ => matches(inner, &Value::Null),
    }
}

fn leaf(matchers: &[Matcher], value: Option<&Value>) -> bool {
    let mut leaves = Vec::new();
    flatten(value, &mut leaves);
    matchers.iter().any(|matcher| match matcher {
        Matcher::Exists(there) => leaves.is_empty() != *there,
        matcher => leaves.iter().any(|leaf| takes(matcher, leaf)),
    })
}

/// The leaves of a value: an object is none, an array as many as its elements.
fn flatten<'a>(value: Option<&'a Value>, leaves: &mut Vec<&'a Value>) {
    match value {
        None | Some(Value::Object(_)) => {}
        Some(Value::Array(elements)) => {
            for element in elements {
                flatten(Some(element), leaves);
            }
        }
        Some(leaf) => leaves.push(leaf),
    }
}

/// Whether one alternative takes a leaf.
pub fn takes(matcher: &Matcher, leaf: &Value) -> bool {
    match matcher {
        Matcher::Exactly(value) => same(value, leaf),
        Matcher::Text(form) => leaf.as_str().is_some_and(|text| has(form, text)),
        Matcher::AnythingBut(values) => !values.iter().any(|value| same(value, leaf)),
        Matcher::NoText(forms) => {
            leaf.as_str().is_none_or(|text| !forms.iter().any(|form| has(form, text)))
        }
        Matcher::Numeric(comparisons) => leaf.as_f64().is_some_and(|number| {
            comparisons.iter().all(|(comparison, bound)| holds(*comparison, number, *bound))
        }),
        Matcher::Exists(there) => *there,
        Matcher::Cidr(network) => {
            let address = leaf.as_str().and_then(|text| text.parse().ok());
            address.is_some_and(|address| within(network, address))
        }
    }
}

fn same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => (one - other).abs() < f64::EPSILON * one.abs().max(1.0),
        _ => one == other,
    }
}

/// Whether a text has this form.
pub fn has(form: &Text, text: &str) -> bool {
    match form {
        Text::Prefix { text: begin, any_case: false } => text.starts_with(begin.as_str()),
        Text::Prefix { text: begin, any_case: true } => text.to_lowercase().starts_with(begin),
        Text::Suffix { text: end, any_case: false } => text.ends_with(end.as_str()),
        Text::Suffix { text: end, any_case: true } => text.to_lowercase().ends_with(end),
        Text::AnyCase(other) => text.to_lowercase() == *other,
        Text::Wildcard(parts) => wildcard(parts, text),
    }
}

fn wildcard(parts: &[String], text: &str) -> bool {
    let [first, middle @ .., last] = parts else {
        return parts.first().is_some_and(|whole| whole == text);
    };
    let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
    for part in middle {
        match rest.find(part.as_str()).and_then(|at| rest.get(at + part.len()..)) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last.as_str())
}

fn holds(comparison: Comparison, number: f64, bound: f64) -> bool {
    match comparison {
        Comparison::Less => number < bound,
        Comparison::LessOrEqual => number <= bound,
        Comparison::Equal => (number - bound).abs() < f64::EPSILON * bound.abs().max(1.0),
        Comparison::GreaterOrEqual => number >= bound,
        Comparison::Greater => number > bound,
    }
}

fn within(network: &Network, address: IpAddr) -> bool {
    let top = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    let ((one, width), (other, of_other)) = (top(network.address), top(address));
    width == of_other && (network.bits == 0 || (one ^ other) >> (128 - network.bits) == 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::super::pattern::read;
    use super::*;

    fn lets(pattern: &Value, event: &Value) -> bool {
        matches(&read(pattern).unwrap(), event)
    }

    #[test]
    fn each_matcher_takes_what_it_says() {
        for (alternative, taken, left) in [
            (json!("a"), json!("a"), json!("A")),
            (json!(5), json!(5.0), json!("5")),
            (json!(null), json!(null), json!(false)),
            (json!({ "prefix": "ab" }), json!("abc"), json!("cab")),
            (json!({ "prefix": { "equals-ignore-case": "AB" } }), json!("abc"), json!("b")),
            (json!({ "suffix": ".png" }), json!("a.png"), json!("png.")),
            (json!({ "suffix": { "equals-ignore-case": ".PNG" } }), json!("a.png"), json!("a")),
            (json!({ "equals-ignore-case": "Alice" }), json!("aLICE"), json!("alic")),
            (json!({ "wildcard": "a*c*e" }), json!("abcde"), json!("abcd")),
            (json!({ "wildcard": "a\\*" }), json!("a*"), json!("ab")),
            (json!({ "anything-but": ["x", "y"] }), json!("z"), json!("x")),
            (json!({ "anything-but": 3 }), json!(4), json!(3)),
            (json!({ "anything-but": { "prefix": "in" } }), json!("out"), json!("inner")),
            (json!({ "anything-but": { "wildcard": ["*a", "b*"] } }), json!("c"), json!("bc")),
            (json!({ "numeric": [">", 0, "<=", 5] }), json!(5), json!(5.5)),
            (json!({ "numeric": ["=", 3.018e2] }), json!(301.8), json!(301)),
            (json!({ "exists": true }), json!(0), json!([])),
            (json!({ "cidr": "10.0.0.0/24" }), json!("10.0.0.255"), json!("10.0.1.0")),
            (json!({ "cidr": "2001:db8::/32" }), json!("2001:db8:1::1"), json!("10.0.0.1")),
        ] {
            let pattern = json!({ "a": [alternative] });
            assert!(lets(&pattern, &json!({ "a": taken })), "{pattern} {taken}");
            assert!(lets(&pattern, &json!({ "a": [left, taken] })), "{pattern} one of several");
            assert!(!lets(&pattern, &json!({ "a": left })), "{pattern} {left}");
        }
        assert!(lets(&json!({ "a": [{ "exists": false }] }), &json!({ "b": 1 })));
        assert!(!lets(&json!({ "a": [{ "exists": true }] }), &json!({ "a": { "b": 1 } })));
    }

    #[test]
    fn members_of_one_element_match_together() {
        let pattern = json!({ "parts": { "role": ["lock"], "state": ["jammed"] } });
        let together = json!({ "parts": [{ "role": "lock", "state": "jammed" }] });
        let apart = json!({ "parts": [
            { "role": "lock", "state": "locked" }, { "role": "bolt", "state": "jammed" }] });
        assert!(lets(&pattern, &together));
        assert!(!lets(&pattern, &apart));
    }

    #[test]
    fn or_is_a_choice_or_a_name() {
        let choice = json!({ "$or": [{ "a": [1] }, { "b": [2] }] });
        assert!(lets(&choice, &json!({ "b": 2 })));
        assert!(!lets(&choice, &json!({ "a": 2, "b": 1 })));
        let name = json!({ "$or": { "a": [1] } });
        assert!(lets(&name, &json!({ "$or": { "a": 1 } })));
        assert!(read(&json!({ "$or": [{ "a": [1] }] })).is_err());
    }

    #[test]
    fn what_the_bus_refuses_is_refused() {
        for wrong in [
            json!({}),
            json!({ "a": "b" }),
            json!({ "a": [] }),
            json!({ "a": [["b"]] }),
            json!({ "a": [{ "prefix": 1 }] }),
            json!({ "a": [{ "prefix": "x", "suffix": "y" }] }),
            json!({ "a": [{ "starts-with": "x" }] }),
            json!({ "a": [{ "numeric": [">", 5, "<", 3] }] }),
            json!({ "a": [{ "numeric": ["<", 3, ">", 1] }] }),
            json!({ "a": [{ "numeric": ["<", 6e9] }] }),
            json!({ "a": [{ "wildcard": "a**b" }] }),
            json!({ "a": [{ "cidr": "10.0.0.0/33" }] }),
            json!({ "a": [{ "anything-but": ["x", 1] }] }),
            json!({ "a": ["x".repeat(3000)] }),
        ] {
            assert!(read(&wrong).is_err(), "{wrong}");
        }
    }
}
