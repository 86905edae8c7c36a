"""Which writers' clocks an update reaches: a scan of struct headers, Yjs encoding version 1, text contents only."""

from __future__ import annotations

from sync_load.frames import read_var_uint

GC, DELETED, STRING, SKIP = 0, 1, 4, 10
HAS_PARENT_KEY, HAS_RIGHT, HAS_LEFT = 0x20, 0x40, 0x80


def ends(update: bytes) -> dict[int, int]:
    """Client id to the clock after its last struct in this update."""
    found: dict[int, int] = {}
    clients, at = read_var_uint(update, 0)
    for _ in range(clients):
        structs, at = read_var_uint(update, at)
        client, at = read_var_uint(update, at)
        clock, at = read_var_uint(update, at)
        for _ in range(structs):
            length, at = _struct(update, at)
            clock += length
        found[client] = clock
    return found


def _struct(update: bytes, at: int) -> tuple[int, int]:
    info = update[at]
    at += 1
    kind = info & 31
    if kind in (GC, SKIP):
        return read_var_uint(update, at)
    for bit in (HAS_LEFT, HAS_RIGHT):
        if info & bit:
            _, at = read_var_uint(update, at)
            _, at = read_var_uint(update, at)
    if not info & (HAS_LEFT | HAS_RIGHT):
        is_root, at = read_var_uint(update, at)
        for _ in range(1 if is_root else 2):
            number, at = read_var_uint(update, at)
            at += number if is_root else 0
        if info & HAS_PARENT_KEY:
            size, at = read_var_uint(update, at)
            at += size
    length, at = read_var_uint(update, at)
    if kind == STRING:  # ASCII alone is typed here, so that bytes are UTF-16 units
        at += length
    elif kind != DELETED:
        raise ValueError(f"content of kind {kind}: this generator writes text alone")
    return length, at
