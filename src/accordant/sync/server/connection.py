"""One connection from accept to close: frames into the session machine, its actions out to room, seat and document.

It decides nothing. A frame is carried out in the turn in which it arrives: updates are posted to the document, which combines
and judges them in the order of arrival; what has to wait (calls, whole states) runs in tasks that start in the order of the
frames. While a session begins, or too much is under way, frames wait here and the socket is not read.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Coroutine, Mapping, Sequence
from functools import partial
from typing import Any

from accordant.engine.commands import Join, Leave, Sync, Tick, Update
from accordant.engine.host.document_host import DocumentHost
from accordant.sync import session as acts
from accordant.sync.closing import CloseCode, close_reason
from accordant.sync.messages import Hello, Method
from accordant.sync.pace import Pace
from accordant.sync.patience import Patience
from accordant.sync.server.calls import METHODS
from accordant.sync.server.channel import Channel
from accordant.sync.server.peer import Peer
from accordant.sync.server.rooms import Room
from accordant.sync.server.seats import Seat, Seats
from accordant.sync.session import PeerSession
from accordant.sync.wire import Awareness, SyncStep1, encode_message
from accordant.types.access import Principal
from accordant.types.errors import AccordantError, Denied, EpochChanged, Invalid
from accordant.types.limits import (
    ANSWER_BYTES_MAX,
    CALLS_IN_FLIGHT_MAX,
    CHATTER_BUILT_BYTES,
    CHATTER_BURST,
    CHATTER_BYTES,
    CHATTER_PER_S,
    EARLY_UPDATES_MAX,
    EARLY_WAIT_S,
    FRAME_BYTES_MAX,
    UPDATE_BYTES_IN_FLIGHT_MAX,
    UPDATES_IN_FLIGHT_MAX,
)
from accordant.types.namespaces import DocumentKey

__all__ = ["Connection"]

_TOO_EARLY = frozenset({"clock_gap", "unknown_reference"})

_HELD_LONGER = (CloseCode.REFUSED, CloseCode.EPOCH)
"""Peers that may come back by themselves, with the same in vain."""

logger = logging.getLogger("accordant.sync")
_REPLICATES = (acts.Listen, acts.Answer)
_WHOLE = (Method.OUTLINE, Method.HISTORY, Method.CUT, Method.RECALL)
"""Calls whose answers may be as large as the document, or that look through its log: one at a time."""
_WITH_OTHERS = (acts.AskForNews, acts.Relay, acts.ShowAwareness)
"""What a bearer who reads only some regions has no part in: a replica, which it is told, and presences, which it is not."""


class Connection:
    """One accepted websocket of one document: a `Receiver` of its channel."""

    def __init__(
        self,
        channel: Channel,
        peer: Peer,
        room: Room,
        seats: Seats,
        patience: Patience,
        key: DocumentKey,
        agent: str,
        machine: PeerSession | None = None,
        principal: Principal | None = None,
    ) -> None:
        self._channel = channel
        self._peer = peer
        self._room = room
        self._seats = seats
        self._key = key
        self._agent = agent
        self._principal = principal or Principal(agent)
        self._machine = PeerSession() if machine is None else machine
        self._has_asked = False
        self._patience = patience
        self._goodbye: asyncio.TimerHandle | None = None
        self._seat: Seat | None = None
        self._frames: deque[bytes] = deque()
        self._beginning: asyncio.Task[None] | None = None
        self._updates = 0
        self._update_bytes = 0
        self._answering: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._is_connected = True
        self._is_paused = False
        self._unacknowledged = 0
        self._awaits_step_2 = False
        self._early: list[bytes] = []
        self._early_timer: asyncio.TimerHandle | None = None
        self._version = 0
        self._pace = Pace(CHATTER_PER_S, CHATTER_BURST, asyncio.get_running_loop().time())
        self._debt: asyncio.TimerHandle | None = None
        self._is_asked_who = False
        self._one_answer = asyncio.Lock()

    @property
    def _host(self) -> DocumentHost:
        return self._room.host

    async def serve(self) -> None:
        """Run until the connection ends; what the peer had sent before is still carried out."""
        try:
            await self._until(lambda: not self._is_connected)
            if self._seat is not None:
                self._seats.drop(self._seat, self._peer)
            await self._until(lambda: not (self._frames or self._beginning or self._updates))
        finally:
            self._peer.close(CloseCode.NORMAL)
            for timer in filter(None, (self._goodbye, self._early_timer, self._debt)):
                timer.cancel()
            self._early.clear()  # still in the peer's replica: it comes with the answer to our next Step 1
            self._frames.clear()
            ending = [*self._answering, *filter(None, (self._beginning,))]
            for task in ending:  # nobody reads the answer; a submission goes on at its seat
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)
            if self._seat is not None:
                self._seats.drop(self._seat, self._peer)
            elif self._peer.session:
                await self._leave(self._peer.session)

    def begin(self) -> None:
        """The machine's first actions: to be called once, before the first frame."""
        self._carry_out(self._machine.opened())

    async def _until(self, condition: Any) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    async def _leave(self, session: str) -> None:
        try:
            await self._host.call(Leave(session))
        except AccordantError:  # the authority is gone, and every session with it
            return

    # -- receiving: nothing here waits --------------------------------------------------------------------------

    def frame_received(self, frame: bytes) -> None:
        """Carry a frame out, now or when it is its turn."""
        if self._frames or self._is_full:
            self._frames.append(frame)
        else:
            self._take(frame)
        if self._is_full and not self._is_paused:
            self._is_paused = True
            self._channel.pause()

    def text_received(self) -> None:
        """No message of ours is text."""
        self._peer.close(CloseCode.MALFORMED, "text_frame: messages are binary")

    def disconnected(self) -> None:
        """The peer is gone."""
        self._is_connected = False
        self._changed.set()
        if self._debt is not None:  # what it had sent before is carried out now
            self._debt.cancel()
            self._paid()

    @property
    def _is_full(self) -> bool:
        """Whether the next frame has to wait."""
        return (
            self._beginning is not None
            or self._debt is not None
            or self._updates >= UPDATES_IN_FLIGHT_MAX
            or self._update_bytes >= UPDATE_BYTES_IN_FLIGHT_MAX
            or len(self._answering) >= CALLS_IN_FLIGHT_MAX
        )

    def _take(self, frame: bytes) -> None:
        if self._peer.is_closing:
            return
        if len(frame) > FRAME_BYTES_MAX:
            self._peer.close(CloseCode.TOO_LARGE, f"too_large: a frame has at most {FRAME_BYTES_MAX} bytes")
            return
        try:
            self._carry_out(self._machine.receive_frame(frame))
        except Exception as error:
            self._fail(error)

    def _go_on(self) -> None:
        """Something was answered: frames that waited may follow."""
        while self._frames and not self._is_full:
            self._take(self._frames.popleft())
        if self._is_paused and not self._frames and not self._is_full:
            self._is_paused = False
            self._channel.resume()
        self._changed.set()

    def _fail(self, error: BaseException) -> None:
        logger.error("%s: a message of %r failed", self._key, self._agent, exc_info=error)
        self._peer.close(CloseCode.INTERNAL, "internal: reconnect and sync again")

    # -- what frames ask for ----------------------------------------------------------------------------------

    def _carry_out(self, actions: Sequence[acts.Action]) -> None:
        for action in actions:
            is_partial = not self._principal.grant.reads_everything
            if is_partial and isinstance(action, _WITH_OTHERS):
                if isinstance(action, acts.ShowAwareness):
                    self._peer.post(encode_message(Awareness(())))
                continue
            if is_partial and isinstance(action, _REPLICATES):
                self._peer.close(CloseCode.REFUSED, "partial_reader: a replica holds all regions; use calls or HTTP")
                return
            match action:
                case acts.Apply(update, catches_up):
                    self._apply(update, catches_up)
                case acts.Send(frame):
                    self._peer.post(frame)
                case acts.Close(code, reason):
                    self._peer.close(code, reason)
                case acts.Join(read_only):
                    self._begin(self._join(read_only))
                case acts.Greet(hello):
                    self._begin(self._greet(hello))
                case acts.Relay(states):
                    self._charge(1 + len(states) // 16)
                    self._room.relay(self._peer, states)
                case acts.ShowAwareness():
                    self._charge(1)
                    self._show_awareness()
                case acts.AskForNews():
                    self._start(self.speak_first())
                case acts.Listen(is_known):
                    self._listen(is_known)
                case acts.Answer(state_vector, asks_first):
                    self._peer.hold()  # from this turn on, in which the peer begins to listen
                    self._peer.listens = True
                    self._start(self._answer(state_vector, asks_first))
                case acts.Perform(call, method, body):
                    self._start(self._perform(call, method, body))

    def _apply(self, update: bytes, catches_up: bool) -> None:
        """Judge it. Yjs clients that come back send a new edit at once, before they have answered our Step 1 with all that
        they did offline: until that answer, an edit that stands on something unknown is kept, and judged after it."""
        self._updates += 1
        self._update_bytes += len(update)
        is_trial = self._awaits_step_2 and not catches_up

        def answered(reply: Any) -> None:
            if not is_trial or not isinstance(reply, AccordantError):
                self._answered(update, reply)
            elif self._awaits_step_2 and reply.code in _TOO_EARLY and len(self._early) < EARLY_UPDATES_MAX:
                self._keep_early(update)
            else:
                self._judge(update)

        self._host.post(Update(self._peer.session, update, catches_up, is_trial=is_trial), answered)
        if catches_up:
            self._judge_early()

    def _judge(self, update: bytes) -> None:
        """For good: a refusal is recorded."""
        self._host.post(Update(self._peer.session, update), partial(self._answered, update))

    def _answered(self, update: bytes, reply: Any) -> None:
        self._updates -= 1
        self._update_bytes -= len(update)
        if isinstance(reply, AccordantError):
            self._acknowledge()
            self._refuse(update, reply)
        else:
            self._landed(reply)
        if self._is_paused or not self._is_connected:
            self._go_on()

    def _keep_early(self, update: bytes) -> None:
        """It does not count as under way, or the answer to Step 1 might never be read."""
        self._updates -= 1
        self._update_bytes -= len(update)
        self._early.append(update)
        if self._early_timer is None:
            self._early_timer = asyncio.get_running_loop().call_later(EARLY_WAIT_S, self._judge_early)
        if self._is_paused or not self._is_connected:
            self._go_on()

    def _judge_early(self) -> None:
        """The peer has said what it did before, or takes too long for it."""
        self._awaits_step_2 = False
        if self._early_timer is not None:
            self._early_timer.cancel()
            self._early_timer = None
        early, self._early = self._early, []
        for update in early:
            self._updates += 1
            self._update_bytes += len(update)
            self._judge(update)

    def _refuse(self, update: bytes, error: AccordantError) -> None:
        """The peer is told at once, hears nothing more, and is closed: at once too, unless it comes back with the same."""
        for action in self._machine.refused(error):
            if not (isinstance(action, acts.Close) and action.code in _HELD_LONGER):
                self._carry_out([action])
                continue
            self._peer.turn_away()
            loop = asyncio.get_running_loop()
            delay_s = self._patience.refused(self._key.path, self._agent, update, loop.time())
            self._goodbye = loop.call_later(delay_s, self._peer.close, action.code, action.reason)

    def _landed(self, version: int) -> None:
        """One update is durable; those that became so together are acknowledged together."""
        if not self._unacknowledged:
            asyncio.get_running_loop().call_soon(self._acknowledge)
        self._unacknowledged += 1
        self._version = version

    def _acknowledge(self) -> None:
        count, self._unacknowledged = self._unacknowledged, 0
        if count:
            self._carry_out(self._machine.applied(self._version, count))

    def _charge(self, messages: float) -> None:
        """What changes nothing is free up to a rate; beyond it the peer is not read until it has paid."""
        loop = asyncio.get_running_loop()
        wait_s = self._pace.spend(loop.time(), messages)
        if wait_s > 0 and self._is_connected:
            if self._debt is not None:
                self._debt.cancel()
            self._debt = loop.call_later(wait_s, self._paid)
            if not self._is_paused:
                self._is_paused = True
                self._channel.pause()

    async def _until_paid(self) -> None:
        """Questions of which many have arrived already wait too."""
        if (wait_s := self._pace.spend(asyncio.get_running_loop().time(), 0)) > 0:
            await asyncio.sleep(wait_s)

    def _paid(self) -> None:
        self._debt = None
        self._go_on()

    def _show_awareness(self) -> None:
        """Whoever asks many times in one turn is answered once, and from then on told of changes."""
        self._peer.watches = True
        if not self._is_asked_who:
            self._is_asked_who = True
            asyncio.get_running_loop().call_soon(self._tell_awareness)

    def _tell_awareness(self) -> None:
        self._is_asked_who = False
        frame = self._room.awareness_frame()
        self._charge(len(frame.payload) / CHATTER_BYTES)
        self._peer.post(frame)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run beside the reading, in order of starting."""
        task = asyncio.create_task(work)
        self._answering.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._answering.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)
        self._go_on()

    # -- sessions ---------------------------------------------------------------------------------------------

    def _begin(self, session: Coroutine[Any, Any, list[acts.Action]]) -> None:
        """A session begins; until it has, the next frames wait."""
        self._beginning = asyncio.create_task(self._begun(session))

    async def _begun(self, session: Coroutine[Any, Any, list[acts.Action]]) -> None:
        try:
            actions = await session
            self._beginning = None
            self._carry_out(actions)
        except Exception as error:
            self._fail(error)
        finally:
            self._beginning = None
        self._go_on()

    async def _join(self, read_only: bool) -> list[acts.Action]:
        """Sessions of ordinary peers share their name: one person's tabs and reconnects do not end each other."""
        self._peer.session = uuid.uuid4().hex  # set before the call, so that a cancelled join is left again
        who = self._principal
        read_only = read_only or who.grant.is_read_only
        join = Join(self._peer.session, self._agent, who.roles, who.auth, True, None, read_only, who.grant)
        try:
            self._check_replica()
            await self._host.call(join)
        except AccordantError as error:
            return self._machine.turned_away(error)
        return self._machine.joined()

    async def _greet(self, hello: Hello) -> list[acts.Action]:
        try:
            self._seat, welcome = await self._seats.take(self._host, self._key, hello, self._peer, self._principal)
        except AccordantError as error:
            return self._machine.turned_away(error)
        self._agent, self._peer.is_member = hello.agent, True
        return self._machine.welcomed(welcome)

    # -- what has to wait ---------------------------------------------------------------------------------------

    async def speak_first(self) -> None:
        """Step 1, unasked, unless it was sent before: what the peer has and the document lacks is sent in answer."""
        if not self._has_asked:
            self._has_asked = True
            await self._ask_for_news()

    async def _ask_for_news(self) -> None:
        try:
            state_vector = await self._state_vector()
            self._awaits_step_2 = True
            self._peer.post(encode_message(SyncStep1(state_vector)))
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

    def _check_replica(self) -> None:
        """A Yjs replica holds the whole document."""
        if not self._principal.grant.reads_everything:
            text = "this token reads some regions only, and a replica holds all: use calls or HTTP"
            raise Denied(text, code="partial_reader")

    def _listen(self, is_known: bool) -> None:
        """From now on the peer gets what changes; whatever was durable before is in its step 2."""
        self._peer.watches = True
        self._peer.listens = self._peer.listens or is_known
        if self._room.awareness().states:
            self._peer.post(self._room.awareness_frame())

    async def _answer(self, state_vector: bytes, asks_first: bool) -> None:
        try:
            if asks_first:
                await self._ask_for_news()
            async with (
                self._one_answer
            ):  # a frame of a thousand questions must not make a thousand whole states at once
                await self._until_paid()
                if self._peer.is_closing:
                    return
                update = await self._host.call(Sync(state_vector))
                frame = self._room.whole_state(update)
                self._charge(1 + len(update) / CHATTER_BYTES)
                self._peer.post_whole(frame)
        except EpochChanged as error:
            self._peer.turn_away()  # not a byte of this document reaches that replica
            self._refuse(state_vector, error)
        except AccordantError as error:
            self._peer.close(CloseCode.UNAVAILABLE, close_reason(error))
        finally:
            self._peer.release()

    async def _perform(self, call: int, method: Method, body: Mapping[str, Any]) -> None:
        seat = self._seat
        if seat is None:
            raise AssertionError("a call without a seat")
        try:
            if method in _WHOLE:
                async with self._one_answer:
                    await self._until_paid()
                    frame = self._machine.result(call, await METHODS[method](self._seats, seat, body))
            else:
                frame = self._machine.result(call, await METHODS[method](self._seats, seat, body))
            self._charge(len(frame) / CHATTER_BUILT_BYTES)
            if len(frame) > ANSWER_BYTES_MAX:
                raise Invalid(f"the answer has {len(frame)} bytes", code="too_large", limit=ANSWER_BYTES_MAX)
        except AccordantError as error:
            frame = self._machine.failure(call, error)
        self._peer.post(frame)
        if method is Method.CLOSE:
            self._peer.close(CloseCode.NORMAL)
        elif seat.host.is_closed:
            self._peer.close(CloseCode.UNAVAILABLE, "no_authority: the document moved or was closed; reconnect")
