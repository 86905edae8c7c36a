"""`accordant check`: what the merge cannot see, in a store file, on a server, or in Markdown; once, or again and again.

It has a source read and the pass run; it decides only how the report is shown, and the exit code.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from accordant.cli.check_format import render_table
from accordant.cli.check_sarif import sarif
from accordant.cli.check_source import AGENT, Loaded, load, loaded_of_store
from accordant.cli.check_tiers import checker_for, judge_at, tell_judge, tell_tiers
from accordant.cli.output import AsJson, Exit, console, print_json, wants_json
from accordant.cli.source import DocumentName
from accordant.coherence_pass import Checker, CheckerConfig, CoherenceReport
from accordant.coherence_pass.from_outline import versions_in, with_reads
from accordant.engine.stores.contract import Store
from accordant.types.errors import Invalid
from accordant.types.limits import CHECK_FILE_BYTES_MAX

__all__ = ["check", "report_on", "report_on_document"]

PROGRESS_AFTER_S = 1.0
Told = Callable[[str, int, int], None]


class Format(StrEnum):
    """How the report is printed."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"


class FailOn(StrEnum):
    """When the exit code is 4."""

    OPEN = "open"
    NEW = "new"
    NEVER = "never"


Source = Annotated[
    str,
    typer.Argument(metavar="SOURCE", help="A store file, a ws:// or http:// URL, a Markdown file, or - for Markdown."),
]
Again = Annotated[
    bool, typer.Option("--watch/--once", help="Once, or again after each change, as a sidecar, until interrupted.")
]
RulesOnly = Annotated[
    bool, typer.Option("--rules-only", help="Nothing but the built-in rules, even where a model is installed.")
]
Model = Annotated[
    str | None,
    typer.Option(show_default="own", help="The learned verdict: own, or a CrossEncoder by its hub name or folder."),
]
Judge = Annotated[
    str | None,
    typer.Option(
        "--judge",
        metavar="URL",
        help="A service that speaks OpenAI's chat completions: asked about what is only possible. Its key: ACCORDANT_JUDGE_KEY.",
    ),
]
JudgeModel = Annotated[str | None, typer.Option("--judge-model", metavar="NAME", help="The model to ask there.")]
JudgeReports = Annotated[
    bool, typer.Option("--judge-reports", help="It is also asked about what the learned verdict is sure of.")
]
Failing = Annotated[
    FailOn, typer.Option(help="End with 4 on a contradiction: on any that is open, on one that is new, or never.")
]
Baseline = Annotated[
    Path | None,
    typer.Option(help="An earlier report as JSON: what is in it is not new. A document's own findings are never new."),
]
Shown = Annotated[
    Format | None, typer.Option(help="text, json or sarif; text on a terminal, json in a pipe when not given.")
]
NoPublish = Annotated[
    bool, typer.Option("--no-publish", help="Watching a server: keep the findings out of the document.")
]
Debounce = Annotated[
    float, typer.Option(min=0, help="Watching: seconds without a write before a pass; between looks at a file.")
]
Every = Annotated[
    float | None,
    typer.Option(min=0.1, show_default="never", help="Watching: also a pass from nothing each so many seconds."),
]
HealthPort = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help="Watching: /healthz and /metrics on this port of 127.0.0.1; 0: any."),
]
Agent = Annotated[str, typer.Option(help="Under which name it joins a server.")]
Token = Annotated[str | None, typer.Option(envvar="ACCORDANT_TOKEN", help="The token for a server that wants one.")]


