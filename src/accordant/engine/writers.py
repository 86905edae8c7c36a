"""Who has written a region: its only writer so far, or several. Part of a document's state, by fold. Pure.

A region that one agent alone writes needs no coordination; that it has got a second writer is worth a word, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from accordant.types.entries import Auth, Entry, EntryKind

__all__ = ["Writers"]

_NO_WRITES = frozenset({"claim", "renew", "release", "suspect"})
"""Operations that touch a region without giving it content of their writer's."""


class Writers:
    """By region: the only writer, or None when there are several, or nobody knows any more."""

    def __init__(self, known: Mapping[str, str | None] | None = None) -> None:
        self._only: dict[str, str | None] = dict(known or {})

    def second(self, entry: Entry) -> dict[str, str]:
        """The regions that get their second writer by this entry, which is not recorded yet, with their first."""
        found: dict[str, str] = {}
        for region in _written(entry):
            first = self._only.get(region)
            if first is not None and first != entry.actor:
                found[region] = first
        return found

    def record(self, entry: Entry) -> None:
        """Fold an entry."""
        for region in _written(entry):
            if self._only.setdefault(region, entry.actor) != entry.actor:
                self._only[region] = None

    def dump(self) -> dict[str, str | None]:
        """As JSON values."""
        return self._only

    @classmethod
    def load(cls, shown: Mapping[str, str | None] | None, regions: Iterable[str]) -> Writers:
        """What `dump` gave. A checkpoint from before this was kept has none: then nobody knows who wrote its regions."""
        return cls(dict.fromkeys(regions) if shown is None else shown)


def _written(entry: Entry) -> list[str]:
    """The engine's own writes are nobody's."""
    if entry.kind not in (EntryKind.WRITE, EntryKind.RETRACTION) or entry.auth is Auth.ENGINE:
        return []
    return list(dict.fromkeys(op.region for op in entry.ops if op.op not in _NO_WRITES))
