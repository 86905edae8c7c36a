"""The wire's bytes: equal to those of real y-protocols, in both directions, and junk is only ever a `WireError`."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from accordant.sync.wire import (
    AuthDenied,
    Awareness,
    AwarenessState,
    Bytes,
    Own,
    OwnType,
    QueryAwareness,
    SyncStep1,
    SyncStep2,
    SyncUpdate,
    WireMessage,
    decode_frame,
    encode_message,
    encode_varint,
    lone_update,
)
from accordant.types.errors import Invalid, WireError
from accordant.types.limits import AWARENESS_BYTES_MAX, CLIENT_ID_MAX, FRAME_BYTES_MAX, MESSAGES_PER_FRAME_MAX
from node_tools import NodeRun

NUMBERS = [0, 1, 127, 128, 300, 16383, 16384, 2**31, 2**32, 2**53 - 1]


@pytest.fixture(scope="module")
def golden(node_run: NodeRun) -> dict[str, Any]:
    """What real y-protocols writes."""
    found: dict[str, Any] = json.loads(node_run("wire_golden.mjs"))
    return found


# -- as real clients write and read --------------------------------------------------------------------------------


def test_numbers_are_written_as_lib0_writes_them(golden: dict[str, Any]) -> None:
    """Every number up to 2^53 - 1 has lib0's bytes, and is read back from them."""
    assert {str(n): encode_varint(n).hex() for n in NUMBERS} == golden["numbers"]
    assert [Bytes(bytes.fromhex(golden["numbers"][str(n)])).varint() for n in NUMBERS] == NUMBERS


def messages(golden: dict[str, Any]) -> dict[str, WireMessage]:
    """The golden frames as we understand them."""
    state, vector = bytes.fromhex(golden["state"]), bytes.fromhex(golden["state_vector"])
    presence = '{"name":"Ada","cursor":[1,2]}'
    return {
        "step1": SyncStep1(vector),
        "step2": SyncStep2(state),
        "update": SyncUpdate(state),
        "awareness": Awareness((AwarenessState(300, 1, presence),)),
        "denied": AuthDenied("nicht für dich"),
        "query": QueryAwareness(),
    }


def test_frames_of_real_clients_are_understood(golden: dict[str, Any]) -> None:
    """Every message that y-protocols writes decodes to its parts."""
    expected = messages(golden)
    assert {name: decode_frame(bytes.fromhex(golden[name])) for name in expected} == {
        name: [message] for name, message in expected.items()
    }


def test_our_frames_are_theirs_byte_for_byte(golden: dict[str, Any]) -> None:
    """Every message that we write has y-protocols' very bytes."""
    expected = messages(golden)
    assert {name: encode_message(message).hex() for name, message in expected.items()} == {
        name: golden[name] for name in expected
    }


def test_real_clients_read_our_frames(golden: dict[str, Any], node_run: NodeRun) -> None:
    """y-protocols applies our updates and presences, answers our step 1, and shows our denial."""
    frames = {name: encode_message(message).hex() for name, message in messages(golden).items()}
    answers = json.loads(node_run("wire_golden.mjs", "read", stdin=json.dumps(frames).encode()))
    assert answers["update"]["text"] == "grün"
    assert answers["awareness"]["300"] == {"name": "Ada", "cursor": [1, 2]}
    assert answers["denied"] == {"reason": "nicht für dich"}
    assert answers["query"] == {"rest": False}
    [reply] = decode_frame(b"\x00" + bytes.fromhex(answers["step1"]["reply"]))
    assert isinstance(reply, SyncStep2)


# -- both ways -----------------------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), lambda inner: st.lists(inner, max_size=3)
)
client_ids = st.integers(0, CLIENT_ID_MAX)
presences = st.builds(AwarenessState, client_ids, st.integers(0, 2**53 - 1), json_values.map(json.dumps))
wire_messages: st.SearchStrategy[WireMessage] = st.one_of(
    st.dictionaries(st.integers(0, 127), st.integers(0, 127)).map(
        lambda known: SyncStep1(bytes([len(known), *(part for pair in known.items() for part in pair)]))
    ),
    st.builds(SyncStep2, st.binary(max_size=50)),
    st.builds(SyncUpdate, st.binary(max_size=50)),
    st.builds(Awareness, st.lists(presences, max_size=3).map(tuple)),
    st.builds(AuthDenied, st.text(max_size=50)),
    st.just(QueryAwareness()),
    st.builds(Own, st.sampled_from(OwnType), st.dictionaries(st.text(max_size=5), json_values, max_size=3)),
)


@given(st.lists(wire_messages, min_size=1, max_size=5))
def test_what_is_written_is_read_back(sent: list[WireMessage]) -> None:
    """Any messages, several in one frame, arrive as they were."""
    assert decode_frame(b"".join(map(encode_message, sent))) == sent


