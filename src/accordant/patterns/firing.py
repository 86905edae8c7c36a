"""What a scheduler hands to its knowledge sources, and what it says afterwards. Values."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from accordant.patterns.agenda import Outcome
from accordant.types.errors import Invalid
from accordant.types.events import Event
from accordant.types.pattern_limits import FIRINGS_MAX
from accordant.types.readings import Reading

if TYPE_CHECKING:
    from accordant.document.snapshot import Snapshot

__all__ = ["Budget", "End", "Failure", "Firing", "Run", "Wake"]


class End(StrEnum):
    """Why a run ended by itself. (A runaway is raised.)"""

    UNTIL = "until"  # the goal holds
    IDLE = "idle"  # nobody was woken for so long
    FIRINGS = "firings"  # the budget of firings is spent, and somebody would have fired
    SECONDS = "seconds"  # the budget of seconds is spent


@dataclass(frozen=True, slots=True)
class Budget:
    """How much one run may do; None: as much as it likes. Reached: the run ends, and says so in `Run.reason`."""

    firings: int | None = FIRINGS_MAX
    seconds: float | None = None

    def __post_init__(self) -> None:
        for bound in (self.firings, self.seconds):
            if bound is not None and (isinstance(bound, bool) or not isinstance(bound, int | float) or not bound > 0):
                raise Invalid(f"a budget is a number above 0, or None, not {bound!r}", code="bad_argument")


@dataclass(frozen=True, slots=True)
class Firing:
    """One firing: which source, why, on which state. What the region `firings` keeps of it.

    `version`: of the snapshot that it was judged on. `state`: of the newest write to what the source watches, so that a scheduler
    that comes later knows what has been fired on. `at`: milliseconds since 1970. `scheduler`: the agent, `group`: its group.
    """

    source: str
    reason: str
    version: int
    state: int
    at: int
    took_ms: int = 0
    outcome: Outcome = Outcome.DONE
    error: str | None = None
    scheduler: str = ""
    group: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Failure:
    """A source that raised, with the exception itself."""

    firing: Firing
    error: BaseException

    @property
    def source(self) -> str:
        """Whose it is."""
        return self.firing.source


@dataclass(frozen=True, slots=True)
class Run:
    """What became of a run. `fired` in the order in which they ended, the newest where there are too many; `count` is exact.
    `rounds`: decisions that fired somebody. `unrecorded`: why firings are missing in the document's log, by code."""

    reason: End | None
    rounds: int = 0
    count: int = 0
    fired: tuple[Firing, ...] = ()
    failures: tuple[Failure, ...] = ()
    suspended: tuple[str, ...] = ()
    unrecorded: Mapping[str, int] = field(default_factory=dict)
    version: int = 0

    @property
    def names(self) -> list[str]:
        """Who fired, in order."""
        return [firing.source for firing in self.fired]


@dataclass(frozen=True, slots=True)
class Wake:
    """What a source gets when it fires. `events`: what happened to what it watches since it last fired, as far as it was heard
    of; `snapshot`: what its precondition was judged on; `doc`: where it writes, by its own handle if it has one."""

    source: str
    reason: str
    events: tuple[Event, ...]
    snapshot: Snapshot[Any]
    doc: Any
    watched: tuple[str, ...] = ()

    @property
    def basis(self) -> tuple[Reading[Any], ...]:
        """The readings of what the source watches: `derived_from=wake.basis` lands only while they are current. (`wake.snapshot`
        there stands for all regions: a write to any of them makes it stale.)"""
        found = []
        for path in self.watched:
            with contextlib.suppress(Invalid):  # a region that is not there yet, in a document without a schema
                found.append(self.snapshot[path])
        return tuple(found)
