"""The server towards Hocuspocus connections: several documents on one socket, order, statuses, and how each ends alone."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pycrdt
import pytest

from accordant import Document, Engine, Guarded, Namespace, Text
from accordant.sync.hocuspocus import (
    PING,
    PONG,
    Authenticated,
    CloseDocument,
    PermissionDenied,
    Stateless,
    SyncStatus,
    Token,
)
from accordant.sync.wire import Awareness, AwarenessState, SyncStep1, SyncStep2, SyncUpdate
from accordant.types.limits import DENIALS_PER_SOCKET_MAX, REFUSAL_DELAY_S, REFUSALS_FREE
from named_peer import DOCUMENT, named_link
from raw_peer import ROOM, raw_peer
from served import GatedStore, until
from serving import serving
from worlds import in_loop

TASK = Namespace.task("acme", "q3")


class Brief(Document):
    account: Guarded[dict[str, Any]]
    draft: Text


@in_loop
async def test_a_provider_is_served_in_its_own_order() -> None:
    """Authenticated, then on its step 1 our step 1 before step 2; its step 2 gets its status."""
    async with Engine() as engine, serving(engine) as url, named_link(url) as link:
        peer = link.peer()
        await peer.begin()
        assert [type(message) for message in peer.heard] == [Authenticated, SyncStep1, SyncStep2]
        await peer.say(SyncStep2(b"\x00\x00"))
        assert await peer.hear() == SyncStatus(True)
        assert link.nameless == []


@in_loop
async def test_the_url_may_name_the_document() -> None:
    """At a document's own address any name means that document, and all dialects meet in it."""
    async with Engine() as engine, serving(engine) as url, named_link(url, ROOM) as link, raw_peer(url) as plain:
        peer = link.peer("whatever it is called")
        await peer.begin()
        await peer.append("from a provider")
        await plain.hear_until(SyncUpdate)
        assert str(plain.text()) == "from a provider"
        await plain.append(", and back")
        while str(peer.text()) != "from a provider, and back":
            await peer.hear()


@in_loop
async def test_one_socket_carries_many_documents_and_sessions() -> None:
    """Two documents, and two sessions of one of them, do not mix; each answer carries the very key it was asked under."""
    async with Engine() as engine, serving(engine) as url, named_link(url) as link:
        one, two = link.peer(DOCUMENT + "\0one"), link.peer(DOCUMENT + "\0two")
        other = link.peer("acme/task/q3/other")
        for peer in (one, two, other):
            await peer.begin()
        await one.append("hello")
        await one.hear_until(SyncStatus)
        await two.hear_until(SyncUpdate)
        assert str(two.text()) == "hello"
        await other.append("own")
        await other.hear_until(SyncStatus)
        assert str(other.text()) == "own"
        assert not any(isinstance(message, SyncUpdate) for message in two.heard[:-1])


@in_loop
async def test_each_update_has_exactly_one_status_once_it_is_durable() -> None:
    """However many share a durability wait; and none before the store has answered (I2)."""
    store = GatedStore()
    async with Engine(store=store) as engine, serving(engine) as url, named_link(url) as link:
        peer = link.peer()
        await peer.begin()
        store.gate.clear()
        for n in range(20):
            await peer.append(str(n % 10))
        await until(lambda: store.waiting)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(peer.inbox.get(), 0.3)
        store.gate.set()
        statuses = 0
        while statuses < 20:
            statuses += isinstance(message := await peer.hear(), SyncStatus)
            assert not isinstance(message, SyncStatus) or message.is_applied
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(peer.inbox.get(), 0.2)


