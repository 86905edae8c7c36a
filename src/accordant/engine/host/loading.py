"""A document's state as its store has it: the newest usable checkpoint and the log after it. It only reads."""

from __future__ import annotations

import logging

from accordant.engine.crdt import ReplicaBroken
from accordant.engine.effects import Published
from accordant.engine.host.expiry import expired
from accordant.engine.state import DocumentState
from accordant.engine.stores.contract import Checkpoint, Compacted, Store
from accordant.types.entries import Entry
from accordant.types.errors import AccordantError, StoreError

__all__ = ["load_state", "published_after"]

logger = logging.getLogger("accordant.engine")


async def load_state(
    store: Store, key: str, client_id: int, upto: int | None = None
) -> tuple[DocumentState, Entry | None]:
    """The fold of a document's log: the newest checkpoint and the tail after it, or everything where there is none.

    Returns the state and the last entry read. Raises `StoreError` when log and checkpoint do not fit each other.
    """
    checkpoint = await store.load(key, upto)
    state = DocumentState(client_id)
    if checkpoint is not None and (upto is None or checkpoint.offset <= upto):
        try:
            state = DocumentState.load(client_id, checkpoint.state)
            await _check_origin(store, key, checkpoint, state.head)
        except (ValueError, KeyError, ReplicaBroken, AccordantError) as error:
            logger.warning("checkpoint of %s at %d unusable, replaying the log: %s", key, checkpoint.offset, error)
            state = DocumentState(client_id)
    last: Entry | None = None
    while upto is None or state.head < upto:
        try:
            entries = await store.read(key, state.head, 1000)
        except Compacted as compacted:
            if upto is not None and upto < compacted.checkpoint:
                raise await expired(store, key, upto, compacted) from compacted
            raise StoreError(
                f"{key}: its log starts after {compacted.checkpoint} and no usable checkpoint is there",
                code="store_corrupt",
                landed=False,
                hint="restore a backup of the store",
            ) from compacted
        if not entries:
            break
        for entry in entries:
            if upto is not None and entry.offset > upto:
                break
            try:
                state.fold(entry)
            except (ReplicaBroken, AccordantError, AssertionError) as error:
                raise StoreError(
                    f"{key}: entry {entry.offset} does not fit the log before it: {error}",
                    code="store_corrupt",
                    landed=False,
                    offset=entry.offset,
                    hint="run `accordant verify`, then restore a backup",
                ) from error
            last = entry
    return state, last


async def _check_origin(store: Store, key: str, checkpoint: Checkpoint, head: int) -> None:
    """Raises `ValueError` for a checkpoint that was not taken of this log at its offset."""
    if head != checkpoint.offset:
        raise ValueError(f"it is one of entry {head}")
    try:
        at = await store.read(key, head - 1, 1) if head else []
    except Compacted:
        return  # the chain's start has given up its bytes, and there is nothing else to begin with
    if head and (not at or at[0].hash != checkpoint.hash):
        raise ValueError("it belongs to another log")


async def published_after(store: Store, key: str, after: int) -> list[Published]:
    """What subscribers get for the entries after an offset: those that landed although their append seemed to fail."""
    found: list[Published] = []
    while entries := await store.read(key, after, 1000):
        after = entries[-1].offset
        found.extend(map(Published.of, entries))
    return found
