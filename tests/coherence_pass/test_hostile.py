"""Text that somebody wrote to break the pass: it ends in bounded work, with a report that says what was left out.

Work is counted, not timed; the test time-out is the last line for a pattern that backtracks.
"""

from __future__ import annotations

import pytest

from accordant.coherence_pass import Checker, Passage, passages_of_markdown
from accordant.types.limits import CLAIMS_MAX, PAIRS_MAX, PAIRS_PER_CLAIM_MAX

from .support import check, entry

_HUGE = {
    "one sentence": "word " * 200_000,
    "one word": "a" * 1_000_000,
    "one number": "1" * 1_000_000,
    "many commas": "1," * 500_000,
    "full stops, then a letter": "." * 500_000 + "x",
    "empty lines": "\n" * 1_000_000,
    "empty sentences": ". " * 300_000,
    "joints": "it is and " * 100_000,
    "brackets": "[" * 1_000_000,
    "key and spaces": "a" + " " * 900_000 + ": b",
    "value and spaces": "a: b" + " " * 900_000 + "c",
}
_HUGE_MARKDOWN = {
    "links": "[a](" * 200_000,
    "tags": "<" * 500_000,
    "items": "- a\n" * 50_000,
    "rules": "---\n" * 100_000,
    "headings": "#" + " " * 500_000 + "x" + " #" * 200_000 + "y",
    "nested items": "\n".join(" " * (n % 400) + "- a:" for n in range(10_000)),
    "backticks": "`" * 1_000_000,
}


@pytest.mark.parametrize("name", _HUGE)
def test_a_megabyte_of_anything_ends(name: str) -> None:
    """A megabyte of one pattern gives a report with few claims and no findings."""
    text = _HUGE[name]
    prose = Checker().run([entry(text)], document_id="d", version=1)
    keyed = Checker().run([Passage("m", "m/k", text, ("a",), 1, is_prose=False)], document_id="d", version=1)
    assert prose.coherent
    assert keyed.coherent
    assert prose.n_claims <= 1


@pytest.mark.parametrize("name", _HUGE_MARKDOWN)
def test_a_megabyte_of_markdown_ends(name: str) -> None:
    """A megabyte of one mark-up gives passages that add up to no more than the text, and a report."""
    text = _HUGE_MARKDOWN[name]
    passages = passages_of_markdown(text, region="d")
    assert sum(len(item.text) for item in passages) <= len(text)
    assert Checker().run(passages, document_id="d", version=1).coherent


def test_a_sentence_beyond_the_bound_is_told() -> None:
    """A statement too long to read is left out, the rest is read, and the report is truncated."""
    report = check("word " * 1_000 + ". Churn in Q3 was 4.1%.", "Q3 churn was 6.3%.")
    assert report.truncated
    assert len(report.contradictions) == 1


def test_ten_thousand_near_duplicates_are_one_finding() -> None:
    """Ten thousand statements that all exclude each other cost bounded work and are one cause."""
    report = check(*(f"The gateway listens on port {number}." for number in range(10_000)))
    assert report.n_claims == 10_000
    assert report.n_pairs_considered <= 10_000 * PAIRS_PER_CLAIM_MAX
    assert report.n_pairs_scored <= PAIRS_MAX
    assert report.truncated
    assert len(report.contradictions) == 1
    assert report.contradictions[0].n_statements > 9_000
    assert len(report.contradictions[0].also) <= 8


def test_hidden_characters_hide_nothing() -> None:
    """Bidirectional marks, zero-width spaces, control characters and foreign digits do not hide a contradiction."""
    report = check("\u202eChurn in Q3\u2066 was 4.1%.\u202c", "Q3\u200b churn\x00 was \u0666.\u0663%.")
    assert len(report.contradictions) == 1


@pytest.mark.parametrize(
    "text",
    [
        "[" * 50_000,
        '{"a":' * 50_000,
        "{}",
        "[]",
        "{",
        '{"a": 1e999}',
        "9" * 5_000,
        '{"n": ' + "9" * 5_000 + "}",
        "\ud800",
    ],
)
def test_broken_json_is_no_crash(text: str) -> None:
    """JSON that is too deep, too large or broken gives a report without findings."""
    assert Checker().run([Passage("m", "m/k", text, ("a",), 1, is_prose=False)], document_id="d", version=1).coherent


def test_an_object_with_too_many_fields_is_told() -> None:
    """An object with more facts than a document may have claims is read up to the bound, and the report says so."""
    text = "{" + ",".join(f'"k{n}": {n}' for n in range(CLAIMS_MAX + 5)) + "}"
    report = Checker().run([Passage("m", "m/k", text, ("a",), 1, is_prose=False)], document_id="d", version=1)
    assert (report.n_claims, report.truncated) == (CLAIMS_MAX, True)
