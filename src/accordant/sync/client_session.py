"""The client's side of one session as a machine: it outlives connections, and remembers which calls are unanswered.

Pure: no socket, clock or dice. Whoever runs it carries the actions out in order.

    state     event                        -> state     actions
    OFFLINE   opened                       -> GREETING  Transmit Hello (with the session to resume, if there was one)
    GREETING  Welcome                      -> READY     Transmit every unanswered call again
    GREETING  Error                        -> ENDED     Fail all, Stop (OFFLINE when it is about the authority alone)
    READY     Result, Error                -> READY     Resolve, Fail
    READY     Notice                       -> READY     (version and schema are newer)
    not ENDED dropped, may come back       -> OFFLINE   (unanswered calls wait)
    any       dropped for good, end        -> ENDED     Fail all, Stop

A call that was sent and not answered may have landed. Sent again it carries the same op id, so it lands once; when
there is no coming back, a submission fails as `StoreError` with `landed=None`, which says exactly that.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from accordant.sync.closing import CloseCode, close_code
from accordant.sync.messages import REPLICA, Hello, Method, Resume, Welcome
from accordant.sync.wire import Awareness, Own, OwnType, SyncStep2, SyncUpdate, decode_frame, encode_message
from accordant.types.errors import AccordantError, EpochChanged, Fenced, Invalid, NoAuthority, StoreError, WireError
from accordant.types.limits import ANSWER_BYTES_MAX, CALLS_UNANSWERED_MAX, FRAME_BYTES_MAX
from accordant.types.presence import AwarenessState
from accordant.types.regions import Schema

__all__ = [
    "ClientAction",
    "ClientSession",
    "ClientState",
    "Fail",
    "Heard",
    "Replicate",
    "Resolve",
    "Stop",
    "Transmit",
    "Welcomed",
]


class ClientState(Enum):
    """Where the session stands; the module's table says how it moves."""

    OFFLINE = "offline"
    GREETING = "greeting"
    READY = "ready"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Transmit:
    """Send this frame."""

    frame: bytes


@dataclass(frozen=True, slots=True)
class Welcomed:
    """The session is ready. `is_same_document`: it has the past that this session knew. `may_replicate`: may send Step 1."""

    resumed: bool
    is_same_document: bool = True
    may_replicate: bool = True


@dataclass(frozen=True, slots=True)
class Replicate:
    """What a replica is to take in. `is_whole`: everything that it lacked, as its Step 1 asked."""

    update: bytes
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """Presences that the server tells of."""

    states: tuple[AwarenessState, ...]


@dataclass(frozen=True, slots=True)
class Resolve:
    """The answer to a call."""

    call: int
    body: Any


@dataclass(frozen=True, slots=True)
class Fail:
    """Why a call failed."""

    call: int
    error: AccordantError


@dataclass(frozen=True, slots=True)
class Stop:
    """The session has ended; do not come back."""

    error: AccordantError


ClientAction = Transmit | Welcomed | Replicate | Heard | Resolve | Fail | Stop


