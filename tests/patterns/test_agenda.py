"""The agenda: who is woken, in which order, once; who rests, and who is suspended."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accordant import Invalid
from accordant.patterns.agenda import Agenda, Outcome
from accordant.types.pattern_limits import BACKOFF_S, SOURCES_MAX


def agenda(**priorities: float) -> Agenda:
    one = Agenda(failures_max=3)
    for name, priority in priorities.items():
        one.add(name, priority)
    return one


def test_everybody_is_woken_at_the_first_look() -> None:
    """A scheduler begins by judging all sources on what is there."""
    one = agenda(a=0, b=0)
    one.look({"a": 0, "b": 7})
    assert one.ready(0.0) == ["a", "b"]


def test_a_state_is_fired_on_once() -> None:
    """What has fired on a state waits until that state moves, however often it is looked at."""
    one = agenda(a=0)
    one.look({"a": 7})
    one.begin("a", 0.0)
    one.end("a", 1.0, Outcome.DONE)
    for _ in range(3):
        one.look({"a": 7})
        assert one.ready(9.0) == []
    assert one.is_quiet
    one.look({"a": 8})
    assert one.ready(9.0) == ["a"]


def test_what_moves_while_it_runs_wakes_it_once_more() -> None:
    """Nobody is run twice at a time, and nothing that happened meanwhile is forgotten."""
    one = agenda(a=0)
    one.look({"a": 1})
    one.begin("a", 0.0)
    one.look({"a": 2})
    one.look({"a": 3})
    assert one.ready(0.0) == []
    assert not one.is_quiet
    one.end("a", 1.0, Outcome.DONE)
    assert one.ready(1.0) == ["a"]


def test_whoever_was_dismissed_waits_for_its_state() -> None:
    """A precondition that does not hold is asked again only when what it watches has moved."""
    one = agenda(a=0)
    one.look({"a": 1})
    one.dismiss("a")
    assert one.is_quiet
    one.look({"a": 2})
    assert one.ready(0.0) == ["a"]


def test_priority_comes_first_and_then_whoever_waited_longest() -> None:
    """Of equals, nobody fires again before the others have."""
    one = agenda(low=-1, a=1, b=1, high=5)
    states = dict.fromkeys(("low", "a", "b", "high"), 1)
    one.look(states)
    assert one.ready(0.0) == ["high", "a", "b", "low"]
    one.begin("a", 1.0)
    one.end("a", 2.0, Outcome.DONE)
    one.look(dict.fromkeys(states, 2))
    assert one.ready(2.0) == ["high", "b", "a", "low"]


def test_a_cool_down_delays_and_loses_nothing() -> None:
    """It stays woken while it rests, and says when it has rested."""
    one = Agenda()
    one.add("a", cooldown_s=10.0)
    one.look({"a": 1})
    one.begin("a", 0.0)
    one.end("a", 1.0, Outcome.DONE)
    one.look({"a": 2})
    assert one.ready(10.9) == []
    assert one.next_at() == 11.0
    assert not one.is_quiet
    assert one.ready(11.0) == ["a"]


def test_failures_back_off_and_suspend() -> None:
    """Each failure is tried again on the same state after twice the time; the last one suspends; a success begins anew."""
    one = agenda(a=0)
    one.look({"a": 1})
    now = 0.0
    for n in range(3):
        assert one.ready(now) == ["a"]
        one.begin("a", now)
        one.end("a", now, Outcome.FAILED)
        if n < 2:
            assert one.next_at() == now + BACKOFF_S * 2**n
            now += BACKOFF_S * 2**n
    assert one.suspended == ("a",)
    one.look({"a": 2})
    assert one.ready(1e9) == []
    assert one.is_quiet


def test_a_success_forgives() -> None:
    """Only failures in a row count."""
    one = agenda(a=0)
    now = 0.0
    for state in range(20):
        one.look({"a": state})
        one.begin("a", now)
        one.end("a", now, Outcome.DONE if state % 3 == 2 else Outcome.FAILED)
        now += 100.0
    assert one.suspended == ()


def test_whoever_was_overtaken_goes_again_at_once_and_then_more_slowly() -> None:
    """A stale basis is no failure: the first time it costs no rest, and it never suspends."""
    one = agenda(a=0)
    one.look({"a": 1})
    one.begin("a", 0.0)
    one.end("a", 0.0, Outcome.OVERTAKEN)
    assert one.ready(0.0) == ["a"]
    for _ in range(10):
        one.begin("a", 0.0)
        one.end("a", 0.0, Outcome.OVERTAKEN)
    assert one.ready(0.0) == []
    assert one.suspended == ()
    assert one.ready(1e3) == ["a"]


def test_an_earlier_life_counts() -> None:
    """What has fired on this state before a restart is not woken by it; another state wakes it."""
    one = agenda(a=0)
    one.resume("a", 7)
    one.resume("unknown", 3)
    one.look({"a": 7})
    assert one.is_quiet
    one.look({"a": 8})
    assert not one.is_quiet


def test_names_are_given_once_and_there_is_an_end_to_them() -> None:
    """Two sources of one name could not be told apart; a scheduler has a bound."""
    one = agenda(a=0)
    with pytest.raises(Invalid):
        one.add("a")
    for n in range(SOURCES_MAX - 1):
        one.add(f"s{n}")
    with pytest.raises(Invalid):
        one.add("one more")


MOVES = st.lists(
    st.tuples(st.sampled_from(["look", "begin", "end", "dismiss", "wait"]), st.sampled_from("abc"), st.integers(0, 3)),
    max_size=60,
)


@given(MOVES)
def test_in_any_order_nobody_runs_twice_and_no_state_is_lost(moves: list[tuple[str, str, int]]) -> None:
    """Whatever happens in which order: whoever has not been judged on the newest state is woken, runs, or is suspended."""
    one = agenda(a=0, b=1, c=2)
    newest, judged, running, now = dict.fromkeys("abc", 0), dict.fromkeys("abc", -1), set[str](), 0.0
    for move, name, number in moves:
        ready = one.ready(now)
        assert not running & set(ready)
        if move == "look":
            newest[name] += number
            one.look(newest)
        elif move == "begin" and name in ready:
            one.begin(name, now)
            running.add(name)
            judged[name] = newest[name]
        elif move == "end" and name in running:
            one.end(name, now, Outcome.DONE)
            running.discard(name)
        elif move == "dismiss" and name in ready:
            one.dismiss(name)
            judged[name] = newest[name]
        now += number
    assert set(one.ready(now + 1e6)) == {name for name in "abc" if newest[name] != judged[name]} - running
