"""The two session machines, joined by a wire that can drop: what each side does next, and what happens to unanswered calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accordant.sync import client_session as c
from accordant.sync import session as s
from accordant.sync.closing import CloseCode, close_reason
from accordant.sync.messages import Acknowledged, Hello, Method, Welcome
from accordant.sync.wire import AuthDenied, Own, OwnType, SyncStep1, SyncStep2, SyncUpdate, decode_frame, encode_message
from accordant.types.errors import (
    AccordantError,
    Denied,
    Fenced,
    Invalid,
    NoAuthority,
    StoreError,
    WireError,
)
from accordant.types.limits import CAPABILITIES_MAX, CAPABILITY_CHARS_MAX, FRAME_BYTES_MAX
from accordant.types.regions import Schema


@dataclass
class Pair:
    """A client, and an authority that counts what it was asked. `drop` loses the connection; `connect` makes a new one."""

    client: c.ClientSession = field(default_factory=lambda: c.ClientSession(Hello("ada")))
    server: s.PeerSession = field(default_factory=s.PeerSession)
    settled: dict[int, Any] = field(default_factory=dict)
    performed: list[tuple[int, str]] = field(default_factory=list)
    stopped: AccordantError | None = None
    lives: bool = True
    generation: int = 0

    def connect(self) -> None:
        self.server = s.PeerSession()
        self.to_server(self.client.opened())

    def drop(self, code: int = 1006, reason: str = "") -> None:
        self.to_server(self.client.dropped(code, reason))

    def call(self, method: Method = Method.ASK) -> int:
        """A call whose frame is lost on the way unless `to_server` is given it."""
        call, frame = self.client.call(method, {})
        self.to_server([c.Transmit(frame)])
        return call

    def to_server(self, actions: list[c.ClientAction]) -> None:
        for action in actions:
            match action:
                case c.Transmit(frame):
                    self.to_client(self.server.receive_frame(frame))
                case c.Resolve(call, body):
                    self.settled[call] = body
                case c.Fail(call, error):
                    self.settled[call] = error
                case c.Stop(error):
                    self.stopped = error

    def to_client(self, actions: list[s.Action]) -> None:
        for action in actions:
            match action:
                case s.Send(frame):
                    self.to_server(self.client.receive_frame(frame))
                case s.Greet(hello):
                    self.to_client(self.greet(hello))
                case s.Perform(call, method, _):
                    self.performed.append((call, method))
                case s.Close(code, reason):
                    self.drop(code, reason)

    def greet(self, hello: Hello) -> list[s.Action]:
        resumed = hello.resume is not None and self.lives
        self.generation += not resumed
        return self.server.welcomed(Welcome("s", "secret", self.generation, 1, "i", 5, Schema.open(), resumed, 30.0))

    def answer(self, call: int) -> None:
        self.to_server(self.client.receive_frame(self.server.result(call, f"answer {call}")))


def connected() -> Pair:
    pair = Pair()
    pair.connect()
    assert pair.client.state is c.ClientState.READY
    assert pair.server.state is s.State.MEMBER
    return pair


def test_hello_leads_to_welcome_and_calls_to_answers() -> None:
    """A greeted client is told its session, and each call's answer goes to that call."""
    pair = connected()
    first, second = pair.call(), pair.call()
    pair.answer(second)
    pair.answer(first)
    assert pair.settled == {first: f"answer {first}", second: f"answer {second}"}
    assert pair.client.version == 5


def test_an_error_travels_as_the_exception_that_it_is() -> None:
    """Type, code, fields and text of an error arrive."""
    pair = connected()
    call = pair.call()
    pair.to_server(
        pair.client.receive_frame(pair.server.failure(call, Denied("no", code="not_yours", path="x", code_=1)))
    )
    error = pair.settled[call]
    assert isinstance(error, Denied)
    assert (error.code, error.message, error.fields) == ("not_yours", "no", {"path": "x", "code_": 1})


def test_a_field_may_have_any_name() -> None:
    """An error's field called `message` or `code` does not break the one who reads it."""
    error = AccordantError.from_dict(
        {"type": "Denied", "message": "no", "fields": {"message": 1, "code": 2, "self": 3}}
    )
    assert (error.message, error.fields) == ("no", {"message": 1, "code": 2, "self": 3})


