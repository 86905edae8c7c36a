"""A pass that remembers: it finds what a pass from nothing finds, whatever was edited, and works only on what has changed."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from accordant.coherence_pass import (
    Checker,
    CheckerConfig,
    CheckerState,
    CoherenceReport,
    Passage,
    passages_of_markdown,
)
from accordant.coherence_pass.remembered import Work
from word_scorer import WordScorer

from .support import entry

SUBJECTS = ("gateway", "ledger", "importer")
FORMS = (
    "The {} timeout is {} seconds.",
    "The {} keeps {} copies.",
    "The {} is enabled.",
    "The {} is not enabled.",
    "The {} was released on {} May 2026.",
    "If load is high, the {} keeps {} copies.",
    "Every {} rewards silver partners.",
    "Every {} rewards gold partners.",
    "{}: {}",
    "My {} limit is {} seconds.",
)

statement = st.builds(
    lambda form, subject, number: form.format(subject, number),
    st.sampled_from(FORMS),
    st.sampled_from(SUBJECTS),
    st.integers(2, 4),
)
passage = st.builds(
    lambda texts, number, heading, log: (
        entry(texts[0], number, heading=heading)
        if log
        else Passage("draft", "draft", " ".join(texts), ("ann",), number)
    ),
    st.lists(statement, min_size=1, max_size=3),
    st.integers(1, 6),
    st.sampled_from([(), ("Setup",), ("Staging",)]),
    st.booleans(),
)
edit = st.tuples(st.sampled_from(["add", "remove", "replace", "move", "touch", "sign"]), st.integers(0, 30), passage)


def edited(passages: list[Passage], act: str, place: int, new: Passage) -> list[Passage]:
    """The passages after one edit."""
    if act == "add" or not passages:
        return [*passages[:place], new, *passages[place:]]
    place %= len(passages)
    rest = passages[:place] + passages[place + 1 :]
    if act == "remove":
        return rest
    if act == "move":
        return [passages[place], *rest]
    if act == "sign":
        new = replace(passages[place], authors=("zoe",))
    changed = (
        new if act in ("replace", "sign") else replace(passages[place], version=passages[place].version + 1, offset=7)
    )
    return [*passages[:place], changed, *passages[place + 1 :]]


def told(report: CoherenceReport) -> CoherenceReport:
    """The report without how it came about."""
    return report.model_copy(update={"incremental": False, "took_ms": 0.0})


@settings(max_examples=200, deadline=None)
@given(
    st.lists(passage, max_size=8),
    st.lists(edit, min_size=1, max_size=8),
    st.booleans(),
    st.sampled_from([None, 3, 10]),
)
def test_incremental_equals_full(
    passages: list[Passage], edits: list[tuple[str, int, Passage]], with_scorer: bool, claims_max: int | None
) -> None:
    """After any edits a pass that remembers reports exactly what a pass from nothing reports: findings, ids and counts."""
    config = CheckerConfig() if claims_max is None else CheckerConfig(claims_max=claims_max, pairs_max=9)
    checker = Checker(config, scorer=WordScorer() if with_scorer else None)
    state = CheckerState()
    for version, one in enumerate([None, *edits]):
        passages = passages if one is None else edited(passages, *one)
        kept = checker.run(passages, document_id="d", version=version, previous=state)
        fresh = checker.run(passages, document_id="d", version=version)
        assert kept.incremental is (version > 0)
        assert told(kept) == told(fresh)


def test_one_changed_statement_costs_one_statement() -> None:
    """One new statement is read and embedded, and only pairs that contain it are judged and scored."""
    scorer, state = WordScorer(), CheckerState()
    checker = Checker(scorer=scorer)
    texts = [f"The {name} of team {n} keeps {n} copies nightly." for n in range(40) for name in SUBJECTS]
    passages = [entry(text, number) for number, text in enumerate(texts, start=1)]
    checker.run(passages, document_id="d", version=1, previous=state)
    assert state.work.read == state.work.embedded == len(texts)
    scorer.scored.clear()
    changed = "The ledger of team seven keeps silver copies nightly."
    passages.append(entry(changed, 121))
    checker.run(passages, document_id="d", version=2, previous=state)
    assert (state.work.read, state.work.embedded) == (1, 1)
    assert 0 < state.work.judged < 2 * len(texts)
    assert all(changed in pair for pair in scorer.scored)


def test_nothing_changed_costs_nothing() -> None:
    """A second pass over the same passages reads, embeds, judges and scores nothing."""
    scorer, state = WordScorer(), CheckerState()
    passages = [entry(text, n) for n, text in enumerate(["Ann rewards gold partners.", "Ann rewards red partners."], 1)]
    first = Checker(scorer=scorer).run(passages, document_id="d", version=1, previous=state)
    again = Checker(scorer=scorer).run(passages, document_id="d", version=1, previous=state)
    assert state.work == Work()
    assert again.contradictions == first.contradictions != []


def test_a_paragraph_that_moved_is_not_read_again() -> None:
    """Text put in front of others moves them; their statements keep their readings."""
    state = CheckerState()
    text = "Alpha keeps two copies.\n\nBeta keeps three copies.\n"

    def run(text: str) -> None:
        passages = passages_of_markdown(text, region="d")
        Checker().run(passages, document_id="d", version=1, previous=state)

    run(text)
    run("Gamma is new here.\n\n" + text)
    assert state.work.read == 1
    run("Gamma is newer here.\n\n" + text)
    assert state.work.read == 1


def test_another_checker_trusts_no_memory() -> None:
    """What another checker, or another version of its scorer, has found is forgotten."""
    state = CheckerState()
    passages = [entry(text, n) for n, text in enumerate(["Ann rewards gold partners.", "Ann rewards red partners."], 1)]
    sure, unsure = WordScorer(version="1"), WordScorer(surely=0.1, version="2")
    assert not Checker(scorer=sure).run(passages, document_id="d", version=1, previous=state).coherent
    report = Checker(scorer=unsure).run(passages, document_id="d", version=1, previous=state)
    assert report.coherent
    assert not report.incremental


def test_who_says_my_is_part_of_what_is_said() -> None:
    """Words that stay the same under another author are judged again."""
    state = CheckerState()
    mine, theirs = entry("My port is 8080.", 1, author="ann"), entry("My port is 9090.", 2, author="bob")
    assert Checker().run([mine, theirs], document_id="d", version=1, previous=state).coherent
    signed = replace(theirs, authors=("ann",))
    kept = Checker().run([mine, signed], document_id="d", version=1, previous=state)
    assert told(kept) == told(Checker().run([mine, signed], document_id="d", version=1))
    assert not kept.coherent
