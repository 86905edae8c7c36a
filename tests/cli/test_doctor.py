"""`accordant doctor`: whether anything checks the version read, from the schema and from what has happened."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from accordant.cli.doctor import Diagnosis, RegionDiagnosis, _shown, examine
from accordant.types.entries import Entry, EntryKind, OpRecord
from audited_store import KEY, answer, run, written


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("story") / "state.db")


def schema(**regions: dict[str, Any]) -> Entry:
    return Entry(1, EntryKind.SCHEMA, 0, "triage", info={"schema": {"name": "Brief", "regions": regions}})


def write(actor: str, region: str, op: str = "append", read: int | None = None, key: str | None = None) -> Entry:
    return Entry(2, EntryKind.WRITE, 0, actor, "s", 2, ops=(OpRecord(region, op, key, read),))


def denied(times: int, session: str = "s", region: str = "account") -> Entry:
    info = {"code": "stale_version", "times": times, "beaten_by": {"actor": "triage", "version": 5}}
    op = OpRecord(region, "commit", None, 3)
    return Entry(3, EntryKind.DENIAL, 0, "enrichment", session, 2, ops=(op,), outcome="conflict", info=info)


def diagnosed(*entries: Entry, **regions: dict[str, Any]) -> Diagnosis:
    return examine(KEY, len(entries), [schema(**regions)], entries)


def only(found: Diagnosis) -> RegionDiagnosis:
    (region,) = found.regions
    return region


def test_every_region_gets_its_answer(store: Path) -> None:
    """Guarded: yes. Merging kinds: nothing can be overwritten. A map: no, so the document's answer is no."""
    shown = answer("doctor", store)
    assert {region["region"]: region["checked"] for region in shown["regions"]} == {
        "account": "yes",
        "citations": "merges",
        "cursors": "no",
        "draft": "merges",
        "findings": "merges",
        "open_questions": "merges",
    }
    assert shown["answer"] == "no"


def test_last_writer_wins_is_listed_with_its_reason(store: Path) -> None:
    """Every path where the last writer wins is named, and why somebody thought that fine; JSON and text."""
    shown = answer("doctor", store)
    assert shown["last_writer_wins"] == ["cursors/a"]
    cursors = next(region for region in shown["regions"] if region["region"] == "cursors")
    assert cursors["doctrine"] == "LAST WRITER WINS by choice: cursor positions, cosmetic"
    assert any(hint.startswith("cursors: 2 agents overwrite each other") for hint in shown["hints"])


def test_the_audit_is_counted(store: Path) -> None:
    """Writes, those that named the version read, denials with their repetitions, who wrote, who was beaten by whom."""
    account = answer("doctor", store)["regions"][0]
    assert account["region"] == "account"
    assert (account["writes"], account["writes_that_named_the_version_read"]) == (2, 2)
    assert account["writers"] == {"triage": 1, "enrichment": 1}
    assert (account["denied"], account["conflicts"]) == (3, 2)
    assert account["beaten"] == [{"loser": "enrichment", "winner": "triage", "times": 2}]


def test_a_document_without_a_last_writer_answers_yes() -> None:
    """Guarded and merging regions alone cannot lose an update."""
    found = diagnosed(write("a", "account", "commit", read=0), account={"kind": "guarded"}, findings={"kind": "log"})
    assert found.answer == "yes"


def test_a_guarded_write_without_a_version_read_is_told() -> None:
    """The audit outweighs the schema: one write that named no version turns the answer, and the hint says what to do."""
    found = diagnosed(write("a", "account", "commit", read=None), account={"kind": "guarded"})
    assert (only(found).checked, found.answer) == ("no", "no")
    assert any("without a version read" in hint for hint in found.hints)


def test_repeated_denials_count_once_each() -> None:
    """Entries carry 1, 2, 4, 8 as the count so far: eight denials, not fifteen; a new run adds to it."""
    runs = [denied(times) for times in (1, 2, 4, 8)]
    assert only(diagnosed(*runs, account={"kind": "guarded"})).n_denied == 8
    assert only(diagnosed(*runs, denied(1), denied(2), account={"kind": "guarded"})).n_denied == 10
    assert only(diagnosed(*runs, denied(1, "other"), account={"kind": "guarded"})).n_denied == 9


