"""Working through a list of tasks: the next one, held while working, those left behind; and twenty who race for one."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from accordant import (
    Board,
    Claim,
    Conflict,
    Denied,
    Document,
    Engine,
    Fenced,
    GuardedMap,
    Task,
    blocking,
    claim_next,
    claimed,
)
from accordant.engine.guard import Field
from accordant.engine.stores.memory import MemoryStore
from accordant.patterns.claiming import is_open, priority_of
from accordant.types.errors import AccordantError
from accordant.types.readings import Held
from served import served, until
from worlds import TASK, EmbeddedWorld, in_loop, world

worlds = pytest.mark.parametrize("kind", ["memory", "sqlite", "websocket"])


class Desk(Board):
    tasks: GuardedMap[Task]


async def put(board: Desk, **tasks: Task) -> None:
    for key, task in tasks.items():
        await board.tasks.commit(key, task, expect=await board.tasks.read(key))


async def desk(w: EmbeddedWorld, agent: str) -> Desk:
    return await w.open(Desk, agent)


@worlds
@in_loop
async def test_the_most_urgent_open_task_comes_first(kind: str, tmp_path: Path) -> None:
    """By priority, then by age; none that is held, finished or gone; None when there is none."""
    async with world(kind, tmp_path / "a.db") as w:
        ann, bob = await desk(w, "ann"), await desk(w, "bob")
        assert await ann.claim_next(60) is None
        await put(
            ann, low=Task(), high=Task(priority=9), middle=Task(priority=5), done=Task(priority=99, status="done")
        )
        taken = [await one.claim_next(60) for one in (ann, bob, ann, bob)]
        assert [one and one.key for one in taken] == ["high", "middle", "low", None]
        assert taken[0] is not None
        await ann.tasks.release(taken[0])
        assert (again := await bob.claim_next(60)) is not None
        assert again.key == "high"


@worlds
@in_loop
async def test_a_task_is_held_while_the_block_runs(kind: str, tmp_path: Path) -> None:
    """What it commits lands under its fence; afterwards anybody may take it, however the block ended."""
    async with world(kind, tmp_path / "a.db") as w:
        ann, bob = await desk(w, "ann"), await desk(w, "bob")
        await put(ann, one=Task(title="read"))
        async with ann.claimed("one", ttl=60) as task:
            assert (task.key, task.value.title) == ("one", "read")
            with pytest.raises(Conflict) as held:
                await bob.tasks.claim("one", 60)
            assert held.value.code == "claimed"
            with pytest.raises(Denied):
                await bob.tasks.commit("one", Task(), expect=await bob.tasks.read("one"))
            await task.commit(task.value.model_copy(update={"result": 1}))
            done = await task.commit(
                task.value.model_copy(update={"status": "done"}), why="read it", derived_from=task.reading
            )
            assert done.version > task.fence
        assert (await bob.tasks.read("one")).value == Task(title="read", status="done", result=1)
        assert await bob.tasks.claims() == {}
        with pytest.raises(ValueError, match="lost interest"):
            async with ann.claimed("one"):
                raise ValueError("lost interest")
        async with bob.claimed(await bob.tasks.claim("one", 60)) as task:
            assert task.value.status == "done"


@worlds
@in_loop
async def test_the_claim_is_renewed_while_the_work_goes_on(kind: str, tmp_path: Path) -> None:
    """A block that takes many times the time to live keeps its task, and the fence is that of the claim."""
    async with world(kind, tmp_path / "a.db") as w:
        ann = await desk(w, "ann")
        async with ann.claimed("one", ttl=0.3) as task:
            fence, first = task.fence, task.claim.until
            await until(lambda: task.claim.until > first + 900)
            await task.commit(Task(status="done"))
            assert task.fence == fence


@in_loop
async def test_a_lost_claim_stops_its_worker() -> None:
    """When time has run out by the authority's clock the block is cancelled where it waits, and what it wrote then is fenced."""
    now = [1_800_000_000.0]
    async with Engine(store=MemoryStore(clock=lambda: now[0]), clock=lambda: now[0]) as engine:
        ann, bob = [await engine.open(Desk, TASK, "a", agent=name) for name in ("ann", "bob")]
        reached = False
        with pytest.raises(Fenced) as lost:
            async with ann.claimed("one", ttl=0.5) as task:
                now[0] += 10
                stolen = await bob.tasks.claim("one", 60)
                try:
                    await asyncio.Event().wait()
                finally:
                    with pytest.raises(AccordantError):
                        await task.commit(Task(title="late"))
                reached = True
        assert (lost.value.code, reached) == ("claim_lost", False)
        current = asyncio.current_task()
        assert current is not None
        assert current.cancelling() == 0
        await bob.tasks.commit("one", Task(title="mine"), expect=stolen)
        assert (await ann.tasks.read("one")).value == Task(title="mine")


