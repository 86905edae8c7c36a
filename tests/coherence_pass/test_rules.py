"""What counts as a contradiction between two agents, and which near misses do not."""

from __future__ import annotations

import pytest

from accordant.coherence_pass import Checker, Passage, passage_of_value

from .support import check, entry

CONTRADICTIONS = [
    ("numeric", "Churn in Q3 was 4.1%.", "Q3 churn was 6.3%."),
    ("numeric", "**Churn** in Q3 was `4.1%`", "Q3 churn was 6.3%"),
    ("numeric", "According to the CRM, churn in Q3 was 4.1%.", "Q3 churn was 6.3%, based on the billing export."),
    ("numeric", "I found that Q3 churn was 4.1%.", "Churn reached 6.3% in Q3."),
    ("numeric", "Q3 2025 churn: 4.1%", "Churn in Q3 2025 was 6.3%."),
    ("numeric", "Revenue for 2025 was $3.2M.", "2025 revenue was $2.9 million."),
    ("numeric", "A deploy takes 24 hours.", "A deploy takes 2 days."),
    ("numeric", "The SLA guarantees 99.9% uptime.", "The SLA guarantees 99.5% uptime."),
    ("numeric", "Our headcount is 45 people.", "Headcount is 52 people."),
    ("numeric", "Backups run every hour.", "Backups run once a week."),
    ("temporal", "The launch is on 3 March 2026.", "The launch is on 10 March 2026."),
    ("temporal", "The renewal deadline is 2026-03-03.", "The renewal deadline is 10 March 2026."),
    ("temporal", "The kickoff is on Monday.", "The kickoff is on Thursday."),
    ("temporal", "The beta ships in Q2 2026.", "The beta ships in Q4 2026."),
    ("temporal", "The job starts at 02:00 UTC.", "The job kicks off at 23:30 UTC."),
    ("temporal", "The cache is cleared before the deploy.", "The cache is cleared after the deploy."),
    ("temporal", "The parser runs before the linker.", "The linker runs before the parser."),
    ("negation", "The API supports batch deletes.", "The API does not support batch deletes."),
    ("negation", "The client retries lost writes.", "Lost writes are never retried by the client."),
    ("negation", "The service isn't encrypted at rest.", "The service is encrypted at rest."),
    ("antonym", "Feature flags are enabled by default.", "Feature flags are disabled by default."),
    ("antonym", "The budget was approved by the board.", "The board rejected the budget."),
    ("negation", "When the main disk fails, the copy is used.", "When the main disk fails, the copy is not used."),
    ("negation", "The gateway has answered a call.", "The gateway hasn't answered a call."),
    ("antonym", "The release is published.", "The release is unpublished."),
    ("negation", "The job started the backup.", "The job failed to start the backup."),
    ("negation", "The service no longer stores cookies.", "The service stores cookies."),
    ("negation", "All endpoints return JSON.", "The export endpoint does not return JSON."),
    ("negation", "None of the tests are flaky.", "Two tests are flaky."),
    ("negation", "No vendor has been selected yet.", "The vendor was selected after the trial."),
    ("negation", "Only admins can create projects.", "Any user can create a project."),
    ("numeric", "Audit logs are kept for 30 days.", "Audit logs are deleted after 7 days."),
    ("numeric", "The timeout of the mailer is 10 seconds.", "The mailer times out after 30 s."),
    ("entity", "Alice owns the billing service.", "The billing service is owned by Bob."),
    ("entity", "The owner of the billing service is Alice.", "Bob is responsible for the billing service."),
    ("entity", "We chose PostgreSQL as the primary store.", "The primary store is MySQL."),
    ("entity", "The gateway is deployed in Frankfurt.", "The gateway runs in the Virginia region."),
    ("entity", "The frontend is written in React.", "The frontend is a Vue application."),
    ("entity", "The default branch is called main.", "The default branch is master."),
    ("entity", "The project is licensed under MIT.", "The project is licensed under the GPL."),
    ("keyed_fact", "port: 8080", "port: 9090"),
]

