"""The bytes of Hocuspocus: every frame is the name of a document and one message about it.

Pure: bytes in, values out, and back. Sync, Awareness and QueryAwareness are those of `wire`; this file adds the rest, and
decides which dialect a connection speaks. Decoding raises `WireError` and nothing else; docs/PROTOCOL.md is the norm.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from accordant.sync.wire import (
    Awareness,
    Bytes,
    QueryAwareness,
    SyncStep1,
    SyncStep2,
    SyncUpdate,
    decode_frame,
    encode_varint,
    lone_update,
    read_awareness,
    read_sync,
    sized,
)
from accordant.sync.wire import encode_message as encode_plain
from accordant.types.errors import WireError
from accordant.types.limits import (
    DOCUMENT_NAME_BYTES_MAX,
    FRAME_BYTES_MAX,
    STATELESS_BYTES_MAX,
    TOKEN_BYTES_MAX,
)

__all__ = [
    "CLOSE",
    "PING",
    "PONG",
    "Authenticated",
    "CloseDocument",
    "HocuspocusMessage",
    "PermissionDenied",
    "Ping",
    "Pong",
    "Stateless",
    "SyncReply",
    "SyncStatus",
    "Token",
    "TokenRequest",
    "decode_message",
    "document_in",
    "encode_message",
    "name_prefix",
    "speaks_hocuspocus",
    "split_name",
]

REASON_BYTES_MAX = 4_096
VERSION_BYTES_MAX = 256
SCOPES = ("readonly", "read-write")


class Type(IntEnum):
    """Message types. 6 (BroadcastStateless) travels between Hocuspocus servers only and is malformed here."""

    SYNC = 0
    AWARENESS = 1
    AUTH = 2
    QUERY_AWARENESS = 3
    SYNC_REPLY = 4
    STATELESS = 5
    CLOSE = 7
    SYNC_STATUS = 8
    PING = 9
    PONG = 10


TOKEN, DENIED, AUTHENTICATED = 0, 1, 2

CLOSE = bytes([Type.CLOSE])
"""The first byte of a message that ends a document."""

PING, PONG = bytes([Type.PING]), bytes([Type.PONG])
"""A frame of this one byte is about the whole connection: it names no document."""


@dataclass(frozen=True, slots=True)
class Token:
    """Client to server, before anything else counts. `version`: of the provider, None before 4."""

    token: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """Server to client: send the token again. On the wire it is a token without its text."""


@dataclass(frozen=True, slots=True)
class PermissionDenied:
    """Server to client: no, or no longer."""

    reason: str


@dataclass(frozen=True, slots=True)
class Authenticated:
    """Server to client: come in."""

    is_read_only: bool


@dataclass(frozen=True, slots=True)
class SyncReply:
    """A sync message that must not be answered with another step 1."""

    message: SyncStep1 | SyncStep2 | SyncUpdate


@dataclass(frozen=True, slots=True)
class Stateless:
    """A text beside the document."""

    payload: str


@dataclass(frozen=True, slots=True)
class CloseDocument:
    """One document of the connection ends. Providers send no reason, servers do."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """Server to client, one for each step 2 or update: applied (and here: durable), or not."""

    is_applied: bool


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there?"""


@dataclass(frozen=True, slots=True)
class Pong:
    """I am."""


HocuspocusMessage = (
    SyncStep1
    | SyncStep2
    | SyncUpdate
    | Awareness
    | QueryAwareness
    | Token
    | TokenRequest
    | PermissionDenied
    | Authenticated
    | SyncReply
    | Stateless
    | CloseDocument
    | SyncStatus
    | Ping
    | Pong
)


# -- which dialect ------------------------------------------------------------------------------------------------


def speaks_hocuspocus(first: bytes) -> bool:
    """Whether this first frame of a connection is Hocuspocus.

    What decodes as a frame of y-protocols, or as our own, is that: names never begin with such bytes, by the form of
    document names. Of the rest, what decodes wholly as a name and a known message is Hocuspocus, and so is a lone ping.
    """
    if not first or first[0] == 0 or _is_plain(first):
        return False
    if first in (PING, PONG):
        return True
    try:
        _, body = split_name(first)
        decode_message(body)
    except WireError:
        return False
    return True


def _is_plain(frame: bytes) -> bool:
    try:
        return bool(decode_frame(frame))
    except WireError:
        return False


# -- names --------------------------------------------------------------------------------------------------------


