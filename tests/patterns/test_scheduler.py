"""The scheduler on real documents: in memory, in a file, over a websocket."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter as Tally
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from accordant import (
    Board,
    Budget,
    Denied,
    Document,
    End,
    Engine,
    Fenced,
    Firing,
    Guarded,
    GuardedMap,
    Invalid,
    Log,
    Runaway,
    Scheduler,
    Turn,
    Wake,
    connect,
)
from accordant.types.memory_limits import EVENT_REGIONS_MAX
from accordant.types.pattern_limits import PASSED_OVER_MAX
from accordant.types.regions import Kind
from served import cut, served, until
from worlds import TASK, EmbeddedWorld, in_loop, world

worlds = pytest.mark.parametrize("kind", ["memory", "sqlite", "websocket"])


class Case(Board):
    """A board with a field beside it."""

    status: Guarded[str]
    other: Guarded[str]


def said(snapshot: Any, region: str = "evidence") -> list[Any]:
    return list(snapshot[region].value)


async def opened(w: EmbeddedWorld, agent: str = "scheduler", **options: Any) -> Case:
    return await w.open(Case, agent, **options)


@worlds
@in_loop
async def test_who_runs_next_depends_on_the_board(kind: str, tmp_path: Path) -> None:
    """Each source runs when its precondition holds, the run ends when the goal does, and every firing says why."""
    async with world(kind, tmp_path / "a.db") as w:
        doc = await opened(w)
        scheduler = Scheduler(doc)

        def is_unsupported(snapshot: Any) -> bool:
            return len(said(snapshot)) < len(said(snapshot, "hypotheses"))

        @scheduler.on("hypotheses", "evidence", when=is_unsupported)
        async def critic(wake: Wake) -> None:
            count = len(said(wake.snapshot))
            await wake.doc.evidence.append(
                f"evidence for {said(wake.snapshot, 'hypotheses')[count]}", derived_from=wake.basis
            )

        @scheduler.on("evidence", when=lambda board: len(said(board)) == 2)
        async def judge(wake: Wake) -> None:
            await wake.doc.status.update(lambda _: "answered", why=wake.reason, derived_from=wake.snapshot)

        web = await opened(w, "web")
        first = await web.hypotheses.append("one")
        await web.hypotheses.append("two")
        run = await scheduler.run(until=lambda board: board["status"].value == "answered", idle=5)
        assert (run.reason, run.names, run.rounds, run.count) == (End.UNTIL, ["critic", "critic", "judge"], 3, 3)
        assert (await web.evidence.read()).value == ["evidence for one", "evidence for two"]
        assert (
            run.fired[0].reason
            == f"fired because hypotheses v{first.version + 1} by web, precondition `is_unsupported`"
        )
        assert run.fired[2].reason.startswith("fired because evidence v")
        recorded = (await web.firings.read()).value
        assert [one.reason for one in recorded] == [one.reason for one in run.fired]
        derived = next(one for one in await web.history("evidence") if one.actor == "scheduler")
        assert dict(derived.derived_from)["hypotheses"] == first.version + 1


@worlds
@in_loop
async def test_writes_from_outside_wake_it(kind: str, tmp_path: Path) -> None:
    """A running scheduler hears of what others write, with the events that tell of it, and ends when all is quiet."""
    async with world(kind, tmp_path / "a.db") as w:
        doc, web = await opened(w), await opened(w, "web")
        scheduler, wakes = Scheduler(doc), []
        heard = asyncio.Event()

        @scheduler.on("evidence", when=lambda board: said(board))
        async def listener(wake: Wake) -> None:
            wakes.append(wake)
            heard.set()

        running = asyncio.create_task(scheduler.run(until=lambda board: "stop" in board["open_questions"].value))
        await web.hypotheses.append("of no concern")
        ref = await web.evidence.append("x")
        await asyncio.wait_for(heard.wait(), 20)
        assert [event.refs for event in wakes[0].events] == [(ref,)]
        assert wakes[0].snapshot["evidence"].version == ref.version
        await web.open_questions.add("stop")
        await web.evidence.append("the last one, so that somebody looks")
        assert (await asyncio.wait_for(running, 20)).reason is End.UNTIL


@in_loop
async def test_preconditions_are_judged_on_one_snapshot() -> None:
    """All sources of a decision see the same version, whatever is written while they are asked."""
    async with Engine() as engine:
        doc, web = [await engine.open(Case, TASK, "a", agent=name) for name in ("scheduler", "web")]
        versions: list[tuple[int, int]] = []
        scheduler = Scheduler(doc)

        async def looks(board: Any) -> bool:
            versions.append((board.version, board["evidence"].version))
            await web.evidence.append(f"while being asked {len(versions)}")
            return False

        for n in range(3):
            scheduler.on("evidence", when=looks, run=_nothing, name=f"s{n}")
        await scheduler.run(until=lambda board: len(said(board)) >= 3)
        assert len(versions) == 3
        assert len(set(versions)) == 1


async def _nothing(wake: Wake) -> None:
    pass


@in_loop
async def test_many_writes_are_one_wake() -> None:
    """A source is on the agenda once, however much has happened; a state is fired on once, however often it is heard of."""
    async with Engine() as engine:
        doc, web = [await engine.open(Case, TASK, "a", agent=name) for name in ("scheduler", "web")]
        for n in range(200):
            await web.evidence.append(f"item {n}")
        scheduler = Scheduler(doc)
        scheduler.on("evidence", run=_nothing, name="reader")
        scheduler.on(topics="evi*", run=_nothing, name="topical")
        run = await scheduler.run(idle=0.05)
        assert sorted(run.names) == ["reader", "topical"]


@in_loop
async def test_priority_decides_who_goes_first() -> None:
    """With one at a time, the most urgent one fires, and what it writes decides what comes next."""
    async with Engine() as engine:
        doc = await engine.open(Case, TASK, "a", agent="scheduler")
        scheduler = Scheduler(doc, concurrency=1)
        for name, priority in (("low", 0), ("high", 9), ("middle", 5)):
            scheduler.on(
                "status", when=lambda board: board["status"].value is None, run=_nothing, name=name, priority=priority
            )

        @scheduler.on("status", when=lambda board: board["status"].value is None, priority=7)
        async def settles(wake: Wake) -> None:
            await wake.doc.status.update(lambda _: "settled")

        assert (await scheduler.run(idle=0)).names == ["high", "settles"]


@worlds
@in_loop
async def test_a_slow_source_blocks_nobody(kind: str, tmp_path: Path) -> None:
    """While one waits, the others go through their rounds."""
    async with world(kind, tmp_path / "a.db") as w:
        doc = await opened(w)
        scheduler, gate = Scheduler(doc), asyncio.Event()

        @scheduler.on("hypotheses")
        async def slow(wake: Wake) -> None:
            await gate.wait()
            await wake.doc.evidence.append("slow")

        @scheduler.on("evidence", when=lambda board: len(said(board)) < 5)
        async def quick(wake: Wake) -> None:
            names = ["oak", "elm", "ash", "fir", "yew"]
            await wake.doc.evidence.append(names[len(said(wake.snapshot))])
            if len(said(wake.snapshot)) == 4:
                gate.set()

        assert (await scheduler.run(idle=0)).names == ["quick"] * 5 + ["slow"]


@in_loop
async def test_no_more_than_so_many_run_at_once() -> None:
    """The bound holds, and whoever waits for a place gets one."""
    async with Engine() as engine:
        doc = await engine.open(Case, TASK, "a", agent="scheduler")
        scheduler, now, most = Scheduler(doc, concurrency=3), 0, 0

        async def works(wake: Wake) -> None:
            nonlocal now, most
            now, most = now + 1, max(most, now + 1)
            await wake.doc.open_questions.add(wake.source)
            now -= 1

        for n in range(20):
            scheduler.on("hypotheses", run=works, name=f"s{n}")
        run = await scheduler.run(idle=0)
        assert (most, sorted(run.names)) == (3, sorted(f"s{n}" for n in range(20)))


@in_loop
async def test_a_source_that_raises_stops_nobody_and_is_suspended() -> None:
    """Its error is in the run, with the exception; it is tried again, and after so many failures in a row no more."""
    async with Engine() as engine:
        doc = await engine.open(Case, TASK, "a", agent="scheduler")
        scheduler = Scheduler(doc, failures=2)
        boom = ValueError("boom \ud800")

        @scheduler.on("hypotheses")
        async def broken(wake: Wake) -> None:
            raise boom

        @scheduler.on("hypotheses")
        async def gives_up(wake: Wake) -> None:
            raise asyncio.CancelledError

        @scheduler.on("hypotheses", when=lambda board: 1 / 0)
        async def cannot_tell(wake: Wake) -> None:
            raise AssertionError

        scheduler.on("hypotheses", run=_nothing, name="good")
        run = await scheduler.run(idle=0)
        assert run.reason is End.IDLE
        assert sorted(run.suspended) == ["broken", "cannot_tell", "gives_up"]
        assert Tally(one.source for one in run.failures) == {"broken": 2, "cannot_tell": 2, "gives_up": 2}
        assert next(one for one in run.failures if one.source == "broken").error is boom
        assert run.names.count("good") == 1
        outcomes = {(one.source, one.outcome) for one in (await doc.firings.read()).value}
        assert outcomes == {("broken", "failed"), ("gives_up", "failed"), ("good", "done")}


@in_loop
async def test_whoever_is_overtaken_derives_again() -> None:
    """A write from an old snapshot is denied; that is no failure, and the source fires again on what is there now."""
    async with Engine() as engine:
        doc, web = [await engine.open(Case, TASK, "a", agent=name) for name in ("scheduler", "web")]
        await web.evidence.append("old")
        scheduler = Scheduler(doc)

        @scheduler.on("evidence")
        async def concludes(wake: Wake) -> None:
            if said(wake.snapshot) == ["old"]:
                await web.evidence.append("new")
            await wake.doc.hypotheses.append(f"from {len(said(wake.snapshot))}", derived_from=wake.basis)

        run = await scheduler.run(idle=0)
        assert [one.outcome for one in run.fired] == ["overtaken", "done"]
        assert (await web.hypotheses.read()).value == ["from 2"]
        assert not run.failures


@in_loop
async def test_a_cool_down_is_kept() -> None:
    """By the clock that the scheduler was given."""
    async with Engine() as engine:
        doc = await engine.open(Case, TASK, "a", agent="scheduler")
        now, fired_at = [0.0], []

        def clock() -> float:
            now[0] += 0.001
            return now[0]

        scheduler = Scheduler(doc, clock=clock)

        @scheduler.on("evidence", when=lambda board: len(said(board)) < 4, cooldown=0.02)
        async def paced(wake: Wake) -> None:
            fired_at.append(now[0])
            await wake.doc.evidence.append(["a", "b", "c", "d"][len(said(wake.snapshot))])

        await scheduler.run(idle=0)
        assert len(fired_at) == 4
        assert all(later - earlier >= 0.02 for earlier, later in pairwise(fired_at))


@pytest.mark.parametrize("firings", [1, 5])
@in_loop
async def test_a_budget_of_firings_is_an_end_that_is_told(firings: int) -> None:
    """The run ends, says which budget, and whoever fired last has come to its end; what just fits is no end."""
    async with Engine() as engine:
        doc = await engine.open(Case, TASK, "a", agent="scheduler")
        scheduler = Scheduler(doc, budget=Budget(firings=firings))
        words = "oak elm ash fir yew box bay fig gum may nut oil".split()

        @scheduler.on("evidence", when=lambda board: len(said(board)) < len(words))
        async def writes(wake: Wake) -> None:
            await wake.doc.evidence.append(words[len(said(wake.snapshot))])

        run = await scheduler.run(idle=0)
        assert (run.reason, run.count) == (End.FIRINGS, firings)
        assert len((await doc.evidence.read()).value) == firings
        enough = Scheduler(doc, budget=Budget(firings=len(words) - firings))
        enough.on("evidence", when=lambda board: len(said(board)) < len(words), run=writes)
        assert (await enough.run(idle=0)).reason is End.IDLE


@in_loop
async def test_a_budget_of_seconds_ends_even_those_that_hang() -> None:
    """Whoever still runs is cancelled, and is on record as cancelled in the run."""
    async with Engine() as engine:
        doc = await engine.open(Case, TASK, "a", agent="scheduler")
        scheduler = Scheduler(doc, budget=Budget(seconds=0.1))

        @scheduler.on("evidence")
        async def hangs(wake: Wake) -> None:
            await asyncio.Event().wait()

        run = await scheduler.run()
        assert (run.reason, [one.outcome for one in run.fired]) == (End.SECONDS, ["cancelled"])


@worlds
@in_loop
async def test_cancelling_a_run_is_clean(kind: str, tmp_path: Path) -> None:
    """The sources are cancelled, nothing goes on, and the scheduler can run again."""
    async with world(kind, tmp_path / "a.db") as w:
        doc = await opened(w)
        scheduler, started, ended = Scheduler(doc), asyncio.Event(), asyncio.Event()

        @scheduler.on("evidence", when=lambda board: not said(board))
        async def hangs(wake: Wake) -> None:
            started.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        running = asyncio.create_task(scheduler.run())
        await asyncio.wait_for(started.wait(), 20)
        with pytest.raises(Invalid):
            await scheduler.run()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert ended.is_set()
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("source")]
        await doc.evidence.append("x")
        assert (await scheduler.run(idle=0)).reason is End.IDLE


@in_loop
async def test_a_handle_that_ends_ends_the_run_with_its_error() -> None:
    """A fenced scheduler does not go on as if nothing were."""
    async with Engine() as engine:
        doc = await engine.open(Case, TASK, "a", agent="scheduler")
        scheduler = Scheduler(doc)
        scheduler.on("evidence", run=_nothing)
        running = asyncio.create_task(scheduler.run())
        await asyncio.sleep(0)
        await until(lambda: len(asyncio.all_tasks()) > 1)
        await doc.close()
        with pytest.raises(Fenced):
            await asyncio.wait_for(running, 20)


# -- runaways ------------------------------------------------------------------------------------------------------


@worlds
@in_loop
async def test_rules_that_only_wake_each_other_are_stopped_and_named(kind: str, tmp_path: Path) -> None:
    """Ping-pong in a log ends within N + 1 rounds with a typed error: the cycle, its firings, the rounds, and the run so far."""
    async with world(kind, tmp_path / "a.db") as w:
        doc = await opened(w)
        scheduler = Scheduler(doc, runaway=12)

        def last(board: Any) -> str:
            return (said(board, "hypotheses") or ["pong 0"])[-1]

        @scheduler.on("hypotheses", when=lambda board: last(board).startswith("pong"))
        async def ping(wake: Wake) -> None:
            await wake.doc.hypotheses.append(f"ping {int(last(wake.snapshot)[5:]) + 1}")

        @scheduler.on("hypotheses", when=lambda board: last(board).startswith("ping"))
        async def pong(wake: Wake) -> None:
            await wake.doc.hypotheses.append(f"pong {int(last(wake.snapshot)[5:])}")

        with pytest.raises(Runaway) as caught:
            await scheduler.run(idle=1)
        error = caught.value
        assert (error.code, error.cycle, error.rounds <= 13) == ("runaway", ["ping", "pong"], True)
        assert {one["source"] for one in error.fired} == {"ping", "pong"}
        assert error.run.count == error.rounds
        assert json.dumps(error.to_dict())
        assert "ping -> pong" in str(error)


@in_loop
async def test_two_circles_at_once_are_both_named() -> None:
    """Fields that two pairs of sources set to and fro, side by side."""
    async with Engine() as engine:
        doc = await engine.open(Case, TASK, "a", agent="scheduler")
        scheduler = Scheduler(doc)

        def setting(region: str, value: str) -> Any:
            async def sets(wake: Wake) -> None:
                await wake.doc.guarded(region).update(lambda _: value)

            return sets

        for region in ("status", "other"):
            for value in ("on", "off"):
                scheduler.on(
                    region,
                    when=lambda board, region=region, value=value: board[region].value != value,
                    run=setting(region, value),
                    name=f"{region} {value}",
                    priority=value == "on",
                )
        with pytest.raises(Runaway) as caught:
            await scheduler.run(idle=0)
        assert set(caught.value.cycle) == {"status on", "status off", "other on", "other off"}
        assert caught.value.rounds <= 25


@in_loop
async def test_a_service_may_go_round_for_ever() -> None:
    """`runaway=None` leaves the end to the budget; `ignore=` leaves a region out of what counts as new."""
    async with Engine() as engine:
        doc = await engine.open(Case, TASK, "a", agent="scheduler")
        words = [f"{a}{b}" for a in "abcdefgh" for b in "stuvwxyz"]
        for options, end in (({"runaway": None}, End.FIRINGS), ({"ignore": ["evidence"], "runaway": 10}, None)):
            scheduler = Scheduler(doc, budget=Budget(firings=30), **options)  # type: ignore[arg-type]

            @scheduler.on("evidence")
            async def writes(wake: Wake) -> None:
                await wake.doc.evidence.append(words[len(said(wake.snapshot)) % 64])

            if end is None:
                with pytest.raises(Runaway):
                    await scheduler.run(idle=0)
            else:
                assert (await scheduler.run(idle=0)).reason is end


# -- groups, restarts ------------------------------------------------------------------------------------------------


@worlds
@in_loop
async def test_a_group_fires_once_two_groups_fire_twice(kind: str, tmp_path: Path) -> None:
    """Several schedulers of one group share the work: no state is fired on twice, and all of it is done."""
    async with world(kind, tmp_path / "a.db") as w:
        fired: list[tuple[str, int]] = []
        web = await opened(w, "web")
        running = []
        for n, group in enumerate(["critics", "critics", "critics", "judges"]):
            doc = await opened(w, f"scheduler-{n}")
            scheduler = Scheduler(doc, group=group)

            async def works(wake: Wake, group: str = group) -> None:
                fired.append((f"{group} {wake.source}", wake.snapshot["evidence"].version))
                await asyncio.sleep(0)

            for source in ("a", "b"):
                scheduler.on("evidence", when=lambda board: said(board), run=works, name=source)
            running.append(
                asyncio.create_task(scheduler.run(until=lambda board: "stop" in board["open_questions"].value))
            )
        for n in range(5):
            await web.evidence.append(f"item {n}")
            newest = (await web.evidence.read()).version
            expected = {(f"{group} {source}", newest) for group in ("critics", "judges") for source in "ab"}
            await until(lambda expected=expected: expected <= set(fired))
        await web.open_questions.add("stop")
        await web.evidence.append("so that everybody looks")
        await asyncio.wait_for(asyncio.gather(*running), 30)
        assert [one for one, count in Tally(fired).items() if count > 1] == []


@in_loop
async def test_a_member_that_dies_is_replaced() -> None:
    """A turn ends with its holder's session: another member of the group fires what was not finished."""
    async with Engine() as engine:
        first, second = [await engine.open(Case, TASK, "a", agent=name) for name in ("first", "second")]
        started, fired = asyncio.Event(), []
        one, other = Scheduler(first, group="g"), Scheduler(second, group="g")

        @one.on("evidence", name="works")
        async def hangs(wake: Wake) -> None:
            started.set()
            await asyncio.Event().wait()

        @other.on("evidence", name="works")
        async def works(wake: Wake) -> None:
            fired.append(wake.doc.agent)

        dying = asyncio.create_task(one.run())
        await started.wait()
        running = asyncio.create_task(other.run(idle=0))
        await first.close()
        with pytest.raises(Fenced):
            await dying
        assert (await asyncio.wait_for(running, 40)).names == ["works"]
        assert fired == ["second"]


