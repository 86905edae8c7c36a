"""What "a store works" means for leases and epochs: checks that are run like those of `store_contract`."""

from __future__ import annotations

from dataclasses import replace

from accordant.engine.stores.contract import ALL, Appended
from accordant.testing.store_subject import DOCUMENT, Check, Subject, raised, write
from accordant.types.errors import Invalid, NoAuthority
from accordant.types.limits import AUTHORITY_ID_END, AUTHORITY_ID_MIN

__all__ = ["LEASE_CHECKS"]


async def a_running_lease_keeps_others_out(subject: Subject) -> None:
    """While a lease runs another holder is told who has it and until when; at its end they get a higher epoch."""
    store = subject.store
    first = await store.acquire(subject.resource, "first", 10.0)
    error = await raised(NoAuthority, store.acquire(subject.resource, "second", 10.0))
    assert (error.holder, error.expires_at) == ("first", first.expires_at)
    await subject.advance(9.0)
    await raised(NoAuthority, store.acquire(subject.resource, "second", 10.0))
    await subject.advance(1.0)
    second = await store.acquire(subject.resource, "second", 10.0)
    assert second.epoch > first.epoch
    assert second.holder == "second"


async def epochs_only_grow(subject: Subject) -> None:
    """Each lease has a higher epoch than every one before it, also after a release, and fits a client id."""
    store = subject.store
    epochs = []
    for round_number in range(20):
        lease = await store.acquire(subject.resource, f"holder-{round_number % 3}", 5.0)
        epochs.append(lease.epoch)
        if round_number % 2:
            await store.release(lease)
        else:
            await subject.advance(5.0)
    assert epochs == sorted(set(epochs))
    assert epochs[0] >= AUTHORITY_ID_MIN
    assert epochs[-1] < AUTHORITY_ID_END


async def a_holder_may_take_its_own_lease_anew(subject: Subject) -> None:
    """The same holder gets a new epoch at once, and its older one is fenced with everybody else's."""
    store = subject.store
    first = await store.acquire(subject.resource, "first", 10.0)
    again = await store.acquire(subject.resource, "first", 10.0)
    assert again.epoch > first.epoch
    await raised(NoAuthority, store.renew(first, 10.0))


async def renewing_keeps_the_epoch(subject: Subject) -> None:
    """A renewed lease runs longer under its epoch, even when it had run out; one that passed on is refused."""
    store = subject.store
    first = await store.acquire(subject.resource, "first", 10.0)
    await subject.advance(8.0)
    longer = await store.renew(first, 10.0)
    assert longer == replace(first, expires_at=longer.expires_at)
    assert longer.expires_at > first.expires_at
    await subject.advance(8.0)
    await raised(NoAuthority, store.acquire(subject.resource, "second", 10.0))
    await subject.advance(20.0)
    assert (await store.renew(longer, 10.0)).epoch == first.epoch, "nobody had taken it"
    await subject.advance(20.0)
    second = await store.acquire(subject.resource, "second", 10.0)
    error = await raised(NoAuthority, store.renew(longer, 10.0))
    assert error.holder == "second"
    await store.release(longer)
    await raised(NoAuthority, store.acquire(subject.resource, "third", 10.0))
    assert (await store.renew(second, 10.0)).epoch == second.epoch


async def releasing_lets_others_in_at_once(subject: Subject) -> None:
    """After a release nobody waits for the time, and releasing twice is harmless."""
    store = subject.store
    lease = await store.acquire(subject.resource, "first", 1000.0)
    await store.release(lease)
    await store.release(lease)
    second = await store.acquire(subject.resource, "second", 10.0)
    assert second.epoch > lease.epoch
    await store.release(lease)
    await raised(NoAuthority, store.acquire(subject.resource, "third", 10.0))


async def leases_that_share_a_document_exclude_each_other(subject: Subject) -> None:
    """A lease on one document and the lease on all exclude each other; two documents do not."""
    store = subject.store
    await store.acquire("a/task/x/one", "first", 10.0)
    await store.acquire("a/task/x/two", "second", 10.0)
    await raised(NoAuthority, store.acquire(ALL, "third", 10.0))
    await subject.advance(10.0)
    await store.acquire(ALL, "third", 10.0)
    await raised(NoAuthority, store.acquire("a/task/x/one", "first", 10.0))


async def the_lease_covering_a_document_fences_it(subject: Subject) -> None:
    """The newest of the leases that cover a document decides who writes it, a lease on another document never."""
    store = subject.store
    await store.create(DOCUMENT, "i")
    mine = await store.acquire(DOCUMENT, "first", 10.0)
    await store.acquire("acme/task/q3/notes", "second", 10.0)
    outcome = (await store.commit(DOCUMENT, mine.epoch, [write(1)]))[0]
    assert isinstance(outcome, Appended)


async def a_lease_lasts_for_a_time(subject: Subject) -> None:
    """A lease without a positive, finite time is refused."""
    for ttl_s in (0.0, -1.0, float("nan"), float("inf")):
        await raised(Invalid, subject.store.acquire(subject.resource, "first", ttl_s))
    lease = await subject.store.acquire(subject.resource, "first", 0.5)
    await raised(Invalid, subject.store.renew(lease, 0.0))


LEASE_CHECKS: tuple[Check, ...] = (
    a_running_lease_keeps_others_out,
    epochs_only_grow,
    a_holder_may_take_its_own_lease_anew,
    renewing_keeps_the_epoch,
    releasing_lets_others_in_at_once,
    leases_that_share_a_document_exclude_each_other,
    the_lease_covering_a_document_fences_it,
    a_lease_lasts_for_a_time,
)
