"""uvicorn's websocket protocol, with one power more: to cut a connection whose peer does not read.

ASGI can only ask for a close frame behind everything that waits, which a stalled peer never lets through.
"""

from __future__ import annotations

from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from accordant.sync.server.application import CUT
from accordant.types.limits import CLOSE_TIMEOUT_S

__all__ = ["CuttableProtocol"]


class CuttableProtocol(WebSocketsSansIOProtocol):
    """Offers `cut` to the application through the scope's extensions."""

    async def run_asgi(self) -> None:
        """Run the application."""
        cast(dict[str, Any], self.scope["extensions"])[CUT] = self.cut
        await super().run_asgi()

    def cut(self, code: int, reason: str) -> None:
        """Say goodbye behind what is already in the transport, and let go of the socket soon, read or not."""
        if not self.close_sent and not self.transport.is_closing():
            self.stop_keepalive()
            self.conn.send_close(code, reason)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
        self.loop.call_later(CLOSE_TIMEOUT_S, self.transport.abort)

    def keepalive_timeout(self) -> None:
        """A peer that does not even answer pings: flushing to it would take for ever."""
        super().keepalive_timeout()
        self.transport.abort()
