"""`region(...)`: the rules of one region, written beside its annotation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from accordant.types.errors import SchemaError
from accordant.types.limits import REGION_BYTES_MAX, REGION_ITEMS_MAX
from accordant.types.regions import Rules

__all__ = ["region"]


def region(
    *,
    writers: str | Iterable[str] | None = None,
    allow: Mapping[str, Iterable[str]] | None = None,
    max_items: int = REGION_ITEMS_MAX,
    max_bytes: int = REGION_BYTES_MAX,
    validators: Callable[[Any], Any] | Iterable[Callable[[Any], Any]] = (),
    lww: str | None = None,
    default: Any = None,
    coherent: Callable[[Mapping[str, Any]], Any] | Iterable[Callable[[Mapping[str, Any]], Any]] = (),
) -> Any:
    """Rules for the region it is assigned to.

    `writers`: the only agents (or `"role:<role>"`) that may write: a single-writer region. `allow`: operations by agent,
    role or `"*"`, such as `{"*": {"insert"}, "role:curator": {"replace", "rethink"}}`. `max_items`, `max_bytes`: what fits.
    `validators`: called with the JSON value; raise `ValueError` or return False to reject. `lww`: for `Map` alone, why last
    writer wins is fine there. `default`: what a guarded field reads as before its first write.
    `coherent`: checks that a coherence pass makes and no write waits for: called with the values of all regions by name, each
    answers None, a text, an `Incoherent(text, paths)`, or several.
    """
    if isinstance(writers, str):
        writers = (writers,)
    if max_items < 1 or max_bytes < 1:
        raise SchemaError("max_items and max_bytes are at least 1")
    if lww is not None and not lww.strip():
        raise SchemaError('lww= says why last writer wins is fine: region(lww="cursor positions, cosmetic")')
    return Rules(
        writers=None if writers is None else frozenset(writers),
        allow=None if allow is None else {who: frozenset(_words(operations)) for who, operations in allow.items()},
        max_items=max_items,
        max_bytes=max_bytes,
        validators=(validators,) if callable(validators) else tuple(validators),
        lww=lww,
        default=default,
        coherent=(coherent,) if callable(coherent) else tuple(coherent),
    )


def _words(operations: Iterable[str]) -> Iterable[str]:
    return (operations,) if isinstance(operations, str) else operations
