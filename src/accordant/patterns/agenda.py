"""The agenda: which knowledge sources are woken, who of them may fire now, and in which order. Pure: times are given to it.

A source is woken when what it watches has another version than when it was last judged, and by nothing else: it is on the
agenda once however much has happened, a missed event costs nothing, and what has fired on a state does not fire on that state
again.

    resting --moved--> woken --begin--> running --end--> resting (done) | woken after a back-off (failed) | suspended
                         `----dismiss----> resting, until it moves again
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from accordant.types.errors import Invalid
from accordant.types.pattern_limits import BACKOFF_MAX_S, BACKOFF_S, FAILURES_MAX, PASSED_OVER_MAX, SOURCES_MAX

__all__ = ["Agenda", "Outcome"]

_NEVER = -1
"""The state on which nobody has been judged: a document's versions begin at 0."""


class Outcome(StrEnum):
    """How a firing ended."""

    DONE = "done"
    FAILED = "failed"  # it raised
    OVERTAKEN = "overtaken"  # what it derived from had changed when it wrote: it is woken by that
    CANCELLED = "cancelled"  # the run ended first


@dataclass(slots=True)
class _Slot:
    name: str
    number: int
    priority: float
    cooldown_s: float
    seen: int = 0
    judged: int = _NEVER
    is_running: bool = False
    is_suspended: bool = False
    rests_until: float = float("-inf")
    fired_at: float = float("-inf")
    failures: int = 0
    overtaken: int = 0
    passed_over: int = 0

    @property
    def is_woken(self) -> bool:
        return self.seen != self.judged and not self.is_running and not self.is_suspended


class Agenda:
    """All sources of one scheduler. Times are seconds of one clock; a *state* is the version of the newest write to what a source
    watches."""

    def __init__(self, failures_max: int = FAILURES_MAX) -> None:
        self._failures_max = failures_max
        self._slots: dict[str, _Slot] = {}

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, name: str) -> bool:
        return name in self._slots

    @property
    def suspended(self) -> tuple[str, ...]:
        """Those that have failed too often in a row."""
        return tuple(name for name, slot in self._slots.items() if slot.is_suspended)

    @property
    def is_quiet(self) -> bool:
        """Whether nobody is woken and nobody runs."""
        return not any(slot.is_woken or slot.is_running for slot in self._slots.values())

    def add(self, name: str, priority: float = 0.0, cooldown_s: float = 0.0) -> None:
        """One more source; it is woken at the first look. Raises `Invalid`."""
        if name in self._slots:
            raise Invalid(
                f"there is a source {name!r} already", code="source_exists", hint="give it a name= of its own"
            )
        if len(self._slots) >= SOURCES_MAX:
            raise Invalid(f"a scheduler has at most {SOURCES_MAX} sources", code="too_many_sources")
        self._slots[name] = _Slot(name, len(self._slots), priority, cooldown_s)

    def resume(self, name: str, state: int) -> None:
        """It has fired on this state in an earlier life."""
        if name in self._slots:
            self._slots[name].judged = state

    def look(self, states: Mapping[str, int]) -> None:
        """What the sources watch is in these states now."""
        for name, state in states.items():
            self._slots[name].seen = state

    def ready(self, now: float) -> list[str]:
        """Who is to be judged now: woken and not resting, the highest priority first, then whoever has fired longest ago. Whoever
        was passed over too often comes before all."""
        found = [slot for slot in self._slots.values() if slot.is_woken and slot.rests_until <= now]
        found.sort(key=lambda slot: (slot.passed_over < PASSED_OVER_MAX, -slot.priority, slot.fired_at, slot.number))
        return [slot.name for slot in found]

    def next_at(self) -> float | None:
        """When the next one of those that are woken has rested; None when none rests."""
        return min((slot.rests_until for slot in self._slots.values() if slot.is_woken), default=None)

    def dismiss(self, name: str) -> None:
        """Its precondition does not hold, or another has fired on this state: not before its state moves."""
        self._slots[name].judged = self._slots[name].seen
        self._slots[name].passed_over = 0

    def defer(self, name: str, until: float) -> None:
        """Not before then."""
        self._slots[name].rests_until = max(self._slots[name].rests_until, until)

    def begin(self, name: str, now: float) -> None:
        """It fires on the state as it was seen last."""
        slot = self._slots[name]
        slot.judged, slot.is_running, slot.fired_at, slot.passed_over = slot.seen, True, now, 0
        for other in self._slots.values():
            if other.is_woken and other.rests_until <= now:
                other.passed_over += 1

    def end(self, name: str, now: float, outcome: Outcome) -> None:
        """It has ended. Whoever failed is tried again on the same state, later and later, and in the end suspended."""
        slot = self._slots[name]
        slot.is_running = False
        rest = slot.cooldown_s
        match outcome:
            case Outcome.DONE:
                slot.failures = slot.overtaken = 0
            case Outcome.FAILED:
                slot.failures += 1
                slot.is_suspended = slot.failures >= self._failures_max
                slot.judged = _NEVER
                rest = max(rest, min(BACKOFF_MAX_S, BACKOFF_S * 2 ** min(slot.failures - 1, 30)))
            case Outcome.OVERTAKEN:
                slot.judged = _NEVER
                if slot.overtaken:  # the first time at once: its state has moved, which is all that it waits for
                    rest = max(rest, min(BACKOFF_MAX_S, BACKOFF_S * 2 ** min(slot.overtaken - 1, 30)))
                slot.overtaken += 1
            case Outcome.CANCELLED:
                slot.judged = _NEVER
        slot.rests_until = now + rest