@in_loop
async def test_what_comes_before_the_token_counts_after_it() -> None:
    """A provider that writes while it fetches its token loses nothing, and nobody sees it before."""
    async with Engine() as engine, serving(engine) as url, named_link(url) as link, raw_peer(url) as plain:
        peer = link.peer()
        await peer.append("early")
        await peer.say(SyncStep1(b"\x00"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(plain.socket.recv(), 0.3)
        await peer.say(Token(""))
        await plain.hear_until(SyncUpdate)
        assert str(plain.text()) == "early"
        assert await peer.hear_until(SyncStatus) == SyncStatus(True)


@in_loop
async def test_presences_cross_dialects_and_leave_with_their_document() -> None:
    """A provider's presence is seen by others, and gone when it closes that document, though its socket stays."""
    async with Engine() as engine, serving(engine) as url, named_link(url) as link, raw_peer(url) as plain:
        peer = link.peer()
        await peer.begin()
        await peer.say(Awareness((AwarenessState(77, 1, '{"name":"Ada"}'),)))
        assert await plain.hear_until(Awareness) == Awareness((AwarenessState(77, 1, '{"name":"Ada"}'),))
        await peer.say(CloseDocument())
        assert await plain.hear_until(Awareness) == Awareness((AwarenessState(77, 1, "null"),))
        again = link.peer()
        await again.begin()
        await link.socket.send(PING)
        await until(lambda: link.nameless == [PONG])


@in_loop
async def test_a_newcomer_is_shown_who_is_here_right_after_it_was_let_in() -> None:
    """Presences come before any sync."""
    async with Engine() as engine, serving(engine) as url, named_link(url) as link, raw_peer(url) as plain:
        await plain.present(1)
        await plain.hear_until(Awareness)
        peer = link.peer()
        await peer.begin()
        assert [type(message) for message in peer.heard][:2] == [Authenticated, Awareness]


@in_loop
async def test_a_refused_update_ends_its_document_alone() -> None:
    """The other document on the socket goes on; the refused one is told in full; the document itself is untouched."""
    async with Engine() as engine, serving(engine) as url, named_link(url) as link:
        brief = await engine.open(Brief, TASK, "brief", agent="owner")
        peer, other = link.peer(), link.peer("acme/task/q3/other")
        await peer.begin()
        await other.begin()
        await peer.set("guarded", "account", "mine")
        assert await peer.hear() == SyncStatus(False)
        denied, closed = await peer.hear(), await peer.hear()
        assert isinstance(denied, PermissionDenied)
        assert denied.reason.startswith("guarded_closed: ")
        assert closed == CloseDocument(denied.reason)
        await other.append("still here")
        assert await other.hear_until(SyncStatus) == SyncStatus(True)
        assert (await brief.account.read()).value is None


@in_loop
async def test_a_refused_update_of_the_last_document_closes_the_socket() -> None:
    """With nothing else on it, the socket says to reset the replica."""
    async with Engine() as engine, serving(engine) as url, named_link(url) as link:
        await engine.open(Brief, TASK, "brief", agent="owner")
        peer = link.peer()
        await peer.begin()
        await peer.set("guarded", "account", "mine")
        code, reason = await link.closed()
        assert code == 4409
        assert reason.startswith("guarded_closed: ")


@in_loop
async def test_a_name_that_is_no_document_is_denied_and_the_socket_stays() -> None:
    """Another document can still begin; only whoever tries on and on is closed."""
    async with Engine() as engine, serving(engine) as url, named_link(url) as link:
        bad = link.peer("../../etc/passwd")
        await bad.say(Token(""))
        assert isinstance(await bad.hear(), PermissionDenied)
        await link.peer().begin()
        for _ in range(DENIALS_PER_SOCKET_MAX - 1):
            await bad.say(Token(""))
        assert (await link.closed())[0] == 4401


@in_loop
@pytest.mark.parametrize("frame", [b"\x01x\x0b", b"\x01x\x00\x02\x05a", b"\x00\x00\x01\x00"])
async def test_a_malformed_frame_closes_the_socket(frame: bytes) -> None:
    """Also one that reaches a document, and one of the other dialect."""
    async with Engine() as engine, serving(engine) as url, named_link(url) as link:
        await link.peer().begin()
        await link.socket.send(frame)
        assert (await link.closed())[0] == 4400


@in_loop
async def test_one_silent_at_first_is_spoken_to_and_may_still_choose() -> None:
    """After a quarter of a second step 1 comes unasked, without a name; a provider that begins then is served all the same."""
    async with Engine() as engine, serving(engine) as url, named_link(url, ROOM) as link:
        await until(lambda: link.nameless)
        peer = link.peer("late")
        await peer.begin()
        assert isinstance(peer.heard[0], Authenticated)


@in_loop
async def test_a_shared_socket_that_drops_ends_every_session() -> None:
    """Presences of all its documents leave the rooms."""
    async with Engine() as engine, serving(engine) as url, raw_peer(url) as plain:
        async with named_link(url) as link:
            peer = link.peer()
            await peer.begin()
            await peer.say(Awareness((AwarenessState(77, 1, '{"name":"Ada"}'),)))
            await plain.hear_until(Awareness)
        assert await plain.hear_until(Awareness) == Awareness((AwarenessState(77, 1, "null"),))


@in_loop
async def test_while_a_document_opens_the_socket_is_not_read_on() -> None:
    """What a peer can leave with the server before its document is there is bounded; then all of it counts."""
    store = GatedStore()
    async with Engine(store=store) as engine, serving(engine) as url, named_link(url) as link:
        store.gate.clear()
        peer = link.peer()
        await peer.say(Token(""))
        await until(lambda: store.waiting)
        large, sent = Stateless("x" * 60_000), 0
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                while sent < 2_000:
                    await peer.say(large)
                    sent += 1
        assert sent * 60_000 < 32 * 1_048_576
        store.gate.set()
        await peer.say(SyncStep1(b"\x00"))
        await peer.hear_until(SyncStep2)


@in_loop
@pytest.mark.parametrize("frame", [b"\x00\x00\x01\x00", b"\x03", b"junk", "text"])
async def test_without_a_document_in_the_path_the_first_frame_names_one(frame: bytes | str) -> None:
    """Whoever speaks another dialect, or none, at the bare address is told that the address is wrong."""
    async with Engine() as engine, serving(engine) as url, named_link(url) as link:
        await link.socket.send(frame)
        assert (await link.closed())[0] == 4404


@in_loop
async def test_a_provider_that_comes_back_with_the_same_is_slowed_down() -> None:
    """It is told each time at once; from the fourth time on its document, and its socket, close later. Others are not held."""
    poisoned: pycrdt.Doc[Any] = pycrdt.Doc(client_id=77)
    poisoned.get("guarded", type=pycrdt.Map)["account"] = "mine"
    async with Engine() as engine, serving(engine) as url:
        await engine.open(Brief, TASK, "brief", agent="owner")

        async def refused() -> float:
            """Seconds until the socket was closed after the denial."""
            async with named_link(url) as link:
                peer = link.peer()
                await peer.begin()
                await peer.say(SyncStep2(poisoned.get_update()))
                await peer.hear_until(PermissionDenied)
                told = time.monotonic()
                assert (await link.closed())[0] == 4409
                return time.monotonic() - told

        waits = [await refused() for _ in range(REFUSALS_FREE + 1)]
        assert max(waits[:-1]) < REFUSAL_DELAY_S / 2
        assert waits[-1] > REFUSAL_DELAY_S / 2
        async with named_link(url) as link:
            other = link.peer()
            await other.begin()
            await other.append("not held")
            assert await other.hear_until(SyncStatus) == SyncStatus(True)


@in_loop
async def test_what_was_good_before_a_refusal_is_answered_first() -> None:
    """Updates and a refusal that were judged together are answered one by one, in their order, and the good ones stay."""
    store = GatedStore()
    async with Engine(store=store) as engine, serving(engine) as url, named_link(url) as link:
        brief = await engine.open(Brief, TASK, "brief", agent="owner")
        peer = link.peer()
        await peer.begin()
        store.gate.clear()
        for text in "abc":
            await peer.append(text)
        await peer.set("guarded", "account", "mine")
        await until(lambda: store.waiting)
        store.gate.set()
        await peer.hear_until(CloseDocument)
        told = [message for message in peer.heard if not isinstance(message, SyncUpdate)][-6:]
        assert told[:4] == [SyncStatus(True)] * 3 + [SyncStatus(False)]
        assert isinstance(told[4], PermissionDenied)
        assert (await brief.draft.read()).value == "abc"


@in_loop
async def test_a_provider_is_named_by_its_address() -> None:
    """Without tokens whatever it shows is good, and `?agent=` says whose its edits are, on a shared connection too."""
    async with Engine() as engine, serving(engine) as url:
        brief = await engine.open(Brief, TASK, "brief", agent="owner")
        for path, agent in (("/sync?agent=ada", "ada"), (ROOM + "?agent=bo", "bo"), ("/sync", "anonymous")):
            async with named_link(url, path) as link:
                peer = link.peer()
                await peer.begin("any token")
                await peer.append("x")
                await peer.hear_until(SyncStatus)
            assert (await brief.history(kind="write"))[0].actor == agent
