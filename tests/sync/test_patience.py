"""The goodbye to refused peers: prompt for whoever may not know yet, ever later for whoever comes back with the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accordant.sync.patience import Patience, writer_of
from accordant.types.limits import (
    KEEPALIVE_S,
    REFUSAL_DELAY_MAX_S,
    REFUSAL_DELAY_S,
    REFUSALS_FORGOTTEN_S,
    REFUSALS_FREE,
    REFUSALS_FREE_PER_AGENT,
    REFUSALS_REMEMBERED_MAX,
)


def update_of(client: int, more: bytes = b"") -> bytes:
    """The beginning of an update: one client, one struct."""
    return bytes([1, 1, client, 0]) + more


def test_the_same_replica_is_held_longer_each_time() -> None:
    """The first refusals close at once; then the wait doubles up to its bound, though what is sent grows."""
    patience = Patience()
    delays = [patience.refused("d", "ada", update_of(7, bytes(n)), float(n)) for n in range(REFUSALS_FREE + 8)]
    assert delays[:REFUSALS_FREE] == [0.0] * REFUSALS_FREE
    growing = delays[REFUSALS_FREE:]
    assert growing[:4] == [REFUSAL_DELAY_S * factor for factor in (1, 2, 4, 8)]
    assert growing[-1] == REFUSAL_DELAY_MAX_S
    assert KEEPALIVE_S < REFUSAL_DELAY_MAX_S < 2 * KEEPALIVE_S


@pytest.mark.parametrize("other", [("e", "ada", 7), ("d", "bo", 7), ("d", "ada", 8)])
def test_nobody_else_is_held(other: tuple[str, str, int]) -> None:
    """Another document, another agent, another replica of the same agent: each has its own count."""
    patience = Patience()
    for n in range(20):
        patience.refused("d", "ada", update_of(7), float(n))
    document, agent, client = other
    assert patience.refused(document, agent, update_of(client), 20.0) == 0.0


def test_quiet_time_is_forgiven() -> None:
    """After two quiet minutes earlier refusals count no more."""
    patience = Patience()
    for n in range(20):
        patience.refused("d", "ada", update_of(7), float(n))
    assert patience.refused("d", "ada", update_of(7), 20.0 + REFUSALS_FORGOTTEN_S) == 0.0


def test_a_new_client_id_each_time_does_not_help_for_ever() -> None:
    """An agent that is refused hundreds of times is held whatever its replicas are called."""
    patience = Patience()
    delays = [
        patience.refused("d", "ada", b"\x01\x01" + bytes([0x80 | n % 128, 1 + n // 128]), float(n) / 100)
        for n in range(REFUSALS_FREE_PER_AGENT + 2)
    ]
    assert delays[REFUSALS_FREE_PER_AGENT - 1 :] == [0.0, REFUSAL_DELAY_S, 2 * REFUSAL_DELAY_S]


def test_memory_is_bounded() -> None:
    """However many are refused, only so many are remembered, and those who came last are among them."""
    patience = Patience()
    for n in range(REFUSALS_REMEMBERED_MAX + 100):
        patience.refused(f"d{n}", "ada", update_of(7), 0.0)
    assert len(patience) == REFUSALS_REMEMBERED_MAX
    for _ in range(REFUSALS_FREE):
        delay = patience.refused(f"d{REFUSALS_REMEMBERED_MAX + 99}", "ada", update_of(7), 0.0)
    assert delay == REFUSAL_DELAY_S


@given(st.binary(max_size=60))
def test_whatever_was_refused_has_a_writer(update: bytes) -> None:
    """Junk too, and the same junk has the same one."""
    assert writer_of(update) == writer_of(bytes(update))


def test_deletions_alone_count_by_their_bytes() -> None:
    """An update that inserts nothing names no writer."""
    assert writer_of(b"\x00\x01\x07\x01\x00\x01") != writer_of(b"\x00\x01\x07\x01\x00\x02")
