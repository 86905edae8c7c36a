"""Cron expressions in UTC: what is due when, what is none, and waiting by a clock that a test turns."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accordant import Invalid
from accordant.patterns.cron import NIGHTLY, Cron


def at(text: str) -> float:
    """Seconds since 1970 of a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("expression", "now", "due"),
    [
        (NIGHTLY, "2025-06-01 01:59:59", "2025-06-01 02:00"),
        (NIGHTLY, "2025-06-01 02:00", "2025-06-02 02:00"),
        (NIGHTLY, "2025-12-31 12:00", "2026-01-01 02:00"),
        ("*/15 * * * *", "2025-06-01 10:46", "2025-06-01 11:00"),
        ("5-7,40 9 * * *", "2025-06-01 09:07", "2025-06-01 09:40"),
        ("10/20 * * * *", "2025-06-01 09:31", "2025-06-01 09:50"),
        ("0 0 29 2 *", "2025-06-01 00:00", "2028-02-29 00:00"),
        ("0 0 29 2 *", "2097-06-01 00:00", "2104-02-29 00:00"),
        ("0 6 * * 1-5", "2025-06-06 06:00", "2025-06-09 06:00"),  # from a Friday to the Monday
        ("0 6 * * 7", "2025-06-02 00:00", "2025-06-08 06:00"),
        ("0 6 * * 0", "2025-06-02 00:00", "2025-06-08 06:00"),
        ("0 6 13 * 5", "2025-06-01 00:00", "2025-06-06 06:00"),  # the 13th, or a Friday
        ("0 6 31 4,5 *", "2025-06-01 00:00", "2026-05-31 06:00"),
    ],
)
def test_the_next_moment(expression: str, now: str, due: str) -> None:
    """The first one later than now, by the calendar."""
    assert datetime.fromtimestamp(Cron.parse(expression).next_after(at(now)), UTC) == datetime.fromtimestamp(
        at(due), UTC
    )


@pytest.mark.parametrize(
    "text",
    ["", "0 2 * *", "0 2 * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "a * * * *",
     "5-1 * * * *", "*/0 * * * *", "-1 * * * *", "0 2 30 2 *", "1,,2 * * * *", "@daily", "² * * * *", "* * * JAN *"],
)  # fmt: skip
def test_what_is_no_expression_is_refused(text: str) -> None:
    """And so is what never comes."""
    with pytest.raises(Invalid) as refused:
        Cron.parse(text)
    assert refused.value.code == "bad_cron"


FIELDS = st.tuples(
    *(
        st.one_of(st.just("*"), st.integers(low, high).map(str), st.integers(1, 20).map(lambda step: f"*/{step}"))
        for low, high in ((0, 59), (0, 23), (1, 28), (1, 12), (0, 7))
    )
).map(" ".join)


@settings(max_examples=100, deadline=None)
@given(FIELDS, st.integers(0, 4_000_000_000))
def test_nothing_fits_between_now_and_the_next_moment(text: str, now: int) -> None:
    """The moment fits, and no minute between does; after it comes a later one."""
    cron = Cron.parse(text)
    due = cron.next_after(now)
    assert due > now
    assert fits(cron, due)
    assert cron.next_after(due) > due
    minute = now - now % 60 + 60
    assert not any(fits(cron, moment) for moment in range(minute, min(int(due), minute + 60 * 3_000), 60))


def fits(cron: Cron, moment: float) -> bool:
    """Read off the fields, without looking for it."""
    when = datetime.fromtimestamp(moment, UTC)
    days = [when.day in cron.days] if cron.days is not None else []
    days += [when.isoweekday() % 7 in cron.weekdays] if cron.weekdays is not None else []
    is_day = any(days) if days else True
    return is_day and when.month in cron.months and when.hour in cron.hours and when.minute in cron.minutes


class Turned:
    """A clock that goes on by sleeping."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Time passes."""
        self.slept.append(seconds)
        self.now += seconds


def test_each_moment_comes_once_and_missed_ones_are_one() -> None:
    """By a virtual clock: two nights; then a caller that was busy for three days is called once, at once, and then by night."""
    clock = Turned(at("2025-06-01 12:00"))

    async def run() -> list[str]:
        seen: list[str] = []
        async for due in Cron.parse(NIGHTLY).moments(clock, clock.sleep):
            assert clock.now >= due
            seen.append(datetime.fromtimestamp(due, UTC).isoformat(" ", "minutes")[5:16])
            if len(seen) == 2:
                clock.now += 3 * 86_400 + 60
            if len(seen) == 4:
                break
        return seen

    assert asyncio.run(run()) == ["06-02 02:00", "06-03 02:00", "06-04 02:00", "06-07 02:00"]
    assert max(clock.slept) <= 3_600
