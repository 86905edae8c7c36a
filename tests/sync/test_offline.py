"""Handles whose server is away: what merges goes on, what is guarded says so at once, and everything lands once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from accordant import (
    Counter,
    Document,
    Engine,
    EpochChanged,
    Guarded,
    Log,
    Map,
    Namespace,
    NoAuthority,
    Text,
    UnionSet,
    connect,
    region,
)
from accordant.sync.client.offline import Offline
from accordant.sync.client.replica import LocalReplica
from accordant.types.commands import Submission, Write
from accordant.types.regions import Kind
from served import back, cut, offline, served, until
from worlds import in_loop

TASK = Namespace.task("acme", "q3")


class Brief(Document):
    account: Guarded[dict[str, Any]]
    findings: Log[str]
    questions: UnionSet[str]
    draft: Text
    citations: Counter
    cursors: Map[int] = region(lww="only for show")
    verdict: Log[str] = region(writers="judge")
    short: Text = region(max_bytes=8)


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


async def synced(brief: Brief) -> None:
    """The replica has what the server had."""
    await until(lambda: brief._port._connection.offline.has_synced)  # type: ignore[attr-defined]


@in_loop
async def test_what_merges_goes_on_and_lands_once_when_the_server_is_back(tmp_path: Path) -> None:
    """Every mergeable kind is written and read offline, and merges with what others did meanwhile."""
    path = tmp_path / "state.db"
    async with Engine(path) as engine, served(engine) as url:
        brief = await connect(Brief, url, TASK, "brief", agent="ada")
        await brief.draft.append("middle")
        await brief.questions.add("old", "kept")
        await synced(brief)
        await until(lambda: brief._port._connection.offline.replica.value("draft", brief.draft.kind) == "middle")  # type: ignore[attr-defined]
    await offline(brief)
    await brief.draft.insert(0, "start ")
    await brief.draft.append(" end")
    await brief.draft.delete(0, 1)
    ref = await brief.findings.append("found offline", why="no server")
    await brief.questions.discard("old")
    await brief.questions.add("new")
    committed = await brief.citations.increment(3)
    await brief.cursors.set("ada", 7)
    assert (committed.pending, committed.version, ref.version, brief.pending, brief.connected) == (True, 0, 0, 8, False)
    assert (await brief.draft.read()).value == "tart middle end"
    assert (await brief.findings.read()).value == ["found offline"]
    assert (await brief.questions.read()).value == {"kept", "new"}
    assert (await brief.citations.read()).value == 3
    assert (await brief.cursors.read()).value == {"ada": 7}
    async with Engine(path) as engine:
        bob = await engine.open(Brief, TASK, "brief", agent="bob")
        await bob.draft.insert(3, "!")
        await bob.questions.add("old")  # anew: the discard had not seen this one
        await bob.citations.increment(2)
        async with served(engine, port=port_of(url)):
            await back(brief)
            version = await brief.synced(timeout=20)
            assert (brief.pending, brief.refused, version >= brief.version) == (0, (), True)
            assert (await bob.draft.read()).value == "tart mid!dle end"
            assert (await bob.findings.read()).value == ["found offline"]
            assert (await bob.questions.read()).value == {"kept", "new", "old"}
            assert (await bob.citations.read()).value == 5
            assert (await bob.cursors.read()).value == {"ada": 7}
            entry = (await bob.history("findings", kind="write"))[0]
            assert (entry.actor, entry.why) == ("ada", "no server")
            await brief.findings.append("online again")
            assert (await brief.findings.read()).entries[-1].by == "ada"
            await brief.close()


@in_loop
async def test_what_is_guarded_says_at_once_that_nobody_decides() -> None:
    """Never optimistically: commits, reads of guarded fields, rewriting, and whatever names a basis."""
    async with Engine() as engine:
        async with served(engine) as url:
            brief = await connect(Brief, url, TASK, "brief", agent="ada")
            seen, found = await brief.account.read(), await brief.findings.read()
            await synced(brief)
        await offline(brief)
        attempts = [
            lambda: brief.account.commit({"plan": "pro"}, expect=seen),
            lambda: brief.account.read(),
            lambda: brief.account.update(lambda _: {}),
            lambda: brief.draft.replace("a", "b"),
            lambda: brief.draft.insert_after("a", "b"),
            lambda: brief.draft.compact(lambda text: text),
            lambda: brief.findings.append("derived", derived_from=found),
            lambda: brief.history(),
        ]
        for attempt in attempts:
            with pytest.raises(NoAuthority) as told:
                await attempt()
            assert told.value.code == "offline"
        with pytest.raises(NoAuthority):
            async with brief.transaction() as tx:
                await tx.findings.append("x")
                await tx.account.commit({"plan": "pro"}, expect=seen)
        assert brief.pending == 0
        async with brief.transaction(why="both") as tx:
            await tx.findings.append("in one")
            await tx.citations.increment()
        assert brief.pending == 1
        await brief.close()


@in_loop
async def test_a_refused_write_alone_does_not_land(tmp_path: Path) -> None:
    """The rest is written anew under a new client id, in its places; the refused one is told whole, and quarantined."""
    path = tmp_path / "state.db"
    async with Engine(path) as engine, served(engine) as url:
        brief = await connect(Brief, url, TASK, "brief", agent="ada")
        await brief.short.append("1234")
        await synced(brief)
        await until(lambda: brief._port._connection.offline.replica.value("short", brief.short.kind) == "1234")  # type: ignore[attr-defined]
    await offline(brief)
    before = brief._port._connection.offline.replica.client_id  # type: ignore[attr-defined]
    await brief.findings.append("one")
    await brief.short.insert(0, "too long by far")
    await brief.short.insert(16, "x")
    await brief.verdict.append("guilty")
    await brief.findings.append("two")
    async with Engine(path) as engine, served(engine, port=port_of(url)):
        bob = await engine.open(Brief, TASK, "brief", agent="bob")
        await back(brief)
        await brief.synced(timeout=20)
        assert [(one.submission.writes[0].region, one.error.code) for one in brief.refused] == [
            ("short", "region_full"),
            ("verdict", "not_permitted"),
        ]
        assert (await bob.findings.read()).value == ["one", "two"]
        assert (await bob.short.read()).value == "1x234"
        assert (await bob.verdict.read()).value == []
        replica = brief._port._connection.offline.replica  # type: ignore[attr-defined]
        assert replica.client_id != before
        await until(lambda: replica.value("short", brief.short.kind) == "1x234")
        assert len(await engine.store.quarantine("acme/task/q3/brief")) == 2
        await brief.close()


@in_loop
async def test_the_past_of_another_incarnation_is_not_merged(tmp_path: Path) -> None:
    """A document that was created anew says so: no text is doubled, and what waited is told, not lost."""
    async with Engine(tmp_path / "old.db") as engine, served(engine) as url:
        brief = await connect(Brief, url, TASK, "brief", agent="ada")
        await brief.draft.append("hello")
        await synced(brief)
        await until(lambda: brief._port._connection.offline.replica.value("draft", brief.draft.kind) == "hello")  # type: ignore[attr-defined]
    await offline(brief)
    await brief.draft.append(" world")
    async with Engine(tmp_path / "new.db") as engine:
        bob = await engine.open(Brief, TASK, "brief", agent="bob")
        await bob.draft.append("hello")
        async with served(engine, port=port_of(url)):
            await back(brief)
            await until(lambda: brief.refused)
            await brief.synced(timeout=20)
            assert [one.error.code for one in brief.refused] == ["epoch_changed"]
            assert brief.refused[0].submission.writes[0].args == {"text": " world"}
            assert (await bob.draft.read()).value == "hello"
            assert (await brief.draft.read()).value == "hello"
            await brief.close()


@in_loop
async def test_a_full_outbox_takes_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound is a typed error; what was taken before still waits."""
    monkeypatch.setattr("accordant.sync.client.offline.OFFLINE_WRITES_MAX", 3)
    async with Engine() as engine:
        async with served(engine) as url:
            brief = await connect(Brief, url, TASK, "brief", agent="ada")
            await synced(brief)
        await offline(brief)
        for n in range(3):
            await brief.findings.append(str(n))
        with pytest.raises(NoAuthority) as told:
            await brief.findings.append("one too many")
        assert (told.value.code, brief.pending) == ("outbox_full", 3)
        with pytest.raises(NoAuthority) as late:
            await brief.synced(timeout=0.05)
        assert late.value.code == "timeout"
        await brief.close()


