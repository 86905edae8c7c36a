"""GET .../events: server-sent events, one per log entry, resumable from an offset without a gap.

An event is small: version, kind, actor, paths. Whoever wants the content reads it, at that version or later.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from accordant.engine.effects import Published
from accordant.engine.host.document_host import DocumentHost
from accordant.engine.host.engine import Engine
from accordant.engine.host.port import EmbeddedPort
from accordant.sync.server.http.problems import Problem
from accordant.sync.server.http.queries import number_in, text_in
from accordant.types.access import READ, Principal
from accordant.types.errors import Denied
from accordant.types.limits import EVENTS_HEARTBEAT_S, EVENTS_WAITING_MAX

__all__ = ["stream_events"]


async def stream_events(engine: Engine, port: EmbeddedPort, principal: Principal, request: Request) -> Response:
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
    feed = _Feed(engine, port.host, regions, port.version if after is None else after)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(feed.events(), media_type="text/event-stream", headers=headers)


class _Feed:
    """One consumer: what the document publishes, behind what the log already has."""

    def __init__(self, engine: Engine, host: DocumentHost, regions: frozenset[str] | None, after: int) -> None:
        self._engine = engine
        self._host = host
        self._regions = regions
        self._told = after
        self._waiting: deque[Published] = deque()
        self._wake = asyncio.Event()
        self._lags = False

    async def events(self) -> AsyncIterator[str]:
        """Text of the stream. Ends when the consumer lags or the document is closed here."""
        stop: Callable[[], None] = self._host.subscribe(self._on_entries)
        try:
            yield f"retry: 1000\nid: {self._told}\n\n"
            async for text in self._missed():
                yield text
            while not self._host.is_closed:
                while self._waiting:
                    one = self._waiting.popleft()
                    if (told := self._text(one)) is not None:
                        yield told
                if self._lags:
                    yield f"event: lagged\ndata: {json.dumps({'resume_from': self._told})}\n\n"
                    return
                self._wake.clear()
                try:
                    await asyncio.wait_for(self._wake.wait(), EVENTS_HEARTBEAT_S)
                except TimeoutError:
                    yield ": still here\n\n"
        finally:
            stop()

    async def _missed(self) -> AsyncIterator[str]:
        """What the log has after the offset; live entries that come meanwhile wait, and are told once."""
        while entries := await self._engine.store.read(self._host.key, self._told, 500):
            durable = [entry for entry in entries if entry.offset <= self._host.durable_head]
            for entry in durable:
                if (text := self._text(Published.of(entry))) is not None:
                    yield text
            if len(durable) < len(entries):
                return

    def _on_entries(self, published: list[Published]) -> None:
        if self._lags:
            return
        self._waiting.extend(published)
        if len(self._waiting) > EVENTS_WAITING_MAX:
            self._waiting.clear()
            self._lags = True
        self._wake.set()

    def _text(self, one: Published) -> str | None:
        if one.offset <= self._told:
            return None
        self._told = one.offset
        touched = {path.partition("/")[0] for path in one.paths}
        if self._regions is not None and not touched & self._regions:
            return None
        data = {"version": one.offset, "kind": one.kind, "actor": one.actor, "outcome": one.outcome, "at": one.at}
        data["paths"] = [p for p in one.paths if self._regions is None or p.partition("/")[0] in self._regions]
        return f"id: {one.offset}\nevent: {one.kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
