"""Whether what a write was derived from is still current (I5): a reading, a ref by itself, or a whole snapshot. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from accordant.engine.guard import Reader
from accordant.engine.state import DocumentState
from accordant.types.errors import EpochChanged, Invalid, StaleRead
from accordant.types.memory_limits import STALE_NAMED_MAX
from accordant.types.provenance import WHOLE
from accordant.types.readings import Basis
from accordant.types.refs import Ref
from accordant.types.regions import COHERENCE

__all__ = ["check_bases"]

Stale = Mapping[str, Any]


def check_bases(bases: Iterable[Basis], reader: Reader, state: DocumentState) -> None:
    """Raises `StaleRead` naming all that has changed, `EpochChanged` for a reading of another authority.

    A basis may come from another agent's reading, and outlive that agent's session: it is the version that counts. A ref is
    current until it is taken back, or, of a guarded path, until the next write.
    """
    stale: list[Stale] = []
    for basis in bases:
        if basis.is_ref:
            stale += _stale_ref(Ref.parse(basis.path), state)
            continue
        token = basis.token
        if token.epoch != reader.epoch or token.incarnation != reader.incarnation:
            raise EpochChanged(f"{basis.path} was read from another epoch of this document", path=basis.path)
        if basis.path == WHOLE:
            stale += _changed_since(token.version, state)
            continue
        version, by = state.version_of(basis.path)
        if version != token.version:
            stale.append(_stale(basis.path, token.version, version, by))
    if stale:
        shown = stale[:STALE_NAMED_MAX]
        names = ", ".join(f"{one['path']} (you read v{one['yours']}, now v{one['current']})" for one in shown)
        more = f" and {len(stale) - len(shown)} more" if len(stale) > len(shown) else ""
        raise StaleRead(f"derived from what has changed since: {names}{more}", path=stale[0]["path"], stale=shown)


def _stale(path: str, yours: int, current: int, by: str | None) -> Stale:
    return {"path": path, "yours": yours, "current": current, "changed_by": by}


def _stale_ref(ref: Ref, state: DocumentState) -> list[Stale]:
    if not 0 < ref.version <= state.head:
        raise Invalid(f"there is no version {ref.version} yet, so no {ref}", code="unknown_ref", path=ref.path)
    field, mark = state.fields.get(ref.path), state.marks.of(ref)
    if field is not None and field.version != ref.version:
        return [_stale(ref, ref.version, field.version, field.by)]
    if mark is not None and mark.status != "suspect":
        return [_stale(ref, ref.version, mark.version, state.actors.of(mark.version)[0])]
    return []


def _changed_since(version: int, state: DocumentState) -> list[Stale]:
    changed = [(path, field.version) for path, field in state.fields.items() if field.version > version]
    guarded = {path.partition("/")[0] for path, _ in changed}
    changed = [one for one in changed if not one[0].startswith(f"{COHERENCE}/")]  # a finding is in nobody's way (I10)
    changed += [(name, at) for name, at in state.versions.items() if at > version and name not in guarded]
    return [_stale(path, version, at, state.actors.of(at)[0]) for path, at in sorted(changed)]
