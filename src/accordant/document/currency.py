"""Whether what was read is still what there is: asked of the authority, changing nothing.

A write with `derived_from=` is judged by the engine (`engine.freshness`), and that verdict counts. Here a reader is told before
it spends its time on a write, and a supervisor what became of the readings that were handed to it.
"""

from __future__ import annotations

from collections.abc import Iterable

from accordant.document.port import Port
from accordant.types.commands import Question
from accordant.types.errors import Denied, Invalid
from accordant.types.provenance import WHOLE
from accordant.types.readings import SUSPECT, Basis, Stale, Token, mark_of
from accordant.types.refs import Ref
from accordant.types.regions import COHERENCE, Kind

__all__ = ["is_current", "moved_on"]


async def moved_on(port: Port, bases: Iterable[Basis]) -> tuple[Stale, ...]:
    """What of it has changed since, by versions alone: a restart of the authority changes nothing. What cannot be read (no such
    region, no grant) cannot be confirmed, so it counts as changed."""
    found: list[Stale] = []
    for basis in bases:
        found += (await _compared(port, basis))[0]
    return tuple(found)


async def is_current(port: Port, bases: Iterable[Basis]) -> bool:
    """Whether a write that is derived from all of it would land now: unchanged, and read from the present authority."""
    for basis in bases:
        stale, now = await _compared(port, basis)
        if stale or not (basis.is_ref or (now is not None and now.epoch == basis.token.epoch)):
            return False
    return True


async def _compared(port: Port, basis: Basis) -> tuple[list[Stale], Token | None]:
    """What has changed, and a token of the present authority."""
    if basis.path == WHOLE and not basis.is_ref:
        return await _whole(port, basis)
    try:
        return await _one(port, basis)
    except (Invalid, Denied):
        return [Stale(basis.path, basis.token.version, 0)], None


async def _one(port: Port, basis: Basis) -> tuple[list[Stale], Token]:
    ref = Ref.parse(basis.path) if basis.is_ref else None
    path, yours = (basis.path, basis.token.version) if ref is None else (ref.path, ref.version)
    name, slash, key = path.partition("/")
    kind = await _kind_of(port, name)
    known = None if ref is not None and not kind.is_guarded else yours
    answer = await port.ask(Question(name, kind, key if slash else None, known=known, is_cached=False))
    now, by = answer.token, answer.by
    if ref is not None and not kind.is_guarded:  # what was written stays what it is until it is taken back
        status, _ = mark_of(answer.marks or {}, ref)
        is_gone = status not in ("current", SUSPECT)
    else:
        is_gone = now.version != yours or (ref is None and now.incarnation != basis.token.incarnation)
    return [Stale(basis.path, yours, now.version, by)] if is_gone else [], now


async def _whole(port: Port, basis: Basis) -> tuple[list[Stale], Token]:
    cut = await port.cut(None, None)
    now, yours = cut.token(cut.version), basis.token.version
    is_other = now.incarnation != basis.token.incarnation
    changed = [
        Stale(name, yours, one.version, one.by)
        for name, one in sorted(cut.regions.items())
        if name != COHERENCE and (one.version > yours or is_other)
    ]
    return changed, now


async def _kind_of(port: Port, name: str) -> Kind:
    """As declared; in a document without a schema, as it is there. Raises `Invalid`."""
    spec = port.schema.region(name)
    if spec is not None:
        return spec.kind
    found = (await port.cut(frozenset({name}), None)).regions.get(name)
    if found is None:
        raise Invalid(f"there is no region {name!r}", code="unknown_region", path=name)
    return found.kind
