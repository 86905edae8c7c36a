"""Contenders in line: no wasted work among updates, and no lock for anybody."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from accordant import Conflict, Document, Guarded, region
from accordant.engine.host.lines import Lines
from accordant.types.limits import LINE_LENGTH_MAX, TURN_S
from worlds import in_loop, world


class Tally(Document):
    n: Guarded[int] = region(default=0)


@pytest.mark.parametrize("kind", ["memory", "sqlite", "websocket"])
@in_loop
async def test_updates_that_think_for_a_moment_do_not_race(kind: str, tmp_path: Path) -> None:
    """Eight writers, five updates each, a millisecond of thought: forty derivations, not a hundred and eighty."""
    derived = 0

    async def next_one(value: int) -> int:
        nonlocal derived
        derived += 1
        await asyncio.sleep(0.001)
        return value + 1

    async with world(kind, tmp_path / "a.db") as w:
        handles = [await w.open(Tally, f"agent{n}") for n in range(8)]

        async def work(handle: Tally) -> None:
            for _ in range(5):
                await handle.n.update(next_one)

        await asyncio.gather(*map(work, handles))
        assert (await handles[0].n.read()).value == 40
        assert derived <= 44  # a turn may run out on a slow machine; racing takes four times as many


@in_loop
async def test_a_thinker_holds_nobody_up() -> None:
    """Whoever derives for longer than a turn loses the turn: others land meanwhile, and the thinker derives again."""
    started, release = asyncio.Event(), asyncio.Event()
    seen: list[int] = []

    async def think(value: int) -> int:
        seen.append(value)
        started.set()
        await release.wait()
        return value + 100

    async with world("memory") as w:
        slow, quick = await w.open(Tally, "slow"), await w.open(Tally, "quick")
        thinking = asyncio.create_task(slow.n.update(think))
        await started.wait()
        await quick.n.commit(1, expect=await quick.n.read())  # a plain commit waits for nobody
        await asyncio.wait_for(quick.n.update(lambda value: value + 1), TURN_S * 20)
        release.set()
        await thinking
        assert seen == [0, 2]
        assert (await quick.n.read()).value == 102


@in_loop
async def test_who_leaves_the_line_does_not_stop_it() -> None:
    """A cancelled waiter, a failing derivation, a lost commit: the next one follows."""
    lines = Lines()
    await lines.wait("x", "first")
    waiting = [asyncio.create_task(lines.wait("x", f"s{n}")) for n in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.gather(waiting[0], return_exceptions=True)
    lines.done("somebody else", ["x"])
    await asyncio.sleep(0)
    assert not waiting[1].done()
    lines.done("first", ["x", "y"])
    await waiting[1]
    await asyncio.wait_for(waiting[2], TURN_S * 20)  # s1 never submits: its turn runs out
    lines.done("s2", ["x"])
    assert not lines._lines


@in_loop
async def test_the_line_is_bounded() -> None:
    """Beyond its length the others go at once, and race as before."""
    lines = Lines()
    await lines.wait("x", "first")
    waiting = [asyncio.create_task(lines.wait("x", f"s{n}")) for n in range(LINE_LENGTH_MAX - 1)]
    await asyncio.sleep(0)
    await asyncio.wait_for(lines.wait("x", "late"), 10)  # in line it would take a hundred seconds
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


@in_loop
async def test_a_failing_derivation_changes_nothing() -> None:
    """Its error comes out, and the field can be updated by others within a turn."""
    async with world("memory") as w:
        a, b = await w.open(Tally, "a"), await w.open(Tally, "b")
        with pytest.raises(ZeroDivisionError):
            await a.n.update(lambda value: 1 // value)
        await asyncio.wait_for(b.n.update(lambda value: value + 1), TURN_S * 20)
        stale = await a.n.read()
        await b.n.commit(7, expect=await b.n.read())
        with pytest.raises(Conflict):
            await a.n.commit(8, expect=stale)
