"""`GuardedMap.readings`: each key by itself, and what has changed since."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accordant import (
    Conflict,
    Document,
    Engine,
    EpochChanged,
    GuardedMap,
    Invalid,
    Namespace,
    Reading,
    blocking,
    connect,
)
from served import served

NS = Namespace.task("acme", "q3")


class Board(Document):
    tasks: GuardedMap[str]
    other: GuardedMap[str]


async def put(region: GuardedMap[Any], key: str, value: Any) -> Reading[Any]:
    return await region.commit(key, value, expect=await region.read(key))


async def exercise(board: Board) -> None:
    """What it promises, wherever the handle lives."""
    await put(board.tasks, "a", "1")
    await put(board.tasks, "a/b", "2")
    await put(board.other, "a", "elsewhere")
    every = await board.tasks.readings()
    assert {key: one.value for key, one in every.value.items()} == {"a": "1", "a/b": "2"}
    for key, one in every.value.items():
        assert one == await board.tasks.read(key)
    assert not (await board.tasks.readings(since=every)).value
    await put(board.tasks, "a", "3")
    await board.tasks.delete("a/b", expect=every.value["a/b"])
    changed = await board.tasks.readings(since=every)
    assert {key: one.value for key, one in changed.value.items()} == {"a": "3", "a/b": None}
    assert changed.version == changed.value["a/b"].version > every.version
    with pytest.raises(Conflict):
        await board.tasks.commit("a", "late", expect=every.value["a"])
    await board.tasks.commit("a/b", "again", expect=changed.value["a/b"])


def test_each_key_has_a_reading_of_its_own_in_the_process() -> None:
    """They are the readings that `read(key)` gives: with them one commits, late or in time."""

    async def main() -> None:
        async with Engine() as engine:
            board = await engine.open(Board, NS, "board", agent="ann")
            await exercise(board)
            snapshot = await board.snapshot()
            assert (await snapshot.tasks.readings()).value == (await board.tasks.readings()).value
            then = snapshot.tasks
            await put(board.tasks, "late", "x")
            assert "late" not in (await then.readings()).value
            later = await board.snapshot()
            assert list((await later.tasks.readings(since=snapshot.version)).value) == ["late"]
            async with board.transaction() as tx:
                assert "late" in (await tx.tasks.readings()).value

    asyncio.run(main())


def test_each_key_has_a_reading_of_its_own_over_a_websocket() -> None:
    """The same across a wire."""

    async def main() -> None:
        async with (
            Engine() as engine,
            served(engine) as url,
            connect(Board, url, NS, "board", agent="ann") as board,
        ):
            await exercise(board)

    asyncio.run(main())


def test_it_blocks() -> None:
    """`accordant.blocking` has it too."""
    with blocking.Engine() as engine:
        board = engine.open(Board, NS, "board", agent="ann")
        board.tasks.commit("a", "1", expect=board.tasks.read("a"))
        every = board.tasks.readings()
        assert every.value["a"].value == "1"
        assert board.tasks.readings(since=every.version).value == {}


def test_a_claim_that_is_renewed_hides_no_later_write() -> None:
    """Renewing keeps a key's version, and so its place among the versions."""

    async def main() -> None:
        async with Engine() as engine:
            board = await engine.open(Board, NS, "board", agent="ann")
            claim = await board.tasks.claim("held", 60)
            before = await board.tasks.readings()
            await put(board.tasks, "later", "x")
            await board.tasks.renew(claim, 90)
            assert list((await board.tasks.readings(since=before)).value) == ["later"]

    asyncio.run(main())


def test_another_epoch_is_said(tmp_path: Path) -> None:
    """A reading of before a restart is no beginning to go on from; its version alone is, since the log goes on."""

    async def main() -> None:
        async with Engine(tmp_path / "a.db") as engine:
            board = await engine.open(Board, NS, "board", agent="ann")
            await put(board.tasks, "a", "1")
            before = await board.tasks.readings()
        async with Engine(tmp_path / "a.db") as engine:
            board = await engine.open(Board, NS, "board", agent="ann")
            with pytest.raises(EpochChanged):
                await board.tasks.readings(since=before)
            assert (await board.tasks.readings(since=before.version)).value == {}
            assert list((await board.tasks.readings()).value) == ["a"]

    asyncio.run(main())


def test_what_is_no_version_is_refused() -> None:
    """A version is a whole number from 0; a reading is one of this map."""

    async def main() -> None:
        async with Engine() as engine:
            board = await engine.open(Board, NS, "board", agent="ann")
            for odd in (-1, True, 2**60, "1"):
                with pytest.raises(Invalid):
                    await board.tasks.readings(since=odd)  # type: ignore[arg-type]
            with pytest.raises(Invalid):
                await board.tasks.readings(since=await board.other.readings())

    asyncio.run(main())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans(), st.booleans()), max_size=25))
def test_differences_add_up(steps: list[tuple[str, bool, bool]]) -> None:
    """Whoever applies what has changed since, whenever they ask, has what is there."""

    async def main() -> None:
        async with Engine() as engine:
            board = await engine.open(Board, NS, "board", agent="ann")
            kept: dict[str, Reading[Any]] = {}
            seen: Reading[Any] | None = None
            for number, (key, deletes, asks) in enumerate(steps):
                if deletes:
                    await board.tasks.delete(key, expect=await board.tasks.read(key))
                else:
                    await put(board.tasks, key, str(number))
                if asks:
                    seen = await board.tasks.readings(since=seen)
                    kept |= seen.value
            kept |= (await board.tasks.readings(since=seen)).value
            assert kept == (await board.tasks.readings()).value
            there = {key: one.value for key, one in kept.items() if one.value is not None}
            assert there == (await board.tasks.read()).value

    asyncio.run(main())
