"""The command line as a whole: help, errors, exit codes, and what a missing extra does."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from accordant import Document, Engine, Namespace, __version__
from accordant.cli.main import COMMANDS, EXTRAS, app
from accordant.cli.output import exit_code, plain
from accordant.types.errors import AccordantError, Conflict, Denied, Fenced, Invalid, NoAuthority, StaleRead, StoreError
from audited_store import KEY, TASK, Brief, answer, run, written

OURS = [name for name in COMMANDS if name not in ("serve", "probe")]
FLAGS = ["--version", "--debug"]

WITHOUT_SERVER = """
import sys
for name in ("websockets", "starlette", "uvicorn"):
    sys.modules[name] = None
from accordant.cli.main import app
app(sys.argv[1:])
"""


def app_command(name: str) -> Any:
    """The command as it is shown."""
    return typer.main.get_command(app).get_command(None, name)  # type: ignore[attr-defined]


def program(*words: str | Path, code: str | None = None) -> subprocess.CompletedProcess[str]:
    start = ["-m", "accordant"] if code is None else ["-c", code]
    command = [sys.executable, *start, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)


def test_help_names_every_command() -> None:
    """`accordant --help` lists the commands and says what the exit codes mean."""
    shown = run("--help").stdout
    assert [name for name in COMMANDS if name not in shown] == []
    assert "4 findings" in shown


@pytest.mark.parametrize("name", OURS)
def test_every_command_has_help_with_examples(name: str) -> None:
    """Each command explains itself, with an example that can be copied."""
    result = run(name, "--help")
    assert result.exit_code == 0
    assert "Examples:" in result.stdout
    assert f"accordant {name} " in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_broken_by_the_terminal_alone(name: str) -> None:
    """Each paragraph of a help text is one line, whatever the width of the source."""
    text = app_command(name).help
    assert text
    assert "\n" not in text.replace("\n\n", "")


def test_the_version_is_told() -> None:
    """--version prints the package's version."""
    assert run("--version").stdout == f"accordant {__version__}\n"


def test_an_error_is_two_lines_that_say_what_to_do(tmp_path: Path) -> None:
    """In a real process: what happened, what to do next, no traceback, nothing on standard output; --debug adds the traceback."""
    done = program("log", tmp_path / "none.db")
    assert (done.returncode, done.stdout) == (2, "")
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["error", "next"]
    traced = program("log", tmp_path / "none.db", "--debug")
    assert traced.returncode == 2
    assert "Traceback (most recent call last)" in traced.stderr


def test_an_unexpected_error_is_two_lines_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own mistake ends with 1 and asks for a report."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr("accordant.cli.log.parse_since", broken)
    result = run("log", tmp_path / "none.db", "--since", "1h")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[0] == "unexpected: ZeroDivisionError: on purpose"
    assert "--debug" in result.stderr


def test_a_file_that_may_not_be_read_is_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No permission is no mistake of ours: it is named, and ends with 2."""

    def forbidden(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "state.db")

    monkeypatch.setattr("accordant.cli.log.parse_since", forbidden)
    result = run("log", tmp_path / "none.db", "--since", "1h")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[0] == "error: 'state.db': Permission denied"


def test_a_wrong_call_is_a_usage_error() -> None:
    """Unknown commands and options, and missing arguments, end with 2."""
    for words in (("nope",), ("log",), ("log", "x", "--nope")):
        assert run(*words).exit_code == 2


def test_without_a_name_the_documents_are_named(tmp_path: Path) -> None:
    """A store of several documents asks which, naming them; one that has none says so; a wrong name is told."""
    path = tmp_path / "state.db"

    async def fill(*names: str) -> None:
        async with Engine(path) as engine:
            for name in names:
                await engine.open(Brief, TASK, name, agent="triage")

    asyncio.run(fill())
    assert "no document in this store yet" in run("doctor", path).stderr
    asyncio.run(fill("a", "b"))
    result = run("doctor", path)
    assert (result.exit_code, "acme/task/q3/a, acme/task/q3/b" in result.stderr) == (2, True)
    assert run("doctor", path, "acme/task/q3/c").exit_code == 2
    assert run("doctor", path, "../a").exit_code == 2
    assert run("doctor", path, "acme/task/q3/b").exit_code == 0


def test_a_folder_means_the_store_in_it(tmp_path: Path) -> None:
    """A folder stands for its accordant.db, as for `serve`."""
    written(tmp_path / "accordant.db")
    assert run("verify", tmp_path, KEY).exit_code == 0


def test_what_is_no_store_is_not_touched(tmp_path: Path) -> None:
    """A stranger's database and a text file are refused with 2, and stay as they are, byte for byte."""
    import apsw

    stranger = tmp_path / "stranger.db"
    connection = apsw.Connection(str(stranger))
    connection.execute("create table t(x)")
    connection.close()
    text = tmp_path / "notes.db"
    text.write_text("SQLite is nice")
    empty = tmp_path / "empty.db"
    empty.touch()
    for file in (stranger, text, empty):
        before = file.read_bytes()
        for name in ("log", "doctor", "verify"):
            assert run(name, file).exit_code == 2, (name, file)
        assert file.read_bytes() == before
        assert [path.name for path in tmp_path.glob(f"{file.name}-lease")] == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Conflict("x"), 5),
        (StaleRead("x"), 5),
        (Fenced("x"), 5),
        (Denied("x"), 5),
        (Invalid("x"), 2),
        (NoAuthority("x"), 6),
        (StoreError("x", code="store_busy"), 6),
        (StoreError("x", code="store_cannot_open"), 2),
        (StoreError("x", code="store_corrupt"), 4),
        (StoreError("x"), 1),
        (AccordantError("x", code="missing_extra"), 3),
        (AccordantError("x"), 1),
    ],
)
def test_every_kind_of_error_has_its_exit_code(error: AccordantError, code: int) -> None:
    """A script can tell a lost race from a wrong call and from a server that is not there."""
    assert exit_code(error) == code


