"""How often what was denied: so that failing again and again is counted, not repeated, and nobody grows the log by failing.

The first denial of a session on a path is an entry; after that only the 2nd, 4th, 8th, ... are, each with its count: n
failures cost log2(n) entries. Both tables are bounded: when one is full, what comes after shares one counter.
"""

from __future__ import annotations

from typing import Any

from accordant.types.errors import AccordantError
from accordant.types.limits import DENIAL_PATHS_PER_SESSION_MAX

__all__ = ["Denials", "beaten_by"]

SESSIONS_MAX = 4_096
"""Sessions counted apart (a session that ended may go on failing)."""


class Denials:
    """Counters by (session, path, code)."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[tuple[str, str], int]] = {}

    def count(self, session: str, path: str, code: str) -> int | None:
        """Count one denial; returns the count when it deserves an entry, else None."""
        if session not in self._counts and len(self._counts) >= SESSIONS_MAX:
            session = "*"
        paths = self._counts.setdefault(session, {})
        key = (path, code)
        if key not in paths and len(paths) >= DENIAL_PATHS_PER_SESSION_MAX:
            key = ("*", "*")
        paths[key] = times = paths.get(key, 0) + 1
        return times if times & (times - 1) == 0 else None

    def clear(self, session: str, path: str) -> None:
        """A write of this session landed on the path: counting starts anew."""
        paths = self._counts.get(session)
        if paths:
            for key in [key for key in paths if key[0] == path]:
                del paths[key]


def beaten_by(error: AccordantError) -> dict[str, Any]:
    """Whose write, or whose claim, stood in the way: what a denial's entry keeps of it."""
    fields = error.fields
    if "changed_by" in fields:
        return {"beaten_by": {"actor": fields["changed_by"], "version": fields.get("current")}}
    if "stale" in fields:
        return {"stale": fields["stale"]}
    if "holder" in fields:
        return {"beaten_by": {"actor": fields["holder"]}}
    return {}
