"""When something is due: a cron expression of five fields, in UTC. Pure but for `moments`, whose clock and sleep are given.

What it knows: `*`, numbers, ranges, lists, steps; 0 and 7 are Sunday. As in cron, where both a day of the month and a day of the
week are said, one of them is enough. No names, no seconds, no other time zones: a library is not worth its keep for that.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from accordant.types.errors import Invalid
from accordant.types.pattern_limits import CRON_SLEEP_MAX_S, CRON_YEARS_MAX

__all__ = ["NIGHTLY", "Cron"]

NIGHTLY: Final = "0 2 * * *"
"""Every night at two."""

_FIELDS: Final = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_PART: Final = re.compile(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression: what each field admits. `days` and `weekdays` (0 is Sunday) are None where they are `*`."""

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int] | None
    months: frozenset[int]
    weekdays: frozenset[int] | None

    @classmethod
    def parse(cls, text: str) -> Cron:
        """Raises `Invalid`, code `bad_cron`, also for what never comes (30 February)."""
        fields = text.split()
        if len(fields) != len(_FIELDS):
            raise _bad(text, "it has five fields: minute, hour, day, month, weekday")
        minutes, hours, days, months, weekdays = (
            _field(text, field, *about) for field, about in zip(fields, _FIELDS, strict=True)
        )
        found = cls(
            text,
            minutes,
            hours,
            None if fields[2].startswith("*") and len(days) == 31 else days,
            months,
            None if fields[4].startswith("*") and len(weekdays) == 8 else frozenset(day % 7 for day in weekdays),
        )
        found.next_after(0.0)
        return found

    def next_after(self, moment: float) -> float:
        """The first moment that fits and is later, in seconds since 1970."""
        start = datetime.fromtimestamp(moment, UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        day = start
        while day.year <= start.year + CRON_YEARS_MAX:
            if self._admits(day):
                for hour in sorted(self.hours):
                    for minute in sorted(self.minutes):
                        found = day.replace(hour=hour, minute=minute)
                        if found >= start:
                            return found.timestamp()
            day += timedelta(days=1)
        raise _bad(self.text, "no such day ever comes")

    def _admits(self, day: datetime) -> bool:
        if day.month not in self.months:
            return False
        said = [
            value in admitted
            for value, admitted in ((day.day, self.days), (day.isoweekday() % 7, self.weekdays))
            if admitted is not None
        ]
        return any(said) or not said

    async def moments(
        self,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> AsyncIterator[float]:
        """Each moment, when it has come. Those that pass while the caller is busy, or the machine sleeps, are one, at once.

        async for _ in Cron.parse(NIGHTLY).moments():
            await hive.knowledge.collapse()
        """
        seen = clock()
        while True:
            due = self.next_after(seen)
            while (wait_s := due - clock()) > 0:
                await sleep(min(wait_s, CRON_SLEEP_MAX_S))
            seen = max(due, clock())
            yield due


def _field(text: str, field: str, name: str, low: int, high: int) -> frozenset[int]:
    found: set[int] = set()
    for part in field.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise _bad(text, f"its {name} {part[:20]!r} is no number, range or step")
        first, last, step = (None if one is None else int(one) for one in match.groups())
        start = low if first is None else first
        end = high if first is None or (last is None and step is not None) else first if last is None else last
        if not low <= start <= end <= high or step == 0:
            raise _bad(text, f"its {name} {part[:20]!r} is not within {low} to {high}")
        found.update(range(start, end + 1, step or 1))
    return frozenset(found)


def _bad(text: str, why: str) -> Invalid:
    return Invalid(
        f"{text[:60]!r} is no cron expression: {why}",
        code="bad_cron",
        hint=f"such as {NIGHTLY!r}, every night at two, UTC",
    )
