"""`doc.presence`: who is at a document now. Nothing of it is logged; it lives as long as its owner renews it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from accordant.document.port import PresencePort
from accordant.types.presence import Present

__all__ = ["Presence"]


class Presence:
    """What this handle shows of itself, and what others show: agents in this process, peers, people in a Yjs editor.

    While the server cannot be reached nobody is seen; what we show is shown again when it is back.
    """

    def __init__(self, port: PresencePort) -> None:
        self._port = port

    async def set(self, state: Mapping[str, Any] | None = None, **more: Any) -> None:
        """Show this to all others, in place of what was shown before: `await doc.presence.set(task="citations")`.

        A JSON object of at most 16 KiB. Under `user.name`, where Yjs editors look, it bears the agent's name unless it says
        otherwise. Renewed by itself until `clear` or `close`; a process that dies is gone for others at once when its
        connection drops, and after 30 s at the latest. Raises `Invalid`.
        """
        await self._port.show(dict(state or {}) | more)

    async def clear(self) -> None:
        """Show nothing any more."""
        await self._port.show(None)

    async def everyone(self) -> tuple[Present, ...]:
        """All who are here now, ourselves included (`is_me`) when we show anything."""
        return await self._port.everyone()

    async def others(self) -> tuple[Present, ...]:
        """All but ourselves."""
        return tuple(one for one in await self.everyone() if not one.is_me)

    async def changes(self) -> AsyncIterator[tuple[Present, ...]]:
        """Who is here: at once, and again whenever that changes. Changes that come faster than they are read are one."""
        seen = -1
        while True:
            seen = await self._port.changed(seen)
            yield await self.everyone()
