"""uvicorn's HTTP protocol with a door-keeper: who is one too many is told so, and nobody may take for ever.

Every socket begins here, websockets included. A socket that was let in counts until it is gone, whatever it became.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from accordant.sync.server.arrivals import Arrivals
from accordant.sync.server.http.problems import Problem, problem_of
from accordant.sync.server.protocol import DirectProtocol
from accordant.types.limits import (
    ANSWER_STALLED_S,
    HANDSHAKE_LINE_BYTES_MAX,
    HANDSHAKE_LINES_MAX,
    REQUEST_HEAD_MAX_S,
    REQUEST_WHOLE_MAX_S,
    TURNED_AWAY_MAX,
    TURNED_AWAY_S,
)

__all__ = ["Entrance", "entrance"]


def entrance(arrivals: Arrivals) -> Callable[..., Entrance]:
    """What uvicorn takes for its `http`."""
    return partial(Entrance, arrivals, _TurnedAway())


class _TurnedAway:
    """How many sockets are only kept until their clients have read why they may not stay."""

    count = 0


class Entrance(H11Protocol):
    """One socket, until it is a websocket or gone."""

    def __init__(self, arrivals: Arrivals, turned_away: _TurnedAway, **options: Any) -> None:
        super().__init__(**options)
        self._arrivals = arrivals
        self._turned_away = turned_away
        self._is_in = False
        self._is_turned_away = False
        self._patience: asyncio.TimerHandle | None = None
        self._is_inside_body = False
        self._stalled: asyncio.TimerHandle | None = None

    # -- coming and going -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Let it in, or say why not."""
        super().connection_made(transport)
        problem = self._arrivals.enter(self._address, self.loop.time())
        self._is_in = problem is None
        if problem is None:
            self._wait_for_request()
            return
        self.connections.discard(self)
        self._is_turned_away = True
        self._turned_away.count += 1
        if self._turned_away.count > TURNED_AWAY_MAX:
            transport.abort()
            return
        self._say(problem)
        self.loop.call_later(TURNED_AWAY_S, transport.abort)

    @property
    def _address(self) -> str:
        return self.client[0] if self.client else ""

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._cancel()
        if self._is_turned_away:
            self._turned_away.count -= 1
            return
        super().connection_lost(exc)
        self._left()

    def _left(self) -> None:
        if self._is_in:
            self._is_in = False
            self._arrivals.leave(self._address)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """From here on another protocol has the socket, and says when it is gone."""
        self._cancel()
        lines = [len(event.target), *(len(name) + len(value) for name, value in self.headers)]
        if max(lines) > HANDSHAKE_LINE_BYTES_MAX or len(lines) > HANDSHAKE_LINES_MAX:
            # The library would refuse it by an exception, in which the socket is forgotten.
            self._say(Problem("head_too_large", "the handshake is too large", hint="shorter addresses, fewer headers"))
            self._close()
            return
        super().handle_websocket_upgrade(event)
        successor = self.transport.get_protocol()
        if isinstance(successor, DirectProtocol) and not successor.disconnected:
            successor.when_lost = self._left
            if behind := self.conn.trailing_data[0]:  # a hasty client's first frames, which uvicorn drops
                successor.data_received(behind)
        else:
            self._left()

    # -- who takes too long -----------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Bytes of a request; those of somebody who was turned away are not read."""
        if self._is_turned_away:
            return
        super().data_received(data)
        if self.transport.get_protocol() is not self:
            return
        if self.transport.is_closing():
            self._cancel_patience()
            return
        state = self.conn.their_state
        if state is h11.SEND_BODY and not self._is_inside_body:
            self._cancel_patience()  # the head is there: the rest has more time
        self._is_inside_body = state is h11.SEND_BODY
        if state not in (h11.IDLE, h11.SEND_BODY):
            self._cancel_patience()
        elif self._patience is None:
            self._wait_for_request()

    def _wait_for_request(self) -> None:
        wait_s = REQUEST_WHOLE_MAX_S if self._is_inside_body else REQUEST_HEAD_MAX_S
        self._patience = self.loop.call_later(wait_s, self._end_patience)

    def _end_patience(self) -> None:
        self._patience = None
        if not self.transport.is_closing():
            if self.cycle is None or not self.cycle.response_started or self.cycle.response_complete:
                self._say(Problem("request_timeout", "the request did not arrive in time", hint="send it at once"))
            self._close()

    def _close(self) -> None:
        self.transport.close()
        self.loop.call_later(TURNED_AWAY_S, self.transport.abort)

    def pause_writing(self) -> None:
        """An answer waits for its reader."""
        super().pause_writing()
        self._watch(-1)

    def resume_writing(self) -> None:
        """It was taken."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _watch(self, waiting: int) -> None:
        """A reader that took nothing since the last look is cut: the answer would be kept for ever."""
        now_waiting = self.transport.get_write_buffer_size()
        if now_waiting == waiting:
            self.transport.abort()
            return
        self._stalled = self.loop.call_later(ANSWER_STALLED_S, self._watch, now_waiting)

    def _cancel_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _cancel(self) -> None:
        self._cancel_patience()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    # -- answering without a request --------------------------------------------------------------------------

    def _say(self, problem: Problem) -> None:
        answer = problem_of(problem)
        lines = [
            f"HTTP/1.1 {answer.status_code} {HTTPStatus(answer.status_code).phrase}".encode(),
            b"connection: close",
        ]
        lines += [name + b": " + value for name, value in answer.raw_headers]
        self.transport.write(b"\r\n".join(lines) + b"\r\n\r\n" + bytes(answer.body))
        if self.transport.can_write_eof():
            self.transport.write_eof()
