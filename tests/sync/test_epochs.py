"""A document that was created anew, deleted, or restored from a backup: replicas of its former life are told, and not merged.

Unmodified clients in Node against `accordant serve`, as people run them.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from accordant import Document, Engine, EpochChanged, Log, Namespace, Text, connect
from processes import ServerProcess, YjsPeer, eventually
from worlds import in_loop

TASK = Namespace.task("acme", "q3")
PLAIN = ("y-websocket", "y-websocket-2", "hocuspocus")
ROOT = "draft"

pytestmark = pytest.mark.usefixtures("node_bin", "node_modules")


class Brief(Document):
    """A text that peers and agents write."""

    draft: Text
    findings: Log[str]


async def seed(path: Path, text: str) -> None:
    """The document as somebody makes it who does not know the old one."""
    async with Engine(path) as engine:
        brief = await engine.open(Brief, TASK, "brief", agent="seeder")
        await brief.draft.append(text)


async def made_anew(path: Path) -> None:
    """The store file is gone, the document is seeded with the same text."""
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()
    await seed(path, "hello")


async def deleted(path: Path) -> None:
    """The document is gone from the file, which has others, and another one has its name."""
    async with Engine(path) as engine:
        await engine.open(Brief, TASK, "another", agent="seeder")
    with closing(apsw.Connection(str(path))) as connection:
        number = connection.execute("select id from documents where key like '%brief'").get
        for table, column in (("entries", "id >> 40"), ("checkpoints", "document"), ("fields", "document")):
            connection.execute(f"delete from {table} where {column} = ?", (number,))
        connection.execute("delete from filed where entry >> 40 = ?", (number,))
        connection.execute("delete from documents where id = ?", (number,))
    await seed(path, "hello")


async def restored(path: Path) -> None:
    """The file is a copy of before the last server was started; the text is the older one."""
    for file in path.parent.glob(f"{path.name}-*"):
        file.unlink()
    shutil.copy(path.with_suffix(".backup"), path)


CASES: dict[str, Callable[[Path], Awaitable[None]]] = {"anew": made_anew, "deleted": deleted, "restored": restored}


async def backed_up(path: Path) -> None:
    """The document in its first life, and a copy of its file, made while nobody served it."""
    await seed(path, "hello")
    shutil.copy(path, path.with_suffix(".backup"))


async def on_the_server(path: Path) -> str:
    async with Engine(path) as engine:
        brief = await engine.open(Brief, TASK, "brief", agent="auditor")
        return (await brief.draft.read()).value


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("provider", PLAIN)
@in_loop
async def test_an_old_replica_is_told_and_nothing_is_merged(tmp_path: Path, provider: str, case: str) -> None:
    """A plain Yjs client that comes back with what it held before is refused with `epoch_changed`: nothing of the old content
    is in the new document, and nothing of the new one in the old replica."""
    path = tmp_path / "state.db"
    await backed_up(path)
    async with ServerProcess(path) as server, YjsPeer(server.url, provider=provider, agent="old") as peer:
        await peer.heard("synced")
        await peer.do("insert", root=ROOT, index=5, text=" from the old life")
        async with YjsPeer(server.url, agent="witness") as witness:
            await witness.until("text", "hello from the old life", root=ROOT)
        await server.end(signal.SIGTERM)
        await CASES[case](path)
        await server.start()
        if provider == "hocuspocus":
            assert (await peer.heard("denied"))["reason"].startswith("epoch_changed")
        else:
            while (close := await peer.heard("close"))["code"] != 4411:  # the server's own end came first
                pass
            assert close["reason"].startswith("epoch_changed")
        async with YjsPeer(server.url, agent="new") as fresh:
            await fresh.until("text", "hello", root=ROOT)
            await fresh.do("insert", root=ROOT, index=5, text="!")
            async with YjsPeer(server.url, agent="newer") as newer:
                await newer.until("text", "hello!", root=ROOT)
            assert await peer.do("text", root=ROOT) == "hello from the old life"
        await server.end(signal.SIGTERM)
    assert await on_the_server(path) == "hello!"


@in_loop
async def test_a_peer_alone_in_the_old_document_is_told_too(tmp_path: Path) -> None:
    """A document that only plain peers ever wrote holds the authority's mark all the same: its replicas are known for old."""
    path = tmp_path / "state.db"
    async with ServerProcess(path) as server, YjsPeer(server.url, agent="old") as peer:
        await peer.heard("synced")
        await peer.do("insert", root=ROOT, index=0, text="hello")
        async with YjsPeer(server.url, agent="witness") as witness:
            await witness.until("text", "hello", root=ROOT)
        await server.end(signal.SIGTERM)
        path.unlink()
        await server.start()
        async with YjsPeer(server.url, agent="new") as fresh:
            await fresh.heard("synced")
            await fresh.do("insert", root=ROOT, index=0, text="hello")
            while (await peer.heard("close"))["code"] != 4411:
                pass
            async with YjsPeer(server.url, agent="newer") as newer:
                await newer.until("text", "hello", root=ROOT)


