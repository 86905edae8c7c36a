"""Hocuspocus' bytes: read and written both ways, one dialect told from the other, and junk is only ever a `WireError`."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from accordant.sync.hocuspocus import (
    PING,
    Authenticated,
    CloseDocument,
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
    document_in,
    encode_message,
    name_prefix,
    speaks_hocuspocus,
    split_name,
)
from accordant.sync.wire import (
    Awareness,
    AwarenessState,
    Own,
    OwnType,
    QueryAwareness,
    SyncStep1,
    SyncStep2,
    SyncUpdate,
    WireMessage,
    encode_varint,
)
from accordant.sync.wire import encode_message as encode_plain
from accordant.types.errors import WireError
from accordant.types.limits import DOCUMENT_NAME_BYTES_MAX, FRAME_BYTES_MAX, STATELESS_BYTES_MAX, TOKEN_BYTES_MAX

names = st.text(min_size=1, max_size=200).filter(lambda name: bool(name.partition("\0")[0].strip()))
presences = st.builds(AwarenessState, st.integers(0, 2**53 - 1), st.integers(0, 2**53 - 1), st.just('{"a":[1]}'))
sync_messages = st.one_of(
    st.just(SyncStep1(b"\x00")), st.builds(SyncStep2, st.binary(max_size=40)), st.builds(SyncUpdate, st.binary())
)
messages: st.SearchStrategy[HocuspocusMessage] = st.one_of(
    sync_messages,
    st.builds(SyncReply, sync_messages),
    st.builds(Awareness, st.lists(presences, max_size=3).map(tuple)),
    st.just(QueryAwareness()),
    st.builds(Token, st.text(), st.none() | st.text(max_size=20)),
    st.just(TokenRequest()),
    st.builds(PermissionDenied, st.text()),
    st.builds(Authenticated, st.booleans()),
    st.builds(Stateless, st.text()),
    st.builds(CloseDocument, st.none() | st.text()),
    st.builds(SyncStatus, st.booleans()),
    st.sampled_from((Ping(), Pong())),
)
plain_frames: st.SearchStrategy[WireMessage] = st.one_of(
    sync_messages,
    st.builds(Awareness, st.lists(presences, max_size=3).map(tuple)),
    st.just(QueryAwareness()),
    st.builds(Own, st.just(OwnType.HELLO), st.dictionaries(st.text(max_size=40), st.text(max_size=200), max_size=4)),
)


@given(names, messages)
def test_what_is_written_is_read_back(name: str, message: HocuspocusMessage) -> None:
    """Any message about any document arrives as it was, under the very same name."""
    written, body = split_name(name_prefix(name.encode()) + encode_message(message))
    assert written.decode() == name
    assert decode_message(body) == message


def test_a_session_id_is_part_of_the_key_and_not_of_the_document() -> None:
    """`name NUL session` means the document `name`, and is kept whole for the answers."""
    name, _ = split_name(name_prefix(b"acme/task/q3/brief\0k3v9") + PING)
    assert (name, document_in(name)) == (b"acme/task/q3/brief\0k3v9", "acme/task/q3/brief")


# -- which dialect -------------------------------------------------------------------------------------------------


@given(names, messages)
@example("x" * 110, SyncUpdate(b"\x00\x00"))  # the name's length is our Hello's type
@example("a", Token("eyJhbGciOiJIUzI1NiJ9.e30.abc", "4.8.0"))  # and here Awareness'
@example("ab", Token("", None))
@example("abc", Token("", None))
@example("acme/task/q3/brief\0k3v9", SyncStep1(b"\x00"))
def test_a_provider_is_told_by_its_first_frame(name: str, message: HocuspocusMessage) -> None:
    """Whatever a provider sends first, about whatever document, it is Hocuspocus."""
    assert speaks_hocuspocus(name_prefix(name.encode()) + encode_message(message))


@given(plain_frames)
@example(Own(OwnType.HELLO, {"agent": "a" * 300}))
@example(Awareness((AwarenessState(300, 1, '{"name":"Ada"}'),)))
def test_a_yjs_peer_or_a_client_of_ours_is_not(message: WireMessage) -> None:
    """Whatever they send first, it is not taken for Hocuspocus, awareness and a long Hello included."""
    assert not speaks_hocuspocus(encode_plain(message))


def test_a_hello_that_ends_like_a_pong_is_a_hello() -> None:
    """The 110 bytes behind Hello's type could be a name and the line feed behind them a pong: it is read as Hello first."""
    body = b'{"protocol":1,"agent":"' + b"a" * 84 + b'"}\n'
    frame = b"\x6e" + encode_varint(len(body)) + body
    assert len(frame) == 112
    assert split_name(frame)[1] == b"\x0a"
    assert not speaks_hocuspocus(frame)