@pytest.mark.parametrize("group", [None, "g"])
@in_loop
async def test_what_has_fired_is_not_fired_again_after_a_restart(group: str | None, tmp_path: Path) -> None:
    """A scheduler that comes back goes on from the document's own record; what has moved meanwhile wakes it."""

    async def life(expected: list[str], write: str | None = None) -> None:
        async with Engine(tmp_path / "a.db") as engine:
            doc = await engine.open(Case, TASK, "a", agent="scheduler")
            if write is not None:
                await doc.evidence.append(write)
            scheduler = Scheduler(doc, group=group)
            scheduler.on("evidence", run=_nothing, name="a")
            scheduler.on("hypotheses", run=_nothing, name="b")
            assert (await scheduler.run(idle=0)).names == expected

    await life(["a", "b"])
    await life([])
    await life(["a"], write="x")
    await life([])


KILLED = """
import asyncio, sys
from accordant import Board, Engine, Namespace, Scheduler

async def main():
    async with Engine(sys.argv[1]) as engine:
        doc = await engine.open(Board, Namespace.task("acme", "q3"), "a", agent="scheduler")
        scheduler = Scheduler(doc, concurrency=1)
        for n in range(40):
            async def works(wake):
                await wake.doc.evidence.append(wake.source, why=wake.reason)
                print(wake.source, flush=True)
            scheduler.on("hypotheses", run=works, name=f"s{n}")
        await scheduler.run(idle=0)
asyncio.run(main())
"""


