"""Feeds at the authority: from the log to live without a gap, over failing stores, past retention, for many subscribers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from accordant import Document, Engine, Event, GuardedMap, Log, NoAuthority, SnapshotExpired, StoreError
from accordant.document.events import Events
from accordant.engine.host import feed as feeds
from accordant.engine.host import subscribers
from accordant.engine.host.document_host import DocumentHost
from accordant.engine.stores.contract import Commit, Outcome
from accordant.engine.stores.memory import MemoryStore
from accordant.types.entries import Entry
from served import until
from worlds import TASK, in_loop


class Brief(Document):
    notes: Log[str]
    tasks: GuardedMap[int]


class SlowStore(MemoryStore):
    """Reads take a turn of the loop, so that writes land in between; a commit fails, before or after it landed, as told."""

    def __init__(self) -> None:
        super().__init__()
        self.after: list[Exception] = []
        self.reading: list[Exception] = []

    async def read(self, document: str, after: int = 0, limit: int = 1000) -> list[Entry]:
        await asyncio.sleep(0)
        if self.reading:
            raise self.reading.pop(0)
        entries = await super().read(document, after, limit)
        await asyncio.sleep(0)
        return entries

    async def commit(self, document: str, epoch: int, commits: Sequence[Commit]) -> list[Outcome]:
        outcomes = await super().commit(document, epoch, commits)
        if self.after:
            raise self.after.pop(0)
        return outcomes


async def take(events: Events, count: int) -> list[Event]:
    return [await asyncio.wait_for(anext(events), 20) for _ in range(count)]


@pytest.mark.parametrize("seed", range(5))
@in_loop
async def test_catching_up_beside_a_writer_has_no_gap_and_no_repeat(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Subscribers from any version, small pages, writes at every turn: each hears every version behind its own, once."""
    monkeypatch.setattr(feeds, "PAGE", 3)
    dice = random.Random(seed)
    store = SlowStore()
    async with Engine(store=store) as engine:
        writer = await engine.open(Brief, TASK, "brief", agent="writer")

        async def follow(after: int) -> tuple[int, list[int]]:
            found: list[int] = []
            reader = await engine.open(Brief, TASK, "brief", agent="reader", shared=True)
            async with reader.events("notes", after=after) as events:
                while len(found) == 0 or found[-1] < last:
                    found += [event.version for event in await take(events, 1)]
                    if dice.random() < 0.3:
                        await asyncio.sleep(0)
            return after, found

        last = 2**50
        followers = []
        for n in range(60):
            await writer.notes.append(str(n))
            if dice.random() < 0.2:
                followers.append(asyncio.create_task(follow(dice.randint(0, writer.version))))
        await asyncio.sleep(0)
        last = (await writer.notes.append("last")).version
        noted = [entry.offset for entry in (await writer.history("notes", limit=100))[::-1]]
        for follower in followers:
            after, found = await follower
            assert found == [version for version in noted if version > after]


@in_loop
async def test_what_landed_although_its_commit_seemed_to_fail_is_told() -> None:
    """The store answers with an error and has written all the same: subscribers hear of it, in its place, once."""
    store = SlowStore()
    async with Engine(store=store) as engine:
        doc = await engine.open(Brief, TASK, "brief", agent="doc")
        async with doc.events("notes") as events:
            first = await doc.notes.append("one")
            store.after = [OSError("the disk stutters")]
            with pytest.raises(StoreError):
                await doc.notes.append("two")
            third = await doc.notes.append("three")
            versions = [event.version for event in await take(events, 3)]
        assert versions == [first.version, first.version + 1, third.version]


@in_loop
async def test_a_log_that_cannot_be_read_is_told_and_read_again() -> None:
    """`StoreError` from the iterator; asking once more goes on, without a gap."""
    store = SlowStore()
    async with Engine(store=store) as engine:
        doc = await engine.open(Brief, TASK, "brief", agent="doc")
        ref = await doc.notes.append("one")
        events = doc.events("notes", after=0)
        store.reading = [OSError("gone")]
        with pytest.raises(StoreError):
            await anext(events)
        assert [event.version for event in await take(events, 1)] == [ref.version]
        await events.aclose()