def test_unanswered_calls_are_sent_again_to_the_resumed_session() -> None:
    """After a drop every call that has no answer is repeated, in order, and no other."""
    pair = connected()
    answered, lost, also_lost = pair.call(), pair.call(Method.SUBMIT), pair.call()
    pair.answer(answered)
    pair.drop()
    pair.performed.clear()
    pair.connect()
    assert pair.performed == [(lost, "submit"), (also_lost, "ask")]
    assert pair.client.welcome is not None
    assert (pair.client.welcome.resumed, pair.client.welcome.generation) == (True, 1)
    pair.answer(lost)
    assert pair.settled[lost] == f"answer {lost}"


def test_offline_nothing_is_sent_and_the_caller_knows_at_once() -> None:
    """While there is no connection a call raises `NoAuthority` and leaves nothing behind."""
    pair = connected()
    pair.drop()
    with pytest.raises(NoAuthority) as offline:
        pair.client.call(Method.ASK, {})
    assert offline.value.code == "offline"
    assert pair.client.unanswered == 0


def test_when_there_is_no_coming_back_a_submission_is_unknown() -> None:
    """A submission whose answer can no longer come fails with `landed=None`; a read fails with the reason itself."""
    pair = connected()
    write, read = pair.call(Method.SUBMIT), pair.call()
    pair.drop(CloseCode.ENDED, "session_ended: gone")
    assert isinstance(pair.settled[write], StoreError)
    assert pair.settled[write].landed is None
    assert isinstance(pair.settled[read], Fenced)
    with pytest.raises(Fenced, match="gone"):
        pair.client.call(Method.ASK, {})


def test_a_transient_close_is_no_end() -> None:
    """Slow, unavailable, restarting: the session waits for the next connection."""
    for code in (CloseCode.SLOW, CloseCode.UNAVAILABLE, 1006, 1012, 0):
        pair = connected()
        pair.drop(code)
        assert pair.client.state is c.ClientState.OFFLINE


def test_an_authority_that_is_only_unavailable_turns_nobody_away_for_good() -> None:
    """A client that was in before comes back after `NoAuthority`; one that never was is told."""
    pair = connected()
    pair.drop()
    error = NoAuthority("elsewhere")
    for action in pair.client.opened():
        assert isinstance(action, c.Transmit)
        pair.server = s.PeerSession()
        [greet] = pair.server.receive_frame(action.frame)
        assert isinstance(greet, s.Greet)
    pair.to_client(pair.server.turned_away(error))
    assert pair.client.state is c.ClientState.OFFLINE
    fresh = c.ClientSession(Hello("ada"))
    fresh.opened()
    said = encode_message(Own(OwnType.ERROR, {"id": None, "error": error.to_dict()}))
    assert any(isinstance(action, c.Stop) for action in fresh.receive_frame(said))


def test_a_call_larger_than_a_frame_is_refused_at_home() -> None:
    """What the server would have to refuse with the whole connection is an `Invalid` for that call alone."""
    pair = connected()
    with pytest.raises(Invalid) as refused:
        pair.client.call(Method.SUBMIT, {"x": "y" * FRAME_BYTES_MAX})
    assert refused.value.code == "too_large"
    assert pair.client.unanswered == 0


def test_a_notice_moves_the_version_forward_only() -> None:
    """`version` follows the newest durable head, and never goes back within a session."""
    pair = connected()
    for version in (9, 7):
        pair.client.receive_frame(encode_message(Own(OwnType.NOTICE, {"version": version})))
    assert pair.client.version == 9


# -- ordinary peers ------------------------------------------------------------------------------------------------


def test_an_ordinary_peer_joins_before_its_messages_count() -> None:
    """The first frame of a Yjs client asks for a session; what it said waits for it."""
    peer = s.PeerSession()
    frame = b"".join(map(encode_message, (SyncStep1(b"\x00"), SyncStep2(b"\x02"), SyncUpdate(b"\x01"))))
    assert peer.receive_frame(frame) == [s.Join()]
    assert peer.joined() == [s.Listen(), s.Answer(b"\x00"), s.Apply(b"\x02", catches_up=True), s.Apply(b"\x01")]
    assert peer.state is s.State.PEER


