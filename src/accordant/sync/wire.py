"""The bytes of the wire: lib0 numbers and strings, y-protocols messages, and the envelope of our own messages.

Pure: bytes in, values out, and back. It must not know sessions, documents or the CRDT library. Whatever the bytes are,
decoding raises `WireError` and nothing else; docs/PROTOCOL.md is the norm that this file follows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from math import isinf
from typing import Any

from accordant.types.errors import Invalid, WireError
from accordant.types.limits import (
    AWARENESS_BYTES_MAX,
    AWARENESS_CLIENTS_PER_ROOM_MAX,
    CLIENT_ID_MAX,
    CLOCK_MAX,
    FRAME_BYTES_MAX,
    INTEGER_MAX,
    JSON_VALUES_MAX,
    MESSAGES_PER_FRAME_MAX,
    UPDATE_BYTES_MAX,
)
from accordant.types.presence import AwarenessState

__all__ = [
    "AuthDenied",
    "Awareness",
    "AwarenessState",
    "Bytes",
    "Own",
    "OwnType",
    "QueryAwareness",
    "SyncStep1",
    "SyncStep2",
    "SyncUpdate",
    "WireMessage",
    "decode_frame",
    "encode_message",
    "encode_varint",
    "lone_update",
    "read_awareness",
    "read_sync",
    "sized",
]

SYNC, AWARENESS, AUTH, QUERY_AWARENESS = 0, 1, 2, 3
STEP_1, STEP_2, UPDATE = 0, 1, 2
AUTH_DENIED = 0
UPDATE_HEAD = bytes((SYNC, UPDATE))
VARINT_BYTES_MAX = 8  # 2^53 - 1 in groups of seven bits
REASON_BYTES_MAX = 4_096


class OwnType(IntEnum):
    """Our own message types. They leave out 102 (y-sweet) and 125 (Jupyter), which others have given a meaning."""

    HELLO = 110
    WELCOME = 111
    CALL = 112
    RESULT = 113
    ERROR = 114
    NOTICE = 115
    REFUSAL = 116
    ACK = 117


_OWN_TYPES = frozenset(OwnType)


@dataclass(frozen=True, slots=True)
class SyncStep1:
    """What the sender has; asks for what it lacks."""

    state_vector: bytes


@dataclass(frozen=True, slots=True)
class SyncStep2:
    """The answer to step 1: an update with what was lacking."""

    update: bytes


@dataclass(frozen=True, slots=True)
class SyncUpdate:
    """A change."""

    update: bytes


@dataclass(frozen=True, slots=True)
class Awareness:
    """Presence of some clients."""

    states: tuple[AwarenessState, ...]


@dataclass(frozen=True, slots=True)
class AuthDenied:
    """Permission denied, server to client: y-websocket shows the reason to the developer."""

    reason: str


@dataclass(frozen=True, slots=True)
class QueryAwareness:
    """Asks for every known presence."""


@dataclass(frozen=True, slots=True)
class Own:
    """One of our own messages: a type and a JSON object. `messages` says what is in them."""

    type: OwnType
    body: Mapping[str, Any]


WireMessage = SyncStep1 | SyncStep2 | SyncUpdate | Awareness | AuthDenied | QueryAwareness | Own


class Bytes:
    """A cursor over bytes from outside."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_at_end(self) -> bool:
        """Whether everything has been read."""
        return self._at == len(self._data)

    def rest(self) -> bytes:
        """Whatever has not been read."""
        found, self._at = self._data[self._at :], len(self._data)
        return found

    def varint(self, maximum: int = INTEGER_MAX) -> int:
        """An unsigned number, seven bits a byte, low bits first."""
        value, data = 0, self._data
        for shift in range(VARINT_BYTES_MAX):
            if self._at >= len(data):
                raise WireError("the bytes end inside a number", code="truncated")
            byte = data[self._at]
            self._at += 1
            value |= (byte & 0x7F) << (7 * shift)
            if byte < 0x80:
                if byte == 0 and shift:
                    # lib0 never writes it; two spellings of one number would be two names for one client
                    raise WireError("a number is written longer than it is", code="overlong")
                break
        else:
            raise WireError("a number is longer than 53 bits", code="number_range")
        if value > maximum:
            raise WireError(f"the number {value} is beyond {maximum}", code="number_range")
        return value

    def bytes(self, maximum: int) -> bytes:
        """Bytes with their length before them."""
        size = self.varint()
        if size > maximum:
            raise WireError(f"{size} bytes where at most {maximum} may be", code="too_large", limit=maximum)
        end = self._at + size
        if end > len(self._data):
            raise WireError("the bytes end inside a field", code="truncated")
        found, self._at = self._data[self._at : end], end
        return found

    def text(self, maximum: int) -> str:
        """UTF-8 text with its length in bytes before it."""
        try:
            return self.bytes(maximum).decode()
        except UnicodeDecodeError as error:
            raise WireError("a text is not UTF-8", code="not_unicode") from error


