"""The runner: passes when something has changed, whole reports or none, in nobody's way, from where the last report ended."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from accordant import CoherencePass, Document, Engine, Invalid, Log, Namespace, Text
from accordant.coherence_pass import Checker, CoherenceReport
from accordant.coherence_pass.findings import Findings
from accordant.types.coherence_limits import NEIGHBOUR_SLICE_ROWS
from served import cut, served, until
from word_scorer import WordScorer
from worlds import in_loop, world


class Brief(Document):
    findings: Log[str]
    draft: Text


KINDS = ("memory", "sqlite", "websocket")
LOW, HIGH = "Churn in Q3 was 4.1%.", "Churn in Q3 was 6.3%."


async def opened(engine: Engine, agent: str) -> Brief:
    """A handle."""
    return await engine.open(Brief, Namespace.task("acme", "q3"), "brief", agent=agent)


@pytest.mark.parametrize("kind", KINDS)
@in_loop
async def test_a_change_is_followed_by_a_report(kind: str, tmp_path: Path) -> None:
    """What two agents write is found, published and told; taking one side back makes the next report coherent."""
    async with world(kind, tmp_path / "a.db") as place:
        ann, bob, checker = [await place.open(Brief, agent) for agent in ("ann", "bob", "checker")]
        told: list[CoherenceReport] = []
        async with CoherencePass(checker, debounce=0.01, on_report=told.append) as running:
            await until(lambda: told)
            await ann.findings.append(LOW)
            wrong = await bob.findings.append(HIGH, derived_from=[await bob.draft.read()])
            await until(lambda: not told[-1].coherent)
            (found,) = told[-1].contradictions
            assert {*found.a.authors, *found.b.authors} == {"ann", "bob"}
            assert [side.read for side in (found.a, found.b) if side.authors == ["bob"]] == [[("draft", 0)]]
            kept = (await Findings(ann).read()).report()
            assert kept is not None
            assert kept.contradictions == told[-1].contradictions
            await bob.retract(wrong, "misread")
            await until(lambda: told[-1].coherent)
            assert told[-1].incremental
            assert running.report == told[-1]


@in_loop
async def test_writing_that_stops_is_one_pass() -> None:
    """Many writes in a row are debounced into few passes, and the last one sees all of them."""
    async with Engine() as engine:
        ann, checker = await opened(engine, "ann"), await opened(engine, "checker")
        told: list[CoherenceReport] = []
        async with CoherencePass(checker, debounce=0.2, on_report=told.append):
            await until(lambda: told)
            for number in range(50):
                await ann.findings.append(f"Tool {number} is ready.")
            await until(lambda: told[-1].n_claims == 50)
            assert len(told) <= 5


@in_loop
async def test_it_does_not_answer_itself() -> None:
    """Publishing is no change to the document: nothing follows it, even with two runners on one document."""
    async with Engine() as engine:
        ann = await opened(engine, "ann")
        await ann.findings.append(LOW)
        await ann.findings.append(HIGH)
        runners = [await opened(engine, name) for name in ("c1", "c2")]
        told: list[CoherenceReport] = []
        async with (
            CoherencePass(runners[0], debounce=0.01, on_report=told.append),
            CoherencePass(runners[1], debounce=0.01, on_report=told.append),
        ):
            await until(lambda: len(told) >= 2)
            await asyncio.sleep(0.5)
            before = len(told)
            await asyncio.sleep(0.5)
            assert len(told) == before


@in_loop
async def test_it_takes_up_where_the_last_report_ended() -> None:
    """A runner that starts on a document that was checked runs no pass; with one write since, it does."""
    async with Engine() as engine:
        ann, checker = await opened(engine, "ann"), await opened(engine, "checker")
        await ann.findings.append(LOW)
        first = await CoherencePass(checker).run_once()
        told: list[CoherenceReport] = []
        async with CoherencePass(checker, debounce=0.01, on_report=told.append) as running:
            await until(lambda: running.report is not None)
            await asyncio.sleep(0.3)
            assert (told, running.report) == ([], first)
        await ann.findings.append(HIGH)
        async with CoherencePass(checker, debounce=0.01, on_report=told.append):
            await until(lambda: told)
            assert not told[-1].coherent


@in_loop
async def test_a_dismissal_is_followed_at_once() -> None:
    """Somebody's dismissal leads to a report without the finding."""
    async with Engine() as engine:
        ann, checker = await opened(engine, "ann"), await opened(engine, "checker")
        await ann.findings.append(LOW)
        await ann.findings.append(HIGH)
        told: list[CoherenceReport] = []
        async with CoherencePass(checker, debounce=0.01, on_report=told.append):
            await until(lambda: told and not told[-1].coherent)
            await Findings(ann).dismiss(told[-1].contradictions[0].id, "two markets")
            await until(lambda: told[-1].coherent)
            assert told[-1].n_suppressed == 1


