"""The client's side of the socket: opens it, comes back with jittered back-off, and carries out what the session machine says.

It decides nothing about sessions or calls; it waits, and it rolls the dice of the back-off.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import ConnectionClosed, InvalidURI, WebSocketException

from accordant.engine.crdt import ReplicaBroken
from accordant.sync.client.offline import Offline
from accordant.sync.client.presence import WebsocketPresence
from accordant.sync.client_session import (
    ClientAction,
    ClientSession,
    ClientState,
    Fail,
    Heard,
    Replicate,
    Resolve,
    Stop,
    Transmit,
    Welcomed,
)
from accordant.sync.messages import Hello, Method, merge_to_json
from accordant.sync.wire import SyncStep1, encode_message
from accordant.types.errors import AccordantError, Fenced, Invalid, NoAuthority, StoreError
from accordant.types.limits import (
    ANSWER_BYTES_MAX,
    CLOSE_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    KEEPALIVE_S,
    RECONNECT_DELAY_MAX_S,
    RECONNECT_DELAY_S,
    SESSION_GRACE_S,
)

__all__ = ["Connection"]

RETIRED_RETRIES = 3
"""Times in a row that everything is written anew because the client id was retired meanwhile."""

logger = logging.getLogger("accordant.sync")


class Connection:
    """One session's way to the server, over as many websockets as it takes. One event loop; not for several threads."""

    def __init__(self, url: str, hello: Hello, token: str | None = None, offline: Offline | None = None) -> None:
        self.session = ClientSession(hello)
        self.offline = offline
        self.presence = WebsocketPresence(hello.agent, lambda: self.is_ready, self._transmit)
        self._draining: asyncio.Task[None] | None = None
        self._drained = asyncio.Event()
        self._url = url
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._socket: ClientConnection | None = None
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._welcomed: asyncio.Future[None] | None = None
        self._running: asyncio.Task[None] | None = None
        self._sending: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """The first connection, up to the welcome. Raises `NoAuthority`, or why the server turned us away."""
        self._welcomed = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                socket = await self._dial()
                self._running = asyncio.create_task(self._run(socket))
                await asyncio.shield(self._welcomed)
        except TimeoutError as error:
            await self.close()
            raise self._unreachable(f"no welcome in {CONNECT_TIMEOUT_S:.0f} s") from error
        except BaseException:
            await self.close()
            raise

    async def call(self, method: Method, body: Mapping[str, Any]) -> Any:
        """The answer to a call. Raises what the authority raised, `NoAuthority` at once while offline, `StoreError` with
        `landed=None` when a submission's answer can no longer come."""
        call, frame = self.session.call(method, body)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[call] = answer
        try:
            await self._transmit(frame)
            return await answer
        finally:
            self._waiting.pop(call, None)
            self.session.forget(call)

    # -- what was written offline -------------------------------------------------------------------------------

    @property
    def is_ready(self) -> bool:
        """Whether the authority can be asked now."""
        return self.session.state is ClientState.READY

    async def drained(self, timeout_s: float | None) -> None:
        """Wait until no write waits. Raises `NoAuthority`, code `timeout`, and what ended the session."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.offline is not None and self.offline.pending:
                    self._drained.clear()
                    await self._drained.wait()
        except TimeoutError as error:
            waiting = 0 if self.offline is None else self.offline.pending
            raise NoAuthority(f"{waiting} writes still wait for the server", code="timeout") from error

    def _replicate(self, update: bytes, is_whole: bool) -> None:
        offline = self.offline
        if offline is None:
            return
        try:
            if not is_whole:
                offline.changed(update)
                return
            offline.synced(update)
        except ReplicaBroken:
            logger.exception("%s: the replica could not take in what the server sent; it is filled anew", self._url)
            offline.refill()
            self._spawn(self._transmit(encode_message(SyncStep1(offline.replica.state_vector()))))
            return
        self.drain()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    def drain(self) -> None:
        """Send what waits, one after another, unless that is under way."""
        if self.offline is not None and self.offline.pending and (self._draining is None or self._draining.done()):
            self._draining = asyncio.create_task(self._drain(self.offline))

    async def _drain(self, offline: Offline) -> None:
        retired = 0
        while self.is_ready and offline.has_synced and (intention := offline.first) is not None:
            submission, update = intention.submission, intention.update
            try:
                if update is not None:
                    body = merge_to_json(update, submission.op_id, submission.why)
                    version = (await self.call(Method.MERGE, body))["version"]
                    self.session.version = max(self.session.version, int(version))
                offline.landed(intention)
            except (NoAuthority, StoreError):
                await asyncio.sleep(RECONNECT_DELAY_S)  # the same op id, again, as soon as somebody answers
            except Fenced as error:
                offline.give_up(error)
            except AccordantError as error:
                if error.code == "retired_client" and retired < RETIRED_RETRIES:
                    retired += 1
                    offline.begin_anew()
                else:
                    offline.turned_down(intention, error)
            self._drained.set()
        self._drained.set()

    async def close(self, reason: AccordantError | None = None) -> None:
        """Let go of the socket; the session ends with `reason`. Idempotent."""
        self._carry_out(self.session.end(reason or NoAuthority("this handle was closed", code="closed")))
        if self._draining is not None:
            self._draining.cancel()
            await asyncio.gather(self._draining, return_exceptions=True)
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            self._running = None
        if self._socket is not None:
            await self._socket.close()

    # -- the socket -------------------------------------------------------------------------------------------

    async def _dial(self) -> ClientConnection:
        local = (urlsplit(self._url).hostname or "") in ("localhost", "127.0.0.1", "::1")
        try:
            return await open_websocket(
                self._url,
                additional_headers=self._headers,
                compression=None,
                max_size=ANSWER_BYTES_MAX,
                open_timeout=CONNECT_TIMEOUT_S,
                close_timeout=CLOSE_TIMEOUT_S,
                ping_interval=KEEPALIVE_S,
                ping_timeout=KEEPALIVE_S,
                proxy=None if local else True,
            )
        except (InvalidURI, ValueError) as error:
            raise Invalid(f"{self._url!r} is not a websocket address: {error}", code="bad_url") from error
        except (OSError, TimeoutError, WebSocketException) as error:
            raise self._unreachable(str(error) or type(error).__name__) from error

    def _unreachable(self, why: str) -> NoAuthority:
        return NoAuthority(
            f"{self._url} cannot be reached: {why}", code="unreachable", hint="is `accordant serve` running there?"
        )

    async def _run(self, socket: ClientConnection) -> None:
        """Talk, and come back, until the session ends."""
        while True:
            await self._talk(socket)
            if self._welcomed is not None and not self._welcomed.done():
                reason = socket.close_reason or "the connection ended before the welcome"
                self._carry_out(self.session.end(self._unreachable(reason)))
            if self.session.ended is not None:
                return
            found = await self._come_back()
            if found is None:
                return
            socket = found

    async def _talk(self, socket: ClientConnection) -> None:
        self._socket = socket
        try:
            await self._transmit_all(self.session.opened())
            async for frame in socket:
                if isinstance(frame, bytes):
                    await self._transmit_all(self.session.receive_frame(frame))
                if self.session.ended is not None:
                    break
        except ConnectionClosed:
            pass  # how it closed is read below, for this way out and for the quiet one alike
        finally:
            self._socket = None
            with contextlib.suppress(WebSocketException, OSError):
                await socket.close()
        self.presence.dropped()
        self._carry_out(self.session.dropped(socket.close_code or 0, socket.close_reason or ""))

    async def _come_back(self) -> ClientConnection | None:
        """A new connection, however long that takes; unanswered calls wait for it no longer than the server keeps us."""
        welcome = self.session.welcome
        deadline = asyncio.get_running_loop().time() + (SESSION_GRACE_S if welcome is None else welcome.grace_s)
        delay = RECONNECT_DELAY_S
        while True:
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))
            delay = min(2 * delay, RECONNECT_DELAY_MAX_S)
            try:
                return await self._dial()
            except NoAuthority as error:
                if asyncio.get_running_loop().time() > deadline:
                    self._carry_out(self.session.give_up(error))
            except Invalid as error:
                self._carry_out(self.session.end(error))
                return None

    # -- actions ----------------------------------------------------------------------------------------------

    async def _transmit_all(self, actions: Sequence[ClientAction]) -> None:
        for action in self._carry_out(actions):
            await self._transmit(action)

    async def _transmit(self, frame: bytes) -> None:
        """A frame that the socket no longer takes is not lost: the session sends it again when it is welcomed anew."""
        if self._socket is not None:
            with contextlib.suppress(ConnectionClosed):
                await self._socket.send(frame)

    def _carry_out(self, actions: Sequence[ClientAction]) -> list[bytes]:
        """Settle what the actions settle; returns the frames to send."""
        frames = []
        for action in actions:
            match action:
                case Transmit(frame):
                    frames.append(frame)
                case Resolve(call, body):
                    self._settle(self._waiting.get(call), body, None)
                case Fail(call, error):
                    self._settle(self._waiting.get(call), None, error)
                case Replicate(update, is_whole):
                    self._replicate(update, is_whole)
                case Heard(states):
                    self.presence.heard(states)
                case Welcomed(resumed, is_same, may_replicate):
                    frames += self.presence.welcomed()
                    if self.offline is not None:
                        self.offline.rejoined(is_same)
                        self._drained.set()
                        if may_replicate:
                            frames.append(encode_message(SyncStep1(self.offline.replica.state_vector())))
                    logger.debug("%s: %s", self._url, "resumed" if resumed else "joined")
                    self._settle(self._welcomed, None, None)
                case Stop(error):
                    self.presence.end(error)
                    if self.offline is not None:
                        self.offline.give_up(error)
                        self._drained.set()
                    self._settle(self._welcomed, None, error)
        return frames

    @staticmethod
    def _settle(future: asyncio.Future[Any] | None, value: Any, error: AccordantError | None) -> None:
        if future is None or future.done():
            return
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)
            future.exception()  # seen: nobody may be waiting any more, and then it is no news
