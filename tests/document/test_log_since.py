"""Reading a log from a version on, and appending only where nothing has come between, embedded and over a websocket."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from accordant import Conflict, Document, Engine, Invalid, Log, NoAuthority, blocking, connect, region
from accordant.types.commands import Question
from accordant.types.readings import LogReading
from accordant.types.regions import Kind
from http_served import BRIEF, http_world
from served import back, cut, offline, served, until
from worlds import TASK, in_loop, world

worlds = pytest.mark.parametrize("kind", ["memory", "sqlite", "websocket"])


class Notes(Document):
    findings: Log[str] = region(allow={"*": {"append"}, "curator": {"append", "compact", "retract"}})


class View:
    """A copy of a log that is kept by what is new alone."""

    def __init__(self) -> None:
        self.items: dict[str, str] = {}
        self.marks: dict[str, str] = {}
        self.version = 0
        self.wholes = 0

    def add(self, reading: LogReading[list[str]]) -> None:
        if reading.since == 0:
            self.wholes += 1
            self.items, self.marks = {}, {}
        self.items |= {item.ref: item.value for item in reading.entries}
        self.marks |= {ref: status for ref, (status, _) in reading.marks.items()}
        self.version = reading.version


@worlds
@in_loop
async def test_only_what_is_new_is_read(kind: str, tmp_path: Path) -> None:
    """After a version there are the later items, with refs and authors; nothing where nothing has come; of no version, all."""
    async with world(kind, tmp_path / "state.db") as w:
        ann, bob = await w.open(Notes, "ann"), await w.open(Notes, "bob")
        empty = await ann.findings.read(since=0)
        assert (empty.value, empty.version) == ([], 0)
        await ann.findings.extend(["one", "two"])
        seen = await bob.findings.read()
        ref = await bob.findings.append("three")
        new = await ann.findings.read(since=seen.version)
        assert [(item.ref, item.value, item.by) for item in new.entries] == [(ref, "three", "bob")]
        assert (new.since, new.version) == (seen.version, ref.version)
        assert (await ann.findings.read(since=new.version)).value == []
        assert (await ann.findings.read(since=10**9)).value == []
        assert (await ann.findings.read(since=0)).value == ["one", "two", "three"]
        for wrong in (-1, True):
            with pytest.raises(Invalid):
                await ann.findings.read(since=wrong)
    with pytest.raises(Invalid):
        Question("draft", Kind.TEXT, since=1)


@worlds
@in_loop
async def test_what_became_of_older_items_is_new_too(kind: str, tmp_path: Path) -> None:
    """A retraction of what had been read comes as a mark, once; a compaction as the whole log, said so by `since`."""
    async with world(kind, tmp_path / "state.db") as w:
        ann, curator = await w.open(Notes, "ann"), await w.open(Notes, "curator")
        refs = await ann.findings.extend(["one", "two", "three"])
        first = await ann.findings.read(since=refs[0].version)
        await curator.retract(refs[1], "was wrong")
        marked = await ann.findings.read(since=first.version)
        assert (marked.value, marked.marks) == ([], {refs[1]: ("retracted", None)})
        assert (await ann.findings.read(since=marked.version)).marks == {}
        late = await ann.findings.append("four")
        assert (await ann.findings.read(since=marked.version)).marks == {}
        await curator.findings.compact(lambda items: [items[0].value])
        whole = await ann.findings.read(since=late.version)
        assert (whole.since, whole.value) == (0, ["one"])
        await ann.findings.append("five")
        assert (await ann.findings.read(since=whole.version)).value == ["five"]


@worlds
@in_loop
async def test_a_mark_that_changes_is_new_again(kind: str, tmp_path: Path) -> None:
    """What was suspect and is retracted itself comes a second time, although others were marked in between."""
    async with world(kind, tmp_path / "state.db") as w:
        ann = await w.open(Notes, "ann")
        cause = await ann.findings.append("cause")
        made = await ann.findings.append("made of it", derived_from=await ann.findings.read())
        other = await ann.findings.append("other")
        await ann.retract(cause)
        await ann.retract(other)
        seen = await ann.findings.read()
        assert seen.marks[made][0] == "suspect"
        await ann.retract(made)
        assert {ref: mark[0] for ref, mark in (await ann.findings.read(since=seen.version)).marks.items()} == {
            made: "retracted"
        }


@worlds
@pytest.mark.parametrize("seed", range(4))
@in_loop
async def test_a_view_that_grows_is_the_log(kind: str, seed: int, tmp_path: Path) -> None:
    """Whatever is appended, retracted, compacted, and whenever one looks: what has grown equals what is read whole."""
    rng = random.Random(seed)
    async with world(kind, tmp_path / "state.db") as w:
        ann, curator = await w.open(Notes, "ann"), await w.open(Notes, "curator")
        view = View()
        for n in range(60):
            whole = await ann.findings.read()
            match rng.randrange(10):
                case 0 if whole.entries:
                    item = rng.choice([item for item in whole.entries])
                    if item.status == "current":
                        await curator.retract(item.ref)
                case 1 if rng.random() < 0.3:
                    await curator.findings.compact(lambda items: [item.value for item in items[: len(items) // 2]])
                case _:
                    await asyncio.gather(*(who.findings.append(f"{n}") for who in (ann, curator)[: rng.randint(1, 2)]))
            if rng.random() < 0.5:
                view.add(await ann.findings.read(since=view.version))
        view.add(await ann.findings.read(since=view.version))
        whole = await ann.findings.read()
        assert view.items == {item.ref: item.value for item in whole.entries}
        assert {ref for ref in view.marks if ref in view.items} == {
            item.ref for item in whole.entries if item.status != "current"
        }


@in_loop
async def test_late_appends_of_a_peer_are_new_wherever_they_stand(tmp_path: Path) -> None:
    """What was written offline comes to stand among older items; whoever reads on from a version gets it all the same."""
    async with (
        Engine(tmp_path / "state.db") as engine,
        served(engine) as url,
        connect(Notes, url, TASK, "brief", agent="late") as late,
    ):
        ann = await engine.open(Notes, TASK, "brief", agent="ann")
        await ann.findings.append("base")
        await until(lambda: late._port._connection.offline.has_synced)  # type: ignore[attr-defined]
        await late.findings.read()
        cut(late)
        await offline(late)
        await late.findings.append("written away")
        with pytest.raises(NoAuthority):
            await late.findings.append("never", expect=await ann.findings.read())
        assert (await late.findings.read(since=1)).value[-1] == "written away"
        await ann.findings.append("meanwhile")
        seen = await ann.findings.read()
        await back(late)
        await late.synced(10)
        new = await ann.findings.read(since=seen.version)
        assert (new.value, new.entries[0].by) == (["written away"], "late")
        await ann.findings.append("last")
        assert (await ann.findings.read(since=seen.version)).value == [
            one for one in (await ann.findings.read()).value if one in ("written away", "last")
        ]
    async with Engine(tmp_path / "state.db") as engine:  # the order out of a checkpoint says the same
        ann = await engine.open(Notes, TASK, "brief", agent="ann")
        assert sorted((await ann.findings.read(since=seen.version)).value) == ["last", "written away"]


@worlds
@in_loop
async def test_appending_where_nothing_has_come_between(kind: str, tmp_path: Path) -> None:
    """`expect=` lands on the version that was read, also one that was read in part, and nowhere else; a retraction counts as a
    change; what was appended that way was not made from what was read."""
    async with world(kind, tmp_path / "state.db") as w:
        ann, bob = await w.open(Notes, "ann"), await w.open(Notes, "bob")
        first = await ann.findings.append("one", expect=await ann.findings.read())
        seen = await ann.findings.read(since=first.version)
        second = await bob.findings.append("two")
        with pytest.raises(Conflict) as lost:
            await ann.findings.append("three", expect=seen)
        assert lost.value.fields["current"] == second.version
        assert (await ann.findings.read()).value == ["one", "two"]
        seen = await ann.findings.read(since=seen.version)
        third = await ann.findings.append("three", expect=seen)
        seen = await bob.findings.read(since=third.version)
        await ann.retract(first, "was wrong")
        with pytest.raises(Conflict):
            await bob.findings.append("four", expect=seen)
        assert [item.status for item in (await ann.findings.read()).entries] == ["retracted", "current", "current"]
        with pytest.raises(Invalid):
            await ann.findings.append("five", expect=await ann.log("others").read())


@worlds
@in_loop
async def test_those_who_stand_in_line_do_not_race(kind: str, tmp_path: Path) -> None:
    """Eight who read in turn and append where nothing has come between need one try each."""
    async with world(kind, tmp_path / "state.db") as w:
        agents = [await w.open(Notes, f"a{n}") for n in range(8)]

        async def add(doc: Notes) -> None:
            seen = await doc.findings.read(since=0, in_turn=True)
            await doc.findings.append(doc.agent, expect=seen)

        await asyncio.gather(*map(add, agents))
        assert sorted((await agents[0].findings.read()).value) == [doc.agent for doc in agents]


def test_without_await() -> None:
    """`accordant.blocking` has both."""
    with blocking.Engine() as engine:
        ann = engine.open(Notes, TASK, "brief", agent="ann")
        ann.findings.append("one")
        seen = ann.findings.read(since=0)
        ann.findings.append("two", expect=seen)
        assert ann.findings.read(since=seen.version).value == ["two"]
        with pytest.raises(Conflict):
            ann.findings.append("three", expect=seen)


@in_loop
async def test_over_http() -> None:
    """`?since=` of a log answers with what is new; of anything else it is invalid."""
    async with Engine() as engine, http_world(engine) as (client, owner):
        first = await owner.findings.append("one")
        ref = await owner.findings.append("two")
        answer = (await client.get(f"{BRIEF}/regions/findings", params={"since": first.version})).json()
        assert ([one["ref"] for one in answer["entries"]], answer["since"]) == ([ref], first.version)
        assert "since" not in (await client.get(f"{BRIEF}/regions/findings")).json()
        assert (await client.get(f"{BRIEF}/regions/draft", params={"since": 1})).status_code == 422


@in_loop
async def test_reading_on_costs_what_is_new(tmp_path: Path) -> None:
    """Of twenty thousand items, one that was appended since comes without the others being read."""
    async with Engine() as engine:
        ann = await engine.open(Notes, TASK, "brief", agent="ann")
        await ann.findings.extend([f"item {n}" for n in range(20_000)])
        seen = await ann.findings.read()
        await ann.findings.append("new")
        state = ann._port.host.machine.state  # type: ignore[attr-defined]
        read = type(state).value
        asked: list[str] = []
        try:
            type(state).value = lambda self, name, kind: asked.append(name) or read(self, name, kind)
            assert (await ann.findings.read(since=seen.version)).value == ["new"]
        finally:
            type(state).value = read
        assert asked == []
