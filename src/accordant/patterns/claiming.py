"""Claims as those use them who work through a list of tasks: take the next one, hold it while working, find those left behind.

Over any guarded map, by its public methods. At most one holder of a key at any time, and whatever a lost holder still writes is
fenced, is the map's promise; here are only the ways to live by it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from accordant.document.document import Document
from accordant.document.regions import GuardedMap
from accordant.types.errors import AccordantError, Conflict, Denied, Fenced, NoAuthority
from accordant.types.pattern_limits import CLAIM_RENEWALS
from accordant.types.readings import Claim, Held, Reading, Readings

__all__ = [
    "Claimed",
    "Orphan",
    "claim_next",
    "claimed",
    "is_open",
    "let_go",
    "orphans",
    "priority_of",
    "take",
    "why_gone",
]

T = TypeVar("T")


def is_open(value: Any) -> bool:
    """Whether a task waits for somebody: its `status` is `open`, or it has none."""
    return bool(_field(value, "status", "open") == "open")


def priority_of(value: Any) -> float:
    """A task's `priority`, 0 where it has none. Higher is sooner."""
    found = _field(value, "priority", 0)
    return float(found) if isinstance(found, int | float) else 0.0


def _field(value: Any, name: str, otherwise: Any) -> Any:
    if isinstance(value, Mapping):
        return value.get(name, otherwise)
    return getattr(value, name, otherwise)


class Claimed(Generic[T]):
    """A key that is held, by the block around it. `value` and `commit` go on from what this holder wrote last."""

    def __init__(self, region: GuardedMap[T], claim: Claim[T]) -> None:
        self._region = region
        self._reading: Reading[T] = claim
        self.claim = claim
        self.is_lost = False

    @property
    def key(self) -> str:
        """Which one."""
        return self.claim.key

    @property
    def value(self) -> T:
        """As it was claimed, or as this holder has committed it since."""
        return self._reading.value

    @property
    def reading(self) -> Reading[T]:
        """The same with its token: what `derived_from=` takes."""
        return self._reading

    @property
    def fence(self) -> int:
        """The fencing token, for whatever outside the claim protects."""
        return self.claim.fence

    async def commit(self, value: T, *, why: str | None = None, derived_from: Readings = ()) -> Reading[T]:
        """Write the key. Raises `Fenced` when the claim has been lost."""
        self._reading = await self._region.commit(
            self.key, value, expect=self._reading, why=why, derived_from=derived_from
        )
        return self._reading


async def take(tasks: GuardedMap[T], key: str, ttl: float, *, why: str | None = None) -> Claim[T]:
    """Claim a key, or, cut off while it is asked for, not: what is claimed all the same by then is let go at once, so that
    nobody has to wait for its deadline."""
    claiming = asyncio.ensure_future(tasks.claim(key, ttl, why=why))
    try:
        return await asyncio.shield(claiming)
    except asyncio.CancelledError:
        with suppress(AccordantError):
            await tasks.release(await claiming)
        raise


async def let_go(tasks: GuardedMap[T], claim: Claim[T]) -> None:
    """Release it, also when the caller is cut off meanwhile. A claim that is lost by then, or that nobody can be told of, runs
    out by itself, and its writes are judged."""
    releasing = asyncio.ensure_future(tasks.release(claim))
    try:
        await asyncio.shield(releasing)
    except AccordantError:
        return
    except asyncio.CancelledError:
        with suppress(AccordantError):
            await releasing
        raise


@asynccontextmanager
async def claimed(
    tasks: GuardedMap[T],
    key: str | Claim[T],
    ttl: float = 60.0,
    *,
    why: str | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Claimed[T]]:
    """Hold a key, or go on with a claim, while the block runs: renewed in time, released at its end, however it ends.

    When the claim is lost (another generation took over, or nobody could be asked until it had run out) the block is cancelled
    where it waits, and `Fenced` (`claim_lost`) is raised in its place: what it would still write is fenced anyway. Raises
    `Conflict` (`claimed`) while another holds the key.
    """
    begun = clock()
    claim = await take(tasks, key, ttl, why=why) if isinstance(key, str) else await tasks.renew(key, ttl, why=why)
    held, worker = Claimed(tasks, claim), asyncio.current_task()
    assert worker is not None
    cancelled_before = worker.cancelling()
    keeper = asyncio.create_task(_keep(tasks, held, ttl, begun, clock, worker))
    try:
        yield held
    except asyncio.CancelledError:
        if held.is_lost and worker.uncancel() <= cancelled_before:
            raise _lost(held) from None
        raise
    finally:
        keeper.cancel()
        if not held.is_lost:
            await let_go(tasks, replace(held.claim, token=held.reading.token))
    if held.is_lost:  # as the block ended: its cancellation is still on its way to us
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0)
        if worker.uncancel() <= cancelled_before:
            raise _lost(held)
        raise asyncio.CancelledError


