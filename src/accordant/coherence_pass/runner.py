"""`CoherencePass`: a pass over a living document, again and again, beside those who write it.

Over any handle, embedded or websocket. It reads outlines, computes in a thread of its own, and writes nothing but its findings, a
whole report in one entry or none (I10). It takes up where the last report ended, whoever wrote that. Changes that come while a
pass runs are in the next one; none is missed, since events are kept before the document is read.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from accordant.coherence_pass.checker import Checker
from accordant.coherence_pass.declared import declared_findings
from accordant.coherence_pass.findings import Findings
from accordant.coherence_pass.from_outline import passages_of_outline, versions_in, with_reads
from accordant.coherence_pass.lifecycle import Finding, Kept
from accordant.coherence_pass.remembered import CheckerState
from accordant.coherence_pass.report import CoherenceReport
from accordant.document.document import Document
from accordant.types.coherence_limits import DEBOUNCE_ROUNDS_MAX, PASS_RETRY_S
from accordant.types.errors import Invalid, NoAuthority, SnapshotExpired
from accordant.types.events import Event, EventKind
from accordant.types.regions import COHERENCE

__all__ = ["CoherencePass"]

logger = logging.getLogger("accordant.coherence")

T = TypeVar("T")
OnReport = Callable[[CoherenceReport], Awaitable[None] | None]
Progress = Callable[[str, int, int], None]
_SILENT = frozenset({EventKind.JOIN, EventKind.LEAVE, EventKind.AUTHORITY, EventKind.DENIAL, EventKind.REFUSAL})
"""What changes nothing that a document says."""


class CoherencePass:
    """`async with CoherencePass(doc): ...` passes over the document when it has changed, until the block ends.

    `on_change`: a pass follows a change once nothing was written for `debounce` seconds, and in the middle of endless writing
    after ten times that. `every`: also a pass from nothing each so many seconds. `checker`: rules alone when not given; its clock
    tells `took_ms`. `publish=False` keeps the findings to itself. `on_report(report)` is called, and awaited, after each pass.
    A failure ends the passes, is in `error`, and is raised when the block ends; a lost connection is none.
    """

    def __init__(
        self,
        doc: Document,
        every: float | None = None,
        on_change: bool = True,
        debounce: float = 2.0,
        checker: Checker | None = None,
        *,
        publish: bool = True,
        on_report: OnReport | None = None,
        progress: Progress | None = None,
    ) -> None:
        if debounce < 0 or (every is not None and every <= 0):
            raise Invalid("debounce= is at least 0 and every= more than 0 seconds", code="bad_argument")
        self._doc = doc
        self._every = every
        self._on_change = on_change
        self._debounce = debounce
        self._checker = checker or Checker(clock=time.perf_counter)
        self._publish = publish
        self._on_report = on_report
        self._progress = progress
        self._state = CheckerState()
        self._one = asyncio.Lock()
        self._dirty = asyncio.Event()
        self._changed_at = 0.0
        self._is_over = False
        self._news = False  # the document says something else than when the newest report was made
        self._task: asyncio.Task[None] | None = None
        self.findings = Findings(doc)
        self.report: CoherenceReport | None = None
        self.error: BaseException | None = None

    # -- one pass -------------------------------------------------------------------------------------------------

    async def run_once(self, *, from_nothing: bool = False) -> CoherenceReport:
        """One pass now, published unless told otherwise. Raises what the handle raises, `Denied` when it may not publish."""
        async with self._one:
            if from_nothing:
                self._state = CheckerState()
            kept = await self.findings.read()
            outline = await self._doc.outline()
            report = await asyncio.to_thread(
                self._checker.settling(kept.suppressed).run,
                passages_of_outline(outline),
                document_id=self._doc.key.path,
                version=int(outline["version"]),
                now=int(time.time() * 1000),
                previous=self._state,
                progress=self._told,
                declared=declared_findings(outline, self._doc.schema),
            )
            report = await self._with_reads(report)
            if self._publish:
                news, self._news = self._news or _is_news(kept, outline), False
                try:
                    await self.findings.publish(report, even_unchanged=news)
                except BaseException:
                    self._news = news
                    raise
            self.report = report
        if self._on_report is not None and inspect.isawaitable(answer := self._on_report(report)):
            await answer
        return report

    async def resolve(self, finding_id: str, why: str) -> Finding:
        """As `Findings.resolve`, by this handle."""
        return await self.findings.resolve(finding_id, why)

    async def dismiss(self, finding_id: str, why: str) -> Finding:
        """As `Findings.dismiss`, by this handle."""
        return await self.findings.dismiss(finding_id, why)

    def _told(self, stage: str, done: int, total: int) -> None:
        if self._is_over:
            raise _Over
        if self._progress is not None:
            self._progress(stage, done, total)

    async def _with_reads(self, report: CoherenceReport) -> CoherenceReport:
        entries = {}
        for version in versions_in(report):
            for entry in await self._doc.history(before=version + 1, limit=1):
                entries[entry.offset] = entry
        return with_reads(report, entries)

    # -- again and again ------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name=f"coherence pass of {self._doc.key}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        if self.error is not None and error is None:
            raise self.error

    async def wait(self) -> None:
        """Until the passes end, which they do by a failure alone; raises it."""
        assert self._task is not None
        await asyncio.wait([self._task])
        if self.error is not None:
            raise self.error

    async def _run(self) -> None:
        try:
            kept = await self._patiently(self.findings.read)
            head = kept.head
            after = head.version if head is not None and head.checker == self._checker.identity else None
            self.report = kept.report()
            async with self._following(after) as resumes:
                if not resumes:
                    self._dirty.set()
                    self._changed_at = float("-inf")
                await self._passes()
        except asyncio.CancelledError:
            raise
        except Exception as found:
            error: BaseException = found
            while isinstance(error, BaseExceptionGroup):
                error = error.exceptions[0]
            logger.warning("the coherence pass of %s has ended: %s", self._doc.key, error)
            self.error = error

    async def _passes(self) -> None:
        loop = asyncio.get_running_loop()
        last = loop.time()
        while True:
            wait = None if self._every is None else max(last + self._every - loop.time(), 0.0)
            try:
                async with asyncio.timeout(wait):
                    await self._dirty.wait()
            except TimeoutError:
                last = loop.time()
                self._dirty.clear()
                await self._patiently(partial(self.run_once, from_nothing=True))
            else:
                await self._settled()
                self._dirty.clear()
                await self._patiently(self.run_once)

    async def _settled(self) -> None:
        """Until nothing was written for a while, or for long enough."""
        loop = asyncio.get_running_loop()
        last = loop.time() + DEBOUNCE_ROUNDS_MAX * self._debounce
        while (wait := min(self._changed_at + self._debounce, last) - loop.time()) > 0:  # noqa: ASYNC110 - writing goes on meanwhile
            await asyncio.sleep(wait)

    @contextlib.asynccontextmanager
    async def _following(self, after: int | None) -> AsyncIterator[bool]:
        """Events since that version; yields whether they are all there, so that no pass is due at once."""
        if not self._on_change:
            yield False
            return
        async with contextlib.AsyncExitStack() as stack:
            try:
                events = await stack.enter_async_context(self._doc.events(after=after))
                resumes = after is not None
            except SnapshotExpired:  # the log was compacted since
                events, resumes = await stack.enter_async_context(self._doc.events()), False
            async with asyncio.TaskGroup() as group:
                follower = group.create_task(self._follow(events))
                yield resumes
                follower.cancel()

    async def _follow(self, events: AsyncIterator[Event]) -> None:
        async for event in events:
            is_finding = bool(event.paths) and all(path.partition("/")[0] == COHERENCE for path in event.paths)
            if event.kind in _SILENT or (is_finding and event.actor == self._doc.agent):
                continue
            self._news |= not is_finding
            self._changed_at = asyncio.get_running_loop().time()
            self._dirty.set()

    async def _patiently(self, act: Callable[[], Awaitable[T]]) -> T:
        """Again while the authority cannot be asked: the handle comes back by itself."""
        while True:
            try:
                return await act()
            except NoAuthority as error:
                logger.info("the coherence pass of %s waits: %s", self._doc.key, error)
                await asyncio.sleep(PASS_RETRY_S)


def _is_news(kept: Kept, outline: Mapping[str, Any]) -> bool:
    """Whether anything was said since the newest report."""
    parts = [one for name, one in outline["regions"].items() if name != COHERENCE]
    parts += [one for path, one in outline["fields"].items() if path.partition("/")[0] != COHERENCE]
    newest = max((int(one["version"]) for one in parts), default=0)
    return kept.head is None or newest > kept.head.version


class _Over(Exception):
    """The block has ended: the thread is to stop."""
