"""A coherence report for people and for programs: a table on a terminal.

Only shows: opens nothing, checks nothing, and decides nothing but the exit code that the report stands for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from accordant.coherence_pass.report import CoherenceReport, Contradiction, Side

__all__ = ["FINDINGS_EXIT", "exit_code", "render_table"]

FINDINGS_EXIT: Final = 4
"""Exit code of a check that found contradictions."""


def exit_code(report: CoherenceReport) -> int:
    """0 for a coherent document, 4 for findings; what is only possible does not count."""
    return 0 if report.coherent else FINDINGS_EXIT


def render_table(report: CoherenceReport, console: Console, *, possible_shown: int = 10) -> None:
    """Print the report: a line of verdict, the contradictions, and the first few possible ones."""
    console.print(_verdict(report))
    if report.contradictions:
        console.print(_table("contradictions", report.contradictions))
    if report.possible and possible_shown > 0:
        shown = report.possible[:possible_shown]
        console.print(_table(f"possible ({len(shown)} of {len(report.possible)})", shown))
    console.print(_counts(report))


def _verdict(report: CoherenceReport) -> Text:
    name = f"{report.document_id} at version {report.version}: "
    if report.coherent:
        return Text(name).append("coherent", style="bold green")
    count = len(report.contradictions)
    return Text(name).append(f"{count} contradiction{'s' if count > 1 else ''}", style="bold red")


def _table(title: str, findings: Sequence[Contradiction]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, leading=1)
    table.add_column("kind", no_wrap=True)
    for name in ("one side", "other side", "why"):
        table.add_column(name, overflow="fold")
    for finding in findings:
        table.add_row(Text(finding.kind), _side(finding.a), _side(finding.b), _why(finding))
    return table


def _side(side: Side) -> Text:
    """The statement with who wrote it and where; never read as mark-up, and without control characters."""
    shown = "".join(char if char.isprintable() else " " for char in side.text)
    who = ", ".join(side.authors) or "unknown"
    return Text(shown).append(f"\n{who}, {side.path}, version {side.version}", style="dim")


def _why(finding: Contradiction) -> Text:
    parts = [finding.detail, *finding.doubts]
    if finding.n_statements > 2:
        parts.append(f"{finding.n_statements} statements in all")
    if finding.newer is not None:
        parts.append("the other side is newer" if finding.newer == "b" else "the first side is newer")
    parts.append(f"id {finding.id}")
    return Text("\n".join("".join(char if char.isprintable() else " " for char in part) for part in parts))


def _counts(report: CoherenceReport) -> Text:
    pairs = f"{report.n_pairs_scored} of {report.n_pairs_considered} pairs judged"
    text = f"{report.n_claims} statements, {pairs}, {report.took_ms:.0f} ms"
    if report.n_suppressed:
        text += f", {report.n_suppressed} settled before"
    shown = Text(text, style="dim")
    if report.truncated:
        shown.append("; a limit stopped the check, so this proves nothing", style="yellow")
    return shown
