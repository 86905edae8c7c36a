"""The third stage of a corpus: what speaks of nothing in particular is sent back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accordant.patterns.corpus import specificity
from accordant.types.pattern_limits import CORPUS_TEXT_CHARS_MAX
from minilm import HOSTILE

VAGUE = """It works.
Always write tests
Code should be clean and readable.
Security is important for every project.
Keep it simple, always.
Good documentation helps people.
ok
How do I scale pgvector at 100k rows?
test test test test test
Things changed and now it is better.
aaaa bbbb
It depends on the case.
Be careful with this stuff, it matters.
Testing is really important in software.
Everything works as expected now.
Bugs are bad and should be fixed.
哈哈哈哈哈哈哈哈哈""".split("\n")

TELLING = """Indexes slow down writes.
The gateway listens on port 8080.
Churn in Q3 was 4.1%.
Foreign keys are not indexed automatically in Postgres.
Rust moves values unless the type is Copy.
Redis evicts keys when maxmemory is reached.
Postgres verwirft tote Zeilen erst beim VACUUM.
服务器在端口八零八零上监听请求
`npm ci` deletes node_modules first.""".split("\n")


@pytest.mark.parametrize("text", ["", "   ", *VAGUE])
def test_what_says_nothing_in_particular_is_sent_back(text: str) -> None:
    """Too short, a question, a platitude, a repetition, nothing but general words: each with a reason."""
    assert specificity(text)


@pytest.mark.parametrize("text", TELLING)
def test_what_names_something_passes(text: str) -> None:
    """A name, a number, or two words that are about something are enough, in any language."""
    assert specificity(text) is None


def test_a_text_has_a_length() -> None:
    """The longest that is kept passes, one character more does not."""
    text = "The gateway listens on port 8080. " * 200
    assert specificity(text[:CORPUS_TEXT_CHARS_MAX]) is None
    assert specificity(text[: CORPUS_TEXT_CHARS_MAX + 1])


@pytest.mark.parametrize("text", HOSTILE.values())
def test_hostile_texts_get_an_answer(text: str) -> None:
    """Whatever is sent, a verdict comes."""
    specificity(text[:4_000])


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400))
def test_any_text_gets_an_answer(text: str) -> None:
    """Any text at all."""
    assert specificity(text) is None or specificity(text)