async def _keep(
    tasks: GuardedMap[T],
    held: Claimed[T],
    ttl: float,
    begun: float,
    clock: Callable[[], float],
    worker: asyncio.Task[Any],
) -> None:
    """Renew; when that is over, stop the worker. Our own deadline begins when we asked, so that it is never later than theirs."""
    until = begun + ttl
    while True:
        await asyncio.sleep(max(0.0, min(ttl / CLAIM_RENEWALS, until - clock())))
        asked = clock()
        try:
            async with asyncio.timeout(max(0.0, until - asked)):
                held.claim = replace(await tasks.renew(held.claim, ttl), version=held.claim.version)
            until = asked + ttl
        except (NoAuthority, TimeoutError):
            if clock() < until:
                continue
            break
        except AccordantError:
            break
    held.is_lost = True
    worker.cancel("the claim was lost")


def _lost(held: Claimed[Any]) -> Fenced:
    return Fenced(
        f"the claim on {held.claim.path} was lost while its holder worked",
        code="claim_lost",
        path=held.claim.path,
        fence=held.fence,
        hint="claim it again, and derive from what the claim reads",
    )


@dataclass(frozen=True, slots=True)
class Orphan:
    """A task that somebody claimed, did not finish, and does not hold any more. `because`: `ran out`, `left`, `restart`."""

    held: Held
    value: Any
    because: str

    @property
    def key(self) -> str:
        """Which task."""
        return self.held.key


async def orphans(
    doc: Document,
    tasks: GuardedMap[Any],
    *,
    open: Callable[[Any], bool] = is_open,
    now: Callable[[], float] = time.time,
) -> list[Orphan]:
    """Open tasks whose holder is gone without having released them: its time ran out, its session or its authority ended."""
    held, values = await tasks.claims(), (await tasks.read()).value
    found = []
    for key, one in held.items():
        value = values.get(key)
        if key in values and not open(value):
            continue
        because = "ran out" if one.until <= now() * 1_000 else await why_gone(doc, one)
        if because is not None:
            found.append(Orphan(one, value, because))
    return found


async def why_gone(doc: Document, held: Held) -> str | None:
    """By the log: whether the session that claimed it has ended since, or the authority has."""
    if any(one.offset > held.fence for one in await doc.history(kind="epoch", limit=1)):
        return "restart"
    claims = await doc.history(before=held.fence + 1, limit=1)
    session = claims[0].session if claims and claims[0].offset == held.fence else ""
    before: int | None = None
    while page := await doc.history(kind="leave", actor=held.by, before=before):
        for one in page:
            if one.offset < held.fence:
                return None
            if one.session == session:
                return "left"
        before = page[-1].offset
    return None


async def claim_next(
    doc: Document,
    tasks: GuardedMap[T],
    ttl: float = 60.0,
    *,
    open: Callable[[Any], bool] = is_open,
    priority: Callable[[Any], float] = priority_of,
    why: str | None = None,
    now: Callable[[], float] = time.time,
) -> Claim[T] | None:
    """Claim the open task of the highest priority that nobody holds, the oldest of several; None when there is none.

    Whoever is faster has it: then the next one is tried. A claimed task is open, by the value that its claim has read.
    """
    held = await tasks.claims()
    gone = {one.key for one in await orphans(doc, tasks, open=open, now=now)}
    waiting = (await tasks.read()).value
    free = [key for key, value in waiting.items() if open(value) and (key not in held or key in gone)]
    for key in sorted(free, key=lambda key: -priority(waiting[key])):  # sorted keeps the order of those that are equal
        try:
            claim = await tasks.claim(key, ttl, why=why)
        except Conflict:
            continue
        except Denied as denied:
            if denied.code != "claimed":
                raise
            continue
        if claim.value is not None and open(claim.value):
            return claim
        with suppress(Fenced):
            await tasks.release(claim, why="it was finished meanwhile")
    return None
