"""From a snapshot to what the pass reads: the outline of its version, rebuilt from the cut.

A cut names one writer per text, the last one. `passages_of_snapshot` is content with that, asks nobody and waits for nothing;
`read_outline` asks for blame at the snapshot's version, so that each sentence has its authors and what was taken back of a text
is left out. Whoever has a document and no snapshot reads `Document.outline`, which has all of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from accordant.coherence_pass.from_outline import passages_of_outline
from accordant.coherence_pass.passages import Passage
from accordant.document.document import Document
from accordant.document.snapshot import Snapshot, cut_of
from accordant.types.regions import Kind
from accordant.types.snapshots import RegionCut

__all__ = ["outline_of_snapshot", "passages_of_snapshot", "read_outline"]

Runs = Mapping[str, Sequence[Sequence[Any]]]


def passages_of_snapshot(snapshot: Snapshot[Any], runs: Runs | None = None) -> list[Passage]:
    """The passages of a snapshot. `runs`: [start, end, actor, version] of its texts, as `blame` gives them."""
    return passages_of_outline(outline_of_snapshot(snapshot, runs))


def outline_of_snapshot(snapshot: Snapshot[Any], runs: Runs | None = None) -> Mapping[str, Any]:
    """The outline of a snapshot's version."""
    return _outline(snapshot, runs or {})


async def read_outline(source: Document | Snapshot[Any]) -> Mapping[str, Any]:
    """The outline of a document as it is now, or of a snapshot, authors of texts included: for `passages_of_outline`."""
    if isinstance(source, Document):
        return await source.outline()
    regions = cut_of(source).regions
    texts = [name for name, region in regions.items() if region.kind is Kind.TEXT and region.content]
    runs = {name: await source.document.blame(name, source.version) for name in texts}
    return _outline(source, {n: [(r.start, r.end, r.actor, r.version) for r in found] for n, found in runs.items()})


def _outline(snapshot: Snapshot[Any], runs: Runs) -> dict[str, Any]:
    cut = cut_of(snapshot)
    regions: dict[str, Any] = {}
    fields: dict[str, Any] = {}
    marks: dict[str, Any] = {}
    for name, region in cut.regions.items():
        marks |= region.marks or {}
        if region.kind.is_guarded:
            fields |= _fields(name, region)
            continue
        shown = {
            "kind": region.kind.value,
            "version": region.version,
            "by": region.by,
            "at": region.at,
            "value": region.value(),
        }
        regions[name] = shown | _parts(name, region, runs.get(name, ()))
    return {"version": cut.version, "regions": regions, "fields": fields, "marks": marks}


def _fields(name: str, region: RegionCut) -> dict[str, Any]:
    return {
        name if key is None else f"{name}/{key}": {
            "value": region.value()[key] if region.kind is Kind.GUARDED_MAP else _one(one.value),
            "version": one.version,
            "by": one.by,
            "at": one.at,
        }
        for key, one in region.fields.items()
        if one.value is not None
    }


def _parts(name: str, region: RegionCut, runs: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """Items, members and runs as an outline has them. A cut tells no authors of members: the region's last writer stands in."""
    told = {"version": region.version, "by": region.by, "at": region.at}
    match region.kind:
        case Kind.TEXT:
            return {"runs": list(runs)}
        case Kind.LOG:
            rows = zip(region.rows or (), region.value(), strict=True)
            return {
                "items": [
                    {"ref": ref, "value": value, "version": version, "by": by, "at": at}
                    for (ref, version, by, at), value in rows
                ]
            }
        case Kind.UNION_SET:
            return {"members": [{"key": str(n), "value": value} | told for n, value in enumerate(region.value())]}
        case Kind.MAP:
            return {"members": [{"key": key, "value": value} | told for key, value in region.value().items()]}
    return {}


def _one(text: str | None) -> Any:
    return None if text is None else json.loads(text)
