"""One task that owns one document: it feeds the machine and carries its effects out in order (I2, I3).

While one batch of commits is on its way to the store, the next commands are judged; they form the next batch. Nothing is
published or answered before the batch that holds it, and every batch before it, is durable. When the store refuses or fails,
the live state is thrown away and rebuilt from the log, and whoever was in that batch is told that it did not land, or that
this is unknown.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from accordant.engine.commands import Audit, Command, Quarantine, Submit, Update
from accordant.engine.effects import Effects, Published
from accordant.engine.host.lines import Lines
from accordant.engine.host.loading import load_state, published_after
from accordant.engine.machine import LiveStateBroken, Machine
from accordant.engine.stores.contract import Appended, Commit, Outcome, Store, StoreFenced
from accordant.types.commands import Committed
from accordant.types.errors import AccordantError, NoAuthority, StoreError
from accordant.types.limits import BATCH_COMMITS_MAX, CHECKPOINT_BYTES, CHECKPOINT_ENTRIES, INBOX_MAX

__all__ = ["DocumentHost"]

logger = logging.getLogger("accordant.engine")
Listener = Callable[[list[Published]], None]

TAKE_OVER_ATTEMPTS = 3
"""An earlier attempt of this process that was given up may still land between reading the log and appending to it."""


class LeaseKeeper(Protocol):
    """Whoever holds the lease for this document."""

    def is_current(self) -> bool:
        """Whether the lease has certainly not run out."""

    async def confirm(self) -> None:
        """Renew it now; raises `NoAuthority` when it has passed to another."""


@dataclass(slots=True)
class _Pending:
    """A command, who waits for it, and what it led to."""

    command: Command
    answer: asyncio.Future[Any]
    effects: Effects | None = None


@dataclass(slots=True)
class _Batch:
    """Commands that share one durability wait."""

    pending: list[_Pending] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)

    def add(self, one: _Pending, effects: Effects) -> None:
        one.effects = effects
        self.pending.append(one)
        self.commits.extend(effects.persist)


class DocumentHost:
    """The authority over one document in this process."""

    def __init__(
        self,
        store: Store,
        key: str,
        epoch: int,
        incarnation: str,
        holder: str,
        now_ms: Callable[[], int],
        lease: LeaseKeeper,
    ) -> None:
        self.key = key
        self.epoch = epoch
        self.incarnation = incarnation
        self._store = store
        self._holder = holder
        self._now_ms = now_ms
        self._lease = lease
        self._machine: Machine | None = None
        self._previous: Machine | None = None
        self._inbox: deque[_Pending] = deque()
        self._room = asyncio.Event()
        self._room.set()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._batch = _Batch()
        self._flight: asyncio.Future[list[Outcome]] | None = None
        self._broken: tuple[_Pending, LiveStateBroken] | None = None
        self._flying = _Batch()
        self._listeners: list[Listener] = []
        self.lines = Lines()
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._since_checkpoint = [0, 0]
        self._checkpoints: set[asyncio.Task[None]] = set()
        self._state_bytes = 0
        self._taken: tuple[int, bytes] | None = None
        self._closed: AccordantError | None = None
        self.durable_head = 0

    # -- life -------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Load the document, record this epoch, begin to answer. Raises `StoreError`, `NoAuthority`."""
        for _ in range(TAKE_OVER_ATTEMPTS):
            await self._rebuild()
            effects = self._live().take_over(self._now_ms(), self._holder)
            (outcome,) = await self._store.commit(self.key, self.epoch, effects.persist)
            if isinstance(outcome, Appended | StoreFenced):
                break
        if not isinstance(outcome, Appended):
            raise NoAuthority(f"{self.key} was taken over while it was opened", code="no_authority")
        self.durable_head = self._live().head
        self._task = asyncio.create_task(self._run(), name=f"accordant {self.key}")

    async def close(self, checkpoint: bool = True) -> None:
        """Finish what was begun, keep a checkpoint, stop. Idempotent."""
        if self._closed is None:
            self._closed = NoAuthority(f"{self.key} was closed here", code="closed")
        self._wake.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._checkpoints:
            await asyncio.gather(*self._checkpoints, return_exceptions=True)
        machine = self._machine
        is_durable = machine is not None and machine.head == self.durable_head  # else it holds what never landed
        if checkpoint and machine is not None and is_durable and self._since_checkpoint[0]:
            await self._keep(machine.head, machine.state.dump())

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with each durable batch of entries, in order, from the loop. Returns how to stop it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    @property
    def is_closed(self) -> bool:
        """Whether it answers no more."""
        return self._closed is not None

    @property
    def machine(self) -> Machine:
        """The live machine, which may be ahead of what is durable: for inspection while nothing is in flight."""
        return self._live()

    def _live(self) -> Machine:
        if self._machine is None:
            raise StoreError(f"{self.key} could not be loaded", code="store", landed=False)
        return self._machine

    # -- asking -----------------------------------------------------------------------------------------------

    async def call(self, command: Command) -> Any:
        """The command's reply, at a durable version; raises the `AccordantError` that it is refused with."""
        self._check_open()
        if not self._lease.is_current():
            await self._confirm_lease()
        while len(self._inbox) >= INBOX_MAX and self._closed is None:
            self._room.clear()
            await self._room.wait()
        self._check_open()  # it may have ended while we waited
        one = _Pending(command, asyncio.get_running_loop().create_future())
        self._inbox.append(one)
        self._advance()
        try:
            reply = await one.answer
        finally:
            if isinstance(command, Submit):
                self.lines.done(command.session, [write.path for write in command.submission.writes])
        if isinstance(reply, AccordantError):
            raise reply.with_traceback(None)
        return reply

    def _check_open(self) -> None:
        if self._closed is not None:
            raise AccordantError.from_dict(self._closed.to_dict())

    async def _confirm_lease(self) -> None:
        """The lease may have run out while this process was held up: without it, not even a read may be answered (I3)."""
        try:
            await self._lease.confirm()
        except NoAuthority as error:
            self._closed = error
            self._wake.set()
            raise

    async def reached(self, version: int, timeout_s: float) -> None:
        """Wait until `version` is durable here; raises `TimeoutError`, or what a closed document answers."""
        if version <= self.durable_head:
            return
        self._check_open()
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((version, waiter))
        try:
            async with asyncio.timeout(timeout_s):
                await waiter
        finally:
            self._waiters = [(v, w) for v, w in self._waiters if w is not waiter]

    # -- the usual way: nothing here waits -------------------------------------------------------------------------

    def _advance(self) -> None:
        """Judge what has arrived and send it off, as far as that goes without waiting; the task does the rest."""
        self._judge_waiting()
        if self._flight is None and self._batch.pending:
            self._take_off()
        if self._broken is not None or self._machine is None or self._closed is not None:
            self._wake.set()

    def _judge_waiting(self) -> None:
        """Judge what has arrived, as far as one batch goes."""
        while self._inbox and len(self._batch.commits) < BATCH_COMMITS_MAX:
            if self._machine is None or self._broken is not None:
                return
            one = self._inbox.popleft()
            self._room.set()
            if one.answer.cancelled():
                continue
            try:
                effects = self._machine.handle(one.command, self._now_ms())
            except LiveStateBroken as broken:
                self._broken = (one, broken)
                return
            except Exception as error:  # a mistake of ours, perhaps half-way through a change: trust nothing of it
                logger.exception("%s: judging a %s failed", self.key, type(one.command).__name__)
                self._broken = (one, _mistake(one.command, error))
                return
            self._batch.add(one, effects)

    def _take_off(self) -> None:
        """Send the batch to the store, or settle it at once when it has nothing to persist."""
        batch, self._batch = self._batch, _Batch()
        if not batch.commits:
            self._settle(batch)
            return
        self._flying = batch
        self._flight = asyncio.ensure_future(self._store.commit(self.key, self.epoch, batch.commits))
        self._flight.add_done_callback(self._touched_down)

    def _touched_down(self, flight: asyncio.Future[list[Outcome]]) -> None:
        """The store has answered. Everything in the log as expected is settled here; anything else is for the task."""
        batch = self._flying
        if flight.cancelled() or flight.exception() is not None:
            self._wake.set()
            return
        if not all(map(_is_expected, batch.commits, flight.result())):
            self._wake.set()
            return
        self._flight = None
        self.durable_head = batch.commits[-1].entry.offset
        self._settle(batch)
        self._advance()  # the next batch is on its way while a checkpoint is made
        self._maybe_checkpoint(batch)

    # -- the task: whatever has to wait ----------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while True:
                if self._machine is None:
                    await self._try_rebuild()
                if self._flight is not None and self._flight.done():
                    await self._land()
                if self._broken is not None:
                    await self._recover()
                self._advance()
                is_idle = self._flight is None and not self._batch.pending and not self._inbox and self._broken is None
                if self._closed is not None and is_idle:
                    break
                self._wake.clear()
                is_loaded = self._machine is not None
                if self._broken is None and (is_loaded or not self._inbox):  # not loaded: wait until somebody asks
                    await self._wake.wait()
        finally:
            self._fail_waiting()

    async def _recover(self) -> None:
        """The live state broke on a command: save what was judged before, rebuild, refuse the command."""
        assert self._broken is not None
        one, broken = self._broken
        logger.warning("%s: %s; rebuilding from the log", self.key, broken.reason)
        while self._flight is not None or self._batch.pending:
            if self._flight is None:
                self._take_off()
            if self._flight is not None:
                await asyncio.wait([self._flight])
            if self._flight is not None and self._flight.done():
                await self._land()
        await self._start_over()
        self._broken = None
        if broken.update is not None and broken.session is not None and self._machine is not None:
            self._inbox.appendleft(_Pending(Quarantine(broken.session, broken.update, broken.reason), one.answer))
        elif not one.answer.done():
            one.answer.set_result(
                StoreError(f"{self.key} had to be rebuilt; nothing of this call landed", code="rebuilt", landed=False)
            )

    async def _land(self) -> None:
        """The batch did not simply become durable: find out what did, tell everybody, and build the live state anew."""
        flight, batch, self._flight = self._flight, self._flying, None
        assert flight is not None
        if flight.cancelled():  # within the store: nobody here cancels one
            await self._fail(batch, _unknown(self.key, "it was cancelled"))
            return
        try:
            outcomes = flight.result()
        except StoreError as error:
            await self._fail(batch, error)
        except Exception as error:  # whatever a store raises means: unknown (the contract)
            await self._fail(batch, _unknown(self.key, error))
        else:
            await self._sort_out(batch, outcomes)

    def _settle(self, batch: _Batch) -> None:
        """Publish, then reply: everything in the batch is durable."""
        self._publish([one for pending in batch.pending if pending.effects for one in pending.effects.publish])
        for pending in batch.pending:
            if not pending.answer.done() and pending.effects is not None:
                pending.answer.set_result(pending.effects.reply)

    def _publish(self, published: list[Published]) -> None:
        """Tell subscribers, and those who wait for a version."""
        for listener in tuple(self._listeners) if published else ():
            try:
                listener(published)
            except Exception:
                logger.exception("a listener of %s failed and is dropped", self.key)
                if listener in self._listeners:
                    self._listeners.remove(listener)
        for version, waiter in self._waiters:
            if version <= self.durable_head and not waiter.done():
                waiter.set_result(None)

    async def _sort_out(self, batch: _Batch, outcomes: list[Outcome]) -> None:
        """The store judged otherwise than we did: a retry that had landed before, or another authority."""
        fenced = next((o for o in outcomes if isinstance(o, StoreFenced)), None)
        if fenced is not None:
            error = NoAuthority(
                f"{self.key}: epoch {fenced.newest} has taken over from {self.epoch}", code="no_authority"
            )
            self._closed = error
            self._fail_waiting()  # the live state is ahead of the log, and answers nobody any more
            return
        again: list[_Pending] = []
        at = 0
        for pending in batch.pending:
            size = len(pending.effects.persist) if pending.effects else 0
            mine, at = outcomes[at : at + size], at + size
            commits = pending.effects.persist if pending.effects else []
            if not again and all(map(_is_expected, commits, mine)):
                self.durable_head = commits[-1].entry.offset if commits else self.durable_head
                self._settle(_Batch([pending], list(commits)))
            elif size == 1 and isinstance(mine[0], Appended) and mine[0].duplicate and not pending.answer.done():
                pending.answer.set_result(Committed(mine[0].offset, duplicate=True))
                again.append(_Pending(pending.command, _done()))
            else:
                again.append(pending)
        retry = [one for one in again if not one.answer.done()] + self._batch.pending
        self._batch = _Batch()
        await self._start_over()
        self._inbox.extendleft(reversed(retry))

    async def _fail(self, batch: _Batch, error: StoreError) -> None:
        """The append failed: throw the live state away; tell the batch; judge anew what had been judged on top of it."""
        logger.warning("%s: append failed: %s", self.key, error)
        retry, self._batch = self._batch.pending, _Batch()
        await self._start_over()
        self._answer_all(batch, error)
        self._inbox.extendleft(reversed(retry))

    async def _start_over(self) -> None:
        self._previous, self._machine, self._taken = self._machine or self._previous, None, None
        await self._try_rebuild()

    def _answer_all(self, batch: _Batch, error: AccordantError) -> None:
        for pending in batch.pending:
            if not pending.answer.done():
                pending.answer.set_result(error)

    # -- rebuilding -------------------------------------------------------------------------------------------

    async def _rebuild(self) -> None:
        """Load the log; living sessions and the Python types of regions outlive the live state that is thrown away."""
        state, _ = await load_state(self._store, self.key, self.epoch)
        machine = Machine(state, self.epoch, self.incarnation)
        if self._previous is not None:
            machine.adopt(self._previous)
        missed: list[Published] = []
        if self._listeners and machine.head > self.durable_head:
            missed = await published_after(self._store, self.key, self.durable_head)
        self._machine, self._previous = machine, None
        self.durable_head = machine.head
        self._publish(missed)

    async def _try_rebuild(self) -> None:
        """Rebuild; while the store cannot even be read, everybody who waits is told so, and the next call tries again."""
        try:
            await self._rebuild()
        except Exception as problem:  # whatever a store raises
            error = problem if isinstance(problem, StoreError) else _unreadable(self.key, problem)
            logger.error("%s: cannot be rebuilt: %s", self.key, error)
            waiting, self._inbox = list(self._inbox), deque()
            self._room.set()
            for one in waiting:
                if not one.answer.done():
                    one.answer.set_result(error)

    def _fail_waiting(self) -> None:
        self._closed = error = self._closed or NoAuthority(f"{self.key} is not served here any more", code="closed")
        broken = () if self._broken is None else (self._broken[0],)
        for one in (*self._flying.pending, *self._batch.pending, *broken, *self._inbox):
            if not one.answer.done():
                one.answer.set_result(error)
        self._inbox.clear()
        self._batch = _Batch()
        self._room.set()
        for _, waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(error)

    # -- checkpoints ------------------------------------------------------------------------------------------

    def _maybe_checkpoint(self, batch: _Batch) -> None:
        """Take a checkpoint when enough has come since the last; keep it when all that is in it is durable."""
        self._since_checkpoint[0] += len(batch.commits)
        self._since_checkpoint[1] += sum(len(commit.entry.update or b"") for commit in batch.commits)
        entries, size = self._since_checkpoint
        is_due = entries >= CHECKPOINT_ENTRIES or size >= CHECKPOINT_BYTES
        is_worth_it = size * 4 + entries * 64 >= self._state_bytes  # so that its cost is shared by what came since
        if is_due and is_worth_it and self._taken is None and self._machine is not None and self._broken is None:
            state = self._machine.state.dump()
            self._taken = (self._machine.head, state)
            self._state_bytes = len(state)
            self._since_checkpoint = [0, 0]
            self._inbox.append(_Pending(Audit(), asyncio.get_running_loop().create_future()))
            self._advance()
        if self._taken is not None and self._taken[0] <= self.durable_head and not self._checkpoints:
            task = asyncio.create_task(self._keep(*self._taken))
            self._taken = None
            self._checkpoints.add(task)
            task.add_done_callback(self._checkpoints.discard)

    async def _keep(self, offset: int, state: bytes) -> None:
        try:
            await self._store.checkpoint(self.key, offset, state)
        except Exception as error:  # the log has everything; a checkpoint only saves time
            logger.warning("%s: no checkpoint at %d: %s", self.key, offset, error)


def _is_expected(commit: Commit, outcome: Outcome) -> bool:
    return isinstance(outcome, Appended) and not outcome.duplicate and outcome.offset == commit.entry.offset


def _mistake(command: Command, error: Exception) -> LiveStateBroken:
    reason = f"judging failed: {type(error).__name__}: {error}"
    if isinstance(command, Update):
        return LiveStateBroken(reason, command.session, command.update)
    return LiveStateBroken(reason)


def _unreadable(key: str, error: Exception) -> StoreError:
    unreadable = StoreError(f"{key} cannot be read: {error}", code="store", landed=False, hint="try again later")
    unreadable.__cause__ = error
    return unreadable


def _unknown(key: str, error: Exception | str) -> StoreError:
    unknown = StoreError(
        f"{key}: the store failed, and whether this landed is unknown: {error}",
        code="unknown_outcome",
        landed=None,
        hint="submit again with the same op id: it lands once",
    )
    unknown.__cause__ = error if isinstance(error, Exception) else None
    return unknown


def _done() -> asyncio.Future[Any]:
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future
