"""What a handle knows of a corpus: the nearest entries, by exact products over all vectors."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import numpy as np

from accordant import Engine
from accordant.patterns.corpus import Entry
from accordant.patterns.corpus.embedding import Vectors
from accordant.types.pattern_limits import CORPUS_PRODUCT_ROWS
from corpora import PAIRS_APART, Calm, Chosen, facts, hive_with
from worlds import TASK, in_loop


def test_products_in_blocks_are_the_whole_product() -> None:
    """Over several blocks and a broken one, every row has its cosine, in its place."""
    embedder = Chosen()
    vectors = Vectors(embedder)
    texts = [f"fact {n}" for n in range(2 * CORPUS_PRODUCT_ROWS + 5)]
    rows = vectors.embed(texts)
    _, found = vectors.likeness("fact 7")
    expected = np.array([embedder.vector(text) for text in texts]) @ embedder.vector("fact 7")
    assert len(found) == len(texts)
    assert np.allclose(found[rows], expected, atol=1e-5)


@in_loop
async def test_where_nothing_is_near_the_verdict_names_the_nearest_that_stands() -> None:
    """Its similarity is that of the nearest standing entry, below any threshold, and of the next one when that is taken back."""
    embedder = Chosen()
    far, farther, text = facts(3)
    embedder.place(far, 0.7, text)
    embedder.place(farther, 0.5, text)
    async with Engine() as engine:
        hive = await engine.open(hive_with(embedder=embedder, scorer=None), TASK, "hive", agent="ann")
        known = await hive.knowledge.contribute(far)
        await hive.knowledge.contribute(farther)
        again = await hive.knowledge.contribute(text)
        assert (again.status, round(again.similarity or 0, 4), again.links) == ("accepted", 0.7, ())
        for ref in (known.ref, again.ref):
            await hive.retract(ref, why="an experiment")
        assert round((await hive.knowledge.contribute(text)).similarity or 0, 4) == 0.5


@in_loop
async def test_what_is_far_is_no_link_even_where_the_rules_would_call_it_a_contradiction() -> None:
    """The nearest is named by its similarity alone when it is below what a link is worth."""
    embedder = Chosen()
    one, other = PAIRS_APART["number"]
    embedder.place(one, 0.6, other)
    async with Engine() as engine:
        hive = await engine.open(hive_with(embedder=embedder, scorer=None), TASK, "hive", agent="ann")
        await hive.knowledge.contribute(one)
        verdict = await hive.knowledge.contribute(other)
        assert (verdict.status, round(verdict.similarity or 0, 4), verdict.links) == ("accepted", 0.6, ())


class Slow(Calm):
    """A verdict that a test waits for, and lets go on."""

    def __init__(self) -> None:
        self.asked, self.may_go_on = threading.Event(), threading.Event()

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """When it is told to."""
        self.asked.set()
        assert self.may_go_on.wait(20)
        return super().score(pairs)


@in_loop
async def test_nobody_who_asks_waits_for_a_collapse() -> None:
    """While it judges, the same handle searches, reads and cites; then it redirects what it has found."""
    embedder, scorer = Chosen(), Slow()
    one, other = "The API allows 100 requests per minute.", "The API permits 100 requests per minute."
    embedder.place(other, 0.99, one)
    async with Engine() as engine:
        cls = hive_with(embedder=embedder, scorer=scorer)
        hive = await engine.open(cls, TASK, "hive", agent="ann", roles={"curator"})
        refs = [await hive.knowledge.regions[0].append(Entry(text=text)) for text in (one, other)]
        collapsing = asyncio.create_task(hive.knowledge.collapse())
        assert await asyncio.to_thread(scorer.asked.wait, 20)
        try:
            async with asyncio.timeout(10):
                assert {hit.text for hit in await hive.knowledge.search(one)} == {one, other}
                assert len(await hive.knowledge.entries()) == 2
                await hive.knowledge.cite(refs[1])
        finally:
            scorer.may_go_on.set()
        assert (await collapsing).redirected == {refs[1]: refs[0]}
        assert (await hive.knowledge.entry(refs[1])).counts.citations == 1