def test_an_empty_update_asks_for_nothing() -> None:
    """A peer that lacks nothing answers step 1 with an update that says nothing: the document is not asked."""
    peer = s.PeerSession()
    peer.receive_frame(encode_message(SyncStep1(b"\x00")))
    peer.joined()
    assert peer.receive_frame(encode_message(SyncUpdate(b"\x00\x00"))) == []


def member(**hello: Any) -> s.PeerSession:
    """A peer that said this hello and was welcomed."""
    peer = s.PeerSession()
    body = Hello("ada").to_json() | hello
    [greet] = peer.receive_frame(encode_message(Own(OwnType.HELLO, body)))
    assert isinstance(greet, s.Greet)
    peer.welcomed(Welcome("s", "secret", 1, 1, "i", 5, Schema.open(), False, 30.0))
    return peer


def test_a_client_of_ours_is_told_what_is_durable() -> None:
    """Each of its updates, the empty one too, is submitted, and acknowledged with the version that holds it."""
    peer = member()
    for update in (SyncStep2(b"\x00\x00"), SyncUpdate(b"\x00\x00"), SyncUpdate(b"\x01")):
        [apply] = peer.receive_frame(encode_message(update))
        assert isinstance(apply, s.Apply)
    [told] = peer.applied(9, 3)
    assert isinstance(told, s.Send)
    [ack] = decode_frame(told.frame)
    assert isinstance(ack, Own)
    assert ack.type is OwnType.ACK
    assert Acknowledged.from_json(ack.body) == Acknowledged(9, 3)


def test_an_acknowledgement_is_only_for_who_can_take_it() -> None:
    """Ordinary peers get none, nor a client whose hello names its capabilities without it; unknown names do no harm."""
    plain = s.PeerSession()
    plain.receive_frame(encode_message(SyncStep1(b"\x00")))
    plain.joined()
    assert plain.applied(9) == []
    assert member(capabilities=["calls", "telepathy"]).applied(9) == []
    assert member(capabilities=["ack", "telepathy"]).applied(9) != []
    assert member(capabilities=None).applied(9) != []


@pytest.mark.parametrize(
    "capabilities", [["x"] * (CAPABILITIES_MAX + 1), ["x" * (CAPABILITY_CHARS_MAX + 1)], [1], "ack"]
)
def test_capabilities_are_bounded(capabilities: Any) -> None:
    """A list that is too long, or no list of names, is turned away."""
    peer = s.PeerSession()
    body = Hello("ada").to_json() | {"capabilities": capabilities}
    _, close = peer.receive_frame(encode_message(Own(OwnType.HELLO, body)))
    assert isinstance(close, s.Close)
    assert close.code is CloseCode.JOIN_REFUSED


def test_a_refusal_says_code_path_and_reason() -> None:
    """In words that need no error class, beside the error itself."""
    [told, _] = member().refused(Denied("not yours", code="not_permitted", path="draft"))
    assert isinstance(told, s.Send)
    [refusal] = decode_frame(told.frame)
    assert isinstance(refusal, Own)
    assert refusal.type is OwnType.REFUSAL
    shown = {name: refusal.body[name] for name in ("code", "path", "reason")}
    assert shown == {"code": "not_permitted", "path": "draft", "reason": "not yours"}
    assert refusal.body["error"]["type"] == "Denied"


def test_our_own_messages_are_for_those_who_said_hello() -> None:
    """A peer that did not say hello cannot call."""
    peer = s.PeerSession()
    peer.receive_frame(encode_message(SyncStep1(b"\x00")))
    peer.joined()
    call = encode_message(Own(OwnType.CALL, {"id": 1, "method": "ask", "body": {}}))
    [close] = peer.receive_frame(call)
    assert isinstance(close, s.Close)
    assert close.code is CloseCode.MALFORMED


