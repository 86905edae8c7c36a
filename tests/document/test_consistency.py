"""The consistency model is written down once."""

from __future__ import annotations

from pathlib import Path

from accordant import Document
from accordant.types.regions import Kind

DOCS = Path(__file__).parents[2] / "docs" / "CONSISTENCY.md"


def test_the_handle_says_what_the_document_says() -> None:
    """`doc.consistency()` and docs/CONSISTENCY.md are one text, word for word, and it has a row for every region kind."""
    text = Document.consistency()
    assert text == DOCS.read_text(encoding="utf-8")
    for kind in Kind:
        name = "".join(part.capitalize() for part in kind.value.split("_"))
        assert f"| `{name}[T]` |" in text or f"| `{name}` |" in text, kind
