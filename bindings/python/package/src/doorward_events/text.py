"""Foreign text made fit for a bounded, single-line field."""

from __future__ import annotations


def bounded_text(text: str, most: int) -> str:
    """``text`` with control characters replaced by spaces, cut to at most ``most`` characters."""
    return "".join(" " if c < " " or c == "\x7f" else c for c in text[:most])
