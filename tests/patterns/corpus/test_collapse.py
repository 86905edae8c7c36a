"""Written away from the server, put in order afterwards: nothing is lost, nothing is counted twice, contradictions stay two."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from accordant import Corpus, Denied, Document, Engine, NoAuthority, connect
from corpora import PAIRS_APART, Calm, Chosen, Hive, facts, hive_with
from served import back, cut, offline, served, until
from worlds import TASK, in_loop

FACT = "The gateway listens on port 8080."
SAME = "the gateway listens on port 8080"


async def synced(handle: Document) -> None:
    """The replica has what the server had."""
    await until(lambda: handle._port._connection.offline.has_synced)  # type: ignore[attr-defined]


async def away(*handles: Document) -> None:
    """Cut them off."""
    for handle in handles:
        await synced(handle)
        cut(handle)
    for handle in handles:
        await offline(handle)


async def home(*handles: Document) -> None:
    """Wait until all is merged."""
    for handle in handles:
        await back(handle)
        await handle.synced(40)
        assert handle.refused == ()


@in_loop
async def test_what_was_contributed_offline_lands_and_is_collapsed_once(tmp_path: Path) -> None:
    """Two peers that are away say the same: unchecked both, two entries at first, then one, the oldest, with all that was
    counted."""
    async with (
        Engine(tmp_path / "state.db") as engine,
        served(engine) as url,
        connect(Hive, url, TASK, "hive", agent="ann") as ann,
        connect(Hive, url, TASK, "hive", agent="bob") as bob,
    ):
        cora = await engine.open(Hive, TASK, "hive", agent="cora", roles={"curator"})
        known = (await cora.knowledge.contribute(facts(1)[0])).ref
        assert known is not None
        await ann.knowledge.entries()
        await away(ann, bob)
        for who, text in ((ann, FACT), (bob, SAME)):
            verdict = await who.knowledge.contribute(text)
            assert (verdict.status, verdict.ref, verdict.checked) == ("accepted", None, False)
        assert (await ann.knowledge.contribute("I looked at it and then I ran it")).status == "rejected"
        merged = await ann.knowledge.contribute(facts(1)[0])
        assert (merged.status, merged.ref, merged.checked) == ("merged", known, False)
        await ann.knowledge.cite(known, 3)
        with pytest.raises(NoAuthority):
            await ann.knowledge.collapse()
        await home(ann, bob)

        entries = [one for one in await cora.knowledge.entries() if one.ref != known]
        assert sorted(one.text for one in entries) == [FACT, SAME]
        oldest, younger = entries
        await ann.knowledge.cite(younger.ref, 4)
        await bob.knowledge.cite(oldest.ref, 2)
        await bob.knowledge.endorse(younger.ref)
        await bob.knowledge.endorse(oldest.ref)
        with pytest.raises(Denied, match="role:curator"):
            await (await engine.open(Hive, TASK, "hive", agent="carl")).knowledge.collapse()
        done = await cora.knowledge.collapse()
        assert done.redirected == {younger.ref: oldest.ref}
        one = await bob.knowledge.entry(younger.ref)
        assert (one.ref, one.counts.citations, one.counts.endorsements) == (oldest.ref, 6, 1)
        assert one.counts.contributors == {"ann": 1, "bob": 1}
        assert (await cora.knowledge.entry(known)).counts.citations == 3
        assert len(await bob.knowledge.entries()) == 2
        head = cora.version
        assert (await cora.knowledge.collapse()).redirected == {}
        assert cora.version == head
        assert (await bob.knowledge.contribute(FACT)).ref == oldest.ref


@pytest.mark.parametrize("is_in_line", [True, False])
@in_loop
async def test_two_collapses_at_once_do_it_once(
    is_in_line: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many curators collapse at the same time, of one process or of several: each duplicate is redirected once, and no
    entry is lost in a circle."""
    if not is_in_line:
        monkeypatch.setitem(Corpus.collapse.__globals__, "queue_of", lambda corpus: contextlib.AsyncExitStack())
    async with Engine(tmp_path / "state.db") as engine:
        curators = [await engine.open(Hive, TASK, "hive", agent=f"c{n}", roles={"curator"}) for n in range(3)]
        raw = await engine.open(None, TASK, "hive", agent="raw")
        for text in (FACT, SAME, FACT, facts(1)[0], facts(1)[0]):
            await raw.log("knowledge").append({"text": text})
        outcomes = await asyncio.gather(*(one.knowledge.collapse() for one in curators))
        assert sum(len(one.redirected) for one in outcomes) == 3
        assert len({ref for one in outcomes for ref in one.redirected}) == 3
        known = await curators[0].knowledge.entries()
        assert [one.text for one in known] == [FACT, facts(1)[0]]
        assert [one.counts.contributors for one in known] == [{"raw": 3}, {"raw": 2}]


