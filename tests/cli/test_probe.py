"""`accordant probe` on stores that are known to be right or wrong in one way each."""

from __future__ import annotations

import importlib
import io
import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from accordant.cli.main import app
from accordant.cli.probe import table
from accordant.testing.interleaving import INTERLEAVINGS, Finding, Verdict, judge

HERE = Path(__file__).parent
NAMES = [interleaving.name for interleaving in INTERLEAVINGS]
UPDATE, ABA, RECREATED, LATE, RESTART = NAMES


@pytest.fixture(autouse=True)
def _stores_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(HERE)


def run(*words: str, exit_code: int) -> str:
    """Standard output of the command, which has to end with that exit code."""
    result = CliRunner().invoke(app, ["probe", *words])
    assert result.exit_code == exit_code, (result.exit_code, result.output, result.exception)
    return result.stdout


def codes(target: str, exit_code: int) -> dict[str, str]:
    """Verdict by interleaving."""
    shown = json.loads(run(target, exit_code=exit_code))
    return {finding["interleaving"]: finding["code"] for finding in shown["findings"]}


def verdicts(store: str, exit_code: int) -> dict[str, str]:
    """Verdict by interleaving, for a store of probe_stores.py."""
    return codes(f"python:probe_stores:{store}", exit_code)


def test_a_dict_loses_updates() -> None:
    """A shared dict loses the update in every order of moves that can be played on it."""
    assert codes("dict", 4) == dict.fromkeys(NAMES, "lost") | {RESTART: "not_testable"}


def test_a_json_file_loses_updates_and_is_left_alone(tmp_path: Path) -> None:
    """A JSON file loses updates, restarts included, and the examined file is not touched."""
    path = tmp_path / "memory.json"
    path.write_text('{"mine": 1}')
    assert codes(f"json:{path}", 4) == dict.fromkeys(NAMES, "lost")
    assert path.read_text() == '{"mine": 1}'
    assert list(tmp_path.iterdir()) == [path]


def test_a_json_file_that_does_not_exist_is_not_created(tmp_path: Path) -> None:
    """Examining a path where nothing is leaves nothing there."""
    run(f"json:{tmp_path / 'new.json'}", exit_code=4)
    assert list(tmp_path.iterdir()) == []


def test_langgraphs_in_memory_store_loses_updates() -> None:
    """LangGraph's own store is the last writer's, and the verdict says so in words."""
    output = run("langgraph:InMemoryStore", exit_code=4)
    assert "LAST WRITER WINS (update lost)" in output
    assert codes("langgraph:InMemoryStore", 4)[UPDATE] == "lost"
    assert codes("langgraph:langgraph.store.memory:InMemoryStore", 4)[RECREATED] == "lost"


def test_our_store_behind_langgraphs_interface_loses_none() -> None:
    """Whoever reads and writes through `DocStore` is denied what would be lost. Its users have no sessions that could be
    fenced."""
    expected = dict.fromkeys(NAMES, "detected") | {LATE: "not_fenced", RESTART: "not_testable"}
    assert codes("langgraph:DocStore", 0) == expected
    assert codes("langgraph:accordant.adapters.langgraph:DocStore", 0) == expected


def test_a_versioned_store_detects_and_is_not_fenced() -> None:
    """Versions that only grow detect everything but the replaced writer whose version still matches."""
    assert verdicts("VersionedStore", 0) == dict.fromkeys(NAMES, "detected") | {LATE: "not_fenced"}
    assert verdicts("made_async", 0) == dict.fromkeys(NAMES, "detected") | {LATE: "not_fenced"}


def test_generations_detect_the_late_writer() -> None:
    """A store with versions and generations, spoken to through `join`, passes in everything."""
    assert verdicts("FencingStore", 0) == dict.fromkeys(NAMES, "detected")


def test_comparing_values_misses_a_change_that_was_taken_back() -> None:
    """A store that compares values is told apart by the record that changes and changes back."""
    found = verdicts("ValueComparingStore", 4)
    assert (found[UPDATE], found[ABA]) == ("detected", "lost")


def test_a_version_that_comes_back_after_deletion_is_found() -> None:
    """Counting versions per record loses the record that was created anew, and nothing else."""
    found = verdicts("VersionReusingStore", 4)
    assert [name for name in NAMES if found[name] == "lost"] == [RECREATED]


def test_a_version_that_comes_back_after_a_restart_is_found() -> None:
    """Versions that begin again after a restart lose the first write of the new life."""
    found = verdicts("ForgetfulStore", 4)
    assert found[RESTART] == "lost"
    assert found[UPDATE] == "detected"


def test_a_returned_false_is_a_refusal() -> None:
    """A store that says no by returning False has said no, and the detail says how."""
    shown = json.loads(run("python:probe_stores:QuietStore", exit_code=0))
    first = shown["findings"][0]
    assert (first["code"], first["detail"]) == ("detected", "it returned False")
    assert shown["checks_the_version_read"] is True


