"""Feeds: what the subscribers of one document have not been told yet, each in a bounded queue, filled where the events arise.

A feed reads the log until it has caught up with what is durable, and from that moment on gets what is published: without a gap,
and without a repeat. A subscriber that nothing concerns is never woken. Groups (`groups`) share a feed.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from typing import Protocol

from accordant.engine.effects import Published
from accordant.engine.eventing import Interest, events_of
from accordant.engine.gathering import Gathering
from accordant.engine.host.outcomes import unreadable
from accordant.engine.stores.contract import Compacted, Store
from accordant.types.entries import Entry, EntryKind
from accordant.types.errors import AccordantError, Fenced, Invalid, NoAuthority, SnapshotExpired
from accordant.types.events import Event, EventQuery, Invalidated
from accordant.types.memory_limits import EVENTS_PER_ANSWER_MAX, FEEDS_MAX

__all__ = ["Feed", "Feeds", "Publisher"]

PAGE = 500
"""Entries that are read from the log at once."""


class Publisher(Protocol):
    """What feeds need of a document's host."""

    key: str
    durable_head: int

    def subscribe(self, listener: Callable[[list[Published]], None]) -> Callable[[], None]:
        """Call `listener` with each durable batch of entries."""


class Ending(Protocol):
    """Whatever ends with a session."""

    def end(self, error: AccordantError) -> None:
        """For this reason."""


class Feed:
    """One queue. `agents`: who listens. `session`: with whose end it ends."""

    def __init__(
        self,
        feeds: Feeds,
        query: EventQuery,
        interest: Interest,
        agents: Iterable[str],
        after: int,
        session: str | None,
    ) -> None:
        self.interest = interest
        self.agents = list(agents)
        self.session = session
        self._feeds = feeds
        self._gathering = Gathering(query.coalesce_s, query.max_rate)
        self._told = after
        self._behind: int | None = after
        self._live_from = after
        self._wake = asyncio.Event()
        self._catching = asyncio.Lock()
        self._ended: AccordantError | None = None

    # -- the subscriber's side --------------------------------------------------------------------------------

    @property
    def cursor(self) -> int:
        """Up to here everything has been told: where to go on after this feed."""
        if self._gathering.due_at is not None:
            return self._told
        return max(self._told, self._feeds.seen if self._behind is None else self._behind)

    async def begin(self) -> None:
        """From now on events are kept for us. Raises `SnapshotExpired`, `Invalid`, `NoAuthority`, `StoreError`."""
        self._feeds.enter(self)
        if self._behind is not None and self._gathering.due_at is None:
            await self._catch_up()

    async def next(self, timeout_s: float | None = None) -> Sequence[Event]:
        """What has happened, at least one event; none after `timeout_s`. Raises what ended the feed, and as `begin`."""
        return await self.take(EVENTS_PER_ANSWER_MAX, lambda: None, timeout_s)

    async def close(self) -> None:
        """Nothing is kept for us any more. Idempotent."""
        self.end(Fenced("this subscription was closed", code="closed"))

    async def take(
        self, most: int, ended: Callable[[], AccordantError | None], timeout_s: float | None = None
    ) -> Sequence[Event]:
        """As `next`, at most so many at once, for a reader who may end before the feed. A cancelled call takes nothing."""
        clock = asyncio.get_running_loop().time
        deadline = math.inf if timeout_s is None else clock() + timeout_s
        if self._ended is None:
            self._feeds.enter(self)
        while True:
            if (error := ended()) is not None:
                raise copy(error)
            now = clock()
            if events := self._gathering.take(now if self._ended is None else math.inf, most):
                self._told = max(self._told, *(event.version for event in events))
                return events
            if self._ended is not None:
                raise copy(self._ended)
            if self._behind is not None:
                await self._catch_up()
                continue
            if now >= deadline:
                return ()
            due = self._gathering.due_at
            until = min(deadline, math.inf if due is None else due)
            self._wake.clear()
            try:
                async with asyncio.timeout_at(None if until == math.inf else until):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def give_back(self, events: Sequence[Event]) -> None:
        """Somebody else of the group gets them."""
        self._gathering.give_back(events)
        self._wake.set()

    def oldest_returned(self) -> int | None:
        """The lowest version that was given back."""
        return self._gathering.oldest_returned()

    # -- the document's side ----------------------------------------------------------------------------------

    def hears(self, offset: int) -> bool:
        """Whether the entry is to be handed out to us: before we are live, we read it."""
        return self._behind is None and offset > self._live_from

    def hear(self, events: Sequence[Event], now: float) -> None:
        """The share of one entry's events, live."""
        before = self._gathering.due_at
        self._gathering.add(events, now)
        if self._gathering.due_at != before or before == -math.inf:
            self._wake.set()

    def fall_behind(self, seen: int) -> None:
        """Something after `seen` was not published to us: it is read from the log."""
        if self._behind is None:
            self._behind = max(seen, self._live_from)
            self._wake.set()

    def rest(self) -> None:
        """Nobody listens for now: whoever comes next goes on from the log."""
        self._feeds.leave(self)
        self._gathering.forget()
        self._behind = self._told = max(self._told, self._behind or 0)

    def wake(self) -> None:
        """Whoever waits looks again: a member of a group may have ended."""
        self._wake.set()

    def listen_for(self, agent: str) -> None:
        """One more listens."""
        self._feeds.relist(self, [*self.agents, agent])

    def forget_agent(self, agent: str) -> None:
        """One less."""
        agents = list(self.agents)
        agents.remove(agent)
        self._feeds.relist(self, agents)

    def end(self, error: AccordantError) -> None:
        """What waits may still be taken; then the subscriber is told why there is no more."""
        self._ended = self._ended or error
        self._feeds.leave(self)
        self._wake.set()

    # -- the log ----------------------------------------------------------------------------------------------

    async def _catch_up(self) -> None:
        """One page of the log. At its end, in the same breath: live."""
        async with self._catching:
            behind = self._behind
            if behind is None or self._ended is not None:
                return
            head = self._feeds.head
            if behind > head:
                raise Invalid(
                    f"{self._feeds.key} has versions up to {head}, not {behind}", code="unknown_version", version=head
                )
            if behind < head:
                behind = await self._page(behind)
            self._behind, self._live_from = (None if behind >= self._feeds.head else behind), behind

    async def _page(self, behind: int) -> int:
        now = asyncio.get_running_loop().time()
        for entry in await self._feeds.read(behind):
            if (told := self.share(events_of(entry))) and entry.offset > self._told:
                self._gathering.add(told, now, is_bounded=False)
            behind = entry.offset
        return behind

    def share(self, events: Iterable[Event]) -> list[Event]:
        """What of these is for us."""
        shares = (self.interest.narrow(event, self.agents) for event in events)
        return [share for share in shares if share is not None]


