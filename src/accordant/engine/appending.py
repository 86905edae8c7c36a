"""Appending without a walk: the end of every root sequence, and the structs that put content there.

pycrdt's own insert walks the whole list to its end (milliseconds in a document of 100,000 entries) and copies what it squashes.
But a struct that names the last item as its origin lands at the end in constant time, and one struct holds any number of items.
So the authority writes its appends as structs, and only falls back to pycrdt where it does not know the end.
"""

from __future__ import annotations

from typing import Any

from accordant.engine.draft import Run
from accordant.engine.structs import ANY, GC, STRING, Id, Struct
from accordant.types.limits import AUTHORITY_ID_END, AUTHORITY_ID_MIN, TEXT_RUN_UNITS_MAX

__all__ = ["Appender", "Tails"]


class Tails:
    """The last item, tombstones included, of each root sequence. Absent: nothing was ever there. None: not known."""

    def __init__(self, ends: dict[str, Id | None] | None = None) -> None:
        self.ends: dict[str, Id | None] = {} if ends is None else ends

    def record(self, run: Run) -> None:
        """Fresh content was integrated. Without a right origin it stands at what its author took for the end."""
        container, struct = run.place.container, run.struct
        if container.depth or run.place.key is not None or struct.right is not None or not container.name:
            return
        origin = struct.origin if run.clock == struct.clock else (run.client, run.clock - 1)
        name = container.name
        is_authority = (
            AUTHORITY_ID_MIN <= run.client < AUTHORITY_ID_END
        )  # whoever has seen everything is never mistaken
        if is_authority or (self.ends.get(name) == origin and (origin is not None or name not in self.ends)):
            self.ends[name] = (run.client, run.end - 1)
        else:
            self.ends[name] = None


class Appender:
    """The appends of one submission as structs of this client, from its next clock on."""

    def __init__(self, tails: Tails, client: int, clock: int) -> None:
        self._ends = tails.ends
        self._mine: dict[str, Id] = {}
        self._client = client
        self._clock = clock
        self.structs: list[Struct] = []

    def append_items(self, name: str, items: list[Any]) -> bool:
        """Items at the end of an array; False when the end is not known."""
        return self._append(name, ANY, items, len(items))

    def append_text(self, name: str, text: str) -> bool:
        """Characters at the end of a text; False when the end is not known.

        yrs squashes one author's uninterrupted run into one block and copies it each time (5 ms at 6 MB). A collected unit in
        between breaks the run.
        """
        units = len(text.encode("utf-16-le")) // 2
        if self._clock // TEXT_RUN_UNITS_MAX != (self._clock + units) // TEXT_RUN_UNITS_MAX:
            self.structs.append(Struct(GC, self._client, self._clock, 1, None, None, None, None, None, 0))
            self._clock += 1
        return self._append(name, STRING, text, units)

    def _append(self, name: str, kind: int, content: Any, length: int) -> bool:
        if not length:
            return True
        origin = self._mine.get(name)
        if origin is None:
            origin = self._ends.get(name)
            if origin is None and name in self._ends:
                return False
        parent = name if origin is None else None
        self.structs.append(Struct(kind, self._client, self._clock, length, origin, None, parent, None, content, 0))
        self._clock += length
        self._mine[name] = (self._client, self._clock - 1)
        return True
