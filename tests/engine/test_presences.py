"""The table of presences: who may speak for whom, what is news, and what is left when a connection goes."""

from __future__ import annotations

from accordant.engine.presences import OwnPresence, Presences
from accordant.types.limits import AWARENESS_CLIENTS_PER_PEER_MAX, AWARENESS_CLIENTS_PER_ROOM_MAX, PRESENCE_TTL_S
from accordant.types.presence import GONE, AwarenessState

NOW = 100.0
HERE = '{"name":"Ada"}'


def state(client: int, clock: int, text: str = HERE) -> AwarenessState:
    return AwarenessState(client, clock, text)


def test_a_renewal_is_news_and_a_repetition_is_not() -> None:
    """A higher clock is relayed, the same or a lower one is not: echoes end."""
    room = Presences()
    assert room.enter("a", [state(1, 1)], NOW) == (state(1, 1),)
    assert room.enter("a", [state(1, 2)], NOW) == (state(1, 2),)
    assert room.enter("a", [state(1, 2), state(1, 1)], NOW) == ()
    assert room.everyone() == (state(1, 2),)


def test_nobody_speaks_for_a_client_of_another_connection() -> None:
    """A Yjs client repeats what it hears, and may think others gone: only a client's own connection counts."""
    room = Presences()
    room.enter("a", [state(1, 1)], NOW)
    assert room.enter("b", [state(1, 5, "null"), state(2, 1)], NOW) == (state(2, 1),)
    assert room.everyone() == (state(1, 1), state(2, 1))


def test_a_closed_connection_takes_its_clients_along() -> None:
    """Everybody hears the goodbye of a dropped connection's clients, under the clock they had."""
    room = Presences()
    room.enter("a", [state(1, 3)], NOW)
    room.enter("b", [state(2, 1)], NOW)
    assert room.leave("a") == (state(1, 3, "null"),)
    assert room.leave("a") == ()
    assert room.everyone() == (state(2, 1),)


def test_a_late_echo_does_not_bring_back_who_has_left() -> None:
    """What another connection still repeats about a client that is gone is no sign of life."""
    room = Presences()
    room.enter("a", [state(1, 3)], NOW)
    room.enter("b", [state(2, 1)], NOW)
    room.leave("a")
    assert room.enter("b", [state(1, 3)], NOW) == ()
    assert room.everyone() == (state(2, 1),)


def test_a_client_that_comes_back_is_here_at_once() -> None:
    """A reconnecting client repeats its old clock in its first message, and is seen without waiting for the next renewal."""
    room = Presences()
    room.enter("a", [state(1, 3)], NOW)
    room.leave("a")
    assert room.enter("a again", [state(1, 3)], NOW) == (state(1, 3),)


def test_a_client_says_goodbye_itself() -> None:
    """A null under the same clock counts, once."""
    room = Presences()
    room.enter("a", [state(1, 3)], NOW)
    assert room.enter("a", [state(1, 3, "null")], NOW) == (state(1, 3, "null"),)
    assert room.enter("a", [state(1, 3, "null")], NOW) == ()
    assert room.leave("a") == ()


def test_one_connection_speaks_for_a_few_clients_only() -> None:
    """A connection cannot fill the room with clients of its own invention."""
    room = Presences()
    room.enter("a", [state(client, 1) for client in range(1, 100)], NOW)
    assert len(room.everyone()) == AWARENESS_CLIENTS_PER_PEER_MAX


def test_the_table_is_bounded_by_forgetting_who_left_longest_ago() -> None:
    """However many come and go, the room remembers a bounded number."""
    room = Presences()
    for client in range(AWARENESS_CLIENTS_PER_ROOM_MAX + 10):
        assert room.enter(client, [state(client, 1)], NOW) != ()
        room.leave(client)
    assert len(room._known) == AWARENESS_CLIENTS_PER_ROOM_MAX
    assert room.enter("late", [state(0, 1)], NOW) != ()


def test_who_does_not_renew_is_gone_and_may_come_back() -> None:
    """After 30 s without a word everybody hears the goodbye, once; the next renewal of that client brings it back."""
    room = Presences()
    room.enter("a", [state(1, 1)], NOW)
    room.enter("b", [state(2, 1)], NOW + PRESENCE_TTL_S)
    assert room.expire(NOW + PRESENCE_TTL_S) == ()
    assert room.expire(NOW + PRESENCE_TTL_S + 1) == (state(1, 1, GONE),)
    assert room.expire(NOW + PRESENCE_TTL_S + 2) == ()
    assert room.everyone() == (state(2, 1),)
    assert room.enter("a", [state(1, 2)], NOW + 50) == (state(1, 2),)
    assert room.expire(NOW + 51) == ()


def test_a_renewal_counts_the_clock_up() -> None:
    """What a handle shows is newer each time, so that nobody takes a renewal for an echo."""
    own = OwnPresence(7)
    assert own.show(HERE) == state(7, 1)
    assert own.renew() == state(7, 2)
    assert own.show(GONE) == state(7, 3, GONE)
    assert not own.is_shown
