"""Who has read what: remembered beside the live document, so that whoever saw something is told when it no longer holds.

By agent and path, the newest versions read. It is no part of the state: what has to outlive the process is in the log
(`derived_from`) and in the store (snapshots).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict

from accordant.types.memory_limits import READ_PATHS_PER_AGENT_MAX, READ_VERSIONS_KEPT, READERS_MAX
from accordant.types.provenance import WHOLE
from accordant.types.refs import Ref

__all__ = ["Readership"]


class Readership:
    """Bounded: of one path the newest versions are kept apart, and older ones count as read, all of them: to be told in vain is
    better than not to be told. The agent who read least recently is forgotten first."""

    def __init__(self) -> None:
        self._read: OrderedDict[str, dict[str, list[int]]] = OrderedDict()

    def note(self, agent: str, path: str, version: int) -> None:
        """This agent has read the path at this version."""
        paths = self._read.get(agent)
        if paths is None:
            paths = self._read[agent] = {}
            if len(self._read) > READERS_MAX:
                self._read.popitem(last=False)
        versions = paths.get(path)
        if versions is None:
            if len(paths) >= READ_PATHS_PER_AGENT_MAX:  # it reads everything: from here on, that is what is noted
                path = WHOLE
                versions = paths.get(path)
            if versions is None:
                versions = paths[path] = []
        if versions and versions[-1] == version:
            return
        self._read.move_to_end(agent)
        at = bisect_left(versions, version)
        if at == len(versions) or versions[at] != version:
            versions.insert(at, version)
        if len(versions) > READ_VERSIONS_KEPT:
            del versions[1]  # the first one stands for itself and all before the second

    def of(self, ref: Ref, until: int | None) -> list[str]:
        """The agents who have read it while it was in effect, until (not including) that version."""
        return [agent for agent, paths in self._read.items() if _held(paths, ref, until)]


def _held(paths: dict[str, list[int]], ref: Ref, until: int | None) -> bool:
    for path in dict.fromkeys((ref.path, ref.region, WHOLE)):
        versions = paths.get(path)
        if not versions:
            continue
        at = bisect_left(versions, ref.version)
        if at < len(versions) and (until is None or versions[at] < until):
            return True
        if 0 < at < len(versions) and len(versions) >= READ_VERSIONS_KEPT and at == 1:
            return True  # between the first and the second kept, anything may have been read
    return False
