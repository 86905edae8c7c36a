"""Turns: one at a time for each name, and no name is remembered for nothing."""

from __future__ import annotations

import asyncio

from accordant import DocumentKey, Engine, Namespace
from accordant.engine.host.turns import Turns
from worlds import in_loop


@in_loop
async def test_one_at_a_time_for_each_name() -> None:
    """However turns are taken, handed on and given up, two never overlap, other names do not wait, and nothing is left."""
    turns, inside, most, done = Turns(), 0, 0, 0

    async def take(name: str) -> None:
        nonlocal inside, most, done
        async with turns.of(name):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1
            done += 1

    tasks = [asyncio.create_task(take("a")) for _ in range(50)]
    await asyncio.sleep(0)
    async with turns.of("b"):
        assert len(turns) == 2
    for task in tasks[10:20]:
        task.cancel()
    late = []
    while len(turns):  # those who come in the very moment in which a turn is handed on
        if len(late) < 20:
            late.append(asyncio.create_task(take("a")))
        await asyncio.sleep(0)
    await asyncio.gather(*tasks, *late, return_exceptions=True)
    assert (most, done, len(turns)) == (1, 60, 0)


@in_loop
async def test_an_engine_remembers_no_name_that_it_was_asked_for() -> None:
    """After a thousand documents were opened nothing is left of their names but the documents."""
    async with Engine() as engine:
        keys = [DocumentKey.of(Namespace.task("acme", "q3"), f"d{number}") for number in range(1_000)]
        await asyncio.gather(*(engine.host(key) for key in keys for _ in range(2)))
        assert len(engine.hosts) == 1_000
        assert len(engine._opening) == 0
