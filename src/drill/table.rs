//! The table for people.

use super::figures::Difference;
use super::report::{Figures, Line, ROUNDS, Report};

/// Longest cell of words, in characters.
const WORDS: usize = 44;

/// Rows in columns, the first being the heading.
pub fn rows(report: &Report) -> Vec<Vec<String>> {
    let heading = [
        "FAULT",
        "STOPPED BY",
        "AFTER ms",
        "BUS p50/p99 BEFORE",
        "DURING",
        "AFTER",
        "WIRE BEFORE",
        "DURING",
        "AFTER",
        "LOST",
        "CORE MiB",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(report.lines.iter().map(row));
    rows
}

fn row(line: &Line) -> Vec<String> {
    let by = if line.stopped == line.runs {
        line.by.join("; ")
    } else if line.allowed.is_empty() {
        "NOTHING".to_owned()
    } else {
        format!("{} ALLOWED, {} refused", line.allowed.len(), line.denied.len())
    };
    let after = match line.contained_ms {
        Some([middle, most]) if line.runs > 1 => format!("{middle:.0} (≤ {most:.0})"),
        Some([middle, _]) => format!("{middle:.0}"),
        None => "-".to_owned(),
    };
    let mut cells = vec![line.fault.to_owned(), cut(&by), after];
    cells.extend(figures(&line.bus));
    cells.extend(figures(&line.wire));
    cells.push(format!("{}+{}", line.lost, line.requests_lost));
    cells.push(format!(
        "{:.1}",
        f64::from(u32::try_from(line.core_kib).unwrap_or(u32::MAX)) / 1024.0
    ));
    cells
}

fn figures(figures: &Figures) -> [String; 3] {
    let pair = |[p50, p99]: [f64; 2]| format!("{p50:.1}/{p99:.1}");
    let during = figures.during.map_or_else(|| "-".to_owned(), |one| pair([one.p50, one.p99]));
    [pair(figures.before), during, pair(figures.after)]
}

fn cut(text: &str) -> String {
    if text.chars().count() <= WORDS {
        return text.to_owned();
    }
    text.chars().take(WORDS - 1).chain(['…']).collect()
}

/// What is to be said below the table.
pub fn remarks(report: &Report) -> Vec<String> {
    let mut said = vec![format!(
        "Figures are of the three other vendors, in ms: bus is device to bus, wire is request to the \
         command at the lock. LOST: messages taken by the broker + requests. {}, seed {}.",
        report.machine, report.seed
    )];
    for line in &report.lines {
        let show = |name: &str, figures: &Figures| {
            let words = |what: &str, one: Difference| {
                format!("{what} {:+.2} ms, at most {:+.2}", one.typical, one.upper)
            };
            let within = figures.within?;
            let mut parts = vec![words("p99 after − before", within)];
            parts.extend(figures.against.map(|one| words("after − undisturbed", one)));
            parts.extend(figures.against_unheard.map(|one| words("after − unheard", one)));
            Some(format!(
                "{}: {name}: {} (95 %, {} turns; admitted {:.2}, {} turns beyond; mean {:+.2})",
                line.fault,
                parts.join("; "),
                within.runs,
                figures.admitted,
                figures.beyond,
                within.mean
            ))
        };
        said.extend(show("bus", &line.bus));
        said.extend(show("wire", &line.wire));
    }
    if !report.judged {
        said.push(format!(
            "{} round(s): latencies are shown and not judged; that takes {ROUNDS} rounds.",
            report.rounds
        ));
    }
    for line in &report.lines {
        said.extend(
            line.failures.iter().map(|failure| format!("FAILED {}: {failure}", line.fault)),
        );
    }
    said.push(
        if report.holds { "The drill holds." } else { "The drill does not hold." }.to_owned(),
    );
    said
}
