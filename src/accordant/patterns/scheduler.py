"""`Scheduler`: wakes knowledge sources by the state of a document. Document + scheduler = blackboard.

    scheduler = Scheduler(doc)

    @scheduler.on("hypotheses", when=has_unsupported, priority=5)
    async def critic(wake):
        await wake.doc.evidence.append(..., derived_from=wake.basis)

    run = await scheduler.run(until=is_answered, idle=1.0)

It decides *when* work runs; the document decides *what* may be written. It needs nothing of the document but its public
methods, so any document in any place has one. What a decision is, is in `agenda`; when to give up, in `runaway`; one run, in
`course`.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar, overload

from accordant.document.document import Document
from accordant.document.regions import Region
from accordant.patterns.course import Course, Settings, Source
from accordant.patterns.firing import Budget, Run, Wake
from accordant.patterns.runaway import RunawayDetector
from accordant.patterns.turns import Turns
from accordant.patterns.watching import Watched
from accordant.types.errors import Invalid
from accordant.types.pattern_limits import CONCURRENCY, FAILURES_MAX, RUNAWAY_ROUNDS, SOURCES_MAX
from accordant.types.values import is_text

__all__ = ["Scheduler"]

Predicate = Callable[[Any], Any]
Run_ = Callable[[Wake], Awaitable[Any]]
F = TypeVar("F", bound=Callable[[Wake], Awaitable[Any]])


class Scheduler:
    """Knowledge sources over one document.

    `group`: schedulers of one group share their sources: none fires twice on one state, whoever runs it (needs the guarded map
    `turns`). `budget`: how much one run may do. `concurrency`: how many sources run at once. `failures`: so many in a row
    suspend a source. `runaway`: a cycle ends within so many rounds; None: never, for services that only the world outside
    moves. `ignore`: regions whose content is no news. `coalesce`: events of so many seconds wake once. `clock` (seconds) drives
    pauses and budgets, `now` (seconds since 1970) dates the firings.
    """

    def __init__(
        self,
        doc: Document,
        *,
        group: str | None = None,
        budget: Budget | None = None,
        concurrency: int = CONCURRENCY,
        failures: int = FAILURES_MAX,
        runaway: int | None = RUNAWAY_ROUNDS,
        ignore: Iterable[Region | str] = (),
        coalesce: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        for name, value in (("concurrency", concurrency), ("failures", failures)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise Invalid(f"{name}= is a number from 1 on, not {value!r}", code="bad_argument")
        if group is not None and not (is_text(group) and group and "/" not in group):
            raise Invalid(f"a group has a name without a slash, not {group!r}", code="bad_group")
        ignored = frozenset(map(_name, ignore))
        if runaway is not None:
            RunawayDetector(runaway)  # says what is wrong with it now rather than at the first run
        self.doc = doc
        self.group = group
        self._turns = None if group is None else Turns(doc, group)
        self._settings = Settings(budget or Budget(), concurrency, failures, runaway, ignored, coalesce, clock, now)
        self._sources: dict[str, Source] = {}
        self._is_running = False

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of its knowledge sources, in the order in which they were declared."""
        return tuple(self._sources)

    @overload
    def on(
        self,
        *regions: Region | str,
        when: Predicate | None = None,
        run: None = None,
        name: str | None = None,
        priority: float = 0.0,
        cooldown: float = 0.0,
        topics: Iterable[str] | str = (),
        doc: Document | None = None,
    ) -> Callable[[F], F]: ...

    @overload
    def on(
        self,
        *regions: Region | str,
        when: Predicate | None = None,
        run: F,
        name: str | None = None,
        priority: float = 0.0,
        cooldown: float = 0.0,
        topics: Iterable[str] | str = (),
        doc: Document | None = None,
    ) -> F: ...

    def on(
        self,
        *regions: Region | str,
        when: Predicate | None = None,
        run: Run_ | None = None,
        name: str | None = None,
        priority: float = 0.0,
        cooldown: float = 0.0,
        topics: Iterable[str] | str = (),
        doc: Document | None = None,
    ) -> Any:
        """Declare a knowledge source: `run` is awaited with a `Wake` when what it watches has changed and `when(snapshot)` holds.

        `regions`: names, or paths such as `tasks/7`; `topics`: patterns such as `evidence/**`; neither: the whole document.
        `when` looks at nothing but the snapshot, and at nothing in it that is not watched: it is asked again only when that has
        changed. Higher `priority` goes first. `cooldown`: seconds that it rests after a firing. `doc`: a handle of its own, so
        that what it writes bears its name. Without `run`, a decorator. Raises `Invalid`.
        """
        if self._is_running:
            raise Invalid("sources are declared before a run", code="running")
        watched = Watched(map(_name, regions), (topics,) if isinstance(topics, str) else topics)
        if not cooldown >= 0 or not priority == priority:
            raise Invalid("cooldown= is at least 0 seconds, priority= a number", code="bad_argument")
        if when is not None and not callable(when):
            raise Invalid("when= is called with a snapshot", code="bad_argument")

        def declare(work: Any) -> Any:
            called = name or getattr(work, "__name__", type(work).__name__)
            if not callable(work) or not is_text(called) or not called:
                raise Invalid(f"a source is a callable with a name, not {work!r}", code="bad_argument")
            if called in self._sources:
                raise Invalid(f"there is a source {called!r} already", code="source_exists", hint="give it a name=")
            if len(self._sources) >= SOURCES_MAX:
                raise Invalid(f"a scheduler has at most {SOURCES_MAX} sources", code="too_many_sources")
            self._sources[called] = Source(
                called, work, when, watched, float(priority), float(cooldown), doc or self.doc
            )
            return work

        return declare if run is None else declare(run)

    async def run(self, *, until: Predicate | None = None, idle: float | None = None) -> Run:
        """Fire until the goal holds on a snapshot, until nobody was woken for `idle` seconds, or until the budget is spent;
        with none of them, until cancelled. `Run.reason` says which.

        Raises `Runaway` when the sources bring nothing new any more, with the cycle and, as `.run`, what was done; and what ends
        the handle (`Fenced`, `Denied`). A source that raises does not: it is in `Run.failures`, rests, is tried again, and is
        suspended after too many failures in a row. Sources that still run a second after the goal was reached are cancelled.
        """
        if self._is_running:
            raise Invalid("this scheduler runs already", code="running", hint="use another one, in the same group")
        if idle is not None and not idle >= 0:
            raise Invalid("idle= is at least 0 seconds", code="bad_argument")
        self._is_running = True
        try:
            course = Course(self.doc, self.group, list(self._sources.values()), self._turns, self._settings)
            return await course.play(until, idle)
        finally:
            self._is_running = False


def _name(one: Region | str) -> str:
    return one.name if isinstance(one, Region) else one
