"""GET .../events: server-sent events, one per log entry, resumable from an offset without a gap.

An event is small: version, kind, actor, paths. Whoever wants the content reads it, at that version or later. Nobody waits for a
slow reader: it is told `lagged`, with where to go on, and let go.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from weakref import WeakKeyDictionary

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from accordant.engine.effects import Published
from accordant.engine.host.document_host import DocumentHost
from accordant.engine.host.engine import Engine
from accordant.engine.host.port import EmbeddedPort
from accordant.engine.stores.contract import Compacted
from accordant.sync.server.http.problems import Problem
from accordant.sync.server.http.queries import number_in, text_in
from accordant.types.access import READ, Principal
from accordant.types.errors import Denied, NoAuthority, SnapshotExpired
from accordant.types.limits import EVENT_SEND_S, EVENT_STREAMS_MAX, EVENTS_HEARTBEAT_S, EVENTS_WAITING_MAX

__all__ = ["end_streams", "stream_events"]

CHUNK = 500
TICK_S = 1.0
"""How soon a stream notices that its document was closed here."""


async def stream_events(
    engine: Engine, port: EmbeddedPort, principal: Principal, request: Request, may_stay: Callable[[], bool]
) -> Response:
    """The stream, from `Last-Event-ID` or `?after=` on, from now on without either."""
    named = text_in(request, "regions")
    regions = None if named is None else frozenset(filter(None, named.split(",")))
    if regions is None and not principal.grant.reads_everything:
        raise Denied("these events are not granted", code="no_grant", hint="?regions= names regions that you may read")
    if regions is not None and not all(principal.grant.permits(READ, name) for name in regions):
        raise Denied("reading one of these regions is not granted", code="no_grant")
    last = request.headers.get("last-event-id", "")
    after = int(last) if last.isascii() and last.isdigit() and len(last) <= 16 else number_in(request, "after")
    if after is not None and after > port.version:
        raise Problem("unknown_version", f"{port.key} has versions up to {port.version}, not {after}")
    if len(_STREAMS.get(engine, ())) >= EVENT_STREAMS_MAX:
        raise NoAuthority(f"{EVENT_STREAMS_MAX} event streams are open", code="too_many_streams", hint="close some")
    if after is not None:
        await _check_kept(engine, port, after)
    return _Stream(engine, port.host, regions, port.version if after is None else after, may_stay)


async def _check_kept(engine: Engine, port: EmbeddedPort, after: int) -> None:
    try:
        await engine.store.read(port.key.path, after, 1)
    except Compacted as compacted:
        raise SnapshotExpired(
            f"entries up to {compacted.checkpoint} are no longer kept",
            oldest=compacted.checkpoint,
            hint=f"read the document, and follow from its version: ?after={compacted.checkpoint} or later",
        ) from compacted


def end_streams(engine: Engine) -> None:
    """The server stops: every consumer is let go, to come back with its last id."""
    for stream in tuple(_STREAMS.get(engine, ())):
        stream.end()


class _Stream(Response):
    """One consumer: what the log already has, then what the document publishes. An ASGI response."""

    media_type = "text/event-stream"

    def __init__(
        self,
        engine: Engine,
        host: DocumentHost,
        regions: frozenset[str] | None,
        after: int,
        may_stay: Callable[[], bool],
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._engine = engine
        self._host = host
        self._regions = regions
        self._told = after
        self._may_stay = may_stay
        self._waiting: deque[Published] = deque()
        self._wake = asyncio.Event()
        self._lags = False
        self._is_ending = False

    def end(self) -> None:
        """Let the consumer go after what it has been told."""
        self._is_ending = True
        self._wake.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the consumer goes, lags, or the document is closed here."""
        if scope["method"] == "HEAD":
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": b""})
            return
        stop = self._host.subscribe(self._on_entries)
        streams = _STREAMS.setdefault(self._engine, set())
        streams.add(self)
        writing, leaving = asyncio.create_task(self._write(send)), asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait([writing, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            streams.discard(self)
            stop()
            writing.cancel()
            leaving.cancel()
            await asyncio.gather(writing, leaving, return_exceptions=True)
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
        yield f"retry: 1000\nid: {self._told}\n\n"
        async for text in self._missed():
            yield text
        quiet_s = 0.0
        while not (self._host.is_closed or self._is_ending) and self._may_stay():
            while self._waiting:
                if (told := self._text(self._waiting.popleft())) is not None:
                    quiet_s = 0.0
                    yield told
            if self._lags:
                yield f"event: lagged\ndata: {json.dumps({'resume_from': self._told})}\n\n"
                return
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), TICK_S)
            except TimeoutError:
                quiet_s += TICK_S
                if quiet_s >= EVENTS_HEARTBEAT_S:
                    quiet_s = 0.0
                    yield ": still here\n\n"

    async def _missed(self) -> AsyncIterator[str]:
        """What the log has after the offset, as far as it is durable. What happens meanwhile waits, and is told once; if it is
        too much to wait, it is read from the log too."""
        while True:
            self._waiting.clear()
            self._lags = False
            while self._told < self._host.durable_head:
                entries = await self._engine.store.read(self._host.key, self._told, CHUNK)
                durable = [entry for entry in entries if entry.offset <= self._host.durable_head]
                for entry in durable:
                    if (text := self._text(Published.of(entry))) is not None:
                        yield text
                if not durable:
                    break
            if not self._lags:
                return

    def _on_entries(self, published: list[Published]) -> None:
        if self._lags:
            return
        if len(self._waiting) + len(published) > EVENTS_WAITING_MAX:
            self._lags = True
        else:
            self._waiting.extend(published)
        self._wake.set()

    def _text(self, one: Published) -> str | None:
        if one.offset <= self._told:
            return None
        self._told = one.offset
        touched = {path.partition("/")[0] for path in one.paths} | set(one.paths)
        if self._regions is not None and not touched & self._regions:
            return None
        data = {"version": one.offset, "kind": one.kind, "actor": one.actor, "outcome": one.outcome, "at": one.at}
        data["paths"] = [path for path in one.paths if self._regions is None or self._is_wanted(path, self._regions)]
        return f"id: {one.offset}\nevent: {one.kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"

    @staticmethod
    def _is_wanted(path: str, regions: frozenset[str]) -> bool:
        return path in regions or path.partition("/")[0] in regions


_STREAMS: WeakKeyDictionary[Engine, set[_Stream]] = WeakKeyDictionary()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
