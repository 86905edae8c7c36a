"""What a store's answer, or its failure, means for those who wait: as expected, not landed, or unknown."""

from __future__ import annotations

from accordant.engine.commands import Command, Update
from accordant.engine.machine import LiveStateBroken
from accordant.engine.stores.contract import Appended, Commit, Outcome
from accordant.types.errors import StoreError

__all__ = ["is_expected", "mistake", "unknown", "unreadable"]


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
