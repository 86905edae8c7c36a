"""Counts as the fold of the tally log: nothing is ever added up in place, so that no increment is lost and each has its author.

Pure: gets items of the log in any portions, each once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from accordant.patterns.corpus.values import Counts, Entry, Tally
from accordant.types.readings import LogItem

__all__ = ["Sum", "Tallies", "counts_of"]


@dataclass(slots=True)
class Sum:
    """What the tallies say of one ref."""

    contributors: dict[str, int] = field(default_factory=dict)
    endorsers: dict[str, None] = field(default_factory=dict)
    citations: int = 0
    wordings: list[str] = field(default_factory=list)
    origins: set[str | None] = field(default_factory=set)
    last_at: int = 0


class Tallies:
    """Sums by the ref that was tallied. A tally with an op that its author had used before for the same kind counts once."""

    def __init__(self) -> None:
        self._sums: dict[str, Sum] = {}
        self._ops: dict[tuple[str, str, str], LogItem[Tally]] = {}

    def add(self, items: Iterable[LogItem[Tally]]) -> None:
        """Fold what was appended."""
        for item in items:
            tally = item.value
            if tally.op is not None and self._ops.setdefault((item.by, tally.kind, tally.op), item) is not item:
                continue
            one = self._sums.setdefault(tally.ref, Sum())
            one.last_at = max(one.last_at, item.at)
            if tally.kind == "contribution":
                one.contributors[item.by] = one.contributors.get(item.by, 0) + tally.n
                one.origins.add(tally.origin)
                if tally.text is not None:
                    one.wordings.append(tally.text)
            elif tally.kind == "citation":
                one.citations += tally.n
            else:
                one.endorsers[item.by] = None

    def of(self, ref: str) -> Sum:
        """The sum of one ref."""
        return self._sums.get(ref) or Sum()

    def contributed(self, by: str, op: str) -> str | None:
        """The ref with which this agent's contribution of that op was merged."""
        found = self._ops.get((by, "contribution", op))
        return None if found is None else found.value.ref


def counts_of(parts: Iterable[tuple[LogItem[Entry], Sum]]) -> Counts:
    """The counts of an entry, the first part, and of all that were redirected to it."""
    total = Sum()
    for item, one in parts:
        total.contributors[item.by] = total.contributors.get(item.by, 0) + 1
        for agent, n in one.contributors.items():
            total.contributors[agent] = total.contributors.get(agent, 0) + n
        total.endorsers |= one.endorsers
        total.citations += one.citations
        total.wordings += one.wordings
        total.origins |= one.origins | {item.value.origin}
        total.last_at = max(total.last_at, one.last_at, item.at)
    return Counts(
        sum(total.contributors.values()),
        total.citations,
        len(total.endorsers),
        total.contributors,
        tuple(total.endorsers),
        tuple(dict.fromkeys(total.wordings)),
        frozenset(total.origins),
        total.last_at,
    )
