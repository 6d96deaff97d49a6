//! The picture of who talks to whom: publishers left, receivers right, drawn narrow enough to be
//! read on a phone without being scaled down.

use std::collections::BTreeMap;

use doorward_schema_repository::Direction;
use maud::{Markup, html};

use super::shell::TOP;
use super::source::Catalogue;

/// Everything is laid out in these units, which are pixels on a phone of 390.
const WIDTH: usize = 360;
const BOX_WIDTH: usize = 132;
const BOX_HEIGHT: usize = 34;
const STEP: usize = 56;
/// Longest label that fits into a box.
const LONGEST_LABEL: usize = 20;

/// One side of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Party {
    /// Its name.
    pub name: String,
    /// Its page, where it has one.
    pub page: Option<String>,
}

/// What one party says to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// Who sends.
    pub from: Party,
    /// Who receives.
    pub to: Party,
    /// The types, sorted.
    pub types: Vec<String>,
}

/// Every pair that talks. What every publisher may send is left out.
pub fn flows(catalogue: &Catalogue) -> Vec<Flow> {
    let mut found: BTreeMap<(Party, Party), Vec<String>> = BTreeMap::new();
    for event_type in &catalogue.types {
        if event_type.direction == Direction::Platform {
            continue;
        }
        let mut receivers: Vec<Party> = catalogue
            .receivers(event_type)
            .iter()
            .map(|s| Party {
                name: format!("{}/{}", s.team, s.name),
                page: Some(TOP.of_subscription(&s.team, &s.name)),
            })
            .collect();
        if event_type.direction == Direction::ToGateway {
            receivers.push(Party { name: "gateways".to_owned(), page: None });
        } else if receivers.is_empty() {
            receivers.push(Party { name: "nobody declared".to_owned(), page: None });
        }
        for publisher in catalogue.senders(event_type) {
            let from = Party {
                name: publisher.name.clone(),
                page: Some(TOP.of_publisher(&publisher.name)),
            };
            for to in &receivers {
                found.entry((from.clone(), to.clone())).or_default().push(event_type.name.clone());
            }
        }
    }
    let flow = |((from, to), types)| Flow { from, to, types };
    found.into_iter().map(flow).collect()
}

/// The picture itself.
pub fn draw(flows: &[Flow]) -> Markup {
    let left = column(flows.iter().map(|flow| &flow.from));
    let right = column(flows.iter().map(|flow| &flow.to));
    let height = STEP * left.len().max(right.len()).max(1);
    let middle = |column: &[Party], party: &Party| {
        let index = column.iter().position(|other| other == party).unwrap_or_default();
        let above = (height - STEP * column.len()) / 2;
        above + index * STEP + STEP / 2
    };
    let (start, end) = (BOX_WIDTH, WIDTH - BOX_WIDTH);
    html! {
        svg.picture viewBox={ "0 0 " (WIDTH) " " (height) } xmlns="http://www.w3.org/2000/svg"
            role="group" aria-label="Who talks to whom; the same follows as text" {
            @for flow in flows {
                @let (from, to) = (middle(&left, &flow.from), middle(&right, &flow.to));
                @let bend = usize::midpoint(start, end);
                path.flow d={ "M" (start) " " (from) " C" (bend) " " (from) " " (bend) " " (to) " " (end) " " (to) }
                    stroke-width=(thickness(flow.types.len())) {
                    title { (flow.from.name) " to " (flow.to.name) ": " (flow.types.len()) " types" }
                }
            }
            @for party in &left { (labelled(party, 0, middle(&left, party), "from")) }
            @for party in &right { (labelled(party, end, middle(&right, party), "to")) }
        }
    }
}

fn column<'a>(parties: impl Iterator<Item = &'a Party>) -> Vec<Party> {
    let mut parties: Vec<Party> = parties.cloned().collect();
    parties.sort();
    parties.dedup();
    parties
}

/// One unit for one type, and one more each time that they double.
fn thickness(types: usize) -> u32 {
    types.max(1).ilog2() + 1
}

fn labelled(party: &Party, x: usize, middle: usize, side: &str) -> Markup {
    let mut label: String = party.name.chars().take(LONGEST_LABEL).collect();
    if label.len() < party.name.len() {
        label.pop();
        label.push('…');
    }
    let shape = html! {
        rect.party.(side) x=(x + 1) y=(middle - BOX_HEIGHT / 2) width=(BOX_WIDTH - 2) height=(BOX_HEIGHT) rx="6" {}
        text.party x=(x + BOX_WIDTH / 2) y=(middle + 4) text-anchor="middle" { (label) title { (party.name) } }
    };
    match &party.page {
        Some(page) => html! { a href=(page) aria-label=(party.name) { (shape) } },
        None => shape,
    }
}
