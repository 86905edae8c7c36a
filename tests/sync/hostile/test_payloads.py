"""The whole corpus of hostile updates over the wire, in both dialects: each is refused with a code of its own, and the writers of
the same document never hear of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from accordant.sync.hocuspocus import PermissionDenied, SyncStatus, Token, decode_message, name_prefix, split_name
from accordant.sync.hocuspocus import encode_message as encode_named
from accordant.sync.messages import Hello
from accordant.sync.wire import Own, OwnType, SyncStep2, SyncUpdate, WireMessage, decode_frame, encode_message
from bare_socket import CLOSE, BareSocket, bare_websocket, framed
from honest_pair import DOCUMENT, honest_pair
from processes import ServerProcess
from worlds import in_loop

sys.path.insert(0, str(Path(__file__).parents[2] / "engine" / "hostile"))
from hostile_payloads import ATTACKS, DECLARED, prepare

PARTS = 4
NAMED = name_prefix(DOCUMENT.encode())
ELSEWHERE = {"unknown_reference", "authority_client", "clock_gap", "bad_order", "too_large"}
"""What an update meets first whose target is the authority's: this authority has another id than the corpus', and its frames an
earlier bound."""
UNTYPED = {"values_that_do_not_fit": {"accepted"}}
"""A peer declares kinds and rules, not the types of values: what only a type forbids is let in."""


def updates(part: int) -> Iterator[tuple[str, bytes]]:
    """Every update of the corpus that must be refused in a declared document, dealt to so many tests."""
    names = [name for name, one in ATTACKS.items() if one.codes and not one.is_open and one.setup is None]
    for name in names[part::PARTS]:
        for update in ATTACKS[name].build(prepare()):
            yield name, update


async def member(peer: BareSocket, agent: str) -> None:
    """Say hello, declare the corpus' regions."""
    hello = Hello(agent=agent, shared=True, schema=DECLARED)
    await peer.send(framed(encode_message(Own(OwnType.HELLO, hello.to_json()))))
    said: WireMessage | None = None
    while not isinstance(said, Own):
        [said] = decode_frame((await peer.frame())[1])
    assert said.type is OwnType.WELCOME, said
    await peer.send(
        framed(encode_message(SyncStep2(b"\0\0")))
    )  # nothing more is to come: what is unknown is refused at once
    assert await answer(peer) == "accepted"


async def answer(peer: BareSocket) -> str:
    """The code with which the update was refused, `accepted`, or that of the close frame."""
    while True:
        opcode, payload = await peer.frame()
        if opcode == CLOSE:
            return payload[2:].decode().partition(":")[0]
        for message in decode_frame(payload, 2**30):
            if isinstance(message, Own) and message.type is OwnType.REFUSAL:
                return str(message.body["code"])
            if isinstance(message, Own) and message.type is OwnType.ACK:
                return "accepted"


@pytest.mark.parametrize("part", range(PARTS))
@in_loop
async def test_each_update_of_the_corpus_is_refused_by_name(tmp_path: Path, part: int) -> None:
    """Each meets a document with something of everybody in it, which is as it was afterwards."""
    honest = [update for update in prepare().hub.log[1:]]
    wrong = []
    async with ServerProcess(tmp_path / "s.db", "--durability", "process") as server, honest_pair(server):
        for number, (name, update) in enumerate(updates(part)):
            path = f"/sync/acme/task/q3/d{number}"
            async with bare_websocket(server.port, path) as ann, bare_websocket(server.port, path) as eve:
                await member(ann, "ann")
                await member(eve, "eve")
                for one in honest[:-2]:
                    await ann.send(framed(encode_message(SyncUpdate(one))))
                    assert await answer(ann) == "accepted"
                for one in honest[-2:]:
                    await eve.send(framed(encode_message(SyncUpdate(one))))
                    assert await answer(eve) == "accepted"
                await eve.send(framed(encode_message(SyncUpdate(update))))
                code = await answer(eve)
                if code not in ATTACKS[name].codes | ELSEWHERE | UNTYPED.get(name, set()):
                    wrong.append((name, number, code, ATTACKS[name].codes))
    assert wrong == []


@in_loop
async def test_the_corpus_in_the_midst_of_writers(tmp_path: Path) -> None:
    """By the other dialect, into the very document that is being written: one SyncStatus 0 and the reason for each, and the
    writers converge."""
    told = {True: 0, False: 0}
    sent = [update for part in range(PARTS) for _, update in updates(part) if len(update) < 200_000][::3]
    async with ServerProcess(tmp_path / "s.db", "--durability", "process") as server, honest_pair(server):
        for update in sent:
            async with bare_websocket(server.port, f"/sync/{DOCUMENT}") as peer:
                await peer.send(framed(NAMED + encode_named(Token("", None))))
                await peer.send(framed(NAMED + encode_message(SyncStep2(b"\0\0"))))
                await peer.send(framed(NAMED + encode_message(SyncUpdate(update))))
                first, second = await status(peer), await status(peer)
                assert first
                told[second] += 1
                if not second:
                    assert isinstance(decode_message(split_name((await peer.frame())[1])[1]), PermissionDenied)
    assert told[False] > 0.8 * len(sent), told


async def status(peer: BareSocket) -> bool:
    """What the next SyncStatus says."""
    while True:
        message = decode_message(split_name((await peer.frame())[1])[1])
        if isinstance(message, SyncStatus):
            return message.is_applied
