"""How much of a document's past stays rebuildable, and what a compaction did. Values only.

What goes is the bytes of old updates, so that old versions can no longer be rebuilt. What stays, always: that something
happened, who did it, when and why, having read what, the hash chain, op ids, and every pinned version.
"""

from __future__ import annotations

from dataclasses import dataclass

from accordant.types.errors import Invalid

__all__ = ["Compaction", "Retention", "Sizes"]


@dataclass(frozen=True, slots=True)
class Retention:
    """Which versions stay rebuildable: those of the last `keep_days` days and the newest `keep_versions`. What either rule
    keeps stays; None says nothing, and both None keep everything. Raises `Invalid`."""

    keep_days: float | None = None
    keep_versions: int | None = None

    def __post_init__(self) -> None:
        if self.keep_days is not None and not 0 <= self.keep_days < 1_000_000:
            raise Invalid(f"keep_days is a number of days from 0 on, not {self.keep_days!r}", code="bad_retention")
        if self.keep_versions is not None and self.keep_versions < 1:
            raise Invalid(
                f"keep_versions is at least 1, not {self.keep_versions!r}: the newest version always stays",
                code="bad_retention",
            )

    @property
    def keeps_all(self) -> bool:
        """Whether nothing ever goes."""
        return self.keep_days is None and self.keep_versions is None


@dataclass(frozen=True, slots=True)
class Compaction:
    """What a compaction did, or would do. `oldest`: the first version that can be rebuilt from then on, `pinned`: the older
    ones that can be all the same; `entries` gave up `bytes` of updates."""

    document: str
    oldest: int
    entries: int
    bytes: int
    pinned: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a document takes up in its store, in bytes by purpose; `index` is an estimate. `entries` are counted, `compacted` of
    them have given up their updates."""

    entries: int = 0
    compacted: int = 0
    updates: int = 0
    headers: int = 0
    index: int = 0
    checkpoints: int = 0
    pinned: int = 0
    quarantine: int = 0
    sightings: int = 0

    @property
    def total(self) -> int:
        """All bytes."""
        log = self.updates + self.headers + self.index
        return log + self.checkpoints + self.pinned + self.quarantine + self.sightings
