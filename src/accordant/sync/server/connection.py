"""One connection from accept to close: frames into the session machine, its actions out to room, seat and document.

It decides nothing. Frames are read one at a time; what they ask of the document runs in tasks that start in the order of
the frames, so that one peer's updates are judged in order and share durability waits.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any

from starlette.types import Receive

from accordant.engine.commands import Join, Leave, Sync, Tick, Update
from accordant.engine.host.document_host import DocumentHost
from accordant.sync import session as acts
from accordant.sync.closing import CloseCode, close_reason
from accordant.sync.messages import (
    Hello,
    Method,
    answer_to_json,
    committed_to_json,
    entries_to_json,
    history_from_json,
    question_from_json,
)
from accordant.sync.patience import Patience
from accordant.sync.server.peer import Peer
from accordant.sync.server.rooms import Room
from accordant.sync.server.seats import Seat, Seats
from accordant.sync.session import PeerSession
from accordant.sync.wire import SyncStep1, SyncStep2, encode_message
from accordant.types.commands import Submission
from accordant.types.entries import Auth
from accordant.types.errors import AccordantError, Invalid
from accordant.types.limits import ANSWER_BYTES_MAX, CALLS_IN_FLIGHT_MAX, FRAME_BYTES_MAX
from accordant.types.namespaces import DocumentKey

__all__ = ["Connection"]

logger = logging.getLogger("accordant.sync")


class Connection:
    """One accepted websocket of one document."""

    def __init__(
        self,
        peer: Peer,
        room: Room,
        seats: Seats,
        patience: Patience,
        key: DocumentKey,
        agent: str,
        machine: PeerSession | None = None,
    ) -> None:
        self._peer = peer
        self._room = room
        self._seats = seats
        self._key = key
        self._agent = agent
        self._machine = PeerSession() if machine is None else machine
        self._has_asked = False
        self._patience = patience
        self._goodbye: asyncio.TimerHandle | None = None
        self._seat: Seat | None = None
        self._slots = asyncio.Semaphore(CALLS_IN_FLIGHT_MAX)
        self._applying: set[asyncio.Task[None]] = set()
        self._answering: set[asyncio.Task[None]] = set()

    @property
    def _host(self) -> DocumentHost:
        return self._room.host

    async def serve(self, receive: Receive) -> None:
        """Run until either side closes. What the peer had sent before is still carried out."""
        reader = asyncio.create_task(self._read(receive))
        try:
            await asyncio.wait((reader, self._peer.writer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._peer.close(CloseCode.NORMAL)
            if self._goodbye is not None:
                self._goodbye.cancel()
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
            if self._seat is not None:
                self._seats.drop(self._seat, self._peer)
            for task in self._answering:  # nobody reads the answer; a submission goes on at its seat
                task.cancel()
            await asyncio.gather(*self._answering, *self._applying, return_exceptions=True)
            if self._peer.session and self._seat is None:
                await self._leave(self._peer.session)
        if not reader.cancelled() and reader.exception() is not None:
            raise reader.exception() or AssertionError

    async def _leave(self, session: str) -> None:
        try:
            await self._host.call(Leave(session))
        except AccordantError:  # the authority is gone, and every session with it
            return

    # -- reading ----------------------------------------------------------------------------------------------

    async def _read(self, receive: Receive) -> None:
        await self._carry_out(self._machine.opened())
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            frame = message.get("bytes")
            if frame is None:
                self._peer.close(CloseCode.MALFORMED, "text_frame: messages are binary")
            elif len(frame) > FRAME_BYTES_MAX:
                self._peer.close(CloseCode.TOO_LARGE, f"too_large: a frame has at most {FRAME_BYTES_MAX} bytes")
            elif not self._peer.is_closing:
                await self._carry_out(self._machine.receive_frame(frame))

    async def speak_first(self) -> None:
        """Step 1, unasked, unless it was sent before: what the peer has and the document lacks is sent in answer."""
        if not self._has_asked:
            self._has_asked = True
            await self._ask_for_news()

    async def _ask_for_news(self) -> None:
        try:
            self._peer.post(encode_message(SyncStep1(await self._state_vector())))
        except AccordantError as error:
            self._peer.close(CloseCode.UNAVAILABLE, close_reason(error))

    async def _state_vector(self) -> bytes:
        """What the document durably has: of what is only judged, a peer must not believe that it arrived (I2)."""
        while True:
            machine = self._host.machine
            state_vector = machine.state.replica.state_vector()
            if machine.head == self._host.durable_head:
                return state_vector
            await self._host.call(Tick())  # answered when all that was judged before it is durable
            if self._host.machine is machine:  # otherwise something of it was thrown away
                return state_vector

    async def _carry_out(self, actions: Sequence[acts.Action]) -> None:
        for action in actions:
            match action:
                case acts.Send(frame):
                    self._peer.post(frame)
                case acts.Close(code, reason):
                    self._peer.close(code, reason)
                case acts.Join():
                    await self._carry_out(await self._join())
                case acts.Greet(hello):
                    await self._carry_out(await self._greet(hello))
                case acts.Relay(states):
                    self._room.relay(self._peer, states)
                case acts.ShowAwareness():
                    self._peer.post(encode_message(self._room.awareness()))
                case acts.AskForNews():
                    await self._start(self.speak_first(), self._answering)
                case acts.Listen():
                    self._listen()
                case acts.Answer(state_vector, asks_first):
                    await self._start(self._answer(state_vector, asks_first), self._answering)
                case acts.Apply(update, catches_up):
                    await self._start(self._apply(update, catches_up), self._applying)
                case acts.Perform(call, method, body):
                    await self._start(self._perform(call, method, body), self._answering)

    async def _start(self, work: Coroutine[Any, Any, None], beside: set[asyncio.Task[None]]) -> None:
        """Run beside the reading, in order of starting; when too much runs, the next frame waits."""
        try:
            await self._slots.acquire()
        except asyncio.CancelledError:
            work.close()
            raise
        task = asyncio.create_task(work)
        beside.add(task)
        task.add_done_callback(beside.discard)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._slots.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s: a message of %r failed", self._key, self._agent, exc_info=error)
            self._peer.close(CloseCode.INTERNAL, "internal: reconnect and sync again")

    # -- sessions ---------------------------------------------------------------------------------------------

    async def _join(self) -> list[acts.Action]:
        """Sessions of ordinary peers share their name: one person's tabs and reconnects do not end each other."""
        self._peer.session = uuid.uuid4().hex  # set before the call, so that a cancelled join is left again
        try:
            await self._host.call(Join(self._peer.session, self._agent, auth=Auth.ASSERTED, shared=True))
        except AccordantError as error:
            return self._machine.turned_away(error)
        return self._machine.joined()

    async def _greet(self, hello: Hello) -> list[acts.Action]:
        try:
            self._seat, welcome = await self._seats.take(self._host, self._key, hello, self._peer)
        except AccordantError as error:
            return self._machine.turned_away(error)
        self._agent, self._peer.is_member = hello.agent, True
        return self._machine.welcomed(welcome)

    # -- what frames ask for ----------------------------------------------------------------------------------

    def _listen(self) -> None:
        """From now on the peer gets what changes; whatever was durable before is in its step 2."""
        self._peer.listens = True
        awareness = self._room.awareness()
        if awareness.states:
            self._peer.post(encode_message(awareness))

    async def _answer(self, state_vector: bytes, asks_first: bool) -> None:
        if asks_first:
            await self._ask_for_news()
        try:
            update = await self._host.call(Sync(state_vector))
        except AccordantError as error:
            self._peer.close(CloseCode.UNAVAILABLE, close_reason(error))
            return
        self._peer.post(encode_message(SyncStep2(update)))

    async def _apply(self, update: bytes, catches_up: bool) -> None:
        try:
            version = await self._host.call(Update(self._peer.session, update, catches_up))
        except AccordantError as error:
            await self._refuse(update, error)
        else:
            await self._carry_out(self._machine.applied(version))

    async def _refuse(self, update: bytes, error: AccordantError) -> None:
        """The peer is told at once, hears nothing more, and is closed: at once too, unless it comes back with the same."""
        for action in self._machine.refused(error):
            if not (isinstance(action, acts.Close) and action.code is CloseCode.REFUSED):
                await self._carry_out([action])
                continue
            self._peer.listens = False
            loop = asyncio.get_running_loop()
            delay_s = self._patience.refused(self._key.path, self._agent, update, loop.time())
            self._goodbye = loop.call_later(delay_s, self._peer.close, action.code, action.reason)

    async def _perform(self, call: int, method: Method, body: Mapping[str, Any]) -> None:
        seat = self._seat
        if seat is None:
            raise AssertionError("a call without a seat")
        try:
            frame = self._machine.result(call, await _METHODS[method](self._seats, seat, body))
            if len(frame) > ANSWER_BYTES_MAX:
                raise Invalid(f"the answer has {len(frame)} bytes", code="too_large", limit=ANSWER_BYTES_MAX)
        except AccordantError as error:
            frame = self._machine.failure(call, error)
        self._peer.post(frame)
        if method is Method.CLOSE:
            self._peer.close(CloseCode.NORMAL)
        elif seat.host.is_closed:
            self._peer.close(CloseCode.UNAVAILABLE, "no_authority: the document moved or was closed; reconnect")


async def _ask(_: Seats, seat: Seat, body: Mapping[str, Any]) -> Any:
    return answer_to_json(await seat.port.ask(question_from_json(body)))


async def _turn(_: Seats, seat: Seat, body: Mapping[str, Any]) -> Any:
    return answer_to_json(await seat.port.turn(question_from_json(body)))


async def _submit(_: Seats, seat: Seat, body: Mapping[str, Any]) -> Any:
    return committed_to_json(await seat.submit(Submission.from_json(body)))


async def _history(_: Seats, seat: Seat, body: Mapping[str, Any]) -> Any:
    return entries_to_json(await seat.port.history(history_from_json(body)))


async def _outline(_: Seats, seat: Seat, body: Mapping[str, Any]) -> Any:
    return await seat.port.outline()


async def _close(seats: Seats, seat: Seat, body: Mapping[str, Any]) -> Any:
    await seats.leave(seat)


_METHODS: dict[Method, Callable[[Seats, Seat, Mapping[str, Any]], Awaitable[Any]]] = {
    Method.ASK: _ask,
    Method.TURN: _turn,
    Method.SUBMIT: _submit,
    Method.HISTORY: _history,
    Method.OUTLINE: _outline,
    Method.CLOSE: _close,
}
