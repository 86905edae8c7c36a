"""Bounds of a document's memory: events, snapshots, retractions, history. Each says why, and what happens when it is reached."""

from __future__ import annotations

from typing import Final

__all__ = ["EVENT_PATHS_MAX", "EVENT_REFS_MAX"]

EVENT_PATHS_MAX: Final = 64
"""Paths that one event names. An event of more names the first ones; `count` still says of how many entries it is."""

EVENT_REFS_MAX: Final = 256
"""Refs that one event names. Whoever needs the rest reads the log between `first` and `version`."""
