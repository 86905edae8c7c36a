"""The rules of leases as pure decisions, the operating system's lock, and what it proves."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from accordant.engine.stores.contract import ALL, Lease
from accordant.engine.stores.leases import Claimant, HeldLease, grant, newest_epoch
from accordant.engine.stores.process_lock import ProcessLock
from accordant.engine.stores.sqlite import SqliteStore
from accordant.types.errors import NoAuthority, StoreError
from accordant.types.limits import AUTHORITY_ID_END, AUTHORITY_ID_MIN

NOW_MS = 1_800_000_000_000
RUNNING = Lease(ALL, "first", NOW_MS - 5, NOW_MS + 5_000)


@pytest.mark.parametrize(
    ("locked", "claimant", "gets_it"),
    [
        (True, Claimant("second", has_lock=True), True),  # the lock is free: its holder is dead
        (True, Claimant("second", has_lock=False), False),
        (True, Claimant("first", has_lock=False), False),  # a namesake in another process
        (True, Claimant("first", has_lock=True, own_epoch=RUNNING.epoch), True),
        (True, Claimant("second", has_lock=True, own_epoch=RUNNING.epoch), False),  # another holder, same store
        (True, Claimant("second", has_lock=None), False),
        (False, Claimant("second", has_lock=True), False),  # this holder never had the lock: it proves nothing
        (False, Claimant("first", has_lock=None), True),
    ],
)
def test_a_running_lease_yields_to_proof_of_death_alone(locked: bool, claimant: Claimant, gets_it: bool) -> None:
    """A lease that has not run out goes to its own holder, or when the lock shows that the holder's process is gone."""
    held = [HeldLease(RUNNING, locked)]
    if gets_it:
        assert grant(held, ALL, claimant, NOW_MS, 1.0).epoch == NOW_MS
    else:
        with pytest.raises(NoAuthority):
            grant(held, ALL, claimant, NOW_MS, 1.0)


@pytest.mark.parametrize(
    ("newest", "now_ms", "epoch"),
    [
        (0, NOW_MS, NOW_MS),
        (NOW_MS + 7, NOW_MS, NOW_MS + 8),  # the clock stepped back
        (0, 0, AUTHORITY_ID_MIN),  # a machine without a clock
    ],
)
def test_an_epoch_is_above_the_last_and_not_below_the_clock(newest: int, now_ms: int, epoch: int) -> None:
    """An epoch grows with every lease and with time, and is never below the ids of authorities."""
    held = [HeldLease(Lease("a/task/x/one", "first", newest, 0))] if newest else []
    assert grant(held, ALL, Claimant("second"), now_ms, 1.0).epoch == epoch


def test_a_clock_beyond_the_end_is_refused() -> None:
    """No epoch is given that would not fit an authority's client id."""
    with pytest.raises(StoreError) as caught:
        grant([], ALL, Claimant("first"), AUTHORITY_ID_END, 1.0)
    assert caught.value.code == "store_clock"


def test_only_leases_that_cover_a_document_fence_it() -> None:
    """The newest epoch for a document counts the leases on it and on all documents, run out or not."""
    held = [HeldLease(Lease("one", "a", 5, 0)), HeldLease(Lease("two", "b", 9, 0)), HeldLease(Lease(ALL, "c", 7, 0))]
    assert [newest_epoch(held, resource) for resource in ("one", "two", "three", ALL)] == [7, 9, 7, 9]


def test_one_instance_holds_the_lock_at_a_time(tmp_path: Path) -> None:
    """The lock excludes other instances until it is let go, and a place without locks says so."""
    first, second = ProcessLock(str(tmp_path / "l")), ProcessLock(str(tmp_path / "l"))
    assert first.take() is True
    assert first.take() is True
    assert second.take() is False
    assert not second.held
    first.let_go()
    first.let_go()
    assert second.take() is True
    second.let_go()
    assert ProcessLock(str(tmp_path)).take() is None


def test_a_lease_renewed_after_the_file_was_opened_again_stands(tmp_path: Path) -> None:
    """The instance that renews holds the sign of life from then on: nobody takes it for a dead holder's."""

    async def play() -> None:
        first = SqliteStore(tmp_path / "s.db", clock=lambda: 1_800_000_000.0)
        await first.open()
        lease = await first.acquire(ALL, "ada", 1.0)
        await first.close()
        again = SqliteStore(tmp_path / "s.db", clock=lambda: 1_800_000_000.0)
        await again.open()
        renewed = await again.renew(lease, 1.0)
        with pytest.raises(NoAuthority):
            await again.acquire(ALL, "bob", 1.0)
        await again.release(renewed)
        assert (await again.acquire(ALL, "bob", 1.0)).epoch > lease.epoch
        await again.close()

    asyncio.run(play())
