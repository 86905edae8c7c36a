"""What a document takes up, as `accordant doctor` says it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from accordant import Engine
from accordant.types.namespaces import DocumentKey
from audited_store import KEY, TASK, Brief, answer, change, run, written

DAY_MS = 86_400_000


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = written(tmp_path / "state.db")

    async def pin() -> None:
        async with Engine(path) as engine:
            await engine.open(Brief, TASK, "brief", agent="triage")
            await engine.pin(DocumentKey.parse(KEY), 5, agent="triage", why="shown to [bold]the board")

    asyncio.run(pin())
    return path


def test_bytes_are_told_by_what_they_are_for(store: Path) -> None:
    """Log, headers, index, checkpoints, pins and quarantine, and what a retention would free."""
    shown = answer("doctor", store, "--keep-days", "0")["store"]
    bytes_ = shown["bytes"]
    assert bytes_["total"] == sum(count for name, count in bytes_.items() if name != "total")
    assert min(bytes_[name] for name in ("updates", "headers", "index", "checkpoints", "pinned")) > 0
    assert shown["compaction"]["bytes"] == bytes_["updates"]
    assert answer("compact", store, "--keep-versions", "1")["documents"][0]["bytes"] == bytes_["updates"]
    after = answer("doctor", store, "--keep-days", "0")["store"]
    assert after["bytes"]["updates"] == after["compaction"]["bytes"] == 0
    assert after["entries_without_bytes"] == shown["compaction"]["entries"]
    assert answer("doctor", store)["store"]["compaction"]["keep_days"] == 30


def test_pins_are_told_with_who_and_why(store: Path) -> None:
    """In JSON, and on a terminal, where a stranger's text is shown as it is."""
    (pin,) = answer("doctor", store)["store"]["pinned"]
    assert (pin["version"], pin["by"], pin["why"]) == (5, "triage", "shown to [bold]the board")


def test_growth_is_told_once_the_document_is_old_enough(store: Path) -> None:
    """A minute says nothing about a day; of an older document the last week counts."""
    assert answer("doctor", store)["store"]["entries_a_day"] is None
    change(store, "update documents set created_at = created_at - ?", (2 * DAY_MS,))
    shown = answer("doctor", store)["store"]
    head = answer("doctor", store)["head"]
    assert shown["entries_a_day"] == pytest.approx(head / 2, rel=0.01)
    assert shown["bytes_a_day"] > 0


def test_a_terminal_gets_words(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sizes are a table, and what can be done is a command."""
    monkeypatch.setattr("accordant.cli.doctor.wants_json", lambda as_json: False)
    text = run("doctor", store, "--keep-days", "0").output
    assert "In the store" in text
    assert "accordant compact --keep-days 0 would free" in text
    assert "version 5 is pinned by triage" in text
    assert "[bold]" in text
