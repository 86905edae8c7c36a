"""With tokens, nobody is let in, and nobody stays, beyond what a token grants: on every way into the server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from websockets.asyncio.client import connect as dial
from websockets.exceptions import ConnectionClosed

from accordant import Engine
from accordant.sync.server import app
from accordant.sync.server.protocol import DirectProtocol
from accordant.sync.server.tokens import create, revoke
from accordant.sync.wire import SyncStep1, encode_message
from accordant.types.access import READ, Allowance, Grant, Principal
from worlds import in_loop

STEP_1 = encode_message(SyncStep1(b"\x00"))
BRIEF = "acme/task/q3/brief"


@asynccontextmanager
async def guarded_server(keys: Path) -> AsyncIterator[str]:
    """A server that asks for tokens; yields `HOST:PORT`."""
    async with Engine() as engine:
        config = uvicorn.Config(
            app(engine, token_file=keys), port=0, ws=DirectProtocol, log_level="debug", log_config=None
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn sets no event
            await asyncio.sleep(0.01)
        try:
            yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def made(keys: Path, *allow: Allowance) -> tuple[str, str]:
    """A token for acme/task/q3."""
    grant = Grant((("acme", "task", "q3"),), allow or None)
    return create(keys, Principal("triage", grant=grant), 1)


async def closed_with(url: str) -> tuple[int, str]:
    """How a y-websocket peer is sent away."""
    async with dial(url) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await socket.send(STEP_1)
            while True:
                await asyncio.wait_for(socket.recv(), 5)
        return closed.value.rcvd.code, closed.value.rcvd.reason.partition(":")[0]  # type: ignore[union-attr]


@in_loop
async def test_websockets_without_a_good_token_are_closed(keys: Path) -> None:
    """None, a bad one, another agent's name, another namespace, a part of the document: 4401 or 4422, each with its code."""
    token, _ = made(keys)
    part, _ = made(keys, Allowance("draft", frozenset({READ})))
    async with guarded_server(keys) as at:
        url = f"ws://{at}/sync/"
        assert await closed_with(url + BRIEF) == (4401, "no_token")
        assert await closed_with(url + BRIEF + "?token=junk") == (4401, "bad_token_shown")
        assert await closed_with(url + f"{BRIEF}?agent=boss&token={token}") == (4401, "not_your_name")
        assert await closed_with(url + f"acme/task/q/brief?token={token}") == (4401, "no_grant")
        assert await closed_with(url + f"acme/task/q33/brief?token={token}") == (4401, "no_grant")
        assert (await closed_with(url + f"{BRIEF}?token={part}"))[1] == "partial_reader"


@in_loop
async def test_http_asks_for_a_token(keys: Path) -> None:
    """401 with the scheme; another namespace is 403 whether or not the document exists."""
    token, _ = made(keys)
    async with guarded_server(keys) as at, httpx.AsyncClient(base_url=f"http://{at}/documents/") as http:
        answer = await http.get(BRIEF)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        bearer = {"Authorization": f"Bearer {token}"}
        assert (await http.get("acme/task/q4/brief", headers=bearer)).json()["code"] == "no_grant"
        assert (await http.get(BRIEF, headers=bearer)).status_code == 404


@in_loop
async def test_revocation_ends_a_living_connection(keys: Path) -> None:
    """Within a second or so, with 4401."""
    token, token_id = made(keys)
    async with guarded_server(keys) as at, dial(f"ws://{at}/sync/{BRIEF}?token={token}") as socket:
        await socket.send(STEP_1)
        await socket.recv()
        revoke(keys, token_id)
        with pytest.raises(ConnectionClosed) as closed:
            async with asyncio.timeout(3):
                while True:
                    await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401


@in_loop
async def test_no_token_is_ever_logged(keys: Path, caplog: Any) -> None:
    """Not even where everything is logged: the server's own loggers say nothing of a query."""
    token, _ = made(keys)
    caplog.set_level(logging.DEBUG)
    for name in ("websockets.client", "httpx", "httpcore"):  # the test's own side
        logging.getLogger(name).setLevel(logging.WARNING)
    async with guarded_server(keys) as at, dial(f"ws://{at}/sync/{BRIEF}?token={token}") as socket:
        await socket.send(STEP_1)
        await socket.recv()
    assert "token=[hidden]" in caplog.text
    assert token not in caplog.text
