//! The page for those who must move. People complete it by hand, so only what stands between marks
//! is ever written anew: the day, and who subscribes.

use std::fmt::Write as _;

use super::{End, Subscriber};
use crate::lint::fields::Field;

/// The parts that stay the tool's own.
const UNTIL: &str = "until";
const SUBSCRIBERS: &str = "subscribers";

/// A page where there was none.
pub fn new(end: End<'_>, old: &[Field], new: &[Field], subscribers: &[Subscriber]) -> String {
    let End { name, replacement, .. } = end;
    let mut out = format!("# From `{name}` to `{replacement}`\n\n");
    let _ = write!(out, "{}{}{}", begin(UNTIL), until(end), over(UNTIL));
    let _ = write!(out, "\n\n| `{name}` | `{replacement}` | what changes |\n|---|---|---|\n");
    for field in old {
        let same = new.iter().find(|other| other.pointer == field.pointer);
        let (there, says) = match same {
            Some(other) => (format!("`{}`", other.pointer), change(field, other)),
            None => ("none".to_owned(), "is gone: say here where it went".to_owned()),
        };
        let _ = writeln!(out, "| `{}` | {there} | {says} |", field.pointer);
    }
    for field in new.iter().filter(|field| !old.iter().any(|o| o.pointer == field.pointer)) {
        let _ = writeln!(out, "| none | `{}` | is new: {} |", field.pointer, field.description);
    }
    out.push_str("\n## Who subscribes\n\n");
    let _ = writeln!(out, "{}{}{}", begin(SUBSCRIBERS), listed(subscribers), over(SUBSCRIBERS));
    out
}

/// The same page with the day and the subscribers of now; all else stays as it was written.
pub fn renewed(page: &str, end: End<'_>, subscribers: &[Subscriber]) -> Result<String, String> {
    let page = replaced(page, UNTIL, &until(end))?;
    replaced(&page, SUBSCRIBERS, &listed(subscribers))
}

fn until(End { name, sunset, .. }: End<'_>) -> String {
    format!(
        "Both are published until {sunset}, with one `correlation_id` for what they say of the \
         same thing; after that day `{name}` may end.\n"
    )
}

fn listed(subscribers: &[Subscriber]) -> String {
    if subscribers.is_empty() {
        return "Nobody that is registered.\n".to_owned();
    }
    let line = |(team, name, fields): &Subscriber| {
        let fields: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
        format!("- {team}, {name}: reads {}\n", fields.join(", "))
    };
    subscribers.iter().map(line).collect()
}

fn begin(part: &str) -> String {
    format!("<!-- written by deprecate: {part} -->\n")
}

fn over(part: &str) -> String {
    format!("<!-- end of {part} -->")
}

/// The page with another text in a part; each part stands there once.
fn replaced(page: &str, part: &str, text: &str) -> Result<String, String> {
    let (begin, over) = (begin(part), over(part));
    let begin = begin.trim_end();
    let cut = page.split_once(begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(&over)?;
        (!after.contains(begin)).then_some((before, after))
    });
    let Some((before, after)) = cut else {
        return Err(format!(
            "no single part from {begin:?} to {over:?}, which is written anew; put both marks \
             back, or rename the page and take over from it what was written by hand"
        ));
    };
    // Lines end as they do in the rest of the page.
    let line = if page.contains("\r\n") { "\r\n" } else { "\n" };
    Ok(format!("{before}{begin}{line}{}{over}{after}", text.replace('\n', line)))
}

fn change(old: &Field, new: &Field) -> String {
    let mut changes = Vec::new();
    if old.kind != new.kind {
        changes.push(format!("{} becomes {}", old.kind, new.kind));
    }
    if old.required != new.required {
        changes.push(if new.required { "is always there" } else { "may be missing" }.to_owned());
    }
    if old.bounds != new.bounds {
        changes.push(format!("{} becomes {}", old.bounds, new.bounds));
    }
    let gone: Vec<&str> =
        old.words.iter().filter(|word| !new.words.contains(word)).map(String::as_str).collect();
    if !gone.is_empty() {
        changes.push(format!("no longer says {}", gone.join(", ")));
    }
    let added: Vec<&str> =
        new.words.iter().filter(|word| !old.words.contains(word)).map(String::as_str).collect();
    if !added.is_empty() {
        changes.push(format!("also says {}", added.join(", ")));
    }
    if changes.is_empty() { "nothing".to_owned() } else { changes.join("; ") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn end(sunset: &str) -> End<'_> {
        End { name: "a.b", replacement: "a.c", sunset: sunset.parse().unwrap() }
    }

    fn reads(field: &str) -> Subscriber {
        ("team".to_owned(), "all".to_owned(), vec![field.to_owned()])
    }

    #[test]
    fn only_the_tools_own_parts_change() {
        let page = new(end("2027-01-01"), &[], &[], &[reads("/id")]);
        let by_hand = page.replace("## Who subscribes", "Ask Jo.\n\n## Who subscribes");
        let later = renewed(&by_hand, end("2027-02-01"), &[]).unwrap();
        let expected = by_hand
            .replace("2027-01-01", "2027-02-01")
            .replace("- team, all: reads `/id`", "Nobody that is registered.");
        assert_eq!(later, expected);
        assert_eq!(renewed(&later, end("2027-02-01"), &[]).unwrap(), later);
        let windows = later.replace('\n', "\r\n");
        assert_eq!(renewed(&windows, end("2027-02-01"), &[]).unwrap(), windows);
    }

    #[test]
    fn a_page_without_its_marks_is_not_touched() {
        let page = new(end("2027-01-01"), &[], &[], &[]);
        for wrong in [page.replace("end of until", ""), page.repeat(2), String::new()] {
            let why = renewed(&wrong, end("2027-02-01"), &[]).unwrap_err();
            assert!(why.contains("put both marks back"), "{why}");
        }
    }
}
