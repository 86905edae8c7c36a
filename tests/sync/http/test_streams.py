"""Event streams: slow readers, streams that end, and where to go on."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from accordant import Engine
from accordant.types.limits import CLOSE_TIMEOUT_S, EVENTS_WAITING_MAX
from http_served import BRIEF, http_world
from processes import ServerProcess
from served import until
from worlds import in_loop


@in_loop
async def test_a_reader_that_does_not_read_is_told_where_to_go_on() -> None:
    """Its queue is bounded: when it reads again it finds a whole prefix of the log, then `lagged`, then the end."""
    async with Engine() as engine, http_world(engine) as (http, owner):
        start = owner.version
        address = urlsplit(str(http.base_url))
        reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=2**10)
        writer.write(f"GET {BRIEF}/events?after={start} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        key = "k" * 480  # names are most of an event: the socket's buffers fill while the document goes on
        for n in range(40 * EVENTS_WAITING_MAX // 10):
            await asyncio.gather(*(owner.cursors.set(f"{key}{n}-{m}", m) for m in range(10)))
        data = await asyncio.wait_for(reader.read(-1), 30)
        writer.close()
        text = b"".join(chunk for chunk in data.split(b"\r\n") if not chunk.isalnum()).decode()
        ids = [int(line[4:]) for line in text.splitlines() if line.startswith("id: ")]
        assert ids[:1] == [start]
        assert ids == list(range(start, ids[-1] + 1))
        assert "event: lagged" in text
        told = json.loads(text.rpartition("data: ")[2].splitlines()[0])
        assert told == {"resume_from": ids[-1]}
        assert ids[-1] < owner.version


@in_loop
async def test_a_reader_that_goes_is_noticed_at_once() -> None:
    """Nothing has to happen in the document for a closed stream to leave."""
    async with Engine() as engine, http_world(engine) as (http, owner):
        host = await engine.host(owner.key)
        before = len(host._listeners)
        async with http.stream("GET", f"{BRIEF}/events") as stream:
            async for _ in stream.aiter_lines():
                break
            assert len(host._listeners) == before + 1
        await until(lambda: len(host._listeners) == before)


@in_loop
async def test_asking_for_the_head_of_a_stream_ends() -> None:
    """HEAD has no body, so it does not wait for events."""
    async with Engine() as engine, http_world(engine) as (http, _):
        answer = await asyncio.wait_for(http.head(f"{BRIEF}/events"), 5)
        assert (answer.status_code, answer.content) == (200, b"")


@in_loop
async def test_a_stream_ends_with_its_document() -> None:
    """When the document is closed here, its readers come back with their last id, to whoever serves it then."""
    async with Engine() as engine, http_world(engine) as (http, owner):
        async with http.stream("GET", f"{BRIEF}/events") as stream:
            lines = stream.aiter_lines()
            assert (await anext(lines)).startswith("retry")
            await (await engine.host(owner.key)).close()
            rest = [line async for line in lines]
        assert rest[0].startswith("id: ")


@in_loop
async def test_only_the_regions_asked_for_are_told() -> None:
    """A filtered entry is skipped whole; an entry with several paths shows those asked for."""
    async with Engine() as engine, http_world(engine) as (http, owner):
        start = owner.version
        await owner.findings.append("one")
        async with owner.transaction() as tx:
            await tx.findings.append("two")
            await tx.citations.increment()
        async with http.stream("GET", f"{BRIEF}/events", params={"after": start, "regions": "citations"}) as stream:
            async for line in stream.aiter_lines():
                if line.startswith("data: "):
                    break
        assert json.loads(line[6:])["paths"] == ["citations"]


@in_loop
async def test_kinds_windows_and_groups_are_asked_for_in_the_query() -> None:
    """`?kinds=` filters, `?coalesce=` merges, `?group=` shares; what is none of them is refused with 422."""
    async with Engine() as engine, http_world(engine) as (http, owner):
        start = owner.version
        for n in range(5):
            await owner.findings.append(str(n))
        async with owner.batch():
            await owner.draft.append("a")
            await owner.draft.append("b")

        async def first(**query: str | int) -> list[dict[str, Any]]:
            found = []
            async with http.stream("GET", f"{BRIEF}/events", params={"after": start} | query) as stream:
                async for line in stream.aiter_lines():
                    if line.startswith("data: "):
                        found.append(json.loads(line[6:]))
                        if len(found) == int(query.get("take", 1)):
                            return found
            raise AssertionError("the stream has ended")

        [told] = await first(coalesce="0.05", regions="findings", kinds="write")
        assert (told["count"], told["first"], len(told["refs"])) == (5, start + 1, 5)
        [batch] = await first(regions="draft")
        assert (batch["count"], batch["paths"]) == (2, ["draft"])
        one, two = await first(group="g", regions="findings"), await first(group="g", regions="findings")
        assert one[0]["version"] == start + 1 <= two[0]["version"] <= start + 5  # what is sent next confirms
        for query in ("kinds=gossip", "coalesce=-1", "max_rate=0", "max_rate=x", "group="):
            answer = await http.get(f"{BRIEF}/events?{query}")
            assert answer.status_code in (400, 422), query


@in_loop
async def test_a_stopping_server_lets_its_streams_go(tmp_path: Path) -> None:
    """SIGTERM does not wait for who only listens: the stream ends whole, the server ends with 0, and the reader goes on later."""
    async with ServerProcess(tmp_path / "state.db") as server:
        base = server.url.replace("ws://", "http://")
        async with httpx.AsyncClient(base_url=base, headers={"X-Agent": "ada"}, trust_env=False) as http:
            await http.post(f"{BRIEF}/regions/notes", params={"kind": "log"}, json="one")
            async with http.stream("GET", f"{BRIEF}/events", params={"after": 1}) as stream:
                lines = stream.aiter_lines()
                assert (await anext(lines)).startswith("retry")
                began = time.monotonic()
                ended = asyncio.create_task(server.end(signal.SIGTERM))
                seen = [line async for line in lines]
                assert await ended == 0
                assert time.monotonic() - began < CLOSE_TIMEOUT_S
        last = max(int(line[4:]) for line in seen if line.startswith("id: "))
        await server.start()
        resumed = {"X-Agent": "ada", "Last-Event-ID": str(last)}
        async with (
            httpx.AsyncClient(base_url=base, headers=resumed, trust_env=False) as http,
            http.stream("GET", f"{BRIEF}/events") as stream,
        ):
            ids = [line async for line in _first(stream.aiter_lines(), 4) if line.startswith("id: ")]
        assert ids == [f"id: {last}", f"id: {last + 1}"]


async def _first(lines: AsyncIterator[str], count: int) -> AsyncIterator[str]:
    """So many lines, empty ones included."""
    for _ in range(count):
        yield await anext(lines)
