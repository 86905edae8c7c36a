"""The authority's side of one connection as a machine: frames and answers go in, ordered actions come out.

Pure: no socket, clock or dice, and it never sees the document. Whoever runs it carries the actions out in order, and
hands it the next frame only after `joined`, `welcomed` or `turned_away` has answered a `Join` or `Greet`.

    state     frame                    -> state      actions
    NEW       (opened)                 -> NEW        AskForNews
    NEW       Hello, first of all      -> GREETING   Greet
    NEW       anything else            -> JOINING    Join    (an ordinary Yjs peer; its messages wait)
    GREETING  (welcomed)               -> MEMBER     Send Welcome
    JOINING   (joined)                 -> PEER       what had waited
    PEER      Sync, Awareness, Query   -> PEER       Listen and Answer, Apply, Relay, ShowAwareness
    MEMBER    the same and Call        -> MEMBER     and Perform
    MEMBER    (applied)                -> MEMBER     Send Ack
    PEER      (refused: read-only)     -> PEER       Send denial, once
    any       refused, malformed       -> CLOSED     Send refusal, Close

`hocuspocus_session` holds the same machine for the other dialect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from accordant.sync.closing import CloseCode, close_code, close_reason
from accordant.sync.messages import ACK, Acknowledged, Hello, Method, Welcome, call_from_json, refusal_to_json
from accordant.sync.wire import (
    AuthDenied,
    Awareness,
    AwarenessState,
    Own,
    OwnType,
    QueryAwareness,
    SyncStep1,
    SyncStep2,
    SyncUpdate,
    WireMessage,
    decode_frame,
    encode_message,
)
from accordant.types.errors import AccordantError, WireError

__all__ = [
    "Action",
    "Answer",
    "Apply",
    "AskForNews",
    "Close",
    "Greet",
    "Join",
    "Listen",
    "PeerSession",
    "Perform",
    "Relay",
    "Send",
    "ShowAwareness",
    "State",
]

EMPTY_UPDATE = b"\x00\x00"
READ_ONLY = "read_only"


class State(Enum):
    """Where the connection stands; the module's table says how it moves."""

    NEW = "new"
    JOINING = "joining"
    GREETING = "greeting"
    PEER = "peer"
    MEMBER = "member"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Send:
    """Put this frame into the peer's outbox."""

    frame: bytes


@dataclass(frozen=True, slots=True)
class Join:
    """Begin an ordinary peer's session, then call `joined` or `turned_away`."""

    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Greet:
    """Declare, then begin or resume the session that this hello asks for; then call `welcomed` or `turned_away`."""

    hello: Hello


@dataclass(frozen=True, slots=True)
class AskForNews:
    """Send Step 1: the peer answers with what it has and the document durably lacks."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Now send this peer the room's awareness, and from now on what changes of it and, unless it has still to say what it holds
    (`is_known`), of the document."""

    is_known: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """Send this peer what it lacks (Step 2), and from now on what changes; or call `refused`, when what it has is of another time
    of this document. `asks_first`: with an `AskForNews` of its own before that."""

    state_vector: bytes
    asks_first: bool = False


@dataclass(frozen=True, slots=True)
class Apply:
    """Submit this update to the document; call `applied` when it is durable, `refused` when it was refused. In the order of
    the updates. `catches_up`: it came as Step 2."""

    update: bytes
    catches_up: bool = False


@dataclass(frozen=True, slots=True)
class Relay:
    """Enter these presences into the room."""

    states: tuple[AwarenessState, ...]


@dataclass(frozen=True, slots=True)
class ShowAwareness:
    """Send every known presence."""


