"""`accordant check --watch`: the sidecar. On a server it joins as a peer that writes nothing but findings; a file it reads again.

It comes back after a lost connection and after a restart of either side, and takes up where the newest report ended. Decides how
long to wait and what its two pages say; what a report is like is decided elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from accordant.cli.check_health import health_pages
from accordant.cli.check_source import Loaded, is_url, load, open_document
from accordant.cli.output import MissingExtra, console
from accordant.coherence_pass import Checker, CheckerState, CoherenceReport
from accordant.coherence_pass.findings import Findings
from accordant.coherence_pass.lifecycle import Kept
from accordant.coherence_pass.runner import CoherencePass
from accordant.types.coherence_limits import WATCH_RETRY_S_MAX
from accordant.types.errors import AccordantError, EpochChanged, Invalid, NoAuthority, StoreError

__all__ = ["Watch", "watch"]

logger = logging.getLogger("accordant.coherence")

_PASSING = (NoAuthority, EpochChanged, StoreError)
"""What ends by itself when the other side is back."""


@dataclass(frozen=True, slots=True)
class Watch:
    """How to watch. `show` prints a report; `publish`: keep the findings in the document, where that is possible."""

    source: str
    document: str | None
    checker: Checker
    show: Callable[[CoherenceReport], None]
    publish: bool = True
    agent: str = "accordant-check"
    token: str | None = None
    debounce: float = 2.0
    every: float | None = None
    health_port: int | None = None


@dataclass(slots=True)
class _Health:
    """What the pages say."""

    metrics: Any = None
    is_connected: bool = False
    error: str | None = None
    report: CoherenceReport | None = None
    n_passes: int = 0
    kept: Kept = field(default_factory=Kept)

    def told(self) -> tuple[bool, dict[str, Any]]:
        report = self.report
        shown: dict[str, Any] = {
            "status": "ok" if self.is_connected else "waiting",
            "passes": self.n_passes,
            "version": None if report is None else report.version,
            "coherent": None if report is None else report.coherent,
            "error": self.error,
        }
        return self.is_connected, shown


async def watch(how: Watch) -> None:
    """Until it is interrupted. Raises what waiting does not mend: `Denied`, `Invalid`, `MissingExtra`."""
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # a system without them
            loop.add_signal_handler(name, task.cancel)
    health = _Health()
    async with contextlib.AsyncExitStack() as stack:
        if how.health_port is not None:
            health.metrics = _metrics(health)
            port = await stack.enter_async_context(health_pages(how.health_port, health.told, health.metrics.page))
            _say(f"health on http://127.0.0.1:{port}/healthz")
        with contextlib.suppress(asyncio.CancelledError):
            await (_sidecar(how, health) if is_url(how.source) else _poll(how, health))


def _metrics(health: _Health) -> Any:
    try:
        from accordant.sync.server.http.metrics import CoherenceMetrics
    except ModuleNotFoundError as error:
        raise MissingExtra("accordant check --health-port", "server") from error
    return CoherenceMetrics(lambda: health.kept.counts())


def _told(how: Watch, health: _Health, report: CoherenceReport, kept: Kept) -> None:
    health.report, health.kept, health.error = report, kept, None
    health.n_passes += 1
    if health.metrics is not None:
        health.metrics.passed(report)
    how.show(report)


async def _passed(how: Watch, health: _Health, findings: Findings | None, report: CoherenceReport) -> None:
    _told(how, health, report, Kept.of_report(report) if findings is None else await findings.read())


async def _sidecar(how: Watch, health: _Health) -> None:
    wait = 0.5
    while True:
        try:
            joined = await open_document(
                how.source, how.document, how.token, agent=how.agent, read_only=not how.publish
            )
            async with joined:
                findings = Findings(joined) if how.publish else None
                told = partial(_passed, how, health, findings)
                running = CoherencePass(
                    joined, how.every, True, how.debounce, how.checker, publish=how.publish, on_report=told
                )
                async with running:
                    health.is_connected, wait = True, 0.5
                    await running.wait()
        except _PASSING as error:
            health.is_connected, health.error = False, error.message
            _say(f"waiting: {error.message}")
        await asyncio.sleep(wait)
        wait = min(wait * 2, WATCH_RETRY_S_MAX)


async def _poll(how: Watch, health: _Health) -> None:
    """A file, looked at again and again; nothing is written into it."""
    if how.source == "-":
        raise Invalid("standard input has no later version to watch", code="usage", hint="name a file or a URL")
    state, seen = CheckerState(), None
    last_full = time.monotonic()

    async def passed(loaded: Loaded) -> CoherenceReport:
        checker = how.checker.settling(loaded.kept.suppressed)
        return await asyncio.to_thread(
            checker.run,
            loaded.passages,
            document_id=loaded.document_id,
            version=loaded.version,
            now=int(time.time() * 1000),
            previous=state,
        )

    while True:
        now = _stamp(Path(how.source))
        is_due = how.every is not None and time.monotonic() - last_full >= how.every
        if now != seen or is_due:
            if is_due:
                state, last_full = CheckerState(), time.monotonic()
            try:
                report = await load(how.source, how.document, None, passed)
            except AccordantError as error:
                if seen is None:
                    raise
                health.is_connected, health.error = False, error.message
                _say(f"waiting: {error.message}")
            else:
                health.is_connected, seen = True, now
                _told(how, health, report, Kept.of_report(report))
        await asyncio.sleep(max(how.debounce, 0.05))


def _stamp(path: Path) -> tuple[tuple[int, int], ...]:
    """When it and its write-ahead log were written last, and how long they are."""
    found = []
    for one in (path, path.with_name(path.name + "-wal"), path / "accordant.db", path / "accordant.db-wal"):
        with contextlib.suppress(OSError):
            status = one.stat()
            found.append((status.st_mtime_ns, status.st_size))
    return tuple(found)


def _say(text: str) -> None:
    console(stderr=True).print(text, style="dim", soft_wrap=True, markup=False)
