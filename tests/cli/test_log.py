"""`accordant log`: the audit can be asked, and says who was beaten by whom, having read what."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from accordant.cli.log import parse_since, table
from accordant.types.entries import Entry, EntryKind, OpRecord
from accordant.types.errors import Invalid
from audited_store import KEY, answer, run, written


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("story") / "state.db")


def shown(*entries: Entry, width: int = 200) -> str:
    """The table as a terminal of that width gets it."""
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=True, color_system=None).print(table(entries, title="t"))
    return out.getvalue()


def denial(**info: object) -> Entry:
    op = OpRecord("account", "commit", None, 9)
    return Entry(12, EntryKind.DENIAL, 0, "triage", "s", 3, ops=(op,), outcome="conflict", info=info)


def test_newest_first_and_everything_is_there(store: Path) -> None:
    """Versions fall one by one from the head to 1; joins, the schema and the epoch are entries too."""
    listed = answer("log", store, "--limit", 1000)
    versions = [entry["version"] for entry in listed["entries"]]
    assert listed["document"] == KEY
    assert versions == list(range(len(versions), 0, -1))
    assert {"write", "denial", "join", "leave", "schema", "epoch"} == {entry["kind"] for entry in listed["entries"]}


def test_a_write_says_which_version_its_writer_had_read(store: Path) -> None:
    """Every landed commit on a guarded field names the version that it replaced: the one before its own."""
    commits = answer("log", store, "--path", "account", "--kind", "write")["entries"]
    assert [entry["ops"][0]["read"] for entry in commits] == [commits[1]["version"], 0]
    assert commits[1]["why"] == "cancellation"
    assert "v12 (read v9)" in shown(denial())


def test_a_denial_names_who_was_beaten_by_whom(store: Path) -> None:
    """The loser, the winner and the winner's version, in JSON and for people; repeated ones with their count."""
    denials = answer("log", store, "--outcome", "conflict")["entries"]
    winner = answer("log", store, "--path", "account", "--kind", "write")["entries"][-1]["version"]
    assert [entry["times"] for entry in denials] == [2, 1]
    for entry in denials:
        assert (entry["actor"], entry["beaten_by"]) == ("enrichment", {"actor": "triage", "version": winner})
    text = shown(denial(beaten_by={"actor": "enrichment", "version": 11}, times=4))
    assert "beaten by enrichment v11, 4 times" in text


def test_a_late_writer_shows_as_fenced(store: Path) -> None:
    """A fenced commit is in the log under its own outcome."""
    (entry,) = answer("log", store, "--outcome", "fenced", "--kind", "denial")["entries"]
    assert entry["actor"] == "enrichment"
    assert entry["ops"][0]["path"] == "account"


def test_what_a_write_was_derived_from_is_named(store: Path) -> None:
    """derived_from is kept with its versions."""
    found = [entry["derived_from"] for entry in answer("log", store, "--path", "findings")["entries"]]
    assert [[path for path, _ in bases] for bases in found] == [["account"], []]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--actor", "triage", "--kind", "write"), {"triage"}),
        (("--path", "cursors/a"), {"triage", "enrichment"}),
        (("--path", "cursor"), set()),
        (("--since", "1d", "--kind", "epoch"), {"accordant"}),
        (("--since", "2999-01-01"), set()),
        (("--limit", "1"), {"enrichment"}),
    ],
)
def test_every_filter_filters(store: Path, words: tuple[str, ...], expected: set[str]) -> None:
    """By actor, path, kind, time and number; a path matches whole segments."""
    assert {entry["actor"] for entry in answer("log", store, *words)["entries"]} == expected


def test_times_are_read_in_several_ways() -> None:
    """Ago, as a date, as a time with an offset, in milliseconds; anything else is refused."""
    now = 1_800_000_000_000
    assert parse_since("90s", now) == now - 90_000
    assert parse_since("2h", now) == now - 7_200_000
    assert parse_since("1970-01-02", now) == 86_400_000
    assert parse_since("1970-01-02T01:00+01:00", now) == 86_400_000
    assert parse_since("1700000000000", now) == 1_700_000_000_000
    for wrong in ("yesterday", "", "2h30", "-1h", "2026-13-01"):
        with pytest.raises(Invalid):
            parse_since(wrong, now)


def test_a_wrong_filter_is_a_usage_error(store: Path) -> None:
    """An outcome or a kind that does not exist would silently match nothing: it is refused, naming those there are."""
    for words in (("--kind", "deniel"), ("--outcome", "lost"), ("--since", "soon")):
        result = run("log", store, *words)
        assert result.exit_code == 2, result.output
        assert "next:" in result.stderr


def test_a_strangers_text_is_shown_and_not_obeyed() -> None:
    """Escape codes, mark-up and direction overrides from a document reach the terminal as visible text."""
    hostile = "[red]\x1b[2J\u202e[/]"
    op = OpRecord("\x1b]0;x\x07", "commit", None, None, {"value": hostile, "is_set": True})
    text = shown(Entry(1, EntryKind.WRITE, 0, f"a{hostile}", ops=(op,), why=hostile))
    assert not set(text) & {"\x1b", "\x07", "\u202e"}
    assert text.count(r"[red]\u001b[2J\u202e[/]") >= 2


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_table_fits_the_terminal(width: int) -> None:
    """No line is wider than the terminal, and neither the version read nor the winner is cut off at 80 columns."""
    entry = denial(beaten_by={"actor": "enrichment-of-accounts", "version": 123_456}, times=128)
    text = shown(entry, width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "v12 (read v9)" in text
    assert "v123456" in text


def test_the_end_of_a_batch_says_what_it_tells_of() -> None:
    """How many writes, and from which version on."""
    end = Entry(60, EntryKind.BATCH, 0, "web", "s", 3, info={"batch": "b", "first": 9, "count": 50})
    assert "a batch of 50 writes ends, from v9" in shown(end)