def check(
    source: Source,
    document: DocumentName = None,
    watch: Again = False,
    rules_only: RulesOnly = False,
    model: Model = None,
    judge: Judge = None,
    judge_model: JudgeModel = None,
    judge_reports: JudgeReports = False,
    fail_on: Failing = FailOn.OPEN,
    baseline: Baseline = None,
    format: Shown = None,
    no_publish: NoPublish = False,
    debounce: Debounce = 2.0,
    every: Every = None,
    health_port: HealthPort = None,
    agent: Agent = AGENT,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Statements that exclude each other, with who wrote them in which version, having read what.

    Reads and flags; never changes or blocks anything. A store may be in use meanwhile. Watching a server it writes its findings,
    whole reports or none, into the document's region `coherence`, and nothing else.

    Examples:

    accordant check state.db acme/task/q3/brief

    accordant check ws://127.0.0.1:8765/sync/acme/task/q3/brief --watch --health-port 9100

    accordant check brief.md --format sarif --fail-on new --baseline last.json

    accordant check brief.md --judge https://models.example/v1 --judge-model some-model
    """
    known = _known(baseline)
    asked = judge_at(judge, judge_model)
    checker = checker_for(rules_only, model, CheckerConfig(judge_reports=judge_reports), asked)
    show = _shower(format, as_json, watch)
    if watch:
        tell_tiers(checker, rules_only)
        from accordant.cli.check_watch import Watch
        from accordant.cli.check_watch import watch as watching

        how = Watch(source, document, checker, show, not no_publish, agent, token, debounce, every, health_port)
        asyncio.run(watching(how))
        return
    with _progress() as told:
        report, own = asyncio.run(_once(source, document, token, checker, told))
    tell_tiers(checker, rules_only)
    tell_judge(asked)
    show(report)
    new = {one.id for one in report.contradictions} - known - own
    if (fail_on is FailOn.OPEN and not report.coherent) or (fail_on is FailOn.NEW and new):
        raise typer.Exit(Exit.FINDINGS)


async def report_on(source: str, document: str | None, now_ms: int, checker: Checker | None = None) -> CoherenceReport:
    """The report on any source, by the rules alone unless told otherwise.

    Raises `Invalid`, `StoreError`, `NoAuthority` or `MissingExtra`.
    """

    async def passed(loaded: Loaded) -> CoherenceReport:
        return await _report(loaded, now_ms, checker or Checker())

    return await load(source, document, None, passed)


async def report_on_document(store: Store, key: str, now_ms: int) -> CoherenceReport:
    """The report on one document of an open store, every side with what its author had read."""
    return await _report(await loaded_of_store(store, key), now_ms, Checker())


async def _once(
    source: str, document: str | None, token: str | None, checker: Checker, told: Told
) -> tuple[CoherenceReport, set[str]]:
    """The report, and the ids of the findings that the document holds already."""

    async def passed(loaded: Loaded) -> tuple[CoherenceReport, set[str]]:
        return await _report(loaded, int(time.time() * 1000), checker, told), set(loaded.kept.findings)

    return await load(source, document, token, passed)


async def _report(loaded: Loaded, now_ms: int, checker: Checker, told: Told | None = None) -> CoherenceReport:
    report = checker.settling(loaded.kept.suppressed).run(
        loaded.passages, document_id=loaded.document_id, version=loaded.version, now=now_ms, progress=told
    )
    written = [await loaded.entry(version) for version in versions_in(report)]
    return with_reads(report, {entry.offset: entry for found in written for entry in found})


def _known(baseline: Path | None) -> set[str]:
    """The findings of an earlier report; raises `Invalid`."""
    if baseline is None:
        return set()
    try:
        with baseline.open("rb") as file:
            report = CoherenceReport.model_validate_json(file.read(CHECK_FILE_BYTES_MAX))
    except (OSError, ValidationError) as error:
        raise Invalid(
            f"{str(baseline)!r} is no report: {str(error).splitlines()[0]}",
            code="bad_baseline",
            hint="accordant check ... --format json > FILE",
        ) from error
    return {one.id for one in report.contradictions}


def _shower(format: Format | None, as_json: bool, watch: bool) -> Callable[[CoherenceReport], None]:
    """Prints a report; while watching, one a line, at once."""
    if format is Format.SARIF:
        return lambda report: print(json.dumps(sarif(report), ensure_ascii=True), flush=True)
    if wants_json(as_json) if format is None else (as_json or format is Format.JSON):
        if watch:
            return lambda report: print(json.dumps(report.model_dump(mode="json")), flush=True)
        return lambda report: print_json(report.model_dump(mode="json"))
    return lambda report: render_table(report, console())


@contextlib.contextmanager
def _progress() -> Iterator[Told]:
    """A bar on a terminal, for a pass that takes long."""
    shown = console(stderr=True)
    if not shown.is_terminal:
        yield lambda stage, done, total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    started = time.monotonic()
    with Progress(*columns, console=shown, transient=True, auto_refresh=False) as bar:
        task = bar.add_task("read", total=None, visible=False)

        def told(stage: str, done: int, total: int) -> None:
            if time.monotonic() - started > PROGRESS_AFTER_S:
                bar.update(task, description=stage, completed=done, total=total, visible=True, refresh=True)

        yield told
