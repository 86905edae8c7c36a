"""What is left of the characters that one entry brought to a text, as later entries delete them. Pure.

Yjs deletes by id, so the bytes of the updates say it exactly; nothing is folded.
"""

from __future__ import annotations

from collections import defaultdict

from accordant.engine.ranges import Ranges
from accordant.engine.update import STRING, Update

__all__ = ["Remains"]


class Remains:
    """The characters of one update. Feed it the updates of later entries, in order."""

    def __init__(self, update: Update) -> None:
        self._spans = [
            (client, struct.clock, struct.clock + struct.length)
            for client, section in update.structs.items()
            for struct in section
            if struct.kind == STRING
        ]
        self._dead: dict[int, Ranges] = defaultdict(Ranges)
        self._bury(update)

    @property
    def is_gone(self) -> bool:
        """Whether nothing is left. An update that brought no characters has nothing to lose: never."""
        return bool(self._spans) and not any(
            self._dead[client].missing(clock, end) for client, clock, end in self._spans
        )

    def take(self, update: Update) -> bool:
        """What a later entry deleted; whether nothing is left now."""
        return self._bury(update) and self.is_gone

    def _bury(self, update: Update) -> bool:
        """Whether it concerned us at all."""
        mine = {client for client, *_ in self._spans}
        touched = False
        for client in mine & set(update.deletes):
            for clock, end in update.deletes[client]:
                self._dead[client].add(clock, end)
                touched = True
        return touched
