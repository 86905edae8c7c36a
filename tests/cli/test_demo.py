"""`accordant demo` and the crew's night: they tell the truth, offline, quickly, and fail when the product is broken."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from accordant.cli.demo import command
from accordant.cli.demo.scenes import SCENES
from accordant.cli.demo.stage import STEP_PAUSE_S, VERDICT_PAUSE_S
from accordant.engine import guard
from accordant.engine.denials import Denials
from accordant.engine.sessions import Sessions
from accordant.patterns.block import Draft
from accordant.patterns.channel import Channel
from accordant.patterns.corpus import neighbourhood
from accordant.patterns.runaway import RunawayDetector
from accordant.patterns.store import Store
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
    "exactly those who had read it are told",
    "what was derived from it is suspect",
    "a handoff that was derived from an old plan is not accepted unseen",
    "a rewriting from an old base does not land",
    "a fold keeps what came while its writer thought",
    "a put over an item that has changed since it was read is denied",
    "both puts are in the item",
    "what one agent finds decides who is next; who has nothing to do is not fired",
    "the runaway is named, and nobody else",
    "a paraphrase is merged into its entry",
    "what differs in a figure is never merged, however near it is",
}
NAMES = [scene.name for scene in SCENES]

accept = Channel.accept


async def accept_anything(channel: Channel[Any], *proposals: Any, why: str | None = None) -> Any:
    """A supervisor that looks at nothing."""
    return await accept(channel, *proposals, why=why, even_if_stale=True)


OFFLINE = """
import socket, sys
def refused(*_): raise OSError("no network in this test")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refused
from accordant.cli.main import app
app(["demo", "--fast", "--json"])
"""


def test_every_scene_holds() -> None:
    """Thirteen scenes, each with what it asserted; the two controls lose, nothing of ours does."""
    shown = answer("demo", "--fast", "--json")
    assert shown["held"] is True
    assert [scene["name"] for scene in shown["scenes"] if scene["loses"]] == ["dict", "map"]
    assert [scene["name"] for scene in shown["scenes"]] == NAMES
    assert all(scene["held"] and scene["verdict"] for scene in shown["scenes"])
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
    assert (n_steps + len(scenes)) * STEP_PAUSE_S + (len(scenes) + 2) * VERDICT_PAUSE_S < 110


@pytest.mark.parametrize("name", NAMES)
def test_a_scene_stands_alone(name: str) -> None:
    """Each is played, and holds, without those before it."""
    shown = answer("demo", "--json", "--scene", name)
    assert shown["held"] is True
    assert [scene["name"] for scene in shown["scenes"]] == [name]
    assert shown["audit"] == []


def test_scenes_are_listed_and_chosen() -> None:
    """In the order of the story, in three parts; several can be chosen, and an unknown one is told those there are."""
    listed = answer("demo", "--list")
    assert [scene["name"] for scene in listed] == NAMES
    assert len(dict.fromkeys(scene["part"] for scene in listed)) == 3
    shown = answer("demo", "--json", "--scene", "channel", "--scene", "set")
    assert [scene["name"] for scene in shown["scenes"]] == ["set", "channel"]
    wrong = run("demo", "--scene", "board", "--scene", "nothing")
    assert (wrong.exit_code, "guarded" in wrong.stderr) == (2, True)


def test_the_help_counts_the_scenes() -> None:
    """As many as there are."""
    words = "Ten Eleven Twelve Thirteen Fourteen Fifteen".split()
    assert f"{words[len(SCENES) - 10]} scenes" in run("demo", "--help").output


def test_on_a_terminal_it_is_told_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever watches sees each part once, each scene numbered, no line wider than the terminal, and what to try next."""
    monkeypatch.setattr(command, "wants_json", lambda as_json: as_json)
    monkeypatch.setenv("COLUMNS", "80")
    lines = run("demo", "--fast").output.splitlines()
    for part in dict.fromkeys(scene.part for scene in SCENES):
        assert lines.count(part) == 1
    for n, scene in enumerate(SCENES, 1):
        assert any(line.startswith(f"{n}. {scene.title} ") for line in lines)
    assert max(map(len, lines)) <= 80
    assert any("accordant probe dict" in line for line in lines)
    listed = run("demo", "--list").output
    assert all(f"  {scene.name} " in listed for scene in SCENES)