def test_a_refused_peer_is_told_once_and_then_not_heard() -> None:
    """The refusal names code and message, the close code says to reset the replica, and later frames do nothing."""
    error = Denied("the authority alone writes it", code="guarded_closed")
    member, plain = connected().server, s.PeerSession()
    plain.receive_frame(encode_message(SyncStep1(b"\x00")))
    plain.joined()
    for peer in (member, plain):
        told, closing = peer.refused(error)
        assert closing == s.Close(CloseCode.REFUSED, "guarded_closed: the authority alone writes it")
        assert isinstance(told, s.Send)
        assert b"guarded_closed" in told.frame
        assert peer.refused(error) == []
        assert peer.receive_frame(encode_message(SyncUpdate(b"\x01"))) == []


def test_a_yjs_reader_that_writes_stays_and_is_told_once() -> None:
    """Nothing of a reader lands; it is joined as one, warned once, and its connection goes on. Other faults close it."""
    reader, error = s.PeerSession(is_read_only=True), Denied("you joined read-only", code="read_only")
    assert reader.receive_frame(encode_message(SyncStep1(b"\x00"))) == [s.Join(read_only=True)]
    reader.joined()
    [told] = reader.refused(error)
    assert isinstance(told, s.Send)
    assert decode_frame(told.frame) == [AuthDenied("read_only: you joined read-only")]
    assert reader.refused(error) == []
    assert reader.state is s.State.PEER
    assert isinstance(reader.refused(Denied("no", code="guarded_closed"))[-1], s.Close)


def test_a_readers_hello_is_a_readers() -> None:
    """Whatever a hello asks for, one who may only read gets a read-only session, and its refused update closes it."""
    reader = s.PeerSession(is_read_only=True)
    [greet] = reader.receive_frame(encode_message(Own(OwnType.HELLO, Hello("ada", read_only=False).to_json())))
    assert isinstance(greet, s.Greet)
    assert greet.hello.read_only
    reader.welcomed(Welcome("s", "secret", 1, 1, "i", 5, Schema.open(), False, 30.0))
    assert isinstance(reader.refused(Denied("you joined read-only", code="read_only"))[-1], s.Close)


def test_an_update_that_the_store_failed_is_not_the_peers_fault() -> None:
    """Nobody is told to throw a replica away because a disk was full: they come back and sync again."""
    peer = s.PeerSession()
    peer.receive_frame(encode_message(SyncStep1(b"\x00")))
    peer.joined()
    assert peer.refused(StoreError("disk full", landed=False)) == [s.Close(CloseCode.UNAVAILABLE, "store: disk full")]


def test_a_hello_that_does_not_fit_is_told_why() -> None:
    """Whoever says hello wrongly gets the typed error and a final close code."""
    for body, code in (({"protocol": 9}, CloseCode.VERSION), ({"protocol": 1, "agent": ""}, CloseCode.JOIN_REFUSED)):
        peer = s.PeerSession()
        told, close = peer.receive_frame(encode_message(Own(OwnType.HELLO, body)))
        assert isinstance(told, s.Send)
        assert decode_frame(told.frame)[0].type is OwnType.ERROR  # type: ignore[union-attr]
        assert isinstance(close, s.Close)
        assert close.code is code


def test_a_close_reason_fits_a_close_frame() -> None:
    """However long the message, the reason has at most 123 bytes and is whole characters."""
    reason = close_reason(WireError("ü" * 200, code="c"))
    assert len(reason.encode()) <= 123
    assert reason.startswith("c: ü")


@given(st.lists(st.binary(max_size=30), max_size=5))
def test_junk_closes_and_never_crashes(frames: list[bytes]) -> None:
    """Whatever arrives, either side goes on or ends in the documented way."""
    peer, client = s.PeerSession(), connected().client
    for frame in frames:
        for action in peer.receive_frame(frame):
            if isinstance(action, s.Join):
                peer.joined()
        client.receive_frame(frame)
    assert client.state in (c.ClientState.READY, c.ClientState.ENDED)


def test_every_close_code_is_documented() -> None:
    """docs/PROTOCOL.md tells for each close code what the peer does next."""
    text = (Path(__file__).parents[2] / "docs" / "PROTOCOL.md").read_text(encoding="utf-8")
    assert [code for code in CloseCode if f"\n| {int(code)} |" not in text] == []
