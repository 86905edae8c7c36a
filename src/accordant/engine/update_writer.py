"""The bytes of an update from its structs: the inverse of the decoder. Trusts what it is given."""

from __future__ import annotations

import json
import struct as packing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from accordant.engine.structs import (
    ANY,
    DELETED,
    EMBED,
    FORMAT,
    GC,
    SKIP,
    STRING,
    TYPE,
    DeleteSet,
    Struct,
)
from accordant.types.limits import INTEGER_MAX

__all__ = ["encode_delete_set", "encode_state_vector", "encode_update"]

_HAS_ORIGIN: Final = 0x80
_HAS_RIGHT: Final = 0x40
_HAS_KEY: Final = 0x20


def encode_update(structs: Mapping[int, Sequence[Struct]], deletes: DeleteSet | None = None) -> bytes:
    """The bytes of an update. The structs of a client must be contiguous; what `decode_update` gave comes out unchanged."""
    out = bytearray()
    _write(out, len(structs))
    for client, section in sorted(structs.items(), reverse=True):
        _write(out, len(section), client, section[0].clock)
        for struct in section:
            _write_struct(out, struct)
    out += encode_delete_set(deletes or {})
    return bytes(out)


def encode_delete_set(deletes: DeleteSet) -> bytes:
    """The bytes of a delete set."""
    out = bytearray()
    _write(out, len(deletes))
    for client, ranges in deletes.items():
        _write(out, client, len(ranges))
        for clock, end in ranges:
            _write(out, clock, end - clock)
    return bytes(out)


def encode_state_vector(clocks: Mapping[int, int]) -> bytes:
    """The bytes of a state vector: the next clock of every client."""
    out = bytearray()
    _write(out, len(clocks))
    for client, clock in clocks.items():
        _write(out, client, clock)
    return bytes(out)


def _write_struct(out: bytearray, struct: Struct) -> None:
    kind = struct.kind
    if kind in (GC, SKIP):
        out.append(kind)
        _write(out, struct.length)
        return
    flags = (_HAS_ORIGIN if struct.origin else 0) | (_HAS_RIGHT if struct.right else 0)
    out.append(kind | flags | (_HAS_KEY if struct.key is not None else 0))
    for reference in (struct.origin, struct.right):
        if reference:
            _write(out, *reference)
    if not flags:
        if isinstance(struct.parent, str):
            out.append(1)
            _write_bytes(out, struct.parent.encode())
        elif struct.parent is not None:
            out.append(0)
            _write(out, *struct.parent)
        if struct.key is not None:
            _write_bytes(out, struct.key.encode())
    _write_content(out, struct)


def _write_content(out: bytearray, struct: Struct) -> None:
    kind, content = struct.kind, struct.content
    if kind == STRING:
        _write_bytes(out, content.encode())
    elif kind == ANY:
        _write(out, len(content))
        for value in content:
            _write_any(out, value)
    elif kind == DELETED:
        _write(out, struct.length)
    elif kind == TYPE:
        out.append(content[0])
        if content[1] is not None:
            _write_bytes(out, content[1].encode())
    elif kind == FORMAT:
        _write_bytes(out, content[0].encode())
        _write_bytes(out, _json_text(content[1]))
    elif kind == EMBED:
        _write_bytes(out, _json_text(content))
    else:
        _write_bytes(out, content)


def _json_text(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _write(out: bytearray, *numbers: int) -> None:
    for number in numbers:
        while number > 127:
            out.append(number & 127 | 128)
            number >>= 7
        out.append(number)


def _write_bytes(out: bytearray, content: bytes) -> None:
    _write(out, len(content))
    out += content


def _write_any(out: bytearray, value: Any) -> None:
    if value is None:
        out.append(126)
    elif value is True or value is False:
        out.append(120 if value else 121)
    elif isinstance(value, str):
        out.append(119)
        _write_bytes(out, value.encode())
    elif isinstance(value, int) and abs(value) <= INTEGER_MAX:
        out.append(125)
        _write_varint(out, value)
    elif isinstance(value, int):
        out.append(122)
        out += packing.pack(">q", value)
    elif isinstance(value, float):
        out.append(123)
        out += packing.pack(">d", value)
    elif isinstance(value, bytes | bytearray):
        out.append(116)
        _write_bytes(out, bytes(value))
    elif isinstance(value, dict):
        out.append(118)
        _write_members(out, value.items())
    else:
        out.append(117)
        _write(out, len(value))
        for item in value:
            _write_any(out, item)


def _write_members(out: bytearray, members: Iterable[tuple[str, Any]]) -> None:
    pairs = list(members)
    _write(out, len(pairs))
    for name, value in pairs:
        _write_bytes(out, name.encode())
        _write_any(out, value)


def _write_varint(out: bytearray, value: int) -> None:
    sign = 64 if value < 0 else 0
    value = abs(value)
    out.append((value & 63) | sign | (128 if value > 63 else 0))
    value >>= 6
    while value:
        out.append((value & 127) | (128 if value > 127 else 0))
        value >>= 7
