//! `docs/first-hour.md`, typed as it stands there, in a repository of its own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its parts too")]

mod copied;
mod typed;

#[test]
fn the_first_hour_goes_as_it_is_written() {
    let reader = typed::Reader::new();
    let out = reader.types(&typed::blocks("first-hour.md", "sh").concat());
    for (line, times) in [
        ("denied at front-door because of not_authorized", 1),
        ("secured: front-door after grant ", 2),
        ("accepted ", 2),
    ] {
        let found = out.lines().filter(|told| told.starts_with(line)).count();
        assert_eq!(found, times, "{line}: {out}");
    }
    assert!(reader.place.join("schemas/delivery.returned/next.json").exists());
}
