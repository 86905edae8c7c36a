"""The authority's side of one document on a Hocuspocus connection: the machine of `session` in the other dialect.

Pure. `multiplex` has taken the token and the name off before; what is received and sent here are messages without a name.

    state     event, message             -> state    actions
    NEW       (opened)                   -> JOINING  Join
    JOINING   (joined)                   -> PEER     Send Authenticated, Listen
    JOINING   (turned_away)              -> CLOSED   Send PermissionDenied, Close
    PEER      Step 1                     -> PEER     Answer, asking first
    PEER      Step 2, Update             -> PEER     Apply, which leads to one SyncStatus
    PEER      Awareness, QueryAwareness  -> PEER     Relay, ShowAwareness
    PEER      Ping                       -> PEER     Send Pong
    PEER      Token, Stateless, Pong     -> PEER     (nothing)
    PEER      (applied)                  -> PEER     Send SyncStatus applied
    PEER      (refused: read-only)       -> PEER     Send SyncStatus not applied
    PEER      (refused)                  -> CLOSED   Send SyncStatus not applied, PermissionDenied, Close
    any       malformed, out of place    -> CLOSED   Close
"""

from __future__ import annotations

from accordant.sync.closing import CloseCode, close_code, close_reason
from accordant.sync.hocuspocus import (
    Authenticated,
    HocuspocusMessage,
    PermissionDenied,
    Ping,
    Pong,
    Stateless,
    SyncReply,
    SyncStatus,
    Token,
    decode_message,
    encode_message,
)
from accordant.sync.session import (
    Action,
    Answer,
    Apply,
    Join,
    Listen,
    PeerSession,
    Relay,
    Send,
    ShowAwareness,
    State,
)
from accordant.sync.wire import Awareness, QueryAwareness, SyncStep1, SyncStep2, SyncUpdate
from accordant.types.errors import AccordantError, WireError

__all__ = ["HocuspocusSession"]


class HocuspocusSession(PeerSession):
    """One document of one connection. A reader is told that it is one."""

    def opened(self) -> list[Action]:
        """The token was good."""
        self._move(State.NEW, State.JOINING)
        return [Join(self._is_read_only)]

    def joined(self) -> list[Action]:
        """The session has begun."""
        self._move(State.JOINING, State.PEER)
        return [_send(Authenticated(self._is_read_only)), Listen(is_known=False)]

    def receive_frame(self, frame: bytes) -> list[Action]:
        """What a message leads to. After `CLOSED` nothing does."""
        if self.state is State.CLOSED:
            return []
        try:
            return self._named(decode_message(frame))
        except WireError as error:
            return self._close(CloseCode.MALFORMED, error)

    def turned_away(self, error: AccordantError) -> list[Action]:
        """No session for this peer. Providers show the reason; what will pass is no denial, and they come back."""
        code = close_code(error)
        code = CloseCode.JOIN_REFUSED if code is CloseCode.REFUSED else code
        told = [] if code is CloseCode.UNAVAILABLE else [_send(PermissionDenied(close_reason(error)))]
        return told + self._close(code, error)

    def applied(self, version: int, count: int = 1) -> list[Action]:
        """Providers count: one status for each update, however many were merged."""
        return [] if self.state is State.CLOSED else [_send(SyncStatus(True))] * count

    def refused(self, error: AccordantError) -> list[Action]:
        """An update was refused. A reader that writes is told so and stays, as providers expect; anybody else goes (I9)."""
        if self.state is State.CLOSED:
            return []
        if self._stays(error):
            return [_send(SyncStatus(False))]
        code = close_code(error)
        denied = [_send(PermissionDenied(close_reason(error)))]
        if code is CloseCode.EPOCH:  # what it holds was no update, so that no status answers it
            return denied + self._close(code, error)
        denial = [_send(SyncStatus(False)), *denied]
        return (denial if code is CloseCode.REFUSED else []) + self._close(code, error)

    def _named(self, message: HocuspocusMessage) -> list[Action]:
        match message:
            case SyncStep1(state_vector):
                return [Answer(state_vector, asks_first=True)]
            case SyncReply(SyncStep1(state_vector)):
                return [Answer(state_vector)]
            case SyncReply(SyncStep2(update) | SyncUpdate(update)) | SyncStep2(update) | SyncUpdate(update):
                return [Apply(update, not isinstance(message, SyncUpdate))]
            case Awareness(states):
                return [Relay(states)]
            case QueryAwareness():
                return [ShowAwareness()]
            case Ping():
                return [_send(Pong())]
            case Token() | Stateless() | Pong():
                return []
        raise WireError("this message has no place here", code="unexpected_message")


def _send(message: HocuspocusMessage) -> Action:
    return Send(encode_message(message))