def test_a_success_that_left_no_trace_is_a_loss() -> None:
    """A write that was accepted and is not there counts as a lost update."""
    found = verdicts("DroppingStore", 4)
    assert found[UPDATE] == "dropped"
    assert found[LATE] == "dropped"


def test_a_merge_that_keeps_both_is_no_loss() -> None:
    """A store that merges field by field loses nothing where both updates are kept."""
    found = verdicts("MergingStore", 0)
    assert [found[name] for name in (UPDATE, ABA, LATE, RESTART)] == ["merged"] * 4


def test_a_store_on_which_nothing_can_be_played_is_not_praised() -> None:
    """Refusing everything is no detection: the verdict is `not testable`, with the reason."""
    shown = json.loads(run("python:probe_stores:LockingStore", exit_code=0))
    by_name = {finding["interleaving"]: finding for finding in shown["findings"]}
    assert by_name[UPDATE]["code"] == by_name[ABA]["code"] == "not_testable"
    assert "locked" in by_name[UPDATE]["detail"]


def test_every_move_is_told() -> None:
    """The report holds the moves in their order, so that a reader can play them by hand."""
    moves = json.loads(run("dict", exit_code=4))["findings"][0]["moves"]
    assert [move.split(" plan")[0] for move in moves] == [
        "enrichment reads",
        "triage reads",
        "triage writes",
        "enrichment writes",
        "auditor reads",
    ]
    assert moves[3].endswith("status='active', usage=57: accepted")


def test_a_store_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the store can delete, nothing of the probe stays behind; a context manager is entered and left."""
    stores = importlib.import_module("probe_stores")
    monkeypatch.setattr(stores.EnteredStore, "entered", [])
    kept: list[Any] = []
    original = stores.EnteredStore.__enter__
    monkeypatch.setattr(stores.EnteredStore, "__enter__", lambda self: kept.append(self) or original(self))
    run("python:probe_stores:EnteredStore", exit_code=0)
    assert stores.EnteredStore.entered == ["entered", "left"]
    assert [value for value, _ in kept[0].records.values()] == [None] * len(NAMES)


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("nothing", "no target"),
        ("dict:x", "no target"),
        ("json:", "no target"),
        ("json:.", "is a folder"),
        ("python:probe_stores", "MODULE:FACTORY"),
        ("python:no_such_module:make", "no module no_such_module"),
        ("python:probe_stores:missing", "no callable missing"),
        ("python:probe_stores:NoStore", "neither get and put"),
    ],
)
def test_a_target_that_names_no_store_is_a_usage_error(target: str, says: str) -> None:
    """A wrong target ends with 2 and says what is wrong with it."""
    result = CliRunner().invoke(app, ["probe", target])
    assert result.exit_code == 2
    assert says in result.stderr


def test_json_that_is_no_object_is_a_usage_error(tmp_path: Path) -> None:
    """A file that holds something else than a JSON object is refused with 2, not crashed on."""
    for text in ("[]", "{", "\x00"):
        (tmp_path / "list.json").write_text(text)
        run(f"json:{tmp_path / 'list.json'}", exit_code=2)


@pytest.mark.parametrize(("store", "says"), [("ForgettingStore", "was read back"), ("bad_factory", "no such server")])
def test_a_store_that_fails_by_itself_is_no_verdict(store: str, says: str) -> None:
    """A store that cannot keep a record, or cannot be opened, ends with 1 and says why; no verdict is printed."""
    result = CliRunner().invoke(app, ["probe", f"python:probe_stores:{store}"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert says in result.stderr


def test_a_missing_extra_is_named() -> None:
    """Without LangGraph the command ends with 3 and names the extra to install."""
    program = (
        "import sys; sys.modules['langgraph'] = None\n"
        "from accordant.cli.main import app; app(['probe', 'langgraph:InMemoryStore'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 3, done.stderr
    assert "accordant[langgraph]" in done.stderr


def test_our_own_store_loses_nothing() -> None:
    """Accordant itself detects every interleaving, the replaced writer and the restart included."""
    assert codes("accordant", 0) == dict.fromkeys(NAMES, "detected")


def test_the_table_shows_every_verdict_and_the_answer() -> None:
    """A terminal gets one row per interleaving, the store's words unharmed, and the answer to the one question."""
    findings = [Finding("lost update", "?", Verdict.LOST, "because [red]of[/red] it")]
    out = io.StringIO()
    Console(file=out, width=120).print(table("dict", findings))
    assert "LAST WRITER WINS (update lost)" in out.getvalue()
    assert "because [red]of[/red] it" in out.getvalue()
    assert "had read? no" in out.getvalue()


@pytest.mark.parametrize("refusal", [None, "no"])
def test_a_lost_update_is_never_called_anything_else(refusal: str | None) -> None:
    """Whatever the store said, an update that is gone, or a success without a trace, is a loss."""
    for theirs, mine in itertools.product([True, False], repeat=2):
        verdict, _ = judge(refusal, theirs_kept=theirs, mine_landed=mine)
        assert verdict.loses == (not theirs or (refusal is None and not mine))
