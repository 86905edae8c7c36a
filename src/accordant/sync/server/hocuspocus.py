"""A Hocuspocus connection: one socket, several documents, each served by a connection of its own that knows of no other.

Here tokens are shown to the door. Frames are sorted by `multiplex`; what a document's connection sends gets its name in
front. When one document ends for good it alone ends, unless it was the last; when the reason will pass, the whole socket
closes, because providers come back with all their documents by themselves and never with one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.types import Scope

from accordant.sync.closing import CloseCode, close_code, close_reason
from accordant.sync.hocuspocus import CloseDocument, PermissionDenied, document_in, encode_message, name_prefix
from accordant.sync.hocuspocus_session import HocuspocusSession
from accordant.sync.multiplex import Forward, Leave, Multiplex, Open, Reply
from accordant.sync.pace import Pace
from accordant.sync.server.channel import Channel, Frame, Receiver
from accordant.sync.server.opening import Opening
from accordant.sync.server.peer import Peer
from accordant.types.access import Principal
from accordant.types.errors import AccordantError, WireError
from accordant.types.limits import (
    CHATTER_BURST,
    CHATTER_PER_S,
    DENIALS_PER_SOCKET_MAX,
    DOCUMENT_NAME_BYTES_MAX,
    DOCUMENTS_PER_SOCKET_MAX,
    FIRST_FRAME_MAX_S,
    FRAME_BYTES_MAX,
    OPENING_CHATTER,
)
from accordant.types.namespaces import DocumentKey

__all__ = ["HocuspocusSocket", "Line", "Serve"]

logger = logging.getLogger("accordant.sync")

DOCUMENTS_GOING_MAX = 2 * DOCUMENTS_PER_SOCKET_MAX
"""Documents of one connection, those that were left and have not ended yet included. Beyond: it is not read."""
_GOING, _DEBT = "going", "debt"  # reasons for not reading, beside lines that cannot follow


class Line:
    """One document's half of the socket, as a channel of its own: its frames get the document's name in front.

    Until its connection has begun (`pass_to`) it keeps what arrives, and the socket is not read on: a document may take its time
    to open. `ended` is called when our side closes it.
    """

    def __init__(self, name: bytes, socket: HocuspocusSocket, ended: Callable[[Line, CloseCode, str], None]) -> None:
        self.prefix = name_prefix(name)
        self._socket = socket
        self._end = ended
        self._is_open = True
        opening = Opening()
        opening.listen(self)
        self.receiver: Receiver = opening

    def pass_to(self, receiver: Receiver) -> None:
        """The document's connection has begun."""
        opening = self.receiver
        assert isinstance(opening, Opening)
        opening.pass_to(receiver)

    def frame_received(self, body: bytes) -> None:
        """One message for the document."""
        if self._is_open:
            self.receiver.frame_received(body)

    def hang_up(self) -> None:
        """The peer is gone. What it said before is still carried out, but nobody else waits for that."""
        self.resume()
        self._is_open = False
        self.receiver.disconnected()

    async def serve(self) -> None:
        """The socket serves all its lines."""

    @property
    def waiting_bytes(self) -> int:
        """What waits for the whole socket."""
        return self._socket.channel.waiting_bytes

    def write(self, frame: Frame) -> None:
        """Send under the document's name."""
        if self._is_open:
            self._socket.channel.write(frame.under(self.prefix))

    def pause(self) -> None:
        """One document that cannot follow stops the socket."""
        self._socket.pause(self)

    def resume(self) -> None:
        """It goes on when no other one still has to follow."""
        self._socket.resume(self)

    def close(self, code: int, reason: str) -> None:
        """End this document's half."""
        if self._is_open:
            self._end(self, CloseCode(code), reason)
            self.hang_up()

    def cut(self, code: int, reason: str) -> None:
        """A peer that does not read one document reads none."""
        self._socket.channel.cut(code, reason)


Serve = Callable[[DocumentKey, Principal, HocuspocusSession, Line], Awaitable[None]]
"""Serves one document over its line until either side closes; raises what opening the document raises."""


