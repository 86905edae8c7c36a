"""The bytes of a Yjs update (v1): a strict decoder and its inverse. Knows the format; knows no document and no rule.

Strict means: whatever an honest Yjs or yrs writer never emits is refused here, because the CRDT library accepts much of
it and then misreads it, parks it or dies of it. Nothing but `WireError` leaves this module, whatever the bytes are.
An update is client sections (each: struct count, client, first clock, structs) and a delete set. Clocks count UTF-16
units for text and items for everything else.
"""

from __future__ import annotations

import json
import struct as packing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from accordant.types.errors import Invalid, WireError
from accordant.types.limits import (
    CLIENT_ID_MAX,
    CLIENTS_PER_UPDATE_MAX,
    CLOCK_MAX,
    DELETE_RANGES_PER_UPDATE_MAX,
    INTEGER_MAX,
    KEY_CHARS_MAX,
    SQUASHABLE_RUN_MAX,
    STRUCTS_PER_UPDATE_MAX,
    UPDATE_BYTES_MAX,
    VALUE_DEPTH_MAX,
    VALUES_PER_UPDATE_MAX,
)
from accordant.types.values import canonical

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
    "decode_update",
    "encode_delete_set",
    "encode_state_vector",
    "encode_update",
    "units",
]

Id = tuple[int, int]
"""(client, clock): the identity of one unit of content."""

DeleteSet = Mapping[int, Sequence[tuple[int, int]]]
"""client -> sorted, disjoint (clock, end) ranges."""

GC: Final = 0
DELETED: Final = 1
BINARY: Final = 3
STRING: Final = 4
EMBED: Final = 5
FORMAT: Final = 6
TYPE: Final = 7
ANY: Final = 8
SUBDOCUMENT: Final = 9
SKIP: Final = 10

XML_HOOK: Final = 5
_NAMED_TYPES: Final = (3, XML_HOOK)
_HAS_ORIGIN: Final = 0x80
_HAS_RIGHT: Final = 0x40
_HAS_KEY: Final = 0x20
_LENGTH_ONLY: Final = (GC, SKIP)
_SQUASHABLE: Final = frozenset({GC, DELETED, STRING, ANY})


class Struct(NamedTuple):
    """One struct. A tuple, because one is made for every keystroke.

    `parent` is a root's name, the id of a shared type, or None where an origin tells. `content` by kind: `str`, `bytes`,
    JSON values (`ANY`: a list), `(key, value)` of a format, `(type, name)` of a shared type. `size` is the content's bytes.
    """

    kind: int
    client: int
    clock: int
    length: int
    origin: Id | None
    right: Id | None
    parent: str | Id | None
    key: str | None
    content: Any
    size: int


class Update(NamedTuple):
    """A decoded update: structs per client in wire order, and the delete set."""

    structs: dict[int, list[Struct]]
    deletes: dict[int, list[tuple[int, int]]]