@in_loop
async def test_a_lost_claim_is_told_even_to_a_block_that_just_ends() -> None:
    """The claim is lost in the block's last moment: it is told as lost, and no cancellation is left behind."""
    async with Engine() as engine:
        ann = await engine.open(Desk, TASK, "a", agent="ann")
        with pytest.raises(Fenced):
            async with ann.claimed("one", ttl=60) as task:
                current = asyncio.current_task()
                assert current is not None
                task.is_lost = True
                current.cancel()
        await asyncio.sleep(0)


@in_loop
async def test_a_worker_that_is_cancelled_lets_go() -> None:
    """A cancellation from outside goes through, and the task is free at once."""
    async with Engine() as engine:
        ann, bob = [await engine.open(Desk, TASK, "a", agent=name) for name in ("ann", "bob")]
        begun = asyncio.Event()

        async def work() -> None:
            async with ann.claimed("one", ttl=3_600):
                begun.set()
                await asyncio.Event().wait()

        working = asyncio.create_task(work())
        await begun.wait()
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert (await bob.tasks.claim("one", 60)).key == "one"


@in_loop
async def test_nobody_works_on_when_nobody_can_be_asked() -> None:
    """Without the server the claim cannot be renewed: when it must have run out, the worker is stopped."""
    async with Engine() as engine:
        async with served(engine) as url:
            from accordant import connect

            handle = connect(Desk, url, TASK, "a", agent="ann", offline=False)
            ann = await handle.__aenter__()
            stack = ann.claimed("one", ttl=0.6)
            await stack.__aenter__()
        cut_off = False
        try:
            await asyncio.wait_for(asyncio.Event().wait(), 20)
        except asyncio.CancelledError as cancelled:
            cut_off = True
            with pytest.raises(Fenced):
                await stack.__aexit__(type(cancelled), cancelled, cancelled.__traceback__)
        assert cut_off
        await handle.__aexit__(None, None, None)


@worlds
@in_loop
async def test_what_was_left_behind_is_listed_and_taken(kind: str, tmp_path: Path) -> None:
    """Whose time ran out, and whose session ended, are orphans, with the reason; who holds or has finished is none."""
    async with world(kind, tmp_path / "a.db") as w:
        ann, bob, eve = [await desk(w, name) for name in ("ann", "bob", "eve")]
        await put(ann, late=Task(), left=Task(), held=Task(), finished=Task(status="done"), free=Task(priority=-1))
        await ann.tasks.claim("late", 0.05)
        await bob.tasks.claim("left", 3_600)
        await bob.tasks.claim("finished", 3_600)
        await eve.tasks.claim("held", 3_600)
        await bob.close()

        async def orphans() -> dict[str, str]:
            return {one.key: one.because for one in await ann.orphans()}

        async with asyncio.timeout(45):
            while await orphans() != {"late": "ran out", "left": "left"}:  # noqa: ASYNC110 - time passes by itself
                await asyncio.sleep(0.02)
        taken = {claim.key for _ in range(4) if (claim := await eve.claim_next(60)) is not None}
        assert taken == {"late", "left", "free"}