@given(st.binary(max_size=200))
def test_junk_is_of_no_dialect(junk: bytes) -> None:
    """Asking for the dialect never raises, and says yes only to what decodes."""
    if speaks_hocuspocus(junk) and len(junk) > 1:
        assert decode_message(split_name(junk)[1])


# -- junk ----------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=200))
@example(b"\x02\x00\xff\xff\xff\xff\xff\xff\xff\x0f")
@example(b"\x01\x0d\x01\x01\x01\x0a[[[[[[[[[[")
def test_junk_is_only_ever_a_wire_error(junk: bytes) -> None:
    """Whatever the bytes are, decoding gives a message or raises `WireError`."""
    with contextlib.suppress(WireError):
        assert decode_message(junk)
    with contextlib.suppress(WireError):
        assert split_name(junk)


@given(names, messages, st.data())
def test_a_cut_frame_is_refused_or_a_shorter_message(
    name: str, message: HocuspocusMessage, data: st.DataObject
) -> None:
    """No beginning of a message is mistaken for it; only what has an optional end has a beginning that is a message."""
    frame = encode_message(message)
    cut = frame[: data.draw(st.integers(0, len(frame) - 1))]
    with contextlib.suppress(WireError):
        assert decode_message(cut) != message
        assert isinstance(message, Token | CloseDocument)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"", "truncated"),
        (b"\x00\x03", "bad_name"),
        (b"\x01 \x03", "bad_name"),
        (b"\x02\x00x\x03", "bad_name"),  # nothing stands before the session id
        (b"\x01\xff\x03", "not_unicode"),
        (b"\x05ab", "truncated"),
        (encode_varint(DOCUMENT_NAME_BYTES_MAX + 1) + b"x" * (DOCUMENT_NAME_BYTES_MAX + 1), "too_large"),
        (b"\x01x", "truncated"),
        (b"\x01x\x06\x00", "unknown_message"),  # between Hocuspocus' own servers only
        (b"\x01x\x0b", "unknown_message"),
        (b"\x01x\x6e\x02{}", "unknown_message"),  # our own messages have no place in this dialect
        (b"\x01x\x02\x03", "unknown_message"),
        (b"\x01x\x02\x02\x05admin", "unknown_message"),
        (b"\x01x\x03\x03", "trailing_bytes"),
        (b"\x01x\x08\x02", "number_range"),
        (b"\x01x\x00\x03\x00", "unknown_message"),
        (b"\x01x\x05" + encode_varint(STATELESS_BYTES_MAX + 1) + bytes(STATELESS_BYTES_MAX + 1), "too_large"),
        (b"\x01x\x02\x00" + encode_varint(TOKEN_BYTES_MAX + 1) + bytes(TOKEN_BYTES_MAX + 1), "too_large"),
        (b"\x01x\x00\x02" + encode_varint(FRAME_BYTES_MAX) + bytes(FRAME_BYTES_MAX), "too_large"),
    ],
)
def test_each_defect_has_its_code(frame: bytes, code: str) -> None:
    """A malformed frame is refused with a code that says what is wrong with it."""
    with pytest.raises(WireError) as refused:
        decode_message(split_name(frame)[1])
    assert refused.value.code == code
