"""The rules of leases and epochs, for every embedded store alike. Pure: rows and the time come in, a lease comes out.

Two rules bind it. An epoch is higher than every epoch before it, over all resources. Holding a lease proves nothing:
only the epoch check inside `commit` does, so a mistake here can cost availability and never an overwritten write.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from accordant.engine.stores.contract import ALL, Lease
from accordant.types.errors import Invalid, NoAuthority, StoreError
from accordant.types.limits import AUTHORITY_ID_END, AUTHORITY_ID_MIN

__all__ = ["Claimant", "HeldLease", "grant", "newest_epoch", "overlaps", "prolong"]


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A lease as a store keeps it. `locked`: its holder holds the operating system's lock as a sign of life."""

    lease: Lease
    locked: bool = False


@dataclass(frozen=True, slots=True)
class Claimant:
    """Who asks. `has_lock`: True when it holds the sign-of-life lock now, False when a living process holds it, None
    when there is no such lock. `own_epoch`: the epoch of the lease that this very store instance holds, if any."""

    holder: str
    has_lock: bool | None = None
    own_epoch: int | None = None


def overlaps(one: str, other: str) -> bool:
    """Whether two resources cover a document in common."""
    return one == other or ALL in (one, other)


def newest_epoch(held: Iterable[HeldLease], resource: str) -> int:
    """The newest epoch over the leases that overlap the resource, running or not; 0 when there is none."""
    return max((row.lease.epoch for row in held if overlaps(row.lease.resource, resource)), default=0)


def grant(held: Iterable[HeldLease], resource: str, claimant: Claimant, now_ms: int, ttl_s: float) -> Lease:
    """The new lease, or `NoAuthority` naming who holds one that overlaps and until when. `held`: all leases of the
    store."""
    ttl_ms = _milliseconds(ttl_s)
    newest = 0
    for row in held:
        newest = max(newest, row.lease.epoch)
        if overlaps(row.lease.resource, resource) and _stands(row, claimant, now_ms):
            raise _refusal(row.lease, resource)
    return Lease(resource, claimant.holder, _next_epoch(newest, now_ms), now_ms + ttl_ms)


def prolong(held: Iterable[HeldLease], lease: Lease, now_ms: int, ttl_s: float) -> Lease:
    """The same lease with a later end. One that ran out and was not taken by anybody is still its holder's."""
    ttl_ms = _milliseconds(ttl_s)
    newest = max(
        (row.lease for row in held if overlaps(row.lease.resource, lease.resource)),
        key=lambda found: found.epoch,
        default=None,
    )
    if newest is None or newest.epoch != lease.epoch or newest.holder != lease.holder:
        raise _refusal(newest or replace(lease, holder="nobody"), lease.resource)
    return replace(lease, expires_at=now_ms + ttl_ms)


def _stands(row: HeldLease, claimant: Claimant, now_ms: int) -> bool:
    if row.lease.expires_at <= now_ms:
        return False  # a living but silent holder loses it, too: the fence keeps its late commits out
    if row.locked and row.lease.epoch != claimant.own_epoch:
        if claimant.has_lock:
            return False  # the claimant holds the lock that this holder would still hold if its process lived
        if claimant.has_lock is False:
            return True  # the holder's process lives, even if it bears the claimant's name
    return row.lease.holder != claimant.holder


def _next_epoch(newest: int, now_ms: int) -> int:
    """Above the newest and not below the clock: after an older copy of the store is restored the clock has moved on,
    so that no epoch, and no client id that derives from one, is ever used twice."""
    epoch = max(newest + 1, now_ms, AUTHORITY_ID_MIN)
    if epoch >= AUTHORITY_ID_END:
        raise StoreError(
            "the store's clock is beyond the year 2039, so that no epoch can be given",
            code="store_clock",
            landed=False,
            hint="set this machine's clock",
        )
    return epoch


def _milliseconds(ttl_s: float) -> int:
    if not (math.isfinite(ttl_s) and ttl_s > 0):
        raise Invalid(f"a lease lasts for a positive number of seconds, not {ttl_s!r}", code="bad_ttl")
    return max(1, int(ttl_s * 1000))


def _refusal(lease: Lease, resource: str) -> NoAuthority:
    return NoAuthority(
        f"{lease.holder!r} is the authority for {'every document' if lease.resource == ALL else lease.resource!r}",
        resource=resource,
        holder=lease.holder,
        expires_at=lease.expires_at,
        epoch=lease.epoch,
    )
