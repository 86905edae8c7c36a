"""What a handle knows of a corpus: the nearest entries, by exact products over all vectors."""

from __future__ import annotations

import numpy as np

from accordant import Engine
from accordant.patterns.corpus.embedding import Vectors
from accordant.types.pattern_limits import CORPUS_PRODUCT_ROWS
from corpora import PAIRS_APART, Chosen, facts, hive_with
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
