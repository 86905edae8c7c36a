"""Power cuts under the product's own code: what was acknowledged with durability="fsync" is there afterwards,
always."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import apsw
import pytest
from powercut_vfs import Disk

from accordant.engine.stores import sqlite_threads
from accordant.engine.stores.contract import ALL, Appended
from accordant.engine.stores.sqlite import SqliteStore
from accordant.engine.stores.sqlite_database import Durability
from accordant.testing.store_contract import write
from accordant.types.errors import StoreError

DOCUMENTS = [f"acme/task/q{number}/brief" for number in range(4)]
COMMITS_EACH = 15
SEEDS = 40
CUTS_EACH = 16


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk("powercut")
    yield disk
    disk.close()


@dataclass
class Cut:
    """What had been acknowledged when the power failed: (document, offset) -> hash. The disk lies in `folder`."""

    folder: Path
    acknowledged: dict[tuple[str, int], bytes]


async def write_while_power_fails(disk: Disk, folder: Path, durability: Durability, seed: int) -> list[Cut]:
    """Four writers at once; at random operations of the disk its survivors are put aside. Nothing notices."""
    chance = random.Random(seed)
    acknowledged: dict[tuple[str, int], bytes] = {}
    cuts: list[Cut] = []
    moments = {chance.randrange(1, 600) for _ in range(CUTS_EACH)}

    def maybe_cut(operation: int) -> None:
        if operation in moments:
            cut = Cut(folder / f"cut-{operation}", dict(acknowledged))
            cut.folder.mkdir()
            disk.restore(seed * 10_000 + operation, cut.folder)
            cuts.append(cut)

    store = SqliteStore(folder / "store.db", durability=durability, vfs=disk.name)
    await store.open()
    epoch = (await store.acquire(ALL, "writer", 60.0)).epoch
    for document in DOCUMENTS:
        await store.create(document, "i")
    disk.operations = 0
    disk.before_operation = maybe_cut

    async def append(document: str) -> None:
        for offset in range(1, COMMITS_EACH + 1):
            one = write(offset, update=chance.randbytes(chance.choice((20, 20, 5_000))), op_id=f"op-{offset}")
            outcome = (await store.commit(document, epoch, [one]))[0]
            assert isinstance(outcome, Appended)
            acknowledged[document, outcome.offset] = outcome.hash

    await asyncio.gather(*map(append, DOCUMENTS))
    disk.before_operation = lambda operation: None
    await store.close()
    return cuts


async def lost_after(cut: Cut) -> int:
    """How many acknowledged commits are gone. Whatever is left must be whole, and can be written on."""
    path = cut.folder / "store.db"
    store = SqliteStore(path)
    await store.open()
    found: dict[tuple[str, int], bytes] = {}
    for document in DOCUMENTS:
        for entry in await store.read(document):
            found[document, entry.offset] = entry.hash
    epoch = (await store.acquire(ALL, "after", 60.0)).epoch
    await store.create(DOCUMENTS[0], "i")
    head = (await store.heads(DOCUMENTS))[DOCUMENTS[0]]
    assert isinstance((await store.commit(DOCUMENTS[0], epoch, [write(head + 1)]))[0], Appended)
    await store.close()
    with_sql = apsw.Connection(str(path))
    assert with_sql.execute("pragma integrity_check").get == "ok"
    with_sql.close()
    return sum(found.get(key) != hash_ for key, hash_ in cut.acknowledged.items())


def cut_many(disk: Disk, folder: Path, durability: Durability, seeds: int) -> list[int]:
    """The number of lost commits, cut by cut."""
    losses = []
    for seed in range(seeds):
        place = folder / str(seed)
        place.mkdir()
        for cut in asyncio.run(write_while_power_fails(disk, place, durability, seed)):
            losses.append(asyncio.run(lost_after(cut)))
    return losses


@pytest.mark.timeout(180)  # two hundred restarts from a damaged disk
def test_no_acknowledged_commit_is_lost(disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In 200 and more power cuts, checkpoints included, every acknowledged commit survives (I2)."""
    monkeypatch.setattr(sqlite_threads, "WAL_PAGES_MAX", 40)
    losses = cut_many(disk, tmp_path, "fsync", SEEDS)
    assert len(losses) >= 200
    assert sum(losses) == 0


