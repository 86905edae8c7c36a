"""The pass as a whole: one finding per cause, stable ids, suppression, budgets, and a report that says what it is."""

from __future__ import annotations

import random
from itertools import count

import pytest
from pydantic import ValidationError

from accordant.coherence_pass import Checker, CheckerConfig, CoherenceReport, Passage, Suppression
from accordant.types.errors import Invalid

from .support import check, entry


def test_the_report_names_both_sides() -> None:
    """A finding carries texts, places, authors, versions, times and what each author had read, and which is newer."""
    first = Passage("draft", "draft", "Churn in Q3 was 4.1%.", ("ann",), 3, at=30, read=(("account", 2),))
    second = entry("We agree. Q3 churn was 6.3%.", 4, author="bob")
    report = Checker().run([first, second], document_id="acme/task/q3/brief", version=4, now=77)
    assert (report.document_id, report.version, report.coherent, report.truncated) == (
        "acme/task/q3/brief",
        4,
        False,
        False,
    )
    (found,) = report.contradictions
    assert (found.a.text, found.a.path, found.a.read, found.a.written_at) == (first.text, "draft", [("account", 2)], 30)
    assert (found.b.text, found.b.start, found.b.end) == ("Q3 churn was 6.3%.", 10, 28)
    assert (found.newer, found.first_seen_version, found.mismatch) == ("b", 4, ("4.1%", "6.3%"))
    assert (found.tier, found.calibrated, found.severity) == ("rule", False, "definite")
    assert (report.checked_at, report.checker.tiers, report.incremental) == (77, ("rule",), False)


def test_the_report_survives_json() -> None:
    """A report read back from its JSON is the same report."""
    report = check("Churn in Q3 was 4.1%.", "Q3 churn was 6.3%.")
    assert CoherenceReport.model_validate_json(report.model_dump_json()) == report


def test_a_report_cannot_deny_its_findings() -> None:
    """`coherent` follows from the contradictions and cannot be set against them."""
    data = check("Churn in Q3 was 4.1%.", "Q3 churn was 6.3%.").model_dump()
    with pytest.raises(ValidationError):
        CoherenceReport.model_validate(data | {"coherent": True})


def test_one_changed_number_is_one_finding() -> None:
    """However many statements a number contradicts, its cause is reported once, with the others beside it."""
    repeats = [f"Q3 churn was 4.1%{end}" for end in (".", " overall.", ", indeed.", " exactly.")]
    report = check(*repeats[:2], "Churn in Q3 was 6.3%.", *repeats[2:])
    (found,) = report.contradictions
    assert found.n_statements == 1 + len(found.also) + 1 >= 4


def test_two_causes_are_two_findings() -> None:
    """Two facts that clash in the same sentences' neighbourhood stay two findings."""
    report = check(
        "Churn in Q3 was 6.3%. The gateway listens on port 8080.",
        "Q3 churn was 4.1%. The gateway listens on port 9090.",
    )
    assert sorted(found.mismatch or () for found in report.contradictions) == [("6.3%", "4.1%"), ("8080", "9090")]


def test_repeats_of_one_statement_are_no_finding() -> None:
    """A thousand copies of one statement agree, and cost next to nothing."""
    report = check(*["The gateway listens on port 8080."] * 1_000)
    assert report.coherent
    assert not report.possible
    assert report.n_pairs_considered <= 1


def test_findings_do_not_depend_on_the_order_of_entries() -> None:
    """Shuffled passages give the same findings under the same ids."""
    texts = [
        "Churn in Q3 was 4.1%.",
        "Q3 churn was 6.3%.",
        "The API has a limit.",
        "The API has no limit.",
        "All is well.",
    ]
    passages = [entry(text, number) for number, text in enumerate(texts, start=1)]
    expected = {found.id for found in Checker().run(passages, document_id="d", version=5).contradictions}
    assert len(expected) == 2
    for seed in range(10):
        shuffled = passages[:]
        random.Random(seed).shuffle(shuffled)
        assert {found.id for found in Checker().run(shuffled, document_id="d", version=5).contradictions} == expected


def test_a_settled_finding_stays_away_until_a_side_changes() -> None:
    """A suppressed finding is counted, not shown; when one of its statements changes it is a new finding."""
    (found,) = check("Churn in Q3 was 4.1%.", "Q3 churn was 6.3%.").contradictions
    config = CheckerConfig(suppressed=(Suppression(found.id, "accepted", by="ann", why="two definitions"),))
    settled = check("Churn in Q3 was 4.1%.", "Q3 churn was 6.3%.", config=config)
    assert (settled.coherent, settled.n_suppressed) == (True, 1)
    changed = check("Churn in Q3 was 4.1%.", "Q3 churn was 6.4%.", config=config)
    assert (changed.coherent, changed.n_suppressed) == (False, 0)


def test_a_spent_budget_is_told() -> None:
    """When pairs, claims or time run out the report says that it is truncated."""
    texts = [f"The gateway listens on port {number}." for number in range(9_000, 9_040)]
    assert not check(*texts).truncated
    few_pairs = check(*texts, config=CheckerConfig(pairs_max=10))
    assert (few_pairs.truncated, few_pairs.n_pairs_scored) == (True, 10)
    assert few_pairs.n_pairs_considered > 10
    few_claims = check(*texts, config=CheckerConfig(claims_max=5))
    assert (few_claims.truncated, few_claims.n_claims) == (True, 5)
    assert check(*texts, config=CheckerConfig(pairs_per_claim_max=4)).truncated
    ticks = count()
    slow = Checker(CheckerConfig(budget_ms=500), clock=lambda: float(next(ticks)))
    late = slow.run([entry(text, 1) for text in texts], document_id="d", version=1)
    assert (late.truncated, late.n_pairs_scored) == (True, 0)
    assert late.took_ms > 500


def test_findings_beyond_the_bound_are_told() -> None:
    """A list of findings that was cut makes the report truncated."""
    texts = [f"Tool {name} costs {price} dollars." for name in "abcdef" for price in (10, 25)]
    assert len(check(*texts).contradictions) == 6
    cut = check(*texts, config=CheckerConfig(findings_max=2))
    assert (len(cut.contradictions), cut.truncated) == (2, True)


@pytest.mark.parametrize("field", ["claims_max", "pairs_max", "pairs_per_claim_max", "findings_max"])
def test_senseless_budgets_are_refused(field: str) -> None:
    """A budget below one is a mistake of the caller, told at once."""
    with pytest.raises(Invalid, match=field):
        CheckerConfig(**{field: 0})


def test_a_time_budget_needs_a_clock() -> None:
    """A time budget that nobody could keep is refused."""
    with pytest.raises(Invalid, match="clock"):
        Checker(CheckerConfig(budget_ms=5))


def test_an_empty_document_is_coherent() -> None:
    """Nothing contradicts itself."""
    report = Checker().run([], document_id="d", version=0)
    assert (report.coherent, report.n_claims, report.truncated) == (True, 0, False)
