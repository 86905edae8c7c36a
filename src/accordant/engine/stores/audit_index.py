"""Which words an entry is filed under, so that an audit question finds its entries without a walk over the log. Pure.

An entry is filed under its actor, its kind, its outcome, the regions that it was made from, and every path it touched with
the levels above it: `tasks/7` is filed under `tasks` and `tasks/7`, never under `task`, so that a prefix always means whole
segments. A store may file by a hash of the word: `matches` decides in the end, on the entry itself.
"""

from __future__ import annotations

from itertools import islice

from accordant.engine.stores.contract import AuditQuery
from accordant.types.entries import Entry
from accordant.types.limits import PATH_LEVELS_INDEXED_MAX
from accordant.types.provenance import bases, region_of

__all__ = ["entry_words", "matches", "query_words"]


def entry_words(entry: Entry) -> list[str]:
    """The words an entry is filed under, each once."""
    words = [f"actor:{entry.actor}", f"kind:{entry.kind.value}", f"outcome:{entry.outcome}"]
    if made_from := bases(entry):
        words.extend(dict.fromkeys(f"from:{region_of(path)}" for path, _ in made_from))
    if len(entry.ops) == 1 and entry.ops[0].key is None and "/" not in entry.ops[0].region:
        words.append(f"path:{entry.ops[0].region}")
        return words
    levels = {level: None for path in entry.paths for level in _levels(path)}
    words.extend(f"path:{level}" for level in levels)
    return words


def query_words(query: AuditQuery) -> list[str]:
    """The words that every matching entry is filed under, most selective first as a rule; empty: any entry may
    match."""
    words = []
    if query.path is not None:
        words.append(f"path:{_levels(query.path)[-1]}")
    if query.basis is not None:
        words.append(f"from:{query.basis}")
    if query.actor is not None:
        words.append(f"actor:{query.actor}")
    if query.kind is not None:
        words.append(f"kind:{query.kind}")
    if query.outcome is not None:
        words.append(f"outcome:{query.outcome}")
    return words


def matches(query: AuditQuery, entry: Entry) -> bool:
    """Whether every condition of the query but `document` and `limit` holds for the entry."""
    return (
        (query.path is None or any(_within(path, query.path) for path in entry.paths))
        and (query.actor is None or entry.actor == query.actor)
        and (query.kind is None or entry.kind.value == query.kind)
        and (query.outcome is None or entry.outcome == query.outcome)
        and (query.since is None or entry.at >= query.since)
        and (query.until is None or entry.at < query.until)
        and (query.before is None or entry.offset < query.before)
        and entry.offset > query.after
        and (query.basis is None or any(region_of(path) == query.basis for path, _ in bases(entry)))
    )


def _within(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}/")


def _levels(path: str) -> list[str]:
    """`a/b/c` -> `a`, `a/b`, `a/b/c`, as far as levels are indexed."""
    ends = (at for at, char in enumerate(path) if char == "/")
    levels = [path[:end] for end in islice(ends, PATH_LEVELS_INDEXED_MAX)]
    return levels if len(levels) == PATH_LEVELS_INDEXED_MAX else [*levels, path]
