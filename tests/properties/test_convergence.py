"""State is the fold of the log, in whatever legal order its updates arrive (I7, I8)."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from offline_peer import RawPeer

from accordant import Conflict, Counter, Document, Engine, Guarded, Log, Map, Namespace, Text, UnionSet, region
from accordant.engine.crdt import Replica
from accordant.engine.host import checkpoints
from accordant.engine.host.document_host import DocumentHost
from accordant.engine.host.loading import load_state
from accordant.engine.host.verify import verify
from accordant.engine.log_order import LogOrder, Slot
from accordant.engine.outline import outline
from accordant.engine.state import DocumentState
from accordant.types.entries import Entry
from accordant.types.namespaces import DocumentKey
from accordant.types.regions import GUARDED_ROOT, Kind

PLACE = Namespace.task("acme", "q3")
KEY = DocumentKey.of(PLACE, "brief")
HANDLES = ("ann", "bob")
PEERS = ("pia", "quinn", "rex")
ALPHABETS = {"ann": "aA😀", "bob": "bBé", "pia": "pP🎉", "quinn": "qQ漢", "rex": "rR "}
MEMBERS = ("x", "y", "z")
KINDS = {
    "draft": Kind.TEXT,
    "lines": Kind.LOG,
    "members": Kind.UNION_SET,
    "total": Kind.COUNTER,
    "settings": Kind.MAP,
    GUARDED_ROOT: Kind.MAP,
}


class Brief(Document):
    draft: Text
    lines: Log[str] = region(allow={"*": {"append", "compact"}})
    members: UnionSet[str]
    total: Counter
    settings: Map[int] = region(lww="a test of merging")
    title: Guarded[str]


SHARE = st.floats(0, 1, width=16)
EDIT = st.one_of(
    st.tuples(st.just("insert"), SHARE, st.integers(1, 4)),
    st.tuples(st.just("delete"), SHARE, st.integers(1, 5)),
    st.tuples(st.just("append"), st.integers(1, 3), st.none()),
    st.tuples(st.just("add"), st.sampled_from(MEMBERS), st.none()),
    st.tuples(st.just("discard"), st.sampled_from(MEMBERS), st.none()),
    st.tuples(st.just("increment"), st.integers(-3, 5), st.none()),
    st.tuples(st.just("set"), st.sampled_from("kl"), st.integers(0, 9)),
    st.tuples(st.just("unset"), st.sampled_from("kl"), st.none()),
)
STEP = st.one_of(
    st.tuples(st.sampled_from(PEERS), st.one_of(st.just(("pull",)), st.just(("push",)), EDIT, EDIT, EDIT)),
    st.tuples(
        st.sampled_from(HANDLES),
        st.one_of(
            EDIT,
            EDIT,
            st.tuples(st.just("compact"), st.integers(0, 2), st.none()),
            st.just(("commit", 0, 0)),
            st.just(("retitle", 0, 0)),
        ),
    ),
)
STEPS = st.lists(STEP, min_size=5, max_size=60)


class Play:
    """One document, two handles and three plain Yjs peers. `truth` says who put each log item there, and when."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.handles: dict[str, Brief] = {}
        self.peers: dict[str, RawPeer] = {}
        self.truth: dict[str, str] = {}
        self.items = 0

    async def begin(self) -> None:
        """Everybody joins."""
        for name in HANDLES:
            self.handles[name] = await self.engine.open(Brief, PLACE, "brief", agent=name)
        self.host: DocumentHost = await self.engine.host(KEY)
        for number, name in enumerate(PEERS):
            # Both orders of client ids against each other and the authority's.
            self.peers[name] = await RawPeer.join(self.host, name, (7_000, 5, 2**52)[number])
            await self.peers[name].pull()

    async def step(self, who: str, act: tuple[Any, ...]) -> None:
        """One edit, pull or push."""
        if who in self.peers:
            await self._peer_step(who, self.peers[who], *act)
        else:
            await self._handle_step(who, self.handles[who], *act)

    async def _peer_step(self, name: str, peer: RawPeer, act: str, one: Any = None, other: Any = None) -> None:
        match act:
            case "pull":
                await peer.pull()
            case "push":
                await peer.push()
            case "insert":
                peer.insert(one, self._text(name, other))
            case "append":
                for _ in range(one):
                    peer.append(self._item(name))
            case "set":
                peer.set(one, other)
            case "delete":
                peer.delete(one, other)
            case _:
                getattr(peer, act)(one)

    async def _handle_step(self, name: str, brief: Brief, act: str, one: Any, other: Any) -> None:
        match act:
            case "insert":
                now = (await brief.draft.read()).value
                await brief.draft.insert(round(one * len(now)), self._text(name, other))
            case "delete":
                now = (await brief.draft.read()).value
                start = int(one * len(now))
                await brief.draft.delete(start, min(other, len(now) - start))
            case "append":
                await brief.lines.extend([self._item(name) for _ in range(one)])
            case "compact":
                await brief.lines.compact(lambda items: [self._item(name) for _ in range(one)])
            case "add" | "discard":
                await getattr(brief.members, act)(one)
            case "increment":
                await brief.total.increment(one)
            case "set":
                await brief.settings.set(one, other)
            case "unset":
                await brief.settings.delete(one)
            case _:
                await self._retitle(name, brief)

    async def _retitle(self, name: str, brief: Brief) -> None:
        with_old = await brief.title.read()
        await brief.title.commit(f"by {name}", expect=with_old)
        with pytest.raises(Conflict):
            await brief.title.commit("late", expect=with_old)

    async def settle(self) -> None:
        """Everybody sends what it has and fetches what it lacks."""
        for peer in self.peers.values():
            await peer.push()
        for peer in self.peers.values():
            await peer.pull()

    def _text(self, name: str, count: int) -> str:
        return (ALPHABETS[name] * 2)[:count]

    def _item(self, name: str) -> str:
        self.items += 1
        item = f"{name}-{self.items}"
        self.truth[item] = name
        return item


