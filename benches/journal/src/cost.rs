//! What this process has cost so far, by the kernel's own counters.

use anyhow::{Context, Result};

/// Bytes that this process has had written to storage.
pub fn written() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/self/io").context("/proc/self/io")?;
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes:"));
    Ok(line.context("no write_bytes in /proc/self/io")?.trim().parse()?)
}

/// Nanoseconds that this thread has had a processor.
pub fn busy() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().unwrap_or_default().parse()?)
}

/// The machine's load over the last minute.
pub fn machine_load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}