@in_loop
async def test_a_killed_scheduler_goes_on_where_it_was(tmp_path: Path) -> None:
    """After a kill in the middle, everything fires that had not; what was recorded is not repeated: once more at most for the
    one that was being recorded."""
    command = [sys.executable, "-c", KILLED, str(tmp_path / "a.db")]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    for _ in range(15):
        assert await process.stdout.readline()
    process.kill()
    await process.wait()
    again = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    await asyncio.wait_for(again.communicate(), 40)
    async with Engine(tmp_path / "a.db") as engine:
        doc = await engine.open(Case, TASK, "a", agent="reader")
        worked = Tally((await doc.evidence.read()).value)
        recorded = Tally(one.source for one in (await doc.firings.read()).value)
    assert set(worked) == set(recorded) == {f"s{n}" for n in range(40)}
    assert max(recorded.values()) == 1
    assert sum(worked.values()) <= 41


@in_loop
async def test_nothing_is_missed_when_events_are() -> None:
    """A scheduler that is too slow for the events, or hears of none, still fires on the newest state: it looks for itself."""
    async with Engine() as engine:
        doc, web = [await engine.open(Case, TASK, "a", agent=name) for name in ("scheduler", "web")]
        scheduler, seen = Scheduler(doc), []

        @scheduler.on("evidence")
        async def reads(wake: Wake) -> None:
            if not seen:
                for n in range(1_500):
                    await web.evidence.append(f"item {n}")
            seen.append(len(said(wake.snapshot)))

        run = await scheduler.run(idle=0)
        assert seen == [0, 1_500]
        assert run.reason is End.IDLE


