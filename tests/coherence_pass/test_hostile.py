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
    "bars": "|" * 1_000_000,
    "a wide table": "|a" * 200_000 + "\n" + "|-" * 200_000 + "\n" + "|b" * 100_000,
    "a long table": "| a | b |\n|---|---|\n" + "| x | y |\n" * 50_000,
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


@pytest.mark.timeout(240)  # half a million verdicts: 10 s of one core, which a busy machine does not have
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


def test_a_table_with_too_many_rows_is_told() -> None:
    """More rows than a document may have claims are read up to the bound, and the report says so."""
    text = "| a | b |\n|---|---|\n" + "".join(f"| r{n} | {n} |\n" for n in range(CLAIMS_MAX + 5))
    report = Checker().run(passages_of_markdown(text, region="d"), document_id="d", version=1)
    assert (report.n_claims, report.truncated) == (CLAIMS_MAX, True)


_FOREIGN = (
    ("Der Dienst lauscht auf Port 8080.", "Die Kosten sind nicht gestiegen, sie fielen um 3 Prozent."),
    ("Le service écoute sur le port 8080.", "Le service n'écoute jamais sur le port 9090, sauf le lundi."),
    ("服务监听端口 8080。", "服务不监听端口 9090。"),
    ("الخدمة تستمع على المنفذ 8080.", "الخدمة لا تستمع على المنفذ."),
    ("サービスはポート8080で待ち受けます。", "サービスはポート9090で待ち受けません。"),
    ("\u202eno\u202c \u0000\u0001\ufeff", "e\u0301" * 400 + " \U0001f600" * 200),
)


@pytest.mark.parametrize("texts", _FOREIGN)
def test_other_languages_are_no_crash(texts: tuple[str, str]) -> None:
    """Text that the rules cannot read gives a report, the same from either side, and nothing definite."""
    assert check(*texts).coherent
    assert check(*reversed(texts)).coherent


@pytest.mark.parametrize(
    "part", ["a is ", "the owner of ", "no ", "and not ", "A owns ", "if ", "12:30 ", "1-2 ", "un", "only "]
)
def test_a_statement_of_one_part_repeated_ends(part: str) -> None:
    """The longest statement that is read, made of one part that some rule looks for, costs no more than another."""
    text = (part * 1_000)[:990].strip() + "."
    assert check(text, text.replace("a", "b") + " 7").n_claims <= 4
