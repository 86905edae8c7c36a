"""What a version that retention has dropped is answered with. It only reads."""

from __future__ import annotations

from accordant.engine.stores.contract import Compacted, Store
from accordant.types.errors import SnapshotExpired

__all__ = ["expired"]


async def expired(store: Store, key: str, version: int, compacted: Compacted) -> SnapshotExpired:
    """The error that names what can still be had: the oldest version, and the pinned ones before it."""
    pinned = [pin.version for pin in await store.pins(key) if pin.version < compacted.oldest]
    also = f", or the pinned {', '.join(map(str, pinned))}" if pinned else ""
    return SnapshotExpired(
        f"version {version} of {key} is no longer kept: {compacted.oldest} is the oldest that is",
        version=version,
        oldest=compacted.oldest,
        pinned=pinned,
        hint=f"ask for version {compacted.oldest} or a later one{also}",
    )
