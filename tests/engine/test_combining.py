"""Updates judged together: what lands, who is refused and why are the same as when each is judged by itself."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pycrdt
import pytest

from accordant import Document, Engine, Log, Map, Text, region
from accordant.engine.combining import Combination
from accordant.engine.commands import Join, Leave, Sync, Update
from accordant.engine.host.document_host import DocumentHost
from accordant.engine.ledger import Ledger
from accordant.engine.structs import ANY, STRING, TYPE, Struct
from accordant.engine.structs import Update as Decoded
from accordant.engine.update import decode_update, encode_update
from accordant.types.errors import AccordantError
from accordant.types.namespaces import DocumentKey
from worlds import TASK, in_loop

KEY = DocumentKey.of(TASK, "brief")


class Mixed(Document):
    draft: Text
    short: Text = region(max_bytes=40)
    notes: Map[Any] = region(lww="a test")
    findings: Log[str]


# -- peers ----------------------------------------------------------------------------------------------------------


class Peer:
    """A real replica, and the updates that it sends."""

    def __init__(self, client: int, state: bytes) -> None:
        self.doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=client)
        self.doc.apply_update(state)
        self.sent: list[bytes] = []
        self._watch = self.doc.observe(lambda event: self.sent.append(event.update))

    def act(self, dice: random.Random) -> None:
        text = self.doc.get("draft", type=pycrdt.Text)
        match dice.randrange(10):
            case 0 | 1 | 2 | 3:
                text.insert(len(text), dice.choice(["a", "bc", "é", "𝄞"]))
            case 4:
                text.insert(0, "<")
            case 5 if len(str(text)) > 2 and str(text).isascii():
                del text[0:1]
            case 6:
                self.doc.get("notes", type=pycrdt.Map)[dice.choice("xyz")] = dice.randrange(100)
            case 7:
                self.doc.get("findings", type=pycrdt.Array).append(f"found {dice.randrange(100)}")
            case 8 if self.doc.client_id == 1000:  # one peer alone: of two, the first to come would get the room
                short = self.doc.get("short", type=pycrdt.Text)
                if len(short) > 5 and str(short).isascii() and dice.random() < 0.5:
                    del short[0:5]
                else:
                    short.insert(len(short), "0123")
            case _:
                with self.doc.transaction():
                    text.insert(len(text), "with ")
                    self.doc.get("findings", type=pycrdt.Array).append("both")

    def offend(self, dice: random.Random) -> bytes:
        """An update that is to be refused."""
        client = self.doc.client_id
        match dice.randrange(5):
            case 0:
                return b"\x01\x01\xff"
            case 1:
                return encode_update({client: [Struct(STRING, client, 10_000, 1, None, None, "draft", None, "x", 1)]})
            case 2:
                return encode_update({4711: [Struct(STRING, 4711, 0, 1, (99, 99), None, None, None, "x", 1)]})
            case 3:
                return encode_update({4712: [Struct(ANY, 4712, 0, 1, None, None, "guarded", "status", ["x"], 2)]})
            case _:
                return encode_update({}, {4713: [(0, 5)]})


Reply = tuple[str, str]
Sent = list[tuple[str, bytes]]


async def one_by_one(host: DocumentHost, updates: Sent) -> list[str]:
    """Each judged when the one before has been answered."""
    replies = []
    for session, update in updates:
        try:
            await host.call(Update(session, update))
            replies.append("landed")
        except AccordantError as error:
            replies.append(error.code)
    return replies


async def all_at_once(host: DocumentHost, updates: Sent) -> list[str]:
    """Everything in one turn of the loop."""
    answers: list[asyncio.Future[Any]] = []
    for session, update in updates:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        host.post(Update(session, update), answer.set_result)
        answers.append(answer)
    replies = await asyncio.gather(*answers)
    return [reply.code if isinstance(reply, AccordantError) else "landed" for reply in replies]


def seen(host: DocumentHost) -> dict[str, Any]:
    """What everybody can know of the document afterwards, but for the numbers of its entries."""
    state = host.machine.state
    # bytes are counted on what the library emits, and it writes neighbouring values as one
    sizes = {name: state.ledger.region_size(name)[0] for name in sorted(state.ledger.roots)}
    regions = {name: state.value(name, spec.kind) for name, spec in state.schema.regions.items()}
    order = [row[0].partition("@")[0] for row in state.log_rows("findings")]
    dead = {client: ranges for client, ranges in state.ledger.delete_set().items() if client < 5000}
    clocks = {client: clock for client, clock in state.ledger.state_vector().items() if client < 5000}
    return {
        "regions": regions,
        "sizes": sizes,
        "order": order,
        "clocks": clocks,
        "dead": dead,
        "retired": sorted(state.ledger.retired),
    }


def script(seed: int, states: bytes, offences: bool) -> Sent:
    """What three peers send, interleaved."""
    dice = random.Random(seed)
    peers = {f"session-{n}": Peer(1000 + n, states) for n in range(3)}
    sent: Sent = []
    for _ in range(60):
        session = dice.choice(sorted(peers))
        peer = peers[session]
        before = len(peer.sent)
        peer.act(dice)
        sent += [(session, update) for update in peer.sent[before:]]
        if offences and dice.random() < 0.03:
            sent.append((session, peer.offend(dice)))
    return sent


async def judged(run: Callable[..., Any], seed: int, offences: bool) -> tuple[list[str], dict[str, Any], int]:
    async with Engine() as engine:
        handle = await engine.open(Mixed, TASK, "brief", agent="owner")
        await handle.draft.append("once upon a time")
        await handle.findings.append("first")
        host = await engine.host(KEY)
        sent = script(seed, await host.call(Sync()), offences)
        for n in range(3):
            await host.call(Join(f"session-{n}", f"agent-{n}"))
        before = host.durable_head
        replies = await run(host, sent)
        return replies, seen(host), host.durable_head - before


@pytest.mark.parametrize("seed", range(12))
@in_loop
async def test_honest_updates_lead_to_the_same_document(seed: int) -> None:
    """Everything lands either way, in the same document, and together it takes fewer entries."""
    apart, together = await judged(one_by_one, seed, False), await judged(all_at_once, seed, False)
    assert together[:2] == apart[:2]
    assert together[2] < apart[2]


@pytest.mark.parametrize("seed", range(100, 124))
@in_loop
async def test_the_guilty_update_alone_is_refused(seed: int) -> None:
    """With offences in the middle each update has the very answer that it would have had alone, and what is refused is
    quarantined and its clients are retired alike."""
    apart, together = await judged(one_by_one, seed, True), await judged(all_at_once, seed, True)
    assert together[0] == apart[0]
    assert together[1] == apart[1]


@in_loop
async def test_a_refusal_among_many_is_logged_once_with_its_own_bytes() -> None:
    """The quarantine holds the guilty update, not what it was combined with."""
    async with Engine() as engine:
        await engine.open(Mixed, TASK, "brief", agent="owner")
        host = await engine.host(KEY)
        await host.call(Join("session-0", "mallory"))
        peer = Peer(1000, await host.call(Sync()))
        for n in range(20):
            peer.doc.get("draft", type=pycrdt.Text).insert(n, "x")
        bad = encode_update({4712: [Struct(ANY, 4712, 0, 1, None, None, "guarded", "status", ["x"], 2)]})
        sent = [("session-0", update) for update in (*peer.sent[:10], bad, *peer.sent[10:])]
        replies = await all_at_once(host, sent)
        assert replies[:10] == ["landed"] * 10
        assert replies[10] == "guarded_closed"
        [kept] = await engine.store.quarantine(KEY.path)
        assert kept["update"] == bad


@in_loop
async def test_an_offender_does_not_slow_the_others_down() -> None:
    """While one session is refused again and again, the updates of another are still judged together."""
    async with Engine() as engine:
        await engine.open(Mixed, TASK, "brief", agent="owner")
        host = await engine.host(KEY)
        await host.call(Join("session-0", "reader", read_only=True))
        await host.call(Join("session-1", "ada"))
        state = await host.call(Sync())
        reader, ada = Peer(1000, state), Peer(1001, state)
        for n in range(30):
            reader.doc.get("draft", type=pycrdt.Text).insert(n, "r")
            ada.doc.get("draft", type=pycrdt.Text).insert(n, "a")
        both = zip(reader.sent, ada.sent, strict=True)
        sent = [pair for r, a in both for pair in (("session-0", r), ("session-1", a))]
        replies = await all_at_once(host, sent)
        assert replies[1::2] == ["landed"] * 30
        assert "landed" not in replies[::2]
        entries = await engine.store.read(KEY.path)
        assert len([entry for entry in entries if entry.update is not None]) <= 2


@in_loop
async def test_updates_of_a_session_that_ended_are_fenced_each() -> None:
    """A session that leaves between two of its updates: what came before lands, what came after does not."""
    async with Engine() as engine:
        await engine.open(Mixed, TASK, "brief", agent="owner")
        host = await engine.host(KEY)
        await host.call(Join("session-0", "ada"))
        peer = Peer(1000, await host.call(Sync()))
        for n in range(6):
            peer.doc.get("draft", type=pycrdt.Text).insert(n, "x")
        answers: list[Any] = []
        for update in peer.sent[:3]:
            host.post(Update("session-0", update), answers.append)
        host.post(Leave("session-0"), answers.append)
        for update in peer.sent[3:]:
            host.post(Update("session-0", update), answers.append)
        await host.call(Sync())
        await asyncio.sleep(0)
        assert [getattr(answer, "code", "landed") for answer in answers] == ["landed"] * 4 + [
            "stale_read_generation"
        ] * 3
        assert host.machine.state.value("draft", Mixed.__schema__.regions["draft"].kind) == "xxx"


# -- what is taken together ------------------------------------------------------------------------------------------


def typed(client: int, clock: int, text: str, origin: tuple[int, int] | None, **more: Any) -> Decoded:
    parent = "draft" if origin is None and not more.get("right") else None
    struct = Struct(STRING, client, clock, len(text), origin, more.get("right"), parent, None, text, len(text.encode()))
    return Decoded({client: [struct]}, more.get("deletes", {}))


def combined(*updates: Decoded) -> Combination:
    combination = Combination(Ledger())
    for update in updates:
        assert combination.add(update, 10)
    return combination


def test_typing_becomes_one_struct() -> None:
    """Letters typed in a run are one piece of text, as if they had been pasted."""
    combination = combined(typed(7, 0, "a", None), typed(7, 1, "b", (7, 0)), typed(7, 2, "é", (7, 1)))
    result = combination.result()
    assert result is not None
    update, data = result
    assert [(s.clock, s.length, s.content, s.size) for s in update.structs[7]] == [(0, 3, "abé", 4)]
    assert decode_update(data) == update


def test_letters_at_other_places_stay_apart() -> None:
    """Only neighbours that end at the same right neighbour are one piece."""
    combination = combined(typed(7, 0, "a", None), typed(7, 1, "b", None), typed(7, 2, "c", (7, 1), right=(7, 0)))
    result = combination.result()
    assert result is not None
    assert [s.content for s in result[0].structs[7]] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (typed(7, 0, "a", None), typed(7, 2, "b", (7, 1))),  # a gap
        (typed(7, 0, "a", None), typed(7, 0, "a", None)),  # said again
        (typed(7, 0, "a", None), typed(8, 0, "b", None)),  # another client id
        (typed(7, 0, "a", None), Decoded({}, {7: [(0, 1)]})),  # deletes what the first brought
        (typed(7, 0, "a", None, deletes={7: [(0, 2)]}), typed(7, 1, "b", (7, 0))),  # deletes what comes later
        (Decoded({}, {7: [(0, 1)]}), typed(7, 0, "a", None)),  # the same, with nothing of its own
    ],
)
def test_what_touches_an_earlier_one_is_judged_after_it(first: Decoded, second: Decoded) -> None:
    """Alone each of these pairs is judged otherwise than as one."""
    combination = Combination(Ledger())
    assert not (combination.add(first, 10) and combination.add(second, 10))


def test_a_key_is_written_once() -> None:
    """Two values of one key are two writes: each is judged, and the first is not glued to the second."""
    first = Struct(STRING, 7, 0, 1, None, None, "notes", "k", "a", 1)
    second = Struct(STRING, 7, 1, 1, (7, 0), None, None, None, "b", 1)
    combination = Combination(Ledger())
    assert combination.add(Decoded({7: [first]}, {}), 10)
    assert not combination.add(Decoded({7: [second]}, {}), 10)


def test_nothing_follows_a_new_shared_type() -> None:
    """What a later update puts into it would count as part of it."""
    made = Struct(TYPE, 7, 0, 1, None, None, "notes", "k", (1, None), 1)
    combination = Combination(Ledger())
    assert combination.add(Decoded({7: [made]}, {}), 10)
    assert not combination.add(typed(7, 1, "x", None), 10)


def test_deletions_are_united() -> None:
    """What several updates delete is listed once, in order."""
    combination = Combination(Ledger())
    for ranges in ([(5, 10)], [(6, 7)], [(0, 2)], [(2, 3), (10, 12)]):
        assert combination.add(Decoded({}, {9: ranges}), 10)
    result = combination.result()
    assert result is not None
    assert result[0].deletes == {9: [(0, 3), (5, 12)]}


@pytest.mark.parametrize("run", [one_by_one, all_at_once])
@in_loop
async def test_room_that_comes_later_is_no_room_now(run: Callable[..., Any]) -> None:
    """An insertion beyond a region's bound is refused even when the next update of the burst deletes enough."""
    async with Engine() as engine:
        handle = await engine.open(Mixed, TASK, "brief", agent="owner")
        await handle.short.append("x" * 36)
        host = await engine.host(KEY)
        await host.call(Join("session-0", "ada"))
        peer = Peer(1000, await host.call(Sync()))
        short = peer.doc.get("short", type=pycrdt.Text)
        short.insert(36, "y")
        short.insert(0, "z" * 8)
        del short[10:30]
        replies = await run(host, [("session-0", update) for update in peer.sent])
        assert replies == ["landed", "region_full", "landed"]
