"""With tokens, nobody is let in, and nobody stays, beyond what a token grants: on every way into the server."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import uvicorn
from websockets.asyncio.client import connect as dial
from websockets.exceptions import ConnectionClosed

from accordant import AccordantError, Denied, Document, Engine, Log, Namespace, Text, connect
from accordant.sync.server import app, application, hocuspocus
from accordant.sync.server.protocol import DirectProtocol
from accordant.sync.server.tokens import TokenFile, create, revoke
from accordant.sync.wire import SyncStep1, encode_message
from accordant.types.access import READ, Allowance, Grant, Principal
from accordant.types.entries import Auth
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


def signed(keys: Path, **changes: Any) -> str:
    """A token with our key and claims of our own."""
    ((kid, secret),) = TokenFile.read(keys).keys.items()
    now = int(time.time())
    said = {"sub": "triage", "jti": "1", "aud": "accordant", "iat": now, "exp": now + 60, "ns": [["acme"]]} | changes
    return jwt.encode(said, secret, algorithm="HS256", headers={"kid": kid})


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
    """Not even where everything is logged: the server's own loggers say nothing of a query or a header."""
    token, _ = made(keys)
    caplog.set_level(logging.DEBUG)
    for name in ("websockets.client", "httpx", "httpcore"):  # the test's own side
        logging.getLogger(name).setLevel(logging.WARNING)
    async with guarded_server(keys) as at, dial(f"ws://{at}/sync/{BRIEF}?token={token}") as socket:
        await socket.send(STEP_1)
        await socket.recv()
        async with connect(None, f"ws://{at}", Namespace.task("acme", "q3"), "brief", agent="triage", token=token):
            pass  # by header
    assert "token=[hidden]" in caplog.text
    assert "authorization: [hidden]" in caplog.text
    assert token.rpartition(".")[2] not in caplog.text


class Brief(Document):
    findings: Log[str]
    draft: Text


@in_loop
async def test_a_bearer_of_some_regions_makes_calls_there_and_nowhere_else(keys: Path) -> None:
    """`connect(token=)` with a part of the document: calls work, a replica is not had, and who wrote it is proven."""
    part, _ = made(keys, Allowance("findings", frozenset({READ, "append"})))
    whole, _ = made(keys)
    async with guarded_server(keys) as at:
        q3, url = Namespace.task("acme", "q3"), f"ws://{at}"
        async with connect(Brief, url, q3, "brief", agent="triage", token=whole) as all_of_it:
            await all_of_it.draft.append("x")
        async with connect(Brief, url, q3, "brief", agent="triage", token=part) as brief:
            await brief.findings.append("found")
            assert (await brief.findings.read()).value == ["found"]
            for attempt in (brief.draft.append("y"), brief.draft.read()):
                with pytest.raises(Denied) as told:
                    await attempt
                assert told.value.code == "no_grant"
            assert set((await brief.outline())["regions"]) == {"findings"}
            assert brief.connected
        with pytest.raises(AccordantError) as told:
            await connect(Brief, url, q3, "brief", agent="boss", token=whole)
        assert told.value.code == "not_your_name"
        async with connect(Brief, url, q3, "brief", agent="triage", token=whole) as all_of_it:
            joins = await all_of_it.history(kind="join")
            assert {entry.auth for entry in joins} == {Auth.TOKEN}
            assert (await all_of_it.draft.read()).value == "x"


@in_loop
async def test_a_read_only_token_reads(keys: Path) -> None:
    """It has a replica, and writes nothing."""
    token, _ = made(keys, Allowance("*", frozenset({READ})))
    owner, _ = made(keys)
    async with guarded_server(keys) as at:
        q3, url = Namespace.task("acme", "q3"), f"ws://{at}"
        async with connect(Brief, url, q3, "brief", agent="triage", token=owner) as brief:
            await brief.findings.append("found")
        async with connect(Brief, url, q3, "brief", agent="triage", token=token) as reader:
            assert (await reader.findings.read()).value == ["found"]
            with pytest.raises(Denied):
                await reader.findings.append("no")


@in_loop
async def test_a_token_that_expires_ends_its_connection(keys: Path) -> None:
    """At its time, within a second or so, with 4401."""
    made(keys)
    token = signed(keys, exp=int(time.time()) + 2, ns=[["acme", "task", "q3"]])
    async with guarded_server(keys) as at, dial(f"ws://{at}/sync/{BRIEF}?token={token}") as socket:
        await socket.send(STEP_1)
        await socket.recv()
        with pytest.raises(ConnectionClosed) as closed:
            async with asyncio.timeout(6):
                while True:
                    await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401


@in_loop
async def test_keys_rotate_while_the_server_runs(keys: Path) -> None:
    """A new key signs, the old one still proves, until it is taken out."""
    old, _ = made(keys)
    async with guarded_server(keys) as at, httpx.AsyncClient(base_url=f"http://{at}/documents/") as http:

        async def status(token: str) -> int:
            return (await http.get(BRIEF, headers={"Authorization": f"Bearer {token}"})).status_code

        known = TokenFile.read(keys)
        replace(known, keys={**known.keys, "next": "n" * 64}).write(keys)
        new, _ = made(keys)
        assert (await status(old), await status(new)) == (404, 404)
        replace(TokenFile.read(keys), keys={"next": "n" * 64}).write(keys)
        assert (await status(old), await status(new)) == (401, 404)


@in_loop
async def test_who_says_nothing_is_let_go(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token and with one, and a Hocuspocus connection that shows none: 4408."""
    monkeypatch.setattr(application, "FIRST_FRAME_MAX_S", 0.4)
    monkeypatch.setattr(hocuspocus, "FIRST_FRAME_MAX_S", 0.4)
    token, _ = made(keys)
    ping = bytes([len(BRIEF)]) + BRIEF.encode() + b"\x09"
    async with guarded_server(keys) as at:
        for path, said in ((BRIEF, b""), (f"{BRIEF}?token={token}", b""), ("", b""), (BRIEF, ping)):
            async with dial(f"ws://{at}/sync/{path}".rstrip("/")) as socket:
                if said:
                    await socket.send(said)
                with pytest.raises(ConnectionClosed) as closed:
                    async with asyncio.timeout(5):
                        while True:
                            await socket.recv()
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 4408, path
