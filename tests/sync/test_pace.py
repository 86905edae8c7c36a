"""The bucket that says how fast one party may go on."""

from __future__ import annotations

from accordant.sync.pace import Pace


def test_a_burst_is_free_and_the_rest_waits() -> None:
    """What was saved up costs nothing, what goes beyond is waited for, and waiting pays."""
    pace = Pace(10, 5, now=100.0)
    assert [pace.spend(100.0) for _ in range(5)] == [0] * 5
    assert pace.spend(100.0, 3) == 0.3
    assert pace.spend(100.3, 0) < 1e-9
    assert abs(pace.spend(100.4, 2) - 0.1) < 1e-9


def test_nothing_is_saved_beyond_the_burst_or_by_a_clock_that_goes_back() -> None:
    """An hour of silence buys one burst; an earlier time buys nothing and is not counted twice."""
    pace = Pace(10, 5, now=0.0)
    assert [pace.may_spend(3600.0) for _ in range(6)] == [True] * 5 + [False]
    assert not pace.may_spend(3500.0)
    assert [pace.may_spend(3500.125), pace.may_spend(3500.125)] == [True, False]
