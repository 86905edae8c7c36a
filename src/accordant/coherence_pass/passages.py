"""What the pass reads: pieces of a document as plain values, each with who wrote it, when, and having read what.

The engine (or a file reader) builds these; nothing here knows a CRDT, a store or Markdown. Positions count characters
of the region's text: `offset` says where this passage begins in it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["AuthorSpan", "Passage", "passage_of_value"]


@dataclass(frozen=True, slots=True)
class AuthorSpan:
    """Characters [start, end) of a region's text, who wrote them, in which version and when (ms since 1970)."""

    start: int
    end: int
    author: str
    version: int
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """One log entry, set item, guarded value or block of a text.

    `ref` names an item among many (a log entry): its facts belong to no subject unless it states one. `heading` is the
    scope it stands under. `read` lists (path, version) that its author had read. `is_prose` is False for JSON and for
    `key: value` lines. `spans` says who wrote which part, where several wrote one passage; then `authors` is the union.
    """

    region: str
    path: str
    text: str
    authors: tuple[str, ...]
    version: int
    ref: str | None = None
    at: int | None = None
    heading: tuple[str, ...] = ()
    read: tuple[tuple[str, int], ...] = ()
    is_prose: bool = True
    offset: int = 0
    spans: tuple[AuthorSpan, ...] = ()

    def written(self, start: int, end: int) -> tuple[tuple[str, ...], int, int | None]:
        """Authors, version and time of the text's characters [start, end), counted from the passage's beginning."""
        low, high = start + self.offset, end + self.offset
        touching = [span for span in self.spans if span.start < high and low < span.end]
        if not touching:
            return self.authors, self.version, self.at
        last = max(touching, key=lambda span: span.version)
        return tuple(dict.fromkeys(span.author for span in touching)), last.version, last.at


def passage_of_value(
    region: str,
    path: str,
    value: Any,
    *,
    authors: Sequence[str],
    version: int,
    ref: str | None = None,
    at: int | None = None,
    read: Sequence[tuple[str, int]] = (),
) -> Passage:
    """The passage of one JSON value: text stays prose, objects and lists become JSON, a lone scalar `path: value`."""
    is_prose = isinstance(value, str) and " " in value.strip()
    if is_prose:
        text = value
    elif isinstance(value, dict | list):
        text = json.dumps(value, ensure_ascii=False)
    else:
        text = f"{path.rsplit('/', 1)[-1]}: {value if isinstance(value, str) else json.dumps(value)}"
    return Passage(region, path, text, tuple(authors), version, ref, at, (), tuple(read), is_prose)
