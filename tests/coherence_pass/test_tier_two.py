"""A second opinion: which findings are put to a judge, what it sees, and what its verdict does."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from accordant.coherence_pass import Checker, CheckerConfig, CoherenceReport, Passage
from accordant.coherence_pass.tier_two import PairContext
from accordant.coherence_pass.verdicts import Verdict
from accordant.types.coherence_limits import JUDGED_PAIRS_MAX
from word_scorer import WordScorer

from .support import check, entry

DOUBTFUL = "The service has 3 replicas.", "The production service has 5 replicas."
PROVEN = "Churn in Q3 was 4.1%.", "Churn in Q3 was 6.3%."


class Fixed:
    """A judge with one answer, which remembers what it was asked."""

    name = "fixed"
    version = "7"

    def __init__(self, answer: Verdict) -> None:
        self.answer = answer
        self.asked: list[PairContext] = []

    def judge(self, pairs: Sequence[PairContext]) -> Sequence[Verdict]:
        """The same of each pair."""
        self.asked.extend(pairs)
        return [self.answer] * len(pairs)


def report(
    judge: Fixed, *texts: str, config: CheckerConfig | None = None, scorer: WordScorer | None = None
) -> CoherenceReport:
    """The report on a log with these entries, with this judge."""
    passages = [entry(text, number) for number, text in enumerate(texts, start=1)]
    return Checker(config, scorer=scorer, judge=judge).run(passages, document_id="d", version=len(texts))


def test_a_contradiction_is_reported_in_the_name_of_the_judge() -> None:
    """What was possible becomes a finding of tier `judge`, and the report names who judged."""
    found = report(Fixed(Verdict.CONTRADICTION), *DOUBTFUL)
    assert [(one.tier, one.severity, one.doubts) for one in found.contradictions] == [("judge", "definite", [])]
    assert not found.possible
    assert (found.checker.tiers, "fixed" in found.checker.name) == (("rule", "judge"), True)


@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict not in ("contradiction", "unsure")])
def test_every_other_verdict_drops_the_pair(verdict: Verdict) -> None:
    """Exceptions, other scopes, what was replaced, paraphrases and unrelated pairs are no findings at all."""
    found = report(Fixed(verdict), *DOUBTFUL)
    assert (found.contradictions, found.possible) == ([], [])


def test_unsure_changes_nothing() -> None:
    """A judge that cannot tell leaves the finding as it was."""
    found = report(Fixed(Verdict.UNSURE), *DOUBTFUL)
    assert found.possible == check(*DOUBTFUL).possible != []


def test_what_a_rule_proved_is_not_asked() -> None:
    """A judge can neither drop nor see what the rules report."""
    judge = Fixed(Verdict.PARAPHRASE)
    found = report(judge, *PROVEN, config=CheckerConfig(judge_reports=True))
    assert not found.coherent
    assert not judge.asked


def test_what_the_scorer_reports_is_asked_only_on_request() -> None:
    """By default the scorer's reports stand; with `judge_reports` the judge may take them back, or leave them possible."""
    texts = "The painted door of the house is silver.", "The painted door of the house is golden."
    assert len(report(Fixed(Verdict.PARAPHRASE), *texts, scorer=WordScorer()).contradictions) == 1
    asked = CheckerConfig(judge_reports=True)
    dropped = report(Fixed(Verdict.PARAPHRASE), *texts, config=asked, scorer=WordScorer())
    assert (dropped.contradictions, dropped.possible) == ([], [])
    doubted = report(Fixed(Verdict.UNSURE), *texts, config=asked, scorer=WordScorer())
    assert [one.doubts for one in doubted.possible] == [["fixed is not sure"]]


def test_the_judge_sees_both_sides_in_their_place() -> None:
    """Sentences around, headings, authors, versions and times of both, the earlier first, and the doubts."""
    judge = Fixed(Verdict.UNSURE)
    text = f"It began well. {DOUBTFUL[0]} It went on."
    passages = [
        entry(DOUBTFUL[1], 9, author="bob"),
        Passage("draft", "draft", text, ("ann",), 3, at=70, heading=("Notes",)),
    ]
    Checker(judge=judge).run(passages, document_id="d", version=9)
    [pair] = judge.asked
    assert (pair.first.text, pair.first.before, pair.first.after) == (DOUBTFUL[0], "It began well.", "It went on.")
    assert (pair.first.authors, pair.first.version, pair.first.at, pair.first.heading) == (("ann",), 3, 70, ("Notes",))
    assert (pair.second.text, pair.second.before, pair.second.after) == (DOUBTFUL[1], "", "")
    assert any("production" in doubt for doubt in pair.doubts)


def test_more_than_a_judge_may_cost_is_left_possible() -> None:
    """Beyond the bound on pairs the findings stay, and the report says that it is not complete."""
    judge = Fixed(Verdict.PARAPHRASE)
    count = JUDGED_PAIRS_MAX + 5
    texts: list[str] = []
    for n in range(count):
        texts += [f"Unit{n} has {n + 3} replicas.", f"The production unit{n} has {n + 9} replicas."]
    found = report(judge, *texts)
    assert len(judge.asked) == JUDGED_PAIRS_MAX
    assert 1 <= len(found.possible) <= 5
    assert found.truncated