def test_a_store_that_is_kept_can_be_looked_at(tmp_path: Path) -> None:
    """--keep leaves a store that verifies, whose log has the conflict, in which check finds the contradiction and trace
    whoever had the finding that was taken back; the documents of the patterns are there beside it."""
    kept = tmp_path / "demo.db"
    answer("demo", "--fast", "--json", "--keep", kept)
    assert answer("verify", kept)["agrees"] is True
    assert len(answer("log", kept, "brief", "--outcome", "conflict")["entries"]) == 1
    assert len(answer("check", kept, "brief", "--rules-only", exit_code=4)["contradictions"]) == 1
    [traced] = answer("trace", kept, "31 May", "--in", "brief")["appearances"]
    assert [traced["actor"], *(who for who, _, _ in traced["readers"])] == ["web", "docs"]
    for document in ("team", "board"):
        assert answer("doctor", kept, document)["document"] == f"acme/task/overnight/{document}"
        assert answer("explain", kept, document)["regions"]
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
        (
            Channel,
            "accept",
            accept_anything,
            "a handoff that was derived from an old plan is not accepted unseen",
        ),
        (RunawayDetector, "observe", lambda *_: None, "agents that only wake each other are stopped"),
        (neighbourhood, "why_apart", lambda *_: None, "what differs in a figure is never merged, however near it is"),
    ],
)
def test_a_broken_guarantee_ends_the_demo(
    monkeypatch: pytest.MonkeyPatch, part: Any, attribute: str, broken: Any, guarantee: str
) -> None:
    """Without the version check, the end of a session, the generation check, the audit of denials, the look at what has moved,
    the detector or the check for contradictions, the demo ends with 1.

    It names what failed, in JSON and on standard error.
    """
    monkeypatch.setattr(part, attribute, broken)
    result = run("demo", "--fast", "--json")
    assert result.exit_code == 1, result.output
    assert json.loads(result.stdout)["failed"]["guarantee"] == guarantee
    assert guarantee in result.stderr


class Careless:
    """Patterns that look at nothing before they write."""

    @staticmethod
    async def put(store: Any, namespace: Any, key: str, value: Any, **_: Any) -> Any:
        """Whatever is there."""
        return await put(store, namespace, key, value, overwrite=True)

    @staticmethod
    async def commit(draft: Draft, text: str, **_: Any) -> Any:
        """Whatever has come since."""
        await draft.refresh()
        return await commit(draft, text)


put, commit = Store.put, Draft.commit


@pytest.mark.parametrize(
    ("part", "attribute", "broken", "scene", "guarantee"),
    [
        (Store, "put", Careless.put, "store", "a put over an item that has changed since it was read is denied"),
        (Draft, "commit", Careless.commit, "block", "a rewriting from an old base does not land"),
    ],
)
def test_a_careless_pattern_ends_its_scene(
    monkeypatch: pytest.MonkeyPatch, part: Any, attribute: str, broken: Any, scene: str, guarantee: str
) -> None:
    """A store that overwrites, a block that rewrites whatever came: the scene fails, and says what did not hold."""
    monkeypatch.setattr(part, attribute, broken)
    result = run("demo", "--json", "--scene", scene)
    assert result.exit_code == 1, result.output
    assert json.loads(result.stdout)["failed"]["guarantee"] == guarantee


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


@pytest.mark.parametrize("words", [(), ("--by-words",)])
def test_a_hive_learns_together(words: tuple[str, ...], tmp_path: Path) -> None:
    """With the models that ship and without any: every outcome that the demonstration asserts; its store verifies."""
    store = tmp_path / "hive.db"
    command = [sys.executable, str(ROOT / "demos" / "hive.py"), *words, str(store)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=55, check=False)
    assert done.returncode == 0, done.stderr
    assert [line[:2] for line in done.stdout.splitlines()] == ["✓ "] * 5
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
