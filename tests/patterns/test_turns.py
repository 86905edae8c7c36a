"""Turns of a group: the map decides, whatever a scheduler's snapshot said a moment ago."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from accordant import Board
from accordant.patterns.turns import Turns
from worlds import in_loop, world

worlds = pytest.mark.parametrize("kind", ["memory", "sqlite", "websocket"])


@worlds
@in_loop
async def test_one_of_many_who_ask_at_once_gets_the_turn(kind: str, tmp_path: Path) -> None:
    """All judge by the same snapshot, all ask: one runs, the others are told to do nothing, and no error reaches anybody."""
    async with world(kind, tmp_path / "a.db") as w:
        members = [Turns(await w.open(Board, f"scheduler-{n}"), "g") for n in range(5)]
        answered, running = [], 0
        everybody = asyncio.Event()

        async def asks(turns: Turns) -> None:
            nonlocal running
            async with turns.take("critic", 7) as is_mine:
                answered.append(is_mine)
                if is_mine:
                    running += 1
                    assert running == 1
                    await everybody.wait()
                    running -= 1
            if len(answered) == len(members):
                everybody.set()

        await asyncio.wait_for(asyncio.gather(*map(asks, members)), 20)
        assert sorted(answered) == [False] * 4 + [True]


@worlds
@in_loop
async def test_a_turn_that_was_taken_is_over(kind: str, tmp_path: Path) -> None:
    """Who comes late, with an older or the same state, does nothing; a newer state and another group have turns of their own."""
    async with world(kind, tmp_path / "a.db") as w:
        one, other = await w.open(Board, "one"), await w.open(Board, "other")
        asked = [(one, "g", 7), (other, "g", 7), (other, "g", 6), (one, "g", 7), (other, "g", 8), (other, "h", 7)]
        granted = []
        for doc, group, state in asked:
            async with Turns(doc, group).take("critic", state) as is_mine:
                granted.append(is_mine)
        assert granted == [True, False, False, False, True, True]


@in_loop
async def test_a_turn_that_failed_is_not_noted() -> None:
    """What raised has not fired: the next one who asks gets the turn."""
    async with world("memory") as w:
        one, other = await w.open(Board, "one"), await w.open(Board, "other")
        with pytest.raises(ZeroDivisionError):
            async with Turns(one, "g").take("critic", 7) as is_mine:
                assert is_mine
                raise ZeroDivisionError
        async with Turns(other, "g").take("critic", 7) as is_mine:
            assert is_mine
