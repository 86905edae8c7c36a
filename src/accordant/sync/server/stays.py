"""Who may stay: connections whose token has expired or was revoked since are closed within a second (4401)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from accordant.sync.closing import CloseCode
from accordant.sync.server.channel import Channel
from accordant.sync.server.door import Door
from accordant.types.access import Principal
from accordant.types.limits import TOKEN_CHECK_S

__all__ = ["Stays"]


class Stays:
    """The connections of one application that came in by token."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._here: dict[object, tuple[Principal, Channel]] = {}
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def staying(self, principal: Principal, channel: Channel) -> Iterator[None]:
        """While this lasts, the connection ends when its token does."""
        if principal.token is None:
            yield
            return
        mark = object()
        self._here[mark] = (principal, channel)
        self._plan()
        try:
            yield
        finally:
            del self._here[mark]

    def _plan(self) -> None:
        if self._timer is None and self._here:
            self._timer = asyncio.get_running_loop().call_later(TOKEN_CHECK_S, self._check)

    def _check(self) -> None:
        self._timer = None
        for principal, channel in list(self._here.values()):
            if not self._door.is_good(principal):
                channel.close(int(CloseCode.UNAUTHENTICATED), "token_ended: the token has expired or was revoked")
        self._plan()
