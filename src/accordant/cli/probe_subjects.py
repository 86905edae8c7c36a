"""Any Python object with the methods of a store, as a subject of `accordant probe`. Knows no particular store.

A Python object joins in by the methods it has, plain or `async`:

    get(key), put(key, value)                   a plain store; `put` writes the whole record
    read(key), commit(key, value, expect=seen)  a versioned store; `seen` is what its `read` returned, whole: an object
                                                with `.value`, a mapping with "value", or a tuple (value, version)
    delete(key) / delete(key, expect=seen)      optional: deletion and re-creation are examined
    join(agent)                                 optional: an object of the same shape that speaks for one agent; joining
                                                under a name that is taken means that the first holder was replaced (say
                                                `can_delete = True` beside it where the agents' objects have a delete)
    restart()                                   optional: end the store and start it again over the same data

A refusal is any exception from a write, or a write that returns False.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accordant.testing.stage import Refused, Seen, Unusable
from accordant.types.errors import Invalid

__all__ = ["ObjectHandle", "ObjectSubject", "awaited"]


@dataclass(slots=True)
class ObjectSubject:
    """Any object of the shapes above, as a subject."""

    store: Any

    def __post_init__(self) -> None:
        if not hasattr(self.store, "join"):
            _shape(self.store)

    @property
    def can_delete(self) -> bool:
        """Whether the store, or what its `join` returns, offers a delete."""
        return hasattr(self.store, "delete") or bool(getattr(self.store, "can_delete", False))

    @property
    def can_restart(self) -> bool:
        """Whether the store can be ended and started from here."""
        return hasattr(self.store, "restart")

    async def join(self, agent: str) -> ObjectHandle:
        """The agent's own object, or the one that all share."""
        if not hasattr(self.store, "join"):
            return ObjectHandle(self.store)
        own = await awaited(self.store.join(agent))
        _shape(own)
        return ObjectHandle(own)

    async def restart(self) -> None:
        """The store's own restart."""
        await awaited(self.store.restart())


@dataclass(slots=True)
class ObjectHandle:
    """One agent's object."""

    store: Any

    async def read(self, key: str) -> Seen:
        """The record, and the whole reading as token where the store is versioned."""
        if not _is_versioned(self.store):
            return Seen(await awaited(self.store.get(key)))
        reading = await awaited(self.store.read(key))
        return Seen(_value_of(reading), reading)

    async def write(self, key: str, value: Mapping[str, Any], seen: Seen) -> None:
        """Write the whole record, with the reading that it was derived from where the store wants one."""
        record = dict(value)
        if _is_versioned(self.store):
            await _tried(self.store.commit, key, record, expect=seen.token)
        else:
            await _tried(self.store.put, key, record)

    async def delete(self, key: str, seen: Seen) -> None:
        """Delete the record."""
        if "expect" in inspect.signature(self.store.delete).parameters:
            await _tried(self.store.delete, key, expect=seen.token)
        else:
            await _tried(self.store.delete, key)


def _is_versioned(store: Any) -> bool:
    return hasattr(store, "read") and hasattr(store, "commit")


def _shape(store: Any) -> None:
    if not _is_versioned(store) and not (hasattr(store, "get") and hasattr(store, "put")):
        text = f"a {type(store).__name__} has neither get and put nor read and commit"
        raise Invalid(text, code="unknown_target")


def _value_of(reading: Any) -> Any:
    if isinstance(reading, tuple) and len(reading) == 2 and not hasattr(reading, "value"):
        return reading[0]
    if isinstance(reading, Mapping):
        return reading.get("value")
    return getattr(reading, "value", None)


async def awaited(answer: Any) -> Any:
    """The answer itself, from a plain call or an `async` one."""
    return await answer if inspect.isawaitable(answer) else answer


async def _tried(act: Any, *args: Any, **named: Any) -> None:
    """Do it; whatever exception comes out is the store's no, since the same call was accepted without interference."""
    try:
        answer = await awaited(act(*args, **named))
    except Unusable:
        raise
    except Exception as error:
        first = next(iter(str(error).splitlines()), "")
        raise Refused(f"{type(error).__name__}: {first}" if first else type(error).__name__) from error
    if answer is False:
        raise Refused("it returned False")
