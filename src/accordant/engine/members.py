"""The members of an add-wins set by their value: which tags hold it. Kept beside the replica, so that adding one looks at one.

An OR-set (Shapiro et al., 2011) is a map of unique tags to values: adding puts a new tag, discarding removes the tags that were
seen. Adding a value anew also removes its older tags: a discard that had seen only those still leaves the new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from accordant.engine.rules import Op
from accordant.types.values import canonical_json

__all__ = ["MemberIndex", "StagedMembers"]


class MemberIndex:
    """Tags by canonical value, and the other way round."""

    def __init__(self, entries: Mapping[str, Any]) -> None:
        self._values: dict[str, str] = {}
        self._tags: dict[str, dict[str, None]] = {}
        for tag, value in entries.items():
            self._put(tag, value)

    def tags_of(self, text: str) -> Iterable[str]:
        """The living tags of a value, given as its canonical text."""
        return self._tags.get(text, ())

    def record(self, op: Op) -> bool:
        """An operation happened; False when it does not say on which tag, and the index must be made anew."""
        if op.key is None:
            return False
        self._remove(op.key)
        if op.values:
            self._put(op.key, op.values[-1])
        return True

    def _put(self, tag: str, value: Any) -> None:
        text = canonical_json(value)
        self._values[tag] = text
        self._tags.setdefault(text, {})[tag] = None

    def _remove(self, tag: str) -> None:
        text = self._values.pop(tag, None)
        if text is not None:
            tags = self._tags[text]
            del tags[tag]
            if not tags:
                del self._tags[text]


class StagedMembers:
    """An index with what one submission has prepared so far laid over it."""

    def __init__(self, index: MemberIndex) -> None:
        self._index = index
        self._removed: set[str] = set()
        self._added: dict[str, dict[str, None]] = {}

    def take(self, text: str) -> list[str]:
        """The living tags of a value, which are then removed."""
        tags = [tag for tag in self._index.tags_of(text) if tag not in self._removed]
        tags += self._added.pop(text, {})
        self._removed.update(tags)
        return tags

    def add(self, tag: str, text: str) -> None:
        """A new tag."""
        self._added.setdefault(text, {})[tag] = None