def units(text: str) -> int:
    """The length of a text in UTF-16 units, which is how Yjs counts."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) >> 1


def decode_update(data: bytes, bytes_max: int = UPDATE_BYTES_MAX, is_own: bool = False) -> Update:
    """The update in these bytes; raises `WireError` for anything that an honest writer would not send.

    What the document itself emitted (`is_own`) is bounded in bytes alone: a bulk write is merged from chunks.
    """
    if len(data) > bytes_max:
        raise WireError(f"the update has {len(data)} bytes, the limit is {bytes_max}", code="too_large", limit=bytes_max)
    try:
        structs, at = _read_sections(data, _Budget(is_own))
        if at == len(data) - 1 and data[at] == 0:
            return Update(structs, {})
        deletes, at = _read_delete_set(data, at)
    except IndexError:
        raise WireError("the update ends too early") from None
    if at != len(data):
        raise WireError(f"{len(data) - at} bytes follow the update")
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


class _Budget:
    """What one update may still hold."""

    __slots__ = ("run_max", "structs", "values")

    def __init__(self, is_own: bool) -> None:
        self.structs = UPDATE_BYTES_MAX if is_own else STRUCTS_PER_UPDATE_MAX
        self.run_max = UPDATE_BYTES_MAX if is_own else SQUASHABLE_RUN_MAX
        self.values = UPDATE_BYTES_MAX if is_own else VALUES_PER_UPDATE_MAX

    def take(self, count: int, bytes_left: int) -> None:
        """Allow so many values more; raises `WireError` before any of them is made."""
        if count > bytes_left:
            raise WireError("more values are announced than bytes follow")
        self.values -= count
        if self.values < 0:
            raise WireError(f"more than {VALUES_PER_UPDATE_MAX} values: split the update", code="too_many_structs")


# -- sections and structs ----------------------------------------------------------------------------------------


def _read_sections(data: bytes, budget: _Budget) -> tuple[dict[int, list[Struct]], int]:
    count, at = _varuint(data, 0)
    if count > CLIENTS_PER_UPDATE_MAX:
        raise WireError(f"{count} client sections, the limit is {CLIENTS_PER_UPDATE_MAX}", code="too_many_structs")
    structs: dict[int, list[Struct]] = {}
    previous = CLIENT_ID_MAX + 1
    for _ in range(count):
        length, at = _varuint(data, at)
        budget.structs -= length
        if budget.structs < 0:
            raise WireError(f"more than {STRUCTS_PER_UPDATE_MAX} structs: split the update", code="too_many_structs")
        client, at = _read_client(data, at)
        clock, at = _varuint(data, at)
        if client >= previous or not length:
            # Honest sections go from the highest id down. yrs drops one of two sections of a client without a word
            raise WireError("a client's section is empty, twice there or out of order", code="bad_order")
        previous = client
        structs[client], at = _read_structs(data, at, client, clock, length, budget)
    return structs, at


def _read_structs(
    data: bytes, at: int, client: int, clock: int, count: int, budget: _Budget
) -> tuple[list[Struct], int]:
    if count == 1:
        struct, at = _read_struct(data, at, client, clock, budget)
        return [struct], at
    structs: list[Struct] = []
    run = 0
    last: Struct | None = None
    for _ in range(count):
        struct, at = _read_struct(data, at, client, clock, budget)
        clock += struct.length
        if last is not None and _squashes(last, struct):
            run += 1
            if run > budget.run_max:
                raise WireError("too many neighbours that one struct could hold", code="squashable_run")
        else:
            run = 0
        structs.append(struct)
        last = struct
    return structs, at


def _squashes(left: Struct, right: Struct) -> bool:
    """Whether the library will merge these two: it copies everything merged so far each time, so runs are bounded."""
    if left.kind != right.kind or left.kind not in _SQUASHABLE:
        return False
    if left.kind == GC:
        return True
    return right.origin == (left.client, left.clock + left.length - 1) and right.right == left.right


def _read_struct(data: bytes, at: int, client: int, clock: int, budget: _Budget) -> tuple[Struct, int]:
    info = data[at]
    at += 1
    kind = info & 31
    if info in _LENGTH_ONLY:
        length, at = _varuint(data, at)
        _check_length(clock, length)
        return Struct(kind, client, clock, length, None, None, None, None, None, 0), at
    origin: Id | None = None
    right: Id | None = None
    parent: str | Id | None = None
    key: str | None = None
    if info & 0x80:
        origin, at = _read_id(data, at)
    if info & 0x40:
        right, at = _read_id(data, at)
        if right == origin:
            raise WireError("an item cannot lie between one item and itself", code="bad_order")
    if not info & 0xC0:
        parent, at = _read_parent(data, at)
        if info & _HAS_KEY:
            key, at = _read_text(data, at)
            if len(key) > KEY_CHARS_MAX:
                raise WireError(f"a key has {len(key)} characters, the limit is {KEY_CHARS_MAX}", code="too_large")
    start = at
    if kind == STRING:
        content, at = _read_text(data, at)
        size = at - start - (1 if data[start] < 128 else len(_number(len(content.encode()))))
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
        return _read_text(data, at + 1)
    if marker == 0:
        return _read_id(data, at + 1)
    raise WireError("an item's parent is neither a root nor a shared type")


def _read_content(data: bytes, at: int, kind: int, budget: _Budget) -> tuple[int, Any, int]:
    if kind == ANY:
        count, at = _varuint(data, at)
        budget.take(count, len(data) - at)
        values = []
        for _ in range(count):
            value, at = _read_any(data, at, VALUE_DEPTH_MAX, budget)
            values.append(value)
        return count, values, at
    if kind == DELETED:
        length, at = _varuint(data, at)
        return length, None, at
    if kind == TYPE:
        return _read_type(data, at)
    if kind == FORMAT:
        key, at = _read_text(data, at)
        value, at = _read_json(data, at)
        return 1, (key, value), at
    if kind == EMBED:
        value, at = _read_json(data, at)
        return 1, value, at
    if kind == BINARY:
        content, at = _read_bytes(data, at)
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
        name, at = _read_text(data, at)
    return 1, (reference, name), at


def _check_length(clock: int, length: int) -> None:
    if length == 0:
        raise WireError("a struct without content")
    if clock + length > CLOCK_MAX:
        raise WireError("a clock beyond the limit: take a new client id", code="clock_range", limit=CLOCK_MAX)


def _read_delete_set(data: bytes, at: int) -> tuple[dict[int, list[tuple[int, int]]], int]:
    clients, at = _varuint(data, at)
    deletes: dict[int, list[tuple[int, int]]] = {}
    total = 0
    for _ in range(clients):
        client, at = _read_client(data, at)
        count, at = _varuint(data, at)
        total += count
        if total > DELETE_RANGES_PER_UPDATE_MAX:
            raise WireError(f"more than {DELETE_RANGES_PER_UPDATE_MAX} deleted ranges", code="too_large")
        if client in deletes or not count:
            raise WireError("a client's delete set is empty or appears twice", code="bad_order")
        ranges: list[tuple[int, int]] = []
        end = 0
        for _ in range(count):
            clock, at = _varuint(data, at)
            length, at = _varuint(data, at)
            if clock < end:
                raise WireError("deleted ranges overlap or are out of order", code="bad_order")
            end = clock + length
            if not length or end > CLOCK_MAX:
                _check_length(clock, length)
            ranges.append((clock, end))
        deletes[client] = ranges
    return deletes, at


# -- primitives --------------------------------------------------------------------------------------------------


def _varuint(data: bytes, at: int) -> tuple[int, int]:
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


def _read_client(data: bytes, at: int) -> tuple[int, int]:
    client, at = _varuint(data, at)
    if client > CLIENT_ID_MAX:
        raise WireError("a client id beyond 2^53", code="forged_client")
    return client, at


def _read_id(data: bytes, at: int) -> tuple[Id, int]:
    client, at = _varuint(data, at)
    clock, at = _varuint(data, at)
    return (client, clock), at


def _read_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    length, at = _varuint(data, at)
    end = at + length
    if end > len(data):
        raise WireError("a length beyond the end of the update")
    return data[at:end], end


def _read_text(data: bytes, at: int) -> tuple[str, int]:
    length = data[at]
    at += 1
    if length > 127:
        length, at = _varuint(data, at - 1)
    end = at + length
    if end > len(data):
        raise WireError("a length beyond the end of the update")
    try:
        return data[at:end].decode(), end
    except UnicodeDecodeError:
        raise WireError("a text that is not UTF-8") from None


def _read_json(data: bytes, at: int) -> tuple[Any, int]:
    text, at = _read_text(data, at)
    if text in _PLAIN_JSON:
        return _PLAIN_JSON[text], at
    try:
        # the library reads this JSON again, with a parser that does not know Python's liberties: refuse them here
        return canonical(json.loads(text, parse_constant=_refuse_constant, parse_int=_json_integer)), at
    except (ValueError, RecursionError):
        raise WireError("an embed or format whose value is not JSON") from None
    except Invalid as error:
        raise WireError(f"an embed or format: {error.message}", code=_CODES.get(error.code, "malformed")) from None


_PLAIN_JSON: Final[dict[str, Any]] = {"null": None, "true": True, "false": False, '""': ""}
_CODES: Final = {"too_deep": "nesting"}


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _json_integer(digits: str) -> int | float:
    # JavaScript writes integers up to 1e21 in full and means a float
    return int(digits) if len(digits) < 16 else float(digits)


def _read_any(data: bytes, at: int, depth: int, budget: _Budget) -> tuple[Any, int]:
    tag = data[at]
    at += 1
    if tag == 119:
        return _read_text(data, at)
    if tag == 125:
        return _varint(data, at)
    if 120 <= tag <= 127:
        return _read_scalar(data, at, tag)
    if tag == 116:
        return _read_bytes(data, at)
    if tag not in (117, 118):
        raise WireError(f"a value of type {tag} is not known here")
    if depth == 0:
        raise WireError(f"a value is nested deeper than {VALUE_DEPTH_MAX}", code="nesting", limit=VALUE_DEPTH_MAX)
    count, at = _varuint(data, at)
    budget.take(count, len(data) - at)
    if tag == 117:
        items = []
        for _ in range(count):
            item, at = _read_any(data, at, depth - 1, budget)
            items.append(item)
        return items, at
    members: dict[str, Any] = {}
    for _ in range(count):
        name, at = _read_text(data, at)
        members[name], at = _read_any(data, at, depth - 1, budget)
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


# -- writing -----------------------------------------------------------------------------------------------------


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


def _number(number: int) -> bytes:
    out = bytearray()
    _write(out, number)
    return bytes(out)


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
