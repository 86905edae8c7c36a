"""semantic/flags.py: what plain comparison says of a pair's words, the same from either side."""

from __future__ import annotations

import pytest

from accordant.semantic.flags import PAIR_FLAGS, WORD_FLAGS, compared, read_words
from accordant.semantic.wordpiece import WordPiece
from minilm import HOSTILE

WORDS = WordPiece(["[UNK]", "[CLS]", "[SEP]", "."])


def flagged(a: str, b: str) -> tuple[dict[str, set[str]], dict[str, set[str]], dict[str, float]]:
    """The flags of each word of a and of b, and of the pair, by name."""
    one, other = (read_words(WORDS.pieces(text).words) for text in (a, b))
    of_one, of_other, of_pair = compared(one, other)
    named = [
        {
            word: {name for name, flag in zip(WORD_FLAGS, row, strict=True) if flag}
            for word, row in zip(read.low, rows, strict=True)
        }
        for read, rows in ((one, of_one), (other, of_other))
    ]
    return named[0], named[1], dict(zip(PAIR_FLAGS, of_pair, strict=True))


def test_numbers_are_compared_by_what_they_measure() -> None:
    """One amount in two units is equal; two amounts of one thing conflict; amounts of different things do not."""
    one, _, pair = flagged("Each worker gets 512 MB.", "Each worker gets 0.512 GB.")
    assert "number_equal" in one["512"]
    assert (pair["number_equal"], pair["number_conflict"]) == (1, 0)
    _, other, pair = flagged("It waits 30 seconds.", "It waits five minutes.")
    assert "number_conflict" in other["five"]
    assert pair["number_conflict"] == 1
    one, _, pair = flagged("The pool has 5 connections.", "The pool has 12 threads.")
    assert "number_other" in one["5"]
    assert pair["number_conflict"] == 0
    assert flagged("1,500 rows.", "1500 rows.")[2]["number_equal"] == 1


def test_denial_opposites_names_and_calendar_are_seen() -> None:
    """A denial on one side, words that deny each other, and unequal names or days are flagged."""
    assert flagged("It is cached.", "It is not cached.")[2]["denial_differs"] == 1
    assert flagged("It is never cached.", "It is not cached.")[2]["denial_differs"] == 0
    assert flagged("The check passed.", "The check failed.")[2]["opposite"] == 1
    assert flagged("The plan is stable.", "The plan is unstable.")[2]["opposite"] == 1
    assert flagged("The plan is stable.", "The plan is old.")[2]["opposite"] == 0
    assert flagged("We asked Marta.", "We asked Jonas.")[2]["name_conflict"] == 1
    assert flagged("We met on Monday.", "We met on Friday.")[2]["calendar_conflict"] == 1
    assert flagged("We met on Monday.", "We met in October.")[2]["calendar_conflict"] == 0


@pytest.mark.parametrize("name", HOSTILE)
def test_flags_are_bounded_and_symmetric(name: str) -> None:
    """Whatever the text, every flag is from 0 to 1, and both sides see one pair."""
    text, other = HOSTILE[name], "Port 8080 is open."
    one, _, pair = flagged(text, other)
    _, mirrored, turned = flagged(other, text)
    assert one == mirrored
    assert pair == turned
    assert all(0 <= value <= 1.7 for value in pair.values())
