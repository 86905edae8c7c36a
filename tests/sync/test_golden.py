"""The bytes of real clients and servers, kept in `golden`: read to their parts, written byte for byte, understood by them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from accordant.sync.hocuspocus import (
    PING,
    PONG,
    Authenticated,
    CloseDocument,
    HocuspocusMessage,
    PermissionDenied,
    Stateless,
    SyncStatus,
    Token,
    decode_message,
    encode_message,
    name_prefix,
    speaks_hocuspocus,
    split_name,
)
from accordant.sync.wire import Awareness, AwarenessState, SyncStep1, SyncStep2, SyncUpdate, WireMessage, decode_frame
from accordant.sync.wire import encode_message as encode_plain
from node_tools import NodeRun

GOLDEN = Path(__file__).parent / "golden"
NAME = "acme/task/q3/brief"
VECTOR = bytes.fromhex("01ac0204")
MORE = bytes.fromhex("0101ac020484ac0203012100")
WHOLE = bytes.fromhex("0101ac02000401056472616674066772c3bc6e2100")
NAMELESS_STATE = Awareness((AwarenessState(300, 0, "{}"),))
ADA = Awareness((AwarenessState(300, 1, '{"name":"Ada"}'),))


def kept(name: str) -> Any:
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def named(message: HocuspocusMessage, name: str = NAME) -> str:
    return (name_prefix(name.encode()) + encode_message(message)).hex()


FROM_PROVIDER: dict[str, tuple[str, HocuspocusMessage]] = {
    "token": (NAME, Token("geheim ü", "4.8.0")),
    "step1": (NAME, SyncStep1(VECTOR)),
    "awareness": (NAME, NAMELESS_STATE),
    "presence": (NAME, ADA),
    "update": (NAME, SyncUpdate(MORE)),
    "stateless": (NAME, Stateless("hallo")),
    "step2": (NAME, SyncStep2(WHOLE)),
    "close": (NAME, CloseDocument()),
    "session_token": (NAME + "\0k3v9", Token("", "4.8.0")),
    "session_step1": (NAME + "\0k3v9", SyncStep1(VECTOR)),
}
FROM_SERVER: dict[str, list[str]] = {
    "authenticated": [named(Authenticated(False))],
    "step1": [named(SyncStep1(b"\x00")), named(SyncStep2(b"\x00\x00"))],
    "update": [named(SyncStatus(True))],
    "close": [named(CloseDocument("provider_initiated"))],
    "denied": [named(PermissionDenied("nicht für dich"), "d2")],
    "reader": [named(Authenticated(True), "d3")],
    "reader_update": [named(SyncStatus(False), "d3")],
}
FROM_Y_WEBSOCKET: dict[str, WireMessage] = {
    "step1": SyncStep1(VECTOR),
    "awareness": NAMELESS_STATE,
    "update": SyncUpdate(MORE),
    "step2": SyncStep2(WHOLE),
    "presence": ADA,
    "everyone": ADA,
}


def test_frames_of_the_real_provider_are_understood() -> None:
    """Every message that Hocuspocus' provider sends decodes to its parts, and tells its dialect."""
    golden = kept("hocuspocus_provider")
    assert bytes.fromhex(golden.pop("pong")) == PONG
    found = {}
    for name, frame in golden.items():
        document, body = split_name(bytes.fromhex(frame))
        found[name] = (document.decode(), decode_message(body))
        assert speaks_hocuspocus(bytes.fromhex(frame))
    assert found == FROM_PROVIDER


def test_a_provider_made_of_our_messages_has_its_bytes() -> None:
    """Written by us, the provider's messages have its very bytes."""
    golden = kept("hocuspocus_provider")
    del golden["pong"]
    assert {name: named(message, document) for name, (document, message) in FROM_PROVIDER.items()} == golden


def test_our_server_has_the_bytes_of_theirs() -> None:
    """Every kind of answer that Hocuspocus' server gave has the bytes that we write."""
    assert kept("hocuspocus_server") == FROM_SERVER


def test_frames_of_the_real_y_websocket_are_understood_and_ours() -> None:
    """What its provider sends decodes to its parts, has the bytes that we write, and is not taken for Hocuspocus."""
    golden = kept("y_protocols")["y_websocket"]
    assert {name: decode_frame(bytes.fromhex(frame)) for name, frame in golden.items()} == {
        name: [message] for name, message in FROM_Y_WEBSOCKET.items()
    }
    assert {name: encode_plain(message).hex() for name, message in FROM_Y_WEBSOCKET.items()} == golden
    assert not any(speaks_hocuspocus(bytes.fromhex(frame)) for frame in golden.values())


@pytest.mark.parametrize(
    ("script", "name"), [("wire_golden.mjs", "y_protocols"), ("hocuspocus_golden.mjs", "hocuspocus_provider")]
)
def test_what_is_kept_is_what_they_write_today(script: str, name: str, node_run: NodeRun) -> None:
    """The installed packages write the very bytes that are kept."""
    assert json.loads(node_run(script)) == kept(name)


def test_the_real_provider_reads_our_frames(node_run: NodeRun) -> None:
    """It is authenticated, answers our step 1, applies our updates, counts our statuses, and hears why it was closed."""
    vector = named(SyncStep1(b"\x00"))
    frames = [
        named(Authenticated(False)),
        vector,
        named(SyncStatus(True)),
        named(SyncUpdate(WHOLE)),
        named(ADA),
        named(SyncStatus(False)),
        named(PermissionDenied("nicht für dich")),
        named(CloseDocument("nicht für dich")),
        PING.hex(),
        named(SyncUpdate(MORE), "somebody else's"),
        encode_plain(SyncStep1(b"\x00")).hex(),  # what one that is silent at first is sent
    ]
    answers = json.loads(node_run("hocuspocus_golden.mjs", "read", stdin=json.dumps(frames).encode()))
    seen = [dict(answer["seen"]) for answer in answers]
    assert seen[0] == {"authenticated": "read-write"}
    [reply] = answers[1]["sent"]
    assert isinstance(decode_message(split_name(bytes.fromhex(reply))[1]), SyncStep2)
    assert seen[2] == {"unsynced": 0, "synced": True}
    assert answers[3]["text"] == "grün!"
    assert seen[5] == {}  # not applied: the count stays
    assert seen[6] == {"denied": "nicht für dich"}
    assert seen[7]["close"] == "nicht für dich"
    assert answers[8]["sent"] == [PONG.hex()]
    assert (seen[9], answers[9]["sent"]) == ({}, [])
    assert (seen[10], answers[10]["sent"]) == ({}, [])
