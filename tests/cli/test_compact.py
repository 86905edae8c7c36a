"""`accordant compact`: it says what would go, lets it go, and keeps its hands off a store that somebody uses."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from accordant import Engine
from audited_store import KEY, TASK, Brief, answer, rows, run


async def filled(path: Path) -> None:
    async with Engine(path, durability="process") as engine:
        brief = await engine.open(Brief, TASK, "brief", agent="triage")
        for _ in range(750):  # what is deleted is in the log alone: the state stays small
            await brief.draft.append("x" * 4000)
            await brief.draft.delete(0, 4000)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "state.db"
    asyncio.run(filled(path))
    return path


def test_a_dry_run_changes_nothing_and_says_what_would_go(store: Path) -> None:
    """Beside a running engine too; what it says is what the compaction then does."""
    head = int(rows(store, "select head from documents")[0][0])

    async def beside() -> dict[str, object]:
        async with Engine(store):
            return dict(await asyncio.to_thread(answer, "compact", store, KEY, "--keep-versions", "100", "--dry-run"))

    planned = asyncio.run(beside())
    assert rows(store, "select compacted from documents") == [(0,)]
    done = answer("compact", store, "--keep-versions", "100")
    assert planned["documents"] == done["documents"]
    (document,) = done["documents"]
    assert document["oldest"] == head - 99
    assert document["bytes"] > 1_300 * 2_000
    assert rows(store, "select compacted from documents") == [(head - 99,)]
    assert answer("verify", store)["agrees"] is True


def test_freed_pages_are_used_again_and_a_vacuum_makes_the_file_smaller(store: Path) -> None:
    """After a compaction as much can be written again without the file growing; --vacuum gives the space back."""
    full = store.stat().st_size
    assert answer("compact", store, "--keep-versions", "1")["file_bytes"] <= full * 1.1
    asyncio.run(filled(store))
    assert store.stat().st_size < full * 1.5
    shown = answer("compact", store, "--keep-versions", "1", "--vacuum")
    assert shown["file_bytes"] < full * 0.8, shown
    assert answer("verify", store)["agrees"] is True


def test_a_store_in_use_is_left_alone(store: Path) -> None:
    """While an engine holds the lease the command ends with 5, names the holder and what to do, and changes nothing."""

    async def beside() -> None:
        async with Engine(store):
            found = await asyncio.to_thread(run, "compact", store, "--keep-versions", "1")
            assert found.exit_code == 5
            assert "Engine(retention=...)" in found.stderr

    asyncio.run(beside())
    assert rows(store, "select compacted from documents") == [(0,)]


def test_what_to_keep_has_to_be_said(store: Path) -> None:
    """Without a rule nothing happens: exit code 2."""
    assert run("compact", store).exit_code == 2
    assert run("compact", store, "--keep-versions", "0").exit_code == 2
