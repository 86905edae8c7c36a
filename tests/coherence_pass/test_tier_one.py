"""A learned score in the pass: rules come first, guards hold for it, thresholds decide, and the report says who said what."""

from __future__ import annotations

import pytest

from accordant.coherence_pass import Checker, CoherenceReport
from accordant.types.errors import Invalid
from word_scorer import WordScorer

from .support import entry

SILVER, GOLD = "The partner programme rewards silver members.", "The partner programme rewards gold members."


def scored(*texts: str, scorer: WordScorer | None = None) -> CoherenceReport:
    """The report on a log with these entries."""
    passages = [entry(text, number) for number, text in enumerate(texts, start=1)]
    return Checker(scorer=scorer or WordScorer()).run(passages, document_id="d", version=len(texts))


def test_what_no_rule_decides_is_scored() -> None:
    """A pair above the report threshold is a contradiction, with the scorer's confidence and the words that clash."""
    report = scored(SILVER, GOLD)
    (found,) = report.contradictions
    assert (found.tier, found.kind, found.confidence, found.calibrated) == ("head", "semantic", 0.95, True)
    assert (found.mismatch, found.detail) == (("silver", "gold"), "silver against gold")
    assert report.checker.tiers == ("rule", "head")
    assert "words" in report.checker.name
    assert report.checker.calibrated_on == "one changed word"
    assert Checker().run([entry(SILVER, 1), entry(GOLD, 2)], document_id="d", version=2).coherent


def test_between_the_thresholds_a_finding_is_possible() -> None:
    """Above `possible` and below `report` the document stays coherent; below both nothing is told."""
    report = scored(SILVER, GOLD, scorer=WordScorer(surely=0.7))
    assert report.coherent
    assert [one.confidence for one in report.possible] == [0.7]
    assert not scored(SILVER, GOLD, scorer=WordScorer(surely=0.4)).possible


def test_rules_come_first() -> None:
    """What a rule decides is not asked of the scorer."""
    scorer = WordScorer()
    (found,) = scored("Churn in Q3 was 4.1%.", "Churn in Q3 was 6.3%.", scorer=scorer).contradictions
    assert found.tier == "rule"
    assert scorer.scored == []


@pytest.mark.parametrize(
    "other",
    [f"If billing is late, {GOLD[0].lower()}{GOLD[1:]}", GOLD.replace("rewards", "probably rewards")],
)
def test_a_guard_makes_it_possible_at_most(other: str) -> None:
    """A condition or a hedge on one side keeps a certain score from making the document incoherent."""

    class Certain(WordScorer):
        def score(self, pairs: object) -> list[float]:
            return [0.99] * len(list(pairs))  # type: ignore[call-overload]

    report = scored(SILVER, other, scorer=Certain())
    assert report.coherent
    assert report.possible
    assert report.possible[0].doubts


def test_another_heading_makes_it_possible() -> None:
    """Under different headings two statements may both hold."""
    passages = [entry(SILVER, 1, heading=("Europe",)), entry(GOLD, 2, heading=("Asia",))]
    report = Checker(scorer=WordScorer()).run(passages, document_id="d", version=2)
    assert report.coherent
    assert "under different headings" in report.possible[0].doubts


def test_pairs_that_share_a_statement_are_one_finding() -> None:
    """Three statements that clash in one word are one finding."""
    (found,) = scored(GOLD, SILVER, GOLD.replace("gold", "bronze")).contradictions
    assert (found.n_statements, len(found.also), len(found.pairs)) == (3, 1, 3)


def test_keyed_facts_are_left_to_the_rules() -> None:
    """Two keyed facts are compared by their keys, never by a model."""
    scorer = WordScorer()
    scored("The main colour is: red", "The main shade is: blue", scorer=scorer)
    scored("region: north", "owner: ann", scorer=scorer)
    assert all(":" not in text for pair in scorer.scored for text in pair if text.startswith(("region", "owner")))


def test_senseless_thresholds_are_refused() -> None:
    """A scorer whose thresholds are the wrong way round is told at once."""
    scorer = WordScorer()
    scorer.report, scorer.possible = 0.2, 0.8
    with pytest.raises(Invalid, match="thresholds"):
        Checker(scorer=scorer)
