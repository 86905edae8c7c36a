"""The timer that keeps what a handle shows of itself alive, in this process and over a websocket alike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from accordant.engine.presences import OwnPresence
from accordant.types.limits import KEEPALIVE_S

__all__ = ["Renewal"]


class Renewal:
    """Calls `renew` once after `KEEPALIVE_S` without a change, as long as anything is shown."""

    def __init__(self, own: OwnPresence, renew: Callable[[], None]) -> None:
        self._own = own
        self._renew = renew
        self._timer: asyncio.TimerHandle | None = None

    def wait(self) -> None:
        """It was shown, or renewed, just now."""
        self.end()
        if self._own.is_shown:
            self._timer = asyncio.get_running_loop().call_later(KEEPALIVE_S, self._renew)

    def end(self) -> None:
        """No more of it. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
