"""The bytes of a Yjs update (v1), strictly decoded. Knows the format; knows no document and no rule.

Strict means: whatever an honest Yjs or yrs writer never emits is refused here, because the CRDT library accepts much of
it and then misreads it, parks it or dies of it. Nothing but `WireError` leaves this module, whatever the bytes are.
An update is client sections (each: struct count, client, first clock, structs) and a delete set. Clocks count UTF-16
units for text and items for everything else.
"""

from __future__ import annotations

from typing import Any, Final

from accordant.engine.lib0 import (
    Budget,
    read_any,
    read_bytes,
    read_client,
    read_id,
    read_json,
    read_text,
    read_uint,
)
from accordant.engine.squashing import check_squashing
from accordant.engine.structs import (
    ANY,
    BINARY,
    DELETED,
    EMBED,
    FORMAT,
    GC,
    SKIP,
    STRING,
    SUBDOCUMENT,
    TYPE,
    DeleteSet,
    Id,
    Struct,
    Update,
    units,
)
from accordant.engine.update_writer import encode_delete_set, encode_state_vector, encode_update
from accordant.types.errors import WireError
from accordant.types.limits import (
    CLIENT_ID_MAX,
    CLIENTS_PER_UPDATE_MAX,
    CLOCK_MAX,
    DELETE_RANGES_PER_UPDATE_MAX,
    KEY_CHARS_MAX,
    STRUCTS_PER_UPDATE_MAX,
    UPDATE_BYTES_MAX,
    VALUE_DEPTH_MAX,
)

__all__ = [
    "ANY",
    "BINARY",
    "DELETED",
    "EMBED",
    "FORMAT",
    "GC",
    "SKIP",
    "STRING",
    "TYPE",
    "DeleteSet",
    "Id",
    "Struct",
    "Update",
    "decode_delete_set",
    "decode_own",
    "decode_update",
    "encode_delete_set",
    "encode_state_vector",
    "encode_update",
    "units",
]

XML_HOOK: Final = 5
_NAMED_TYPES: Final = (3, XML_HOOK)
_HAS_ORIGIN: Final = 0x80
_HAS_RIGHT: Final = 0x40
_HAS_KEY: Final = 0x20
_LENGTH_ONLY: Final = (GC, SKIP)


def decode_own(data: bytes) -> Update:
    """What the document itself once emitted, as long as it is; raises `WireError`."""
    return decode_update(data, len(data), is_own=True)


def decode_update(data: bytes, bytes_max: int = UPDATE_BYTES_MAX, is_own: bool = False) -> Update:
    """The update in these bytes; raises `WireError` for anything that an honest writer would not send.

    What the document itself emitted (`is_own`) is bounded in bytes alone: a bulk write is merged from chunks.
    """
    if len(data) > bytes_max:
        raise WireError(
            f"the update has {len(data)} bytes, the limit is {bytes_max}", code="too_large", limit=bytes_max
        )
    try:
        structs, at = _read_sections(data, Budget(is_own))
        deletes, at = ({}, at + 1) if at == len(data) - 1 and data[at] == 0 else _read_delete_set(data, at)
    except IndexError:
        raise WireError("the update ends too early") from None
    if at != len(data):
        raise WireError(f"{len(data) - at} bytes follow the update")
    if not is_own:
        check_squashing(structs, deletes)
    return Update(structs, deletes)


def decode_delete_set(data: bytes) -> dict[int, list[tuple[int, int]]]:
    """The delete set in these bytes; raises `WireError`."""
    try:
        deletes, at = _read_delete_set(data, 0)
    except IndexError:
        raise WireError("the delete set ends too early") from None
    if at != len(data):
        raise WireError(f"{len(data) - at} bytes follow the delete set")
    return deletes


# -- sections and structs ----------------------------------------------------------------------------------------


def _read_sections(data: bytes, budget: Budget) -> tuple[dict[int, list[Struct]], int]:
    count, at = read_uint(data, 0)
    if count > CLIENTS_PER_UPDATE_MAX:
        raise WireError(f"{count} client sections, the limit is {CLIENTS_PER_UPDATE_MAX}", code="too_many_structs")
    structs: dict[int, list[Struct]] = {}
    previous = CLIENT_ID_MAX + 1
    for _ in range(count):
        length, at = read_uint(data, at)
        budget.structs -= length
        if budget.structs < 0:
            raise WireError(f"more than {STRUCTS_PER_UPDATE_MAX} structs: split the update", code="too_many_structs")
        client, at = read_client(data, at)
        clock, at = read_uint(data, at)
        if client >= previous or not length:
            # Honest sections go from the highest id down. yrs drops one of two sections of a client without a word
            raise WireError("a client's section is empty, twice there or out of order", code="bad_order")
        previous = client
        structs[client], at = _read_structs(data, at, client, clock, length, budget)
    return structs, at


