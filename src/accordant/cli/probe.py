"""`accordant probe`: what a store does when two agents write the same record. Decides only how that is shown."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.table import Table

from accordant.cli.output import AsJson, Exit, console, plain, print_json, wants_json
from accordant.cli.probe_targets import TARGETS, open_target
from accordant.testing.interleaving import Finding, Verdict, play, update_lost
from accordant.types.errors import AccordantError

__all__ = ["examine", "probe", "report", "table"]

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
    as_json: AsJson = False,
) -> None:
    """Force the interleavings that lose updates on any store, and say what it does.

    Ends with 0 when no update was lost, 4 when one was, 2 for a target that does not exist, 3 when an extra is missing.

    Example: accordant probe langgraph:InMemoryStore
    """
    findings = asyncio.run(examine(target, run_id=secrets.token_hex(4)))
    if wants_json(as_json):
        print_json(report(target, findings))
    else:
        console().print(table(target, findings))
    if update_lost(findings):
        raise typer.Exit(Exit.FINDINGS)


async def examine(target: str, *, run_id: str) -> list[Finding]:
    """Open the target, play every interleaving on it, close it; raises `AccordantError` where that cannot be done."""
    try:
        async with open_target(target) as subject:
            return await play(subject, run_id)
    except AccordantError:
        raise
    except Exception as error:  # somebody else's code: whatever it raises is news about it, and no crash of ours
        text = f"{target} cannot be examined: {type(error).__name__}: {error}"
        raise AccordantError(
            text, code="store_unusable", hint="make one write and one read work, then repeat"
        ) from error


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
    shown.add_column("interleaving")
    shown.add_column("verdict", no_wrap=True)
    shown.add_column("what happened")
    for finding in findings:
        shown.add_row(
            finding.interleaving, plain(finding.verdict.value, STYLES[finding.verdict]), plain(finding.detail)
        )
    return shown
