//! `docs/getting-in.md` and `docs/schemas.md`, typed as they stand there.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its parts too")]

mod copied;
mod typed;

use std::fs;

use serde_json::Value;
use typed::{Reader, blocks};

fn says(out: &str, wanted: &[&str]) {
    for line in wanted {
        assert!(out.lines().any(|told| told.starts_with(line)), "{line}: {out}");
    }
}

#[test]
fn a_publisher_and_an_issuer_get_in_as_it_is_written() {
    let reader = Reader::new();
    let register = reader.place.join("schemas/publishers.json");
    let mut value: Value = serde_json::from_slice(&fs::read(&register).unwrap()).unwrap();
    let entry = blocks("getting-in.md", "json").concat();
    let entry: Value = serde_json::from_str(&entry).unwrap();
    value.get_mut("publishers").and_then(Value::as_array_mut).unwrap().push(entry);
    fs::write(&register, format!("{value:#}\n")).unwrap();

    let out = reader.types(&blocks("getting-in.md", "sh").concat());
    says(
        &out,
        &[
            "  acme.parcels is registered as who publishes it",
            "55 types: nothing to mend",
            "published by: acme.parcels",
            "sent parcel.booked ",
            "acme-delivery-2026  acme.delivery  grant, request  acme     bridge-street-5  8h",
            "0 of 1 gateways believe version 1",
            "not everywhere yet",
            "1 of 1 gateways believe version 1",
            "sent grant.issued ",
        ],
    );
}

#[test]
fn a_type_comes_and_goes_as_it_is_written() {
    let reader = Reader::new();
    // The page's day is one to come for as long as the test is run.
    let typed = blocks("schemas.md", "sh").concat();
    let out = reader.types(&typed.replace("2027-06-30", "$(date -d '+1 year' +%F)"));
    says(
        &out,
        &[
            "1 type: nothing to mend",
            "worst case: ",
            "delivery.returned 1.0: schemas/delivery.returned/1.0.json",
            "visit.secured.v2 1.0: ",
            "visit.secured is deprecated until ",
            "  acme.delivery/couriers-at-the-door still reads ",
        ],
    );
    assert!(reader.place.join("schemas/visit.secured/MIGRATION.md").exists());
}

#[test]
fn a_repository_of_another_team_has_a_sandbox_too() {
    let reader = Reader::new();
    let register = blocks("schemas-ci.md", "json").concat();
    fs::write(reader.place.join("register.json"), register).unwrap();
    let new = blocks("schemas-ci.md", "sh");
    let new = new.iter().find(|block| block.starts_with("doorward-schema new ")).unwrap();
    let out = reader.types(&format!(
        "mkdir -p ~/own/schemas\ncp -r schemas/core ~/own/schemas/\n\
         cp register.json ~/own/schemas/publishers.json\ncd ~/own\n{new}\
         doorward-schema sandbox --port 4599\ndoorward-schema send parcel.weighed\n\
         cat sandbox.log\n"
    ));
    says(&out, &["sent parcel.weighed ", "No type of this repository goes to gateways"]);
}