@pytest.mark.parametrize("provider", PLAIN)
@in_loop
async def test_a_newcomer_that_edited_before_its_first_connection_is_welcome(tmp_path: Path, provider: str) -> None:
    """Its replica holds nothing of any authority: its edits merge."""
    path = tmp_path / "state.db"
    server = ServerProcess(path)
    await server.start()
    await server.end(signal.SIGTERM)  # its port is known
    await seed(path, "hello")
    async with server, YjsPeer(server.url, provider="y-websocket", agent="witness") as witness:
        await witness.until("text", "hello", root=ROOT)
        await server.end(signal.SIGTERM)
        async with YjsPeer(server.url, provider=provider, agent="early") as peer:
            await peer.do("insert", root=ROOT, index=0, text="early ")
            await server.start()
            await peer.heard("synced")
            await eventually(lambda: peer.do("text", root=ROOT), await settled(witness, {"early hello", "helloearly "}))


async def settled(peer: YjsPeer, expected: set[str]) -> str:
    """What a peer shows once it is one of these: two inserts at the same place may stand in either order."""
    while (text := await peer.do("text", root=ROOT)) not in expected:  # noqa: ASYNC110 - other processes set no event
        await asyncio.sleep(0.05)
    return str(text)


@in_loop
async def test_a_restart_and_a_take_over_change_nothing_for_peers(tmp_path: Path) -> None:
    """Another authority over the same log is the same document: peers come back and go on."""
    path = tmp_path / "state.db"
    async with ServerProcess(path) as server, YjsPeer(server.url, agent="old") as peer:
        await peer.heard("synced")
        await peer.do("insert", root=ROOT, index=0, text="hello")
        for how in (signal.SIGTERM, signal.SIGKILL):
            async with YjsPeer(server.url, agent="witness") as witness:
                await witness.until("text", "hello", root=ROOT)
            await server.end(how)
            await server.start()
            await peer.heard("synced")
        await peer.do("insert", root=ROOT, index=5, text="!")
        async with YjsPeer(server.url, agent="newer") as newer:
            await newer.until("text", "hello!", root=ROOT)


@pytest.mark.parametrize("case", CASES)
@in_loop
async def test_our_client_begins_anew_and_says_what_did_not_land(tmp_path: Path, case: str) -> None:
    """A `connect()` handle drops its replica, names the writes that waited as `EpochChanged`, and goes on in the new document,
    also when that has grown beyond the version that the handle knew."""
    path = tmp_path / "state.db"
    await backed_up(path)
    async with ServerProcess(path) as server, connect(Brief, server.url, TASK, "brief", agent="old") as brief:
        await brief.draft.append(" from the old life")
        await brief.synced()
        await server.end(signal.SIGTERM)
        await until_offline(brief)
        await brief.findings.append("written offline")
        await CASES[case](path)
        async with Engine(path) as engine:
            other = await engine.open(Brief, TASK, "brief", agent="grower")
            for n in range(30):
                await other.findings.append(f"{n}")
        await server.start()
        await eventually(lambda: told(brief), [EpochChanged])
        await eventually(lambda: shown(brief), "hello")
        await brief.draft.append("!")
        await brief.synced()
        await server.end(signal.SIGTERM)
    assert await on_the_server(path) == "hello!"
    async with Engine(path) as engine:
        found = await (await engine.open(Brief, TASK, "brief", agent="auditor")).findings.read()
        assert "written offline" not in found.value


@pytest.mark.parametrize("case", CASES)
@in_loop
async def test_our_package_begins_anew_and_says_so(tmp_path: Path, case: str) -> None:
    """A handle of the npm package gets a fresh replica of the new document, and a `reset` that says why."""
    path = tmp_path / "state.db"
    await backed_up(path)
    async with ServerProcess(path) as server, YjsPeer(server.url, provider="accordant", agent="old") as peer:
        await peer.heard("synced")
        await peer.do("insert", root=ROOT, index=5, text=" from the old life")
        async with YjsPeer(server.url, agent="witness") as witness:
            await witness.until("text", "hello from the old life", root=ROOT)
        await server.end(signal.SIGTERM)
        await CASES[case](path)
        async with Engine(path) as engine:
            other = await engine.open(Brief, TASK, "brief", agent="grower")
            for n in range(30):
                await other.findings.append(f"{n}")
        await server.start()
        reset = await peer.heard("reset")
        assert (reset["error"]["code"], reset["old_text"]) == ("epoch_changed", "hello from the old life")
        await peer.until("text", "hello", root=ROOT)
        await peer.do("insert", root=ROOT, index=5, text="!")
        async with YjsPeer(server.url, agent="newer") as newer:
            await newer.until("text", "hello!", root=ROOT)


async def until_offline(brief: Brief) -> None:
    while brief.connected:  # noqa: ASYNC110 - the end of another process sets no event
        await asyncio.sleep(0.01)


async def told(brief: Brief) -> list[Any]:
    return [type(one.error) for one in brief.refused]


async def shown(brief: Brief) -> str:
    return (await brief.draft.read()).value
