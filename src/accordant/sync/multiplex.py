"""Several Hocuspocus documents on one connection as a machine: frames go in, and come out sorted by document.

Pure. It knows names, not documents: what waits for a token, what is open, and how much of each there may be. Whoever runs
it calls `closed` when a document's own connection has ended.

    a name is   message             -> it is   actions
    unknown     Token               -> OPEN    Open, with nothing held
    unknown     anything else       -> WAITING (held)
    WAITING     Token               -> OPEN    Open, then what was held, in order
    WAITING     Close               -> unknown
    WAITING     anything else       -> WAITING (held, within the bounds of the whole connection)
    OPEN        Close               -> unknown Leave
    OPEN        anything else       -> OPEN    Forward
    OPEN        (closed)            -> unknown
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from accordant.sync.hocuspocus import CLOSE, PING, PONG, CloseDocument, Token, decode_message, split_name
from accordant.types.errors import WireError
from accordant.types.limits import (
    DOCUMENTS_PER_SOCKET_MAX,
    UNAUTHENTICATED_BYTES_MAX,
    UNAUTHENTICATED_MESSAGES_MAX,
)

__all__ = ["Forward", "Leave", "Multiplex", "MultiplexAction", "Open", "Reply"]


@dataclass(frozen=True, slots=True)
class Open:
    """Begin with this document: the token says for whom. `held` are the messages that had come before it."""

    name: bytes
    token: str
    held: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Forward:
    """A message (without its name) for an open document."""

    name: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Leave:
    """The client has no further interest in this document."""

    name: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """A frame about the connection itself."""

    frame: bytes


MultiplexAction = Open | Forward | Leave | Reply


class Multiplex:
    """One connection's documents."""

    def __init__(self) -> None:
        self._open: set[bytes] = set()
        self._waiting: dict[bytes, list[bytes]] = {}
        self._held_bytes = 0
        self._held_count = 0

    @property
    def open(self) -> Collection[bytes]:
        """The names of the documents that have begun."""
        return self._open

    def receive_frame(self, frame: bytes) -> list[MultiplexAction]:
        """What a frame leads to. Raises `WireError`: for one that is malformed, or goes beyond what may wait."""
        if frame in (PING, PONG):
            return [Reply(PONG)] if frame == PING else []
        name, body = split_name(frame)
        if name in self._open:
            if body[:1] == CLOSE and decode_message(body):
                self._open.discard(name)
                return [Leave(name)]
            return [Forward(name, body)]
        return self._not_open(name, body)

    def closed(self, name: bytes) -> None:
        """This document has ended on our side. Idempotent."""
        self._open.discard(name)

    def _not_open(self, name: bytes, body: bytes) -> list[MultiplexAction]:
        match decode_message(body):
            case Token(token):
                self._admit(name)
                held = self._release(name)
                self._open.add(name)
                return [Open(name, token, held)]
            case CloseDocument():
                self._release(name)
            case _:
                self._admit(name)
                self._hold(name, body)
        return []

    def _admit(self, name: bytes) -> None:
        if name not in self._waiting and len(self._open) + len(self._waiting) >= DOCUMENTS_PER_SOCKET_MAX:
            raise WireError(f"a connection has at most {DOCUMENTS_PER_SOCKET_MAX} documents", code="too_many_documents")

    def _hold(self, name: bytes, body: bytes) -> None:
        if self._held_count >= UNAUTHENTICATED_MESSAGES_MAX or self._held_bytes + len(body) > UNAUTHENTICATED_BYTES_MAX:
            raise WireError("too much was sent before a token", code="unauthenticated")
        self._waiting.setdefault(name, []).append(body)
        self._held_count += 1
        self._held_bytes += len(body)

    def _release(self, name: bytes) -> tuple[bytes, ...]:
        bodies = tuple(self._waiting.pop(name, ()))
        self._held_count -= len(bodies)
        self._held_bytes -= sum(map(len, bodies))
        return bodies
