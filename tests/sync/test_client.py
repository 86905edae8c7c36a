"""The handle over a websocket: what survives a dropped connection, what lands once, and what its owner is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from accordant import (
    Conflict,
    Denied,
    Document,
    Engine,
    Fenced,
    Guarded,
    Invalid,
    Log,
    Namespace,
    NoAuthority,
    StoreError,
    connect,
)
from accordant.sync.messages import Hello, Resume
from accordant.sync.wire import Own, OwnType
from raw_peer import raw_peer
from served import GatedStore, back, connection, cut, offline, served, until
from worlds import in_loop

TASK = Namespace.task("acme", "q3")


class Brief(Document):
    account: Guarded[dict[str, Any]]
    findings: Log[str]


@in_loop
async def test_a_reading_survives_a_dropped_connection() -> None:
    """A reconnect resumes the session: same generation, and what was read before still commits (I6)."""
    async with Engine() as engine, served(engine) as url, connect(Brief, url, TASK, "brief", agent="ada") as brief:
        seen, generation = await brief.account.read(), brief.generation
        cut(brief)
        await offline(brief)
        with pytest.raises(NoAuthority) as told:
            await brief.account.read()
        assert told.value.code == "offline"
        await back(brief)
        assert brief.generation == generation
        landed = await brief.account.commit({"plan": "pro"}, expect=seen)
        assert landed.value == {"plan": "pro"}
        assert len(await brief.history(kind="join", actor="ada")) == 1


@in_loop
async def test_a_write_whose_answer_was_lost_lands_once() -> None:
    """Calls in flight at a disconnect are answered after the resume, with the refs of the one entry that they made."""
    store = GatedStore()
    async with (
        Engine(store=store) as engine,
        served(engine) as url,
        connect(Brief, url, TASK, "brief", agent="ada") as brief,
    ):
        seen = await brief.account.read()
        store.gate.clear()
        append = asyncio.create_task(brief.findings.append("once"))
        commit = asyncio.create_task(brief.account.commit({"n": 1}, expect=seen))
        await until(lambda: store.waiting)
        cut(brief)
        await offline(brief)
        store.gate.set()
        ref, reading = await append, await commit
        assert (await brief.findings.read()).value == ["once"]
        assert (await brief.findings.read()).entries[0].ref == ref
        assert reading.value == {"n": 1}
        assert len(await brief.history(kind="write")) == 2


@in_loop
async def test_a_restarted_authority_is_rejoined_and_a_lost_answer_still_lands_once(tmp_path: Any) -> None:
    """After a restart the handle has a new generation; a retried append finds that it had landed, and has its refs."""
    store = tmp_path / "state.db"
    async with Engine(store) as engine:
        async with served(engine) as url:
            port = int(url.rpartition(":")[2])
            brief = await connect(Brief, url, TASK, "brief", agent="ada")
            seen = await brief.account.read()
            await brief.findings.append("first")
            hear = connection(brief).session.receive_frame
            connection(brief).session.receive_frame = lambda frame: []  # the answer is on its way and never arrives
            append = asyncio.create_task(brief.findings.extend(["second", "third"]))
            host, head = await engine.host(brief.key), brief.version
            await until(lambda: host.durable_head > head)
            connection(brief).session.receive_frame = hear
            cut(brief)
        await offline(brief)
    async with Engine(store) as engine, served(engine, port=port):
        refs = await append
        await back(brief)
        log = await brief.findings.read()
        assert log.value == ["first", "second", "third"]
        assert [entry.ref for entry in log.entries][1:] == refs
        with pytest.raises(Fenced):  # the epoch has changed: nothing that was read before may be committed upon
            await brief.account.commit({"n": 1}, expect=seen)
        await brief.account.commit({"n": 1}, expect=await brief.account.read())
        await brief.close()


@in_loop
async def test_after_the_grace_time_the_client_is_a_new_reader() -> None:
    """A session that nobody came back for ends; its client goes on under a new generation, old readings do not."""
    async with Engine() as engine, served(engine, grace_s=0.05) as url:
        brief = await connect(Brief, url, TASK, "brief", agent="ada")
        async with brief:
            seen, generation = await brief.account.read(), brief.generation
            await late_return(brief, 0.5)
            cut(brief)
            await offline(brief)
            await back(brief)
            assert brief.generation > generation
            with pytest.raises(Fenced):
                await brief.account.commit({"n": 1}, expect=seen)
            await brief.account.commit({"n": 1}, expect=await brief.account.read())


@in_loop
async def test_a_replaced_handle_stays_replaced() -> None:
    """A second join under the name ends the first handle: it is told, also when it comes back, and never joins again."""
    async with Engine() as engine, served(engine) as url:
        first = await connect(Brief, url, TASK, "brief", agent="ada")
        seen = await first.account.read()
        async with connect(Brief, url, TASK, "brief", agent="ada") as second:
            with pytest.raises(Fenced):
                await first.account.commit({"n": 1}, expect=seen)
            cut(first)
            await until(lambda: connection(first).session.ended is not None)
            with pytest.raises(Fenced):
                await first.account.read()
            assert (await second.account.read()).version == 0
        await first.close()


async def late_return(handle: Document, delay_s: float) -> None:
    """From now on the handle needs so long for a new connection."""
    dial = connection(handle)._dial

    async def late() -> Any:
        await asyncio.sleep(delay_s)
        return await dial()

    connection(handle)._dial = late


@in_loop
async def test_a_session_that_nobody_comes_back_for_ends() -> None:
    """A lost client's session is not kept for ever: after the grace time it has left."""
    async with Engine() as engine, served(engine, grace_s=0.1) as url:
        brief = await connect(Brief, url, TASK, "brief", agent="ada")
        host = await engine.host(brief.key)
        await late_return(brief, 5)
        cut(brief)
        await until(lambda: len(host.machine.sessions) == 0)
        await brief.close()


