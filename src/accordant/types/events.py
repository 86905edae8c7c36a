"""Events: what a subscriber is told. Small and typed: where, which version, who, what kind; never the content itself.

An event of an entry has that entry's offset as its `version`, so that a stream is resumed from the last one seen. Several
entries become one event when they were written in a batch, or when the subscriber asked for a window (`coalesce`, `max_rate`):
it then stands for `count` entries from `first` to `version`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from accordant.types.errors import Invalid
from accordant.types.limits import INTEGER_MAX
from accordant.types.memory_limits import EVENT_REGIONS_MAX, EVENT_WINDOW_MAX_S, GROUP_NAME_CHARS_MAX
from accordant.types.values import is_text

__all__ = [
    "Event",
    "EventKind",
    "EventQuery",
    "Invalidated",
    "Lagged",
    "SecondWriter",
    "WriteDenied",
]


class EventKind(StrEnum):
    """What an event tells of. Those of log entries bear the entry's kind as their name."""

    WRITE = "write"
    DENIAL = "denial"  # `WriteDenied`: who was beaten by whom
    REFUSAL = "refusal"
    RETRACTION = "retraction"  # something was taken back or superseded
    INVALIDATED = "invalidated"  # `Invalidated`: something that you have seen no longer holds
    CONTRADICTION = "contradiction"  # the coherence pass wrote its findings
    SECOND_WRITER = "second_writer"  # `SecondWriter`: a region that had one writer has two
    AUTHORITY = "authority"  # another epoch began: readings of the old one are void
    SCHEMA = "schema"
    JOIN = "join"
    LEAVE = "leave"
    LAGGED = "lagged"  # `Lagged`: you were too slow for this many


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something happened. `paths` without repeats, `refs` of items where the entry names them; both bounded: `count` is exact.

    `at` is milliseconds since 1970 by the authority's clock. `actor` is empty when the entries were of several.
    """

    version: int
    kind: EventKind
    actor: str
    paths: tuple[str, ...]
    at: int
    outcome: str = "committed"
    refs: tuple[str, ...] = ()
    count: int = 1
    first: int = 0
    batch: str | None = None

    @property
    def path(self) -> str:
        """The first path, or an empty text where an event has none (a join, an authority)."""
        return self.paths[0] if self.paths else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteDenied(Event):
    """A write that did not land. `yours` was read, `current` was there, `beaten_by` wrote it; `times` since the last success."""

    code: str = ""
    beaten_by: str | None = None
    yours: int | None = None
    current: int | None = None
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Invalidated(Event):
    """What you have read no longer holds: `ref` was retracted or superseded, or is suspect because it was derived, however far,
    from `because`. Told to those alone who have read `ref`: `readers`."""

    ref: str
    because: str
    readers: tuple[str, ...] = ()
    act: str = "retract"
    why: str | None = None
    replacement: str | None = None
    is_suspect: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondWriter(Event):
    """A region that only `before` had ever written was written by `actor` too: what was a single-writer region is shared now."""

    before: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lagged(Event):
    """You were too slow: `n` events were let go. They are in the log: `doc.events(after=resume_from)` begins where you were."""

    n: int
    resume_from: int


@dataclass(frozen=True, slots=True)
class EventQuery:
    """What to be told of: the arguments of `Document.events`, as one value.

    `regions`: names, or paths; empty: all. `kinds`: None means all. `after`: begin behind this version, from the log; None: from
    now on. `coalesce_s`: what happens within so many seconds of the first is one event. `max_rate`: at most so many events per
    second. `group`: its members share one stream, and each event goes to one of them.
    """

    regions: tuple[str, ...] = ()
    kinds: frozenset[EventKind] | None = None
    after: int | None = None
    coalesce_s: float = 0.0
    max_rate: float | None = None
    group: str | None = None

    def __post_init__(self) -> None:
        if len(self.regions) > EVENT_REGIONS_MAX or not all(is_text(one) and one for one in self.regions):
            raise Invalid(f"at most {EVENT_REGIONS_MAX} regions or paths, by name", code="bad_regions")
        if self.after is not None and not 0 <= self.after <= INTEGER_MAX:
            raise Invalid(f"after= is a version, not {self.after!r}", code="unknown_version")
        if not 0 <= self.coalesce_s <= EVENT_WINDOW_MAX_S:
            raise Invalid(f"coalesce= is 0 to {EVENT_WINDOW_MAX_S:.0f} seconds", code="bad_window")
        if self.max_rate is not None and not 1 / EVENT_WINDOW_MAX_S <= self.max_rate < math.inf:
            raise Invalid(f"max_rate= is a number of events per second above 0, not {self.max_rate}", code="bad_window")
        if self.group is not None and not (is_text(self.group) and 0 < len(self.group) <= GROUP_NAME_CHARS_MAX):
            raise Invalid(f"a group has a name of 1 to {GROUP_NAME_CHARS_MAX} characters", code="bad_group")
