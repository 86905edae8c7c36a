"""What waits for one subscriber: nothing is lost without a word, whatever is merged, let go or given back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accordant.engine.gathering import URGENT, Gathering, merged
from accordant.types.events import Event, EventKind, Lagged
from accordant.types.memory_limits import EVENT_PATHS_MAX


def event(
    version: int, kind: EventKind = EventKind.WRITE, path: str = "draft", actor: str = "ann", count: int = 1
) -> Event:
    return Event(version=version, kind=kind, actor=actor, paths=(path,), at=version, first=version, count=count)


CALM = [kind for kind in EventKind if kind not in URGENT]
steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from([*CALM, EventKind.DENIAL, EventKind.INVALIDATED])),
        st.tuples(st.just("take"), st.integers(1, 5)),
        st.tuples(st.just("pass"), st.floats(0.0, 3.0)),
    ),
    max_size=80,
)


@given(steps, st.sampled_from([(0.0, None), (1.0, None), (0.0, 2.0), (2.0, 1.0)]), st.integers(1, 10))
def test_counts_add_up(acts: list[tuple[str, object]], window: tuple[float, float | None], most: int) -> None:
    """Every event is told, merged into one that counts it, or among those let go, whose place in the log is said."""
    gathering, now, version, told = Gathering(*window, waiting_max=most), 0.0, 0, list[Event]()
    calm = urgent = 0
    for act, value in acts:
        if act == "add":
            assert isinstance(value, EventKind)
            version += 1
            gathering.add([event(version, value)], now)
            calm, urgent = calm + (value in CALM), urgent + (value in URGENT)
        elif act == "take":
            told += gathering.take(now, int(str(value)))
        else:
            now += float(str(value))
        assert gathering.size <= max(most, 1)
    while gathering.due_at is not None:
        now = max(now, gathering.due_at)
        told += gathering.take(now, 100)
    lagged = [one for one in told if isinstance(one, Lagged)]
    assert sum(one.count for one in told if one not in lagged) + sum(one.n for one in lagged) == calm + urgent
    if window != (0.0, None):
        assert sum(one.count for one in told if one.kind in CALM) == calm
    for one in lagged:
        assert one.resume_from < one.version


@given(st.lists(st.sampled_from(CALM), min_size=1, max_size=30))
def test_merging_keeps_what_they_share_and_counts_the_rest(kinds: list[EventKind]) -> None:
    """One event of many: all of them counted, from the first version to the last, the most severe kind."""
    events = [event(n + 1, kind, f"p{n}", "ann" if n else "bob", n + 1) for n, kind in enumerate(kinds)]
    whole = events[0]
    for one in events[1:]:
        whole = merged(whole, one)
    assert whole.count == sum(range(1, len(events) + 1))
    assert (whole.first, whole.version) == (1, len(events))
    assert whole.paths == tuple(f"p{n}" for n in range(len(events)))[:EVENT_PATHS_MAX]
    assert whole.actor == ("bob" if len(events) == 1 else "")
    assert (whole.kind is EventKind.WRITE) is all(kind is EventKind.WRITE for kind in kinds)


def test_a_window_begins_with_its_first_event() -> None:
    """What happens within it is told at its end as one; the next begins with the next event."""
    gathering = Gathering(coalesce_s=2.0)
    gathering.add([event(1)], 10.0)
    gathering.add([event(2)], 11.5)
    assert gathering.due_at == 12.0
    assert gathering.take(11.9) == []
    [one] = gathering.take(12.0)
    assert (one.count, one.first, one.version) == (2, 1, 2)
    assert gathering.due_at is None
    gathering.add([event(3)], 20.0)
    assert gathering.due_at == 22.0


def test_a_rate_lets_the_first_pass_and_gathers_the_rest() -> None:
    """At most so many events per second: the first at once, then one for all that came since."""
    gathering = Gathering(max_rate=2.0)
    gathering.add([event(1)], 10.0)
    assert [one.count for one in gathering.take(10.0)] == [1]
    for n in range(2, 7):
        gathering.add([event(n)], 10.1)
    assert gathering.due_at == 10.5
    assert [one.count for one in gathering.take(10.5)] == [5]


@pytest.mark.parametrize("kind", sorted(URGENT - {EventKind.LAGGED}))
def test_what_concerns_somebody_is_never_merged_and_ends_the_window(kind: EventKind) -> None:
    """It is told at once by itself, and what has gathered comes along."""
    gathering = Gathering(coalesce_s=60.0)
    gathering.add([event(1)], 0.0)
    gathering.add([event(2, kind), event(2)], 0.0)
    assert [(one.kind, one.count) for one in gathering.take(0.0, 10)] == [(kind, 1), (EventKind.WRITE, 2)]


def test_the_events_of_one_entry_stay_together() -> None:
    """However few are asked for: who goes on behind a version has had all of it."""
    gathering = Gathering()
    gathering.add([event(1), event(1), event(1)], 0.0)
    gathering.add([event(2)], 0.0)
    assert [one.version for one in gathering.take(0.0, 1)] == [1, 1, 1]
    assert [one.version for one in gathering.take(0.0, 1)] == [2]


def test_what_is_given_back_comes_first() -> None:
    """Somebody took it and went; whoever asks next gets it, before anything newer."""
    gathering = Gathering()
    gathering.add([event(1)], 0.0)
    gathering.add([event(2)], 0.0)
    gathering.give_back(gathering.take(0.0, 1))
    assert gathering.oldest_returned() == 1
    assert [one.version for one in gathering.take(0.0, 1)] == [1]
    assert [one.version for one in gathering.take(0.0, 1)] == [2]
