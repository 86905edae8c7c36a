"""The primitives of Yjs' encoding (lib0): numbers, texts, JSON and tagged values, read strictly from bytes at a position.

Each reader takes the bytes and a position, and gives what it read and the position after it. Running off the end raises
`IndexError`, which the caller turns into a `WireError`; everything else raises that itself.
"""

from __future__ import annotations

import json
import struct as packing
from typing import Any, Final

from accordant.engine.structs import Id
from accordant.types.errors import Invalid, WireError
from accordant.types.limits import (
    CLIENT_ID_MAX,
    INTEGER_MAX,
    STRUCTS_PER_UPDATE_MAX,
    UPDATE_BYTES_MAX,
    VALUE_DEPTH_MAX,
    VALUES_PER_UPDATE_MAX,
)
from accordant.types.values import canonical

__all__ = ["Budget", "read_any", "read_bytes", "read_client", "read_id", "read_json", "read_text", "read_uint"]


class Budget:
    """What one update may still hold."""

    __slots__ = ("structs", "values")

    def __init__(self, is_own: bool) -> None:
        self.structs = UPDATE_BYTES_MAX if is_own else STRUCTS_PER_UPDATE_MAX
        self.values = UPDATE_BYTES_MAX if is_own else VALUES_PER_UPDATE_MAX

    def take(self, count: int, bytes_left: int) -> None:
        """Allow so many values more; raises `WireError` before any of them is made."""
        if count > bytes_left:
            raise WireError("more values are announced than bytes follow")
        self.values -= count
        if self.values < 0:
            raise WireError(f"more than {VALUES_PER_UPDATE_MAX} values: split the update", code="too_many_structs")


def read_uint(data: bytes, at: int) -> tuple[int, int]:
    """A number of up to 56 bits, written as short as it can be."""
    byte = data[at]
    if byte < 128:
        return byte, at + 1
    value = byte & 127
    shift = 7
    while True:
        at += 1
        byte = data[at]
        if byte < 128:
            if byte == 0:
                raise WireError("a number is written longer than it needs to be")
            return value | byte << shift, at + 1
        value |= (byte & 127) << shift
        shift += 7
        if shift > 49:
            raise WireError("a number beyond 2^53")


def read_client(data: bytes, at: int) -> tuple[int, int]:
    """A client id."""
    client, at = read_uint(data, at)
    if client > CLIENT_ID_MAX:
        raise WireError("a client id beyond 2^53", code="forged_client")
    return client, at


def read_id(data: bytes, at: int) -> tuple[Id, int]:
    """The id of one unit."""
    client, at = read_uint(data, at)
    clock, at = read_uint(data, at)
    return (client, clock), at


def read_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    """A length and so many bytes."""
    length, at = read_uint(data, at)
    end = at + length
    if end > len(data):
        raise WireError("a length beyond the end of the update")
    return data[at:end], end


def read_text(data: bytes, at: int) -> tuple[str, int]:
    """A length and so many bytes of UTF-8."""
    length = data[at]
    at += 1
    if length > 127:
        length, at = read_uint(data, at - 1)
    end = at + length
    if end > len(data):
        raise WireError("a length beyond the end of the update")
    try:
        return data[at:end].decode(), end
    except UnicodeDecodeError:
        raise WireError("a text that is not UTF-8") from None


def read_json(data: bytes, at: int) -> tuple[Any, int]:
    """A text that holds one canonical JSON value."""
    text, at = read_text(data, at)
    if text in _PLAIN_JSON:
        return _PLAIN_JSON[text], at
    try:
        # the library reads this JSON again, with a parser that does not know Python's liberties: refuse them here
        return canonical(json.loads(text, parse_int=_json_integer)), at
    except (ValueError, RecursionError):
        raise WireError("an embed or format whose value is not JSON") from None
    except Invalid as error:
        raise WireError(f"an embed or format: {error.message}", code=_CODES.get(error.code, "malformed")) from None


_PLAIN_JSON: Final[dict[str, Any]] = {"null": None, "true": True, "false": False, '""': ""}
_CODES: Final = {"too_deep": "nesting"}


def _json_integer(digits: str) -> int | float:
    # JavaScript writes integers up to 1e21 in full and means a float
    return int(digits) if len(digits) < 16 else float(digits)


def read_any(data: bytes, at: int, depth: int, budget: Budget) -> tuple[Any, int]:
    """A tagged value, nested at most `depth` deep."""
    tag = data[at]
    at += 1
    if tag == 119:
        return read_text(data, at)
    if tag == 125:
        return _varint(data, at)
    if 120 <= tag <= 127:
        return _read_scalar(data, at, tag)
    if tag == 116:
        return read_bytes(data, at)
    if tag not in (117, 118):
        raise WireError(f"a value of type {tag} is not known here")
    if depth == 0:
        raise WireError(f"a value is nested deeper than {VALUE_DEPTH_MAX}", code="nesting", limit=VALUE_DEPTH_MAX)
    count, at = read_uint(data, at)
    budget.take(count, len(data) - at)
    if tag == 117:
        items = []
        for _ in range(count):
            item, at = read_any(data, at, depth - 1, budget)
            items.append(item)
        return items, at
    members: dict[str, Any] = {}
    for _ in range(count):
        name, at = read_text(data, at)
        members[name], at = read_any(data, at, depth - 1, budget)
    if len(members) != count:
        raise WireError("an object has the same member twice")
    return members, at


def _read_scalar(data: bytes, at: int, tag: int) -> tuple[Any, int]:
    if tag == 120:
        return True, at
    if tag == 121:
        return False, at
    if tag >= 126:  # 127 is JavaScript's undefined
        return None, at
    code, width = _NUMBERS[tag]
    if at + width > len(data):
        raise WireError("the update ends too early")
    return packing.unpack_from(code, data, at)[0], at + width


_NUMBERS: Final = {122: (">q", 8), 123: (">d", 8), 124: (">f", 4)}


def _varint(data: bytes, at: int) -> tuple[int, int]:
    byte = data[at]
    value = byte & 63
    shift = 6
    negative = byte & 64
    while byte & 128:
        at += 1
        byte = data[at]
        if byte == 0:
            raise WireError("a number is written longer than it needs to be")
        value |= (byte & 127) << shift
        shift += 7
        if shift > 62:
            raise WireError("a number beyond 2^53")
    if value > INTEGER_MAX:
        # JavaScript's decoder throws here: one such number would shut out every browser
        raise WireError("a number beyond 2^53")
    return (-value if negative else value), at + 1