@in_loop
async def test_a_lost_connection_costs_no_firing() -> None:
    """A scheduler over a websocket that is cut off goes on when it is back, on what was written meanwhile."""
    async with Engine() as engine, served(engine) as url:
        web = await engine.open(Case, TASK, "a", agent="web")
        async with connect(Case, url, TASK, "a", agent="scheduler") as doc:
            scheduler, seen = Scheduler(doc), set[str]()

            @scheduler.on("evidence", when=lambda board: said(board))
            async def reads(wake: Wake) -> None:
                seen.update(said(wake.snapshot))

            running = asyncio.create_task(scheduler.run())
            await web.evidence.append("before")
            await until(lambda: "before" in seen)
            for n in range(3):
                cut(doc)
                await web.evidence.append(f"while away {n}")
                await until(lambda n=n: f"while away {n}" in seen)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


# -- any document ------------------------------------------------------------------------------------------------------


class Brief(Document):
    notes: Log[str]
    tasks: GuardedMap[str]


@in_loop
async def test_any_document_with_a_scheduler_is_a_blackboard() -> None:
    """No region is needed for it: firings are then in the run alone; a document without a schema does, too."""
    async with Engine() as engine:
        for schema in (Brief, None):
            doc: Any = await engine.open(schema, TASK, f"a-{schema}", agent="scheduler")
            scheduler = Scheduler(doc)

            @scheduler.on("notes", when=lambda board: "notes" not in board or not board["notes"].value)
            async def begins(wake: Wake) -> None:
                await wake.doc.log("notes").append("begun", derived_from=wake.basis)

            run = await scheduler.run(idle=0)
            assert (run.names, run.unrecorded) == (["begins"], {})
            assert "firings" not in await doc.snapshot()