@given(st.binary(max_size=400), st.binary(max_size=3), st.integers(0, 3))
@example(b"", b"", 0)
@example(bytes(127), b"", 0)
@example(bytes(128), b"", 0)
@example(bytes(20_000), b"", 0)
def test_the_short_way_is_the_long_way(update: bytes, behind: bytes, cut: int) -> None:
    """A lone update, whole, cut or with something behind it, is read as it would be behind another message."""
    frame = (encode_message(SyncUpdate(update)) + behind)[: -cut or None]
    lone = lone_update(frame)
    try:
        long = decode_frame(encode_message(QueryAwareness()) + frame)[1:]
    except WireError:
        assert lone is None
    else:
        assert lone is None or [lone] == long
    if not behind and not cut and 0 < len(update) < 16_384:
        assert lone == SyncUpdate(update)


@pytest.mark.parametrize(
    "frame", [b"\x00\x02\x80\x00", b"\x00\x02\x81\x00x", b"\x00\x02\x02x", b"\x00\x02", b"\x00\x02\x80"]
)
def test_the_short_way_accepts_nothing_that_is_malformed(frame: bytes) -> None:
    """Overlong and truncated sizes are left to the long way, which refuses them."""
    assert lone_update(frame) is None
    with pytest.raises(WireError):
        decode_frame(frame)


# -- junk ----------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=200))
@example(b"")
@example(b"\x70\x08[[[[[[[[")
@example(b"\x70\x90N" + b"[" * 10_000)  # nested deeper than Python's parser goes
@example(b'\x70\x0a{"a": NaN}')
@example(b"\x01\x05\x01\x01\x01\x01[")
@example(b"\x00\x00\x05\xff\xff\xff\xff\x7f")
def test_junk_is_only_ever_a_wire_error(junk: bytes) -> None:
    """Whatever the bytes are, decoding gives messages or raises `WireError`."""
    with contextlib.suppress(WireError):
        assert decode_frame(junk)


@given(wire_messages, st.data())
def test_a_cut_frame_is_refused(message: WireMessage, data: st.DataObject) -> None:
    """No beginning of a message is mistaken for a message."""
    frame = encode_message(message)
    cut = data.draw(st.integers(0, len(frame) - 1))
    with pytest.raises(WireError):
        decode_frame(frame[:cut])


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x80\x00\x00\x01\x00", "overlong"),  # 0 in two bytes: two spellings of one message type
        (b"\xff\xff\xff\xff\xff\xff\xff\x1f", "number_range"),  # 2^53 and more
        (b"\xff" * 9, "number_range"),
        (b"\x04", "unknown_message"),
        (b"\x66\x01\x00", "unknown_message"),  # y-sweet's 102 means nothing here
        (b"\x00\x03\x00", "unknown_message"),
        (b"\x02\x01", "unknown_message"),
        (b"\x00\x02\x05ab", "truncated"),
        (b"\x00\x00\x02\x00\x00", "trailing_bytes"),  # a state vector with more than it says
        (b"\x00\x00\x03\x01\x01", "truncated"),
        (b"\x01\x02\x00\x00", "trailing_bytes"),
        (b"\x01\x06\x01\x01\x01\x02\xff\xff", "not_unicode"),
        (b"\x70\x02[]", "not_json"),  # our bodies are objects
        (encode_message(QueryAwareness()) * (MESSAGES_PER_FRAME_MAX + 1), "too_many_messages"),
        (b"\x00\x02" + encode_varint(FRAME_BYTES_MAX) + bytes(FRAME_BYTES_MAX), "too_large"),
    ],
)
def test_each_defect_has_its_code(frame: bytes, code: str) -> None:
    """A malformed frame is refused with a code that says what is wrong with it."""
    with pytest.raises(WireError) as refused:
        decode_frame(frame)
    assert refused.value.code == code


def test_a_clock_that_the_library_cannot_hold_is_refused() -> None:
    """A state vector reaches the CRDT library only with clocks that it can read."""
    vector = encode_varint(1) + encode_varint(7) + encode_varint(2**32)
    with pytest.raises(WireError, match="beyond"):
        decode_frame(encode_message(SyncStep1(vector)))


def test_a_large_presence_is_refused() -> None:
    """One awareness state is a cursor and a name, not a file."""
    large = Awareness((AwarenessState(1, 1, json.dumps("x" * AWARENESS_BYTES_MAX)),))
    with pytest.raises(WireError, match="at most"):
        decode_frame(encode_message(large))


@pytest.mark.parametrize("make", [lambda: float("nan"), object, lambda: "\ud800"], ids=["nan", "object", "surrogate"])
def test_what_json_cannot_carry_is_invalid(make: Callable[[], Any]) -> None:
    """A value of our own that cannot travel is the caller's mistake, told before anything is sent."""
    with pytest.raises(Invalid):
        encode_message(Own(OwnType.CALL, {"value": make()}))
