//! Foreign text made fit for a bounded, single-line field.

/// `text` with control characters replaced by spaces, cut to at most `max` characters.
pub fn bounded_text(text: &str, max: usize) -> String {
    let clean = |c: char| if c.is_ascii_control() { ' ' } else { c };
    text.chars().take(max).map(clean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_become_spaces_and_characters_are_counted() {
        assert_eq!(bounded_text("Tür\r\n offen\u{7f}", 5), "Tür  ");
        assert_eq!(bounded_text("short", 512), "short");
    }
}
