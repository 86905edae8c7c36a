"""Presence of a handle in the engine's own process: shown on the document's board, renewed while the handle is open."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from accordant.engine.host.presence_board import PresenceBoard
from accordant.engine.host.renewal import Renewal
from accordant.engine.presences import OwnPresence, States
from accordant.types.errors import Fenced
from accordant.types.limits import CLIENT_ID_MAX
from accordant.types.presence import GONE, Present, present, state_text

__all__ = ["EmbeddedPresence"]


class EmbeddedPresence:
    """One handle's. `lives`: whether its session still does; `sees`: whether its grant lets it read everything, since
    whoever may read a part of the document only is neither shown others nor shown to them."""

    def __init__(self, board: PresenceBoard, agent: str, lives: Callable[[], bool], sees: bool) -> None:
        self._board = board
        self._agent = agent
        self._lives = lives
        self._sees = sees
        self._own = OwnPresence(secrets.randbelow(min(CLIENT_ID_MAX, 2**32 - 1)) + 1)
        self._renewal = Renewal(self._own, self._renew)
        self._changes = 0
        self._changed = asyncio.Event()
        self._unsubscribe: Callable[[], None] | None = None
        self._is_over = False

    async def show(self, state: Mapping[str, Any] | None) -> None:
        """Show it to everybody who is at the document; None shows nothing."""
        self._put(GONE if state is None else state_text(self._agent, state))

    async def everyone(self) -> tuple[Present, ...]:
        """All who are here now."""
        states = self._board.everyone() if self._sees else ()
        return tuple(present(state, self._own.client) for state in states)

    async def changed(self, seen: int) -> int:
        """Wait for a change after the one that was seen; returns its number. -1: at once. Raises `Fenced` once it is over."""
        if self._unsubscribe is None and self._sees and not self._is_over:
            self._unsubscribe = self._board.subscribe(self._on_news)
        while seen >= self._changes:
            if self._is_over:
                raise Fenced("this handle is closed, or its session has ended")
            self._changed.clear()
            await self._changed.wait()
        return self._changes

    def end(self) -> None:
        """The handle is closed: it is not here any more. Idempotent."""
        self._is_over = True
        self._changed.set()
        self._renewal.end()
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        self._board.leave(self)

    def _put(self, text: str) -> None:
        if self._sees and not self._is_over and (self._own.is_shown or text != GONE):
            self._board.enter(self, [self._own.show(text)])
            self._renewal.wait()

    def _renew(self) -> None:
        if not self._lives():  # fenced, or replaced: somebody said that we are not here
            self.end()
            return
        self._board.enter(self, [self._own.renew()])
        self._renewal.wait()

    def _on_news(self, _: States) -> None:
        self._changes += 1
        self._changed.set()
