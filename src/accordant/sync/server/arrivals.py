"""How many may come: sockets in all, of one address, and new ones of one address in a second. Decides, touches no socket."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass

from accordant.sync.pace import Pace
from accordant.sync.server.http.problems import Problem
from accordant.types.limits import (
    ADDRESSES_REMEMBERED_MAX,
    ARRIVALS_BURST_S,
    ARRIVALS_PER_S_MAX,
    CONNECTIONS_MAX,
    CONNECTIONS_PER_ADDRESS_MAX,
)

__all__ = ["Arrivals", "Crowd"]


@dataclass(frozen=True, slots=True)
class Crowd:
    """The operator's bounds. `per_address` and `per_second`: None stands for the usual number and leaves loopback addresses
    out; 0 for no bound; any other number counts for every address."""

    in_all: int = CONNECTIONS_MAX
    per_address: int | None = None
    per_second: int | None = None


class Arrivals:
    """The sockets of one server, by address."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._here: dict[str, int] = {}
        self._paces: OrderedDict[str, Pace] = OrderedDict()
        self.count = 0

    def enter(self, address: str, now: float) -> Problem | None:
        """Let a socket in, to be followed by `leave` once; or say why not."""
        whom = _whom(address)
        if self.count >= self._crowd.in_all:
            return Problem("server_full", f"this server holds {self._crowd.in_all} connections", hint="come back later")
        most = _bound(self._crowd.per_address, CONNECTIONS_PER_ADDRESS_MAX, whom)
        if most and self._here.get(whom, 0) >= most:
            return Problem("too_many_connections", f"your address holds {most} connections", hint="close some")
        per_s = _bound(self._crowd.per_second, ARRIVALS_PER_S_MAX, whom)
        if per_s and not self._pace(whom, per_s, now).may_spend(now):
            text = f"your address opens more than {per_s} connections a second"
            return Problem("too_many_requests", text, hint="keep connections, come back after a growing pause")
        self.count += 1
        self._here[whom] = self._here.get(whom, 0) + 1
        return None

    def leave(self, address: str) -> None:
        """A socket that had entered is gone."""
        whom = _whom(address)
        self.count -= 1
        self._here[whom] -= 1
        if not self._here[whom]:
            del self._here[whom]

    def _pace(self, whom: str, per_s: int, now: float) -> Pace:
        pace = self._paces.get(whom)
        if pace is None:
            pace = self._paces[whom] = Pace(per_s, per_s * ARRIVALS_BURST_S, now)
            if len(self._paces) > ADDRESSES_REMEMBERED_MAX:
                self._paces.popitem(last=False)
        self._paces.move_to_end(whom)
        return pace


def _bound(chosen: int | None, usual: int, whom: str) -> int:
    if chosen is not None:
        return chosen
    return 0 if whom == _LOOPBACK else usual


_LOOPBACK = "loopback"


def _whom(address: str) -> str:
    """Who counts as one. In IPv6 a household has a whole /64 to choose from; a socket without an address is of this machine."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return _LOOPBACK
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        elif not found.is_loopback:
            return str(ipaddress.ip_network((found, 64), strict=False))
    return _LOOPBACK if found.is_loopback else str(found)
