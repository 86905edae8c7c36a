"""The report as people and programs see it."""

from __future__ import annotations

import io
import json

from rich.console import Console

from accordant.cli.check_format import exit_code, render_table
from accordant.coherence_pass import CheckerConfig, CoherenceReport

from .support import check


def shown(report: CoherenceReport) -> str:
    """The table as plain text."""
    console = Console(file=io.StringIO(), width=160, force_terminal=False)
    render_table(report, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_json_is_the_report() -> None:
    """The JSON holds the fields that programs read, for both sides."""
    data = json.loads(check("Churn in Q3 was 4.1%.", "Q3 churn was 6.3%.").model_dump_json())
    assert data["coherent"] is False
    (found,) = data["contradictions"]
    assert (found["kind"], found["a"]["authors"], found["b"]["authors"]) == ("numeric", ["ann"], ["bob"])
    assert (found["a"]["text"], found["b"]["version"]) == ("Churn in Q3 was 4.1%.", 2)


def test_the_table_names_both_authors_and_the_clash() -> None:
    """A reader sees what clashes, who wrote it, where, and under which id to settle it."""
    report = check("Churn in Q3 was 4.1%.", "Q3 churn was 6.3%.")
    text = shown(report)
    for part in ("1 contradiction", "ann, log/1, version 1", "bob, log/2, version 2", "4.1% against 6.3%"):
        assert part in text
    assert report.contradictions[0].id in text


def test_the_table_says_when_it_proves_nothing() -> None:
    """A truncated report is no proof of coherence, and the table says so; a whole one does not."""
    assert "proves nothing" in shown(check("All is well.", "All is new.", config=CheckerConfig(claims_max=1)))
    whole = shown(check("All is well."))
    assert "coherent" in whole
    assert "proves nothing" not in whole


def test_statements_cannot_write_to_the_terminal() -> None:
    """Escape sequences and mark-up in a statement are shown as text."""
    text = shown(check("Churn in Q3 was 4.1% [bold]\x1b[31m.", "Churn in Q3 was 6.3% [bold]\x1b[31m."))
    assert "\x1b" not in text
    assert "[bold]" in text


def test_exit_codes() -> None:
    """0 for coherent, also with possible findings; 4 for contradictions."""
    assert exit_code(check("Churn was 4.1%.", "Q3 churn was 6.3%.")) == 0
    assert exit_code(check("Q3 churn was 4.1%.", "Q3 churn was 6.3%.")) == 4