class HocuspocusSocket:
    """One accepted websocket: a `Receiver`. `key` is the document that its URL names, None where frames name theirs."""

    def __init__(
        self,
        scope: Scope,
        channel: Channel,
        key: DocumentKey | None,
        admit: Callable[[str, Scope], Principal],
        serve: Serve,
    ) -> None:
        self.channel = channel
        self._scope = scope
        self._peer = Peer(channel)
        self._key = key
        self._admit = admit
        self._serve = serve
        self._multiplex = Multiplex()
        self._lines: dict[bytes, Line] = {}
        self._paused: set[object] = set()
        self._pace = Pace(CHATTER_PER_S, CHATTER_BURST, asyncio.get_running_loop().time())
        self._tasks: set[asyncio.Task[None]] = set()
        self._disconnected = asyncio.Event()
        self._denials = 0
        self._has_opened = False

    async def serve(self) -> None:
        """Run until either side closes, and every document's connection has ended."""
        silence = asyncio.get_running_loop().call_later(FIRST_FRAME_MAX_S, self._end_silence)
        try:
            await self._disconnected.wait()
        finally:
            silence.cancel()
            self._peer.close(CloseCode.NORMAL)
            for line in list(self._lines.values()):
                line.hang_up()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _end_silence(self) -> None:
        """No token that was good in all this time."""
        if not self._has_opened:
            self.channel.cut(int(CloseCode.SILENT), "silent: no document was asked for with a token")

    def pause(self, line: object) -> None:
        """Read no more until this line may go on."""
        self._paused.add(line)
        self.channel.pause()

    def resume(self, line: object) -> None:
        """This line may go on."""
        if line in self._paused:
            self._paused.discard(line)
            if not self._paused:
                self.channel.resume()

    # -- from the socket --------------------------------------------------------------------------------------

    def text_received(self) -> None:
        """No message of ours is text."""
        self._peer.close(CloseCode.MALFORMED, "text_frame: messages are binary")

    def disconnected(self) -> None:
        """The peer is gone."""
        self._disconnected.set()

    def frame_received(self, frame: bytes) -> None:
        """Sort it."""
        if len(frame) > FRAME_BYTES_MAX + DOCUMENT_NAME_BYTES_MAX:
            self._peer.close(CloseCode.TOO_LARGE, f"too_large: a frame has at most {FRAME_BYTES_MAX} bytes")
        elif not self._peer.is_closing:
            self._sort(frame)

    def _sort(self, frame: bytes) -> None:
        try:
            actions = self._multiplex.receive_frame(frame)
        except WireError as error:
            self._peer.close(CloseCode.MALFORMED, close_reason(error))
            return
        for action in actions:
            match action:
                case Forward(name, body):
                    self._lines[name].frame_received(body)
                case Open(name, token, held):
                    self._charge(OPENING_CHATTER)
                    self._open(name, token, held)
                case Leave(name):
                    self._lines.pop(name).hang_up()
                case Reply(answer):
                    self._charge(1)
                    self._peer.post(answer)

    def _charge(self, messages: float) -> None:
        """What changes nothing is free up to a rate; beyond it the socket is not read until it has paid."""
        loop = asyncio.get_running_loop()
        wait_s = self._pace.spend(loop.time(), messages)
        if wait_s > 0 and _DEBT not in self._paused:
            self.pause(_DEBT)
            loop.call_later(wait_s, self.resume, _DEBT)

    def _open(self, name: bytes, token: str, held: tuple[bytes, ...]) -> None:
        try:
            key = self._key if self._key is not None else DocumentKey.parse(document_in(name))
            principal = self._admit(token, self._scope)
        except AccordantError as error:
            self._multiplex.closed(name)
            self._deny(name, error)
            return
        self._has_opened = True
        line = self._lines[name] = Line(name, self, partial(self._closed, name))
        task = asyncio.create_task(self._run(name, line, key, principal))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        if len(self._tasks) >= DOCUMENTS_GOING_MAX:
            self.pause(_GOING)
        for body in held:
            line.frame_received(body)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if len(self._tasks) < DOCUMENTS_GOING_MAX:
            self.resume(_GOING)

    # -- one document -----------------------------------------------------------------------------------------

    async def _run(self, name: bytes, line: Line, key: DocumentKey, principal: Principal) -> None:
        session = HocuspocusSession(principal.grant.is_read_only)
        try:
            await self._serve(key, principal, session, line)
        except AccordantError as error:
            if self._forget(name, line):
                self._deny(name, error)
        except Exception:
            logger.exception("%s: a connection failed", key)
            self._peer.close(CloseCode.INTERNAL, "internal: reconnect and sync again")

    def _forget(self, name: bytes, line: Line) -> bool:
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

    def _closed(self, name: bytes, line: Line, code: CloseCode, reason: str) -> None:
        """Our side has closed this document's connection. What was malformed speaks against the whole socket."""
        if not self._forget(name, line):
            return
        self._peer.post(line.prefix + encode_message(CloseDocument(reason)))
        if code is CloseCode.MALFORMED or not code.is_final or not self._lines:
            self._peer.close(code, reason)
