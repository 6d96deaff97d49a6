//! Receiving: from a message to a handler, once, with what is missing or out of order told.