@pytest.mark.parametrize("kind", ["number", "negation", "swapped roles", "must and may", "environment"])
@in_loop
async def test_a_pair_that_is_held_apart_is_never_collapsed(kind: str) -> None:
    """However near, also when everything is compared again, and also under a model that sees no difference any more."""
    a, b = PAIRS_APART[kind]
    embedder = Chosen()
    embedder.place(b, 0.9999, a)
    async with Engine() as engine:
        cora: Any = await engine.open(
            hive_with(embedder=embedder, scorer=Calm()), TASK, "hive", agent="cora", roles={"curator"}
        )
        raw = await engine.open(None, TASK, "hive", agent="raw")
        await raw.log("knowledge").extend([{"text": a}, {"text": b}, {"text": a}])
        done = await cora.knowledge.collapse(everything=True)
        assert len(done.redirected) == 1
        assert [why for _, _, why in done.apart]
        assert {one.text for one in await cora.knowledge.entries()} == {a, b}


@in_loop
async def test_a_link_keeps_two_apart_whatever_is_thought_later() -> None:
    """What was accepted beside its neighbour, with a link that says why, stays beside it when models and thresholds change."""
    a, b = "The API allows 100 requests per minute.", "The API permits 100 requests per minute."
    embedder = Chosen()
    embedder.place(b, 0.97, a)

    class Stern(Calm):
        def score(self, pairs: Any) -> list[float]:
            return [0.9 for _ in pairs]

    async with Engine() as engine:
        ann: Any = await engine.open(hive_with(embedder=embedder, scorer=Stern()), TASK, "hive", agent="ann")
        await ann.knowledge.contribute(a)
        assert (await ann.knowledge.contribute(b)).links
        cora: Any = await engine.open(
            hive_with(embedder=embedder, scorer=Calm()), TASK, "hive", agent="cora", roles={"curator"}
        )
        assert (await cora.knowledge.collapse(everything=True)).redirected == {}


@in_loop
async def test_paraphrases_that_landed_before_their_model_are_collapsed_on_request() -> None:
    """`everything` compares also what was compared before, with what is thought now; without it nothing is done."""
    a, b = "The API allows 100 requests per minute.", "The API permits 100 requests per minute."
    embedder = Chosen()
    embedder.place(b, 0.93, a)
    async with Engine() as engine:
        strict: Any = await engine.open(
            hive_with(embedder=embedder, scorer=Calm()), TASK, "hive", agent="cora", roles={"curator"}
        )
        first = await strict.knowledge.contribute(a)
        second = await strict.knowledge.contribute(b)
        loose: Any = await engine.open(
            hive_with(embedder=embedder, scorer=Calm(), threshold=0.9), TASK, "hive", agent="cora2", roles={"curator"}
        )
        assert (await loose.knowledge.collapse()).redirected == {}
        assert (await loose.knowledge.collapse(everything=True)).redirected == {second.ref: first.ref}


@in_loop
async def test_what_nobody_uses_is_told_and_kept(tmp_path: Path) -> None:
    """By a clock that is given: neither contributed, cited nor endorsed for so many days; a citation makes it fresh again."""
    now = [1_800_000_000.0]
    async with Engine(tmp_path / "state.db", clock=lambda: now[0]) as engine:
        document = hive_with(embedder=None, clock=lambda: now[0])
        cora: Any = await engine.open(document, TASK, "hive", agent="cora", roles={"curator"})
        refs = [(await cora.knowledge.contribute(text)).ref for text in facts(3)]
        assert await cora.knowledge.stale(30) == []
        now[0] += 20 * 86_400
        cora = await engine.open(document, TASK, "hive", agent="cora", roles={"curator"})
        await cora.knowledge.cite(refs[1])
        now[0] += 15 * 86_400
        cora = await engine.open(document, TASK, "hive", agent="cora", roles={"curator"})
        assert [one.ref for one in await cora.knowledge.stale(30)] == [refs[0], refs[2]]
        assert (await cora.knowledge.collapse(stale_days=30)).stale == (refs[0], refs[2])
        assert await cora.knowledge.stale(30, now=now[0] - 20 * 86_400) == []
        await cora.knowledge.endorse(refs[0])
        assert [one.ref for one in await cora.knowledge.stale(30)] == [refs[2]]
        assert len(await cora.knowledge.entries()) == 3


@in_loop
async def test_eight_replicas_cite_a_thousand_times_each() -> None:
    """In calls of eight, three of them offline for most of it: 8,000 is what is counted."""
    async with Engine() as engine, served(engine) as url:
        owner = await engine.open(Hive, TASK, "hive", agent="owner")
        ref = (await owner.knowledge.contribute(FACT)).ref
        assert ref is not None
        peers = [await connect(Hive, url, TASK, "hive", agent=f"p{n}").__aenter__() for n in range(8)]
        for peer in peers:
            await peer.knowledge.entry(ref)

        async def cite(peer: Any, count: int) -> None:
            for _ in range(count // 200):
                await asyncio.gather(*(peer.knowledge.cite(ref, 8) for _ in range(25)))

        await asyncio.gather(*(cite(peer, 200) for peer in peers))
        await away(*peers[:3])
        await asyncio.gather(*(cite(peer, 800) for peer in peers))
        await home(*peers[:3])
        assert (await owner.knowledge.entry(ref)).counts.citations == 8_000
        for peer in peers:
            await peer.close()