COHERENT = [
    ("another quarter", "Q2 churn was 4.1%", "Q3 churn was 6.3%"),
    ("another environment", "staging has 3 replicas", "production has 5 replicas"),
    ("about", "Churn was about 4%", "Churn was 4.1%"),
    ("rounded", "Churn was 4%.", "Churn was 4.1%."),
    ("units of time", "The job takes 60 minutes.", "The job takes 1 hour."),
    ("units of size", "The disk has 1 GB.", "The disk has 1024 MB."),
    ("words and digits", "The pool has three members.", "The pool has 3 members."),
    ("a bound that holds", "The limit is at most 60 requests.", "The limit is 50 requests."),
    ("another version", "Version 2 supports deletes.", "Version 1 does not support deletes."),
    ("a condition", "If the flag is set, the API supports deletes.", "The API does not support deletes."),
    ("a wish", "The API should support deletes.", "The API does not support deletes."),
    ("a question", "Does the API support deletes?", "The API does not support deletes."),
    ("the same date", "The launch is on 3 March 2026.", "The launch is on 2026-03-03."),
    ("its weekday", "The launch is on 3 March 2026.", "The launch is on Tuesday."),
    ("a coarser date", "The launch is in March 2026.", "The launch is on 3 March 2026."),
    ("two occasions", "The build failed on Monday.", "The build failed on Tuesday."),
    ("two speakers", "I closed 3 tickets.", "I closed 5 tickets."),
    ("two directions", "The importer depends on the exporter.", "The exporter does not depend on the importer."),
    ("order turned twice", "The parser runs before the linker.", "The linker runs after the parser."),
    (
        "comparison turned twice",
        "The old parser is slower than the new one.",
        "The new parser is faster than the old one.",
    ),
    ("denied opposite", "Flags are not disabled by default.", "Flags are enabled by default."),
    ("some and some not", "Some users have access.", "Some users do not have access."),
    ("different subjects", "The gateway listens on port 8080.", "The metrics exporter listens on port 9090."),
    ("names with numbers", "Step 1 takes 5 minutes.", "Step 2 takes 8 minutes."),
    ("places in a text", "See section 4.", "See section 5."),
    ("then and now", "The price was $10.", "The price is $12."),
    ("opposite words that name", "Public keys are rotated.", "Private keys are rotated."),
    ("an abbreviation", "The primary store is Postgres.", "The primary store is PostgreSQL."),
    ("a place in a place", "The gateway runs in Europe.", "The gateway runs in Frankfurt."),
    ("a second copy", "The gateway runs in Frankfurt.", "A copy of the gateway runs in Virginia."),
    ("another role", "Alice owns the billing service.", "Bob reviews the billing service."),
    ("another thing", "Alice owns the billing service.", "Bob owns the search service."),
    ("an earlier owner", "Alice owns the billing service.", "The former owner of the billing service was Bob."),
    ("two owners", "Alice and Bob own the billing service.", "Alice owns the billing service."),
    ("a part of all", "All endpoints return JSON.", "The export endpoint returns JSON."),
    (
        "all but one",
        "All endpoints return JSON, except the export endpoint.",
        "The export endpoint does not return JSON.",
    ),
    ("two rules with only", "Only getters with a setter are shown.", "Only getters without a setter are shown."),
    ("nothing but a number", "The minimum value is 1.", "The minimum value is 4."),
    ("kept and deleted", "Audit logs are kept for 30 days.", "Audit logs are deleted after 30 days."),
    ("denied in part", "The warning is shown.", "The warning is shown and will not be reported."),
    ("identifiers", "See CVE-2018-12121 for details of it.", "See CVE-2018-12122 for details of it."),
    (
        "a condition of light words",
        "If the values are not equal, an error is shown.",
        "If the values are equal, an error is shown.",
    ),
    (
        "a denied condition",
        "When the main disk is not full, writes go there.",
        "When the main disk is full, writes go there.",
    ),
    ("kinds of a thing", "It returns an object with a public key.", "It returns an object with a private key."),
    ("values of an option", "`none` prevents any file from loading.", "`all` allows any file to load."),
    ("attempts and parts", "2 of the 3 nodes must agree.", "4 of the 7 nodes must agree."),
]


@pytest.mark.parametrize(("kind", "left", "right"), CONTRADICTIONS)
def test_contradictions_are_found(kind: str, left: str, right: str) -> None:
    """Two agents that exclude each other make the document incoherent, in either order, and both are named."""
    report = check(left, right)
    assert [(found.kind, found.severity) for found in report.contradictions] == [(kind, "definite")]
    assert not report.coherent
    assert (report.contradictions[0].a.authors, report.contradictions[0].b.authors) == (["ann"], ["bob"])
    assert report.contradictions[0].cross_author
    assert [found.kind for found in check(right, left).contradictions] == [kind]


@pytest.mark.parametrize(("why", "left", "right"), COHERENT)
def test_near_misses_stay_coherent(why: str, left: str, right: str) -> None:
    """Statements that can both be true never make a document incoherent."""
    assert check(left, right).coherent, why
    assert check(right, left).coherent, why


@pytest.mark.parametrize(
    ("left", "right", "doubt"),
    [
        ("Churn was 4.1%.", "Q3 churn was 6.3%.", "times"),
        ("The service has 3 replicas.", "The production service has 5 replicas.", "production"),
        ("It probably has 3 replicas in the cluster.", "The cluster has 5 replicas.", "hedged"),
        ("The limit may be 5.", "The limit is 9.", "hedged"),
        ("Churn may have been about 5.3% in Q3.", "Churn was 4.1% in Q3.", "hedged"),
        ("The price was $10.", "The price is $12.", "different times"),
        ("While the backup runs, the queue waits 5 s.", "The backup queue waits 9 s.", "condition"),
        ("The agents found 3 errors.", "The agents found 5 errors.", "occasions"),
    ],
)
def test_a_doubt_is_named(left: str, right: str, doubt: str) -> None:
    """Where both may hold, the pair is listed as possible with its reason, and the document stays coherent."""
    report = check(left, right)
    assert report.coherent
    assert any(doubt in reason for found in report.possible for reason in found.doubts)


