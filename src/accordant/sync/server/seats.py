"""Seats: the sessions of our own clients, which outlive a dropped connection for a while (I6).

A seat is resumed with its session's id and the secret that the welcome gave. It remembers what its submissions came to,
so that one whose answer was lost is answered again and not performed again.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import uuid
from collections import OrderedDict

from accordant.engine.commands import Declare, Join, Joined, Leave
from accordant.engine.host.document_host import DocumentHost
from accordant.engine.host.port import EmbeddedPort
from accordant.engine.stores.contract import Store
from accordant.sync.closing import CloseCode
from accordant.sync.messages import CAPABILITIES, REPLICA, Hello, Resume, Welcome
from accordant.sync.server.following import Following
from accordant.sync.server.peer import Peer
from accordant.types.access import Principal
from accordant.types.commands import Committed, Submission
from accordant.types.errors import AccordantError, Denied, Fenced
from accordant.types.limits import SEATS_WAITING_MAX, SESSION_GRACE_S, SESSIONS_LAPSED_KEPT, SUBMISSIONS_REMEMBERED
from accordant.types.namespaces import DocumentKey

__all__ = ["Seat", "Seats"]


class Seat:
    """One session of one of our clients, with or without a connection."""

    def __init__(self, host: DocumentHost, port: EmbeddedPort, joined: Joined, token: str | None = None) -> None:
        self.host = host
        self.port = port
        self.joined = joined
        self.token = token
        self.following = Following(port)
        self.secret = secrets.token_urlsafe(24)
        self.peer: Peer | None = None
        self.timer: asyncio.TimerHandle | None = None
        self._submitted: OrderedDict[str, asyncio.Task[Committed]] = OrderedDict()

    async def submit(self, submission: Submission) -> Committed:
        """Land it, or give the answer that it had when it landed. Goes on when the connection drops."""
        task = self._submitted.get(submission.op_id)
        if task is None:
            task = asyncio.create_task(self.port.submit(submission))
            self._submitted[submission.op_id] = task
            task.add_done_callback(lambda done: self._settled(submission.op_id, done))
        return await asyncio.shield(task)

    def _settled(self, op_id: str, task: asyncio.Task[Committed]) -> None:
        """A refusal is not kept: whoever asks again is judged again."""
        if task.cancelled() or task.exception() is not None:
            self._submitted.pop(op_id, None)
        while len(self._submitted) > SUBMISSIONS_REMEMBERED:
            self._submitted.popitem(last=False)

    @property
    def ends_with_its_connection(self) -> bool:
        """Whether nobody has ended the session on purpose: only then may its client join again by itself."""
        host = self.host
        return host.is_closed or host.machine.sessions.get(self.joined.session) is not None

    def welcome(self, resumed: bool, grace_s: float) -> Welcome:
        """What the client is told."""
        joined = self.joined
        return Welcome(
            joined.session,
            self.secret,
            joined.generation,
            joined.epoch,
            joined.incarnation,
            self.port.version,
            self.port.schema,
            resumed,
            grace_s,
            CAPABILITIES if self.port.grant.reads_everything else CAPABILITIES - {REPLICA},
        )


class Seats:
    """The seats of one application."""

    def __init__(self, store: Store, grace_s: float = SESSION_GRACE_S) -> None:
        self._store = store
        self._grace_s = grace_s
        self._seats: dict[str, Seat] = {}
        self._waiting: dict[str, Seat] = {}
        self._lapsed: OrderedDict[str, None] = OrderedDict()
        self._ending: set[asyncio.Task[None]] = set()

    async def take(
        self, host: DocumentHost, key: DocumentKey, hello: Hello, peer: Peer, principal: Principal | None = None
    ) -> tuple[Seat, Welcome]:
        """Resume the seat that this hello claims, or begin a new session. Raises what `Engine.open` raises, and
        `Fenced` when the claimed session was ended by somebody."""
        principal = principal or Principal(None)
        if principal.token is not None and hello.agent != principal.agent:
            raise Denied("the token belongs to another agent", code="not_your_name")
        seat = self._resumed(host, hello, hello.resume) if hello.resume is not None else None
        if seat is not None and seat.token != principal.token:
            seat = None  # what another token granted is not this one's
        resumed = seat is not None
        if seat is None:
            seat = await self._begin(host, key, hello, principal)
        self._waiting.pop(seat.joined.session, None)
        if seat.timer is not None:
            seat.timer.cancel()
            seat.timer = None
        if seat.peer is not None:
            seat.peer.close(CloseCode.ENDED, "resumed_elsewhere: another connection resumed this session")
        seat.peer, peer.session = peer, seat.joined.session
        return seat, seat.welcome(resumed, self._grace_s)

    def drop(self, seat: Seat, peer: Peer) -> None:
        """The connection is gone; its session stays for the grace time."""
        if seat.peer is not peer:
            return  # resumed by a newer connection
        seat.peer = None
        if self._seats.get(seat.joined.session) is seat:
            seat.timer = asyncio.get_running_loop().call_later(self._grace_s, self._lapse, seat)
            self._waiting[seat.joined.session] = seat
            if len(self._waiting) > SEATS_WAITING_MAX:
                self._lapse(next(iter(self._waiting.values())))

    async def leave(self, seat: Seat) -> None:
        """The client has closed its session."""
        self._seats.pop(seat.joined.session, None)
        self._waiting.pop(seat.joined.session, None)
        await seat.port.close()

    def close(self) -> None:
        """The server stops: sessions end with its epoch."""
        for seat in self._seats.values():
            if seat.timer is not None:
                seat.timer.cancel()
        self._seats.clear()

    def _resumed(self, host: DocumentHost, hello: Hello, claim: Resume) -> Seat | None:
        seat, sessions = self._seats.get(claim.session), host.machine.sessions
        if seat is None or seat.host is not host:
            if claim.session not in self._lapsed and sessions.ended(claim.session) is not None:
                raise Fenced("this session was ended: closed, fenced, replaced, or its lease ran out")
            return None  # its grace time is over, or it was another authority's: a new session for the same client
        if not hmac.compare_digest(seat.secret.encode(), claim.secret.encode()) or seat.port.agent != hello.agent:
            raise Fenced("this session belongs to somebody else", code="not_yours")
        if sessions.get(claim.session) is None:
            del self._seats[claim.session]
            raise Fenced("this session was ended: fenced, replaced, or its lease ran out")
        return seat

    async def _begin(self, host: DocumentHost, key: DocumentKey, hello: Hello, principal: Principal) -> Seat:
        grant, roles = principal.grant, hello.roles if principal.token is None else principal.roles
        read_only = hello.read_only or grant.is_read_only
        if hello.schema is not None and hello.schema.regions:
            await host.call(Declare(hello.schema, hello.agent, trusted=False, grant=grant))
        session = uuid.uuid4().hex
        join = Join(session, hello.agent, roles, principal.auth, hello.shared, hello.lease_ms, read_only, grant)
        try:
            joined = await host.call(join)
        except asyncio.CancelledError:
            self._end(host, session)  # the connection went while its session began
            raise
        seat = Seat(host, EmbeddedPort(host, self._store, key, hello.agent, joined, grant), joined, principal.token)
        self._seats[session] = seat
        return seat

    def _lapse(self, seat: Seat) -> None:
        session = seat.joined.session
        self._waiting.pop(session, None)
        if seat.timer is not None:
            seat.timer.cancel()
        if self._seats.pop(session, None) is None:
            return
        if seat.ends_with_its_connection:
            self._lapsed[session] = None
        while len(self._lapsed) > SESSIONS_LAPSED_KEPT:
            self._lapsed.popitem(last=False)
        self._end(seat.host, session)

    def _end(self, host: DocumentHost, session: str) -> None:
        task = asyncio.create_task(_leave(host, session))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


async def _leave(host: DocumentHost, session: str) -> None:
    try:
        await host.call(Leave(session, "the connection was lost"))
    except AccordantError:  # the authority is gone, and every session with it
        return
