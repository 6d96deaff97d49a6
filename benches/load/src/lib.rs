//! What the load (`mqload`) and the sink (`sink`) agree on: the mark that a message carries
//! from its publication to the sink, and the tally of marks that arrived.

pub mod http;
pub mod mark;
pub mod mqtt;
pub mod tally;
