"""What one logical run has read: so that its later writes can be checked although their callers name no version.

A run is a context of Python's: a task, a thread, a graph's node. What it reads is known to it and to the contexts copied from
it later, never to the one that it was copied from or to its siblings: two runs that began with the same knowledge do not learn
from each other's writes. Nothing in a context's list is changed for another one: reads are added to a new list, and a read that
is under way has a place in it, which is filled once.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, TypeVar

from accordant.types.pattern_limits import READS_BETWEEN_MAX, READS_KEPT_MAX

__all__ = ["Read", "begin", "known"]

C = TypeVar("C")


class Read:
    """One call's reads: what it has learned by name, when it is done. `with begin() as read`: done in any case by its end."""

    __slots__ = ("_call", "learned")

    def __init__(self, learned: Mapping[Any, Any] | None = None) -> None:
        self.learned = learned
        self._call: weakref.ref[Any] | None = None

    def done(self, learned: Mapping[Any, Any]) -> None:
        """It has learned this. Once."""
        self.learned = dict(learned)

    def of(self, call: C) -> C:
        """It is made by this coroutine: when that is gone without having run, as one that is cancelled before it starts, so is
        the read."""
        self._call = weakref.ref(call)
        return call

    @property
    def is_under_way(self) -> bool:
        """Whether it may still learn something."""
        return self.learned is None and (self._call is None or self._call() is not None)

    def __enter__(self) -> Read:
        return self

    def __exit__(self, *_: object) -> None:
        if self.learned is None:
            self.done({})


_READS: ContextVar[tuple[Read, ...]] = ContextVar("accordant_reads", default=())


def begin() -> Read:
    """A read of this run begins: its place, known to this context from now on."""
    read, reads = Read(), _READS.get()
    done = [one for one in reads if one.learned]
    under_way = tuple(one for one in reads if one.is_under_way)
    if len(done) > READS_BETWEEN_MAX or sum(len(one.learned or ()) for one in done) > 2 * READS_KEPT_MAX:
        folded: dict[Any, Any] = {}
        for one in done:
            for name, seen in (one.learned or {}).items():
                folded.pop(name, None)
                folded[name] = seen
        newest = dict(list(folded.items())[-READS_KEPT_MAX:])
        reads = (Read(newest), *under_way)
    elif len(done) + len(under_way) < len(reads):  # some have learned nothing
        reads = tuple(one for one in reads if one.learned or one.is_under_way)
    _READS.set((*reads, read))
    return read


def known(name: Any) -> Any:
    """What this run knows of that name, last of all; None: it has not read it."""
    for one in reversed(_READS.get()):
        if one.learned and name in one.learned:
            return one.learned[name]
    return None