def test_headings_are_scopes() -> None:
    """Under different headings a clash is only possible; under one heading, or a generic one, it is definite."""

    def kinds(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[int, int]:
        texts = "The timeout is 5 s.", "The timeout is 9 s."
        passages = [entry(texts[0], 1, heading=first), entry(texts[1], 2, heading=second)]
        report = Checker().run(passages, document_id="d", version=2)
        return len(report.contradictions), len(report.possible)

    assert kinds(("Gateway",), ("Exporter",)) == (0, 1)
    assert kinds(("Gateway",), ("Gateway",)) == (1, 0)
    assert kinds(("Gateway",), ()) == (1, 0)
    assert kinds(("Summary",), ("Details",)) == (1, 0)


def test_a_full_statement_needs_no_heading() -> None:
    """Statements that name their subject clash under any two headings, unless a heading names a time, place or case."""

    def is_coherent(first: str, second: str, *texts: str) -> bool:
        passages = [entry(texts[0], 1, heading=(first,)), entry(texts[1], 2, heading=(second,))]
        return Checker().run(passages, document_id="d", version=2).coherent

    clash = "The mailer listens on port 8080.", "The mailer listens on port 9090."
    assert not is_coherent("Network", "Mailer", *clash)
    assert is_coherent("Staging", "Production", *clash)
    assert is_coherent("Release 2", "Release 3", *clash)
    assert is_coherent("Option one", "Option two", *clash)
    assert is_coherent(
        "flush()", "sync()", "This function flushes the whole buffer.", "This function does not flush the whole buffer."
    )


def test_items_that_name_their_subject_clash() -> None:
    """Two objects about one named subject exclude each other by unequal values; about two subjects they do not."""

    def found(*items: dict[str, object]) -> list[str]:
        passages = [
            passage_of_value("findings", "findings", item, authors=[f"agent{n}"], version=n, ref=f"r{n}")
            for n, item in enumerate(items, start=1)
        ]
        return [hit.kind for hit in Checker().run(passages, document_id="d", version=9).contradictions]

    assert found({"company": "Acme", "seats": 120}, {"company": "Acme", "seats": 140}) == ["keyed_fact"]
    assert found({"company": "Acme", "seats": 120}, {"company": "Initech", "seats": 140}) == []
    assert found({"company": "Acme", "plan": "pro"}, {"company": "Acme", "plan": "free"}) == ["keyed_fact"]
    assert found({"company": "Acme", "plan": "Pro"}, {"company": "Acme", "plan": "pro"}) == []
    assert found({"company": "Acme", "ttl": "1 h"}, {"company": "Acme", "ttl": "60 min"}) == []
    assert found({"company": "Acme", "confidence": 0.2}, {"company": "Acme", "confidence": 0.9}) == []
    assert found({"seats": 120}, {"seats": 140}) == []


def test_prose_against_a_guarded_value() -> None:
    """A guarded value and a sentence of a log exclude each other like two sentences."""
    guarded = passage_of_value("account", "account", {"churn_q3": "4.1%", "plan": "pro"}, authors=["ann"], version=1)
    report = Checker().run([guarded, entry("Q3 churn was 6.3%.", 2)], document_id="d", version=2)
    assert [found.kind for found in report.contradictions] == ["numeric"]
    assert report.contradictions[0].a.text == "account churn q3: 4.1%"
    other = passage_of_value("services", "services/gateway", {"port": 8080}, authors=["ann"], version=1)
    clean = Checker().run([other, entry("The exporter listens on port 9090.", 2)], document_id="d", version=2)
    assert clean.coherent


def test_prose_inside_items_is_read() -> None:
    """Sentences in the fields of an item are statements like any other."""
    item = {"text": "Churn in Q3 was 4.1% for all of our customers.", "confidence": 0.8}
    passage = passage_of_value("findings", "findings", item, authors=["ann"], version=1, ref="r1")
    report = Checker().run(
        [passage, entry("Churn in Q3 was 6.3% for all of our customers.", 2)], document_id="d", version=2
    )
    assert [found.mismatch for found in report.contradictions] == [("4.1%", "6.3%")]
    side = report.contradictions[0].a
    assert passage.text[side.start : side.end] == side.text


def test_one_author_can_contradict_itself() -> None:
    """A clash within one author's words counts, and says that it is not between authors."""
    passages = [Passage("draft", "draft", "The limit is 5 users. The limit is 9 users.", ("ann",), 3)]
    found = Checker().run(passages, document_id="d", version=3).contradictions
    assert [(hit.cross_author, hit.newer) for hit in found] == [(False, None)]
