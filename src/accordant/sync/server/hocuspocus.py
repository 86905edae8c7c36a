"""A Hocuspocus connection: one socket, several documents, each served by a connection of its own that knows of no other.

Here tokens are shown to the door. Frames are sorted by `multiplex`; what a document's connection sends gets its name in
front. When one document ends for good it alone ends, unless it was the last; when the reason will pass, the whole socket
closes, because providers come back with all their documents by themselves and never with one.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from starlette.types import Message, Receive, Scope, Send

from accordant.sync.closing import CloseCode, close_code, close_reason
from accordant.sync.hocuspocus import CloseDocument, PermissionDenied, document_in, encode_message, name_prefix
from accordant.sync.hocuspocus_session import HocuspocusSession
from accordant.sync.multiplex import Forward, Leave, Multiplex, Open, Reply
from accordant.sync.server.peer import Peer
from accordant.types.access import Principal
from accordant.types.errors import AccordantError, WireError
from accordant.types.limits import CALLS_IN_FLIGHT_MAX, DENIALS_PER_SOCKET_MAX, DOCUMENT_NAME_BYTES_MAX, FRAME_BYTES_MAX
from accordant.types.namespaces import DocumentKey

__all__ = ["HocuspocusSocket", "Serve"]

logger = logging.getLogger("accordant.sync")

Serve = Callable[[DocumentKey, Principal, HocuspocusSession, Receive, Send], Awaitable[None]]
"""Serves one document over a pair of ASGI callables until either side closes; raises what opening the document raises."""


class _Line:
    """One document's half of the socket: what was received for it and not read yet. Beyond the bound the socket waits."""

    def __init__(self, name: bytes) -> None:
        self.prefix = name_prefix(name)
        self._bodies: deque[bytes] = deque()
        self._has_ended = False
        self._changed = asyncio.Event()

    async def put(self, body: bytes) -> None:
        """One message for the document; dropped when its connection has ended."""
        while len(self._bodies) >= CALLS_IN_FLIGHT_MAX and not self._has_ended:
            await self._wait()
        if not self._has_ended:
            self._bodies.append(body)
            self._changed.set()

    async def receive(self) -> Message:
        """The next event, as ASGI has it."""
        while not self._bodies:
            if self._has_ended:
                return {"type": "websocket.disconnect", "code": int(CloseCode.NORMAL)}
            await self._wait()
        self._changed.set()
        return {"type": "websocket.receive", "bytes": self._bodies.popleft()}

    def hang_up(self) -> None:
        """The peer is gone. What it said before is still read."""
        self._has_ended = True
        self._changed.set()

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()


class HocuspocusSocket:
    """One accepted websocket. `peer` is its outbox; `key` the document that its URL names, None where frames name theirs."""

    def __init__(
        self, scope: Scope, peer: Peer, key: DocumentKey | None, admit: Callable[[str, Scope], Principal], serve: Serve
    ) -> None:
        self._scope = scope
        self._peer = peer
        self._key = key
        self._admit = admit
        self._serve = serve
        self._multiplex = Multiplex()
        self._lines: dict[bytes, _Line] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._denials = 0

    async def serve(self, receive: Receive) -> None:
        """Run until either side closes, and every document's connection has ended."""
        reader = asyncio.create_task(self._read(receive))
        try:
            await asyncio.wait((reader, self._peer.writer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._peer.close(CloseCode.NORMAL)
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
            for line in self._lines.values():
                line.hang_up()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        if not reader.cancelled() and reader.exception() is not None:
            raise reader.exception() or AssertionError

    # -- from the socket --------------------------------------------------------------------------------------

    async def _read(self, receive: Receive) -> None:
        while True:
            event = await receive()
            if event["type"] == "websocket.disconnect":
                return
            frame = event.get("bytes")
            if frame is None:
                self._peer.close(CloseCode.MALFORMED, "text_frame: messages are binary")
            elif len(frame) > FRAME_BYTES_MAX + DOCUMENT_NAME_BYTES_MAX:
                self._peer.close(CloseCode.TOO_LARGE, f"too_large: a frame has at most {FRAME_BYTES_MAX} bytes")
            elif not self._peer.is_closing:
                await self._sort(frame)

    async def _sort(self, frame: bytes) -> None:
        try:
            actions = self._multiplex.receive_frame(frame)
        except WireError as error:
            self._peer.close(CloseCode.MALFORMED, close_reason(error))
            return
        for action in actions:
            match action:
                case Open(name, token, held):
                    await self._open(name, token, held)
                case Forward(name, body):
                    await self._lines[name].put(body)
                case Leave(name):
                    self._lines.pop(name).hang_up()
                case Reply(answer):
                    self._peer.post(answer)

    async def _open(self, name: bytes, token: str, held: tuple[bytes, ...]) -> None:
        try:
            key = self._key if self._key is not None else DocumentKey.parse(document_in(name))
            principal = self._admit(token, self._scope)
        except AccordantError as error:
            self._multiplex.closed(name)
            self._deny(name, error)
            return
        line = self._lines[name] = _Line(name)
        task = asyncio.create_task(self._run(name, line, key, principal))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        for body in held:
            await line.put(body)

    # -- one document -----------------------------------------------------------------------------------------

    async def _run(self, name: bytes, line: _Line, key: DocumentKey, principal: Principal) -> None:
        async def send(event: Message) -> None:
            if event["type"] == "websocket.send":
                self._peer.post(line.prefix + event["bytes"])
            elif self._forget(name, line):
                self._ended(line, CloseCode(event["code"]), event.get("reason") or "")

        session = HocuspocusSession(principal.grant.is_read_only)
        try:
            await self._serve(key, principal, session, line.receive, send)
        except AccordantError as error:
            if self._forget(name, line):
                self._deny(name, error)
        except Exception:
            logger.exception("%s: a connection failed", key)
            self._peer.close(CloseCode.INTERNAL, "internal: reconnect and sync again")

    def _forget(self, name: bytes, line: _Line) -> bool:
        """Whether it was still there: the client may have left, and even begun again, before."""
        line.hang_up()
        if self._lines.get(name) is not line:
            return False
        del self._lines[name]
        self._multiplex.closed(name)
        return True

    def _deny(self, name: bytes, error: AccordantError) -> None:
        """The document does not begin. The provider is told, and the socket stays for another try or another document;
        for what will pass it closes, so that the provider tries again by itself."""
        reason = close_reason(error)
        if close_code(error) is CloseCode.UNAVAILABLE:
            self._peer.close(CloseCode.UNAVAILABLE, reason)
            return
        self._peer.post(name_prefix(name) + encode_message(PermissionDenied(reason)))
        self._denials += 1
        if self._denials >= DENIALS_PER_SOCKET_MAX:
            self._peer.close(CloseCode.UNAUTHENTICATED, reason)

    def _ended(self, line: _Line, code: CloseCode, reason: str) -> None:
        """Our side has closed this document's connection. What was malformed speaks against the whole socket."""
        self._peer.post(line.prefix + encode_message(CloseDocument(reason)))
        if code is CloseCode.MALFORMED or not code.is_final or not self._lines:
            self._peer.close(code, reason)
