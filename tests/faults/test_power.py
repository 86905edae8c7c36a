"""Power cuts under a whole engine: what it acknowledged with durability="fsync" is there when it starts again (I2)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from powercut_vfs import Disk
from writing import check, read_log, retry, write_all

from accordant import Engine
from accordant.engine.host import checkpoints
from accordant.engine.stores import sqlite_threads
from accordant.engine.stores.sqlite import SqliteStore
from accordant.engine.stores.sqlite_database import Durability

SEEDS = 30
CUTS_EACH = 6
WRITES_EACH = 16


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """A disk whose power can be cut, and a log that is moved into the file, and checkpointed, all the time."""
    monkeypatch.setattr(sqlite_threads, "WAL_PAGES_MAX", 40)
    monkeypatch.setattr(checkpoints, "CHECKPOINT_ENTRIES", 40)
    disk = Disk("engine-powercut")
    yield disk
    disk.close()


@dataclass
class Cut:
    """What had been acknowledged when the power failed, and what the disk then held."""

    folder: Path
    acknowledged: dict[str, int]


async def write_while_power_fails(disk: Disk, folder: Path, durability: Durability, seed: int) -> list[Cut]:
    """Eight agents at once; at random operations of the disk its survivors are put aside."""
    dice = random.Random(seed)
    acknowledged: dict[str, int] = {}
    cuts: list[Cut] = []
    moments = {dice.randrange(1, 500) for _ in range(CUTS_EACH)}

    def maybe_cut(operation: int) -> None:
        if operation in moments:
            cut = Cut(folder / f"cut-{operation}", dict(acknowledged))
            cut.folder.mkdir()
            disk.restore(seed * 10_000 + operation, cut.folder)
            cuts.append(cut)

    store = SqliteStore(folder / "state.db", durability=durability, vfs=disk.name)
    async with Engine(store=store) as engine:
        disk.operations = 0
        disk.before_operation = maybe_cut
        await write_all(engine, "w", acknowledged.__setitem__, WRITES_EACH)
        disk.before_operation = lambda operation: None
    return cuts


async def start_again(cut: Cut) -> None:
    """An engine on what the disk held: all that was acknowledged is there, and writing goes on."""
    async with Engine(cut.folder / "state.db", durability="process") as engine:
        await check(engine, cut.acknowledged)
        landed = {entry.op_id: entry.offset for entry in await read_log(engine) if entry.op_id is not None}
        await retry(engine, [op_id for op_id in landed if int(op_id.rpartition(".")[2]) % 4 < 3], landed)
        await retry(engine, ["after"], {})
        await check(engine, cut.acknowledged)


def cut_many(disk: Disk, folder: Path, durability: Durability, seeds: range) -> tuple[int, list[str]]:
    """How many cuts there were, and what went wrong in which."""
    cuts, wrong = 0, []
    for seed in seeds:
        place = folder / str(seed)
        place.mkdir()
        for cut in asyncio.run(write_while_power_fails(disk, place, durability, seed)):
            cuts += 1
            try:
                asyncio.run(start_again(cut))
            except AssertionError as error:
                wrong.append(f"seed {seed}, {cut.folder.name}: {error}")
    return cuts, wrong


@pytest.mark.timeout(180)
def test_no_acknowledged_write_is_lost_to_a_power_cut(disk: Disk, tmp_path: Path) -> None:
    """Whatever part of the unsynced writes survives, everything acknowledged does, once, and the log folds."""
    cuts, wrong = cut_many(disk, tmp_path, "fsync", range(SEEDS))
    assert wrong == []
    assert cuts >= SEEDS * CUTS_EACH // 2


def test_without_fsync_the_same_cuts_lose_writes(disk: Disk, tmp_path: Path) -> None:
    """With durability="process" the check above fails: it can see a loss, and the promise is fsync's alone."""
    _, wrong = cut_many(disk, tmp_path, "process", range(3))
    assert any("acknowledged and not there" in text for text in wrong)