@in_loop
async def test_a_connection_that_drops_while_writes_are_on_their_way_doubles_nothing() -> None:
    """Cut again and again in the middle of sending, every write is there once."""
    async with Engine() as engine, served(engine) as url:
        brief = await connect(Brief, url, TASK, "brief", agent="ada")
        bob = await engine.open(Brief, TASK, "brief", agent="bob")
        await synced(brief)
        written = 0
        for _ in range(6):
            cut(brief)
            await offline(brief)
            for _ in range(10):
                await brief.findings.append(f"n{written}")
                await brief.citations.increment()
                written += 1
            await back(brief)
            await asyncio.sleep(0)
        await brief.synced(timeout=30)
        assert (await bob.findings.read()).value == [f"n{n}" for n in range(written)]
        assert (await bob.citations.read()).value == written
        assert brief.refused == ()
        await brief.close()


@in_loop
async def test_without_a_replica_nothing_is_written_offline() -> None:
    """`offline=False`: every call says at once that nobody is there."""
    async with Engine() as engine:
        async with served(engine) as url:
            brief = await connect(Brief, url, TASK, "brief", agent="ada", offline=False)
        await offline(brief)
        with pytest.raises(NoAuthority):
            await brief.findings.append("x")
        await brief.close()


@in_loop
async def test_a_merge_repeated_is_answered_with_its_first_version() -> None:
    """The op id of an offline write lands once, whatever landed since."""
    async with Engine() as engine:
        brief = await engine.open(Brief, TASK, "brief", agent="ada")
        update = LocalReplica().perform((Write("findings", Kind.LOG, "append", None, {"items": ["once"]}),))
        assert update is not None
        first = await brief._port.merge(update, "op-1", "offline")  # type: ignore[attr-defined]
        await brief.citations.increment()
        assert await brief._port.merge(update, "op-1", "offline") == first  # type: ignore[attr-defined]
        assert (await brief.findings.read()).value == ["once"]