def content(replica: Replica) -> dict[str, Any]:
    """All that a replica shows, canonical."""
    state = DocumentState(1)
    state.replica = replica
    return {name: state.value(name, kind) for name, kind in KINDS.items()}


async def log_of(engine: Engine) -> list[Entry]:
    entries: list[Entry] = []
    while chunk := await engine.store.read(KEY.path, len(entries)):
        entries += chunk
    return entries


def play(steps: list[Any], check: Callable[[Play, list[Entry]], Any]) -> None:
    """Play the steps on a fresh engine, settle, and check."""

    async def run() -> None:
        async with Engine() as engine:
            one = Play(engine)
            await one.begin()
            for who, act in steps:
                await one.step(who, act)
            await one.settle()
            entries = await log_of(engine)
            outcome = check(one, entries)
            if outcome is not None:
                await outcome

    asyncio.run(run())


PROPERTY = settings(max_examples=250, print_blob=True, suppress_health_check=list(HealthCheck))


@pytest.mark.timeout(120)
@PROPERTY
@given(steps=STEPS, seed=st.integers(0, 2**32))
def test_any_legal_order_gives_the_same_state(steps: list[Any], seed: int) -> None:
    """Replicas that got the same entries in different orders, each after what its author had seen, show the same."""

    def check(one: Play, entries: list[Entry]) -> None:
        live = content(one.host.machine.state.replica)
        needs = causes(one, entries)
        updates = {entry.offset: entry.update for entry in entries if entry.update is not None}
        dice = random.Random(seed)
        for client_id in (1, 2, 3):
            replica = Replica(client_id)
            for offset in any_order(needs, dice):
                replica.apply(updates[offset])
            assert content(replica) == live
        for peer in one.peers.values():
            replica = Replica(9, peer.doc.get_update())
            assert content(replica) == live, f"{peer.name} shows something else"

    play(steps, check)


def causes(one: Play, entries: list[Entry]) -> dict[int, set[int]]:
    """offset -> the offsets that must come before it: what its author had seen, and what it had sent before."""
    changing = [entry for entry in entries if entry.update is not None]
    needs = {entry.offset: {e.offset for e in changing if e.offset < entry.offset} for entry in changing}
    for peer in one.peers.values():
        mine: list[int] = []
        for offset, sent in peer.accepted:
            update = entries[offset - 1].update
            if update == sent.update:  # else it also says what the merge decided against things it had not seen
                needs[offset] = {o for o in needs[offset] if o <= sent.seen} | set(mine)
            mine.append(offset)
    return needs


