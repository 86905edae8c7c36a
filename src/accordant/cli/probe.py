"""`accordant probe`: what a store does when two agents write the same record. Decides only how that is shown."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from accordant.cli.probe_targets import TARGETS, MissingExtra, open_target
from accordant.testing.interleaving import Finding, Verdict, play, update_lost
from accordant.testing.stage import Unusable
from accordant.types.errors import Invalid

__all__ = ["examine", "probe", "report", "table"]

EXIT_UNEXPECTED, EXIT_USAGE, EXIT_MISSING_EXTRA, EXIT_FINDINGS = 1, 2, 3, 4

STYLES = {
    Verdict.LOST: "bold red",
    Verdict.DROPPED: "bold red",
    Verdict.NOT_FENCED: "yellow",
    Verdict.DETECTED: "green",
    Verdict.MERGED: "green",
    Verdict.NOT_TESTABLE: "dim",
}


def probe(
    target: Annotated[str, typer.Argument(help="; ".join(f"{name}: {what}" for name, what in TARGETS.items()))],
    as_json: Annotated[bool, typer.Option("--json", help="JSON, also when standard output is a terminal.")] = False,
) -> None:
    """Force the interleavings that lose updates on any store, and say what it does.

    Ends with 0 when no update was lost, 4 when one was, 2 for a target that does not exist, 3 when an extra is missing.

    Example: accordant probe langgraph:InMemoryStore
    """
    try:
        findings = asyncio.run(examine(target, run_id=secrets.token_hex(4)))
    except MissingExtra as missing:
        _fail(f"{missing.message}: {missing.install}", EXIT_MISSING_EXTRA)
    except Invalid as wrong:
        _fail(str(wrong), EXIT_USAGE)
    except Unusable as unusable:
        _fail(f"{target} cannot be examined: {unusable}", EXIT_UNEXPECTED)
    except Exception as error:  # somebody else's code: whatever it raises is news about it, not a crash of ours
        _fail(f"{target} failed: {type(error).__name__}: {error}", EXIT_UNEXPECTED)
    if as_json or not sys.stdout.isatty():
        print(json.dumps(report(target, findings), indent=2, ensure_ascii=False))
    else:
        Console().print(table(target, findings))
    if update_lost(findings):
        raise typer.Exit(EXIT_FINDINGS)


async def examine(target: str, *, run_id: str) -> list[Finding]:
    """Open the target, play every interleaving on it, close it."""
    async with open_target(target) as subject:
        return await play(subject, run_id)


def report(target: str, findings: Sequence[Finding]) -> dict[str, Any]:
    """The findings as JSON values."""
    return {
        "target": target,
        "update_lost": update_lost(findings),
        "checks_the_version_read": checks_the_version_read(findings),
        "findings": [finding.to_json() for finding in findings],
    }


def checks_the_version_read(findings: Sequence[Finding]) -> bool | None:
    """Whether a write in this store is checked against what its writer had read; None where that did not show."""
    verdicts = {finding.verdict for finding in findings if finding.verdict is not Verdict.NOT_TESTABLE}
    if not verdicts:
        return None
    return not any(verdict.loses for verdict in verdicts) and Verdict.DETECTED in verdicts


def table(target: str, findings: Sequence[Finding]) -> Table:
    """The findings for a terminal."""
    answer = {True: "yes", False: "no", None: "unknown"}[checks_the_version_read(findings)]
    shown = Table(
        title=f"accordant probe {target}",
        caption=f"Does a write check which version its writer had read? {answer}",
        show_lines=True,
    )
    shown.add_column("interleaving", no_wrap=True)
    shown.add_column("verdict")
    shown.add_column("what happened")
    for finding in findings:
        style = STYLES[finding.verdict]
        shown.add_row(finding.interleaving, f"[{style}]{finding.verdict.value}[/]", _plain(finding.detail))
    return shown


def _plain(text: str) -> str:
    return text.replace("[", r"\[")  # a store's own words are not rich's markup


def _fail(text: str, exit_code: int) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(exit_code)
