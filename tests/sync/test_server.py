"""The server towards Yjs peers: what it sends unasked, what it passes on and when, whom it closes, and who notices."""

from __future__ import annotations

import asyncio
import socket as sockets
import time
from typing import Any

import httpx
import pycrdt
import pytest
from websockets.exceptions import InvalidStatus

from accordant import Document, DocumentKey, Engine, Guarded, Namespace, Text
from accordant.sync.messages import Acknowledged, Hello
from accordant.sync.wire import (
    AuthDenied,
    Awareness,
    Own,
    OwnType,
    QueryAwareness,
    SyncStep1,
    SyncStep2,
    SyncUpdate,
    encode_varint,
)
from accordant.types.limits import FRAME_BYTES_MAX, OUTBOX_BYTES_MAX, REFUSAL_DELAY_S, REFUSALS_FREE
from raw_peer import ROOM, raw_peer
from served import GatedStore, until
from serving import serving
from worlds import in_loop

TASK = Namespace.task("acme", "q3")


class Brief(Document):
    account: Guarded[dict[str, Any]]
    draft: Text


# -- sync ----------------------------------------------------------------------------------------------------------


@in_loop
async def test_the_server_speaks_first() -> None:
    """Step 1 arrives unasked, as Yjs clients expect."""
    async with Engine() as engine, serving(engine) as url, raw_peer(url, synced=False) as peer:
        assert isinstance(await peer.hear(), SyncStep1)


@in_loop
async def test_an_edit_reaches_everybody_the_writer_included() -> None:
    """Every peer, the sender too, is sent the edit once it is in the log: the echo is the proof that it is saved."""
    async with Engine() as engine, serving(engine) as url, raw_peer(url) as one, raw_peer(url) as other:
        await one.append("hello")
        await one.hear_until(SyncUpdate)
        await other.hear_until(SyncUpdate)
        assert str(other.text()) == "hello"
        brief = await engine.open(Brief, TASK, "brief", agent="reader")
        assert (await brief.draft.read()).value == "hello"
        assert (await brief.history(kind="write"))[0].actor == "anonymous"


@in_loop
async def test_nobody_hears_of_what_is_not_durable() -> None:
    """While the store has not answered, neither the others nor a newcomer nor the writer see the edit (I2)."""
    store = GatedStore()
    async with Engine(store=store) as engine, serving(engine) as url, raw_peer(url) as one, raw_peer(url) as other:
        store.gate.clear()
        await one.append("hello")
        await until(lambda: store.waiting)
        for peer in (one, other):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(peer.socket.recv(), 0.2)
        async with raw_peer(url, synced=False) as newcomer:
            await newcomer.say(SyncStep1(b"\x00"))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(newcomer.socket.recv(), 0.2)
            store.gate.set()
            assert isinstance(await newcomer.hear(), SyncStep1)
            await newcomer.hear_until(SyncStep2)
            assert str(newcomer.text()) == "hello"
        await one.hear_until(SyncUpdate)


@in_loop
async def test_one_durable_batch_is_one_frame() -> None:
    """Edits that shared a durability wait leave as one merged update, one message per frame."""
    store = GatedStore()
    async with Engine(store=store) as engine, serving(engine) as url, raw_peer(url) as one, raw_peer(url) as other:
        store.gate.clear()
        await one.append("0")
        await until(lambda: store.waiting)
        for n in range(1, 20):
            await one.append(str(n % 10))
        await asyncio.sleep(0.2)
        store.gate.set()
        before = len(other.heard)
        while str(other.text()) != "01234567890123456789":
            await other.hear()
        assert len(other.heard) - before <= 3
        assert all(len(frame) == 1 for frame in other.heard)


@in_loop
async def test_several_messages_in_one_frame_are_all_heard() -> None:
    """A relay that concatenates messages is understood."""
    async with Engine() as engine, serving(engine) as url, raw_peer(url, synced=False) as peer:
        await peer.socket.send(b"\x00\x00\x01\x00" + b"\x03")
        heard = {type(await peer.hear()) for _ in range(3)}
        assert heard == {SyncStep1, SyncStep2, Awareness}


@in_loop
async def test_a_client_of_ours_gets_an_acknowledgement_for_each_update() -> None:
    """In order and with the version, the ones that bring nothing new included; and none before they are durable (I2)."""
    store = GatedStore()
    async with Engine(store=store) as engine, serving(engine) as url, raw_peer(url, synced=False) as peer:
        await peer.say(Own(OwnType.HELLO, Hello("ada").to_json()))
        await peer.sync()
        store.gate.clear()
        for n in range(5):
            await peer.append(str(n))
        await peer.say(SyncStep2(peer.doc.get_update()))
        await until(lambda: store.waiting)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(peer.socket.recv(), 0.3)
        store.gate.set()
        acknowledged: list[Acknowledged] = []
        while sum(one.count for one in acknowledged) < 6:
            message = await peer.hear()
            if isinstance(message, Own) and message.type is OwnType.ACK:
                acknowledged.append(Acknowledged.from_json(message.body))
        assert sum(one.count for one in acknowledged) == 6
        versions = [one.version for one in acknowledged]
        assert versions == sorted(versions)
        brief = await engine.open(Brief, TASK, "brief", agent="reader")
        assert (await brief.history(kind="write"))[0].offset <= versions[-1]


