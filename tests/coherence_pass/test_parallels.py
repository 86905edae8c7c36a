"""Parallel statements: one form of words, said of two things."""

from __future__ import annotations

import pytest

from accordant.coherence_pass import Checker, Passage
from accordant.coherence_pass.parallels import Things, other_attributes, things_of
from accordant.coherence_pass.reading import read_statement
from word_scorer import WordScorer

TWO = [
    ("Every retry of the cache in Oslo is written to a log.", "Every retry of the cache in Cork is written to a log."),
    ("Every retry of the cache on node 3 is logged.", "Every limit of the cache on node 12 is logged."),
    ("Customers in Graz may not change the quota.", "Customers in Bergen may not change the quota."),
    ("Paper 3 describes the pilot.", "Paper 4 describes the budget."),
    ("The limit was tested by the search team of Bilbao 2.", "The limit was tested by the export team of Bilbao 17."),
    ("The billing service writes to a log.", "The export service writes to a log."),
]
MAYBE = [
    ("The index of Oslo has a window of 178 seconds.", "The cache of Oslo has a window of 852 seconds."),
    ("The carousel listens on port 3781.", "The metrics of the carousel are on port 3788."),
    ("The launch of the catalog is on 25 June 2026.", "The load test of the catalog is on 18 February 2026."),
    ("The courier caches its answers.", "The courier does not cache its errors."),
    ("The migration of the courier succeeded.", "The first attempt at the migration of the courier failed."),
    ("The foundry is deployed in Stockholm.", "A copy of the foundry is deployed in Oregon."),
]
ONE = [
    ("The cache keeps 3 copies.", "The cache keeps 5 copies."),
    ("The billing service is stopped.", "The billing service is running."),
    ("The cause was a full disk.", "The reason was not a full disk."),
    ("Ann leads the migration.", "Bob leads the migration."),
    ("Only admins can create projects.", "Any user can create a project."),
    ("We know nothing about the outage.", "We know everything about the outage."),
    ("You're not normal.", "You're not abnormal."),
    ("Only the highest rates are limited.", "The lowest rates are limited."),
    ("The courier caches its answers.", "The courier does not cache its answers."),
    ("The carousel is stopped.", "The carousel of the warehouse is running."),
    ("The rate limit is 100 requests per minute per key.", "Each key may send at most 60 requests per minute."),
    ("The pilot ended in May.", "Nobody has ended anything that we know of here."),
    ("", "Anything."),
]


@pytest.mark.parametrize(("one", "other"), TWO)
def test_two_things(one: str, other: str) -> None:
    """A numbered thing, a name within the subject or the subject itself differs, and nothing else clashes."""
    assert things_of(one, other) is Things.TWO
    assert things_of(other, one) is Things.TWO


@pytest.mark.parametrize(("one", "other"), MAYBE)
def test_maybe_two_things(one: str, other: str) -> None:
    """The subjects differ, and so do the numbers."""
    assert things_of(one, other) is Things.MAYBE_TWO


@pytest.mark.parametrize(("one", "other"), ONE)
def test_one_thing(one: str, other: str) -> None:
    """Whatever clashes, and whatever is said in another form, is left to the scorer."""
    assert things_of(one, other) is Things.ONE


@pytest.mark.parametrize(
    ("one", "other", "are_two"),
    [
        ("The owner of the exporter is Chandra.", "We wrote the exporter in Rust.", True),
        ("The archiver caches its answers.", "Messages of the archiver are not signed.", True),
        ("The timeout of the drafter is 30 s.", "Logs of the drafter are kept for 14 days.", True),
        ("The outage began at 14:05 UTC.", "The outage ended at 14:37 UTC.", True),
        ("The outage began at 14:05 UTC.", "The outage started at 14:37 UTC.", False),
        ("The hindwings are brown.", "The hindwings are blue.", False),
        ("The project was cancelled on 22 May 2008.", "The project was fully completed on 22 May 2008.", False),
        ("The rate limit is 100 requests per minute.", "Each key may send at most 60 requests per minute.", False),
        ("The ticket is closed.", "The ticket is still open for comments.", False),
    ],
)
def test_two_attributes(one: str, other: str, are_two: bool) -> None:
    """Of one thing two statements say what shares no word, no unit and no moment."""
    a, b = read_statement(one), read_statement(other)
    assert other_attributes(a, b) is are_two
    assert other_attributes(b, a) is are_two


def test_a_sure_scorer_does_not_report_two_things() -> None:
    """However sure it is; where it may be two things, the finding is possible and says so."""

    def checked(one: str, other: str) -> tuple[int, list[str]]:
        passages = [Passage("f", "f", text, ("ann",), n, ref=f"f@{n}.0") for n, text in enumerate((one, other), 1)]
        report = Checker(scorer=AlwaysSure()).run(passages, document_id="d", version=2)
        return len(report.contradictions), [doubt for one in report.possible for doubt in one.doubts]

    assert checked(*TWO[0]) == (0, [])
    assert checked(*MAYBE[0]) == (0, [Things.MAYBE_TWO.value])
    assert checked(*ONE[2])[0] == 1


class AlwaysSure(WordScorer):
    """Takes every pair for a contradiction."""

    def score(self, pairs: object) -> list[float]:
        return [1.0 for _ in pairs]  # type: ignore[attr-defined]