@in_loop
async def test_who_was_replaced_while_away_does_not_push_back() -> None:
    """A client that comes back after another one took its name, however late, is told so and leaves the other alone."""
    async with Engine() as engine, served(engine, grace_s=0.1) as url:
        first = await connect(Brief, url, TASK, "brief", agent="ada")
        await late_return(first, 0.5)
        cut(first)
        async with connect(Brief, url, TASK, "brief", agent="ada") as second:
            await until(lambda: connection(first).session.ended is not None)
            with pytest.raises(Fenced):
                await first.account.read()
            await second.account.read()
        await first.close()


@in_loop
async def test_calls_that_nobody_can_answer_any_more_say_so() -> None:
    """When the server does not come back in the grace time, a submission is unknown and a read has no authority."""
    store = GatedStore()
    async with Engine(store=store) as engine:
        async with served(engine, grace_s=0.3) as url:
            brief = await connect(Brief, url, TASK, "brief", agent="ada")
            store.gate.clear()
            write = asyncio.create_task(brief.findings.append("?"))
            await until(lambda: store.waiting)
            read = asyncio.create_task(brief.findings.read())
            await until(lambda: connection(brief).session.unanswered == 2)
        store.gate.set()
        with pytest.raises(StoreError) as unknown:
            await write
        assert unknown.value.landed is None
        with pytest.raises(NoAuthority):
            await read
        await brief.close()


@in_loop
async def test_a_lost_race_over_the_wire_is_derived_again() -> None:
    """A stale commit gets `Conflict` with value, version, writer and a reading that commits; `update` does it by itself."""
    async with (
        Engine() as engine,
        served(engine) as url,
        connect(Brief, url, TASK, "brief", agent="ada") as ada,
        connect(Brief, url, TASK, "brief", agent="bob") as bob,
    ):
        seen = await ada.account.read()
        won = await bob.account.commit({"plan": "pro"}, expect=await bob.account.read())
        with pytest.raises(Conflict) as lost:
            await ada.account.commit({"seats": 2}, expect=seen)
        assert (lost.value.value, lost.value.version, lost.value.writer) == ({"plan": "pro"}, won.version, "bob")
        fresh = lost.value.reading
        await ada.account.commit(fresh.value | {"seats": 2}, expect=fresh)

        async def add(handle: Brief, name: str) -> None:
            for _ in range(10):
                await handle.account.update(lambda value: value | {name: value.get(name, 0) + 1})

        await asyncio.gather(add(ada, "ada"), add(bob, "bob"))
        assert (await ada.account.read()).value == {"plan": "pro", "seats": 2, "ada": 10, "bob": 10}


@in_loop
async def test_the_version_follows_what_others_write() -> None:
    """`doc.version` learns of every durable entry without asking."""
    async with Engine() as engine, served(engine) as url, connect(Brief, url, TASK, "brief", agent="ada") as ada:
        other = await engine.open(Brief, TASK, "brief", agent="bob")
        await other.findings.append("news")
        await until(lambda: ada.version == other.version)