# -- refusals ------------------------------------------------------------------------------------------------------


@in_loop
async def test_a_peer_that_writes_a_guarded_field_goes_alone() -> None:
    """It is closed with the code that says to reset its replica; the document and the others do not notice."""
    async with Engine() as engine, serving(engine) as url:
        brief = await engine.open(Brief, TASK, "brief", agent="owner")
        await brief.account.commit({"plan": "pro"}, expect=await brief.account.read())
        async with raw_peer(url) as honest, raw_peer(url, ROOM + "?agent=mallory") as mallory:
            await mallory.set("guarded", "account", {"plan": "free"})
            code, reason = await mallory.closed()
            assert code == 4409
            assert reason.startswith("guarded_")
            assert len(reason.encode()) <= 123
            await honest.append("still here")
            await honest.hear_until(SyncUpdate)
            assert (await brief.account.read()).value == {"plan": "pro"}
            [refusal] = await brief.history(kind="refusal")
            assert refusal.actor == "mallory"


@in_loop
async def test_a_tab_that_catches_up_for_another_stays_connected() -> None:
    """Tabs of one browser exchange edits beside the server, and the first that comes back sends both's: neither loses its
    connection when the other goes on."""
    async with (
        Engine() as engine,
        serving(engine) as url,
        raw_peer(url, ROOM + "?agent=ada") as one,
        raw_peer(url, ROOM + "?agent=ada") as other,
    ):
        one.text().insert(0, "offline, ")
        await other.say(SyncStep2(one.doc.get_update()))
        await other.hear_until(SyncUpdate)
        await one.append("and back")
        await other.hear_until(SyncUpdate)
        assert str(other.text()) == "offline, and back"
        await other.append("!")
        await one.hear_until(SyncUpdate)
        assert (other.socket.close_code, one.socket.close_code) == (None, None)


@in_loop
async def test_a_fenced_agent_loses_its_connection() -> None:
    """Ending an agent's sessions closes its Yjs peers, for good."""
    async with (
        Engine() as engine,
        serving(engine) as url,
        raw_peer(url, ROOM + "?agent=ada") as ada,
        raw_peer(url, ROOM + "?agent=bob") as bob,
    ):
        assert await engine.fence("ada") == 1
        assert (await ada.closed())[0] == 4410
        await bob.append("x")
        await bob.hear_until(SyncUpdate)


@pytest.mark.parametrize(
    ("path", "frame", "code"),
    [
        (ROOM, b"", 4400),
        (ROOM, b"\x63junk", 4400),
        (ROOM, "text", 4400),
        (ROOM, b"\x00\x02" + encode_varint(FRAME_BYTES_MAX) + bytes(FRAME_BYTES_MAX), 4413),
        ("/sync/acme/task/q3%2Fbrief", None, 4404),
        ("/sync/nowhere", None, 4404),
        (ROOM + "?agent=", None, 4404),
    ],
)
@in_loop
async def test_what_does_not_fit_is_closed_with_its_code(path: str, frame: bytes | str | None, code: int) -> None:
    """Malformed, oversized and misaddressed peers are told which, with codes that end their reconnecting."""
    async with Engine() as engine, serving(engine) as url, raw_peer(url, path, synced=False) as peer:
        if frame is not None:
            await peer.socket.send(frame)
        assert (await peer.closed())[0] == code


@in_loop
async def test_a_foreign_page_does_not_get_in() -> None:
    """A browser on somebody else's page is refused before the handshake."""
    async with Engine() as engine, serving(engine) as url:
        with pytest.raises(InvalidStatus) as refused:
            async with raw_peer(url, origin="http://evil.example"):
                pass
        assert refused.value.response.status_code == 403
        async with raw_peer(url, origin="http://localhost:3000"):
            pass


@in_loop
async def test_the_process_says_that_it_lives() -> None:
    """/healthz answers on the same port."""
    async with Engine() as engine, serving(engine) as url, httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(url.replace("ws", "http") + "/healthz")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


# -- presence ------------------------------------------------------------------------------------------------------


