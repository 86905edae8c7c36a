"""Words: forms of one word meet, opposites know each other, and places never move."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accordant.coherence_pass.words import canonical_stem, plain, stem, tokens


@pytest.mark.parametrize(
    "forms",
    [
        ("retry", "retries", "retried", "retrying"),
        ("release", "releases", "released", "releasing"),
        ("plan", "plans", "planned", "planning"),
        ("cache", "caches", "cached", "caching"),
        ("process", "processes", "processed", "processing"),
        ("match", "matches", "matched"),
        ("day", "days"),
    ],
)
def test_forms_of_a_word_share_a_stem(forms: tuple[str, ...]) -> None:
    """Inflections of one word count as one word."""
    assert len({stem(form) for form in forms}) == 1


@pytest.mark.parametrize(
    ("left", "right"), [("status", "state"), ("bus", "busy"), ("string", "stress"), ("need", "new")]
)
def test_other_words_stay_apart(left: str, right: str) -> None:
    """The stemmer does not merge different words."""
    assert stem(left) != stem(right)


def test_opposites_share_a_name_and_differ_in_sign() -> None:
    """Opposite words meet under one name with opposite signs; synonyms meet with none."""
    assert canonical_stem("enabled")[0] == canonical_stem("disabled")[0]
    assert canonical_stem("enabled")[1] == -canonical_stem("disabled")[1] == 1
    assert canonical_stem("begins") == canonical_stem("started")
    assert canonical_stem("begins")[1] == 0


@given(st.text(max_size=200))
def test_plain_text_keeps_every_place(text: str) -> None:
    """Blanking control and format characters never moves a character, and tokens lie where they say."""
    shown = plain(text)
    assert len(shown) == len(text)
    assert all(shown[token.start : token.end].lower() == token.word for token in tokens(shown))


def test_invisible_characters_are_blanked() -> None:
    """Bidirectional marks, zero-width spaces and control characters cannot hide a word or a digit."""
    assert plain("\u202e4.1\u200b\x00%") == " 4.1  %"
    assert plain("\u0664.\u0661") == "4.1"
