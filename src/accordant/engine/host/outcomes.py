"""What a store's answer, or its failure, means for those who wait: as expected, not landed, or unknown."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from accordant.engine.commands import Command, Update
from accordant.engine.machine import LiveStateBroken
from accordant.engine.stores.contract import Appended, Commit, CommitsAtOnce, Outcome
from accordant.types.errors import StoreError

__all__ = ["direct", "is_expected", "mistake", "unknown", "unreadable"]


def is_expected(commit: Commit, outcome: Outcome) -> bool:
    """Whether the store appended this commit, now and where it was judged to stand."""
    return isinstance(outcome, Appended) and not outcome.duplicate and outcome.offset == commit.entry.offset


def mistake(command: Command, error: Exception) -> LiveStateBroken:
    """Our own fault while judging: the update, if it was one, is not tried again."""
    reason = f"judging failed: {type(error).__name__}: {error}"
    if isinstance(command, Update):
        return LiveStateBroken(reason, command.session, command.update)
    return LiveStateBroken(reason)


def unreadable(key: str, error: Exception) -> StoreError:
    """The store cannot be read now."""
    unread = StoreError(f"{key} cannot be read: {error}", code="store", landed=False, hint="try again later")
    unread.__cause__ = error
    return unread


def unknown(key: str, error: Exception | str) -> StoreError:
    """The store failed in a way that does not say whether the batch landed."""
    failed = StoreError(
        f"{key}: the store failed, and whether this landed is unknown: {error}",
        code="unknown_outcome",
        landed=None,
        hint="submit again with the same op id: it lands once",
    )
    failed.__cause__ = error if isinstance(error, Exception) else None
    return failed


def direct(
    store: CommitsAtOnce | None, key: str, epoch: int, commits: Sequence[Commit]
) -> asyncio.Future[list[Outcome]] | None:
    """What the store answered without waiting, as if it had been waited for; None when it has to be asked."""
    flight: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
    try:
        outcomes = None if store is None else store.commit_at_once(key, epoch, commits)
    except Exception as error:
        flight.set_exception(error)
        return flight
    if outcomes is None:
        return None
    flight.set_result(outcomes)
    return flight
