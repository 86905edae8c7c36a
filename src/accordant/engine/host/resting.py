"""Which documents nobody has used for a while: looked at now and then, told by how often each was used."""

from __future__ import annotations

from collections.abc import Mapping

from accordant.engine.host.document_host import DocumentHost

__all__ = ["Resting"]


class Resting:
    """What was idle at the last look: since when, and after how many uses."""

    def __init__(self, idle_s: float) -> None:
        self._idle_s = idle_s
        self._since: dict[DocumentHost, tuple[int, float]] = {}

    def rested(self, hosts: Mapping[str, DocumentHost], now: float) -> list[str]:
        """The paths of those that have been idle, and not used in between, for the whole time."""
        before, self._since = self._since, {}
        found = []
        for path, host in hosts.items():
            if not host.is_idle:
                continue
            uses, since = before.get(host, (-1, now))
            since = since if uses == host.uses else now
            self._since[host] = (host.uses, since)
            if now - since >= self._idle_s:
                found.append(path)
        return found
