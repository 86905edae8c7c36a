"""More connections than there may be: each one too many has its typed answer, and who is here goes on."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from accordant.types.limits import PEERS_PER_DOCUMENT_MAX
from bare_socket import BareSocket, bare_socket, framed
from honest_pair import honest_pair
from processes import ServerProcess, eventually
from served import until
from worlds import in_loop

ROOM = "/sync/acme/task/q3/brief"
STEP_1 = framed(b"\x00\x00\x01\x00")


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        (("--max-connections", "12"), 503, "server_full"),
        (("--max-per-address", "10"), 429, "too_many_connections"),
        (("--max-arrivals", "2"), 429, "too_many_requests"),
    ],
)
@in_loop
async def test_one_too_many_is_told_so(tmp_path: Path, options: tuple[str, ...], status: int, code: str) -> None:
    """By HTTP before any handshake, with Retry-After; who is in stays, and a place that becomes free is taken again."""
    async with ServerProcess(tmp_path / "s.db", *options) as server, AsyncExitStack() as stack:
        inside: list[BareSocket] = []
        refused: tuple[int, dict[str, str], bytes] | None = None
        while refused is None and len(inside) < 20:
            peer = await stack.enter_async_context(bare_socket(server.port, "127.0.0.7"))
            await peer.send(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            answer = await peer.answer()
            if answer[0] == 200:
                inside.append(peer)
            else:
                refused = answer
        assert refused is not None
        assert (refused[0], refused[1]["retry-after"]) == (status, "1")
        assert f'"code":"{code}"'.encode() in refused[2]
        assert len(inside) >= 10
        assert await peer.reader.read() == b""  # and the connection is over
        for one in inside:
            one.reset()

        async def comes_in() -> bool:
            async with bare_socket(server.port, "127.0.0.7") as again:
                return await again.upgrade(ROOM) == 101

        await eventually(comes_in, True)


@in_loop
async def test_websockets_count_like_requests(tmp_path: Path) -> None:
    """A socket that became a websocket still counts, and no longer when it is gone."""
    async with ServerProcess(tmp_path / "s.db", "--max-connections", "2") as server:
        for _ in range(3):
            async with (
                bare_socket(server.port) as one,
                bare_socket(server.port) as two,
                bare_socket(server.port) as three,
            ):
                assert [await one.upgrade(ROOM), await two.upgrade(ROOM)] == [101, 101]
                assert await three.problem() == (503, "server_full")
                one.reset()
                two.reset()

            async def answers() -> bool:
                async with httpx.AsyncClient(base_url=server.http, trust_env=False) as client:
                    return (await client.get("/healthz")).status_code == 200

            await eventually(answers, True)


@in_loop
async def test_a_thousand_at_once_in_one_room(tmp_path: Path) -> None:
    """A thousand peers come at once to a document that is being written: those who fit are served, the others are told
    `room_full`, and the writers notice nothing."""
    async with ServerProcess(tmp_path / "s.db") as server, AsyncExitStack() as stack:
        async with honest_pair(server) as account:
            before = server.memory_bytes()
            peers = [await stack.enter_async_context(bare_socket(server.port)) for _ in range(PEERS_PER_DOCUMENT_MAX)]
            statuses = await asyncio.gather(*(peer.upgrade(ROOM) for peer in peers))
            assert statuses == [101] * len(peers)
            await asyncio.gather(*(peer.send(STEP_1) for peer in peers))
            ends = [asyncio.create_task(peer.closed()) for peer in peers]
            await until(lambda: sum(end.done() for end in ends) >= 2)
            gone = [end.result() for end in ends if end.done()]
            assert gone == [(4503, "room_full")] * 2  # the pair has two of the places
            each = (account.memory_bytes - before) / len(peers)
            for end in ends:
                end.cancel()
            await asyncio.gather(*ends, return_exceptions=True)
            for peer in peers:
                peer.reset()
        assert each < 100_000
