"""The ASGI application: routes, the checks at the door, and one set of rooms and seats per application."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import WebSocketRoute
from starlette.types import Receive, Scope, Send

from accordant.engine.host.engine import Engine
from accordant.sync.closing import CloseCode, close_reason
from accordant.sync.hocuspocus_session import HocuspocusSession
from accordant.sync.patience import Patience
from accordant.sync.server.address import ANONYMOUS, document_key, has_document
from accordant.sync.server.channel import DIRECT, AsgiChannel, Channel
from accordant.sync.server.connection import Connection
from accordant.sync.server.discretion import be_discreet
from accordant.sync.server.door import Door
from accordant.sync.server.hocuspocus import HocuspocusSocket, Line
from accordant.sync.server.http import Beside, HttpApi
from accordant.sync.server.http.problems import unrouted
from accordant.sync.server.opening import Opening
from accordant.sync.server.peer import Peer
from accordant.sync.server.rooms import Rooms
from accordant.sync.server.seats import Seats
from accordant.sync.server.stays import Stays
from accordant.sync.server.tokens import Tokens
from accordant.sync.session import PeerSession
from accordant.types.access import Principal
from accordant.types.errors import AccordantError, Denied, Invalid
from accordant.types.limits import FIRST_FRAME_MAX_S, FIRST_FRAME_WAIT_S, SESSION_GRACE_S
from accordant.types.namespaces import DocumentKey

__all__ = ["app"]

logger = logging.getLogger("accordant.sync")
SYNC = ("/sync", "/sync/{path:path}")


def app(
    engine: Engine,
    *,
    origins: Collection[str] = (),
    grace_s: float = SESSION_GRACE_S,
    token_file: Path | None = None,
    beside: Sequence[Beside] = (),
) -> Starlette:
    """Serve the documents of an open engine: `/sync/<namespace>/<document>` for websocket peers, `/sync` for Hocuspocus
    connections of several documents, and HTTP at `/documents` and beside it (`/openapi.json` lists it).

    Mountable below any path. `origins`: web origins whose pages may connect besides this machine's and this host's own.
    `grace_s`: how long the session of a dropped connection can be resumed. `token_file`: the
    keys of `accordant token`; without one names are asserted. `beside`: further HTTP routes, such as `KnowledgeHttp`. Close
    the engine after the server.
    """
    if token_file is not None:
        be_discreet()
    elif engine.default_deny:
        hint = "give token_file=, or open the engine without default_deny"
        raise Invalid("without tokens a server would grant everybody everything", code="no_tokens", hint=hint)
    door = Door(origins, None if token_file is None else Tokens(token_file))
    sync = SyncEndpoint(engine, door, grace_s)
    http = HttpApi(engine, door, sync.peers, beside)
    routes = [*http.routes(), *(WebSocketRoute(path, sync) for path in SYNC)]
    return Starlette(routes=routes, exception_handlers={HTTPException: unrouted})


class SyncEndpoint:
    """The websocket endpoint, as a bare ASGI application."""

    def __init__(self, engine: Engine, door: Door, grace_s: float) -> None:
        self._engine = engine
        self._door = door
        self._rooms = Rooms()
        self._seats = Seats(engine.store, grace_s)
        self._patience = Patience()
        self._stays = Stays(door)

    def peers(self) -> int:
        """How many peers are in rooms."""
        return self._rooms.peers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        await receive()  # websocket.connect, the first event by contract
        if not self._door.welcomes_origin(scope):
            # Before the handshake, so that the foreign page's script learns nothing, not even that somebody is here.
            await send({"type": "websocket.close", "code": int(CloseCode.ORIGIN)})
            return
        opening = Opening()
        direct = scope.get("extensions", {}).get(DIRECT)
        channel: Channel = AsgiChannel(receive, send, opening) if direct is None else direct
        opening.listen(channel)
        if direct is not None:
            direct.take(opening)
        await send({"type": "websocket.accept"})
        serving = asyncio.create_task(channel.serve())
        silence = asyncio.get_running_loop().call_later(FIRST_FRAME_MAX_S, _end_silence, opening, channel)
        try:
            await self._serve(scope, channel, opening)
        except AccordantError as error:
            channel.close(int(CloseCode.UNAVAILABLE), close_reason(error))
        finally:
            silence.cancel()
            channel.close(int(CloseCode.NORMAL), "")
            await serving

    async def _serve(self, scope: Scope, channel: Channel, opening: Opening) -> None:
        """By address and first frame: one document, or a Hocuspocus connection of several."""
        try:
            key = document_key(scope, "sync") if has_document(scope) else None
            principal = self._door.principal(scope) if self._door.shows_token(scope) else None
            if key is not None and principal is not None:
                _check_covers(principal, key)
        except AccordantError as error:
            code = CloseCode.UNAUTHENTICATED if isinstance(error, Denied) else CloseCode.ADDRESS
            channel.close(int(code), close_reason(error))
            return
        if principal is None and await opening.wait() and not opening.is_hocuspocus():
            channel.close(int(CloseCode.UNAUTHENTICATED), "no_token: a token is needed here")
            return
        if key is None and await opening.wait() and not opening.is_over and not opening.is_hocuspocus():
            reason = "bad_name: the path names no document, and the first frame none either"
            channel.close(int(CloseCode.ADDRESS), reason)
            return
        if key is None or principal is None or await self._plain(key, principal, channel, opening):
            socket = HocuspocusSocket(scope, channel, key, self._door.present, self._document)
            opening.pass_to(socket)
            await socket.serve()

    async def _plain(self, key: DocumentKey, principal: Principal, channel: Channel, opening: Opening) -> bool:
        """Serve a y-websocket peer or a client of ours. Returns at once, and true, when it is neither."""
        host, peer = await self._engine.host(key), Peer(channel)
        room = self._rooms.enter(host, peer)
        try:
            agent, machine = principal.agent or ANONYMOUS, PeerSession(principal.grant.is_read_only)
            connection = Connection(channel, peer, room, self._seats, self._patience, key, agent, machine, principal)
            if not await opening.wait(FIRST_FRAME_WAIT_S):
                if principal.grant.reads_everything:
                    await connection.speak_first()
                await opening.wait()
            if opening.is_hocuspocus():
                return True
            connection.begin()
            opening.pass_to(connection)
            with self._stays.staying(principal, channel):
                await connection.serve()
            return False
        finally:
            self._rooms.leave(room, peer)

    async def _document(
        self, key: DocumentKey, principal: Principal, session: HocuspocusSession, channel: Line
    ) -> None:
        """One document of a Hocuspocus connection."""
        _check_covers(principal, key)
        host, peer = await self._engine.host(key), Peer(channel)
        room = self._rooms.enter(host, peer)
        try:
            agent = principal.agent or ANONYMOUS
            connection = Connection(channel, peer, room, self._seats, self._patience, key, agent, session, principal)
            connection.begin()
            channel.pass_to(connection)
            with self._stays.staying(principal, channel):
                await connection.serve()
        finally:
            self._rooms.leave(room, peer)


def _end_silence(opening: Opening, channel: Channel) -> None:
    """A half-open connection costs memory and tells nobody why it is there."""
    if not opening.has_arrived:
        channel.cut(int(CloseCode.SILENT), "silent: a connection speaks first")


def _check_covers(principal: Principal, key: DocumentKey) -> None:
    """The same answer whether the document exists or not."""
    if not principal.grant.covers(key):
        raise Denied("this document is not granted to you", code="no_grant")
