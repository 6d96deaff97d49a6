//! Publishing: typed events into a bounded queue, out in batches, each answered for.
