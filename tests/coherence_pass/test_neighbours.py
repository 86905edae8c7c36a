"""Nearest texts: who is near whom, exactly the same whatever was known before, in memory that does not grow with the square."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accordant.coherence_pass.neighbours import Neighbourhood
from accordant.types.coherence_limits import NEIGHBOUR_COSINE_MIN, NEIGHBOUR_SLICE_ROWS, NEIGHBOURS_MAX
from accordant.types.errors import Invalid
from word_scorer import WordScorer


def test_the_nearest_are_found_nearest_first() -> None:
    """A text's neighbours are those with the highest cosine, and none below the bound."""
    texts = ["a b c d", "a b c e", "a b f g", "x y z w"]
    near = Neighbourhood()
    near.update(texts, WordScorer().embed)
    assert near.near("a b c d")[0] == "a b c e"
    assert near.near("x y z w") == ()
    vectors = WordScorer().embed(texts)
    expected = {texts[n] for n in range(1, 4) if vectors[0] @ vectors[n] >= NEIGHBOUR_COSINE_MIN}
    assert set(near.near("a b c d")) == expected


def test_no_more_neighbours_than_the_bound() -> None:
    """Of many near texts the nearest few are kept, for more texts than fit into one slice."""
    texts = [f"same words here {n}" for n in range(NEIGHBOUR_SLICE_ROWS + 10)]
    near = Neighbourhood()
    near.update(texts, WordScorer().embed)
    assert {len(near.near(text)) for text in texts} == {NEIGHBOURS_MAX}


words = st.lists(st.sampled_from("red green blue one two six".split()), min_size=1, max_size=4).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(words, max_size=25), min_size=1, max_size=5), st.integers(1, 3))
def test_what_was_known_before_changes_no_neighbour(rounds: list[list[str]], most: int) -> None:
    """After any sequence of texts the neighbours are those of a fresh run over the last ones, ties included."""
    kept = Neighbourhood(most)
    scorer = WordScorer()
    for texts in rounds:
        kept.update(texts, scorer.embed)
        fresh = Neighbourhood(most)
        fresh.update(texts, WordScorer().embed)
        assert {text: kept.near(text) for text in texts} == {text: fresh.near(text) for text in texts}


def test_equal_texts_are_put_in_one_order() -> None:
    """Of many texts that are equally near the same few are chosen, whether they came at once or one by one."""
    texts = [" ".join(words) for words in permutations("red green blue one two".split())]
    kept, fresh, scorer = Neighbourhood(3), Neighbourhood(3), WordScorer()
    for count in range(1, len(texts) + 1, 17):
        kept.update(texts[:count], scorer.embed)
    kept.update(texts, scorer.embed)
    fresh.update(texts, WordScorer().embed)
    assert {text: kept.near(text) for text in texts} == {text: fresh.near(text) for text in texts}


def test_only_new_texts_are_embedded() -> None:
    """A text that stays keeps its vector."""
    near, scorer = Neighbourhood(), WordScorer()
    near.update(["a b c", "a b d"], scorer.embed)
    near.update(["a b c", "a b e"], scorer.embed)
    assert scorer.embedded == ["a b c", "a b d", "a b e"]
    assert near.embedded == 1


@pytest.mark.parametrize("bad", [[[float("nan"), 1.0]], [[1.0]] * 2, [1.0]])
def test_vectors_that_are_none_are_refused(bad: list[object]) -> None:
    """A scorer that gives no vectors, or too many, is told so."""

    def embed(texts: Sequence[str]) -> object:
        return np.array(bad)

    with pytest.raises(Invalid, match="embed"):
        Neighbourhood().update(["a"], embed)