@in_loop
async def test_topics_wake_by_key() -> None:
    """A source that watches some keys of a map is not woken by the others."""
    async with Engine() as engine:
        doc = await engine.open(Brief, TASK, "a", agent="scheduler")
        scheduler = Scheduler(doc)

        @scheduler.on(
            topics=["tasks/review-*"], when=lambda board: any(k.startswith("review") for k in board["tasks"].value)
        )
        async def reviews(wake: Wake) -> None:
            assert wake.watched == ("tasks/review-1",)

        await doc.tasks.commit("write-1", "x", expect=await doc.tasks.read("write-1"))
        assert (await scheduler.run(idle=0)).names == []
        await doc.tasks.commit("review-1", "x", expect=await doc.tasks.read("review-1"))
        run = await scheduler.run(idle=0)
        assert run.names == ["reviews"]
        assert "tasks/review-1 v" in run.fired[0].reason


@in_loop
async def test_sources_write_under_their_own_names() -> None:
    """A source with a handle of its own is the author of what it writes, derived from the scheduler's snapshot."""
    async with Engine() as engine:
        doc = await engine.open(Case, TASK, "a", agent="scheduler")
        critic = await engine.open(Case, TASK, "a", agent="critic")
        scheduler = Scheduler(doc)

        async def writes(wake: Wake) -> None:
            await wake.doc.evidence.append("mine", derived_from=wake.snapshot)

        scheduler.on("hypotheses", run=writes, doc=critic)
        await scheduler.run(idle=0)
        assert [item.by for item in (await doc.evidence.read()).entries] == ["critic"]


