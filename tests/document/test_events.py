"""`doc.events`: what happens, to each who wants to hear it, once; the same in this process and over a websocket."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from pathlib import Path

import pytest

from accordant import (
    Conflict,
    Counter,
    Document,
    Engine,
    Event,
    EventKind,
    Fenced,
    Guarded,
    GuardedMap,
    Invalid,
    Invalidated,
    Lagged,
    Log,
    NoAuthority,
    SecondWriter,
    UnionSet,
    WriteDenied,
)
from accordant.document.events import Events
from accordant.types.limits import EVENTS_WAITING_MAX
from served import until
from worlds import TASK, EmbeddedWorld, in_loop, world

worlds = pytest.mark.parametrize("kind", ["memory", "sqlite", "websocket"])


class Brief(Document):
    account: Guarded[str]
    tasks: GuardedMap[int]
    findings: Log[str]
    notes: Log[str]
    questions: UnionSet[str]
    citations: Counter


async def take(events: Events, count: int) -> list[Event]:
    return [await asyncio.wait_for(anext(events), 20) for _ in range(count)]


async def all_up_to(events: Events, version: int) -> list[Event]:
    found: list[Event] = []
    while not found or found[-1].version < version:
        found += await take(events, 1)
    return found


def keys(events: Sequence[Event]) -> list[tuple[int, str]]:
    return [(event.version, event.kind.value) for event in events]


async def followers(w: EmbeddedWorld, doc: Document) -> int:
    return len((await w.engine.host(doc.key)).subscribers)


@worlds
@in_loop
async def test_one_write_is_one_event(kind: str, tmp_path: Path) -> None:
    """With its version, writer, path and refs; and only in the regions that were asked for."""
    async with world(kind, tmp_path / "a.db") as w:
        reader, writer = await w.open(Brief, "reader"), await w.open(Brief, "writer")
        async with reader.events(reader.findings, "tasks/7") as events:
            await writer.notes.append("nobody listens")
            ref = await writer.findings.append("x")
            await writer.tasks.commit("8", 1, expect=await writer.tasks.read("8"))
            seven = await writer.tasks.commit("7", 1, expect=await writer.tasks.read("7"))
            first, second = await take(events, 2)
        assert (first.kind, first.actor, first.path, first.refs) == (EventKind.WRITE, "writer", "findings", (ref,))
        assert (first.version, second.version, second.path) == (ref.version, seven.version, "tasks/7")


@worlds
@in_loop
async def test_a_stream_that_is_resumed_says_what_it_would_have_said(kind: str, tmp_path: Path) -> None:
    """From any version on, the log gives the same events as were told live, without a gap or a repeat."""
    async with world(kind, tmp_path / "a.db") as w:
        reader, one, two = await w.open(Brief, "reader"), await w.open(Brief, "one"), await w.open(Brief, "two")
        start = reader.version
        async with reader.events(after=start) as live:
            stale = await one.account.read()
            await one.account.commit("a", expect=stale)
            with pytest.raises(Conflict):
                await two.account.commit("b", expect=stale)
            ref = await one.findings.append("wrong")
            await two.findings.append("also")
            await reader.findings.read()
            await one.retract(ref)
            async with two.batch():
                for n in range(5):
                    await two.notes.append(str(n))
            last = await one.citations.increment()
            told = await all_up_to(live, last.version)
        kinds = {type(event) for event in told}
        assert {WriteDenied, SecondWriter, Invalidated, Event} <= kinds
        for after in sorted({event.version for event in told})[:-1]:
            async with reader.events(after=after) as again:
                assert await all_up_to(again, last.version) == [event for event in told if event.version > after]


@worlds
@in_loop
async def test_only_who_has_read_it_is_told_that_it_no_longer_holds(kind: str, tmp_path: Path) -> None:
    """A retraction reaches its readers wherever they listen, and nobody who has not read it."""
    async with world(kind, tmp_path / "a.db") as w:
        web, reader, stranger = [await w.open(Brief, name) for name in ("web", "reader", "stranger")]
        ref = await web.findings.append("4.1%")
        await reader.findings.read()
        async with reader.events("notes") as mine, stranger.events("notes", "findings") as theirs:
            await web.retract(ref, why="a mock-up")
            await web.notes.append("done")
            invalidated, _ = await take(mine, 2)
            assert isinstance(invalidated, Invalidated)
            assert (invalidated.ref, invalidated.readers, invalidated.why) == (ref, ("reader",), "a mock-up")
            assert [event.kind for event in await take(theirs, 2)] == [EventKind.RETRACTION, EventKind.WRITE]


@worlds
@in_loop
async def test_a_second_writer_is_told_once(kind: str, tmp_path: Path) -> None:
    """When a region that one agent alone has written gets its second writer; not for the third, and not after a restart."""
    async with world(kind, tmp_path / "a.db") as w:
        one, two, three = [await w.open(Brief, name) for name in ("one", "two", "three")]
        async with one.events(kinds=["second_writer"]) as events:
            for doc in (one, one, two, three, one):
                await doc.notes.append("x")
            await two.findings.append("mine")
            await one.findings.append("ours")
            first, second = await take(events, 2)
        assert isinstance(first, SecondWriter)
        assert [(event.path, event.actor) for event in (first, second)] == [("notes", "two"), ("findings", "one")]
        assert first.before == "one"


@in_loop
async def test_a_second_writer_is_known_after_a_restart(tmp_path: Path) -> None:
    """Who has written a region is in the checkpoint and in the log."""
    for agent in ("one", "one", "two", "two"):
        async with Engine(tmp_path / "a.db") as engine:
            doc = await engine.open(Brief, TASK, "brief", agent=agent)
            await doc.notes.append("x")
            events = doc.events(kinds="second_writer", after=0)
            if agent == "two":
                [told] = await take(events, 1)
                assert (told.actor, told.path) == ("two", "notes")
                entries = await doc.history("notes")
                assert sum("second_writer" in entry.info for entry in entries) == 1
            await events.aclose()


@in_loop
async def test_who_follows_another_region_is_never_woken() -> None:
    """A thousand writes elsewhere: its queue is empty, its task has not run."""
    async with Engine() as engine:
        reader = await engine.open(Brief, TASK, "brief", agent="reader")
        writer = await engine.open(Brief, TASK, "brief", agent="writer")
        woken = 0
        async with reader.events("tasks") as events:
            source = events._source
            heard = source.hear  # type: ignore[attr-defined]

            def hear(*arguments: object) -> None:
                nonlocal woken
                woken += 1
                heard(*arguments)

            source.hear = hear  # type: ignore[attr-defined]
            waiting = asyncio.create_task(anext(events))  # type: ignore[arg-type]
            for n in range(1000):
                await writer.notes.append(str(n))
            assert woken == 0
            assert not waiting.done()
            await writer.tasks.commit("1", 1, expect=await writer.tasks.read("1"))
            assert (await waiting).path == "tasks/1"
            assert woken == 1


@worlds
@in_loop
async def test_who_is_too_slow_is_told_what_to_read(kind: str, tmp_path: Path) -> None:
    """Its queue is bounded; one `Lagged` says how much was let go, and the log from there on has exactly that."""
    async with world(kind, tmp_path / "a.db") as w:
        reader, writer = await w.open(Brief, "reader"), await w.open(Brief, "writer")
        more = EVENTS_WAITING_MAX + 300
        async with reader.events("notes") as events:
            await writer.notes.append("first")
            first = (await take(events, 1))[0]
            for n in range(more // 50):
                await asyncio.gather(*(writer.notes.append(f"{n} {m}") for m in range(50)))
            last = writer.version
            host = await w.engine.host(reader.key)
            feeds = host.subscribers._feeds._feeds
            assert max(feed._gathering.size for feed in feeds) <= EVENTS_WAITING_MAX
            told = await all_up_to(events, last)
        [lagged] = [event for event in told if isinstance(event, Lagged)]
        at = told.index(lagged)
        async with reader.events("notes", after=lagged.resume_from) as again:
            missed = await take(again, lagged.n)
        everything = [*told[:at], *missed, *told[at + 1 :]]
        assert [event.version for event in everything] == list(range(first.version + 1, last + 1))
        assert lagged.n <= EVENTS_WAITING_MAX


@worlds
@in_loop
async def test_two_subscribers_have_windows_of_their_own(kind: str, tmp_path: Path) -> None:
    """One hears each write, the other one event for all that happened within its window: the counts agree."""
    async with world(kind, tmp_path / "a.db") as w:
        reader, writer = await w.open(Brief, "reader"), await w.open(Brief, "writer")
        async with reader.events("notes") as each, reader.events("notes", coalesce=0.5) as some:
            for n in range(20):
                await writer.notes.append(str(n))
            single = await take(each, 20)
            merged = await all_up_to(some, single[-1].version)
        assert all(event.count == 1 for event in single)
        assert sum(event.count for event in merged) == 20
        assert len(merged) < 20
        assert (merged[0].first, merged[-1].version) == (single[0].version, single[-1].version)


@worlds
@in_loop
async def test_a_rate_bounds_what_is_told(kind: str, tmp_path: Path) -> None:
    """At most one event per two seconds: the first at once, one more for all the others."""
    async with world(kind, tmp_path / "a.db") as w:
        reader, writer = await w.open(Brief, "reader"), await w.open(Brief, "writer")
        async with reader.events("notes", max_rate=0.5) as events:
            await writer.notes.append("first")
            assert (await take(events, 1))[0].count == 1
            for n in range(9):
                await writer.notes.append(str(n))
            assert (await take(events, 1))[0].count == 9


@worlds
@in_loop
async def test_a_group_shares_and_two_groups_each_get_everything(kind: str, tmp_path: Path) -> None:
    """Each event goes to one member of a group; a member that goes gives back what it has not confirmed."""
    async with world(kind, tmp_path / "a.db") as w:
        writer, other = await w.open(Brief, "writer"), await w.open(Brief, "other")
        async with (
            other.events("notes", group="critics") as a,
            writer.events("notes", group="critics") as b,
            other.events("notes", group="editors") as alone,
        ):
            for n in range(4):
                await writer.notes.append(str(n))
            versions = [event.version for event in await take(alone, 4)]
            mine = await take(a, 2)
            theirs = await take(b, 1)
            await a.aclose()  # it has not confirmed the second
            theirs += await take(b, 2)
            assert sorted(event.version for event in [mine[0], *theirs]) == versions
            assert mine[1].version in [event.version for event in theirs]


@worlds
@in_loop
async def test_a_member_whose_session_ends_gives_back_what_it_had(kind: str, tmp_path: Path) -> None:
    """Fenced before it asked for the next: another one gets it. A group that nobody is in goes on where it was."""
    async with world(kind, tmp_path / "a.db") as w:
        writer, lost, heir = [await w.open(Brief, name) for name in ("writer", "lost", "heir")]
        gone = lost.events("notes", group="critics")
        await gone.__aenter__()
        await writer.notes.append("one")
        [event] = await take(gone, 1)
        await w.engine.fence("lost")
        with pytest.raises(Fenced):
            await take(gone, 1)
        await writer.notes.append("two")
        async with heir.events("notes", group="critics") as rest:
            assert [one.version for one in await take(rest, 2)] == [event.version, event.version + 2]
        await gone.aclose()


@worlds
@in_loop
async def test_members_of_a_group_agree_on_what_they_follow(kind: str, tmp_path: Path) -> None:
    """Otherwise an event would go to who does not want it: `group_differs`."""
    async with world(kind, tmp_path / "a.db") as w:
        doc = await w.open(Brief, "doc")
        async with doc.events("notes", group="critics"):
            with pytest.raises(Invalid) as refused:
                async with doc.events("findings", group="critics"):
                    pass
        assert refused.value.code == "group_differs"


@worlds
@in_loop
async def test_an_iterator_ends_as_every_other_call(kind: str, tmp_path: Path) -> None:
    """A fenced, closed or lost session, a closed document: it raises, and never hangs."""
    async with world(kind, tmp_path / "a.db") as w:
        fenced, closed = await w.open(Brief, "fenced"), await w.open(Brief, "closed")
        one, two = fenced.events(), closed.events()
        waiting = [asyncio.ensure_future(all_up_to(events, 2**50)) for events in (one, two)]
        await until(lambda: len(w.engine._hosts) == 1)
        host = await w.engine.host(fenced.key)
        await until(lambda: len(host.subscribers) == 2)
        await w.engine.fence("fenced")
        await closed.close()
        for task in waiting:
            with pytest.raises(Fenced):
                await asyncio.wait_for(task, 20)
        with pytest.raises(Fenced):
            async with fenced.events():
                pass
        await until(lambda: len(host.subscribers) == 0)


@in_loop
async def test_an_engine_that_closes_ends_its_subscribers() -> None:
    """Who waits is told `NoAuthority`, like any call then."""
    async with Engine() as engine:
        doc = await engine.open(Brief, TASK, "brief", agent="doc")
        events = doc.events("notes")
        waiting = asyncio.ensure_future(take(events, 1))
        host = await engine.host(doc.key)
        await until(lambda: len(host.subscribers) == 1)
    with pytest.raises(NoAuthority):
        await waiting


@worlds
@in_loop
async def test_who_stops_listening_leaves_no_queue(kind: str, tmp_path: Path) -> None:
    """Whether it closes its iterator, leaves its block, or just drops it."""
    async with world(kind, tmp_path / "a.db") as w:
        doc = await w.open(Brief, "doc")
        host = await w.engine.host(doc.key)
        async with doc.events():
            assert len(host.subscribers) == 1
        await until(lambda: len(host.subscribers) == 0)
        await doc.notes.append("x")
        async for _ in doc.events(after=0):
            break
        gc.collect()
        await until(lambda: len(host.subscribers) == 0)
        await doc.close()
        await until(lambda: host.is_idle)


@worlds
@in_loop
async def test_what_cannot_be_followed_is_refused(kind: str, tmp_path: Path) -> None:
    """A version that is not there yet, an unknown kind, windows without end: typed errors."""
    async with world(kind, tmp_path / "a.db") as w:
        doc = await w.open(Brief, "doc")
        with pytest.raises(Invalid) as refused:
            async with doc.events(after=10**9):
                pass
        assert refused.value.code == "unknown_version"
        for options in ({"kinds": ["gossip"]}, {"coalesce": -1.0}, {"max_rate": 0.0}, {"group": ""}, {"after": -1}):
            with pytest.raises(Invalid):
                doc.events(**options)  # type: ignore[arg-type]


def test_events_in_other_words_lose_none() -> None:
    """`through` makes none or several of each event; who gives up waiting while it does is told later, everything, once."""

    async def main() -> None:
        async with Engine() as engine:
            doc = await engine.open(None, TASK, "words", agent="ann")
            gate = asyncio.Event()

            async def twice(event: Event) -> list[Event]:
                await gate.wait()
                return [] if event.path == "hidden" else [event, event]

            async with doc.events(kinds="write").through(twice) as events:
                await doc.counter("shown").increment()
                await doc.counter("hidden").increment()
                waiting = asyncio.ensure_future(anext(events))
                for _ in range(5):
                    await asyncio.sleep(0)
                waiting.cancel()
                assert isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], asyncio.CancelledError)
                gate.set()
                await doc.counter("last").increment()
                assert [(await anext(events)).path for _ in range(4)] == ["shown", "shown", "last", "last"]

    asyncio.run(main())
