"""Several processes and one store file: who may write, who is told no, and what a killed writer leaves behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from accordant.engine.stores.contract import ALL, Appended
from accordant.engine.stores.sqlite import SqliteStore
from accordant.testing.store_contract import DOCUMENT, write
from accordant.types.errors import NoAuthority

HOLDER = Path(__file__).with_name("holder.py")
KILLS = 12

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals that stop and kill are POSIX")


class Holder:
    """A process that runs `holder.py`."""

    def __init__(self, path: Path, name: str, ttl_s: float) -> None:
        command = [sys.executable, str(HOLDER), str(path), name, str(ttl_s)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.first = self.line()

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def send(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def ask(self, word: str) -> str:
        self.send(word)
        return self.line()

    def signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def end(self) -> list[str]:
        """Kill it, and what it had said by then."""
        assert self.process.stdout is not None
        if self.process.stdout.closed:
            return []
        self.process.kill()
        assert self.process.stdin is not None
        said = self.process.stdout.read().splitlines()
        self.process.wait()
        self.process.stdout.close()
        self.process.stdin.close()
        return said


@contextmanager
def holder(path: Path, name: str = "first", ttl_s: float = 60.0) -> Iterator[Holder]:
    running = Holder(path, name, ttl_s)
    try:
        yield running
    finally:
        running.end()


def test_a_second_process_is_told_who_holds_it(tmp_path: Path) -> None:
    """While a process holds a store another one is refused with its name and the time, even under the same name."""
    with holder(tmp_path / "s.db") as first:
        assert first.first.startswith("epoch ")
        for name in ("second", "first"):
            with holder(tmp_path / "s.db", name) as other:
                kind, named, expires_at = other.first.split()
                assert (kind, named) == ("NoAuthority", "first")
                assert int(expires_at) > time.time() * 1000
        assert first.ask("append") == "Appended"


def test_a_killed_holder_is_replaced_at_once(tmp_path: Path) -> None:
    """Nobody waits for the rest of a dead holder's lease, and what it wrote is there."""
    with holder(tmp_path / "s.db", ttl_s=3600.0) as first:
        assert first.ask("append") == "Appended"
    with holder(tmp_path / "s.db", "second") as second:
        assert int(second.first.split()[1]) > int(first.first.split()[1])
        assert second.ask("append") == "Appended"


def test_a_silent_holder_loses_its_lease_and_is_fenced(tmp_path: Path) -> None:
    """A stopped process loses a lease that runs out; when it goes on, its commits are fenced and its lock is let go."""
    with holder(tmp_path / "s.db", ttl_s=0.4) as first:
        assert first.ask("append") == "Appended"  # and now it is idle: stopped inside a transaction it would block all
        first.signal(signal.SIGSTOP)
        time.sleep(0.5)
        with holder(tmp_path / "s.db", "second", 30.0) as second:
            assert int(second.first.split()[1]) > int(first.first.split()[1])
            assert second.ask("append") == "Appended"
            first.signal(signal.SIGCONT)
            assert first.ask("append") == "StoreFenced"
            assert first.ask("renew") == "NoAuthority second"
            assert second.ask("renew").startswith("renewed")
            with holder(tmp_path / "s.db", "third") as third:
                assert third.first.startswith("NoAuthority second")
        with holder(tmp_path / "s.db", "fourth") as fourth:
            assert fourth.first.startswith("epoch "), "the second had taken over the lock, so its death is known"


def test_a_dead_zombie_does_not_speak_for_its_successor(tmp_path: Path) -> None:
    """When a stopped holder dies, its lock is free, but the one who took over lives: a third is refused all the
    same."""
    with holder(tmp_path / "s.db", ttl_s=0.4) as first:
        assert first.ask("append") == "Appended"  # and now it is idle: stopped inside a transaction it would block all
        first.signal(signal.SIGSTOP)
        time.sleep(0.5)
        with holder(tmp_path / "s.db", "second", 30.0) as second:
            assert second.first.startswith("epoch ")
            first.end()
            with holder(tmp_path / "s.db", "third") as third:
                assert third.first.startswith("NoAuthority second")
            assert second.ask("append") == "Appended"


def test_without_locks_the_time_of_the_lease_decides(tmp_path: Path) -> None:
    """Where the lock file cannot be locked, a second store waits for the lease's end, and then takes over."""
    (tmp_path / "s.db-lease").mkdir()  # a folder in its place: opening it for writing fails

    async def run() -> None:
        now_s = 1_800_000_000.0
        first = SqliteStore(tmp_path / "s.db", clock=lambda: now_s)
        second = SqliteStore(tmp_path / "s.db", clock=lambda: now_s)
        await first.open()
        await second.open()
        lease = await first.acquire(ALL, "first", 10.0)
        with pytest.raises(NoAuthority) as caught:
            await second.acquire(ALL, "second", 10.0)
        assert caught.value.holder == "first"
        now_s += 10.0
        assert (await second.acquire(ALL, "second", 10.0)).epoch > lease.epoch
        await first.close()
        await second.close()

    asyncio.run(run())


def test_a_restored_copy_never_repeats_an_epoch(tmp_path: Path) -> None:
    """After an older copy of the file is put back, the next epoch is higher than those the copy has never heard of."""
    path = tmp_path / "s.db"

    async def lease_at(now_s: float) -> int:
        store = SqliteStore(path, clock=lambda: now_s)
        await store.open()
        epoch = (await store.acquire(ALL, f"holder {now_s}", 1.0)).epoch
        await store.close()
        return epoch

    asyncio.run(lease_at(1_800_000_000.0))
    copy = path.read_bytes()
    forgotten = [asyncio.run(lease_at(1_800_000_100.0 + number)) for number in range(3)]
    path.write_bytes(copy)
    assert asyncio.run(lease_at(1_800_000_200.0)) > max(forgotten)


@pytest.mark.timeout(120)  # a dozen processes that start, storm and die
def test_kill_minus_nine_loses_nothing(tmp_path: Path) -> None:
    """Killed again and again while eight tasks append, a store keeps every acknowledged entry, whole and in order."""
    path = tmp_path / "s.db"
    acknowledged: dict[tuple[str, int], str] = {}
    for kill in range(KILLS):
        running = Holder(path, f"holder-{kill}", 60.0)
        assert running.first.startswith("epoch ")
        running.send("storm")
        time.sleep(0.02 + 0.017 * (kill % 5))
        for line in running.end():
            if len(parts := line.split()) == 3 and len(parts[2]) == 64:  # the last line may be cut
                acknowledged[parts[0], int(parts[1])] = parts[2]
    found = asyncio.run(_all_entries(path))
    assert len(acknowledged) > 100
    assert [key for key, hash_ in acknowledged.items() if found.get(key) != hash_] == []
    sql = apsw.Connection(str(path))
    assert sql.execute("pragma integrity_check").get == "ok"
    sql.close()


async def _all_entries(path: Path) -> dict[tuple[str, int], str]:
    store = SqliteStore(path)
    await store.open()
    found: dict[tuple[str, int], str] = {}
    for info in await store.documents(("acme", "task", "storm")):
        entries = await store.read(info.key, limit=1_000_000)
        assert [entry.offset for entry in entries] == list(range(1, info.head + 1))
        found |= {(info.key.rpartition("/")[2], entry.offset): entry.hash.hex() for entry in entries}
    epoch = (await store.acquire(ALL, "reader", 10.0)).epoch
    await store.create(DOCUMENT, "i")
    assert isinstance((await store.commit(DOCUMENT, epoch, [write(1)]))[0], Appended)
    await store.close()
    return found