def any_order(needs: dict[int, set[int]], dice: random.Random) -> list[int]:
    """One of the orders in which every offset comes after those that it needs."""
    order: list[int] = []
    done: set[int] = set()
    while len(order) < len(needs):
        ready = [offset for offset, before in needs.items() if offset not in done and before <= done]
        order.append(dice.choice(ready))
        done.add(order[-1])
    return order


def clocks(state_vector: bytes) -> list[tuple[int, int]]:
    """(client, clock) of each client in an encoded state vector, which lists them in any order."""
    numbers, number, shift = [], 0, 0
    for byte in state_vector:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(number)
            number = shift = 0
    return sorted(zip(numbers[1::2], numbers[2::2], strict=True))


def shown(state: DocumentState) -> str:
    """Everything a state holds, as one text."""
    return json.dumps(
        [
            state.canonical_state(),
            outline(state),
            {path: repr(field) for path, field in sorted(state.fields.items())},
            state.versions,
            {name: order.dump() for name, order in state.orders.items()},
            {name: list(state.ledger.region_size(name)) for name in sorted(state.schema.regions)},
            sorted(state.op_ids.items()),
            clocks(state.replica.state_vector()),
        ],
        sort_keys=True,
        default=str,
    )


@pytest.mark.timeout(120)
@PROPERTY
@given(steps=STEPS, every=st.integers(1, 12))
def test_live_state_checkpoint_and_replay_agree(steps: list[Any], every: int) -> None:
    """The live state, the newest checkpoint with the tail after it, and the whole log replayed are one state."""

    async def check_states(one: Play, entries: list[Entry]) -> None:
        live = one.host.machine.state
        replayed = DocumentState(1)
        for entry in entries:
            replayed.fold(entry)
        assert shown(replayed) == shown(live)
        again = DocumentState.load(1, live.dump())
        assert shown(again) == shown(live)
        reloaded, _ = await load_state(one.engine.store, KEY.path, 1)
        assert shown(reloaded) == shown(live)
        assert (await verify(one.engine.store, KEY.path)).agrees

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "CHECKPOINT_ENTRIES", every)
        play(steps, check_states)


@pytest.mark.timeout(120)
@PROPERTY
@given(steps=STEPS)
def test_everything_is_attributed_to_its_author(steps: list[Any]) -> None:
    """Each log item's ref names the entry that brought it; each character of the text is ascribed to who typed it."""

    async def check(one: Play, entries: list[Entry]) -> None:
        reading = await one.handles["ann"].lines.read()
        assert len(reading.entries) == len(reading.value)
        for item, value in zip(reading.entries, reading.value, strict=True):
            assert item.by == one.truth[value], f"{value} is ascribed to {item.by}"
            entry = entries[item.version - 1]
            assert (entry.actor, item.ref.version) == (item.by, entry.offset)
            assert any(op.region == "lines" for op in entry.ops)
        state = one.host.machine.state
        text = state.value("draft", Kind.TEXT)
        runs = outline(state)["regions"]["draft"]["runs"]
        assert sum(end - start for start, end, _, _ in runs) == len(text)
        for start, end, actor, version in runs:
            assert set(text[start:end]) <= set(ALPHABETS[actor])
            assert entries[version - 1].actor == actor

    play(steps, check)


# -- the checks can fail -------------------------------------------------------------------------------------------

STOP_EARLY = settings(PROPERTY, max_examples=400, derandomize=True, phases=[Phase.generate], database=None)


def test_a_wrong_order_table_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that places concurrent appends by arrival ascribes items to the wrong author."""

    def by_arrival(self: LogOrder, slot: Slot) -> None:
        self._slots.append(slot)
        self.live += slot.is_live

    monkeypatch.setattr(LogOrder, "append", by_arrival)
    broken = STOP_EARLY(given(steps=STEPS)(test_everything_is_attributed_to_its_author.hypothesis.inner_test))
    with pytest.raises(AssertionError):
        broken()