def encode_varint(value: int) -> bytes:
    """The number as lib0 writes it."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def sized(data: bytes) -> bytes:
    """The bytes with their length before them."""
    return encode_varint(len(data)) + data


# -- decoding -------------------------------------------------------------------------------------------------


def decode_frame(data: bytes, bytes_max: int = FRAME_BYTES_MAX, values_max: int = JSON_VALUES_MAX) -> list[WireMessage]:
    """Every message of a frame, at least one; raises `WireError`. Nothing of a frame counts unless all decodes.

    `values_max`: JSON values in one of our own messages.
    """
    if len(data) > bytes_max:
        raise WireError(f"a frame of {len(data)} bytes; at most {bytes_max} may be", code="too_large", limit=bytes_max)
    if (update := lone_update(data)) is not None:
        return [update]
    cursor = Bytes(data)
    messages: list[WireMessage] = [_message(cursor, bytes_max, values_max)]
    while not cursor.is_at_end:
        if len(messages) == MESSAGES_PER_FRAME_MAX:
            raise WireError(f"more than {MESSAGES_PER_FRAME_MAX} messages in a frame", code="too_many_messages")
        messages.append(_message(cursor, bytes_max, values_max))
    return messages


def lone_update(data: bytes) -> SyncUpdate | None:
    """By far the most frequent frame, read without a cursor: one small Update. None leaves it to the ordinary way."""
    if data[:2] != UPDATE_HEAD or len(data) < 4:
        return None
    size, start = data[2], 3
    if size >= 0x80:
        if not 0 < data[3] < 0x80:
            return None
        size, start = size & 0x7F | data[3] << 7, 4
    return SyncUpdate(data[start:]) if start + size == len(data) else None


def _message(cursor: Bytes, bytes_max: int, values_max: int) -> WireMessage:
    kind = cursor.varint()
    if kind == SYNC:
        return read_sync(cursor, bytes_max)
    if kind == AWARENESS:
        return read_awareness(cursor.bytes(bytes_max))
    if kind == AUTH:
        if cursor.varint() != AUTH_DENIED:
            raise WireError("the only authentication message is a denial", code="unknown_message")
        return AuthDenied(cursor.text(REASON_BYTES_MAX))
    if kind == QUERY_AWARENESS:
        return QueryAwareness()
    if kind in _OWN_TYPES:
        return Own(OwnType(kind), _json_object(cursor.text(bytes_max), values_max))
    raise WireError(f"there is no message of type {kind}", code="unknown_message", type=kind)


def read_sync(cursor: Bytes, bytes_max: int) -> SyncStep1 | SyncStep2 | SyncUpdate:
    """What follows the type of a sync message; raises `WireError`."""
    step = cursor.varint()
    payload = cursor.bytes(max(bytes_max, UPDATE_BYTES_MAX))
    if step == STEP_1:
        _check_state_vector(payload)
        return SyncStep1(payload)
    if step == STEP_2:
        return SyncStep2(payload)
    if step == UPDATE:
        return SyncUpdate(payload)
    raise WireError(f"there is no sync message {step}", code="unknown_message", type=step)


def _check_state_vector(data: bytes) -> None:
    """A state vector goes to the CRDT library as it is, so its shape is proven here."""
    cursor = Bytes(data)
    for _ in range(cursor.varint()):
        cursor.varint(CLIENT_ID_MAX)
        cursor.varint(CLOCK_MAX)
    if not cursor.is_at_end:
        raise WireError("bytes after the end of a state vector", code="trailing_bytes")


def read_awareness(data: bytes) -> Awareness:
    """The content of an awareness message; raises `WireError`."""
    cursor = Bytes(data)
    count = cursor.varint(AWARENESS_CLIENTS_PER_ROOM_MAX)
    states = []
    for _ in range(count):
        client, clock = cursor.varint(CLIENT_ID_MAX), cursor.varint()
        text = cursor.text(AWARENESS_BYTES_MAX)
        _json(text)  # it is relayed as it came, and a peer that cannot parse it would drop its connection
        states.append(AwarenessState(client, clock, text))
    if not cursor.is_at_end:
        raise WireError("bytes after the end of an awareness update", code="trailing_bytes")
    return Awareness(tuple(states))


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise WireError("a text is not JSON", code="not_json") from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise ValueError(f"{text} is beyond what a number can be")
    return number


def _json_object(text: str, values_max: int) -> dict[str, Any]:
    found = _json(text)
    if not isinstance(found, dict):
        raise WireError("a message's body is a JSON object", code="not_json")
    if text.count(",") + text.count("[") + text.count("{") > values_max and _has_more_values(found, values_max):
        raise WireError(f"a message has at most {values_max} JSON values", code="too_large", limit=values_max)
    if "\\ud" in text or "\\uD" in text:
        _check_characters(found)
    return found


def _has_more_values(value: Any, maximum: int) -> bool:
    """Four bytes of JSON can become a hundred of memory, and a call's body is kept until it is answered."""
    waiting, count = [value], 0
    while waiting:
        one = waiting.pop()
        count += 1
        if count + len(waiting) > maximum:
            return True
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
    return False


def _check_characters(value: Any) -> None:
    """Half a character, escaped, is no text: it could never be told to anybody, not even in an error."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise WireError("a text holds half a surrogate pair", code="not_unicode") from error


# -- encoding -------------------------------------------------------------------------------------------------


def encode_message(message: WireMessage) -> bytes:
    """The frame of one message: one message per frame, since y-websocket 2 and 3 read no second one."""
    match message:
        case SyncStep1(state_vector):
            return b"\x00\x00" + sized(state_vector)
        case SyncStep2(update):
            return b"\x00\x01" + sized(update)
        case SyncUpdate(update):
            return b"\x00\x02" + sized(update)
        case Awareness(states):
            return b"\x01" + sized(_encode_states(states))
        case AuthDenied(reason):
            return b"\x02\x00" + sized(reason.encode())
        case QueryAwareness():
            return b"\x03"
        case Own(kind, body):
            return encode_varint(kind) + sized(_encode_json(body))


def _encode_states(states: Sequence[AwarenessState]) -> bytes:
    parts: Iterable[bytes] = (
        encode_varint(one.client) + encode_varint(one.clock) + sized(one.state.encode()) for one in states
    )
    return encode_varint(len(states)) + b"".join(parts)


def _encode_json(body: Mapping[str, Any]) -> bytes:
    """Raises `Invalid` for what JSON cannot carry: the caller put it there, no peer did."""
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid(f"this cannot travel as JSON: {error}", code="not_json") from error