def test_the_cut_can_be_lost_without_fsync(disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same cuts lose acknowledged commits with durability="process", and never damage what is left."""
    monkeypatch.setattr(sqlite_threads, "WAL_PAGES_MAX", 40)
    losses = cut_many(disk, tmp_path, "process", 3)
    assert sum(loss > 0 for loss in losses) >= 5


def test_many_commits_share_a_sync(disk: Disk, tmp_path: Path) -> None:
    """64 commits that wait together cost far fewer than 64 syncs, and each call alone at least one."""

    async def run() -> tuple[int, int]:
        store = SqliteStore(tmp_path / "store.db", vfs=disk.name)
        await store.open()
        epoch = (await store.acquire(ALL, "writer", 60.0)).epoch
        for number in range(64):
            await store.create(f"acme/task/q/{number}", "i")
        before = disk.syncs.total()
        await asyncio.gather(*(store.commit(f"acme/task/q/{number}", epoch, [write(1)]) for number in range(64)))
        together = disk.syncs.total() - before
        for number in range(8):
            await store.commit(f"acme/task/q/{number}", epoch, [write(2)])
        alone = disk.syncs.total() - before - together
        await store.close()
        return together, alone

    together, alone = asyncio.run(run())
    assert together <= 8
    assert alone >= 8


def test_a_full_disk_loses_nothing(disk: Disk, tmp_path: Path) -> None:
    """A commit that finds no room is refused as not landed; what was there stays, and with room commits go on."""

    async def run() -> None:
        store = SqliteStore(tmp_path / "store.db", vfs=disk.name)
        await store.open()
        await store.create(DOCUMENTS[0], "i")
        epoch = (await store.acquire(ALL, "writer", 60.0)).epoch
        await store.commit(DOCUMENTS[0], epoch, [write(1)])
        disk.bytes_left = 100_000
        landed = 1

        async def append_for_ever() -> None:
            nonlocal landed
            while True:
                await store.commit(DOCUMENTS[0], epoch, [write(landed + 1, update=bytes(20_000))])
                landed += 1

        with pytest.raises(StoreError) as caught:
            await append_for_ever()
        assert (caught.value.code, caught.value.landed) == ("store_full", False)
        assert landed > 2
        assert [entry.offset for entry in await store.read(DOCUMENTS[0])] == list(range(1, landed + 1))
        disk.bytes_left = 10_000_000
        again = await store.commit(DOCUMENTS[0], epoch, [write(landed + 1, update=bytes(20_000))])
        assert isinstance(again[0], Appended)
        await store.close()

    asyncio.run(run())


def test_a_full_disk_fails_a_whole_group_alike(disk: Disk, tmp_path: Path) -> None:
    """Commits that shared the failed transaction are each told so, none has landed, and each may be retried."""

    async def run() -> None:
        store = SqliteStore(tmp_path / "store.db", vfs=disk.name)
        await store.open()
        epoch = (await store.acquire(ALL, "writer", 60.0)).epoch
        for document in DOCUMENTS:
            await store.create(document, "i")
        disk.bytes_left = 0
        attempts = [store.commit(document, epoch, [write(1)]) for document in DOCUMENTS]
        errors = await asyncio.gather(*attempts, return_exceptions=True)
        assert [getattr(error, "code", None) for error in errors] == ["store_full"] * 4
        assert set((await store.heads(DOCUMENTS)).values()) == {0}
        disk.bytes_left = None
        for document in DOCUMENTS:
            assert isinstance((await store.commit(document, epoch, [write(1)]))[0], Appended)
        await store.close()

    asyncio.run(run())


def test_a_failed_sync_is_an_unknown_outcome(disk: Disk, tmp_path: Path) -> None:
    """When the disk does not confirm, the commit is neither acknowledged nor denied; a retry with its op id lands
    once."""

    async def run() -> None:
        store = SqliteStore(tmp_path / "store.db", vfs=disk.name)
        await store.open()
        await store.create(DOCUMENTS[0], "i")
        epoch = (await store.acquire(ALL, "writer", 60.0)).epoch
        disk.sync_fails = True
        with pytest.raises(StoreError) as caught:
            await store.commit(DOCUMENTS[0], epoch, [write(1, op_id="x")])
        assert (caught.value.code, caught.value.landed) == ("store_io", None)
        disk.sync_fails = False
        outcome = (await store.commit(DOCUMENTS[0], epoch, [write(1, op_id="x")]))[0]
        assert isinstance(outcome, Appended)
        assert len(await store.read(DOCUMENTS[0])) == 1
        await store.close()

    asyncio.run(run())


def test_a_checkpoint_that_fails_costs_nobody_anything(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Moving pages into the file may fail for want of room: commits are acknowledged, kept, and moved later."""
    monkeypatch.setattr(sqlite_threads, "WAL_PAGES_MAX", 5)

    async def run() -> int:
        store = SqliteStore(tmp_path / "store.db", durability="process", vfs=disk.name)
        await store.open()
        await store.create(DOCUMENTS[0], "i")
        epoch = (await store.acquire(ALL, "writer", 60.0)).epoch
        disk.sync_fails = True  # durability="process" syncs only in a checkpoint
        for offset in range(1, 21):
            await store.commit(DOCUMENTS[0], epoch, [write(offset)])
        disk.sync_fails = False
        await store.commit(DOCUMENTS[0], epoch, [write(21)])
        await store.close()
        return disk.syncs["db"]

    assert asyncio.run(run()) > 0
    again = SqliteStore(tmp_path / "store.db")

    async def count() -> int:
        await again.open()
        entries = await again.read(DOCUMENTS[0])
        await again.close()
        return len(entries)

    assert asyncio.run(count()) == 21


def test_a_read_only_place_is_named(disk: Disk, tmp_path: Path) -> None:
    """A file that may only be read is refused at opening, saying so, and is left as it is."""
    path = tmp_path / "store.db"

    async def run() -> None:
        store = SqliteStore(path, vfs=disk.name)
        await store.open()
        await store.close()
        before = path.read_bytes()
        disk.read_only = True
        with pytest.raises(StoreError) as caught:
            await SqliteStore(path, vfs=disk.name).open()
        assert (caught.value.code, caught.value.landed) == ("store_read_only", False)
        assert "write" in str(caught.value)
        assert path.read_bytes() == before

    asyncio.run(run())


def test_the_cost_of_a_commit_does_not_grow(disk: Disk, tmp_path: Path) -> None:
    """Commit 3,000 writes about as many pages as commit 100: the log's length costs nothing."""

    async def run() -> tuple[int, int]:
        store = SqliteStore(tmp_path / "store.db", durability="process", vfs=disk.name)
        await store.open()
        await store.create(DOCUMENTS[0], "i")
        epoch = (await store.acquire(ALL, "writer", 60.0)).epoch
        costs = {}
        for offset in range(1, 3_001):
            before = disk.writes["wal"]
            await store.commit(DOCUMENTS[0], epoch, [write(offset, op_id=f"op-{offset}")])
            costs[offset] = disk.writes["wal"] - before
        await store.close()
        return sum(costs[offset] for offset in range(100, 150)), sum(costs[offset] for offset in range(2_950, 3_000))

    early, late = asyncio.run(run())
    assert late < 2 * early