@in_loop
async def test_an_observer_schedules_and_writes_nothing() -> None:
    """A read-only handle is enough to decide; that its firings are not recorded is said."""
    async with Engine() as engine:
        doc = await engine.open(Case, TASK, "a", agent="supervisor", read_only=True)
        critic = await engine.open(Case, TASK, "a", agent="critic")
        scheduler = Scheduler(doc)

        async def writes(wake: Wake) -> None:
            await wake.doc.evidence.append("mine")

        scheduler.on("hypotheses", run=writes, doc=critic)
        run = await scheduler.run(idle=0)
        assert run.unrecorded == {"read_only": 1}
        assert (await critic.firings.read()).value == []
        with pytest.raises(Denied):
            await doc.evidence.append("no")


class Odd(Document):
    """Regions of the names that schedulers use, of other kinds and types."""

    notes: Log[str]
    firings: Log[Any]


class Wrong(Document):
    firings: Guarded[str]
    turns: Log[str]


@in_loop
async def test_foreign_regions_of_these_names_do_no_harm() -> None:
    """A log of any type keeps firings as JSON; junk in it is no firing; another kind keeps none, and has no turns."""
    async with Engine() as engine:
        doc = await engine.open(Odd, TASK, "odd", agent="scheduler")
        await doc.firings.extend(["junk", {"source": "a"}, 7, None, {"source": "notes", "state": "x"}])
        for expected in (["a"], []):
            scheduler = Scheduler(doc)
            scheduler.on("notes", run=_nothing, name="a")
            assert (await scheduler.run(idle=0)).names == expected
        wrong = await engine.open(Wrong, TASK, "wrong", agent="scheduler")
        scheduler = Scheduler(wrong)
        scheduler.on("firings", run=_nothing)
        assert (await scheduler.run(idle=0)).names == ["_nothing"]
        for doc_ in (wrong, doc):
            with pytest.raises(Invalid, match="turns"):
                Scheduler(doc_, group="g")


