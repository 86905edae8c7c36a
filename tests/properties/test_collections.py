"""Logs, sets, counters and maps: what merges, what can never be lost, and what a compaction may touch (H5, Q2)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from offline_peer import RawPeer

from accordant import Conflict, Counter, Denied, Document, Engine, Log, LogItem, Map, Namespace, UnionSet, region
from accordant.engine.host.document_host import DocumentHost
from accordant.engine.host.verify import verify
from accordant.types.namespaces import DocumentKey

PLACE = Namespace.task("acme", "q3")
KEY = DocumentKey.of(PLACE, "shelf")


class Shelf(Document):
    lines: Log[str] = region(allow={"*": {"append"}, "role:curator": {"append", "compact"}})
    members: UnionSet[str]
    total: Counter
    settings: Map[int] = region(lww="a test of merging")


def run(scenario: Callable[[Engine], Awaitable[None]]) -> None:
    async def play() -> None:
        async with Engine() as engine:
            await scenario(engine)
            assert (await verify(engine.store, KEY.path)).agrees

    asyncio.run(play())


def opened(engine: Engine, agent: str, *roles: str) -> Awaitable[Shelf]:
    return engine.open(Shelf, PLACE, "shelf", agent=agent, roles=roles)


async def peer_of(engine: Engine, name: str, client_id: int) -> RawPeer:
    host: DocumentHost = await engine.host(KEY)
    return await RawPeer.join(host, name, client_id)


# -- logs ----------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(120)
def test_ten_thousand_items_in_one_call() -> None:
    """A bulk append is one version, in order, each item with its own ref; a peer gets all of it."""

    async def scenario(engine: Engine) -> None:
        shelf = await opened(engine, "ann")
        items = [f"item {n}" for n in range(10_000)]
        refs = await shelf.lines.extend(items)
        reading = await shelf.lines.read()
        assert reading.value == items
        assert [entry.ref for entry in reading.entries] == refs
        assert len(set(refs)) == 10_000
        assert {ref.version for ref in refs} == {reading.version}
        peer = await peer_of(engine, "pia", 7)
        await peer.pull()
        assert peer.doc["lines"].to_py() == items

    run(scenario)


def test_a_compaction_leaves_later_items_alone() -> None:
    """What others appended while the fold was thinking is still there, in order, handles and plain Yjs peers alike."""

    async def scenario(engine: Engine) -> None:
        curator, ann = await opened(engine, "curator", "curator"), await opened(engine, "ann")
        peer = await peer_of(engine, "pia", 7)
        old = await ann.lines.extend(["one", "two", "three"])
        await peer.pull()

        async def fold(items: Sequence[LogItem[str]]) -> list[str]:
            await ann.lines.append("during")
            peer.append("from a peer that has seen three")
            return ["summary of " + ", ".join(item.value for item in items)]

        folded = await curator.lines.compact(fold)
        await peer.push()
        await ann.lines.append("after")
        reading = await ann.lines.read()
        assert reading.value[0] == "summary of one, two, three"
        assert sorted(reading.value[1:]) == ["after", "during", "from a peer that has seen three"]
        assert reading.entries[0].ref == folded[0]
        assert [entry.by for entry in reading.entries if entry.value.startswith("from")] == ["pia"]
        rows = await curator.history("lines", kind="write", actor="curator")
        assert rows[0].ops[0].detail is not None
        assert rows[0].ops[0].detail["supersedes"] == old

        with pytest.raises(Denied):
            await ann.lines.compact(lambda items: [])

    run(scenario)


def test_a_large_compaction_stands_before_whatever_comes_late() -> None:
    """A fold of many items is in order at the front, even against a peer of a small id that had seen none of it."""

    async def scenario(engine: Engine) -> None:
        curator = await opened(engine, "curator", "curator")
        peers = [await peer_of(engine, f"peer-{n}", client) for n, client in enumerate((7, 2**52))]
        for life in range(3):
            await curator.lines.extend([f"{life} {n}" for n in range(20)])
            for peer in peers:
                await peer.pull()
            folded = [f"fold {life} {n}" for n in range(450)]
            await curator.lines.compact(lambda items, folded=folded: folded)
            for peer in peers:
                peer.append(f"late {life} of {peer.name}")
                await peer.push()
            reading = await curator.lines.read()
            assert reading.value[:450] == folded
            assert sorted(reading.value[450:]) == [f"late {life} of peer-0", f"late {life} of peer-1"]
            assert [entry.by for entry in reading.entries[450:]] == [text[-6:] for text in reading.value[450:]]

    run(scenario)


def test_of_concurrent_compactions_one_wins() -> None:
    """The second fold is told of the first; nothing is folded twice."""

    async def scenario(engine: Engine) -> None:
        one, other = await opened(engine, "one", "curator"), await opened(engine, "other", "curator")
        await one.lines.extend(["a", "b"])
        seen: list[Sequence[LogItem[str]]] = []
        both_have_read = asyncio.Event()

        async def fold(items: Sequence[LogItem[str]]) -> list[str]:
            seen.append(items)
            if len(seen) == 2:
                both_have_read.set()
            await both_have_read.wait()
            return ["".join(item.value for item in items)]

        replies = await asyncio.gather(one.lines.compact(fold), other.lines.compact(fold), return_exceptions=True)
        assert sum(isinstance(reply, Conflict) for reply in replies) == 1
        assert (await one.lines.read()).value == ["ab"]

    run(scenario)


# -- sets ----------------------------------------------------------------------------------------------------------


def test_an_addition_survives_a_discard_that_had_not_seen_it() -> None:
    """Add wins: a discard removes what its author saw, and nothing that came meanwhile."""

    async def scenario(engine: Engine) -> None:
        ann = await opened(engine, "ann")
        pia, quinn = await peer_of(engine, "pia", 7), await peer_of(engine, "quinn", 2**52)
        await ann.members.add("x")
        for peer in (pia, quinn):
            await peer.pull()
        pia.discard("x")
        quinn.add("x")
        await quinn.push()
        await pia.push()
        assert (await ann.members.read()).value == {"x"}
        await ann.members.discard("x")
        assert (await ann.members.read()).value == set()
        await ann.members.add("x", "x", "y")
        assert (await ann.members.read()).value == {"x", "y"}
        await ann.members.discard("never there")

    run(scenario)


# -- counters ------------------------------------------------------------------------------------------------------


def test_eight_peers_of_a_thousand_increments_make_eight_thousand() -> None:
    """Plain peers that count at once, each in its own entry, lose nothing (two `x = x + 1` on a plain map give 1)."""

    async def scenario(engine: Engine) -> None:
        ann = await opened(engine, "ann")
        peers = [await peer_of(engine, f"peer-{n}", 100 + n) for n in range(8)]

        async def count(peer: RawPeer) -> None:
            for n in range(1_000):
                peer.increment(1)
                if n % 50 == 0:
                    await peer.push()
                    await asyncio.sleep(0)
            await peer.push()

        await asyncio.gather(*map(count, peers))
        assert (await ann.total.read()).value == 8_000

    run(scenario)


def test_handles_and_peers_count_together() -> None:
    """Eight handles, two peers, up and down: the sum is the sum."""

    async def scenario(engine: Engine) -> None:
        shelves = [await opened(engine, f"agent-{n}") for n in range(8)]
        peer = await peer_of(engine, "pia", 7)

        async def count(shelf: Shelf) -> None:
            for n in range(100):
                await shelf.total.increment(2 if n % 2 else -1)

        for _ in range(50):
            peer.increment(-3)
        await asyncio.gather(peer.push(), *map(count, shelves))
        assert (await shelves[0].total.read()).value == 8 * 50 * (2 - 1) - 150
        assert not hasattr(shelves[0].total, "set")

    run(scenario)


# -- maps ----------------------------------------------------------------------------------------------------------


def test_concurrent_writes_of_one_key_leave_one_of_them() -> None:
    """Last writer wins, as the schema had to say aloud: all replicas agree on the same one."""

    async def scenario(engine: Engine) -> None:
        ann = await opened(engine, "ann")
        peers = [await peer_of(engine, f"peer-{n}", client) for n, client in enumerate((7, 2**52))]
        for n, peer in enumerate(peers):
            peer.set("k", n)
        await ann.settings.set("k", 9)
        for peer in peers:
            await peer.push()
        for peer in peers:
            await peer.pull()
        value = (await ann.settings.read()).value
        assert value["k"] in (0, 1, 9)
        assert [peer.doc["settings"].to_py() for peer in peers] == [value, value]
        await ann.settings.delete("k")
        await ann.settings.delete("never there")
        assert (await ann.settings.read()).value == {}

    run(scenario)
