"""One contributor after the other, for each corpus of this process: courtesy, so that they do not compare in vain.

What decides is the log's `expect=`, as for everybody in other processes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from weakref import WeakKeyDictionary, WeakValueDictionary

__all__ = ["queue_of"]

_QUEUES: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakValueDictionary[Hashable, asyncio.Lock]] = WeakKeyDictionary()


def queue_of(corpus: Hashable) -> asyncio.Lock:
    """The line of this corpus in the running loop, first come first served; forgotten when nobody stands in it."""
    lines = _QUEUES.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
    line = lines.get(corpus)
    if line is None:
        line = lines[corpus] = asyncio.Lock()
    return line
