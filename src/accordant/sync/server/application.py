"""The ASGI application: routes, the checks at the door, and one set of rooms and seats per application."""

from __future__ import annotations

import logging
from collections.abc import Collection

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from accordant.engine.host.engine import Engine
from accordant.sync.closing import CloseCode, close_reason
from accordant.sync.server.address import agent_of, document_key, origin_is_welcome
from accordant.sync.server.connection import Connection
from accordant.sync.server.peer import Peer
from accordant.sync.server.rooms import Rooms
from accordant.sync.server.seats import Seats
from accordant.types.errors import AccordantError
from accordant.types.limits import SESSION_GRACE_S

__all__ = ["CUT", "app"]

logger = logging.getLogger("accordant.sync")
CUT = "accordant.cut"
"""The ASGI extension under which our own websocket protocol class offers to cut a connection that is not read."""


def app(engine: Engine, *, origins: Collection[str] = (), grace_s: float = SESSION_GRACE_S) -> Starlette:
    """Serve the documents of an open engine: `/sync/<namespace>/<document>` for websocket peers, `/healthz`.

    Mountable below any path. `origins`: web origins whose pages may connect besides this machine's and this host's own.
    `grace_s`: how long the session of a dropped connection can be resumed. Close the engine after the server.
    """
    sync = SyncEndpoint(engine, origins, grace_s)
    return Starlette(routes=[Route("/healthz", healthz), WebSocketRoute("/sync/{path:path}", sync)])


async def healthz(request: Request) -> JSONResponse:
    """The process answers."""
    return JSONResponse({"status": "ok"})


class SyncEndpoint:
    """The websocket endpoint, as a bare ASGI application."""

    def __init__(self, engine: Engine, origins: Collection[str], grace_s: float) -> None:
        self._engine = engine
        self._origins = frozenset(origins)
        self._rooms = Rooms()
        self._seats = Seats(engine.store, grace_s)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        await receive()  # websocket.connect, the first event by contract
        if not origin_is_welcome(scope, self._origins):
            # Before the handshake, so that the foreign page's script learns nothing, not even that somebody is here.
            await send({"type": "websocket.close", "code": int(CloseCode.ORIGIN)})
            return
        await send({"type": "websocket.accept"})
        try:
            key, agent = document_key(scope, "sync"), agent_of(scope)
        except AccordantError as error:
            await _close(send, CloseCode.ADDRESS, error)
            return
        try:
            host = await self._engine.host(key)
        except AccordantError as error:
            await _close(send, CloseCode.UNAVAILABLE, error)
            return
        peer = Peer(send, scope.get("extensions", {}).get(CUT))
        room = self._rooms.enter(host, peer)
        try:
            await Connection(peer, room, self._seats, key, agent).serve(receive)
        finally:
            self._rooms.leave(room, peer)
            await peer.end()


async def _close(send: Send, code: CloseCode, error: AccordantError) -> None:
    await send({"type": "websocket.close", "code": int(code), "reason": close_reason(error)})
