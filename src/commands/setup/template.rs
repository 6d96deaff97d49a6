//! The example files as templates: what setup writes is what the examples say, with other values.

/// An example's text, line by line.
pub(super) struct Template {
    lines: Vec<String>,
}

impl Template {
    pub(super) fn new(text: &str) -> Self {
        Self { lines: text.lines().map(str::to_owned).collect() }
    }

    /// Gives a key of a table this value, in the place where the example has it, commented out or
    /// not; else behind the table's header. A header that is commented out counts from then on.
    pub(super) fn set(&mut self, table: &str, key: &str, value: &str) {
        let Some((header, end)) = self.section(table) else {
            self.lines.push(String::new());
            self.lines.push(format!("[{table}]"));
            self.lines.push(format!("{key} = {value}"));
            return;
        };
        let is_key = |line: &String| {
            let line = line.strip_prefix('#').unwrap_or(line);
            line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='))
        };
        let at = self.lines.iter().take(end).skip(header + 1).position(is_key);
        if let Some(line) = self.lines.get_mut(header)
            && let Some(counts) = line.strip_prefix('#')
        {
            *line = counts.to_owned();
        }
        match at.map(|at| at + header + 1).and_then(|at| self.lines.get_mut(at)) {
            Some(line) => {
                let told = line.find(" # ").and_then(|at| line.get(at..)).unwrap_or_default();
                *line = format!("{key} = {value}{told}");
            }
            None => self.lines.insert(header + 1, format!("{key} = {value}")),
        }
    }

    /// Takes a key out: it stays as a comment.
    pub(super) fn silence(&mut self, table: &str, key: &str) {
        let Some((header, end)) = self.section(table) else { return };
        for line in self.lines.iter_mut().take(end).skip(header + 1) {
            if line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('=')) {
                line.insert(0, '#');
            }
        }
    }

    /// Comments everything out from the first line on that begins so.
    pub(super) fn silence_from(&mut self, beginning: &str) {
        let from = self.lines.iter().position(|line| line.starts_with(beginning));
        for line in self.lines.iter_mut().skip(from.unwrap_or(usize::MAX)) {
            if !line.is_empty() && !line.starts_with('#') {
                line.insert(0, '#');
            }
        }
    }

    pub(super) fn text(self) -> String {
        let mut text = self.lines.join("\n");
        text.push('\n');
        text
    }

    /// The place of a table's header, and the place after its last line.
    fn section(&self, table: &str) -> Option<(usize, usize)> {
        let bare = |line: &String| line.strip_prefix('#').unwrap_or(line).to_owned();
        let wanted = format!("[{table}]");
        let header = self.lines.iter().position(|line| bare(line) == wanted)?;
        let next = self.lines.iter().skip(header + 1).position(|line| bare(line).starts_with('['));
        Some((header, next.map_or(self.lines.len(), |next| header + 1 + next)))
    }
}

/// A value as TOML writes text.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_where_the_example_has_them() {
        let mut template =
            Template::new("[a]\n# about b\nb = 1  # one\n#c = 2\n\n#[d]\n#e = 3\n[f]\nb = 9");
        template.set("a", "b", "5");
        template.set("a", "c", "\"x\"");
        template.set("d", "e", "4");
        template.set("f", "new", "true");
        template.silence("f", "b");
        let expected =
            "[a]\n# about b\nb = 5 # one\nc = \"x\"\n\n[d]\ne = 4\n[f]\nnew = true\n#b = 9\n";
        assert_eq!(template.text(), expected);
    }

    #[test]
    fn what_is_silenced_stays_readable() {
        let mut template = Template::new("a = 1\n# --- Doors\n[[entry]]\n\n# id\nid = \"x\"");
        template.silence_from("# --- Doors");
        assert_eq!(template.text(), "a = 1\n# --- Doors\n#[[entry]]\n\n# id\n#id = \"x\"\n");
        assert_eq!(quoted("a\"b\n"), toml::Value::String("a\"b\n".to_owned()).to_string());
    }
}