class Slow(WordScorer):
    """Waits until it may score."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.may_end = threading.Event(), threading.Event()

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        self.began.set()
        assert self.may_end.wait(20)
        return super().score(pairs)


@in_loop
async def test_writers_do_not_wait_for_a_pass() -> None:
    """While a pass computes writes land; what they say is in the next report; nothing is written until a pass has ended (I10)."""
    async with Engine() as engine:
        ann, checker = await opened(engine, "ann"), await opened(engine, "checker")
        await ann.findings.append("Ann rewards gold partners today.")
        await ann.findings.append("Ann rewards red partners today.")
        scorer, told = Slow(), list[CoherenceReport]()
        passing = CoherencePass(checker, debounce=0.01, checker=Checker(scorer=scorer), on_report=told.append)
        async with passing:
            await until(scorer.began.is_set)
            await ann.findings.append(LOW)
            await ann.findings.append(HIGH)
            assert (await Findings(ann).read()).head is None
            scorer.may_end.set()
            await until(lambda: told and len(told[-1].contradictions) == 2)
            assert len(told[0].contradictions) == 1


@in_loop
async def test_ending_in_the_middle_of_a_pass_publishes_nothing() -> None:
    """The block ends at once, and no part of a report is left."""
    async with Engine() as engine:
        ann, checker = await opened(engine, "ann"), await opened(engine, "checker")
        await ann.findings.append("Ann rewards gold partners today.")
        await ann.findings.append("Ann rewards red partners today.")
        scorer = Slow()
        async with CoherencePass(checker, checker=Checker(scorer=scorer)):
            await until(scorer.began.is_set)
        scorer.may_end.set()
        assert (await Findings(ann).read()) == await Findings(checker).read()
        assert (await Findings(ann).read()).head is None


class Embedding(WordScorer):
    """Waits in its first batch until it may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.may_go_on, self.ended = threading.Event(), threading.Event(), threading.Event()

    def embed(self, texts: Sequence[str]) -> Any:
        self.began.set()
        assert self.may_go_on.wait(20)
        found = super().embed(texts)
        self.ended.set()
        return found


@in_loop
async def test_the_thread_ends_too() -> None:
    """After the block the pass in the middle of which it ended computes no further batch."""
    async with Engine() as engine:
        ann, checker = await opened(engine, "ann"), await opened(engine, "checker")
        await ann.draft.append(" ".join(f"Tool number {n} is ready." for n in range(NEIGHBOUR_SLICE_ROWS + 10)))
        scorer = Embedding()
        async with CoherencePass(checker, checker=Checker(scorer=scorer)):
            await until(scorer.began.is_set)
        scorer.may_go_on.set()
        await until(scorer.ended.is_set)
        await asyncio.sleep(0.3)
        assert len(scorer.embedded) == NEIGHBOUR_SLICE_ROWS


@in_loop
async def test_every_so_often_a_pass_from_nothing() -> None:
    """With `every` a pass runs without any change, and trusts no memory."""
    async with Engine() as engine:
        checker = await opened(engine, "checker")
        told: list[CoherenceReport] = []
        async with CoherencePass(checker, every=0.05, on_change=False, on_report=told.append, publish=False):
            await until(lambda: len(told) >= 3)
        assert not told[-1].incremental
        assert [one for one in await checker.history("coherence") if one.ops] == []


@in_loop
async def test_a_lost_connection_is_no_end() -> None:
    """After the connection was cut the runner goes on, and sees what was written meanwhile."""
    async with Engine() as engine, served(engine) as url:
        from accordant import connect

        ann = await opened(engine, "ann")
        told: list[CoherenceReport] = []
        async with (
            connect(Brief, url, Namespace.task("acme", "q3"), "brief", agent="checker") as checker,
            CoherencePass(checker, debounce=0.01, on_report=told.append),
        ):
            await until(lambda: told)
            cut(checker)
            await ann.findings.append(LOW)
            await ann.findings.append(HIGH)
            await until(lambda: not told[-1].coherent)


@in_loop
async def test_a_failure_ends_it_and_is_told() -> None:
    """What a callback or the handle raises is in `error`, ends the passes and comes out of the block."""
    async with Engine() as engine:
        checker = await opened(engine, "checker")

        def broken(report: CoherenceReport) -> None:
            raise RuntimeError("no reports, please")

        with pytest.raises(RuntimeError, match="please"):
            async with CoherencePass(checker, on_report=broken) as running:
                await running.wait()


@in_loop
async def test_senseless_times_are_refused() -> None:
    """No negative debounce, no empty interval."""
    async with Engine() as engine:
        checker = await opened(engine, "checker")
        for options in ({"debounce": -1.0}, {"every": 0.0}):
            with pytest.raises(Invalid):
                CoherencePass(checker, **options)