def _read_structs(
    data: bytes, at: int, client: int, clock: int, count: int, budget: Budget
) -> tuple[list[Struct], int]:
    if count == 1:
        struct, at = _read_struct(data, at, client, clock, budget)
        return [struct], at
    structs: list[Struct] = []
    for _ in range(count):
        struct, at = _read_struct(data, at, client, clock, budget)
        clock += struct.length
        structs.append(struct)
    return structs, at


def _read_struct(data: bytes, at: int, client: int, clock: int, budget: Budget) -> tuple[Struct, int]:
    info = data[at]
    at += 1
    kind = info & 31
    if info in _LENGTH_ONLY:
        length, at = read_uint(data, at)
        _check_length(clock, length)
        return Struct(kind, client, clock, length, None, None, None, None, None, 0), at
    origin: Id | None = None
    right: Id | None = None
    parent: str | Id | None = None
    key: str | None = None
    if info & _HAS_ORIGIN:
        origin, at = read_id(data, at)
    if info & _HAS_RIGHT:
        right, at = read_id(data, at)
        if right == origin:
            raise WireError("an item cannot lie between one item and itself", code="bad_order")
    if origin is None and right is None:
        parent, at = _read_parent(data, at)
        if info & _HAS_KEY:
            key, at = read_text(data, at)
            if len(key) > KEY_CHARS_MAX:
                raise WireError(f"a key has {len(key)} characters, the limit is {KEY_CHARS_MAX}", code="too_large")
    start = at
    if kind == STRING:
        content, at = read_text(data, at)
        size = at - start - (1 if data[start] < 128 else read_uint(data, start)[1] - start)
        length = len(content) if len(content) == size else units(content)
    else:
        length, content, at = _read_content(data, at, kind, budget)
        size = at - start
    if not length or clock + length > CLOCK_MAX:
        _check_length(clock, length)
    # NamedTuple's own constructor costs twice as much
    made = tuple.__new__(Struct, (kind, client, clock, length, origin, right, parent, key, content, size))
    return made, at


def _read_parent(data: bytes, at: int) -> tuple[str | Id, int]:
    marker = data[at]
    if marker == 1:
        return read_text(data, at + 1)
    if marker == 0:
        return read_id(data, at + 1)
    raise WireError("an item's parent is neither a root nor a shared type")


def _read_content(data: bytes, at: int, kind: int, budget: Budget) -> tuple[int, Any, int]:
    if kind == ANY:
        count, at = read_uint(data, at)
        budget.take(count, len(data) - at)
        values = []
        for _ in range(count):
            value, at = read_any(data, at, VALUE_DEPTH_MAX, budget)
            values.append(value)
        return count, values, at
    if kind == DELETED:
        length, at = read_uint(data, at)
        return length, None, at
    if kind == TYPE:
        return _read_type(data, at)
    if kind == FORMAT:
        key, at = read_text(data, at)
        value, at = read_json(data, at)
        return 1, (key, value), at
    if kind == EMBED:
        value, at = read_json(data, at)
        return 1, value, at
    if kind == BINARY:
        content, at = read_bytes(data, at)
        return 1, content, at
    if kind == SUBDOCUMENT:
        raise WireError("a subdocument: this document holds no others", code="subdocument")
    # kind 2 is ContentJSON: obsolete, and yrs reads one element more than there is
    raise WireError(f"content of kind {kind} is not known here")


def _read_type(data: bytes, at: int) -> tuple[int, tuple[int, str | None], int]:
    reference = data[at]
    at += 1
    if reference == XML_HOOK:
        raise WireError("an XML hook is not supported")
    if reference > 6:
        raise WireError(f"shared type {reference} is not known here")
    name: str | None = None
    if reference in _NAMED_TYPES:
        name, at = read_text(data, at)
    return 1, (reference, name), at


def _check_length(clock: int, length: int) -> None:
    if length == 0:
        raise WireError("a struct without content")
    if clock + length > CLOCK_MAX:
        raise WireError("a clock beyond the limit: take a new client id", code="clock_range", limit=CLOCK_MAX)


def _read_delete_set(data: bytes, at: int) -> tuple[dict[int, list[tuple[int, int]]], int]:
    clients, at = read_uint(data, at)
    deletes: dict[int, list[tuple[int, int]]] = {}
    total = 0
    for _ in range(clients):
        client, at = read_client(data, at)
        count, at = read_uint(data, at)
        total += count
        if total > DELETE_RANGES_PER_UPDATE_MAX:
            raise WireError(f"more than {DELETE_RANGES_PER_UPDATE_MAX} deleted ranges", code="too_large")
        if client in deletes or not count:
            raise WireError("a client's delete set is empty or appears twice", code="bad_order")
        ranges: list[tuple[int, int]] = []
        end = 0
        for _ in range(count):
            clock, at = read_uint(data, at)
            length, at = read_uint(data, at)
            if clock < end:
                raise WireError("deleted ranges overlap or are out of order", code="bad_order")
            end = clock + length
            if not length or end > CLOCK_MAX:
                _check_length(clock, length)
            ranges.append((clock, end))
        deletes[client] = ranges
    return deletes, at