@in_loop
async def test_what_was_read_in_the_replica_is_no_basis(tmp_path: Path) -> None:
    """Back, but before the replica has what happened meanwhile, a reading must not pass for the newest version (I5)."""
    async with Engine(tmp_path / "state.db") as engine, served(engine) as url:
        brief = await connect(Brief, url, TASK, "brief", agent="ada")
        bob = await engine.open(Brief, TASK, "brief", agent="bob")
        await synced(brief)
        cut(brief)
        await offline(brief)
        await brief.citations.increment()
        away = await brief.findings.read()
        await bob.findings.append("news")
        link = brief._port._connection  # type: ignore[attr-defined]
        whole, link.offline.synced = link.offline.synced, lambda _: None  # Step 2 comes late, as over a slow network
        await back(brief)
        stale = await brief.findings.read()
        assert (stale.value, away.value) == ([], [])
        link.offline.synced = whole
        cut(brief)
        await offline(brief)
        await back(brief)
        await brief.synced(timeout=20)
        account = await brief.account.read()
        for basis in (stale, away):
            with pytest.raises(EpochChanged):
                await brief.account.commit({"plan": "pro"}, expect=account, derived_from=basis)
        fresh = await brief.findings.read()
        await brief.account.commit({"plan": "pro"}, expect=account, derived_from=fresh)
        await brief.close()


@in_loop
async def test_what_was_acknowledged_is_in_the_replica() -> None:
    """Read your writes, also when the connection drops right after the answer."""
    async with Engine() as engine, served(engine) as url:
        for n in range(10):
            brief = await connect(Brief, url, TASK, f"brief-{n}", agent="ada")
            await synced(brief)
            await brief.findings.append("acknowledged")
            cut(brief)
            await asyncio.sleep(0)
            replica = brief._port._connection.offline.replica  # type: ignore[attr-defined]
            assert replica.value("findings", Kind.LOG) == ["acknowledged"]
            await brief.close()


def _waiting(count: int) -> Offline:
    waiting = Offline()
    waiting.synced(LocalReplica().encode())
    for n in range(count):
        waiting.write(Submission((Write("findings", Kind.LOG, "append", None, {"items": [str(n)]}),), f"op-{n}"))
    return waiting


def test_a_restored_document_gives_the_whole_outbox_back() -> None:
    """However much waited: none of it is dropped without a word."""
    waiting = _waiting(1_500)
    waiting.rejoined(is_same_document=False)
    assert [one.submission.op_id for one in waiting.refused] == [f"op-{n}" for n in range(1_500)]


def test_what_was_given_up_is_told_once() -> None:
    """An answer that comes after the document was found to be another one changes nothing."""
    waiting = _waiting(1)
    intention = waiting.first
    assert intention is not None
    waiting.rejoined(is_same_document=False)
    waiting.turned_down(intention, EpochChanged("late"))
    assert len(waiting.refused) == 1
