"""Who follows a document: subscribers with a feed each, and groups whose members share one, each event going to one of them.

A member confirms what it got by asking for the next. One that goes without having done so (its iterator was closed, its session
has ended) gives it back, and the next one who asks gets it. A group outlives its members as long as the document stays loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from accordant.engine.eventing import Interest
from accordant.engine.host.feed import Feed, Feeds, Publisher
from accordant.engine.stores.contract import Store
from accordant.types.access import READ, Grant
from accordant.types.errors import AccordantError, Denied, Fenced, Invalid, NoAuthority
from accordant.types.events import Event, EventQuery
from accordant.types.memory_limits import GROUP_MEMBERS_MAX, GROUPS_MAX

__all__ = ["Member", "Subscribers"]


class Subscribers:
    """Those of one document."""

    def __init__(self, host: Publisher, store: Store) -> None:
        self._feeds = Feeds(host, store)
        self._groups: dict[str, _Group] = {}

    def __len__(self) -> int:
        return len(self._feeds)

    def open(self, query: EventQuery, agent: str, grant: Grant, session: str | None = None) -> Feed | Member:
        """A source of events; nothing is kept for it before its first call. Raises `Denied` for a region that may not be read,
        and `NoAuthority`, `Invalid` for a group that cannot be joined."""
        refused = [path for path in query.regions if not grant.permits(READ, path.partition("/")[0])]
        if refused:
            raise Denied("reading one of these regions is not granted", code="no_grant", path=refused[0], agent=agent)
        interest = Interest.of(query, grant)
        after = self._feeds.head if query.after is None else query.after
        if query.group is None:
            return Feed(self._feeds, query, interest, (agent,), after, session)
        return Member(self._feeds, self._group(query, interest, after), agent, session)

    def fail(self, error: AccordantError) -> None:
        """The document is not served here any more."""
        self._feeds.fail(error)

    def _group(self, query: EventQuery, interest: Interest, after: int) -> _Group:
        """The group of that name; whoever founds it says what it hears, and from where on."""
        assert query.group is not None
        asked = replace(query, after=None)
        group = self._groups.get(query.group)
        if group is None:
            if len(self._groups) >= GROUPS_MAX:
                empty = next((name for name, one in self._groups.items() if not one.members), None)
                if empty is None:
                    raise NoAuthority(f"{GROUPS_MAX} groups follow this document", code="too_many_groups")
                del self._groups[empty]
            group = _Group(Feed(self._feeds, query, interest, (), after, None), asked, interest)
            self._groups[query.group] = group
        elif (group.query, group.interest) != (asked, interest):
            raise Invalid(
                f"the group {query.group!r} follows something else",
                code="group_differs",
                hint="members of a group name the same regions, kinds, window and rate, and may read the same",
            )
        if len(group.members) >= GROUP_MEMBERS_MAX:
            raise NoAuthority(f"the group has {GROUP_MEMBERS_MAX} members", code="too_many_members")
        return group


class _Group:
    def __init__(self, feed: Feed, query: EventQuery, interest: Interest) -> None:
        self.feed = feed
        self.query = query
        self.interest = interest
        self.members: dict[Member, None] = {}

    @property
    def floor(self) -> int:
        """Up to here everything is confirmed: from where another authority's group would have to go on."""
        open_ = [one.unconfirmed[0].version for one in self.members if one.unconfirmed]
        returned = self.feed.oldest_returned()
        lowest = min(open_ if returned is None else [*open_, returned], default=None)
        return self.feed.cursor if lowest is None else min(self.feed.cursor, lowest - 1)


class Member:
    """One member of a group: a source of events."""

    def __init__(self, feeds: Feeds, group: _Group, agent: str, session: str | None) -> None:
        self.unconfirmed: Sequence[Event] = ()
        self._feeds = feeds
        self._group = group
        self._agent = agent
        self._session = session
        self._ended: AccordantError | None = None

    @property
    def cursor(self) -> int:
        """Up to here everything is confirmed by whoever got it."""
        return self._group.floor

    async def begin(self) -> None:
        """Be one of the group."""
        self._enter()
        await self._group.feed.begin()

    async def next(self, timeout_s: float | None = None) -> Sequence[Event]:
        """What came of the next entry, and nobody else gets; none after `timeout_s`. Confirms what was got before."""
        if self._ended is None:
            self._enter()
        self.unconfirmed = ()
        self.unconfirmed = await self._group.feed.take(1, lambda: self._ended, timeout_s)
        return self.unconfirmed

    async def close(self) -> None:
        """Leave; what is not confirmed goes to another. Idempotent."""
        self.end(Fenced("this subscription was closed", code="closed"))

    def end(self, error: AccordantError) -> None:
        """For this reason."""
        if self._ended is not None:
            return
        self._ended = error
        group, feed = self._group, self._group.feed
        if self.unconfirmed:
            feed.give_back(self.unconfirmed)
            self.unconfirmed = ()
        if self in group.members:
            del group.members[self]
            self._feeds.unbind(self._session, self)
            feed.forget_agent(self._agent)
            if not group.members:
                feed.rest()
        feed.wake()

    def _enter(self) -> None:
        if self not in self._group.members:
            self._feeds.enter(self._group.feed)
            self._group.members[self] = None
            self._feeds.bind(self._session, self)
            self._group.feed.listen_for(self._agent)
