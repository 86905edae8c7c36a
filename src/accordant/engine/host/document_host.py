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
from typing import Any

from accordant.engine.asking import Asking
from accordant.engine.commands import Audit, Command, Join, Quarantine, Submit, Tick
from accordant.engine.effects import Published
from accordant.engine.host.anteroom import Anteroom, LeaseKeeper
from accordant.engine.host.audience import Audience, Listener
from accordant.engine.host.checkpoints import Checkpoints
from accordant.engine.host.lines import Lines
from accordant.engine.host.loading import load_state, published_after
from accordant.engine.host.milestones import Milestones
from accordant.engine.host.outcomes import direct, is_expected, mistake, unknown, unreadable
from accordant.engine.host.pending import Batch, Pending, decoded, judge_together
from accordant.engine.host.presence_board import PresenceBoard
from accordant.engine.host.replay import Replays
from accordant.engine.host.subscribers import Subscribers
from accordant.engine.machine import LiveStateBroken, Machine
from accordant.engine.stores.contract import Appended, CommitsAtOnce, Outcome, Store, StoreFenced
from accordant.types.commands import Committed
from accordant.types.errors import AccordantError, Fenced, NoAuthority, StoreError
from accordant.types.limits import BATCH_COMMITS_MAX, INBOX_MAX

__all__ = ["DocumentHost"]

logger = logging.getLogger("accordant.engine")

