"""From an outline to passages: every statement keeps its author, its version, and what its author had read."""

from __future__ import annotations

from typing import Any

from accordant.coherence_pass import Checker, CoherenceReport
from accordant.coherence_pass.from_outline import passages_of_outline, versions_in, with_reads
from accordant.types.entries import Entry, EntryKind, OpRecord


def item(value: Any, version: int, by: str, **more: Any) -> dict[str, Any]:
    return {"value": value, "version": version, "by": by, "at": version * 1_000, **more}


def outline(fields: dict[str, Any] | None = None, **regions: dict[str, Any]) -> dict[str, Any]:
    return {"version": 9, "regions": regions, "fields": fields or {}}


def contradiction() -> CoherenceReport:
    items = [
        item("The churn rate was 4.1%.", 4, "web", ref="f@4.0"),
        item("The churn rate was 5.3%.", 7, "docs", ref="f@7.0"),
    ]
    passages = passages_of_outline(outline(findings={"kind": "log", "items": items}))
    return Checker().run(passages, document_id="d", version=9)


def test_log_entries_keep_author_version_and_ref() -> None:
    """One passage per entry, named by its ref."""
    (passage,) = passages_of_outline(
        outline(findings={"kind": "log", "items": [item("Rain falls.", 4, "web", ref="f@4.0")]})
    )
    assert (passage.region, passage.ref, passage.authors, passage.version, passage.at) == (
        "findings",
        "f@4.0",
        ("web",),
        4,
        4_000,
    )


def test_a_texts_parts_keep_their_authors() -> None:
    """Runs say who wrote which characters: a sentence's authors are those who wrote in it."""
    text = "The sky is blue. Rain falls."
    region = {
        "kind": "text",
        "version": 6,
        "by": "docs",
        "at": 1,
        "value": text,
        "runs": [[0, 17, "web", 3], [17, 28, "docs", 6]],
    }
    (passage,) = passages_of_outline(outline(draft=region))
    assert passage.authors == ("web", "docs")
    assert passage.written(0, 16)[:2] == (("web",), 3)
    assert passage.written(17, 28)[:2] == (("docs",), 6)


def test_equal_members_of_a_set_are_one_statement_of_all_who_added_it() -> None:
    """Two tags with one value are one passage with both authors."""
    tags = [item("Who signs it?", 5, "docs", key="b"), item("Who signs it?", 3, "web", key="a")]
    (passage,) = passages_of_outline(outline(open_questions={"kind": "union_set", "members": tags}))
    assert (set(passage.authors), passage.version) == ({"docs", "web"}, 3)


def test_fields_and_map_entries_are_named_by_their_path() -> None:
    """Guarded fields and keys of maps speak of what their path names; counters and unknown kinds say nothing."""
    shown = outline(
        {"account": item({"status": "churned"}, 8, "triage")},
        prices={"kind": "map", "members": [item(3, 2, "web", key="basic")]},
        citations={"kind": "counter", "value": 3, "version": 2},
        later={"kind": "hologram", "value": 3, "version": 2},
    )
    assert [(one.region, one.path, one.authors) for one in passages_of_outline(shown)] == [
        ("prices", "prices/basic", ("web",)),
        ("account", "account", ("triage",)),
    ]


def test_each_side_says_what_its_author_had_read() -> None:
    """derived_from and replaced versions of the entry that wrote a side are its `read`; other sides stay as they are."""
    report = contradiction()
    assert versions_in(report) == [4, 7]
    op = OpRecord("findings", "append", None, 2)
    entry = Entry(7, EntryKind.WRITE, 70_000, "docs", ops=(op,), derived_from=(("account", 3),))
    (found,) = with_reads(report, {7: entry}).contradictions
    sides = {side.version: side for side in (found.a, found.b)}
    assert sides[7].read == [("account", 3), ("findings", 2)]
    assert sides[7].written_at == 70_000
    assert sides[4].read == []


def test_filling_in_changes_no_finding() -> None:
    """The ids, and with them what somebody has settled, stay."""
    report = contradiction()
    filled = with_reads(report, {4: Entry(4, EntryKind.WRITE, 0, "web")})
    assert [one.id for one in filled.contradictions] == [one.id for one in report.contradictions]
    assert not filled.coherent