class Feeds:
    """All feeds of one document. It listens to the host as long as there are any, so that the document stays loaded."""

    def __init__(self, host: Publisher, store: Store) -> None:
        self._host = host
        self._store = store
        self._feeds: dict[Feed, None] = {}
        self._by_region: dict[str, dict[Feed, None]] = {}
        self._by_agent: dict[str, dict[Feed, None]] = {}
        self._of_session: dict[str, dict[Ending, None]] = {}
        self._stop: Callable[[], None] | None = None
        self._closed: AccordantError | None = None
        self._seen = 0

    def __len__(self) -> int:
        return len(self._feeds)

    @property
    def key(self) -> str:
        """The document."""
        return self._host.key

    @property
    def head(self) -> int:
        """The newest durable version."""
        return self._host.durable_head

    @property
    def seen(self) -> int:
        """Everything up to here has been handed out."""
        return self._seen

    def enter(self, feed: Feed) -> None:
        """Hand out to this one too. Idempotent. Raises what ended the document here, and `NoAuthority`."""
        if self._closed is not None:
            raise copy(self._closed)
        if feed in self._feeds:
            return
        if len(self._feeds) >= FEEDS_MAX:
            raise NoAuthority(f"{FEEDS_MAX} subscribers follow {self.key}", code="too_many_subscribers")
        if self._stop is None:
            self._stop = self._host.subscribe(self._on_published)
            self._seen = self.head
        self._feeds[feed] = None
        for names, name in self._lists(feed):
            names.setdefault(name, {})[feed] = None
        self.bind(feed.session, feed)

    def relist(self, feed: Feed, agents: list[str]) -> None:
        """Others listen to it now."""
        is_in = feed in self._feeds
        for names, name in self._lists(feed) if is_in else ():
            names.get(name, {}).pop(feed, None)
        feed.agents = agents
        for names, name in self._lists(feed) if is_in else ():
            names.setdefault(name, {})[feed] = None

    def leave(self, feed: Feed) -> None:
        """No more to this one."""
        if feed not in self._feeds:
            return
        del self._feeds[feed]
        self.unbind(feed.session, feed)
        for names, name in self._lists(feed):
            if (listed := names.get(name)) is not None:
                listed.pop(feed, None)
                if not listed:
                    del names[name]
        if not self._feeds and self._stop is not None:
            self._stop()
            self._stop = None

    def fail(self, error: AccordantError) -> None:
        """The document is not served here any more."""
        self._closed = error
        for feed in list(self._feeds):
            feed.end(error)

    def bind(self, session: str | None, one: Ending) -> None:
        """It ends with this session."""
        if session is not None:
            self._of_session.setdefault(session, {})[one] = None

    def unbind(self, session: str | None, one: Ending) -> None:
        """It has ended by itself."""
        mine = self._of_session.get(session or "")
        if mine is not None and session is not None:
            mine.pop(one, None)
            if not mine:
                del self._of_session[session]

    async def read(self, after: int) -> list[Entry]:
        """A page of the log, as far as it is durable. Raises `SnapshotExpired`, `StoreError`."""
        try:
            entries = await self._store.read(self.key, after, PAGE)
        except Compacted as compacted:
            raise SnapshotExpired(
                f"entries up to {compacted.checkpoint} are no longer kept",
                oldest=compacted.checkpoint,
                hint=f"read the document, and follow from its version: after {compacted.checkpoint} or later",
            ) from compacted
        except AccordantError:
            raise
        except Exception as problem:  # whatever a store raises
            raise unreadable(self.key, problem) from problem
        return [entry for entry in entries if entry.offset <= self.head]

    def _lists(self, feed: Feed) -> list[tuple[dict[str, dict[Feed, None]], str]]:
        names: list[str] = [*feed.interest.names] or ["*"]
        if feed.interest.hears_pathless:
            names.append("")
        return [(self._by_region, name) for name in names] + [(self._by_agent, agent) for agent in feed.agents]

    # -- handing out ------------------------------------------------------------------------------------------

    def _on_published(self, published: list[Published]) -> None:
        now = asyncio.get_running_loop().time()
        for one in published:
            if one.offset <= self._seen or one.entry is None:
                continue
            if one.offset > self._seen + 1:
                for feed in self._feeds:
                    feed.fall_behind(self._seen)
            self._hand_out(one.entry, now)
            self._seen = one.offset
            if one.entry.kind is EntryKind.LEAVE:
                self._end_of(one.session)

    def _hand_out(self, entry: Entry, now: float) -> None:
        shares: dict[Feed, list[Event]] = {}
        for event in events_of(entry):
            for feed in self._concerned(event):
                if feed.hears(entry.offset) and (share := feed.interest.narrow(event, feed.agents)) is not None:
                    shares.setdefault(feed, []).append(share)
        for feed, events in shares.items():
            feed.hear(events, now)

    def _concerned(self, event: Event) -> Iterable[Feed]:
        """Those whose names are on it, each once."""
        if isinstance(event, Invalidated):
            lists = [self._by_agent.get(agent) for agent in event.readers]
        elif not event.paths:
            return self._by_region.get("", ())
        else:
            names = dict.fromkeys(path.partition("/")[0] for path in event.paths)
            lists = [self._by_region.get(name) for name in ("*", *names)]
        found = [one for one in lists if one]
        if len(found) == 1:
            return found[0]
        return {feed: None for one in found for feed in one}

    def _end_of(self, session: str) -> None:
        error = Fenced.ended()
        for one in list(self._of_session.get(session, ())):
            one.end(error)
