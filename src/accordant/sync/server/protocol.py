"""uvicorn's websocket protocol with a short way: whole binary frames go straight to the connection, and out again.

The library keeps the handshake, pings, fragments, closing and everything out of the ordinary; it is handed whole frames
alone, so that it always stands between two. What is short here is the usual case: one masked, final, binary frame.

Nobody's frames hold the loop for long: after `CONNECTION_TURN_S` the others have their turn, and this socket is not read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import Any, Final, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.frames import apply_mask  # type: ignore[attr-defined]  # in C where the library has that

from accordant.sync.closing import CloseCode
from accordant.sync.pace import Pace
from accordant.sync.server.channel import DIRECT, Frame, Receiver
from accordant.types.limits import (
    CHATTER_BURST,
    CHATTER_PER_S,
    CLOSE_TIMEOUT_S,
    CONNECTION_TURN_S,
    FRAGMENTS_PER_MESSAGE_MAX,
    FRAME_WHOLE_MAX_S,
    PONGS_WAITING_BYTES_MAX,
)

__all__ = ["DirectProtocol"]

_FINAL_BINARY: Final = 0x82
_FINAL: Final = 0x80
_MASKED: Final = 0x80
_MASK_BYTES: Final = 4
_DATA: Final = (0, 1, 2)
_RESTARTING: Final = 1012


class DirectProtocol(WebSocketsSansIOProtocol):
    """Offers itself as a `Channel` through the scope's extensions; unused, it is uvicorn's own."""

    receiver: Receiver
    when_lost: Callable[[], None] | None = None
    """Called once the socket is gone."""

    _is_taken = False
    _is_library_reading = False
    _is_deaf = False
    _is_resting = False
    _fragments = 0
    _fragment_bytes = 0
    _is_accepted = False
    _slow: asyncio.TimerHandle | None = None
    _slow_since = 0
    _messages = 0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._partial = bytearray()
        self._control = Pace(CHATTER_PER_S, CHATTER_BURST, self.loop.time())
        self._ended = self.loop.create_future()

    async def run_asgi(self) -> None:
        """Run the application."""
        cast(dict[str, Any], self.scope["extensions"])[DIRECT] = self
        await super().run_asgi()

    def take(self, receiver: Receiver) -> None:
        """Use this connection as a channel: to be called before the websocket is accepted."""
        self._is_taken, self.receiver = True, receiver

    async def send(self, message: Any) -> None:
        """A message of the application. Once it has accepted, what a hasty client sent behind its request is looked at."""
        await super().send(message)
        if message["type"] == "websocket.accept" and not self._is_accepted:
            self._is_accepted = True
            self._go_on()

    # -- the channel ------------------------------------------------------------------------------------------

    async def serve(self) -> None:
        """Until the socket is gone, or we have said goodbye."""
        await asyncio.shield(self._ended)
        self.receiver.disconnected()

    @property
    def waiting_bytes(self) -> int:
        """What the kernel has not taken yet."""
        return self.transport.get_write_buffer_size()

    def write(self, frame: Frame) -> None:
        """Send the same bytes that everybody gets."""
        if not self.close_sent and not self.transport.is_closing():
            self.transport.write(frame.wire)

    def pause(self) -> None:
        """Stop reading the socket."""
        if not self.read_paused and not self.disconnected:
            self.read_paused = True
            if not self._is_resting:
                self.transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self.read_paused and not self.disconnected:
            self.read_paused = False
            if self._is_resting:
                return
            if self._partial:
                self._is_resting = True
                self.loop.call_soon(self._go_on)
            else:
                self.transport.resume_reading()

    def close(self, code: int, reason: str) -> None:
        """Goodbye behind what is in the transport; the socket goes when the peer has answered, or soon."""
        if self.close_sent or self.disconnected:
            return
        self.stop_keepalive()
        self.close_sent = True
        try:
            self.conn.send_close(code, reason)
        except InvalidState:  # the peer was faster
            pass
        else:
            self.transport.write(b"".join(self.conn.data_to_send()))
        self.resume()  # the peer's own goodbye is still to come
        self.close_timer = self.loop.call_later(CLOSE_TIMEOUT_S, self.transport.abort)
        self._end()

    cut = close

    # -- what arrives -------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Bytes from the socket."""
        if self._is_deaf:
            return
        if self.handshake_initiated and not self._is_accepted and not self.close_sent:
            self._partial += data
            self._rest(None)
            return
        if not self._is_taken or self._is_library_reading:
            super().data_received(data)
            return
        partial = self._partial
        if not partial:
            at = self._take_frames(data)
            if at < len(data):
                partial += data[at:]
        else:
            partial += data
            if not (self._is_resting or self.read_paused) and self._needs(partial) <= len(partial):
                del partial[: self._take_frames(bytes(partial))]
        self._watch_slow_message()

    def _needs(self, partial: bytearray) -> int:
        """How many bytes make the first frame whole, as far as they tell."""
        if len(partial) < 2:
            return 2
        size = partial[1] & 127
        wide = {126: 2, 127: 8}.get(size, 0)
        if len(partial) < 2 + wide:
            return 2 + wide
        size = int.from_bytes(partial[2 : 2 + wide], "big") if wide else size
        return min(2 + wide + _MASK_BYTES + size, self._whole_max)

    @property
    def _whole_max(self) -> int:
        return self.config.ws_max_size + 14

    def _take_frames(self, data: bytes) -> int:
        """Hand on every whole frame for as long as a turn lasts; returns where the first one begins that was not."""
        at, have, longest = 0, len(data), self.config.ws_max_size
        until = perf_counter() + CONNECTION_TURN_S
        while have - at >= 2:
            first, size, start = data[at], data[at + 1] - _MASKED, at + 2
            if size < 0:
                return self._leave_to_library(data, at)  # not masked: an offence
            if size > 125:
                start += 2 if size == 126 else 8
                if have < start:
                    break
                size = int.from_bytes(data[at + 2 : start], "big")
            if size > longest:
                self.refuse(CloseCode.TOO_LARGE, f"too_large: a message has at most {longest} bytes")
                return have
            end = start + _MASK_BYTES + size
            if have < end:
                break
            if first == _FINAL_BINARY and not self._fragments:
                if not self.close_sent:
                    start += _MASK_BYTES
                    self.receiver.frame_received(apply_mask(data[start:end], data[start - _MASK_BYTES : start]))
            elif first & 15 in _DATA or not self.disconnected:
                self._hand_over(first, size, data[at:end])
            at = end
            self._messages += bool(first & _FINAL) and first & 15 in _DATA
            if self._is_deaf:
                return have
            if self._is_resting or perf_counter() > until:
                self._rest(0.0)
                break
            if self.read_paused and not self.disconnected:  # the receiver has enough
                break
        return at

    def _hand_over(self, first: int, size: int, frame: bytes) -> None:
        """One whole frame for the library: a control frame, text, or a part of a fragmented message."""
        if first & 15 in _DATA:
            if first & _FINAL:
                self._fragments = self._fragment_bytes = 0
            else:
                self._fragments += 1
                self._fragment_bytes += size
            if self._fragments > FRAGMENTS_PER_MESSAGE_MAX or self._fragment_bytes > self.config.ws_max_size:
                self.refuse(CloseCode.TOO_LARGE, "too_large: a fragmented message goes beyond what one may have")
                return
        elif (wait_s := self._control.spend(self.loop.time())) > 0:
            self._rest(wait_s)
        super().data_received(frame)

    def _leave_to_library(self, data: bytes, at: int) -> int:
        """What it must refuse: everything from here on is its own."""
        self._is_library_reading = True
        super().data_received(data[at:])
        return len(data)

    def handle_ping(self) -> None:
        """Answer, unless the answers are not read: then one later answer stands for them all (RFC 6455, 5.5.3)."""
        pong = b"".join(self.conn.data_to_send())
        if self.transport.get_write_buffer_size() < PONGS_WAITING_BYTES_MAX:
            self.transport.write(pong)

    # -- turns, and who takes too long ------------------------------------------------------------------------------

    def _rest(self, wait_s: float | None) -> None:
        """What was read already waits, and no more is read, until the others had their turn (0), the time is over, or we are
        told to go on (None)."""
        if self._is_resting:
            return
        self._is_resting = True
        if not self.read_paused and not self.disconnected:
            self.transport.pause_reading()
        if wait_s is not None:
            self.loop.call_later(wait_s, self._go_on)

    def _go_on(self) -> None:
        """Another turn. Who has gone meanwhile is heard to the end."""
        if not self._is_resting:
            return
        self._is_resting = False
        partial = self._partial
        if partial and not self._is_taken:
            super().data_received(bytes(partial))
            partial.clear()
        elif partial and not self._is_deaf:
            del partial[: self._take_frames(bytes(partial))]
            self._watch_slow_message()
        if self._is_resting:
            return
        if self.disconnected:
            self._end()
        elif not self.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()

    def _watch_slow_message(self) -> None:
        """A message that never becomes whole would be kept for ever."""
        if self._partial or self._fragments:
            if self._slow is None:
                self._slow_since = self._messages
                self._slow = self.loop.call_later(FRAME_WHOLE_MAX_S, self._end_slow_message)
        elif self._slow is not None:
            self._slow.cancel()
            self._slow = None

    def _end_slow_message(self) -> None:
        self._slow = None
        if self._messages == self._slow_since and not (self.read_paused or self._is_resting):
            self.refuse(CloseCode.SILENT, "slow_frame: a message did not arrive in time")
        else:  # others have become whole meanwhile, or it was us who did not read
            self._watch_slow_message()

    def refuse(self, code: CloseCode, reason: str) -> None:
        """Close, and read what still comes without looking at it: a peer in the midst of sending has to get our goodbye."""
        self._is_deaf = True
        self._partial.clear()
        self.frames.clear()
        self.close(int(code), reason)

    def send_receive_event_to_app(self) -> None:
        """A message that the library has put together."""
        if not self._is_taken:
            super().send_receive_event_to_app()
            return
        data = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
        self.frames = []
        if self.close_sent:
            return
        if self.curr_msg_data_type == "text":
            self.receiver.text_received()
        else:
            self.receiver.frame_received(bytes(data))

    # -- the end ------------------------------------------------------------------------------------------------

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        super().connection_lost(exc)
        if self._is_taken:
            self._is_resting = bool(self._partial) and self._is_accepted
            if self._is_resting:
                self.loop.call_soon(self._go_on)
            else:
                self._end()
        if self.when_lost is not None:
            self.when_lost()

    def _end(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
        if not self._ended.done():
            self._ended.set_result(None)

    def keepalive_timeout(self) -> None:
        """A peer that does not even answer pings: flushing to it would take for ever."""
        super().keepalive_timeout()
        self.transport.abort()

    def shutdown(self) -> None:
        """The server stops: peers are told to come back, and the socket goes soon even when they do not read."""
        if not self._is_taken or not self.handshake_complete:
            super().shutdown()
            return
        self.close(_RESTARTING, "restarting: reconnect")

    def handle_close(self, event: Any) -> None:
        """The peer says goodbye, or answers ours."""
        super().handle_close(event)
        if not self.transport.is_closing():
            self.transport.close()
        self.loop.call_later(CLOSE_TIMEOUT_S, _abort, self.transport)


def _abort(transport: asyncio.Transport) -> None:
    """A closing transport that nobody reads would wait for ever."""
    transport.abort()
