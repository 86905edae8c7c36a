"""What a commit, or a pin, must be before any store begins to write it: text that encodes, numbers that fit. Pure.

Everything that is wrong with a commit itself is found here, before the transaction, so that inside it only the disk
can fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accordant.engine.stores.contract import Commit
from accordant.types.entries import header_json
from accordant.types.errors import Invalid
from accordant.types.limits import ENTRIES_PER_DOCUMENT_MAX
from accordant.types.memory_limits import PINS_PER_DOCUMENT_MAX

__all__ = ["Admitted", "admit", "check_pin"]

_INTEGER_END = 2**63
"""What a column of whole numbers can hold."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A commit with the header that is stored and hashed."""

    commit: Commit
    header: str


def admit(commits: Sequence[Commit]) -> list[Admitted]:
    """The commits, ready to be written; raises `Invalid` when one of them cannot be, and then none is written."""
    return [Admitted(commit, _checked_header(commit)) for commit in commits]


def _checked_header(commit: Commit) -> str:
    entry, refused = commit.entry, commit.refused
    if not 0 < entry.offset <= ENTRIES_PER_DOCUMENT_MAX:
        raise Invalid(f"offsets are from 1 to {ENTRIES_PER_DOCUMENT_MAX}, not {entry.offset}", code="bad_offset")
    for number in (entry.at, *(at for write in commit.fields for at in (write.at, write.version or 0))):
        if not 0 <= number < _INTEGER_END:
            raise Invalid(f"{number} is not a time or a version", code="integer_range")
    try:
        header = header_json(entry)
        header.encode()
        for write in commit.fields:
            for text in (write.path, write.value, write.by, write.state):
                (text or "").encode()
        if refused is not None:
            (refused.reason + refused.peer).encode()
    except UnicodeEncodeError as error:
        raise Invalid("a string with a lone surrogate cannot be stored", code="not_unicode") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid(f"the entry's details are not JSON: {error}", code="not_json") from error
    return header


def check_pin(document: str, version: int, head: int, others: int) -> None:
    """Raises `Invalid` for a version that is not there, or when so many others are pinned that this one is too many."""
    if not 0 <= version <= head:
        raise Invalid(f"there is no entry {version}: the head is {head}", code="bad_offset", head=head)
    if others >= PINS_PER_DOCUMENT_MAX:
        raise Invalid(
            f"{document} has {PINS_PER_DOCUMENT_MAX} pinned versions already",
            code="too_many_pins",
            limit=PINS_PER_DOCUMENT_MAX,
            hint="unpin one that nobody needs any more",
        )