@pytest.mark.parametrize(("share", "is_told"), [(97, True), (60, False)])
def test_a_secretly_single_writer_is_told(share: int, is_told: bool) -> None:
    """97 of 100 writes by one agent: say so, and what would hold it. 60 of 100: nothing."""
    entries = [write("web" if n < share else "docs", "findings") for n in range(100)]
    hints = diagnosed(*entries, findings={"kind": "log"}).hints
    assert any('region(writers="web")' in hint for hint in hints) is is_told


def test_who_always_loses_is_a_writer_too() -> None:
    """Where others try to write and one always wins, that is a race, and no region with one writer."""
    entries = [write("a", "account", "commit", read=1) for _ in range(30)] + [denied(n) for n in range(1, 21)]
    hints = diagnosed(*entries, account={"kind": "guarded"}).hints
    assert not any("region(writers=" in hint for hint in hints)
    assert any("lost a race" in hint for hint in hints)


GOLDEN = """\
acme/task/q3/brief  121 of 121 entries looked at
When a write lands, does anything check which version its writer had read?
  Yes: 1 checked, 1 merge, so nothing can be overwritten.

                                                                    writes, by
 region            kind         doctrine          checked?  denied  whom
 ──────────────────────────────────────────────────────────────────────────────
 memory            guarded_map  compare-and-swap  yes           20  101: a 100,
                                                                    b 1
 memory_proposals  log          merge             merges            0

  enrichment was beaten by triage on memory, 20 times
"""


def test_it_fits_into_a_terminal_of_eighty_columns() -> None:
    """All of the table is there, as it is shown."""
    regions = {"memory": {"kind": "guarded_map"}, "memory_proposals": {"kind": "log"}}
    entries = [*(write("a", "memory", "commit", read=1) for _ in range(100)), write("b", "memory", "commit", read=1)]
    found = diagnosed(*entries, denied(20, region="memory"), **regions)
    out = io.StringIO()
    shown = replace(found, entries=121, head=121, hints=())
    Console(file=out, width=80, color_system=None).print(_shown(shown))
    assert "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n" == GOLDEN


def test_a_declared_single_writer_needs_no_hint() -> None:
    """Where the rule is there already, it is not suggested."""
    entries = [write("web", "findings") for _ in range(50)]
    assert diagnosed(*entries, findings={"kind": "log", "writers": ["web"]}).hints == ()


def test_a_contended_field_is_told() -> None:
    """Where a third of the commits lose, splitting or claiming is suggested."""
    entries = [write("a" if n % 2 else "b", "account", "commit", read=1) for n in range(20)] + [
        denied(n) for n in range(1, 21)
    ]
    assert any("lost a race" in hint for hint in diagnosed(*entries, account={"kind": "guarded"}).hints)


def test_a_plain_map_in_an_undeclared_document_is_told() -> None:
    """A root that peers set keys of is last-writer-wins, and nobody chose that."""
    found = examine(KEY, 1, [], [write("a", "state", "set", key="x")])
    assert only(found).doctrine == "LAST WRITER WINS: nobody chose it"
    assert found.to_json()["last_writer_wins"] == ["state/x"]


def test_the_question_comes_first(store: Path) -> None:
    """The answer repeats the question that it answers."""
    assert answer("doctor", store)["question"].startswith("When a write lands, does anything check")


def test_only_the_latest_entries_are_looked_at(store: Path) -> None:
    """--last bounds the work and is said in the answer."""
    shown = answer("doctor", store, "--last", 3)
    assert shown["entries"] == 3 < shown["head"]
    assert run("doctor", store, "--last", 0).exit_code == 2


def test_since_when_a_region_is_shared_is_told(store: Path) -> None:
    """The version by which a region got its second writer, and both names: in JSON and in text; others have none."""
    shown = {region["region"]: region["shared_since"] for region in answer("doctor", store)["regions"]}
    found = shown["findings"]
    assert (found["before"], found["actor"]) == ("triage", "enrichment")
    assert (shown["citations"], shown["draft"]) == (None, None)
    shared = RegionDiagnosis("findings", None, shared_since=(7, "triage", "enrichment"))
    out = io.StringIO()
    Console(file=out, width=120).print(_shown(Diagnosis(KEY, 1, 1, (shared,), ())))
    assert "findings had one writer, triage, until enrichment wrote it in v7" in out.getvalue()