@dataclass(frozen=True, slots=True)
class Perform:
    """Carry the call out; answer with `result` or `failure`."""

    call: int
    method: Method
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection after what was sent."""

    code: CloseCode
    reason: str


Action = Send | Join | Greet | AskForNews | Listen | Answer | Apply | Relay | ShowAwareness | Perform | Close


class PeerSession:
    """One connection. `state` is for reading; only this class moves it. `is_read_only`: nothing of this peer may land."""

    def __init__(self, is_read_only: bool = False) -> None:
        self.state = State.NEW
        self._is_read_only = is_read_only
        self._was_warned = False
        self._held: list[WireMessage] = []
        self._capabilities: frozenset[str] = frozenset()

    def opened(self) -> list[Action]:
        """The connection stands: y-protocols' servers speak first."""
        return [AskForNews()]

    def receive_frame(self, frame: bytes) -> list[Action]:
        """What a frame leads to. After `CLOSED` nothing does."""
        if self.state is State.CLOSED:
            return []
        try:
            return self._receive(decode_frame(frame))
        except WireError as error:
            return self._close(CloseCode.MALFORMED, error)

    def joined(self) -> list[Action]:
        """The ordinary peer's session has begun: what it had sent counts now."""
        self._move(State.JOINING, State.PEER)
        held, self._held = self._held, []
        try:
            return self._receive(held)
        except WireError as error:
            return self._close(CloseCode.MALFORMED, error)

    def welcomed(self, welcome: Welcome) -> list[Action]:
        """The hello was accepted."""
        self._move(State.GREETING, State.MEMBER)
        actions: list[Action] = [Send(encode_message(Own(OwnType.WELCOME, welcome.to_json())))]
        held, self._held = self._held, []
        try:
            return actions + self._receive(held)
        except WireError as error:
            return actions + self._close(CloseCode.MALFORMED, error)

    def turned_away(self, error: AccordantError) -> list[Action]:
        """No session for this peer."""
        was_greeting = self.state is State.GREETING
        code = close_code(error)
        code = CloseCode.JOIN_REFUSED if code is CloseCode.REFUSED else code
        code = CloseCode.VERSION if error.code == "protocol_version" else code
        said = Own(OwnType.ERROR, {"id": None, "error": error.to_dict()})
        notice: list[Action] = [Send(encode_message(said))] if was_greeting else []
        return notice + self._close(code, error)

    def applied(self, version: int, count: int = 1) -> list[Action]:
        """The oldest `count` updates that were not answered yet are durable at this version."""
        if self.state is State.MEMBER and ACK in self._capabilities:
            return [Send(encode_message(Own(OwnType.ACK, Acknowledged(version, count).to_json())))]
        return []  # an ordinary peer sees its own change come back

    def refused(self, error: AccordantError) -> list[Action]:
        """An update of this peer was refused: it is told why, and goes (I9). A second refusal finds it gone already."""
        if self.state is State.CLOSED:
            return []
        if self._stays(error):
            warning = [] if self._was_warned else [Send(encode_message(AuthDenied(close_reason(error))))]
            self._was_warned = True
            return list(warning)
        if self.state is State.MEMBER:
            message: WireMessage = Own(OwnType.REFUSAL, refusal_to_json(error))
        else:
            message = AuthDenied(close_reason(error))
        code = close_code(error)
        told: list[Action] = [Send(encode_message(message))] if code in (CloseCode.REFUSED, CloseCode.EPOCH) else []
        return told + self._close(code, error)

    def _stays(self, error: AccordantError) -> bool:
        """A reader that writes is no danger: Yjs readers do, and expect that it comes to nothing. A client of ours knows."""
        return self._is_read_only and error.code == READ_ONLY and self.state is State.PEER

    def result(self, call: int, body: Any) -> bytes:
        """The frame that answers a call."""
        return encode_message(Own(OwnType.RESULT, {"id": call, "body": body}))

    def failure(self, call: int, error: AccordantError) -> bytes:
        """The frame that says why a call failed."""
        return encode_message(Own(OwnType.ERROR, {"id": call, "error": error.to_dict()}))

    # -- inside -----------------------------------------------------------------------------------------------

    def _move(self, expected: State, to: State) -> None:
        if self.state is not expected:
            raise AssertionError(f"{to} follows {expected}, not {self.state}")
        self.state = to

    def _close(self, code: CloseCode, error: AccordantError) -> list[Action]:
        self.state = State.CLOSED
        self._held.clear()
        return [Close(code, close_reason(error))]

    def _receive(self, messages: Sequence[WireMessage]) -> list[Action]:
        if self.state is State.NEW:
            return self._begin(messages)
        actions: list[Action] = []
        for message in messages:
            actions += self._message(message)
        return actions

    def _begin(self, messages: Sequence[WireMessage]) -> list[Action]:
        first = messages[0]
        if not (isinstance(first, Own) and first.type is OwnType.HELLO):
            self.state, self._held = State.JOINING, list(messages)
            return [Join(self._is_read_only)]
        self.state, self._held = State.GREETING, list(messages[1:])
        try:
            hello = Hello.from_json(first.body)
            hello = replace(hello, read_only=hello.read_only or self._is_read_only)
            self._capabilities = hello.capabilities
            return [Greet(hello)]
        except AccordantError as error:
            return self.turned_away(error)

    def _message(self, message: WireMessage) -> list[Action]:
        match message:
            case SyncStep1(state_vector):
                return [Listen(), Answer(state_vector)]
            case SyncStep2(update) | SyncUpdate(update):
                if update == EMPTY_UPDATE and self.state is State.PEER:
                    return []  # nobody waits for an acknowledgement, so the document is not asked
                return [Apply(update, isinstance(message, SyncStep2))]
            case Awareness(states):
                return [Relay(states)]
            case QueryAwareness():
                return [ShowAwareness()]
            case Own(OwnType.CALL, body) if self.state is State.MEMBER:
                try:
                    return [Perform(*call_from_json(body))]
                except AccordantError as error:
                    raise WireError(error.message, code=error.code) from error
        raise WireError("this message has no place here", code="unexpected_message")
