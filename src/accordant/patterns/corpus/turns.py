"""One after the other: contributors of a process, and threads that work on a handle's view.

The line of contributors is courtesy, so that they do not compare in vain; what decides is the log's `expect=`, as for everybody
in other processes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import ParamSpec, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

__all__ = ["in_thread", "queue_of"]

P = ParamSpec("P")
R = TypeVar("R")

_QUEUES: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakValueDictionary[Hashable, asyncio.Lock]] = WeakKeyDictionary()


def queue_of(corpus: Hashable) -> asyncio.Lock:
    """The line of this corpus in the running loop, first come first served; forgotten when nobody stands in it."""
    lines = _QUEUES.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
    line = lines.get(corpus)
    if line is None:
        line = lines[corpus] = asyncio.Lock()
    return line


async def in_thread(work: Callable[P, R], *args: P.args, **options: P.kwargs) -> R:
    """What `work` returns, from a thread. Whoever is cancelled waits for it to end: what it works on is locked that long."""
    running = asyncio.ensure_future(asyncio.to_thread(work, *args, **options))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