@pytest.mark.parametrize(
    "words", [("serve",), ("serve", "state.db", "--port", "0"), ("check", f"ws://127.0.0.1:9/sync/{KEY}")]
)
def test_a_bare_install_names_the_missing_extra(words: tuple[str, ...]) -> None:
    """Without the server's libraries its commands end with 3 and the words to install them; the others work."""
    done = program(*words, code=WITHOUT_SERVER)
    assert done.returncode == 3, (done.stdout, done.stderr)
    assert 'pip install "accordant[server]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bare_install_has_the_rest() -> None:
    """Help and the demo need no extra."""
    assert program("--help", code=WITHOUT_SERVER).returncode == 0
    assert program("demo", "--fast", code=WITHOUT_SERVER).returncode == 0
    assert set(EXTRAS) <= set(COMMANDS)


def test_control_characters_are_made_visible() -> None:
    """Escape codes and invisible characters never reach a terminal as such; line breaks and letters stay."""
    assert plain("a\x1b[1m\u200bé\nb\tc").plain == "a\\u001b[1m\\u200bé\nb c"
    assert plain({"k": ["\x07"]}).plain == '{"k": ["\\u0007"]}'


def test_a_reader_that_stops_reading_is_no_error(tmp_path: Path) -> None:
    """`accordant log ... | head -1` prints its line and nothing else."""
    path = tmp_path / "state.db"

    async def fill() -> None:
        async with Engine(path) as engine:
            brief = await engine.open(Brief, TASK, "brief", agent="web")
            for number in range(300):
                await brief.findings.append(f"{number} " * 50)

    asyncio.run(fill())  # more than a pipe holds
    command = f'"{sys.executable}" -m accordant log "{path}" --limit 1000 --json | head -1'
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=50, check=False)
    assert (done.stdout, done.stderr) == ("{\n", "")


def test_a_document_may_be_named_by_its_last_word(tmp_path: Path) -> None:
    """Where one alone has that name; where several have it they are named, and a whole path always names one."""
    store = tmp_path / "state.db"

    async def written() -> None:
        async with Engine(store) as engine:
            for task, name in (("q3", "brief"), ("q4", "brief"), ("q4", "board")):
                await engine.open(Document, Namespace.task("acme", task), name, agent="a")

    asyncio.run(written())
    assert answer("doctor", store, "board")["document"] == "acme/task/q4/board"
    assert answer("doctor", store, "acme/task/q4/brief")["document"] == "acme/task/q4/brief"
    several = run("doctor", store, "brief")
    assert (several.exit_code, "acme/task/q3/brief, acme/task/q4/brief" in several.stderr) == (2, True)
    for wrong in ("q4/board", "oard", "Board", "*", ""):
        assert run("doctor", store, wrong).exit_code == 2, wrong
    assert "it has:" in run("doctor", store, "none").stderr


def test_numpys_own_threads_are_one_unless_somebody_says_otherwise() -> None:
    """Set before any command, and numpy with it, is imported; a setting of the user's stays."""
    code = """
import os, sys
from accordant.cli.main import _function
assert "numpy" not in sys.modules
_function("collapse")
print(os.environ["OPENBLAS_NUM_THREADS"])
"""
    told = []
    for setting in ({}, {"OPENBLAS_NUM_THREADS": "3"}):
        environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"} | setting
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=True, env=environment
        )
        told.append(done.stdout.strip())
    assert told == ["1", "3"]
