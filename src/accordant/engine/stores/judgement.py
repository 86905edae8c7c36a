"""The order in which a commit is judged, for every store alike. Pure: it asks a ledger and writes nothing.

Idempotency comes first, so that a retry of something that landed is answered with where it landed even after the epoch
has moved on. Then the fence, then the expected offset, then the guards.
"""

from __future__ import annotations

from typing import Protocol

from accordant.engine.stores.contract import Appended, Commit, GuardFailed, Outcome, StoreFenced

__all__ = ["Ledger", "judge"]


class Ledger(Protocol):
    """What a store knows about one document inside one transaction, as of the commits already written in it."""

    @property
    def head(self) -> int:
        """The offset of the last entry, 0 before the first."""

    @property
    def newest_epoch(self) -> int:
        """The newest epoch over the leases that cover the document, 0 when nobody ever held one."""

    def landed(self, op_id: str) -> Appended | None:
        """Where this op id is in the document's log, as a duplicate; None when it is not."""

    def version(self, path: str) -> int:
        """The version of a guarded field now, 0 when it was never written."""


def judge(ledger: Ledger, epoch: int, commit: Commit) -> Outcome | None:
    """The outcome of a commit that must not be written, or None: write it."""
    entry = commit.entry
    if entry.op_id is not None and (landed := ledger.landed(entry.op_id)) is not None:
        return landed
    # A document that nobody ever held a lease for has no authority, so nobody may write: epoch 0 is no epoch.
    if epoch != ledger.newest_epoch or not epoch:
        return StoreFenced(ledger.newest_epoch)
    if entry.offset != ledger.head + 1:
        return GuardFailed({"": ledger.head})
    failed = {path: now for path, read in commit.guards.items() if (now := ledger.version(path)) != read}
    return GuardFailed(failed) if failed else None