@in_loop
async def test_hostile_names_and_arguments() -> None:
    """What cannot work is refused where it is said."""
    async with Engine() as engine:
        doc = await engine.open(Case, TASK, "a", agent="scheduler")
        for wrong in (
            {"concurrency": 0},
            {"failures": 0},
            {"runaway": 1},
            {"group": ""},
            {"group": "a/b"},
            {"group": 7},
        ):
            with pytest.raises(Invalid):
                Scheduler(doc, **wrong)  # type: ignore[arg-type]
        for wrong_budget in ({"firings": 0}, {"seconds": -1}, {"seconds": float("nan")}, {"firings": True}):
            with pytest.raises(Invalid):
                Budget(**wrong_budget)  # type: ignore[arg-type]
        scheduler = Scheduler(doc)
        for regions, options in (
            ((""), {}),
            (("\ud800",), {}),
            (("x",), {"cooldown": -1}),
            (("x",), {"priority": float("nan")}),
        ):
            with pytest.raises(Invalid):
                scheduler.on(*regions or [""], run=_nothing, **options)  # type: ignore[arg-type]
        with pytest.raises(Invalid):
            scheduler.on("x", run=_nothing, name="\ud800")
        scheduler.on("x", run=_nothing, name="ok `*` / \n 名")
        with pytest.raises(Invalid):
            scheduler.on("y", run=_nothing, name="ok `*` / \n 名")
        for n in range(EVENT_REGIONS_MAX + 1):
            scheduler.on(f"region-{n}", run=_nothing, name=f"s{n}")
        assert len((await scheduler.run(idle=0)).fired) == EVENT_REGIONS_MAX + 2
        with pytest.raises(Invalid):
            await scheduler.run(idle=-1)


@in_loop
async def test_turns_are_an_ordinary_region() -> None:
    """Who fired on what is there for everybody to read, and Yjs peers see it."""
    async with Engine() as engine:
        doc = await engine.open(Case, TASK, "a", agent="scheduler")
        scheduler = Scheduler(doc, group="g")
        scheduler.on("evidence", run=_nothing, name="reads / all")
        await scheduler.run(idle=0)
        assert (await doc.turns.read("g/reads / all")).value == Turn(0, "scheduler")
        assert doc.schema.regions["turns"].kind is Kind.GUARDED_MAP
        assert (await doc.firings.read()).value[0].group == "g"


