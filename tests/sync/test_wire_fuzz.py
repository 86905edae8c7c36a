"""Frames that were right once, bent at random: whatever reads them gives a value or a `WireError`, soon and in little memory."""

from __future__ import annotations

import contextlib
import json
import random
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from accordant.sync import session as s
from accordant.sync.client_session import ClientSession
from accordant.sync.hocuspocus import decode_message, speaks_hocuspocus, split_name
from accordant.sync.hocuspocus_session import HocuspocusSession
from accordant.sync.messages import Hello, Welcome
from accordant.sync.multiplex import Multiplex
from accordant.sync.patience import writer_of
from accordant.sync.wire import Awareness, AwarenessState, Own, OwnType, decode_frame, encode_varint, sized
from accordant.sync.wire import encode_message as encode_plain
from accordant.types.errors import WireError
from accordant.types.limits import AWARENESS_BYTES_MAX, FRAME_BYTES_MAX, JSON_VALUES_MAX
from accordant.types.regions import Schema

GOLDEN = Path(__file__).parent / "golden"
ROUNDS = 4_000
WELCOME = Welcome("s", "secret", 1, 1, "i", 5, Schema.open(), False, 30.0)
NASTY = [
    b"",
    b"\x00",
    b"\xff" * 8 + b"\x0f",
    encode_varint(2**53 - 1),
    b"\xff\xff\xff\xff\xff\xff\xff\xff\x0f",  # 2^60 and more
    b"\x80\x80\x80\x80\x80\x80\x80\x00",
    b"[" * 200,
    b'{"":' * 60,
    b"\\ud800",
    b"\xed\xa0\x80",
    b"1e999",
    b"9" * 5000,
    b"\0" * 20,
    "\u202e\ufeff".encode(),
]


def corpus() -> list[bytes]:
    """Real frames, and one of each of our own."""
    found: list[bytes] = []

    def gather(value: Any) -> None:
        for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]:
            if isinstance(one, str):
                found.append(bytes.fromhex(one))
            else:
                gather(one)

    for file in sorted(GOLDEN.glob("*.json")):
        gather(json.loads(file.read_text(encoding="utf-8")))
    call = {"id": 1, "method": "ask", "body": {"region": "draft", "kind": "text"}}
    bodies = {OwnType.HELLO: Hello("ada").to_json(), OwnType.WELCOME: WELCOME.to_json(), OwnType.CALL: call}
    return found + [encode_plain(Own(kind, bodies.get(kind, {"version": 1, "count": 1}))) for kind in OwnType]


def bent(rng: random.Random, frames: list[bytes]) -> bytes:
    """A frame with a few changes: cut, doubled, joined, a byte changed, something nasty in the middle."""
    frame = bytearray(rng.choice(frames))
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, len(frame))
        match rng.randint(0, 5):
            case 0 if frame:
                frame[at - 1] = rng.randrange(256)
            case 1:
                del frame[at : at + rng.randint(1, 8)]
            case 2:
                frame[at:at] = rng.choice(NASTY)
            case 3:
                frame[at:at] = frame[: rng.randint(0, len(frame))]
            case 4:
                frame += rng.choice(frames)
            case _ if frame:
                frame[at - 1] ^= 1 << rng.randrange(8)
    return bytes(frame)


def of_a_member(frame: bytes) -> None:
    peer = s.PeerSession()
    peer.receive_frame(encode_plain(Own(OwnType.HELLO, Hello("ada").to_json())))
    peer.welcomed(WELCOME)
    peer.receive_frame(frame)


def of_a_newcomer(frame: bytes) -> None:
    peer = s.PeerSession()
    for action in peer.receive_frame(frame):
        if isinstance(action, s.Join):
            peer.joined()
        if isinstance(action, s.Greet):
            peer.welcomed(WELCOME)


def of_a_provider(frame: bytes) -> None:
    peer = HocuspocusSession()
    peer.opened()
    peer.joined()
    peer.receive_frame(frame)


def of_the_server(frame: bytes) -> None:
    for is_ready in (False, True):
        client = ClientSession(Hello("ada"))
        client.opened()
        if is_ready:
            client.receive_frame(encode_plain(Own(OwnType.WELCOME, WELCOME.to_json())))
        client.receive_frame(frame)


def of_many_documents(frame: bytes) -> None:
    socket = Multiplex()
    for _ in range(2):
        socket.receive_frame(frame)