class ClientSession:
    """One handle's session, over as many connections as it takes. Attributes are for reading."""

    def __init__(self, hello: Hello) -> None:
        self.state = ClientState.OFFLINE
        self.welcome: Welcome | None = None
        self.version = 0
        self.schema = Schema.open()
        self.ended: AccordantError | None = None
        self._is_of_another_time = False
        self._hello = hello
        self._unanswered: dict[int, tuple[Method, bytes]] = {}
        self._next_call = 1

    @property
    def unanswered(self) -> int:
        """How many calls wait."""
        return len(self._unanswered)

    # -- the connection ---------------------------------------------------------------------------------------

    def opened(self) -> list[ClientAction]:
        """A connection stands."""
        self._move(ClientState.OFFLINE, ClientState.GREETING)
        known = self.welcome
        resume = None if known is None else Resume(known.session, known.secret)
        return [Transmit(encode_message(Own(OwnType.HELLO, replace(self._hello, resume=resume).to_json())))]

    def dropped(self, code: int, reason: str) -> list[ClientAction]:
        """The connection is gone. 0: without a close frame."""
        if self.state is ClientState.ENDED:
            return []
        if code == CloseCode.EPOCH:  # the replica goes, the handle stays: the next welcome begins with an empty one
            self._is_of_another_time = True
            self.state = ClientState.OFFLINE
            return []
        error = _final(code, reason)
        if error is not None:
            return self.end(error)
        self.state = ClientState.OFFLINE
        return []

    def receive_frame(self, frame: bytes) -> list[ClientAction]:
        """What a frame leads to; a server that breaks the protocol ends the session."""
        if self.state is ClientState.ENDED:
            return []
        actions: list[ClientAction] = []
        try:
            for message in decode_frame(frame, ANSWER_BYTES_MAX, ANSWER_BYTES_MAX):
                if isinstance(message, Own):
                    actions += self._own(message)
                elif isinstance(message, SyncStep2 | SyncUpdate):
                    actions.append(Replicate(message.update, isinstance(message, SyncStep2)))
                elif isinstance(message, Awareness):
                    actions.append(Heard(message.states))
        except AccordantError as error:
            return actions + self.end(WireError(f"the server broke the protocol: {error.message}", code=error.code))
        return actions

    def end(self, error: AccordantError) -> list[ClientAction]:
        """No coming back: every unanswered call fails, every later one raises `error`."""
        if self.state is ClientState.ENDED:
            return []
        self.state, self.ended = ClientState.ENDED, error
        return [*self.give_up(error), Stop(error)]

    def give_up(self, error: AccordantError) -> list[ClientAction]:
        """Let every unanswered call fail, submissions as unknown; the session itself may still come back."""
        unanswered, self._unanswered = self._unanswered, {}
        return [
            Fail(call, _unknown(error) if method is Method.SUBMIT else error)
            for call, (method, _) in unanswered.items()
        ]

    # -- calls ------------------------------------------------------------------------------------------------

    def call(self, method: Method, body: Mapping[str, Any]) -> tuple[int, bytes]:
        """The id and frame of a new call. Raises what ended the session, `NoAuthority` while offline, `Invalid`."""
        if self.ended is not None:
            raise copy(self.ended)  # each caller gets a traceback of its own
        if self.state is not ClientState.READY:
            raise NoAuthority(
                "the server cannot be reached; nothing was sent",
                code="offline",
                hint="the handle reconnects by itself: try again",
            )
        if len(self._unanswered) >= CALLS_UNANSWERED_MAX:
            raise NoAuthority(f"{CALLS_UNANSWERED_MAX} calls are unanswered; nothing was sent", code="busy")
        call = self._next_call
        frame = encode_message(Own(OwnType.CALL, {"id": call, "method": method.value, "body": body}))
        if len(frame) > FRAME_BYTES_MAX:
            raise Invalid(
                f"this call has {len(frame)} bytes, a frame holds {FRAME_BYTES_MAX}: write less at once",
                code="too_large",
                limit=FRAME_BYTES_MAX,
            )
        self._next_call += 1
        self._unanswered[call] = (method, frame)
        return call, frame

    def forget(self, call: int) -> None:
        """Nobody waits for this call any more; it is not sent again."""
        self._unanswered.pop(call, None)

    # -- inside -----------------------------------------------------------------------------------------------

    def _move(self, expected: ClientState, to: ClientState) -> None:
        if self.state is not expected:
            raise AssertionError(f"{to} follows {expected}, not {self.state}")
        self.state = to

    def _own(self, message: Own) -> list[ClientAction]:
        body = message.body
        match message.type, self.state:
            case OwnType.WELCOME, ClientState.GREETING:
                return self._welcomed(Welcome.from_json(body))
            case OwnType.RESULT | OwnType.ERROR, ClientState.READY:
                return self._answered(message.type, body)
            case OwnType.ERROR, ClientState.GREETING:
                return self._turned_away(_error_in(body))
            case OwnType.REFUSAL, ClientState.READY:
                error = _error_in(body)
                return [] if isinstance(error, EpochChanged) else self.end(error)  # the close code says what to do
            case OwnType.NOTICE, ClientState.READY:
                return self._noticed(body)
            case OwnType.ACK, ClientState.READY:
                return []  # of an update; a handle without a replica sends none
        raise WireError(f"{message.type.name.lower()} has no place while {self.state.value}", code="unexpected_message")

    def _answered(self, kind: OwnType, body: Mapping[str, Any]) -> list[ClientAction]:
        call = body.get("id")
        if not isinstance(call, int):
            raise WireError("an answer names its call", code="bad_command")
        if self._unanswered.pop(call, None) is None:
            return []  # nobody waits for it any more
        return [Resolve(call, body.get("body")) if kind is OwnType.RESULT else Fail(call, _error_in(body))]

    def _welcomed(self, welcome: Welcome) -> list[ClientAction]:
        self.state, known = ClientState.READY, self.welcome
        same = known is None or (known.incarnation == welcome.incarnation and welcome.version >= self.version)
        same, self._is_of_another_time = same and not self._is_of_another_time, False
        self.version = max(self.version, welcome.version) if welcome.resumed else welcome.version
        self.welcome, self.schema = welcome, welcome.schema
        # What was made on another document's past is not sent into this one's.
        old = [] if same else [call for call, (method, _) in self._unanswered.items() if method is Method.MERGE]
        for call in old:
            del self._unanswered[call]
        lost = [Fail(call, EpochChanged("the document was created anew or restored meanwhile")) for call in old]
        again = [Transmit(frame) for _, frame in self._unanswered.values()]
        return [Welcomed(welcome.resumed, same, REPLICA in welcome.capabilities), *lost, *again]

    def _turned_away(self, error: AccordantError) -> list[ClientAction]:
        """For good, unless we were in before and the authority is only unavailable: the close code will say the same."""
        if self.welcome is not None and close_code(error) is CloseCode.UNAVAILABLE:
            return []
        return self.end(error)

    def _noticed(self, body: Mapping[str, Any]) -> list[ClientAction]:
        match body.get("version"):
            case int(version):
                self.version = max(self.version, version)
            case _:
                raise Invalid("a notice has a version", code="bad_command")
        if isinstance(body.get("schema"), Mapping):
            self.schema = Schema.from_description(body["schema"])
        return []


def _error_in(body: Mapping[str, Any]) -> AccordantError:
    told = body.get("error")
    if not isinstance(told, Mapping):
        raise WireError("an error is an object", code="bad_command")
    return AccordantError.from_dict(told)


def _final(code: int, reason: str) -> AccordantError | None:
    """The error that a close code stands for when coming back cannot help."""
    if not 4400 <= code < 4500:
        return None
    short, _, text = reason.partition(": ")
    if code == CloseCode.ENDED:
        return Fenced(text or "this session has ended", code=short or None)
    if code in (CloseCode.MALFORMED, CloseCode.TOO_LARGE):
        return WireError(text or reason or "the server could not read what was sent", code=short or None)
    return Invalid(
        text or reason or f"the server closed the connection with {code}", code=short or None, close_code=code
    )


def _unknown(error: AccordantError) -> StoreError:
    unknown = StoreError(
        f"the connection ended before the answer came, and whether this landed is unknown: {error.message}",
        code="unknown_outcome",
        landed=None,
        hint="read the document, or ask its history",
    )
    unknown.__cause__ = error
    return unknown
