"""`accordant explain`: what each region of a document promises."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from accordant.cli.explain import promises
from accordant.types.regions import Kind
from audited_store import answer, run, written

PATTERNS = ("channel", "block", "store", "corpus")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("story") / "state.db")


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a document of many patterns."""
    kept = tmp_path_factory.mktemp("demo") / "demo.db"
    answer("demo", "--json", "--keep", kept, *(word for name in PATTERNS for word in ("--scene", name)))
    return kept


def test_every_kind_has_its_promise() -> None:
    """In the words of the consistency model, for every region kind."""
    said = promises()
    assert set(said) == set(Kind)
    assert said[Kind.GUARDED] == (
        "compare-and-swap: one winner per version, the loser gets Conflict",
        "linearizable",
    )
    assert said[Kind.MAP][0].startswith("last writer wins")


def test_a_document_is_explained(store: Path) -> None:
    """One row per region: how writes meet, what is read, who writes, and why the last writer may win."""
    found = answer("explain", store)
    assert found["document"] == "acme/task/q3/brief"
    rows = {one["region"]: one for one in found["regions"]}
    assert rows["account"]["reader_sees"] == "linearizable"
    assert (rows["findings"]["concurrent_writes"], rows["findings"]["writers"]) == (
        "append only; entries never change",
        ["everybody"],
    )
    assert rows["cursors"]["lww"] == "cursor positions, cosmetic"
    assert "same handle" in found["read_your_writes"]


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("command", ["explain", "doctor"])
def test_a_terminal_shows_names_and_promises_whole(
    monkeypatch: pytest.MonkeyPatch, team: Path, command: str, width: int
) -> None:
    """In 80 columns too no line is wider, and neither a region's name nor "compare-and-swap" is broken."""
    module = import_module(f"accordant.cli.{command}")
    monkeypatch.setattr(module, "wants_json", lambda as_json: as_json)
    monkeypatch.setenv("COLUMNS", str(width))
    lines = run(command, team, "team").output.splitlines()
    assert max(map(len, lines)) <= width
    for region in ("handoffs", "handoffs_decisions", "handoffs_proposals", "knowledge_tally", "memory_lease", "plan"):
        assert any(line.split()[:1] == [region] for line in lines), region
    assert any("compare-and-swap" in line for line in lines)


def test_what_cannot_be_explained(tmp_path: Path) -> None:
    """A file that is not there, a document that is not: exit codes as everywhere."""
    assert run("explain", tmp_path / "none.db").exit_code != 0
    assert run("explain", written(tmp_path / "s.db"), "acme/task/q3/other").exit_code != 0
