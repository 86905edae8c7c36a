"""`doc.presence`: the same in this process and over a websocket, and each sees the other, and Yjs editors."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from accordant import Document, Engine, Fenced, Invalid, Namespace, Present, Text, blocking, connect
from accordant.engine import presences
from accordant.engine.host import presence_board, renewal
from accordant.engine.host.port import EmbeddedPort
from accordant.types import presence as values
from processes import ServerProcess, YjsPeer, eventually
from serving import serving
from worlds import TASK, in_loop, world


class Brief(Document):
    draft: Text


def names(everyone: tuple[Present, ...]) -> list[str]:
    return sorted(one.agent for one in everyone)


async def seen_by(doc: Document) -> list[str]:
    return names(await doc.presence.everyone())


@pytest.mark.parametrize("kind", ["memory", "websocket"])
@in_loop
async def test_everybody_sees_who_is_here(kind: str) -> None:
    """What one shows the others see with its name; who shows nothing is not here; who clears or leaves is gone."""
    async with world(kind) as place:
        one, other = await place.open(Brief, "one"), await place.open(Brief, "other")
        assert await other.presence.everyone() == ()
        await one.presence.set({"cursor": 3}, task="citations")
        await eventually(lambda: seen_by(other), ["one"])
        [seen] = await other.presence.others()
        assert seen.state == {"user": {"name": "one"}, "cursor": 3, "task": "citations"}
        assert not seen.is_me
        assert [one.is_me for one in await one.presence.everyone()] in ([True], [])
        await other.presence.set(user={"name": "Grace", "color": "#fc0"})
        await eventually(lambda: seen_by(one), ["Grace", "one"])
        await one.presence.clear()
        await eventually(lambda: seen_by(other), ["Grace"])
        await other.close()
        await eventually(lambda: seen_by(one), [])


@pytest.mark.parametrize("kind", ["memory", "websocket"])
@in_loop
async def test_changes_are_told_as_they_come(kind: str) -> None:
    """The iterator says at once who is here, then again at each change, and ends with the handle."""
    async with world(kind) as place:
        one, other = await place.open(Brief, "one"), await place.open(Brief, "other")
        told: list[list[str]] = []

        async def listen() -> None:
            async for everyone in other.presence.changes():
                told.append(names(everyone))

        listening = asyncio.create_task(listen())

        async def newest() -> list[str] | None:
            return told[-1] if told else None

        await eventually(newest, [])
        await one.presence.set(step=1)
        await eventually(newest, ["one"])
        await one.close()
        await eventually(newest, [])
        await other.close()
        with pytest.raises(Fenced):
            await asyncio.wait_for(listening, 10)


@in_loop
async def test_embedded_handles_peers_and_yjs_editors_see_each_other(tmp_path: Path) -> None:
    """One table for all: an agent in the server's process, one over a websocket without a replica, and real yjs."""
    async with Engine(tmp_path / "a.db") as engine, serving(engine) as url:
        near = await engine.open(Brief, TASK, "brief", agent="near")
        async with (
            connect(Brief, url, TASK, "brief", agent="far", offline=False) as far,
            YjsPeer(url, agent="editor") as editor,
        ):
            await near.presence.set(at="home")
            await far.presence.set(at="away")
            await editor.do("awareness", state={"user": {"name": "Ada"}})

            async def editor_sees() -> list[str]:
                return sorted(state["user"]["name"] for state in (await editor.do("present")).values())

            here = ["Ada", "far", "near"]
            await eventually(lambda: seen_by(near), here)
            await eventually(lambda: seen_by(far), here)
            await eventually(editor_sees, here)
        await eventually(lambda: seen_by(near), ["near"])


@in_loop
async def test_whoever_only_looks_is_told_too() -> None:
    """A handle that shows nothing and keeps no replica hears of changes after it has asked once."""
    async with Engine() as engine, serving(engine) as url:
        near = await engine.open(Brief, TASK, "brief", agent="near")
        async with connect(Brief, url, TASK, "brief", agent="far", offline=False) as far:
            assert await far.presence.everyone() == ()
            await near.presence.set(at="home")
            await eventually(lambda: seen_by(far), ["near"])