@in_loop
async def test_presence_is_shown_renewed_and_ended() -> None:
    """Everybody, the sender included, hears of a presence; newcomers too; and of its end when the connection drops."""
    async with Engine() as engine, serving(engine) as url, raw_peer(url) as one:
        async with raw_peer(url) as other:
            await other.present(1)
            for peer in (one, other):
                heard = await peer.hear_until(Awareness)
                assert [(s.client, s.state) for s in heard.states] == [(other.doc.client_id, '{"name":"Ada"}')]
            async with raw_peer(url, synced=False) as newcomer:
                await newcomer.say(SyncStep1(b"\x00"))
                assert len((await newcomer.hear_until(Awareness)).states) == 1
                await newcomer.say(QueryAwareness())
                assert len((await newcomer.hear_until(Awareness)).states) == 1
            # A peer that hears `null` for itself would answer that it is alive: nobody may speak for another.
            await one.say(Awareness((heard.states[0].__class__(other.doc.client_id, 9, "null"),)))
        goodbye = await one.hear_until(Awareness)
        assert [(s.client, s.state) for s in goodbye.states] == [(other.doc.client_id, "null")]


@in_loop
async def test_a_quiet_room_still_sends_something(monkeypatch: pytest.MonkeyPatch) -> None:
    """Yjs clients reconnect after 30 s of silence, so that silence does not happen."""
    monkeypatch.setattr("accordant.sync.server.rooms.KEEPALIVE_S", 0.2)
    async with Engine() as engine, serving(engine) as url, raw_peer(url) as peer:
        started = time.monotonic()
        assert await peer.hear() == Awareness(())
        await peer.hear()
        assert time.monotonic() - started < 2


# -- slow peers ----------------------------------------------------------------------------------------------------


@in_loop
async def test_a_peer_that_does_not_read_delays_nobody() -> None:
    """More than an outbox holds is sent past a stalled peer: the others have everything at once, and it alone is cut off."""
    async with Engine() as engine, serving(engine) as url:
        host, port = url.removeprefix("ws://").split(":")
        stalled = sockets.create_connection((host, int(port)))
        stalled.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        key = "dGhlIHNhbXBsZSBub25jZQ=="
        request = f"GET {ROOM} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        stalled.sendall(f"{request}Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        await asyncio.to_thread(stalled.recv, 4096)  # the handshake's answer, and nothing after it
        stalled.sendall(b"\x82\x84\x00\x00\x00\x00" + b"\x00\x00\x01\x00")  # step 1, masked with zeros
        async with raw_peer(url) as writer, raw_peer(url) as reader:
            sessions = (await engine.host(DocumentKey.of(TASK, "brief"))).machine.sessions
            await until(lambda: len(sessions.of("anonymous")) == 3)
            for _ in range(4 * OUTBOX_BYTES_MAX // 500_000):  # the kernel holds megabytes of its own
                started = time.monotonic()
                await writer.append("x" * 500_000)
                await writer.hear_until(SyncUpdate)
                await reader.hear_until(SyncUpdate)
                assert time.monotonic() - started < 3
            await until(lambda: len(sessions.of("anonymous")) == 2)
            await reader.append("!")
            await writer.hear_until(SyncUpdate)
        stalled.close()


@in_loop
async def test_a_poisoned_replica_that_comes_back_at_once_is_slowed_down_alone() -> None:
    """It is told each time at once, but let go later and later; another peer of the same agent is closed at once."""
    async with Engine() as engine, serving(engine) as url:
        await engine.open(Brief, TASK, "brief", agent="owner")

        async def refused(client: int) -> tuple[float, float, int]:
            """Seconds until it was told and until it was closed, and the code."""
            poisoned: pycrdt.Doc[Any] = pycrdt.Doc(client_id=client)
            poisoned.get("guarded", type=pycrdt.Map)["account"] = "mine"
            async with raw_peer(url) as peer:
                begun = time.monotonic()
                await peer.say(SyncStep2(poisoned.get_update()))
                await peer.hear_until(AuthDenied)
                told = time.monotonic() - begun
                code, _ = await peer.closed()
                return told, time.monotonic() - begun, code

        seen = [await refused(77) for _ in range(REFUSALS_FREE + 1)]
        assert [code for _, _, code in seen] == [4409] * len(seen)
        assert all(told < REFUSAL_DELAY_S for told, _, _ in seen)
        assert all(closed < REFUSAL_DELAY_S for _, closed, _ in seen[:-1])
        assert seen[-1][1] >= REFUSAL_DELAY_S
        assert (await refused(78))[1] < REFUSAL_DELAY_S


@in_loop
async def test_a_reader_that_brings_nothing_new_is_not_refused() -> None:
    """Yjs clients answer step 1 whatever they have: a reader that repeats what is known is acknowledged; one that edits goes."""
    async with Engine() as engine, serving(engine) as url, raw_peer(url) as writer:
        await writer.append("hello")
        await writer.hear_until(SyncUpdate)
        async with raw_peer(url, synced=False) as reader:
            await reader.say(Own(OwnType.HELLO, Hello("bo", read_only=True).to_json()))
            await reader.sync()
            await reader.say(SyncStep2(reader.doc.get_update()))
            while not (isinstance(message := await reader.hear(), Own) and message.type is OwnType.ACK):
                pass
            await reader.append(", and more")
            code, reason = await reader.closed()
            assert (code, reason.partition(":")[0]) == (4409, "read_only")
