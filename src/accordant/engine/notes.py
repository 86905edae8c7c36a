"""What is remembered of a key's value, so that later writes can be compared with it without asking the document."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from accordant.engine.resolve import Draft, Run
from accordant.engine.structs import ANY, TYPE
from accordant.engine.values import values_of
from accordant.types.errors import Invalid
from accordant.types.limits import INTEGER_MAX
from accordant.types.regions import Kind
from accordant.types.values import canonical_json

__all__ = ["digest_of", "note_for", "pair_of"]


def note_for(run: Run, draft: Draft) -> Any:
    """What later writes to this key are compared with: a counter's pair, or the digest of a declared set's member."""
    struct = run.struct
    container = run.place.container
    if container.depth or struct.kind not in (ANY, TYPE):
        return None
    schema = draft.schema
    spec = None if schema is None else schema.region(container.name)
    if spec is not None and spec.kind is Kind.UNION_SET:
        return digest_of(values_of(draft, run, run.clock, run.end)[-1])
    if struct.kind == ANY and (spec is None or spec.kind is Kind.COUNTER) and run.place.key == str(run.client):
        return pair_of(struct.content[-1])
    return None


def pair_of(value: Any) -> list[int] | None:
    """A counter's [plus, minus] as integers (Yjs writers may send floats); None for anything else."""
    if not isinstance(value, list) or len(value) != 2:
        return None
    pair = []
    for part in value:
        if (
            isinstance(part, bool)
            or not isinstance(part, int | float)
            or not 0 <= part <= INTEGER_MAX
            or part != int(part)
        ):
            return None
        pair.append(int(part))
    return pair


def digest_of(value: Any) -> str | None:
    """What a set's member is recognised by; None for what is no JSON value."""
    try:
        return blake2b(canonical_json(value).encode(), digest_size=16).hexdigest()
    except Invalid:
        return None
