"""Leases in a store file, with the operating system's lock as the sign of life of whoever holds all documents.

The rules are in `leases`; this file keeps the rows and the lock in step. Every method runs on the writer thread.
Whoever took over from a silent but living holder goes without the lock, its row says so, and it tries again at each
renewal. A process that was stopped inside a transaction keeps SQLite's own write lock: until it goes on or ends, every
writer gets `store_busy`, whatever its lease says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from accordant.engine.stores.contract import ALL, Lease
from accordant.engine.stores.leases import Claimant, HeldLease, grant, prolong
from accordant.engine.stores.process_lock import ProcessLock
from accordant.engine.stores.sqlite_database import Connection, every
from accordant.types.errors import NoAuthority

__all__ = ["SqliteLeases"]


class SqliteLeases:
    """The leases of one store file as one store instance sees them."""

    def __init__(self, lock: ProcessLock, now_ms: Callable[[], int]) -> None:
        self._lock = lock
        self._now_ms = now_ms
        self._own: Lease | None = None

    def acquire(self, connection: Connection, resource: str, holder: str, ttl_s: float) -> Lease:
        """A new lease, or `NoAuthority`."""
        had_lock = self._lock.held
        has_lock = self._lock.take() if resource == ALL else (True if had_lock else None)
        own_epoch = None if self._own is None else self._own.epoch
        try:
            lease = grant(_rows(connection), resource, Claimant(holder, has_lock, own_epoch), self._now_ms(), ttl_s)
        except Exception:
            if not had_lock:
                self._lock.let_go()
            raise
        _save(connection, HeldLease(lease, locked=resource == ALL and has_lock is True))
        if resource == ALL:
            self._own = lease
        return lease

    def renew(self, connection: Connection, lease: Lease, ttl_s: float) -> Lease:
        """The lease with a later end, or `NoAuthority`; then the lock goes to whoever is the authority now."""
        try:
            longer = prolong(_rows(connection), lease, self._now_ms(), ttl_s)
        except NoAuthority:
            self._lost(lease)
            raise
        _save(connection, HeldLease(longer, locked=lease.resource == ALL and self._lock.take() is True))
        if lease.resource == ALL:
            self._own = longer  # also when another instance acquired it: the lock that stands for it is here now
        return longer

    def release(self, connection: Connection, lease: Lease) -> None:
        """Its end is now; the epoch stays, so that it is never given again."""
        for row in _rows(connection):
            if row.lease.resource == lease.resource and row.lease.epoch == lease.epoch:
                _save(connection, HeldLease(replace(row.lease, expires_at=0)))
        self._lost(lease)

    def fenced(self, epoch: int) -> None:
        """A commit of this epoch was fenced: if it was ours, the lock is not ours to keep."""
        if self._own is not None and self._own.epoch == epoch:
            self._lost(self._own)

    def _lost(self, lease: Lease) -> None:
        if self._own is not None and self._own.epoch == lease.epoch:
            self._own = None
            self._lock.let_go()


def _rows(connection: Connection) -> list[HeldLease]:
    rows = every(connection, "select resource, holder, epoch, expires_at, locked from leases")
    return [HeldLease(Lease(*row[:4]), bool(row[4])) for row in rows]


def _save(connection: Connection, held: HeldLease) -> None:
    lease = held.lease
    connection.execute(
        "insert into leases(resource, holder, epoch, expires_at, locked) values(?, ?, ?, ?, ?)"
        " on conflict(resource) do update set holder = excluded.holder, epoch = excluded.epoch,"
        " expires_at = excluded.expires_at, locked = excluded.locked",
        (lease.resource, lease.holder, lease.epoch, lease.expires_at, held.locked),
    )
