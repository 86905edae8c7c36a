"""Contenders for one field stand in line, so that they do not race each other in vain.

Of eight blind contenders seven lose each round, on every engine. So `update()` waits for its turn, reads, derives and commits,
and the next one follows. A turn is courtesy and no lock: nobody else's commit waits for it, and whoever thinks longer than a
moment loses it, not the field. What decides is compare-and-swap, as ever (I4).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from accordant.types.limits import LINE_LENGTH_MAX, TURN_S

__all__ = ["Lines"]


@dataclass(slots=True, eq=False)
class _Place:
    """Somebody in a line."""

    session: str
    turn: asyncio.Future[None]
    timer: asyncio.TimerHandle | None = None


class Lines:
    """One line per path of one document."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[_Place]] = {}

    async def wait(self, path: str, session: str) -> None:
        """Return when it is this session's turn on the path, or at once when the line is too long to join."""
        line = self._lines.setdefault(path, deque())
        if len(line) >= LINE_LENGTH_MAX:
            return
        place = _Place(session, asyncio.get_running_loop().create_future())
        line.append(place)
        if line[0] is place:
            self._begin(path, place)
        try:
            await place.turn
        except asyncio.CancelledError:
            self._leave(path, place)
            raise

    def done(self, session: str, paths: Iterable[str]) -> None:
        """A submission of this session on these paths has been answered: its turns are over."""
        for path in paths:
            line = self._lines.get(path)
            if line and line[0].session == session:
                self._leave(path, line[0])

    def _begin(self, path: str, place: _Place) -> None:
        place.timer = asyncio.get_running_loop().call_later(TURN_S, self._leave, path, place)
        if not place.turn.done():
            place.turn.set_result(None)

    def _leave(self, path: str, place: _Place) -> None:
        line = self._lines.get(path)
        if line is None or place not in line:
            return
        was_first = line[0] is place
        line.remove(place)
        if place.timer is not None:
            place.timer.cancel()
        if not line:
            del self._lines[path]
        elif was_first:
            self._begin(path, line[0])
