"""How many sockets may come, counted in all, by address and by second."""

from __future__ import annotations

import pytest

from accordant.sync.server import arrivals as module
from accordant.sync.server.arrivals import Arrivals, Crowd
from accordant.types.limits import ARRIVALS_BURST_S, ARRIVALS_PER_S_MAX, CONNECTIONS_PER_ADDRESS_MAX


def code(arrivals: Arrivals, address: str, now: float = 0.0) -> str | None:
    """With which code somebody is sent away."""
    problem = arrivals.enter(address, now)
    return None if problem is None else problem.code


def test_a_full_server_lets_nobody_in_until_somebody_goes() -> None:
    """The bound in all counts every address, loopback included, and a place that becomes free is given away again."""
    arrivals = Arrivals(Crowd(in_all=2))
    assert [code(arrivals, one) for one in ("127.0.0.1", "192.0.2.1", "192.0.2.2")] == [None, None, "server_full"]
    arrivals.leave("127.0.0.1")
    assert code(arrivals, "192.0.2.2") is None
    assert arrivals.count == 2


def test_one_address_does_not_take_all_places() -> None:
    """Beyond its own bound an address is sent away and others come in; a /64 of IPv6 and a mapped address are one address."""
    arrivals = Arrivals(Crowd(per_address=2, per_second=0))
    for same in (
        ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::ffff:2%eth0", "2001:db8::3"),
    ):
        assert [code(arrivals, one) for one in same] == [None, None, "too_many_connections"]
    assert [code(arrivals, one) for one in ("192.0.2.2", "2001:db8:0:1::1")] == [None, None]
    arrivals.leave("192.0.2.1")
    assert [code(arrivals, "192.0.2.1"), code(arrivals, "192.0.2.1")] == [None, "too_many_connections"]


def test_an_address_that_comes_too_fast_waits() -> None:
    """A burst is let in, then so many a second; the pause of the one does not hold the other."""
    arrivals = Arrivals(Crowd(per_address=0, per_second=2))
    assert [code(arrivals, "192.0.2.1") for _ in range(11)] == [None] * 2 * ARRIVALS_BURST_S + ["too_many_requests"]
    assert code(arrivals, "192.0.2.2") is None
    assert [code(arrivals, "192.0.2.1", 0.5), code(arrivals, "192.0.2.1", 0.5)] == [None, "too_many_requests"]


def test_loopback_counts_only_when_the_operator_says_so() -> None:
    """A proxy on this machine brings everybody from one address; a bound that was given holds there too."""
    usual = Arrivals(Crowd())
    for one in ("127.0.0.1", "127.9.9.9", "::1", ""):
        assert [code(usual, one) for _ in range(CONNECTIONS_PER_ADDRESS_MAX + 1)][-1] is None
    burst = ARRIVALS_PER_S_MAX * ARRIVALS_BURST_S
    assert [code(usual, "192.0.2.1") for _ in range(burst + 1)][-2:] == [None, "too_many_requests"]
    chosen = Arrivals(Crowd(per_address=1))
    assert [code(chosen, "127.0.0.1"), code(chosen, "::1")] == [None, "too_many_connections"]


def test_addresses_are_not_remembered_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left of a socket that went but its address' pace, and of those only so many."""
    monkeypatch.setattr(module, "ADDRESSES_REMEMBERED_MAX", 10)
    arrivals = Arrivals(Crowd())
    for number in range(100):
        assert code(arrivals, f"192.0.2.{number}") is None
        arrivals.leave(f"192.0.2.{number}")
    assert (arrivals.count, len(arrivals._here), len(arrivals._paces)) == (0, 0, 10)
