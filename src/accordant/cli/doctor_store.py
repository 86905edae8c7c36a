"""What a document takes up in its store, how fast it grows, what a retention would free, and what is pinned. Reads only."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from accordant.cli.output import moment, plain, size
from accordant.engine.host.retention import DAY_MS, oldest_kept, plan
from accordant.engine.stores.contract import DocumentInfo, Pin, Store
from accordant.types.retention import Compaction, Retention, Sizes

__all__ = ["Occupancy", "occupancy"]

WINDOW_DAYS = 7.0
"""Growth is that of the last week, or of a younger document's whole life."""
HOUR_DAYS = 1 / 24
"""A document younger than this has no growth a day yet."""


@dataclass(frozen=True, slots=True)
class Occupancy:
    """One document in its store. `entries_a_day` and `bytes_a_day`: None when it is too young to tell. `freed`: what
    `accordant compact --keep-days KEEP_DAYS` would do."""

    sizes: Sizes
    entries_a_day: float | None
    bytes_a_day: float | None
    keep_days: float
    freed: Compaction
    pins: tuple[Pin, ...]

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        sizes = self.sizes
        return {
            "bytes": {
                "updates": sizes.updates,
                "headers": sizes.headers,
                "index": sizes.index,
                "checkpoints": sizes.checkpoints,
                "pinned": sizes.pinned,
                "quarantine": sizes.quarantine,
                "sightings": sizes.sightings,
                "total": sizes.total,
            },
            "entries_without_bytes": sizes.compacted,
            "entries_a_day": self.entries_a_day,
            "bytes_a_day": self.bytes_a_day,
            "compaction": {
                "keep_days": self.keep_days,
                "oldest": self.freed.oldest,
                "entries": self.freed.entries,
                "bytes": self.freed.bytes,
            },
            "pinned": [{"version": p.version, "by": p.actor, "why": p.why, "at": moment(p.at)} for p in self.pins],
        }

    def shown(self) -> Group:
        """For people."""
        sizes = self.sizes
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
        names = ("updates", "headers", "index", "checkpoints", "pinned", "quarantine", "in all")
        counts = (
            sizes.updates, sizes.headers, sizes.index, sizes.checkpoints, sizes.pinned, sizes.quarantine, sizes.total
        )  # fmt: skip
        for name in names:
            table.add_column(name, justify="right", no_wrap=True)
        table.add_row(*map(size, counts))
        lines: list[Any] = [Text("\nIn the store", style="bold"), table]
        if self.entries_a_day is not None and self.bytes_a_day is not None:
            lines.append(Text(f"  grows by {self.entries_a_day:,.0f} entries and {size(int(self.bytes_a_day))} a day"))
        if self.freed.entries:
            entries, freed = f"{self.freed.entries:,}", size(self.freed.bytes)
            lines.append(
                Text(f"  accordant compact --keep-days {self.keep_days:g} would free {freed} of {entries} entries")
            )
        for pin in self.pins:
            lines.append(
                Text("  ") + plain(f"version {pin.version} is pinned by {pin.actor}, {moment(pin.at)}: {pin.why}")
            )
        return Group(*lines)


async def occupancy(store: Store, info: DocumentInfo, keep_days: float) -> Occupancy:
    """Look at all of it: a second or two for a million entries."""
    now_ms = int(time.time() * 1000)
    key, sizes = info.key, await store.sizes(info.key)
    week_ago = await oldest_kept(store, key, Retention(keep_days=WINDOW_DAYS), now_ms)
    before = await store.sizes(key, week_ago)
    days = min((now_ms - info.created_at) / DAY_MS, WINDOW_DAYS)
    is_old_enough = days >= HOUR_DAYS
    is_new = 1 - before.entries / max(sizes.entries, 1)
    grown = sizes.updates + sizes.headers - before.updates - before.headers + sizes.index * is_new
    freed = await plan(store, key, await oldest_kept(store, key, Retention(keep_days=keep_days), now_ms))
    return Occupancy(
        sizes,
        (sizes.entries - before.entries) / days if is_old_enough else None,
        grown / days if is_old_enough else None,
        keep_days,
        freed,
        tuple(await store.pins(key)),
    )
