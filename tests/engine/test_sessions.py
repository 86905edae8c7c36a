"""Living sessions and the ends of generations."""

import pytest

from accordant.engine.denials import SESSIONS_MAX, Denials
from accordant.engine.sessions import Session, Sessions
from accordant.types.limits import DENIAL_PATHS_PER_SESSION_MAX


def _session(name: str, agent: str = "a", generation: int = 1, **more: object) -> Session:
    return Session(name, agent, generation, **more)  # type: ignore[arg-type]


def test_an_ended_generation_never_lives_again() -> None:
    """Ending a session ends its generation, and only that one."""
    sessions = Sessions()
    sessions.begin(_session("s1", generation=5), now=0)
    sessions.begin(_session("s2", agent="b", generation=6), now=0)
    assert sessions.lives(5)
    assert sessions.end("s1") is not None
    assert not sessions.lives(5)
    assert sessions.lives(6)
    assert sessions.end("s1") is None
    ended = sessions.ended("s1")
    assert ended is not None
    assert ended.agent == "a"


def test_a_second_join_replaces_unless_both_are_pool_members() -> None:
    """Only members of a pool live side by side under one name."""
    sessions = Sessions()
    sessions.begin(_session("s1", shared=True), now=0)
    assert sessions.replaced_by("a", shared=True) == []
    assert [s.id for s in sessions.replaced_by("a", shared=False)] == ["s1"]
    assert sessions.replaced_by("b", shared=False) == []


def test_a_lease_runs_out_without_calls() -> None:
    """A session with a lease expires at its deadline; any call before moves the deadline."""
    sessions = Sessions()
    session = sessions.begin(_session("s1", lease_ms=100), now=1_000)
    assert sessions.expired(1_099) == []
    sessions.touch(session, 1_050)
    assert sessions.expired(1_149) == []
    assert [s.id for s in sessions.expired(1_150)] == ["s1"]


def test_a_session_cannot_begin_twice() -> None:
    """A doubled id is our own mistake and stops at once."""
    sessions = Sessions()
    sessions.begin(_session("s1"), now=0)
    with pytest.raises(AssertionError):
        sessions.begin(_session("s1"), now=0)


def test_failing_again_and_again_is_counted_not_repeated() -> None:
    """A thousand denials on one path deserve ten entries, and a landed write starts the count anew."""
    denials = Denials()
    told = [times for _ in range(1_000) if (times := denials.count("s", "account", "stale_version"))]
    assert told == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
    denials.clear("s", "account")
    assert denials.count("s", "account", "stale_version") == 1


def test_counters_are_bounded() -> None:
    """Ever new paths, or ever new sessions, share one counter once the tables are full."""
    denials = Denials()
    told = [denials.count("s", f"path{n}", "denied") for n in range(DENIAL_PATHS_PER_SESSION_MAX + 1_000)]
    assert sum(times is not None for times in told) <= DENIAL_PATHS_PER_SESSION_MAX + 11
    many = [denials.count(f"s{n}", "p", "denied") for n in range(SESSIONS_MAX + 1_000)]
    assert sum(times is not None for times in many) <= SESSIONS_MAX + 11
