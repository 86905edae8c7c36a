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
from accordant.sync.server.address import ANONYMOUS
from accordant.types.access import Principal
from accordant.types.errors import AccordantError
from accordant.types.limits import HTTP_SESSION_IDLE_S, HTTP_SESSIONS_MAX
from accordant.types.namespaces import DocumentKey

__all__ = ["HttpSessions"]

TIDY_S = 60.0
Who = tuple[str, str, str | None]


class HttpSessions:
    """The HTTP sessions of one application."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: OrderedDict[Who, tuple[DocumentHost, EmbeddedPort, str]] = OrderedDict()
        self._beginning: dict[Who, asyncio.Lock] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._tidy_at = 0.0

    async def port(self, key: DocumentKey, principal: Principal) -> EmbeddedPort:
        """This caller's way to the document. Raises what `Engine.open` raises."""
        host = await self._engine.host(key)
        who = (key.path, principal.agent or ANONYMOUS, principal.token)
        lock = self._beginning.setdefault(who, asyncio.Lock())
        try:
            async with lock:
                known = self._known.get(who)
                if known is not None and known[0] is host and host.machine.sessions.get(known[2]) is not None:
                    self._known.move_to_end(who)
                    return known[1]
                return await self._begin(who, host, key, principal)
        finally:
            if not lock.locked():
                self._beginning.pop(who, None)

    async def _begin(self, who: Who, host: DocumentHost, key: DocumentKey, principal: Principal) -> EmbeddedPort:
        session, agent = uuid.uuid4().hex, who[1]
        lease_ms = int(HTTP_SESSION_IDLE_S * 1000)
        join = Join(session, agent, principal.roles, principal.auth, True, lease_ms, principal.grant.is_read_only)
        joined = await host.call(join)
        port = EmbeddedPort(host, self._engine.store, key, agent, joined)
        self._forget_closed()
        self._known[who] = (host, port, session)
        while len(self._known) > HTTP_SESSIONS_MAX:
            _, (old_host, _, old) = self._known.popitem(last=False)
            task = asyncio.create_task(_leave(old_host, old))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
        return port

    def _forget_closed(self) -> None:
        """Let go of documents that were closed here, now and then: a session must not keep one in memory."""
        now = time.monotonic()
        if now >= self._tidy_at:
            self._tidy_at = now + TIDY_S
            for who in [who for who, (host, _, _) in self._known.items() if host.is_closed]:
                del self._known[who]


async def _leave(host: DocumentHost, session: str) -> None:
    try:
        await host.call(Leave(session, "too many HTTP sessions"))
    except AccordantError:  # the authority is gone, and every session with it
        return