@in_loop
async def test_a_restart_leaves_orphans(tmp_path: Path) -> None:
    """Claims end with their authority; the next one's agents see which."""
    async with Engine(tmp_path / "a.db") as engine:
        ann = await engine.open(Desk, TASK, "a", agent="ann")
        await put(ann, one=Task())
        await ann.tasks.claim("one", 3_600)
    async with Engine(tmp_path / "a.db") as engine:
        bob = await engine.open(Desk, TASK, "a", agent="bob")
        [orphan] = await bob.orphans()
        assert (orphan.key, orphan.held.by, orphan.because) == ("one", "ann", "restart")
        assert (claim := await bob.claim_next(60)) is not None
        assert claim.key == "one"


@worlds
@in_loop
async def test_claims_are_listed(kind: str, tmp_path: Path) -> None:
    """All keys that are claimed, set or not: by whom, until when, under which fence; in a snapshot as they were then."""
    async with world(kind, tmp_path / "a.db") as w:
        ann, bob = await desk(w, "ann"), await desk(w, "bob")
        assert await ann.tasks.claims() == {}
        one, two = await ann.tasks.claim("one/x", 60), await bob.tasks.claim("two", 60)
        listed = {"one/x": Held("one/x", "ann", one.until, one.fence), "two": Held("two", "bob", two.until, two.fence)}
        assert await ann.tasks.claims() == listed
        snapshot = await ann.snapshot()
        await bob.tasks.release(two)
        assert set(await ann.tasks.claims()) == {"one/x"}
        assert await snapshot.tasks.claims() == listed


def test_claims_block() -> None:
    """Without a loop: the next task, who holds what, what was left behind."""
    with blocking.Engine() as engine:
        ann: Any = engine.open(Desk, TASK, "a", agent="ann")
        ann.tasks.commit("one", Task(priority=2), expect=ann.tasks.read("one"))
        claim = ann.claim_next(60)
        assert isinstance(claim, Claim)
        assert set(ann.tasks.claims()) == {"one"}
        assert ann.orphans() == []


def test_what_is_open_and_how_urgent() -> None:
    """Models and plain values alike; whatever has no status is open, whatever has no priority is ordinary."""
    assert is_open(Task())
    assert is_open({"x": 1})
    assert is_open("anything")
    assert not is_open({"status": "done"})
    assert not is_open(Task(status="failed"))
    assert [priority_of(one) for one in (Task(priority=3), {"priority": 2}, {"priority": "high"}, None)] == [
        3.0,
        2.0,
        0.0,
        0.0,
    ]


class Plain(Document):
    jobs: GuardedMap[str]


@in_loop
async def test_any_guarded_map_will_do() -> None:
    """Claims need no board: any guarded map, by its public methods, with what open and urgent mean there."""
    async with Engine() as engine:
        doc = await engine.open(Plain, TASK, "plain", agent="ann")
        for key, value in (("a", "todo"), ("b", "todo!"), ("c", "done")):
            await doc.jobs.commit(key, value, expect=await doc.jobs.read(key))
        claim = await claim_next(
            doc, doc.jobs, 60, open=lambda one: one.startswith("todo"), priority=lambda one: one.count("!")
        )
        assert claim is not None
        async with claimed(doc.jobs, claim, 60) as job:
            assert (job.key, job.value) == ("b", "todo!")


# -- the race ------------------------------------------------------------------------------------------------------------

AGENTS, TTL_S = 20, 10.0