@in_loop
async def test_presence_comes_back_with_the_server(tmp_path: Path) -> None:
    """While the server is away nobody is seen; when it is back, what we show is shown again."""
    async with (
        ServerProcess(tmp_path / "a.db") as server,
        connect(Brief, server.url, TASK, "brief", agent="one") as one,
        connect(Brief, server.url, TASK, "brief", agent="other") as other,
    ):
        await one.presence.set(step=1)

        await eventually(lambda: seen_by(other), ["one"])
        await server.end(signal.SIGKILL)
        await eventually(lambda: seen_by(other), [])
        await server.start()
        await eventually(lambda: seen_by(other), ["one"])


@pytest.mark.parametrize("kind", ["memory", "websocket"])
@in_loop
async def test_a_fenced_agent_is_not_here(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was fenced is shown no longer than until its next renewal, and cannot show itself again."""
    monkeypatch.setattr(renewal, "KEEPALIVE_S", 0.02)
    async with world(kind) as place:
        one, other = await place.open(Brief, "one"), await place.open(Brief, "other")
        await one.presence.set(step=1)
        await eventually(lambda: seen_by(other), ["one"])
        await place.engine.fence("one")
        await eventually(lambda: seen_by(other), [])
        await one.presence.set(step=2)
        await asyncio.sleep(0.1)  # several renewals
        assert await seen_by(other) == []


@pytest.mark.parametrize("kind", ["memory", "websocket"])
@in_loop
async def test_what_is_renewed_stays_and_what_is_not_goes(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handle renews its presence by itself, beyond the time to live; one that cannot is gone for everybody."""
    monkeypatch.setattr(renewal, "KEEPALIVE_S", 0.05)
    monkeypatch.setattr(presence_board, "PRESENCE_TTL_S", 0.3)
    monkeypatch.setattr(presences, "PRESENCE_TTL_S", 0.3)
    async with world(kind) as place:
        one, other = await place.open(Brief, "one"), await place.open(Brief, "other")
        await one.presence.set(step=1)
        await asyncio.sleep(1.0)
        assert names(await other.presence.others()) == ["one"]
        one._port.presence._renewal.end()
        await eventually(lambda: seen_by(other), [])


@pytest.mark.parametrize(
    ("state", "code"),
    [({"x": float("nan")}, "not_json"), ({"x": object()}, "not_json"), ({"x": "y" * 20_000}, "too_large")],
)
@in_loop
async def test_what_cannot_be_shown_is_said(state: dict[str, Any], code: str) -> None:
    """A presence that is no JSON, or too large, raises `Invalid` and changes nothing."""
    async with Engine() as engine:
        one = await engine.open(Brief, TASK, "brief", agent="one")
        await one.presence.set(step=1)
        with pytest.raises(Invalid) as refused:
            await one.presence.set(state)
        assert refused.value.code == code
        [me] = await one.presence.everyone()
        assert me.state["step"] == 1


@pytest.mark.parametrize("text", ['"Ada"', "[1]", "3", '{"user":3}', '{"name":["x"]}', "{}"])
def test_any_state_of_a_foreign_client_is_readable(text: str) -> None:
    """Whatever JSON a client shows, it is somebody without a name."""
    seen = values.present(values.AwarenessState(5, 1, text), None)
    assert (seen.agent, seen.state, seen.client) == ("", json.loads(text), 5)


def test_presence_blocks_like_everything_else(tmp_path: Path) -> None:
    """Without a loop: set, ask, and iterate over changes."""
    with blocking.Engine(tmp_path / "a.db") as engine:
        one = engine.open(Brief, Namespace.task("t", "x"), "brief", agent="one")
        other = engine.open(Brief, Namespace.task("t", "x"), "brief", agent="other")
        one.presence.set(step=1)
        assert [seen.agent for seen in other.presence.others()] == ["one"]
        changes = other.presence.changes()
        assert names(next(changes)) == ["one"]
        one.presence.clear()
        assert names(next(changes)) == []
        changes.close()


@in_loop
async def test_a_transaction_shows_the_same_people() -> None:
    """Presence is no part of a transaction: it is shown at once."""
    async with Engine() as engine:
        one = await engine.open(Brief, TASK, "brief", agent="one")
        assert isinstance(one._port, EmbeddedPort)
        async with one.transaction() as tx:
            await tx.presence.set(step=1)
            assert names(await one.presence.everyone()) == ["one"]
