"""The consistency model in words and tables, as the package carries it: `docs/CONSISTENCY.md` is the same text."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

__all__ = ["consistency"]


@cache
def consistency() -> str:
    """The text, Markdown."""
    return (files("accordant.document") / "consistency.md").read_text(encoding="utf-8")