@in_loop
async def test_a_schema_declared_later_is_known_at_once() -> None:
    """A handle without a class learns of regions that somebody declares while it is open."""
    async with Engine() as engine, served(engine) as url, connect(None, url, TASK, "brief", agent="ada") as ada:
        assert not ada.schema.regions
        await engine.open(Brief, TASK, "brief", agent="bob")
        await until(lambda: set(ada.schema.regions) == {"account", "findings"})
        await ada.log("findings").append("typed by the server's schema")


@in_loop
async def test_a_closed_handle_is_closed_as_the_embedded_one_is() -> None:
    """After `close` every call is `Fenced`, twice closing is fine, and the server has let the session go."""
    async with Engine() as engine, served(engine) as url:
        brief = await connect(Brief, url, TASK, "brief", agent="ada")
        await brief.close()
        await brief.close()
        with pytest.raises(Fenced):
            await brief.account.read()
        host = await engine.host(brief.key)
        assert len(host.machine.sessions) == 0


@in_loop
async def test_opening_fails_with_the_reason() -> None:
    """No server, a wrong address, a mismatching class: typed errors, at once."""
    with pytest.raises(NoAuthority) as nobody:
        await connect(Brief, "ws://127.0.0.1:1", TASK, "brief", agent="ada")
    assert nobody.value.code == "unreachable"
    with pytest.raises(Invalid):
        connect(Brief, "http://127.0.0.1:1", TASK, "brief", agent="ada")
    with pytest.raises(Invalid):
        connect(Brief, "ws://127.0.0.1:1", TASK, "brief", agent="a/b")

    class Other(Document):
        account: Log[str]

    async with Engine() as engine, served(engine) as url:
        await engine.open(Brief, TASK, "brief", agent="bob")
        with pytest.raises(Invalid) as mismatch:
            await connect(Other, url, TASK, "brief", agent="ada")
        assert mismatch.value.code == "schema_mismatch"


@pytest.mark.parametrize(
    "spoil",
    [lambda r: Resume(r.session, "guessed"), lambda r: Resume(r.session, "")],
    ids=["wrong secret", "no secret"],
)
@in_loop
async def test_a_session_is_resumed_by_its_owner_alone(spoil: Callable[[Resume], Resume]) -> None:
    """Knowing a session's id is not enough: histories show it to everybody."""
    async with Engine() as engine, served(engine) as url, connect(Brief, url, TASK, "brief", agent="ada") as ada:
        welcome = connection(ada).session.welcome
        stolen = spoil(Resume(welcome.session, welcome.secret))
        async with raw_peer(url, synced=False) as thief:
            await thief.say(Own(OwnType.HELLO, Hello("ada", resume=stolen).to_json()))
            assert (await thief.closed())[0] == 4410
        assert (await ada.account.read()).version == 0


@in_loop
async def test_cancelling_a_caller_leaves_nothing_behind() -> None:
    """A call that its caller gave up on is forgotten; the connection goes on."""
    store = GatedStore()
    async with (
        Engine(store=store) as engine,
        served(engine) as url,
        connect(Brief, url, TASK, "brief", agent="ada") as ada,
    ):
        store.gate.clear()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ada.findings.append("x"), 0.2)
        assert connection(ada).session.unanswered == 0
        store.gate.set()
        await ada.findings.append("y")
        assert "y" in (await ada.findings.read()).value


@in_loop
async def test_a_read_only_handle_reads_and_writes_nothing() -> None:
    """`read_only=True` means over the wire what it means in the process: reads answer, writes are denied."""
    async with (
        Engine() as engine,
        served(engine) as url,
        connect(Brief, url, TASK, "brief", agent="ada", read_only=True) as ada,
    ):
        assert (await ada.findings.read()).value == []
        with pytest.raises(Denied) as denied:
            await ada.findings.append("x")
        assert denied.value.code == "read_only"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "127.0.0.1:1", "ws://127.0.0.1:1/sync/acme/task/q3/brief"])
def test_an_address_that_is_none_says_what_to_give(url: str) -> None:
    """Another scheme, none at all, or a whole document's address as `serve` prints it."""
    with pytest.raises(Invalid, match="ws://HOST:PORT") as refused:
        connect(None, url, Namespace.shared(), "brief", agent="a")
    assert refused.value.code == "bad_url"