TAKE_OVER_ATTEMPTS = 3  # an earlier one of this process, given up, may land between reading the log and appending to it


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
        replays: Replays | None = None,
    ) -> None:
        self.key = key
        self.epoch = epoch
        self.incarnation = incarnation
        self._store = store
        self.replays = replays or Replays(store)
        self._at_once = store if isinstance(store, CommitsAtOnce) else None
        self._holder = holder
        self._now_ms = now_ms
        self._lease = lease
        self._machine: Machine | None = None
        self._previous: Machine | None = None
        self._inbox: deque[Pending] = deque()
        self._anteroom = Anteroom(self._confirm_lease, self._let_in)
        self._is_due = False
        self._room = asyncio.Event()
        self._room.set()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._batch = Batch()
        self._flight: asyncio.Future[list[Outcome]] | None = None
        self._broken: tuple[Pending, LiveStateBroken] | None = None
        self._flying = Batch()
        self._listeners = Audience(key)
        self._observers = Audience(key)
        self.lines = Lines()
        self.presences = PresenceBoard()
        self.subscribers = Subscribers(self, store)
        self._milestones = Milestones()
        self._checkpoints = Checkpoints(store, key)
        self._closed: AccordantError | None = None
        self._is_unloaded = False
        self._calls = 0
        self.uses = 0
        self.durable_head = 0

    # -- life -------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Load the document, record this epoch, begin to answer. Raises `StoreError`, `NoAuthority`."""
        for _ in range(TAKE_OVER_ATTEMPTS):
            await self._rebuild()
            effects = self._live().take_over(self._now_ms(), self._holder)
            outcome, *_ = await self._store.commit(self.key, self.epoch, effects.persist)
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
        self.presences.close()
        await self._anteroom.settled()
        self._wake.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._checkpoints.settled()
        machine = self._machine
        # A live state beyond the durable head holds what never landed.
        if checkpoint and machine is not None and machine.head == self.durable_head and self._checkpoints.is_behind:
            await self._checkpoints.keep(machine.head, machine.state.dump())

    async def unload(self) -> None:
        """Close what nobody uses. A session that asks here later has ended: it is told so, whatever it asks."""
        self._is_unloaded = True
        await self.close()

    @property
    def is_idle(self) -> bool:
        """Whether nobody uses the document: no session, listener, or call. Nothing changes that between two awaits."""
        waits = self._inbox or self._anteroom.is_taken or self._batch.pending or self._milestones.is_awaited
        is_used = self._flight or self._calls or self._listeners or self._machine is None or len(self._machine.sessions)
        return not (waits or is_used or self._broken or self._closed)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with each durable batch of entries, in order, from the loop. Returns how to stop it."""
        self.uses += 1
        return self._listeners.add(listener)

    def observe(self, observer: Listener) -> None:
        """Like `subscribe`, for as long as the document is loaded: whoever only counts does not use it."""
        self._observers.add(observer)

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

    def peeking(self) -> tuple[Asking, int] | None:
        """Who answers reads that wait for nothing, and the time; None while every read has to ask in turn."""
        is_whole = self._closed is None and self._broken is None and not self._is_unloaded
        if self._machine is None or not is_whole or not self._lease.is_current():
            return None
        self.uses += 1
        self._machine.view.durable = self.durable_head
        return self._machine.asking, self._now_ms()

    # -- asking -----------------------------------------------------------------------------------------------

    async def call(self, command: Command) -> Any:
        """The command's reply, at a durable version; raises the `AccordantError` that it is refused with."""
        self.uses += 1
        self._calls += 1  # from the first moment on: a document that is asked is not unloaded
        try:
            return await self._call(command)
        finally:
            self._calls -= 1

    async def _call(self, command: Command) -> Any:
        self._check_open(command)
        if not self._lease.is_current():
            await self._confirm_lease()
        while len(self._inbox) >= INBOX_MAX and self._closed is None:
            self._room.clear()
            await self._room.wait()
        self._check_open(command)  # it may have ended while we waited
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        one = Pending(command, lambda reply: None if answer.done() else answer.set_result(reply))
        self._inbox.append(one)
        self._advance()
        try:
            reply = await answer
        except asyncio.CancelledError:
            one.is_done = True  # what was judged already lands all the same
            raise
        finally:
            if isinstance(command, Submit):
                self.lines.done(command.session, [write.path for write in command.submission.writes])
        if isinstance(reply, AccordantError):
            raise reply.with_traceback(None)
        return reply

    def post(self, command: Command, on_reply: Callable[[Any], None]) -> None:
        """As `call`, without a task that waits: `on_reply` is called from the loop with the reply or the `AccordantError`.

        Updates that arrive in one turn of the loop, or while a batch is on its way to the store, are judged together, in
        order for each session. There is no back-pressure here: whoever posts bounds how much of it is unanswered.
        """
        self.uses += 1
        one = Pending(command, on_reply, decoded(command))
        loop = asyncio.get_running_loop()
        try:
            self._check_open(command)
        except AccordantError as error:
            loop.call_soon(one.answer, error)
            return
        if self._anteroom.is_taken or not self._lease.is_current():
            self._anteroom.wait(one)
            return
        self._inbox.append(one)
        if self._flight is None and not self._is_due:
            self._is_due = True
            loop.call_soon(self._judge_turn)

    def _judge_turn(self) -> None:
        """What arrived in this turn. Nobody awaits the answers, so that they may be there before anything else had its turn."""
        self._is_due = False
        self._advance(self._at_once)

    def _let_in(self, posted: list[Pending], refusal: AccordantError | None) -> None:
        """The lease was renewed, or it was not."""
        for one in posted:
            if refusal is None and self._closed is None:
                self._inbox.append(one)
            else:
                one.answer(refusal or self._closed)
        self._advance()

    def _check_open(self, command: Command | None = None) -> None:
        if self._is_unloaded and not isinstance(command, Join) and getattr(command, "session", None) is not None:
            raise Fenced("this session had ended before its document was put away", code="fenced")
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
        await self._milestones.wait(version, timeout_s)

    # -- the usual way: nothing here waits -------------------------------------------------------------------------

    def _advance(self, at_once: CommitsAtOnce | None = None) -> None:
        """Judge what has arrived and send it off, as far as that goes without waiting; the task does the rest."""
        self._judge_waiting()
        if self._flight is None and self._batch.pending:
            self._take_off(at_once)
        if self._broken is not None or self._machine is None or self._closed is not None:
            self._wake.set()

    def _judge_waiting(self) -> None:
        """Judge what has arrived, as far as one batch goes."""
        while self._inbox and len(self._batch.commits) < BATCH_COMMITS_MAX:
            if self._machine is None or self._broken is not None:
                return
            self._room.set()
            if self._inbox[0].decoded is not None:
                judge_together(self._inbox, self._machine.state.ledger, self._judge, lambda: self._broken is not None)
                continue
            one = self._inbox.popleft()
            if not one.is_done:
                self._judge(one)

    def _judge(self, one: Pending) -> bool:
        """Judge one; whether it is now part of the batch. A trial that was refused is not."""
        assert self._machine is not None
        try:
            self._machine.view.durable = self.durable_head
            effects = self._machine.handle(one.command, self._now_ms())
        except LiveStateBroken as broken:
            self._broken = (one, broken)
            return False
        except Exception as error:  # a mistake of ours, perhaps half-way through a change: trust nothing of it
            logger.exception("%s: judging a %s failed", self.key, type(one.command).__name__)
            self._broken = (one, mistake(one.command, error))
            return False
        if one.parts and isinstance(effects.reply, AccordantError):
            self._batch.add(Pending(Tick()), effects)  # what the passing of time has ended meanwhile
            return False
        self._batch.add(one, effects)
        return True

    def _take_off(self, at_once: CommitsAtOnce | None = None) -> None:
        """Send the batch to the store, or settle it at once when it has nothing to persist."""
        batch, self._batch = self._batch, Batch()
        if not batch.commits:
            self._settle(batch)
            return
        self._flying = batch
        flight = self._flight = direct(at_once, self.key, self.epoch, batch.commits)
        if flight is not None:
            self._touched_down(flight)
            return
        self._flight = asyncio.ensure_future(self._store.commit(self.key, self.epoch, batch.commits))
        self._flight.add_done_callback(self._touched_down)

    def _touched_down(self, flight: asyncio.Future[list[Outcome]]) -> None:
        """The store has answered. Everything in the log as expected is settled here; anything else is for the task."""
        batch = self._flying
        if flight.cancelled() or flight.exception() is not None:
            self._wake.set()
            return
        if not all(map(is_expected, batch.commits, flight.result())):
            self._wake.set()
            return
        self._flight = None
        self.durable_head = batch.commits[-1].entry.offset
        self._settle(batch)
        self._advance()  # the next batch is on its way while a checkpoint is made
        self._maybe_checkpoint(batch)

    def _maybe_checkpoint(self, batch: Batch) -> None:
        """Take a checkpoint when it is due, and audit what is in it; it is kept when all of that is durable."""
        self._checkpoints.count(batch.commits)
        if self._checkpoints.is_due and self._machine is not None and self._broken is None:
            with self._checkpoints.pausing():
                self._checkpoints.take(self._machine.head, self._machine.state.dump())
                self._inbox.append(Pending(Audit()))
                self._advance()
        self._checkpoints.keep_taken(self.durable_head)

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
        if one.parts:
            return  # a trial: what it stood for waits in the inbox, to be judged one by one
        if broken.update is not None and broken.session is not None and self._machine is not None:
            self._inbox.appendleft(Pending(Quarantine(broken.session, broken.update, broken.reason), one.answer))
        else:
            one.answer(
                StoreError(f"{self.key} had to be rebuilt; nothing of this call landed", code="rebuilt", landed=False)
            )

    async def _land(self) -> None:
        """The batch did not simply become durable: find out what did, tell everybody, and build the live state anew."""
        flight, batch, self._flight = self._flight, self._flying, None
        assert flight is not None
        if flight.cancelled():  # within the store: nobody here cancels one
            await self._fail(batch, unknown(self.key, "it was cancelled"))
            return
        try:
            outcomes = flight.result()
        except StoreError as error:
            await self._fail(batch, error)
        except Exception as error:  # whatever a store raises means: unknown (the contract)
            await self._fail(batch, unknown(self.key, error))
        else:
            await self._sort_out(batch, outcomes)

    def _settle(self, batch: Batch) -> None:
        """Publish, then reply: everything in the batch is durable."""
        self._publish([one for pending in batch.pending if pending.effects for one in pending.effects.publish])
        for pending in batch.pending:
            if pending.effects is not None:
                pending.answer(pending.effects.reply)

    def _publish(self, published: list[Published]) -> None:
        """Tell subscribers, and those who wait for a version."""
        self._observers.tell(published)
        self._listeners.tell(published)
        self._milestones.passed(self.durable_head)

    async def _sort_out(self, batch: Batch, outcomes: list[Outcome]) -> None:
        """The store judged otherwise than we did: a retry that had landed before, or another authority."""
        fenced = next((o for o in outcomes if isinstance(o, StoreFenced)), None)
        if fenced is not None:
            error = NoAuthority(
                f"{self.key}: epoch {fenced.newest} has taken over from {self.epoch}", code="no_authority"
            )
            self._closed = error
            self._fail_waiting()  # the live state is ahead of the log, and answers nobody any more
            return
        again: list[Pending] = []
        at = 0
        for pending in batch.pending:
            size = len(pending.effects.persist) if pending.effects else 0
            mine, at = outcomes[at : at + size], at + size
            commits = pending.effects.persist if pending.effects else []
            if not again and all(map(is_expected, commits, mine)):
                self.durable_head = commits[-1].entry.offset if commits else self.durable_head
                self._settle(Batch([pending], list(commits)))
            elif size == 1 and isinstance(mine[0], Appended) and mine[0].duplicate and not pending.is_done:
                pending.answer(Committed(mine[0].offset, duplicate=True))
                again.append(pending)
            else:
                again.append(pending)
        retry = [one for one in again if not one.is_done] + self._batch.pending
        self._batch = Batch()
        await self._start_over()
        self._ask_again(retry)

    async def _fail(self, batch: Batch, error: StoreError) -> None:
        """The append failed: throw the live state away; tell the batch; judge anew what had been judged on top of it."""
        logger.warning("%s: append failed: %s", self.key, error)
        retry, self._batch = self._batch.pending, Batch()
        await self._start_over()
        for pending in batch.pending:
            pending.answer(error)
        self._ask_again(retry)

    def _ask_again(self, judged: list[Pending]) -> None:
        """What was judged on a state that is gone goes back to the head of the inbox, as it came."""
        self._inbox.extendleft(reversed([part for one in judged for part in one.unfolded()]))

    async def _start_over(self) -> None:
        self._previous, self._machine = self._machine or self._previous, None
        self._checkpoints.forget_taken()
        await self._try_rebuild()

    # -- rebuilding -------------------------------------------------------------------------------------------

    async def _rebuild(self) -> None:
        """Load the log; living sessions and the Python types of regions outlive the live state that is thrown away."""
        state, _ = await load_state(self._store, self.key, self.epoch)
        machine = Machine(state, self.epoch, self.incarnation)
        if self._previous is not None:
            machine.adopt(self._previous)
        missed: list[Published] = []
        if (self._listeners or self._observers) and machine.head > self.durable_head:
            missed = await published_after(self._store, self.key, self.durable_head)
        self._machine, self._previous = machine, None
        self.durable_head = machine.head
        self._publish(missed)

    async def _try_rebuild(self) -> None:
        """Rebuild; while the store cannot even be read, everybody who waits is told so, and the next call tries again."""
        try:
            await self._rebuild()
        except Exception as problem:  # whatever a store raises
            error = problem if isinstance(problem, StoreError) else unreadable(self.key, problem)
            logger.error("%s: cannot be rebuilt: %s", self.key, error)
            waiting, self._inbox = list(self._inbox), deque()
            self._room.set()
            for one in waiting:
                one.answer(error)

    def _fail_waiting(self) -> None:
        self._closed = error = self._closed or NoAuthority(f"{self.key} is not served here any more", code="closed")
        broken = () if self._broken is None else (self._broken[0],)
        for one in (*self._flying.pending, *self._batch.pending, *broken, *self._inbox):
            one.answer(error)
        self._inbox.clear()
        self._batch = Batch()
        self._room.set()
        self._milestones.fail(error)
        self.subscribers.fail(error)
