"""uvicorn's websocket protocol with a short way: whole binary frames go straight to the connection, and out again.

The library keeps the handshake, pings, fragments, closing and everything out of the ordinary; it is handed whole frames
alone, so that it always stands between two. What is short here is the usual case: one masked, final, binary frame.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.frames import apply_mask  # type: ignore[attr-defined]  # in C where the library has that

from accordant.sync.server.channel import DIRECT, Frame, Receiver
from accordant.types.limits import CLOSE_TIMEOUT_S

__all__ = ["DirectProtocol"]

_FINAL_BINARY: Final = 0x82
_FINAL: Final = 0x80
_MASKED: Final = 0x80
_MASK_BYTES: Final = 4
_TEXT_OR_BINARY: Final = (1, 2)
_RESTARTING: Final = 1012


class DirectProtocol(WebSocketsSansIOProtocol):
    """Offers itself as a `Channel` through the scope's extensions; unused, it is uvicorn's own."""

    receiver: Receiver

    _is_taken = False
    _is_library_reading = False
    _is_in_fragments = False
    _calls = 0

    async def run_asgi(self) -> None:
        """Run the application."""
        self._partial = bytearray()
        self._ended = self.loop.create_future()
        cast(dict[str, Any], self.scope["extensions"])[DIRECT] = self
        await super().run_asgi()

    def take(self, receiver: Receiver) -> None:
        """Use this connection as a channel: to be called before the websocket is accepted."""
        # A client that did not wait for the handshake may have left the library inside a frame: then it reads on.
        self._is_library_reading = self._calls > 1
        self._is_taken, self.receiver = True, receiver

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
            self.transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self.read_paused and not self.disconnected:
            self.read_paused = False
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
        self._calls += 1
        if not self._is_taken or self._is_library_reading:
            super().data_received(data)
            return
        partial = self._partial
        if not partial:
            at = self._take_frames(data)
            if at < len(data):
                partial += data[at:]
            return
        partial += data
        if self._needs(partial) <= len(partial):
            del partial[: self._take_frames(bytes(partial))]

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
        return self.config.ws_max_size + 14  # a longer frame is the library's to refuse

    def _take_frames(self, data: bytes) -> int:
        """Hand on every whole frame; returns where the first one that is not whole begins."""
        at, have, longest = 0, len(data), self._whole_max
        while have - at >= 2:
            first, size, start = data[at], data[at + 1] - _MASKED, at + 2
            if size < 0:
                return self._leave_to_library(data, at)  # not masked: an offence
            if size > 125:
                start += 2 if size == 126 else 8
                if have < start:
                    break
                size = int.from_bytes(data[at + 2 : start], "big")
            end = start + _MASK_BYTES + size
            if end - at > longest:
                return self._leave_to_library(data, at)
            if have < end:
                break
            if first == _FINAL_BINARY and not self._is_in_fragments:
                if not self.close_sent:
                    start += _MASK_BYTES
                    self.receiver.frame_received(apply_mask(data[start:end], data[start - _MASK_BYTES : start]))
            else:
                self._hand_over(first, data[at:end])
            at = end
        return at

    def _hand_over(self, first: int, frame: bytes) -> None:
        """One whole frame for the library: a control frame, text, or a part of a fragmented message."""
        if first & 15 in _TEXT_OR_BINARY or first & 15 == 0:
            self._is_in_fragments = not first & _FINAL
        super().data_received(frame)

    def _leave_to_library(self, data: bytes, at: int) -> int:
        """What it must refuse: everything from here on is its own."""
        self._is_library_reading = True
        super().data_received(data[at:])
        return len(data)

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
            self._end()

    def _end(self) -> None:
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
