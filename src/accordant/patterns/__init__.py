"""The shapes that shared memory takes, each a thin face over ordinary regions: no more is known here than a document's handle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accordant.patterns.block import Block, block
    from accordant.patterns.channel import Channel, channel
    from accordant.patterns.corpus import Corpus
    from accordant.patterns.promotion import Promoted, promote, promoted

__all__ = ["Block", "Channel", "Corpus", "Promoted", "block", "channel", "promote", "promoted"]

_LAZY = {
    "Promoted": "accordant.patterns.promotion",
    "promote": "accordant.patterns.promotion",
    "promoted": "accordant.patterns.promotion",
    "Block": "accordant.patterns.block",
    "block": "accordant.patterns.block",
    "Channel": "accordant.patterns.channel",
    "channel": "accordant.patterns.channel",
    "Corpus": "accordant.patterns.corpus",
}


def __getattr__(name: str) -> Any:
    """Each pattern loads its machinery when it is first named."""
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'accordant.patterns' has no attribute {name!r}")
