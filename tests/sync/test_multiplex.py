"""Documents of one Hocuspocus connection: what waits for a token, what goes where, and how much of it there may be."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accordant.sync.hocuspocus import PING, PONG, CloseDocument, HocuspocusMessage, Token, encode_message, name_prefix
from accordant.sync.multiplex import Forward, Leave, Multiplex, Open, Reply
from accordant.sync.wire import QueryAwareness, SyncStep1, SyncUpdate
from accordant.types.errors import WireError
from accordant.types.limits import (
    DOCUMENTS_PER_SOCKET_MAX,
    FRAME_BYTES_MAX,
    UNAUTHENTICATED_BYTES_MAX,
    UNAUTHENTICATED_MESSAGES_MAX,
)

STEP_1 = encode_message(SyncStep1(b"\x00"))


def frame(name: bytes, message: HocuspocusMessage) -> bytes:
    return name_prefix(name) + encode_message(message)


def test_what_comes_before_the_token_waits_for_it_in_order() -> None:
    """A provider sends at once; nothing of it counts, and nothing is lost, until its token has come."""
    socket = Multiplex()
    assert socket.receive_frame(frame(b"a", SyncStep1(b"\x00"))) == []
    assert socket.receive_frame(frame(b"b", QueryAwareness())) == []
    assert socket.receive_frame(frame(b"a", SyncUpdate(b"\x01"))) == []
    held = (STEP_1, encode_message(SyncUpdate(b"\x01")))
    assert socket.receive_frame(frame(b"a", Token("t"))) == [Open(b"a", "t", held)]
    assert socket.receive_frame(frame(b"a", SyncStep1(b"\x00"))) == [Forward(b"a", STEP_1)]
    assert socket.receive_frame(frame(b"b", Token("u"))) == [Open(b"b", "u", (encode_message(QueryAwareness()),))]


def test_two_sessions_of_one_document_are_two() -> None:
    """The whole key counts, the session's id included."""
    socket = Multiplex()
    for name in (b"a\0one", b"a\0two", b"a"):
        assert socket.receive_frame(frame(name, Token("t"))) == [Open(name, "t", ())]
    assert set(socket.open) == {b"a\0one", b"a\0two", b"a"}


def test_a_document_that_was_left_can_begin_again() -> None:
    """After Close its name is unknown, whether it was open or waiting."""
    socket = Multiplex()
    socket.receive_frame(frame(b"a", Token("t")))
    assert socket.receive_frame(frame(b"a", CloseDocument())) == [Leave(b"a")]
    socket.receive_frame(frame(b"a", SyncStep1(b"\x00")))
    assert socket.receive_frame(frame(b"a", CloseDocument())) == []
    assert socket.receive_frame(frame(b"a", Token("t"))) == [Open(b"a", "t", ())]
    socket.closed(b"a")
    assert socket.receive_frame(frame(b"a", Token("t"))) == [Open(b"a", "t", ())]


def test_a_ping_of_the_connection_is_answered() -> None:
    """It names no document."""
    assert Multiplex().receive_frame(PING) == [Reply(PONG)]
    assert Multiplex().receive_frame(PONG) == []


def refused(socket: Multiplex, sent: bytes) -> str:
    with pytest.raises(WireError) as error:
        socket.receive_frame(sent)
    return error.value.code


def test_what_waits_is_bounded_for_the_whole_connection() -> None:
    """Neither many messages, nor many bytes, nor many documents can be left waiting; what was released counts no more."""
    socket = Multiplex()
    for n in range(UNAUTHENTICATED_MESSAGES_MAX):
        socket.receive_frame(frame(b"%d" % (n % 50), QueryAwareness()))
    assert refused(socket, frame(b"0", QueryAwareness())) == "unauthenticated"
    socket.receive_frame(frame(b"0", Token("t")))
    socket.receive_frame(frame(b"1", QueryAwareness()))

    socket, half = Multiplex(), SyncUpdate(bytes(FRAME_BYTES_MAX // 2))
    for _ in range(UNAUTHENTICATED_BYTES_MAX // (FRAME_BYTES_MAX // 2)):
        socket.receive_frame(frame(b"a", half))
    assert refused(socket, frame(b"b", half)) == "unauthenticated"
    socket.receive_frame(frame(b"a", CloseDocument()))
    socket.receive_frame(frame(b"b", half))


@pytest.mark.parametrize("message", [Token("t"), QueryAwareness()])
def test_a_connection_has_a_bounded_number_of_documents(message: HocuspocusMessage) -> None:
    """Those that wait and those that are open count alike."""
    socket = Multiplex()
    for n in range(DOCUMENTS_PER_SOCKET_MAX):
        socket.receive_frame(frame(b"%d" % n, message))
    assert refused(socket, frame(b"one more", message)) == "too_many_documents"
    socket.receive_frame(frame(b"0", Token("t")))


@given(st.lists(st.binary(max_size=30)))
def test_junk_is_only_ever_a_wire_error(frames: list[bytes]) -> None:
    """Whatever arrives, it is sorted or refused."""
    socket = Multiplex()
    for one in frames:
        with contextlib.suppress(WireError):
            socket.receive_frame(one)
