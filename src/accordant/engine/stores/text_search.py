"""How a text is looked for in entries: as a header spells it, and as an update's bytes hold it. Pure.

A header is JSON, so quotes, backslashes and control characters are escaped there; an update holds a text as UTF-8 and a number
as a float or a variable-length integer. A store may find candidates in its own way: `records` decides in the end.
"""

from __future__ import annotations

import json
import math
import struct

from accordant.types.entries import Entry
from accordant.types.limits import INTEGER_MAX

__all__ = ["in_header", "in_update", "records"]

_BIG_INTEGER, _FLOAT64, _FLOAT32, _INTEGER = b"\x7a", b"\x7b", b"\x7c", b"\x7d"
_FLOAT32_END = 2.0**127
_INTEGER_MIN_FOUND = 64
"""Smaller integers are two bytes in an update: any update holds those by chance, so they are looked for in headers alone."""


def in_header(text: str) -> str:
    """The text as a header spells it inside a string."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def in_update(text: str) -> list[bytes]:
    """The byte strings of which an update holds one when it brings the text, or the number that the text is."""
    needles = [text.encode()]
    try:
        number = float(text) if text and text.strip() == text and "_" not in text else math.nan
    except ValueError:
        return needles
    if not math.isfinite(number):
        return needles
    if number.is_integer() and abs(number) < _INTEGER_MIN_FOUND:
        return needles
    needles.append(_FLOAT64 + struct.pack(">d", number))
    if abs(number) < _FLOAT32_END and struct.unpack(">f", struct.pack(">f", number))[0] == number:
        needles.append(_FLOAT32 + struct.pack(">f", number))
    if number.is_integer() and abs(number) <= INTEGER_MAX:
        needles += [_INTEGER + _signed(int(number)), _BIG_INTEGER + struct.pack(">q", int(number))]
    return needles


def records(entry: Entry, text: str) -> bool:
    """Whether the entry's recorded content holds the text: what an operation says of it, or the update's bytes."""
    needle = in_header(text)
    if any(op.detail and needle in _compact(op.detail) for op in entry.ops):
        return True
    return entry.update is not None and any(one in entry.update for one in in_update(text))


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _signed(number: int) -> bytes:
    """A signed integer of lib0: 6 bits with sign and more-to-come, then 7 at a time, the lowest first."""
    rest = abs(number)
    first = (rest & 63) | (64 if number < 0 else 0)
    rest >>= 6
    found = [first]
    while rest:
        found[-1] |= 128
        found.append(rest & 127)
        rest >>= 7
    return bytes(found)
