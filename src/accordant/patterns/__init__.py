"""The shapes that shared memory takes, each a thin face over ordinary regions: no more is known here than a document's handle.

The functions that declare them (`block`, `channel`, ...) bear the names of their modules, so those are taken from `accordant`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accordant.patterns.block import Block
    from accordant.patterns.board import Board
    from accordant.patterns.channel import Channel
    from accordant.patterns.corpus import Corpus
    from accordant.patterns.promotion import Promoted, promote, promoted
    from accordant.patterns.scheduler import Scheduler
    from accordant.patterns.store import Store

__all__ = ["LAZY", "Block", "Board", "Channel", "Corpus", "Promoted", "Scheduler", "Store", "promote", "promoted"]

LAZY = {
    "Block": "accordant.patterns.block",
    "Board": "accordant.patterns.board",
    "Channel": "accordant.patterns.channel",
    "Corpus": "accordant.patterns.corpus",
    "Promoted": "accordant.patterns.promotion",
    "Scheduler": "accordant.patterns.scheduler",
    "Store": "accordant.patterns.store",
    "promote": "accordant.patterns.promotion",
    "promoted": "accordant.patterns.promotion",
}
"""Where each is: `accordant` looks here too."""


def __getattr__(name: str) -> Any:
    """Each pattern loads its machinery when it is first named."""
    if name in LAZY:
        from importlib import import_module

        return getattr(import_module(LAZY[name]), name)
    raise AttributeError(f"module 'accordant.patterns' has no attribute {name!r}")
