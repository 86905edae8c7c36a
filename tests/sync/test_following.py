"""Subscriptions over a websocket: no gap and no repeat over dropped connections and restarts; hostile questions are refused."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from accordant import Document, Engine, Event, Fenced, Invalid, Log, Namespace, NoAuthority, connect
from accordant.document.events import Events
from accordant.engine.host.port import EmbeddedPort
from accordant.sync.client.port import WebsocketPort
from accordant.sync.messages import Method
from accordant.types.access import READ, Allowance, Grant, Principal
from accordant.types.memory_limits import SUBSCRIPTIONS_PER_SESSION_MAX
from processes import ServerProcess
from served import back, connection, cut, offline, served, until
from worlds import in_loop

TASK = Namespace.task("acme", "q3")


class Brief(Document):
    findings: Log[str]
    notes: Log[str]


async def take(events: Events, count: int) -> list[Event]:
    return [await asyncio.wait_for(anext(events), 20) for _ in range(count)]


def _kept_away(handle: Document) -> asyncio.Event:
    """From now on it gets no new connection, until this is set."""
    dial, may_come = connection(handle)._dial, asyncio.Event()

    async def late() -> Any:
        await may_come.wait()
        return await dial()

    connection(handle)._dial = late
    return may_come


@in_loop
async def test_a_dropped_connection_costs_no_event_and_repeats_none() -> None:
    """Cut again and again while another writes: the versions told are those of the log, each once."""
    async with Engine() as engine, served(engine) as url:
        writer = await engine.open(Brief, TASK, "brief", agent="writer")
        async with (
            connect(Brief, url, TASK, "brief", agent="reader") as reader,
            reader.events("notes") as events,
        ):
            start, told = writer.version, list[Event]()

            async def write() -> None:
                for n in range(120):
                    await writer.notes.append(str(n))
                    await asyncio.sleep(0.002)

            writing = asyncio.create_task(write())
            for _ in range(4):
                told += await take(events, 10)
                cut(reader)
                await offline(reader)
                await back(reader)
            await writing
            while told[-1].version < writer.version:
                told += await take(events, 1)
            versions = [event.version for event in told]
            entries = await writer.history("notes", limit=200)
            assert versions == sorted(entry.offset for entry in entries if entry.offset > start)


@in_loop
async def test_a_restarted_server_is_followed_on(tmp_path: Path) -> None:
    """The session is another, the log is the same: what happened is told once, from behind the last version told."""
    async with (
        ServerProcess(tmp_path / "state.db") as server,
        connect(Brief, server.url, TASK, "brief", agent="reader") as reader,
        connect(Brief, server.url, TASK, "brief", agent="writer") as writer,
        reader.events("notes", "findings") as events,
    ):
        one = await writer.notes.append("one")
        assert [event.version for event in await take(events, 1)] == [one.version]
        waiting = asyncio.ensure_future(take(events, 1))
        await server.end(9)
        await offline(reader)
        may_come = _kept_away(reader)
        await server.start()
        await back(writer)
        two = await writer.notes.append("two")
        may_come.set()
        assert [event.version for event in await waiting] == [two.version]


@in_loop
async def test_a_member_whose_connection_is_gone_for_good_gives_back_what_it_had() -> None:
    """When its grace time is over: another member gets what it had not confirmed."""
    async with Engine() as engine, served(engine, grace_s=0.2) as url:
        writer = await engine.open(Brief, TASK, "brief", agent="writer")
        lost = await connect(Brief, url, TASK, "brief", agent="lost")
        async with connect(Brief, url, TASK, "brief", agent="heir") as heir:
            events = lost.events("notes", group="critics")
            await events.__aenter__()
            async with heir.events("notes", group="critics") as rest:
                ref = await writer.notes.append("one")
                assert [event.version for event in await take(events, 1)] == [ref.version]
                may_come = _kept_away(lost)
                cut(lost)
                assert [event.version for event in await take(rest, 1)] == [ref.version]
                may_come.set()
                await back(lost)
        await lost.close()


@in_loop
async def test_a_session_has_a_bounded_number_of_subscriptions() -> None:
    """Beyond it: `NoAuthority`; one that is closed makes room."""
    async with Engine() as engine, served(engine) as url, connect(Brief, url, TASK, "brief", agent="reader") as reader:
        open_ = [reader.events() for _ in range(SUBSCRIPTIONS_PER_SESSION_MAX)]
        for events in open_:
            await events.__aenter__()
        with pytest.raises(NoAuthority) as full:
            async with reader.events():
                pass
        assert full.value.code == "too_many_subscriptions"
        await open_[0].aclose()
        async with reader.events():
            pass
        host = await engine.host(reader.key)
        assert len(host.subscribers) == SUBSCRIPTIONS_PER_SESSION_MAX - 1
        for events in open_:
            await events.aclose()
        await until(lambda: len(host.subscribers) == 0)


BAD: list[tuple[Method, dict[str, Any]]] = [
    (Method.FOLLOW, {}),
    (Method.FOLLOW, {"sub": ""}),
    (Method.FOLLOW, {"sub": "x" * 65}),
    (Method.FOLLOW, {"sub": "\ud800"}),
    (Method.FOLLOW, {"sub": 7}),
    (Method.FOLLOW, {"sub": "a", "regions": "notes"}),
    (Method.FOLLOW, {"sub": "a", "regions": ["x"] * 257}),
    (Method.FOLLOW, {"sub": "a", "regions": ["\ud800"]}),
    (Method.FOLLOW, {"sub": "a", "regions": [["x"]]}),
    (Method.FOLLOW, {"sub": "a", "kinds": "write"}),
    (Method.FOLLOW, {"sub": "a", "kinds": ["gossip"]}),
    (Method.FOLLOW, {"sub": "a", "kinds": [{}]}),
    (Method.FOLLOW, {"sub": "a", "after": -1}),
    (Method.FOLLOW, {"sub": "a", "after": 2**60}),
    (Method.FOLLOW, {"sub": "a", "after": True}),
    (Method.FOLLOW, {"sub": "a", "after": 10**6}),
    (Method.FOLLOW, {"sub": "a", "coalesce": -1}),
    (Method.FOLLOW, {"sub": "a", "coalesce": float("1e300")}),
    (Method.FOLLOW, {"sub": "a", "coalesce": "1"}),
    (Method.FOLLOW, {"sub": "a", "max_rate": 0}),
    (Method.FOLLOW, {"sub": "a", "max_rate": 1e-300}),
    (Method.FOLLOW, {"sub": "a", "group": ""}),
    (Method.FOLLOW, {"sub": "a", "group": "g" * 129}),
    (Method.FOLLOW, {"sub": "a", "group": ["g"]}),
    (Method.EVENTS, {}),
    (Method.EVENTS, {"sub": "nobody", "n": 1}),
    (Method.EVENTS, {"sub": "mine", "n": 0.5}),
    (Method.EVENTS, {"sub": "mine", "n": -1}),
    (Method.EVENTS, {"sub": "mine", "n": 7}),
    (Method.UNFOLLOW, {"sub": None}),
    (Method.END_BATCH, {}),
    (Method.END_BATCH, {"batch": ""}),
    (Method.END_BATCH, {"batch": "b" * 65}),
    (Method.END_BATCH, {"batch": "b", "why": 7}),
    (Method.END_BATCH, {"batch": "b", "why": "w" * 100_000}),
    (Method.SUBMIT, {"writes": [{"region": "notes", "kind": "log", "op": "append", "args": {"items": ["x"]}}],
                     "op_id": "1", "batch": 7}),
]  # fmt: skip


@in_loop
async def test_hostile_questions_get_typed_errors() -> None:
    """Whatever does not fit is `Invalid`; nothing is left of it, and the session goes on."""
    async with Engine() as engine, served(engine) as url, connect(Brief, url, TASK, "brief", agent="reader") as reader:
        port = reader._port
        assert isinstance(port, WebsocketPort)
        host = await engine.host(reader.key)
        await port._call(Method.FOLLOW, {"sub": "mine", "regions": ["notes"]})
        head = host.durable_head
        for method, body in BAD:
            if "\ud800" in str(body):
                continue  # no JSON text holds it: see the codec's own test
            with pytest.raises(Invalid):
                await port._call(method, body)
        assert (len(host.subscribers), host.durable_head) == (1, head)
        assert await port._call(Method.UNFOLLOW, {"sub": "nobody"}) is None
        await reader.notes.append("fine")
        answer = await port._call(Method.EVENTS, {"sub": "mine", "n": 1})
        assert answer == await port._call(Method.EVENTS, {"sub": "mine", "n": 1})
        assert [event["paths"] for event in answer["events"]] == [["notes"]]


@in_loop
async def test_a_bearer_hears_of_what_it_may_read_alone() -> None:
    """Naming a region that is not granted is `Denied`; naming none, it hears of those that are."""
    from accordant.engine.commands import Join
    from accordant.types.errors import Denied

    async with Engine() as engine:
        writer = await engine.open(Brief, TASK, "brief", agent="writer")
        host = await engine.host(writer.key)
        who = Principal("part", grant=Grant(allow=(Allowance("notes", frozenset({READ})),)))
        joined = await host.call(Join("s", "part", grant=who.grant))
        reader = Brief(EmbeddedPort(host, engine.store, writer.key, "part", joined, who.grant))
        with pytest.raises(Denied):
            reader.events("findings")
        async with reader.events() as events:
            await writer.findings.append("secret")
            async with writer.transaction() as tx:
                await tx.findings.append("secret")
                await tx.notes.append("open")
            [event] = await take(events, 1)
            assert (event.paths, event.refs, event.version) == (("notes",), (f"notes@{tx.version}.0",), tx.version)
        await reader.close()
        with pytest.raises(Fenced):
            reader.events()