def by_name(frame: bytes) -> None:
    decode_message(split_name(frame)[1])


READERS: list[Callable[[bytes], Any]] = [
    decode_frame,
    speaks_hocuspocus,
    by_name,
    decode_message,
    writer_of,
    of_a_member,
    of_a_newcomer,
    of_a_provider,
    of_the_server,
    of_many_documents,
]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_bent_frames_only_raise_wire_errors(reader: Callable[[bytes], Any]) -> None:
    """Thousands of them, the same each time: a decoder raises `WireError`, a machine nothing at all."""
    rng, frames = random.Random(reader.__name__), corpus()
    for round_ in range(ROUNDS):
        frame = bent(rng, frames)
        begun = time.perf_counter()
        try:
            with contextlib.suppress(WireError):
                reader(frame)
        except Exception as error:
            raise AssertionError(f"{reader.__name__}, round {round_}: {frame.hex()}") from error
        assert time.perf_counter() - begun < 2.0


LIES = {
    "length": b"\x00\x02" + encode_varint(2**53 - 1) + b"x",
    "plausible_length": b"\x00\x02" + encode_varint(4_000_000) + b"x",
    "text_length": b"\x70" + encode_varint(2**40) + b"{}",
    "vector_count": b"\x00\x00" + sized(encode_varint(2**53 - 1) + b"\x01\x01" * 100),
    "presence_count": b"\x01" + sized(encode_varint(2**53 - 1)),
    "presence_length": b"\x01" + sized(b"\x01\x01\x01" + encode_varint(2**40)),
    "deep_presence": encode_plain(Awareness((AwarenessState(1, 1, "[" * AWARENESS_BYTES_MAX),))),
    "deep_own": b"\x70" + sized(b'{"a":' * 800_000),
    "long_number": b"\x70" + sized(b'{"a":' + b"9" * 4_000_000 + b"}"),
    "long_name": encode_varint(2**40) + b"x" * 100,
}


@pytest.mark.parametrize("frame", LIES.values(), ids=LIES)
def test_lies_about_size_cost_little(frame: bytes) -> None:
    """What a length or a count promises is not made room for, and nesting and digits do not hang the reader."""
    for reader in (decode_frame, by_name, speaks_hocuspocus):
        begun = time.perf_counter()
        tracemalloc.start()
        with contextlib.suppress(WireError):
            reader(frame)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 4 * len(frame) + 200_000
        assert time.perf_counter() - begun < 5.0
    with pytest.raises(WireError):
        decode_frame(frame)


def test_a_message_of_very_many_values_is_refused() -> None:
    """Four bytes of JSON would become a hundred in memory; but a long text full of commas is one value."""
    many = b'{"a":[' + b"[]," * JSON_VALUES_MAX + b"[]]}"
    assert len(many) < FRAME_BYTES_MAX
    with pytest.raises(WireError) as refused:
        decode_frame(b"\x70" + sized(many))
    assert refused.value.code == "too_large"
    text = json.dumps({"a": "[,{" * JSON_VALUES_MAX})
    assert decode_frame(b"\x70" + sized(text.encode()))


@pytest.mark.parametrize("escaped", ["\\ud800", "\\uDC00x", "a\\ud83d"])
def test_half_a_character_is_refused_in_our_own_messages(escaped: str) -> None:
    """A lone surrogate could not be told back, not even in an error; a whole pair is a character."""
    with pytest.raises(WireError) as refused:
        decode_frame(b"\x70" + sized(f'{{"a":"{escaped}"}}'.encode()))
    assert refused.value.code == "not_unicode"
    assert decode_frame(b"\x70" + sized(b'{"a":"\\ud83d\\ude00"}')) == [Own(OwnType.CALL, {"a": "\U0001f600"})]


def test_a_number_beyond_all_numbers_is_refused() -> None:
    """JSON allows 1e999, which no peer could read back."""
    with pytest.raises(WireError):
        decode_frame(b"\x70" + sized(b'{"a":1e999}'))


def test_a_nul_in_a_hello_is_turned_away() -> None:
    """Names with NUL, controls or separators never become an agent."""
    for agent in ("a\0b", "a/b", "..", "a\u202eb", "\u0000"):
        peer = s.PeerSession()
        told, close = peer.receive_frame(encode_plain(Own(OwnType.HELLO, Hello("ada").to_json() | {"agent": agent})))
        assert isinstance(told, s.Send)
        assert isinstance(close, s.Close)