class _Odd(BaseException):
    """What test runners and other loops raise to stop something."""


@in_loop
async def test_whatever_a_source_raises_is_its_failure() -> None:
    """An exception that is no `Exception` fails its source too: the run goes on to its end, and nobody waits for the dead."""
    async with world("memory", Path()) as w:
        doc = await opened(w)
        scheduler = Scheduler(doc, failures=1)

        @scheduler.on("evidence", when=said)
        async def bad(wake: Wake) -> None:
            raise _Odd("stop")

        await doc.evidence.append("one")
        run = await asyncio.wait_for(scheduler.run(idle=0.05), 5)
        assert (run.reason, run.suspended) == (End.IDLE, ("bad",))
        assert isinstance(run.failures[0].error, _Odd)


@worlds
@in_loop
async def test_who_watches_firings_is_woken_by_them(kind: str, tmp_path: Path) -> None:
    """What another scheduler puts on record wakes a source that names the record."""
    async with world(kind, tmp_path / "a.db") as w:
        doc, other = await opened(w), await opened(w, "other")
        scheduler, asked, heard = Scheduler(doc), asyncio.Event(), asyncio.Event()

        def is_there(board: Any) -> bool:
            asked.set()
            return any(one.source == "x" for one in board["firings"].value)

        @scheduler.on("firings", when=is_there)
        async def auditor(wake: Wake) -> None:
            heard.set()

        running = asyncio.create_task(scheduler.run())
        await asked.wait()
        await other.firings.append(Firing("x", "because", 1, 1, 1))
        await asyncio.wait_for(heard.wait(), 5)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@in_loop
async def test_nobody_starves_behind_a_higher_priority() -> None:
    """A source that wakes itself for ever, at a higher priority and one at a time, lets the others have a turn."""
    async with world("memory", Path()) as w:
        doc = await opened(w)
        scheduler = Scheduler(doc, concurrency=1, runaway=None, budget=Budget(firings=3 * PASSED_OVER_MAX))

        @scheduler.on("evidence", when=said, priority=5)
        async def loud(wake: Wake) -> None:
            await wake.doc.evidence.append("again")

        @scheduler.on("evidence", when=said)
        async def quiet(wake: Wake) -> None:
            """Its turn is all that it wants."""

        await doc.evidence.append("one")
        run = await scheduler.run()
        assert run.names[:PASSED_OVER_MAX] == ["loud"] * PASSED_OVER_MAX
        assert run.names.count("quiet") == 2


@in_loop
async def test_renewing_a_claim_wakes_nobody() -> None:
    """Workers that hold tasks for long are no reason to fire, and no circle."""
    async with world("memory", Path()) as w:
        doc, worker = await opened(w), await opened(w, "worker")
        await worker.tasks.commit("a", {"title": "long"}, expect=await worker.tasks.read("a"))
        claim = await worker.tasks.claim("a", 60)
        scheduler, fired = Scheduler(doc), asyncio.Event()

        @scheduler.on("tasks", when=lambda board: board["tasks"].value)
        async def watcher(wake: Wake) -> None:
            fired.set()

        running = asyncio.create_task(scheduler.run(until=lambda board: board["evidence"].value))
        await fired.wait()
        for _ in range(30):
            claim = await worker.tasks.renew(claim, 60)
        await worker.evidence.append("done")
        run = await running
        assert (run.reason, run.names) == (End.UNTIL, ["watcher"])


@worlds
@in_loop
async def test_a_goal_is_seen_wherever_it_is_reached(kind: str, tmp_path: Path) -> None:
    """A run ends when its goal holds, also when that is said in a region that no source watches."""
    async with world(kind, tmp_path / "a.db") as w:
        doc, web = await opened(w), await opened(w, "web")
        scheduler, ready = Scheduler(doc), asyncio.Event()

        @scheduler.on("evidence")
        async def listener(wake: Wake) -> None:
            ready.set()

        running = asyncio.create_task(scheduler.run(until=lambda board: board["hypotheses"].value))
        await ready.wait()
        await asyncio.sleep(0)
        await web.hypotheses.append("that is it")
        assert (await asyncio.wait_for(running, 5)).reason is End.UNTIL
