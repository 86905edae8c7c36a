"""Measured on texts: alarms on clean prose, and recall and precision on labelled pairs where they are at hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from accordant.coherence_pass import Checker, Passage, passages_of_markdown

_HERE = Path(__file__).resolve().parent
_PAIRS = _HERE.parents[1].parent / "shared" / "data" / "agentdoc" / "pairs.jsonl"


def test_clean_prose_raises_no_alarm() -> None:
    """Eighty true statements full of numbers, dates and denials under headings give no contradiction."""
    text = (_HERE / "clean_prose.md").read_text(encoding="utf-8")
    passages = passages_of_markdown(text, region="clean_prose.md", authors=["ann"])
    report = Checker().run(passages, document_id="clean", version=1)
    assert report.n_claims >= 80
    assert not report.contradictions
    assert len(report.possible) <= 3


def test_things_that_are_numbered_are_different_things() -> None:
    """Papers, pages, trials and notes that bear a number in their name do not contradict each other by it."""
    for text in (
        "Paper {} describes the pilot.",
        "Paper {0} describes pilot number {0}.",
        "Page {} names a competitor.",
        "Trial {} ended well.",
        "Entry {} was written by the crew.",
        "Survey {} asks for churn.",
    ):
        passages = [Passage("log", f"log/{n}", text.format(n), ("docs",), n, ref=str(n)) for n in range(1, 9)]
        report = Checker().run(passages, document_id="numbered", version=9)
        assert report.coherent, (text, report.contradictions[0].detail)


def test_a_slip_in_clean_prose_is_found() -> None:
    """The same prose with one false sentence added by another agent gives that one finding."""
    text = (_HERE / "clean_prose.md").read_text(encoding="utf-8")
    passages = passages_of_markdown(text, region="clean_prose.md", authors=["ann"])
    slip = Passage("log", "log/1", "Keys are rotated every 30 days.", ("bob",), 2, ref="1")
    report = Checker().run([*passages, slip], document_id="clean", version=2)
    assert [(found.a.authors, found.b.authors) for found in report.contradictions] == [(["ann"], ["bob"])]


@pytest.mark.skipif(not _PAIRS.exists(), reason="the labelled pairs stand beside the repository and are not there")
def test_labelled_pairs() -> None:
    """On the labelled pairs, each a document of two entries, precision is at least 0.85 and recall above 0.3."""
    right = wrong = missed = 0
    for line in _PAIRS.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        passages = [
            Passage("log", f"log/{n}", row[side], (side,), n, ref=str(n), heading=("Facts",))
            for n, side in enumerate("ab", start=1)
        ]
        is_reported = not Checker().run(passages, document_id="pair", version=2).coherent
        right += is_reported and bool(row["y"])
        wrong += is_reported and not row["y"]
        missed += not is_reported and bool(row["y"])
    assert right / (right + wrong) >= 0.85
    assert right / (right + missed) > 0.3
