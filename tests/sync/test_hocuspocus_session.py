"""One Hocuspocus document's machine: the order of what it sends, one status for each update, and how it ends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from accordant.sync import session as s
from accordant.sync.closing import CloseCode
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
    TokenRequest,
    decode_message,
    encode_message,
)
from accordant.sync.hocuspocus_session import HocuspocusSession
from accordant.sync.wire import Awareness, QueryAwareness, SyncStep1, SyncStep2, SyncUpdate
from accordant.types.errors import Denied, NoAuthority, StoreError


def joined(is_read_only: bool = False) -> HocuspocusSession:
    session = HocuspocusSession(is_read_only)
    assert session.opened() == [s.Join(is_read_only)]
    session.joined()
    return session


def sent(actions: list[s.Action]) -> list[HocuspocusMessage]:
    return [decode_message(action.frame) for action in actions if isinstance(action, s.Send)]


def test_whoever_is_let_in_is_told_so_first() -> None:
    """Authenticated with its scope, then the room's presences; nothing is asked unasked."""
    for is_read_only in (False, True):
        session = HocuspocusSession(is_read_only)
        session.opened()
        assert session.joined() == [s.Send(encode_message(Authenticated(is_read_only))), s.Listen(is_known=False)]


def test_step_1_is_answered_by_ours_and_then_step_2() -> None:
    """Every step 1, a forced one too, asks for news first; a reply asks for nothing."""
    session = joined()
    for _ in range(2):
        assert session.receive_frame(encode_message(SyncStep1(b"\x00"))) == [s.Answer(b"\x00", asks_first=True)]
    assert session.receive_frame(encode_message(SyncReply(SyncStep1(b"\x00")))) == [s.Answer(b"\x00")]


def test_every_update_leads_to_one_status_the_empty_one_too() -> None:
    """Providers count what they sent: each step 2 and update is submitted and answered once."""
    session = joined()
    for message in (
        SyncStep2(b"\x00\x00"),
        SyncUpdate(b"\x00\x00"),
        SyncUpdate(b"\x01"),
        SyncReply(SyncStep2(b"\x01")),
    ):
        [apply] = session.receive_frame(encode_message(message))
        assert isinstance(apply, s.Apply)
    assert sent(session.applied(7, 4)) == [SyncStatus(True)] * 4


def test_other_messages_do_what_they_say_or_nothing() -> None:
    """Presences are relayed, a ping is answered, texts and further tokens are read and dropped."""
    session = joined()
    assert session.receive_frame(encode_message(Awareness(()))) == [s.Relay(())]
    assert session.receive_frame(encode_message(QueryAwareness())) == [s.ShowAwareness()]
    assert sent(session.receive_frame(encode_message(Ping()))) == [Pong()]
    for message in (Stateless("hello"), Token("again"), Pong()):
        assert session.receive_frame(encode_message(message)) == []


def test_a_refused_update_is_told_in_the_providers_words() -> None:
    """Not applied, denied with the reason, closed with the code that says to reset the replica; once."""
    session, error = joined(), Denied("the authority alone writes it", code="guarded_closed")
    actions = session.refused(error)
    reason = "guarded_closed: the authority alone writes it"
    assert sent(actions) == [SyncStatus(False), PermissionDenied(reason)]
    assert actions[-1] == s.Close(CloseCode.REFUSED, reason)
    assert session.refused(error) == []
    assert session.applied(7) == []
    assert session.receive_frame(encode_message(SyncUpdate(b"\x01"))) == []


def test_a_reader_that_writes_stays() -> None:
    """A reader's edit is answered with a status, as providers expect, and its connection goes on."""
    session = joined(is_read_only=True)
    assert sent(session.refused(Denied("no", code="read_only"))) == [SyncStatus(False)]
    assert session.state is s.State.PEER
    assert sent(session.applied(7)) == [SyncStatus(True)]


def test_what_will_pass_is_no_denial() -> None:
    """An authority that is away or a store that failed closes with a code that means to come back."""
    session = HocuspocusSession()
    session.opened()
    [close] = session.turned_away(NoAuthority("elsewhere"))
    assert isinstance(close, s.Close)
    assert close.code is CloseCode.UNAVAILABLE
    [close] = joined().refused(StoreError("disk full", landed=False))
    assert isinstance(close, s.Close)
    assert close.code is CloseCode.UNAVAILABLE


def test_a_join_that_is_denied_is_told() -> None:
    """The provider hears why it may not come in."""
    session = HocuspocusSession()
    session.opened()
    actions = session.turned_away(Denied("not you", code="not_permitted"))
    assert sent(actions) == [PermissionDenied("not_permitted: not you")]
    assert isinstance(actions[-1], s.Close)
    assert actions[-1].code is CloseCode.JOIN_REFUSED


def test_a_servers_message_from_a_client_is_out_of_place() -> None:
    """Nobody can speak for the server."""
    for message in (Authenticated(False), PermissionDenied("x"), SyncStatus(True), TokenRequest()):
        [close] = joined().receive_frame(encode_message(message))
        assert isinstance(close, s.Close)
        assert close.code is CloseCode.MALFORMED


@given(st.lists(st.binary(max_size=30), max_size=5))
def test_junk_closes_and_never_crashes(frames: list[bytes]) -> None:
    """Whatever arrives, it goes on or ends in the documented way."""
    session = joined()
    for frame in frames:
        for action in session.receive_frame(frame):
            assert not isinstance(action, s.Close) or action.code is CloseCode.MALFORMED
