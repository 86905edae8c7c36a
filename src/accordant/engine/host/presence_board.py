"""The presences of one document on the loop: one table for handles of this process and for peers, and whoever is told of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable

from accordant.engine.presences import Presences, States
from accordant.types.limits import PRESENCE_TTL_S
from accordant.types.presence import AwarenessState

__all__ = ["PresenceBoard"]

Listener = Callable[[States], None]


class PresenceBoard:
    """Who is here. Listeners are told what is news, in the turn in which it becomes so."""

    def __init__(self) -> None:
        self._table = Presences()
        self._listeners: list[Listener] = []
        self._sweep: asyncio.TimerHandle | None = None

    def enter(self, owner: Hashable, states: Iterable[AwarenessState]) -> None:
        """Presences of clients for which this owner speaks."""
        self._tell(self._table.enter(owner, states, asyncio.get_running_loop().time()))
        if self._sweep is None and self._table.everyone():
            self._wait()

    def leave(self, owner: Hashable) -> None:
        """The owner is gone, and whoever it spoke for. Idempotent."""
        self._tell(self._table.leave(owner))

    def everyone(self) -> States:
        """All who are here."""
        return self._table.everyone()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Tell this listener from now on; returns how to stop it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def close(self) -> None:
        """Nobody is here any more."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    def _tell(self, news: States) -> None:
        for listener in tuple(self._listeners) if news else ():
            listener(news)

    def _wait(self) -> None:
        self._sweep = asyncio.get_running_loop().call_later(PRESENCE_TTL_S / 3, self._expire)

    def _expire(self) -> None:
        """A connection can live on while its client does nothing: y-protocols counts such a client as gone, and so do we."""
        self._sweep = None
        self._tell(self._table.expire(asyncio.get_running_loop().time()))
        if self._table.everyone():
            self._wait()
