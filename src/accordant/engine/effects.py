"""What a command leads to, in the order in which it must happen: persist, then publish, then reply (I2).

Whoever carries effects out may share one durability wait between many of them, and must not publish or reply before
everything persisted up to that point is durable.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from accordant.engine.stores.contract import Commit
from accordant.types.entries import Entry, OpRecord

__all__ = ["Effects", "Published"]


@dataclass(frozen=True, slots=True)
class Published:
    """An entry that became visible: what subscribers get. `update` is what the document emitted, None when it did not change."""

    offset: int
    kind: str
    actor: str
    session: str
    paths: tuple[str, ...]
    update: bytes | None
    at: int
    ops: tuple[OpRecord, ...] = ()
    outcome: str = "committed"
    times: int = 1  # how many there were of this denial so far: not each of them has an entry
    entry: Entry | None = field(default=None, repr=False)

    @classmethod
    def of(cls, entry: Entry) -> Published:
        """What subscribers get of this entry."""
        return cls(
            entry.offset,
            entry.kind.value,
            entry.actor,
            entry.session,
            entry.paths,
            entry.update,
            entry.at,
            entry.ops,
            entry.outcome,
            int(entry.info.get("times", 1)),
            entry,
        )


@dataclass(slots=True)
class Effects:
    """`persist` first, as one batch; then `publish`; then `reply`: a value, or an `AccordantError` to raise at the face."""

    persist: list[Commit] = field(default_factory=list)
    publish: list[Published] = field(default_factory=list)
    reply: Any = None
