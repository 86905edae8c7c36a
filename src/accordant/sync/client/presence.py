"""Presence over a websocket: what this handle shows, and what the server told of others. Decides nothing; sends frames."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import copy
from typing import Any

from accordant.engine.host.renewal import Renewal
from accordant.engine.presences import OwnPresence
from accordant.sync.wire import Awareness, QueryAwareness, encode_message
from accordant.types.errors import AccordantError
from accordant.types.limits import CLIENT_ID_MAX, CONNECT_TIMEOUT_S
from accordant.types.presence import GONE, AwarenessState, Present, present, state_text

__all__ = ["WebsocketPresence"]

ASK = encode_message(QueryAwareness())


class WebsocketPresence:
    """One handle's, over as many connections as it takes. `transmit` sends a frame while there is a connection."""

    def __init__(self, agent: str, is_ready: Callable[[], bool], transmit: Callable[[bytes], Awaitable[None]]) -> None:
        self._agent = agent
        self._is_ready = is_ready
        self._transmit = transmit
        self._own = OwnPresence(secrets.randbelow(min(CLIENT_ID_MAX, 2**32 - 1)) + 1)
        self._known: dict[int, AwarenessState] = {}
        self._is_used = False
        self._is_asked = False
        self._answered = asyncio.Event()
        self._changes = 0
        self._changed = asyncio.Event()
        self._renewal = Renewal(self._own, self._renew)
        self._sending: set[asyncio.Future[None]] = set()
        self._ended: AccordantError | None = None

    # -- the handle's side ------------------------------------------------------------------------------------------------

    async def show(self, state: Mapping[str, Any] | None) -> None:
        """Show it, now or when the server can be reached."""
        text = GONE if state is None else state_text(self._agent, state)
        if self._ended is None and (self._own.is_shown or text != GONE):
            frame = encode_message(Awareness((self._own.show(text),)))
            self._renewal.wait()
            if self._is_ready():
                await self._transmit(frame)

    async def everyone(self) -> tuple[Present, ...]:
        """All who are here, as far as the server has told; the first time it is asked."""
        await self._ask()
        if self._is_ready() and not self._answered.is_set():
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await self._answered.wait()
            except TimeoutError:
                pass  # a connection that breaks meanwhile: nobody is seen
        return tuple(present(state, self._own.client) for state in self._known.values())

    async def changed(self, seen: int) -> int:
        """Wait for a change after the one that was seen; returns its number. -1: at once. Raises what ended the session."""
        await self._ask()
        while seen >= self._changes:
            if self._ended is not None:
                raise copy(self._ended)
            self._changed.clear()
            await self._changed.wait()
        return self._changes

    # -- the connection's side --------------------------------------------------------------------------------------------

    def welcomed(self) -> list[bytes]:
        """A connection stands: the frames that say who we are and ask who else is here."""
        self._is_asked = self._is_used
        own = [encode_message(Awareness((self._own.renew(),)))] if self._own.is_shown else []
        return own + [ASK] * self._is_used

    def heard(self, states: Sequence[AwarenessState]) -> None:
        """What the server says: who is new, who has changed, who is gone."""
        for state in states:
            if state.is_gone:
                self._known.pop(state.client, None)
            else:
                self._known[state.client] = state
        self._answered.set()
        self._news()

    def dropped(self) -> None:
        """No connection: nobody can be seen."""
        self._answered.clear()
        self._known.clear()
        self._news()

    def end(self, error: AccordantError) -> None:
        """The session has ended."""
        self._ended = error
        self.dropped()
        self._renewal.end()

    # -- inside -----------------------------------------------------------------------------------------------------------

    async def _ask(self) -> None:
        self._is_used = True
        if not self._is_asked and self._is_ready():
            self._is_asked = True
            await self._transmit(ASK)

    def _news(self) -> None:
        self._changes += 1
        self._changed.set()

    def _renew(self) -> None:
        self._renewal.wait()
        if self._is_ready():
            sending = asyncio.ensure_future(self._transmit(encode_message(Awareness((self._own.renew(),)))))
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)
