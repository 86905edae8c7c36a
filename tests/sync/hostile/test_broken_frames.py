"""What is no websocket, no frame or no message: each offence has its code, all at one running server."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from accordant.sync.messages import Hello
from accordant.sync.server.run import RECEIVE_BYTES_MAX
from accordant.sync.wire import Own, OwnType, encode_message
from accordant.types.limits import FRAGMENTS_PER_MESSAGE_MAX, FRAME_BYTES_MAX, UNAUTHENTICATED_MESSAGES_MAX
from bare_socket import CLOSE, CONTINUED, PING, TEXT, bare_socket, bare_websocket, framed, upgrade_request
from honest_pair import DOCUMENT, honest_pair
from processes import ServerProcess
from worlds import in_loop

MIB = 2**20
STEP_1 = b"\x00\x00\x01\x00"
NAME = bytes([len(DOCUMENT)]) + DOCUMENT.encode()
TOKEN = NAME + b"\x02\x00\x00"
HELLO = encode_message(Own(OwnType.HELLO, Hello(agent="eve", shared=True).to_json()))


def declared(size: int, first: int = 0x82) -> bytes:
    """The head of a frame that says it has so many bytes."""
    return bytes([first]) + b"\xff" + size.to_bytes(8, "big") + bytes(4)


OFFENCES = {
    "2^40 bytes announced": (declared(2**40), 4413, "too_large"),
    "2^63 bytes announced": (declared(2**63), 4413, "too_large"),
    "17 MiB sent": (declared(17 * MIB) + bytes(17 * MIB), 4413, "too_large"),
    "one byte too many": (framed(bytes(FRAME_BYTES_MAX + 1)), 4413, "too_large"),
    "one that is too large even with a name": (framed(bytes(RECEIVE_BYTES_MAX + 1)), 4413, "too_large"),
    "pieces that are too much together": (
        framed(bytes(MIB), final=False) + framed(bytes(MIB), CONTINUED, final=False) * 4,
        4413,
        "too_large",
    ),
    "pieces without anything in them": (
        framed(b"", final=False) + framed(b"", CONTINUED, final=False) * (FRAGMENTS_PER_MESSAGE_MAX + 1),
        4413,
        "too_large",
    ),
    "compressed, though nothing of the kind was agreed": (
        framed(b"\x4b\x04\x00", bits=0x40),
        1002,
        "reserved bits must be 0",
    ),
    "other reserved bits": (framed(STEP_1, bits=0x10), 1002, "reserved bits must be 0"),
    "text": (framed(b"hello", TEXT), 4400, "text_frame"),
    "an opcode that nobody knows": (framed(STEP_1, 3), 1002, "invalid opcode"),
    "another control opcode": (framed(b"", 11), 1002, "invalid opcode"),
    "a ping in pieces": (framed(b"", PING, final=False), 1002, "fragmented control frame"),
    "a ping that is too long": (framed(b"p" * 126, PING), 1002, "control frame too long"),
    "not masked": (b"\x82\x04" + STEP_1, 1002, "incorrect masking"),
    "the rest of nothing": (framed(STEP_1, CONTINUED), 1002, "unexpected continuation frame"),
    "a message inside another": (framed(b"\x00", final=False) + framed(STEP_1), 1002, "expected a continuation frame"),
    "a close code that nobody may send": (framed(b"\x03\xed", CLOSE), 1002, "invalid status code"),
    "a message that nobody knows": (framed(b"\x7f\x00"), 4400, "unknown_message"),
    "half a message": (framed(STEP_1 + b"\x00\x02\x7f"), 4400, "truncated"),
    "nothing": (framed(b""), 4400, "truncated"),
    "a hello that is late": (framed(STEP_1) + framed(HELLO), 4400, "unexpected_message"),
    "hello twice": (framed(HELLO) * 2, 4400, "unexpected_message"),
    "a call without a hello": (framed(STEP_1) + framed(b"\x70\x02{}"), 4400, "unexpected_message"),
    "what only servers say": (framed(STEP_1) + framed(b"\x6f\x02{}"), 4400, "unexpected_message"),
    "Hocuspocus: a status from a client": (framed(TOKEN) + framed(NAME + b"\x08\x01"), 4400, "unexpected_message"),
    "Hocuspocus: a type that nobody knows": (framed(TOKEN) + framed(NAME + b"\x06\x00"), 4400, "unknown_message"),
    "Hocuspocus: too much before a token": (
        framed(NAME + b"\x03") * (UNAUTHENTICATED_MESSAGES_MAX + 1),
        4400,
        "unauthenticated",
    ),
    "Hocuspocus: sessions without end": (
        b"".join(framed(bytes([len(DOCUMENT) + 4]) + DOCUMENT.encode() + b"\0%03d\x02\0\0" % n) for n in range(101)),
        4400,
        "too_many_documents",
    ),
    "Hocuspocus: documents without end": (
        b"".join(framed(bytes([21]) + b"acme/task/q3/x%07d\x02\0\0" % n) for n in range(10_000)),
        4400,
        "too_many_documents",
    ),
}


@in_loop
async def test_every_offence_has_its_code(tmp_path: Path) -> None:
    """One after the other, while two others write the same document; each is told its code and its reason, and 17 MiB that are
    announced are not kept."""
    answers = {}
    async with ServerProcess(tmp_path / "s.db") as server, honest_pair(server, memory_bytes_max=200 * MIB):
        for name, (sent, _, _) in OFFENCES.items():
            at = "/sync" if "documents without" in name else f"/sync/{DOCUMENT}"
            async with bare_websocket(server.port, at) as peer:
                sending = asyncio.create_task(peer.send(sent))
                answers[name] = await peer.closed()
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
    assert answers == {name: (code, reason) for name, (_, code, reason) in OFFENCES.items()}


@in_loop
async def test_lies_that_are_no_offence_come_to_nothing(tmp_path: Path) -> None:
    """A Close of what was never opened, another document's name at a document's own address, and a name that is none: the
    socket stays, and only what the name may mean is answered."""
    async with ServerProcess(tmp_path / "s.db") as server, honest_pair(server):
        async with bare_websocket(server.port) as peer:
            other = b"\x0cacme/task/q4"
            await peer.send(framed(NAME + b"\x07") + framed(b"\x09"))
            assert await peer.frame() == (2, b"\x0a")  # still there
            await peer.send(framed(other + b"\x02\0\0") + framed(other + STEP_1))
            assert (await peer.frame())[1] == other + b"\x02\x02\x0aread-write"  # the address says which document
        async with bare_websocket(server.port, "/sync") as peer:
            for name in (b"acme/task/../q3", b"acme/task/q3/..", b"a", b"acme//q3/x", b"acme/task/q3/e\xcc\x81"):
                prefix = bytes([len(name)]) + name
                await peer.send(framed(prefix + b"\x02\0\0"))
                opcode, answer = await peer.frame()
                assert (opcode, answer.startswith(prefix + b"\x02\x01")) == (2, True), answer


@in_loop
async def test_those_who_do_not_go_on_are_let_go(tmp_path: Path) -> None:
    """Nothing, half a request, half a body, a byte a second, a handshake and nothing: 408 or 4408 after twenty seconds; resets
    leave nothing behind; the writers notice none of it."""
    async with ServerProcess(tmp_path / "s.db") as server, AsyncExitStack() as stack:
        before = server.memory_bytes()
        async with honest_pair(server):
            silent = [await stack.enter_async_context(bare_socket(server.port)) for _ in range(200)]
            half = [await stack.enter_async_context(bare_socket(server.port)) for _ in range(200)]
            quiet = [await stack.enter_async_context(bare_websocket(server.port)) for _ in range(200)]
            slow = await stack.enter_async_context(bare_socket(server.port))
            frame = await stack.enter_async_context(bare_websocket(server.port))
            await frame.send(framed(STEP_1) + declared(4 * MIB) + bytes(100))  # may take longer: two minutes
            for peer in half:
                await peer.send(upgrade_request(f"/sync/{DOCUMENT}")[:-4])

            async def trickle() -> None:
                for byte in upgrade_request(f"/sync/{DOCUMENT}"):
                    await slow.send(bytes([byte]))
                    await asyncio.sleep(1)

            trickling = asyncio.create_task(trickle())
            for _ in range(200):
                async with bare_websocket(server.port) as peer:
                    await peer.send(framed(STEP_1) + framed(STEP_1)[:3])
                    peer.reset()
            assert [await peer.problem() for peer in (*silent, *half, slow)] == [(408, "request_timeout")] * 401
            assert [await peer.closed() for peer in quiet] == [(4408, "silent")] * 200
            trickling.cancel()
            await asyncio.gather(trickling, return_exceptions=True)
            assert not frame.reader.at_eof()
        assert server.memory_bytes() - before < 64 * MIB
