"""One run of a scheduler: looks, decides, fires, listens, until something ends it. The thin edge around `agenda` and `runaway`.

Every decision is made on one snapshot: which sources are woken, whose precondition holds, whether the goal is reached, whether
anything new came of the last firings. Events only say that it is time to look again: one that is missed costs a moment, never a
firing.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from accordant.document.document import Document
from accordant.document.events import Events
from accordant.document.regions import Log
from accordant.document.snapshot import Snapshot, cut_of
from accordant.patterns.agenda import Agenda, Outcome
from accordant.patterns.firing import Budget, End, Failure, Firing, Run, Wake
from accordant.patterns.runaway import Circle, RegionState, RunawayDetector
from accordant.patterns.turns import TURNS, Turns
from accordant.patterns.watching import OWN_REGIONS, Newest, Watched, newest_of, regions_to_follow
from accordant.types.errors import AccordantError, Conflict, Invalid, NoAuthority, Runaway, StaleRead
from accordant.types.events import Event, EventKind, Lagged
from accordant.types.limits import DERIVED_FROM_MAX, WHY_CHARS_MAX
from accordant.types.pattern_limits import (
    END_GRACE_S,
    ERROR_CHARS_MAX,
    EVENTS_PER_WAKE_MAX,
    FIRINGS_KEPT,
    SCHEDULER_RETRY_S,
    TURN_POLL_S,
)
from accordant.types.regions import COHERENCE, Kind, RegionSpec
from accordant.types.snapshots import RegionCut

__all__ = ["Course", "Settings", "Source"]

FIRINGS = "firings"
"""The region that keeps what was fired, where a document has it."""

_WAKING = (EventKind.WRITE, EventKind.RETRACTION, EventKind.CONTRADICTION)
"""What may change what a document says. (Whoever holds a turn may leave, too: a group hears of that.)"""

logger = logging.getLogger("accordant.scheduler")


@dataclass(frozen=True, slots=True)
class Source:
    """A knowledge source as it was declared."""

    name: str
    run: Callable[[Wake], Awaitable[Any]]
    when: Callable[[Any], Any] | None
    watched: Watched
    priority: float
    cooldown_s: float
    doc: Document


@dataclass(frozen=True, slots=True)
class Settings:
    """How a scheduler goes about it: the arguments of `Scheduler`, as one value."""

    budget: Budget
    concurrency: int
    failures: int
    runaway: int | None
    ignore: frozenset[str]
    coalesce_s: float
    clock: Callable[[], float]
    now: Callable[[], float]


class Course:
    """One run."""

    def __init__(
        self, doc: Document, group: str | None, sources: list[Source], turns: Turns | None, settings: Settings
    ) -> None:
        self._doc = doc
        self._group = group
        self._sources = {source.name: source for source in sources}
        self._turns = turns
        self._settings = settings
        self._agenda = Agenda(settings.failures)
        for source in sources:
            self._agenda.add(source.name, source.priority, source.cooldown_s)
        self._detector = None if settings.runaway is None else RunawayDetector(settings.runaway, settings.ignore)
        self._shown = self._regions_shown()
        self._circle: Circle | None = None
        self._began = settings.clock()
        self._stirred = asyncio.Event()
        self._heard: dict[str, deque[Event]] = {name: deque(maxlen=EVENTS_PER_WAKE_MAX) for name in self._sources}
        self._tasks: set[asyncio.Task[None]] = set()
        self._cut_off: list[Firing] = []
        self._recording: set[asyncio.Task[None] | None] = set()
        self._ended: list[str] = []  # since the detector looked last
        self._active_at = self._began
        self._is_stopping = self._is_spent = False
        self._count = self._rounds = self._version = 0
        self._fired: deque[Firing] = deque(maxlen=FIRINGS_KEPT)
        self._failures: deque[Failure] = deque(maxlen=FIRINGS_KEPT)
        self._unrecorded: dict[str, int] = {}

    async def play(self, until: Callable[[Any], Any] | None, idle: float | None) -> Run:
        """The whole of it."""
        await self._resume()
        # A goal may be anywhere: whoever has one follows all regions.
        watched = [source.watched for source in self._sources.values()]
        follow = regions_to_follow(watched, () if self._turns is None else (TURNS,)) if until is None else ()
        kinds = _WAKING if self._turns is None else (*_WAKING, EventKind.LEAVE)
        async with self._doc.events(*follow, kinds=kinds, coalesce=self._settings.coalesce_s) as events:
            listener = asyncio.create_task(self._listen(events))
            try:
                return await self._rounds_until(until, idle, listener)
            finally:
                listener.cancel()
                await self._stop()
                await asyncio.gather(listener, return_exceptions=True)

    def _regions_shown(self) -> tuple[str, ...]:
        """The regions of a decision's snapshot; none: all. What schedulers keep is left out where nobody watches it: their log
        grows with each firing, and the record of one firing is not to make another one's basis stale."""
        declared = self._doc.schema.regions
        watched = [source.watched for source in self._sources.values()]
        names = {name for name in declared if name not in OWN_REGIONS or any(one.names(name) for one in watched)}
        names |= {COHERENCE} if any(one.names(COHERENCE) for one in watched) else set()
        names |= {TURNS} if self._turns is not None else set()
        return () if self._doc.schema.is_open or len(names) > DERIVED_FROM_MAX else tuple(sorted(names))

    # -- the rounds -----------------------------------------------------------------------------------------------

    async def _rounds_until(
        self, until: Callable[[Any], Any] | None, idle: float | None, listener: asyncio.Task[None]
    ) -> Run:
        clock, seconds = self._settings.clock, self._settings.budget.seconds
        deadline = None if seconds is None else self._began + seconds
        is_first = True
        while True:
            if deadline is not None and clock() >= deadline:
                return await self._over(End.SECONDS)
            self._stirred.clear()
            if listener.done():
                listener.result()
            snapshot = await self._look(is_first, deadline)
            is_first = False
            if snapshot is not None:
                if until is not None and await _holds(until, snapshot):
                    return await self._over(End.UNTIL)
                if self._circle is not None:
                    raise await self._runaway(self._circle)
                await self._fire(snapshot)
            if self._is_spent and not self._tasks:
                return await self._over(End.FIRINGS)
            is_quiet = snapshot is not None and self._agenda.is_quiet and not self._tasks
            if is_quiet and idle is not None and clock() >= self._active_at + idle:
                return await self._over(End.IDLE)
            await self._wait(deadline, self._active_at + idle if is_quiet and idle is not None else None, snapshot)

    async def _look(self, is_first: bool, deadline: float | None) -> Snapshot[Any] | None:
        """One snapshot, and what follows from it; None when nobody could be asked."""
        ended, self._ended = self._ended, []
        try:
            async with asyncio.timeout(None if deadline is None else max(0.0, deadline - self._settings.clock())):
                snapshot = await self._doc.snapshot(*self._shown)
        except (NoAuthority, TimeoutError):
            self._ended = ended + self._ended
            return None
        cut = cut_of(snapshot)
        self._version = cut.version
        self._agenda.look({name: source.watched.newest(cut).version for name, source in self._sources.items()})
        if self._detector is not None:
            board = {
                name: RegionState(one.kind, newest_of(name, one).version, partial(_json_of, one))
                for name, one in cut.regions.items()
                if name not in OWN_REGIONS
            }
            if is_first:
                self._detector.begin(board)
            else:
                self._circle = self._detector.observe(board, ended)
        return snapshot

    async def _fire(self, snapshot: Snapshot[Any]) -> None:
        """Judge those that are woken, in order, all on this snapshot, and start those whose precondition holds."""
        cut, now = cut_of(snapshot), self._settings.clock()
        has_fired = False
        for name in self._agenda.ready(now):
            if len(self._tasks) >= self._settings.concurrency or self._is_spent:
                break
            source, state = self._sources[name], self._sources[name].watched.newest(cut)
            if self._turns is not None and self._turns.has_fired(cut, name, state.version):
                self._agenda.dismiss(name)
                continue
            if self._turns is not None and await self._turns.is_held(cut, name, self._settings.now() * 1_000):
                self._agenda.defer(name, now + TURN_POLL_S)
                continue
            try:
                if source.when is not None and not await _holds(source.when, snapshot):
                    self._agenda.dismiss(name)
                    continue
            except Exception as error:
                self._agenda.begin(name, now)
                firing = self._firing(source, state, snapshot, "its precondition raised")
                self._failures.append(Failure(self._settled(firing, Outcome.FAILED, error), error))
                continue
            if self._settings.budget.firings is not None and self._count >= self._settings.budget.firings:
                self._is_spent = True
                break
            await self._start(source, state, snapshot, now)
            has_fired = True
        self._rounds += has_fired

    async def _wait(self, deadline: float | None, idle_at: float | None, snapshot: Snapshot[Any] | None) -> None:
        """Until something stirs, somebody has rested, or time is over."""
        now = self._settings.clock()
        rested_at = self._agenda.next_at() if len(self._tasks) < self._settings.concurrency else None
        if snapshot is None:
            rested_at = now + SCHEDULER_RETRY_S
        if self._is_spent:
            rested_at = None
        until = min((at for at in (deadline, idle_at, rested_at) if at is not None), default=None)
        with suppress(TimeoutError):
            async with asyncio.timeout(None if until is None else max(0.0, until - now)):
                await self._stirred.wait()

    # -- one firing -----------------------------------------------------------------------------------------------

    async def _start(self, source: Source, state: Newest, snapshot: Snapshot[Any], now: float) -> None:
        condition = "" if source.when is None else f", precondition `{getattr(source.when, '__name__', source.when)}`"
        firing = self._firing(source, state, snapshot, f"fired because {state}{condition}")
        heard, self._heard[source.name] = self._heard[source.name], deque(maxlen=EVENTS_PER_WAKE_MAX)
        watched = source.watched.within(cut_of(snapshot))
        wake = Wake(source.name, firing.reason, tuple(heard), await _shared(snapshot, watched), source.doc, watched)
        self._agenda.begin(source.name, now)
        self._count += 1
        task = asyncio.create_task(self._perform(source, wake, firing, now), name=f"source {source.name}")
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._recording.discard(task)
        self._stirred.set()

    def _firing(self, source: Source, state: Newest, snapshot: Snapshot[Any], reason: str) -> Firing:
        at = int(self._settings.now() * 1_000)
        return Firing(
            source.name, reason[:WHY_CHARS_MAX], snapshot.version, state.version, at,
            scheduler=self._doc.agent, group=self._group,
        )  # fmt: skip

    async def _perform(self, source: Source, wake: Wake, firing: Firing, began: float) -> None:
        outcome = Outcome.DONE
        error: BaseException | None = None
        try:
            async with AsyncExitStack() as stack:
                if self._turns is not None and not await stack.enter_async_context(
                    self._turns.take(source.name, firing.state)
                ):
                    self._count -= 1
                    self._agenda.end(source.name, self._settings.clock(), Outcome.CANCELLED)
                    self._agenda.defer(source.name, self._settings.clock() + TURN_POLL_S)
                    return
                await source.run(wake)
        except (StaleRead, Conflict) as late:
            outcome, error = Outcome.OVERTAKEN, late
        except asyncio.CancelledError as cancelled:
            outcome, error = (Outcome.CANCELLED if self._is_stopping else Outcome.FAILED), cancelled
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as raised:  # whatever it is, it was the source's: nobody is to wait for one that is gone
            outcome, error = Outcome.FAILED, raised
        firing = replace(firing, took_ms=max(0, int((self._settings.clock() - began) * 1_000)))
        firing = self._settled(firing, outcome, error)
        self._fired.append(firing)
        self._ended.append(firing.source)
        if outcome is Outcome.FAILED and error is not None:
            self._failures.append(Failure(firing, error))
        if outcome is Outcome.CANCELLED:
            self._cut_off.append(firing)
            raise asyncio.CancelledError
        self._recording.add(asyncio.current_task())
        await self._record(firing)

    def _settled(self, firing: Firing, outcome: Outcome, error: BaseException | None) -> Firing:
        """The firing with how it ended; the agenda is told."""
        self._active_at = self._settings.clock()
        self._agenda.end(firing.source, self._active_at, outcome)
        if error is None:
            return replace(firing, outcome=outcome)
        text = f"{type(error).__name__}: {error}".encode("utf-8", "replace").decode()[:ERROR_CHARS_MAX]
        if outcome is Outcome.FAILED:
            logger.warning("%s: source %s failed: %s", self._doc.key, firing.source, text)
        return replace(firing, outcome=outcome, error=text)

    # -- the document's own record ----------------------------------------------------------------------------

    def _log(self) -> Log[Firing] | None:
        spec = self._doc.schema.region(FIRINGS)
        if spec is None or spec.kind is not Kind.LOG:
            return None
        log = self._doc.region_as(RegionSpec(FIRINGS, Kind.LOG, Firing))
        assert isinstance(log, Log)
        return log

    async def _resume(self) -> None:
        """What this scheduler, or its group, has fired on in an earlier life is not fired on again."""
        log = self._log()
        if log is None:
            return
        with suppress(Invalid):  # somebody else's log that happens to have this name
            for firing in map(_firing_of, (await log.read()).value):
                if firing is None or firing.outcome != Outcome.DONE or firing.group != self._group:
                    continue
                if self._group is not None or firing.scheduler == self._doc.agent:
                    self._agenda.resume(firing.source, firing.state)

    async def _record(self, firing: Firing) -> None:
        log = self._log()
        if log is None:
            return
        try:
            item: Any = firing if log.spec.item is not None else firing.to_json()
            await log.append(item, why=firing.reason)
        except AccordantError as error:
            self._unrecorded[error.code] = self._unrecorded.get(error.code, 0) + 1

    # -- the end --------------------------------------------------------------------------------------------------

    async def _over(self, reason: End | None) -> Run:
        """Stop what still runs, and say what there was. Whoever has reached the goal by its last write may come to its end."""
        if self._tasks and reason is not End.SECONDS:
            await asyncio.wait(self._tasks, timeout=END_GRACE_S)
        await self._stop()
        for firing in self._cut_off:
            await self._record(firing)
        return Run(
            reason, self._rounds, self._count, tuple(self._fired), tuple(self._failures), self._agenda.suspended,
            dict(self._unrecorded), self._version,
        )  # fmt: skip

    async def _stop(self) -> None:
        """Cancel those that run; whoever has ended and is being recorded comes to its end."""
        self._is_stopping = True
        for task in self._tasks - self._recording:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _runaway(self, circle: Circle) -> Runaway:
        run, cycle, stalled = await self._over(None), circle.cycle, circle.rounds
        count = min(len(run.fired), max(stalled, len(cycle)))
        error = Runaway(
            f"{' -> '.join(cycle)} fire in turn, and brought nothing new in {stalled} rounds",
            cycle=list(cycle),
            fired=[firing.to_json() for firing in run.fired[len(run.fired) - count :]],
            rounds=self._rounds,
            stalled=stalled,
        )
        error.run = run
        return error

    async def _listen(self, events: Events) -> None:
        """Whoever watches what an event names gets it with the next wake-up."""
        is_deaf = not any(source.watched(FIRINGS) for source in self._sources.values())
        try:
            async for event in events:
                if is_deaf and event.paths and all(path == FIRINGS for path in event.paths):
                    continue
                for source in self._sources.values():
                    if isinstance(event, Lagged) or any(map(source.watched, event.paths)):
                        self._heard[source.name].append(event)
                self._stirred.set()
        finally:
            self._stirred.set()


def _firing_of(item: Any) -> Firing | None:
    """The firing that an item of the log is, whatever type the schema gives it."""
    if isinstance(item, Firing) or not isinstance(item, dict):
        return item if isinstance(item, Firing) else None
    try:
        return Firing(**item)
    except TypeError:
        return None


async def _shared(snapshot: Snapshot[Any], watched: Collection[str]) -> Snapshot[Any]:
    """The snapshot for a source: without what its group keeps."""
    names = [name for name in snapshot if name not in OWN_REGIONS or name in watched]
    return snapshot if len(names) == len(snapshot) or len(names) > DERIVED_FROM_MAX else await snapshot.snapshot(*names)


async def _holds(predicate: Callable[[Any], Any], snapshot: Snapshot[Any]) -> bool:
    answer = predicate(snapshot)
    return bool(await answer if inspect.isawaitable(answer) else answer)


def _json_of(region: RegionCut) -> Any:
    """The JSON value of a region of a cut; of a guarded field, its own."""
    if region.kind is not Kind.GUARDED:
        return region.value()
    field = region.fields.get(None)
    return None if field is None or field.value is None else json.loads(field.value)
