"""What one subscriber has not been told yet: a bounded queue, or a window in which several events become one. Pure.

Nothing is lost without a word: what is merged is counted, what is let go because the subscriber is too slow is counted too,
and where it can be read again is said. What concerns somebody (`URGENT`) is never merged: it ends the window.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from accordant.types.events import Event, EventKind, Lagged
from accordant.types.limits import EVENTS_WAITING_MAX
from accordant.types.memory_limits import EVENT_PATHS_MAX, EVENT_REFS_MAX

__all__ = ["URGENT", "Gathering", "merged"]

URGENT = frozenset({EventKind.INVALIDATED, EventKind.DENIAL, EventKind.SECOND_WRITER, EventKind.LAGGED})
"""Never merged away, and told at once, with what has gathered until then."""

_SEVERITY = (
    EventKind.AUTHORITY,
    EventKind.SCHEMA,
    EventKind.RETRACTION,
    EventKind.CONTRADICTION,
    EventKind.REFUSAL,
    EventKind.LEAVE,
    EventKind.JOIN,
    EventKind.WRITE,
)
"""Several kinds in one event: it bears the first of these."""


def merged(one: Event, other: Event) -> Event:
    """Two events as one, `other` the later. What they do not share is left empty."""
    return Event(
        version=other.version,
        kind=min(one.kind, other.kind, key=_SEVERITY.index),
        actor=one.actor if one.actor == other.actor else "",
        paths=tuple(dict.fromkeys((*one.paths, *other.paths)))[:EVENT_PATHS_MAX],
        at=other.at,
        outcome=one.outcome if one.outcome == other.outcome else "",
        refs=tuple(dict.fromkeys((*one.refs, *other.refs)))[:EVENT_REFS_MAX],
        count=one.count + other.count,
        first=min(one.first or one.version, other.first or other.version),
        batch=one.batch if one.batch == other.batch else None,
    )


@dataclass(slots=True)
class _Lost:
    """What was let go since the subscriber was last told."""

    n: int
    resume_from: int
    version: int
    at: int


class Gathering:
    """One queue. Events of one entry stay together. Times are those of any one clock, in seconds."""

    def __init__(
        self, coalesce_s: float = 0.0, max_rate: float | None = None, waiting_max: int = EVENTS_WAITING_MAX
    ) -> None:
        self._coalesce_s = coalesce_s
        self._pause_s = 0.0 if max_rate is None else 1 / max_rate
        self._waiting_max = waiting_max
        self._waiting: deque[Sequence[Event]] = deque()
        self._returned: deque[Sequence[Event]] = deque()
        self._merged: Event | None = None
        self._since = 0.0
        self._last = -math.inf
        self._lost: _Lost | None = None
        self.size = 0

    @property
    def _is_windowed(self) -> bool:
        return self._coalesce_s > 0 or self._pause_s > 0

    @property
    def due_at(self) -> float | None:
        """When there is something to tell: None while there is nothing."""
        if self._waiting or self._returned or self._lost is not None:
            return -math.inf
        if self._merged is None:
            return None
        return max(self._since + self._coalesce_s, self._last + self._pause_s)

    def add(self, events: Sequence[Event], now: float, is_bounded: bool = True) -> None:
        """The events of one entry. `is_bounded`: let go of what waits when it is too much."""
        if self._is_windowed:
            for event in (event for event in events if event.kind not in URGENT):
                self._since = now if self._merged is None else self._since
                self._merged = event if self._merged is None else merged(self._merged, event)
            events = [event for event in events if event.kind in URGENT]
        if not events:
            return
        if is_bounded and self._waiting and self.size + len(events) > self._waiting_max:
            self._let_go()
        self._waiting.append(events)
        self.size += len(events)

    def take(self, now: float, most: int = 1) -> list[Event]:
        """What is to be told now: at most so many events, but always all of one entry."""
        due = self.due_at
        if due is None or due > now:
            return []
        taken: list[Event] = []
        if self._lost is not None:
            lost, self._lost = self._lost, None
            taken.append(
                Lagged(
                    version=lost.version, kind=EventKind.LAGGED, actor="", paths=(), at=lost.at, first=lost.resume_from + 1,
                    n=lost.n, resume_from=lost.resume_from,
                )
            )  # fmt: skip
        while self._returned and len(taken) < most:
            taken += self._returned.popleft()
        while self._waiting and (not taken or len(taken) + len(self._waiting[0]) <= most):
            events = self._waiting.popleft()
            self.size -= len(events)
            taken += events
        if self._merged is not None and not (self._waiting or self._returned):
            taken.append(self._merged)
            self._merged, self._last = None, now
        return taken

    def give_back(self, events: Sequence[Event]) -> None:
        """Taken by somebody who is gone: the next one gets it."""
        self._returned.append(events)

    def forget(self) -> None:
        """Whatever waits will be read from the log again; what was given back is not there."""
        self._waiting.clear()
        self.size, self._merged, self._lost = 0, None, None

    def oldest_returned(self) -> int | None:
        """The lowest version that was given back."""
        return min((events[0].version for events in self._returned), default=None)

    def _let_go(self) -> None:
        first, last = self._waiting[0][0], self._waiting[-1][-1]
        if self._lost is None:
            self._lost = _Lost(0, first.version - 1, last.version, last.at)
        self._lost.n += self.size
        self._lost.version, self._lost.at = last.version, last.at
        self._waiting.clear()
        self.size = 0
