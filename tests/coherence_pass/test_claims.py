"""From passages to claims: what becomes a statement, where it stands, who wrote it, and under which id."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from accordant.coherence_pass import AuthorSpan, Passage, passage_of_value
from accordant.coherence_pass.claims import claims_of

from .support import claims, entry, reading


def test_sentences_become_claims_with_their_places() -> None:
    """Every statement is one claim whose span is its text; questions and announcements are none."""
    text = "Churn was 4.1%. Is that right? The rest follows:\nThe API, e.g. the v2 API, has limits; the queue has none."
    passage = entry(text)
    found = claims_of([passage]).claims
    assert [claim.text for claim in found] == [
        "Churn was 4.1%.",
        "The API, e.g. the v2 API, has limits;",
        "the queue has none.",
    ]
    assert all(text[claim.start : claim.end] == claim.text for claim in found)


def test_joined_clauses_are_two_claims() -> None:
    """Two finite clauses joined by "and" are two statements; a list of nouns stays one."""
    assert [claim.text for claim in claims("Churn was 4.1% and the target was 3%.")] == [
        "Churn was 4.1%",
        "the target was 3%.",
    ]
    assert len(claims("The queue and the cache are full.")) == 1
    assert len(claims("If the queue is full and the cache is cold, the job is slow.")) == 1


def test_key_value_lines_become_facts() -> None:
    """`key: value` lines give facts; a key that repeats makes a list of records, and remarks are no facts."""
    found = claims("Port: 8080\nTimeout: 30 s\nNote: be quick\nname: a\nregion: x\nregion: y")
    assert [(claim.fact.attribute, claim.fact.value) for claim in found if claim.fact] == [
        ("port", "8080"),
        ("timeout", "30 s"),
    ]


def test_each_sentence_has_the_authors_of_its_characters() -> None:
    """Where several agents wrote one text, a statement names those who wrote its characters, with the newest version."""
    text = "Churn was 4.1%. The launch is on Monday."
    spans = (AuthorSpan(0, 16, "ann", 3, 30), AuthorSpan(16, 28, "bob", 5, 50), AuthorSpan(28, 40, "cleo", 9, 90))
    passage = Passage("draft", "draft", text, ("ann", "bob", "cleo"), 9, spans=spans)
    first, second = claims_of([passage]).claims
    assert (first.authors, first.version, first.at) == (("ann",), 3, 30)
    assert (second.authors, second.version, second.at) == (("bob", "cleo"), 9, 90)


def test_ids_are_stable_and_distinct() -> None:
    """The same passages give the same ids; two equal statements in one place have two ids and one hash."""
    once, again = claims("Churn was 4.1%. Churn was 4.1%."), claims("Churn was 4.1%. Churn was 4.1%.")
    assert [claim.id for claim in once] == [claim.id for claim in again]
    assert once[0].id != once[1].id
    assert once[0].hash == once[1].hash == claims("churn  was 4.1%")[0].hash
    assert once[0].hash != claims("Churn was 4.2%.")[0].hash


def test_reading_separates_words_numbers_and_dates() -> None:
    """Numbers, dates and names with numbers do not count as content words, nor do the words that only tie them."""
    found = reading("Version 2.0 of the API was released in May 2024 with 3 new endpoints.")
    assert found.bag == {"version 2.0", "api", "releas", "new", "endpoint"}
    assert [item.value for item in found.quantities] == [3]
    assert [(item.year, item.month) for item in found.moments] == [(2024, 5)]


def test_reading_counts_denials_and_tells_tense() -> None:
    """Denials are counted, so that two cancel; the first auxiliary gives the tense."""
    assert reading("The job does not run without a lock.").negations == 2
    assert reading("The job isn't slow.").negations == 1
    assert (reading("It was slow.").tense, reading("It will be slow.").tense, reading("Jobs wait.").tense) == (
        "past",
        "future",
        "",
    )


def test_values_become_passages() -> None:
    """Text stays prose, objects become JSON, a lone scalar becomes a keyed line."""
    assert passage_of_value("log", "log", "Two words", authors=["a"], version=1).is_prose
    assert passage_of_value("seats", "seats", 120, authors=["a"], version=1).text == "seats: 120"
    assert passage_of_value("plan", "plan", "pro", authors=["a"], version=1).text == "plan: pro"
    assert not passage_of_value("account", "account", {"a": 1}, authors=["a"], version=1).is_prose


@given(st.text(max_size=300))
def test_spans_never_leave_the_text(text: str) -> None:
    """Whatever the text, every claim's span lies in it and every claim says something."""
    for claim in claims_of([entry(text), Passage("m", "m/k", text, ("a",), 1, is_prose=False)]).claims:
        assert 0 <= claim.start < claim.end <= len(text)
        assert claim.text
