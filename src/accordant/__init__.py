"""accordant: one shared document, many agents.

What can merge merges. What must not be overwritten is guarded. What the merge cannot see is checked. And everything that
happened can be asked about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accordant.document.document import Document
from accordant.document.regions import Counter, Guarded, GuardedMap, Log, Map, Text, UnionSet, Xml
from accordant.document.rules import region
from accordant.document.snapshot import Snapshot
from accordant.patterns import LAZY as PATTERNS
from accordant.types.errors import (
    AccordantError,
    Conflict,
    Denied,
    EpochChanged,
    Fenced,
    Invalid,
    NoAuthority,
    Runaway,
    SchemaError,
    SnapshotExpired,
    StaleRead,
    StoreError,
    WireError,
)
from accordant.types.events import Event, EventKind, Invalidated, Lagged, SecondWriter, WriteDenied
from accordant.types.namespaces import DocumentKey, Namespace
from accordant.types.past import Appearance, BlameRun, Change, Explanation, Trace
from accordant.types.presence import Present
from accordant.types.provenance import Retraction
from accordant.types.readings import Claim, Held, LogItem, Reading, Stale, Token
from accordant.types.refs import Ref
from accordant.types.regions import Incoherent
from accordant.types.retention import Retention

if TYPE_CHECKING:
    from accordant.coherence_pass.runner import CoherencePass
    from accordant.engine.host.engine import Engine
    from accordant.patterns.block import Block, block
    from accordant.patterns.board import Board, Task
    from accordant.patterns.channel import Channel, channel
    from accordant.patterns.claiming import claim_next, claimed
    from accordant.patterns.corpus import Corpus, corpus
    from accordant.patterns.firing import Budget, End, Firing, Run, Wake
    from accordant.patterns.promotion import Promoted, promote, promoted
    from accordant.patterns.scheduler import Scheduler
    from accordant.patterns.store import Store, store
    from accordant.patterns.store_items import Absent, Item, ItemChanged
    from accordant.patterns.turns import Turn
    from accordant.sync.client import connect

__version__ = "0.1.0"

__all__ = [
    "Absent",
    "AccordantError",
    "Appearance",
    "BlameRun",
    "Block",
    "Board",
    "Budget",
    "Change",
    "Channel",
    "Claim",
    "CoherencePass",
    "Conflict",
    "Corpus",
    "Counter",
    "Denied",
    "Document",
    "DocumentKey",
    "End",
    "Engine",
    "EpochChanged",
    "Event",
    "EventKind",
    "Explanation",
    "Fenced",
    "Firing",
    "Guarded",
    "GuardedMap",
    "Held",
    "Incoherent",
    "Invalid",
    "Invalidated",
    "Item",
    "ItemChanged",
    "Lagged",
    "Log",
    "LogItem",
    "Map",
    "Namespace",
    "NoAuthority",
    "Present",
    "Promoted",
    "Reading",
    "Ref",
    "Retention",
    "Retraction",
    "Run",
    "Runaway",
    "Scheduler",
    "SchemaError",
    "SecondWriter",
    "Snapshot",
    "SnapshotExpired",
    "Stale",
    "StaleRead",
    "Store",
    "StoreError",
    "Task",
    "Text",
    "Token",
    "Trace",
    "Turn",
    "UnionSet",
    "Wake",
    "WireError",
    "WriteDenied",
    "Xml",
    "block",
    "channel",
    "claim_next",
    "claimed",
    "connect",
    "corpus",
    "promote",
    "promoted",
    "region",
    "store",
]

_LAZY = PATTERNS | {
    "Absent": "accordant.patterns.store_items",
    "Budget": "accordant.patterns.firing",
    "CoherencePass": "accordant.coherence_pass.runner",
    "End": "accordant.patterns.firing",
    "Engine": "accordant.engine.host.engine",
    "Firing": "accordant.patterns.firing",
    "Item": "accordant.patterns.store_items",
    "ItemChanged": "accordant.patterns.store_items",
    "Run": "accordant.patterns.firing",
    "Task": "accordant.patterns.board",
    "Turn": "accordant.patterns.turns",
    "Wake": "accordant.patterns.firing",
    "block": "accordant.patterns.block",
    "channel": "accordant.patterns.channel",
    "claim_next": "accordant.patterns.claiming",
    "claimed": "accordant.patterns.claiming",
    "connect": "accordant.sync.client",
    "corpus": "accordant.patterns.corpus",
    "store": "accordant.patterns.store",
}


def __getattr__(name: str) -> Any:
    """What has machinery of its own loads it when it is first named: importing the types stays quick."""
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'accordant' has no attribute {name!r}")
