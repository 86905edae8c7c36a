"""`accordant demo` and the crew's night: they tell the truth, offline, quickly, and fail when the product is broken."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from accordant.cli.demo.stage import STEP_PAUSE_S, VERDICT_PAUSE_S
from accordant.engine import guard
from accordant.engine.denials import Denials
from accordant.engine.sessions import Sessions
from audited_store import answer, run

ROOT = Path(__file__).parents[2]

GUARANTEES = {
    "a write derived from an old version is denied",
    "the conflict names who won, at which version",
    "both updates land",
    "a writer whose generation has ended never lands",
    "every addition is there, once",
    "no append is lost",
    "no increment is lost",
    "the planted contradiction is found, and nothing else",
    "both authors are named",
    "what an author had read is named",
}

OFFLINE = """
import socket, sys
def refused(*_): raise OSError("no network in this test")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refused
from accordant.cli.main import app
app(["demo", "--fast", "--json"])
"""


def test_every_scene_holds() -> None:
    """Seven scenes, each with what it asserted; the two controls lose, nothing of ours does."""
    shown = answer("demo", "--fast", "--json")
    assert shown["held"] is True
    assert [scene["loses"] for scene in shown["scenes"]] == [True, True, False, False, False, False, False]
    assert {held for scene in shown["scenes"] for held in scene["held"]} >= GUARANTEES


def test_the_bare_map_keeps_whoever_has_the_larger_id() -> None:
    """Both orders of the client ids are played, and each keeps another agent's update."""
    steps = answer("demo", "--fast", "--json")["scenes"][1]["steps"]
    assert [step["outcome"] for step in steps] == ["status=active", "status=churned"]


def test_the_audit_names_the_losers() -> None:
    """The conflict with its winner and the fenced late writer are both in what is printed at the end."""
    audit = answer("demo", "--fast", "--json")["audit"]
    denials = {entry["outcome"]: entry for entry in audit if entry["kind"] == "denial"}
    assert set(denials) == {"conflict", "fenced"}
    assert denials["conflict"]["beaten_by"]["actor"] == "triage"
    assert denials["conflict"]["actor"] == denials["fenced"]["actor"] == "enrichment"


def test_it_runs_offline_and_fast() -> None:
    """In a process of its own, with every connection refused, in less than ten seconds."""
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", OFFLINE], capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["held"] is True
    assert time.monotonic() - started < 10


def test_with_pauses_it_stays_under_two_minutes() -> None:
    """What is told, at the pace it is told, leaves time to spare."""
    scenes = answer("demo", "--fast", "--json")["scenes"]
    n_steps = sum(len(scene["steps"]) for scene in scenes)
    assert (n_steps + len(scenes)) * STEP_PAUSE_S + (len(scenes) + 2) * VERDICT_PAUSE_S < 100


def test_a_store_that_is_kept_can_be_looked_at(tmp_path: Path) -> None:
    """--keep leaves a store that verifies, whose log has the conflict, and in which check finds the contradiction."""
    kept = tmp_path / "demo.db"
    answer("demo", "--fast", "--json", "--keep", kept)
    assert answer("verify", kept)["agrees"] is True
    assert len(answer("log", kept, "--outcome", "conflict")["entries"]) == 1
    assert len(answer("check", kept, "--rules-only", exit_code=4)["contradictions"]) == 1
    assert run("demo", "--fast", "--json", "--keep", kept).exit_code == 2, "an existing file is never written into"


@pytest.mark.parametrize(
    ("part", "attribute", "broken", "guarantee"),
    [
        (guard, "_check_expectation", lambda *_: None, "a write derived from an old version is denied"),
        (Sessions, "end", lambda *_: None, "a writer whose generation has ended never lands"),
        (
            guard,
            "check_token",
            lambda *_: None,
            "what was read in an ended generation never lands, in a new one either",
        ),
        (Denials, "count", lambda *_: None, "every denial is in the log, with who was beaten by whom"),
    ],
)
def test_a_broken_guarantee_ends_the_demo(
    monkeypatch: pytest.MonkeyPatch, part: Any, attribute: str, broken: Any, guarantee: str
) -> None:
    """Without the version check, the end of a session, the generation check or the audit of denials, the demo ends with 1.

    It names what failed, in JSON and on standard error.
    """
    monkeypatch.setattr(part, attribute, broken)
    result = run("demo", "--fast", "--json")
    assert result.exit_code == 1, result.output
    assert json.loads(result.stdout)["failed"]["guarantee"] == guarantee
    assert guarantee in result.stderr


def test_the_crews_night_ends_well(tmp_path: Path) -> None:
    """Nothing overwritten, lost or drawn from old findings, and the invented number is traced; the store verifies."""
    store = tmp_path / "crew.db"
    command = [sys.executable, str(ROOT / "demos" / "crew.py"), str(store)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 7
    assert "7.7%" in done.stdout
    assert answer("verify", store)["agrees"] is True


@pytest.mark.parametrize(("name", "lines"), [("channel", 4), ("block", 5)])
def test_a_pattern_plays_itself(name: str, lines: int, tmp_path: Path) -> None:
    """The demonstration of a pattern asserts what it shows; its store verifies."""
    store = tmp_path / "demo.db"
    command = [sys.executable, str(ROOT / "demos" / f"{name}.py"), str(store)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    assert [line[:2] for line in done.stdout.splitlines()] == ["✓ "] * lines
    assert answer("verify", store)["agrees"] is True


def test_a_contradiction_is_found_and_put_right_over_websockets() -> None:
    """Agents, server and sidecar as processes: the planted contradiction has both authors and what each had read, one side is
    taken back, and the next report is coherent."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "demos" / "reconcile.py")], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "by web at version" in done.stdout
    assert "having read ledger at version" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("statements")
