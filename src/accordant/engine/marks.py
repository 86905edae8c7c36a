"""What became of what was written: retracted, superseded, suspect. Part of a document's state, by fold of its retractions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from accordant.types.entries import Entry
from accordant.types.memory_limits import MARKS_MAX
from accordant.types.provenance import Mark, region_of
from accordant.types.refs import Ref

__all__ = ["Marks", "shown"]

_STATUS = {"retract": "retracted", "supersede": "superseded"}


class Marks:
    """Marks by region and ref. At `MARKS_MAX` the oldest go; the log still has them."""

    def __init__(self) -> None:
        self._by_ref: dict[str, Mark] = {}
        self._by_region: dict[str, dict[str, None]] = {}

    def of(self, ref: Ref) -> Mark | None:
        """The mark of a ref; an item without one has that of the entry that brought it."""
        found = self._by_ref.get(ref)
        if found is None and self._by_ref and ref.n is not None:
            found = self._by_ref.get(f"{ref.path}@{ref.version}")
        return found

    def within(self, region: str) -> dict[str, Mark]:
        """All marks of a region, by ref."""
        return {ref: self._by_ref[ref] for ref in self._by_region.get(region, ())}

    def since(self, region: str, version: int) -> dict[str, Mark]:
        """The marks of a region that were made after `version`, oldest first; costs what is new."""
        found: list[tuple[str, Mark]] = []
        for ref in reversed(self._by_region.get(region, {})):
            mark = self._by_ref[ref]
            if mark.version <= version:
                break
            found.append((ref, mark))
        return dict(reversed(found))

    def record(self, entry: Entry) -> None:
        """Fold a retraction. What is suspect already stays so for its first cause; what is taken back, is that."""
        info = entry.info
        ref, act = str(info["ref"]), str(info["act"])
        mark = Mark(_STATUS[act], info.get("replacement"), entry.offset)
        self._add(ref, mark)
        for suspect, because in info.get("suspects", ()):
            if suspect not in self._by_ref:
                self._add(suspect, Mark("suspect", because, entry.offset))
        for op in entry.ops:  # a field that keeps its value has it under a new version
            detail = op.detail or {}
            if "is_set" in detail and "of" in detail and (old := self._by_ref.get(str(detail["of"]))) is not None:
                self._add(f"{op.path}@{entry.offset}", Mark(old.status, old.because, entry.offset))

    def _add(self, ref: str, mark: Mark) -> None:
        self._by_ref.pop(ref, None)
        self._by_ref[ref] = mark
        in_region = self._by_region.setdefault(region_of(ref), {})
        in_region.pop(ref, None)  # the newest stand last
        in_region[ref] = None
        while len(self._by_ref) > MARKS_MAX:
            oldest = next(iter(self._by_ref))
            del self._by_ref[oldest]
            self._by_region[region_of(oldest)].pop(oldest, None)

    def dump(self) -> list[Any]:
        """As JSON values, oldest first."""
        return [[ref, mark.status, mark.because, mark.version] for ref, mark in self._by_ref.items()]

    @classmethod
    def load(cls, rows: Iterable[Any]) -> Marks:
        """What `dump` gave."""
        marks = cls()
        for ref, status, because, version in rows:
            marks._add(ref, Mark(status, because, version))
        return marks


def shown(marks: Mapping[str, Mark]) -> dict[str, tuple[str, str | None]] | None:
    """As a reader is told: (status, because) by ref; None without any."""
    return {ref: (mark.status, mark.because) for ref, mark in marks.items()} or None
