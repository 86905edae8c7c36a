"""The sessions behind HTTP requests: one per document, agent and token, kept while it is used.

HTTP has no connection that a session could live as long as, and a session per request would end every reading with its
request. So a caller's session lives on between requests, for `HTTP_SESSION_IDLE_S`; when it has ended, ETags taken in it are
answered 409 and the caller reads again.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import OrderedDict

from accordant.engine.commands import Join, Leave
from accordant.engine.host.document_host import DocumentHost
from accordant.engine.host.engine import Engine
from accordant.engine.host.port import EmbeddedPort
from accordant.engine.host.turns import Turns
from accordant.sync.server.address import ANONYMOUS
from accordant.types.access import Principal
from accordant.types.errors import AccordantError
from accordant.types.limits import HTTP_SESSION_IDLE_S, HTTP_SESSIONS_MAX
from accordant.types.namespaces import DocumentKey

__all__ = ["HttpSessions"]

SWEEP_S = 60.0
Who = tuple[str, str, str | None]


class HttpSessions:
    """The HTTP sessions of one application."""

    def __init__(self, engine: Engine, idle_s: float = HTTP_SESSION_IDLE_S) -> None:
        self._engine = engine
        self._known: OrderedDict[Who, tuple[DocumentHost, EmbeddedPort, str]] = OrderedDict()
        self._beginning = Turns()
        self._ending: set[asyncio.Task[None]] = set()
        self._used_at: dict[Who, float] = {}
        self._idle_s = idle_s
        self._sweeping: asyncio.TimerHandle | None = None

    async def port(self, key: DocumentKey, principal: Principal) -> EmbeddedPort:
        """This caller's way to the document. Raises what `Engine.open` raises."""
        host = await self._engine.host(key)
        who = (key.path, principal.agent or ANONYMOUS, principal.token)
        async with self._beginning.of(who):
            self._used_at[who] = time.monotonic()
            known = self._known.get(who)
            if known is not None and known[0] is host and host.machine.sessions.get(known[2]) is not None:
                self._known.move_to_end(who)
                return known[1]
            return await self._begin(who, host, key, principal)

    async def _begin(self, who: Who, host: DocumentHost, key: DocumentKey, principal: Principal) -> EmbeddedPort:
        session, agent = uuid.uuid4().hex, who[1]
        lease_ms = int(HTTP_SESSION_IDLE_S * 1000)
        join = Join(
            session,
            agent,
            principal.roles,
            principal.auth,
            True,
            lease_ms,
            principal.grant.is_read_only,
            principal.grant,
        )
        joined = await host.call(join)
        port = EmbeddedPort(host, self._engine.store, key, agent, joined, principal.grant)
        self._known[who] = (host, port, session)
        while len(self._known) > HTTP_SESSIONS_MAX:
            oldest, (old_host, _, old) = self._known.popitem(last=False)
            self._used_at.pop(oldest, None)
            self._end(old_host, old)
        self._plan_sweep()
        return port

    def _sweep(self) -> None:
        """End what nobody has used for the whole time, and let go of documents that were closed here: a session must not keep
        one in memory for ever."""
        self._sweeping = None
        oldest = time.monotonic() - self._idle_s
        for who, (host, _, session) in list(self._known.items()):
            if host.is_closed or self._used_at.get(who, 0.0) < oldest:
                del self._known[who]
                self._used_at.pop(who, None)
                self._end(host, session)
        self._plan_sweep()

    def _plan_sweep(self) -> None:
        if self._sweeping is None and self._known:
            wait_s = min(SWEEP_S, self._idle_s)
            self._sweeping = asyncio.get_running_loop().call_later(wait_s, self._sweep)

    def _end(self, host: DocumentHost, session: str) -> None:
        if not host.is_closed:
            task = asyncio.create_task(_leave(host, session))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)


async def _leave(host: DocumentHost, session: str) -> None:
    try:
        await host.call(Leave(session, "unused over HTTP"))
    except AccordantError:  # the authority is gone, and every session with it
        return
