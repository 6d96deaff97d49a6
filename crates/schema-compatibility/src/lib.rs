//! Whether every document that one Draft-04 schema accepts is accepted by another: a proof, a
//! counterexample that the validator confirms, or neither, said plainly.