@in_loop
async def test_past_retention_it_is_said_where_to_begin(tmp_path: Path) -> None:
    """`SnapshotExpired` names the oldest version; from there on it works."""
    async with Engine(tmp_path / "a.db") as engine:
        doc = await engine.open(Brief, TASK, "brief", agent="doc")
        for n in range(20):
            await doc.notes.append(str(n))
        await (await engine.host(doc.key)).close()
        assert await engine.store.truncate(doc.key.path, 10) > 0
        doc = await engine.open(Brief, TASK, "brief", agent="doc")
        with pytest.raises(SnapshotExpired) as expired:
            async with doc.events(after=0):
                pass
        oldest = expired.value.fields["oldest"]
        async with doc.events("notes", after=oldest) as events:
            ref = await doc.notes.append("new")
            assert (await take(events, 1))[0].version <= ref.version


async def _host(engine: Engine) -> DocumentHost:
    [host] = engine.hosts
    return host


@in_loop
async def test_bounds_of_feeds_groups_and_members(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond each of them `NoAuthority`; a group without members makes room for a new one."""
    monkeypatch.setattr(feeds, "FEEDS_MAX", 3)
    monkeypatch.setattr(subscribers, "GROUPS_MAX", 2)
    monkeypatch.setattr(subscribers, "GROUP_MEMBERS_MAX", 2)
    async with Engine() as engine:
        doc = await engine.open(Brief, TASK, "brief", agent="doc")
        async with doc.events(group="a") as one, doc.events(group="a") as two, doc.events(group="b") as three:
            with pytest.raises(NoAuthority) as refused:
                doc.events(group="a")
            assert refused.value.code == "too_many_members"
            with pytest.raises(NoAuthority) as refused:
                doc.events(group="c")
            assert refused.value.code == "too_many_groups"
            async with doc.events():
                with pytest.raises(NoAuthority) as refused:
                    async with doc.events():
                        pass
                assert refused.value.code == "too_many_subscribers"
            await one.aclose()
            await two.aclose()
            async with doc.events(group="c"):
                pass
            await three.aclose()
        assert len((await _host(engine)).subscribers) == 0


@in_loop
async def test_a_group_that_nobody_is_in_lets_its_document_rest_and_goes_on_where_it_was() -> None:
    """It is a number while nobody asks: nothing is kept, and nothing is lost for whoever comes next."""
    async with Engine() as engine:
        doc = await engine.open(Brief, TASK, "brief", agent="doc")
        async with doc.events("notes", group="a") as events:
            one = await doc.notes.append("one")
            two = await doc.notes.append("two")
            assert [event.version for event in await take(events, 2)] == [one.version, two.version]
        host = await _host(engine)
        three = await doc.notes.append("three")
        async with doc.events("notes", group="a") as events:
            assert [event.version for event in await take(events, 2)] == [two.version, three.version]
        await doc.close()
        await until(lambda: host.is_idle)


@in_loop
async def test_a_cancelled_wait_takes_nothing() -> None:
    """Asked for, given up, asked for again: every event is still there."""
    async with Engine() as engine:
        doc = await engine.open(Brief, TASK, "brief", agent="doc")
        async with doc.events("notes") as events, doc.events("notes", group="a") as member:
            versions: list[int] = []
            found: dict[Events, list[int]] = {events: [], member: []}
            for n in range(30):
                waiting = {one: asyncio.ensure_future(_next(one)) for one in (events, member)}
                for _ in range(n % 4):
                    await asyncio.sleep(0)
                for task in waiting.values():
                    task.cancel()
                versions.append((await doc.notes.append(str(n))).version)
                await asyncio.gather(*waiting.values(), return_exceptions=True)
                for one, task in waiting.items():
                    found[one] += [] if task.cancelled() else [task.result().version]
            for one, versions_found in found.items():
                versions_found += [event.version for event in await take(one, 30 - len(versions_found))]
                assert versions_found == versions


async def _next(events: Events) -> Event:
    return await anext(events)
