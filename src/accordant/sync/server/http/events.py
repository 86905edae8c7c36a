"""GET .../events: a document's feed as server-sent events, resumable from an offset without a gap.

An event is small: version, kind, actor, paths, refs. Whoever wants the content reads it, at that version or later. Nobody waits
for a slow reader: it is told `lagged`, with where to go on, and let go.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from weakref import WeakKeyDictionary

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from accordant.engine.host.engine import Engine
from accordant.engine.host.feed import Feed
from accordant.engine.host.port import EmbeddedPort
from accordant.engine.host.subscribers import Member
from accordant.sync.event_messages import event_to_json
from accordant.sync.server.http.problems import Problem
from accordant.sync.server.http.queries import number_in, seconds_in, text_in
from accordant.types.access import Principal
from accordant.types.errors import AccordantError, Denied, Invalid, NoAuthority
from accordant.types.events import Event, EventKind, EventQuery, Lagged
from accordant.types.limits import EVENT_SEND_S, EVENT_STREAMS_MAX, EVENTS_HEARTBEAT_S

__all__ = ["end_streams", "stream_events"]

TICK_S = 1.0
"""How soon a stream notices that its token has ended."""


async def stream_events(
    engine: Engine, port: EmbeddedPort, principal: Principal, request: Request, may_stay: Callable[[], bool]
) -> Response:
    """The stream, from `Last-Event-ID` or `?after=` on, from now on without either."""
    query = _query(request)
    if not query.regions and not principal.grant.reads_everything:
        raise Denied("these events are not granted", code="no_grant", hint="?regions= names regions that you may read")
    if query.after is not None and query.after > port.version:
        raise Problem("unknown_version", f"{port.key} has versions up to {port.version}, not {query.after}")
    if len(_STREAMS.get(engine, ())) >= EVENT_STREAMS_MAX:
        raise NoAuthority(f"{EVENT_STREAMS_MAX} event streams are open", code="too_many_streams", hint="close some")
    source = port.host.subscribers.open(query, port.agent, principal.grant)
    await source.begin()
    if request.method == "HEAD":
        await source.close()
    return _Stream(engine, source, may_stay)


def _query(request: Request) -> EventQuery:
    named, kinds = text_in(request, "regions"), text_in(request, "kinds")
    last = request.headers.get("last-event-id", "")
    after = int(last) if last.isascii() and last.isdigit() and len(last) <= 16 else number_in(request, "after")
    unknown = set(_names(kinds)) - set(EventKind)
    if unknown:
        raise Invalid(f"kinds= are some of {', '.join(EventKind)}", code="bad_query", parameter="kinds")
    return EventQuery(
        tuple(_names(named)),
        None if kinds is None else frozenset(map(EventKind, _names(kinds))),
        after,
        seconds_in(request, "coalesce") or 0.0,
        seconds_in(request, "max_rate"),
        text_in(request, "group"),
    )


def _names(text: str | None) -> list[str]:
    return [] if text is None else [name for name in text.split(",") if name]


def end_streams(engine: Engine) -> None:
    """The server stops: every consumer is let go, to come back with its last id."""
    for stream in tuple(_STREAMS.get(engine, ())):
        stream.end()


class _Stream(Response):
    """One consumer of a feed. An ASGI response."""

    media_type = "text/event-stream"

    def __init__(self, engine: Engine, source: Feed | Member, may_stay: Callable[[], bool]) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._engine = engine
        self._source = source
        self._may_stay = may_stay
        self._ending = asyncio.Event()

    def end(self) -> None:
        """Let the consumer go after what it has been told."""
        self._ending.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the consumer goes, lags, or the document is closed here."""
        if scope["method"] == "HEAD":
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": b""})
            return
        streams = _STREAMS.setdefault(self._engine, set())
        streams.add(self)
        writing, leaving = asyncio.create_task(self._write(send)), asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait([writing, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            streams.discard(self)
            writing.cancel()
            leaving.cancel()
            await asyncio.gather(writing, leaving, return_exceptions=True)
            await self._source.close()
        if not writing.cancelled() and (error := writing.exception()) is not None:
            raise error

    async def _write(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async for text in self._texts():
            try:
                async with asyncio.timeout(EVENT_SEND_S):
                    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
            except (OSError, TimeoutError):
                return  # it went, or does not read: the server cuts what is not complete
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _texts(self) -> AsyncIterator[str]:
        yield f"retry: 1000\nid: {self._source.cursor}\n\n"
        quiet_s = 0.0
        while self._may_stay():
            try:
                events = await self._next()
            except AccordantError:  # closed here: it comes back with its last id, to whoever serves the document then
                return
            for event in events:
                yield _text(event)
                if isinstance(event, Lagged):
                    return
            if not events and self._ending.is_set():
                return
            quiet_s = 0.0 if events else quiet_s + TICK_S
            if quiet_s >= EVENTS_HEARTBEAT_S:
                quiet_s = 0.0
                yield ": still here\n\n"

    async def _next(self) -> Sequence[Event]:
        """What has happened; nothing after a while, or when the server stops."""
        asking = asyncio.create_task(self._source.next(0.0 if self._ending.is_set() else TICK_S))
        ending = asyncio.create_task(self._ending.wait())
        try:
            await asyncio.wait([asking, ending], return_when=asyncio.FIRST_COMPLETED)
            return await asking if asking.done() else ()
        finally:
            ending.cancel()
            if not asking.done():
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)


def _text(event: Event) -> str:
    if isinstance(event, Lagged):
        return f"event: lagged\ndata: {json.dumps({'resume_from': event.resume_from})}\n\n"
    return f"id: {event.version}\nevent: {event.kind}\ndata: {json.dumps(event_to_json(event), ensure_ascii=False)}\n\n"


_STREAMS: WeakKeyDictionary[Engine, set[_Stream]] = WeakKeyDictionary()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