def split_name(frame: bytes) -> tuple[bytes, bytes]:
    """The name as it was written (answers carry the very same), and the message behind it; raises `WireError`."""
    cursor = Bytes(frame)
    name = cursor.bytes(DOCUMENT_NAME_BYTES_MAX)
    document_in(name)
    return name, cursor.rest()


def document_in(name: bytes) -> str:
    """The document that a name means: what stands before a session id, if one follows; raises `WireError`."""
    try:
        document = name.decode().partition("\0")[0]
    except UnicodeDecodeError as error:
        raise WireError("a document's name is not UTF-8", code="not_unicode") from error
    if not document.strip():
        raise WireError("a document's name is empty", code="bad_name")
    return document


def name_prefix(name: bytes) -> bytes:
    """What every message about this document begins with."""
    return sized(name)


# -- decoding -----------------------------------------------------------------------------------------------------


def decode_message(body: bytes) -> HocuspocusMessage:
    """The one message behind the name; raises `WireError`."""
    if len(body) > FRAME_BYTES_MAX:
        raise WireError(f"a message of {len(body)} bytes; at most {FRAME_BYTES_MAX} may be", code="too_large")
    if (update := lone_update(body)) is not None:
        return update
    cursor = Bytes(body)
    message = _message(cursor)
    if not cursor.is_at_end:
        raise WireError("bytes after the end of a message", code="trailing_bytes")
    return message


def _message(cursor: Bytes) -> HocuspocusMessage:
    kind = cursor.varint()
    match kind:
        case Type.SYNC:
            return read_sync(cursor, FRAME_BYTES_MAX)
        case Type.SYNC_REPLY:
            return SyncReply(read_sync(cursor, FRAME_BYTES_MAX))
        case Type.AWARENESS:
            return read_awareness(cursor.bytes(FRAME_BYTES_MAX))
        case Type.QUERY_AWARENESS:
            return QueryAwareness()
        case Type.AUTH:
            return _auth(cursor)
        case Type.STATELESS:
            return Stateless(cursor.text(STATELESS_BYTES_MAX))
        case Type.CLOSE:
            return CloseDocument(None if cursor.is_at_end else cursor.text(REASON_BYTES_MAX))
        case Type.SYNC_STATUS:
            return SyncStatus(cursor.varint(1) == 1)
        case Type.PING:
            return Ping()
        case Type.PONG:
            return Pong()
    raise WireError(f"there is no message of type {kind}", code="unknown_message", type=kind)


def _auth(cursor: Bytes) -> Token | TokenRequest | PermissionDenied | Authenticated:
    kind = cursor.varint()
    if kind == TOKEN:
        if cursor.is_at_end:
            return TokenRequest()
        token = cursor.text(TOKEN_BYTES_MAX)
        return Token(token, None if cursor.is_at_end else cursor.text(VERSION_BYTES_MAX))
    if kind == DENIED:
        return PermissionDenied(cursor.text(REASON_BYTES_MAX))
    if kind == AUTHENTICATED:
        scope = cursor.text(VERSION_BYTES_MAX)
        if scope in SCOPES:
            return Authenticated(scope == SCOPES[0])
    raise WireError("there is no such authentication message", code="unknown_message", type=kind)


# -- encoding -----------------------------------------------------------------------------------------------------


def encode_message(message: HocuspocusMessage) -> bytes:
    """The message without the name before it."""
    match message:
        case SyncReply(inner):
            return encode_varint(Type.SYNC_REPLY) + encode_plain(inner)[1:]
        case Token(token, version):
            written = b"" if version is None else sized(version.encode())
            return bytes([Type.AUTH, TOKEN]) + sized(token.encode()) + written
        case TokenRequest():
            return bytes([Type.AUTH, TOKEN])
        case PermissionDenied(reason):
            return bytes([Type.AUTH, DENIED]) + sized(reason.encode())
        case Authenticated(is_read_only):
            return bytes([Type.AUTH, AUTHENTICATED]) + sized(SCOPES[not is_read_only].encode())
        case Stateless(payload):
            return bytes([Type.STATELESS]) + sized(payload.encode())
        case CloseDocument(reason):
            return bytes([Type.CLOSE]) + (b"" if reason is None else sized(reason.encode()))
        case SyncStatus(is_applied):
            return bytes([Type.SYNC_STATUS, is_applied])
        case Ping():
            return PING
        case Pong():
            return PONG
        case _:
            return encode_plain(message)