class Race:
    """Twenty agents want one task, each once, on virtual time. They are driven move by move, in an order that the seed decides;
    each judges by what it was told alone."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.dice = random.Random(seed)
        self.now = 1_800_000_000.0
        self.held: dict[str, Any] = {}
        self.ends: dict[str, float] = {}
        self.served: set[str] = set()
        self.fences: list[int] = []
        self.fenced = 0

    async def play(self) -> None:
        """Until everybody has had it: at most one holder at any time, and nobody is left out."""
        async with Engine(store=MemoryStore(clock=lambda: self.now), clock=lambda: self.now) as engine:
            boards = {}
            for n in range(AGENTS):
                boards[f"agent-{n}"] = await engine.open(Plain, TASK, "board", agent=f"agent-{n}")
            for _ in range(600):
                if len(self.served) == AGENTS:
                    return
                # Those who wait and those who hold (or believe to) take turns; time passes, sometimes more than a claim lasts.
                self.now += self.dice.choice([0.0, 0.0, 0.001, 1.0, TTL_S / 2, TTL_S])
                name = self.dice.choice([*(set(boards) - self.served), *list(self.held) * 3])
                await (self.work(name, boards[name]) if name in self.held else self.claim(name, boards[name]))
                holders = [one for one, ends in self.ends.items() if ends > self.now]
                assert len(holders) <= 1, f"{holders} hold it at {self.now}"
            raise AssertionError(f"not served: {set(boards) - self.served}")

    async def claim(self, name: str, board: Plain) -> None:
        others = [one for one, ends in self.ends.items() if one != name and ends > self.now]
        try:
            claim = await board.jobs.claim("one", TTL_S)
        except Conflict as lost:
            claim, holder = None, lost.fields["holder"]
        if claim is None:
            assert holder in others
            return
        assert not others
        assert claim.fence > max(self.fences, default=0)
        self.fences.append(claim.fence)
        self.held[name], self.ends[name] = claim, claim.until / 1_000

    async def work(self, name: str, board: Plain) -> None:
        claim, ends = self.held.pop(name), self.ends[name]
        try:
            await board.jobs.commit("one", name, expect=claim)
        except (Fenced, Conflict):
            assert ends <= self.now, "a holder was fenced in its time"
            self.fenced += 1
            return
        assert ends > self.now, "a late write landed"
        self.served.add(name)
        if self.dice.random() < 0.7:
            await board.jobs.release(await board.jobs.renew(claim, TTL_S))
            del self.ends[name]


@pytest.mark.parametrize("first", range(0, 500, 125))
def test_twenty_race_for_one_task_on_virtual_time(first: int) -> None:
    """Five hundred seeds: never two holders, late writes are fenced, and everybody gets it in the end."""

    async def all_of_them() -> int:
        fenced = 0
        for seed in range(first, first + 125):
            race = Race(seed)
            try:
                await race.play()
            except AssertionError as error:
                raise AssertionError(f"seed {seed}: {error}") from error
            fenced += race.fenced
        return fenced

    assert asyncio.run(all_of_them()) > 125


@contextmanager
def deadlines_are_forgotten() -> Iterator[None]:
    holder = Field.holder
    with patch.object(Field, "holder", lambda field, now, lives: holder(field, 0, lives)):
        yield


@contextmanager
def nobody_holds() -> Iterator[None]:
    with patch.object(Field, "holder", lambda field, now, lives: None):
        yield


@pytest.mark.parametrize("mutant", [deadlines_are_forgotten, nobody_holds])
def test_the_race_sees_a_broken_claim(mutant: Any) -> None:
    """Either rule of claims that is broken on purpose is noticed within ten races."""

    async def some() -> None:
        for seed in range(10):
            await Race(seed).play()

    with mutant(), pytest.raises((AssertionError, AccordantError)):
        asyncio.run(some())


@in_loop
async def test_twenty_race_over_websockets() -> None:
    """Over a real server: all want five tasks at once; each task has one holder at a time, and each is done exactly once."""
    async with world("websocket") as w:
        boards = [await desk(w, f"agent-{n}") for n in range(AGENTS)]
        await put(boards[0], **{f"task-{n}": Task(priority=n) for n in range(5)})
        working: dict[str, str] = {}
        done: list[str] = []

        async def works(board: Desk) -> None:
            while (claim := await board.claim_next(30)) is not None:
                async with board.claimed(claim, 30) as task:
                    assert working.setdefault(task.key, board.agent) == board.agent
                    await asyncio.sleep(0)
                    await task.commit(Task(status="done", result=board.agent))
                    done.append(task.key)
                    del working[task.key]

        await asyncio.gather(*map(works, boards))
        assert sorted(done) == [f"task-{n}" for n in range(5)]
