//! Whether every document that one Draft-04 schema accepts is accepted by another: a proof, a
//! counterexample that the validator confirms, or neither, said plainly.
//!
//! A schema repository must not let a breaking change pass, and must not cry wolf either. Rules of
//! thumb do both. Here a verdict is a proof or a document that anybody can validate again.

mod automaton;
mod between;
mod change;
mod diff;
mod evaluate;
mod explain;
mod include;
mod language;
mod merge;
mod node;
mod number;
mod pointer;
mod read;
mod search;
mod shrink;
mod solve;
mod stack;
mod table;
mod validator;
mod verdict;

pub use change::{Change, Code, Effect};
pub use diff::changes;
pub use explain::{Explained, Reading, Shown, explain};
pub use include::included;
pub use verdict::{Counterexample, Inclusion, Limits, Side, Undecided, Unusable};
