"""Blame, why, trace, at, diff and access on a store file: as JSON for programs, as pictures for people, beside a writer."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from accordant import Engine, Namespace
from accordant.cli import access, at, blame, diff, trace, why
from accordant.cli.asking import Colours
from accordant.sync.server.tokens import create
from accordant.types.access import Allowance, Grant, Principal
from accordant.types.past import BlameRun, Change, Explanation, Trace
from audited_store import KEY, TASK, Brief, answer, run, written


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("story") / "state.db")


def printed(*shown: Any, width: int = 160) -> str:
    """As a terminal of that width gets it."""
    out = io.StringIO()
    for one in shown:
        Console(file=out, width=width, force_terminal=True, color_system=None).print(one)
    return out.getvalue()


def last(store: Path, path: str) -> int:
    """The newest version written at a path."""
    return int(answer("log", store, "--path", path, "--kind", "write")["entries"][0]["version"])


def test_blame_shows_lines_with_their_authors(store: Path) -> None:
    """JSON has the runs; the table has a line of text a row, with who wrote it and when."""
    found = answer("blame", store, "draft")
    assert found["document"] == KEY
    assert "".join(one["text"] for one in found["runs"]) == "# Brief\n\nThe renewal is open."
    runs = [
        BlameRun(0, 6, "one\ntw", "ada", 3, 0),
        BlameRun(6, 12, "o\nthre", "bob\x1b[1m", 4, 0),
    ]
    rows = printed(blame.table(runs, "t")).splitlines()
    assert any("ada, bob\\u001b[1m" in row and "v4" in row and "two" in row for row in rows)
    assert any("bob" in row and "thre" in row and "ada" not in row for row in rows)
    assert run("blame", store, "account").exit_code == 2
    assert answer("blame", store, "draft", "--at", found["version"])["runs"] == found["runs"]


def test_why_draws_a_tree_and_tells_who_beat_whom(store: Path) -> None:
    """Sources below what was made from them; a denial names winner, version and reason."""
    newest = last(store, "findings")
    found = answer("why", store, "findings")
    assert (found["ref"], found["entry"]["actor"]) == (f"findings@{newest}.0", "enrichment")
    assert found["sources"][0]["ref"].startswith("account@")
    drawn = printed(why.tree(Explanation.from_json(found)))
    assert drawn.index("made from") < drawn.index("account@")
    denial = answer("log", store, "--outcome", "conflict")["entries"][0]
    lost = answer("why", store, f"account@{denial['version']}")
    assert (lost["denial"]["beaten_by"]["actor"], lost["denial"]["times"]) == ("triage", 2)
    assert "beaten by triage" in printed(why.tree(Explanation.from_json(lost)))
    replaced = answer("why", store, f"account@{lost['denial']['beaten_by']['version']}")
    assert "replaced by enrichment" in printed(why.tree(Explanation.from_json(replaced)))
    assert run("why", store, "nowhere").exit_code == 2


def test_trace_is_a_timeline(store: Path) -> None:
    """Each appearance with its versions, author and readers; what never existed is said in a sentence."""
    found = answer("trace", store, "4.1%")
    assert [(one["path"], one["actor"], one["until"]) for one in found["appearances"]] == [("findings", "triage", None)]
    assert found["is_complete"]
    shown = printed(trace.table(Trace.from_json(found), "t"))
    assert "triage" in shown
    assert "still there" in shown
    assert answer("trace", store, "never")["appearances"] == []


def test_at_shows_the_document_as_it_was(store: Path) -> None:
    """A version's regions and fields, and not what came later; one that is not there yet is a usage error."""
    first = int(answer("log", store, "--path", "account", "--kind", "write")["entries"][-1]["version"])
    then = answer("at", store, first)
    assert then["version"] == first
    assert then["fields"]["account"]["value"] == {"status": "churned"}
    assert then["regions"]["draft"]["value"] == ""
    said = "\n".join(line.plain for line in at.lines(answer("at", store, last(store, "cursors"))))
    assert "account  v" in said
    assert "- The churn rate was 4.1% in Q3." in said
    assert run("at", store, 100_000).exit_code == 2


def test_diff_shows_what_went_and_what_came(store: Path) -> None:
    """Lines with their marks, the changed characters apart, a counter's growth, and who is responsible."""
    first = int(answer("log", store, "--path", "account", "--kind", "write")["entries"][-1]["version"])
    found = answer("diff", store, first)
    assert {one["region"] for one in found["changes"]} >= {"account", "findings", "draft", "citations"}
    said = [line.plain for line in diff.lines([Change.from_json(one) for one in found["changes"]])]
    assert any(line.startswith("+ The churn rate was 5.3%") for line in said)
    assert any(line.startswith("+3") and "triage" in line for line in said)
    assert answer("diff", store, first, first)["changes"] == []
    change = Change.from_json(
        {
            "region": "draft",
            "kind": "text",
            "act": "changed",
            "delta": None,
            "is_complete": True,
            "pieces": [
                {"name": "3", "old": "a 4.1 b\n", "new": "a 5.3 b\n", "by": [[9, "bob"]], "spans": [[2, 5, 2, 5]]}
            ],
        }
    )
    lines = list(diff.lines([change]))
    assert [line.plain for line in lines[1:]] == ["@ line 3  bob v9", "- a 4.1 b", "+ a 5.3 b"]
    assert any("reverse" in str(span.style) for span in lines[3].spans)


def test_access_tells_rules_tokens_and_sessions(store: Path, tmp_path: Path) -> None:
    """Who may do what per region, what tokens that reach the document allow, and which sessions are open."""
    keys = tmp_path / "keys.json"
    mine = Grant((("acme", "task", "q3"),), (Allowance("draft", frozenset({"read", "insert"})),))
    create(keys, Principal("triage", grant=mine), 1)
    create(keys, Principal("other", grant=Grant((("acme", "task", "q4"),))), 1)
    found = answer("access", store, "--token-file", keys)
    regions = {one["region"]: one["may"] for one in found["regions"]}
    assert regions["findings"]["append"] == ["*"]
    assert regions["findings"]["compact"] == []
    assert [one["agent"] for one in found["tokens"]] == ["triage"]
    assert "draft" in printed(*access.tables(found))


def test_a_running_document_is_asked_beside_its_writer(tmp_path: Path) -> None:
    """The commands read the file while an engine holds it; open sessions are listed, ended ones are not."""

    async def play() -> None:
        path = tmp_path / "state.db"
        async with Engine(path) as engine:
            triage = await engine.open(Brief, TASK, "brief", agent="triage")
            gone = await engine.open(Brief, Namespace.task("acme", "q3"), "brief", agent="gone")
            await gone.close()
            await triage.draft.append("beside a writer")
            found = await asyncio.to_thread(answer, "access", path)
            assert [one["agent"] for one in found["sessions"]] == ["triage"]
            blamed = await asyncio.to_thread(answer, "blame", path, "draft")
            assert [one["actor"] for one in blamed["runs"]] == ["triage"]

    asyncio.run(play())


def test_actors_keep_their_colours() -> None:
    """The same actor has the same colour throughout; the first ones differ."""
    colours = Colours()
    assert colours.of("ada") != colours.of("bob")
    assert colours.of("ada") == colours.of("ada")
    assert len({colours.of(str(n)) for n in range(30)}) > 5
