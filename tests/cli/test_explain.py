"""`accordant explain`: what each region of a document promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from accordant.cli.explain import promises
from accordant.types.regions import Kind
from audited_store import answer, run, written


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("story") / "state.db")


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


def test_what_cannot_be_explained(tmp_path: Path) -> None:
    """A file that is not there, a document that is not: exit codes as everywhere."""
    assert run("explain", tmp_path / "none.db").exit_code != 0
    assert run("explain", written(tmp_path / "s.db"), "acme/task/q3/other").exit_code != 0
