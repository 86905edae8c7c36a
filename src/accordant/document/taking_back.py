"""Taking back and superseding, from the handle's side: refs and values to one write, its outcome to a `Retraction`."""

from __future__ import annotations

from typing import Any

from accordant.document.batch import in_batch
from accordant.document.port import Port
from accordant.types.commands import Committed, Submission, Write
from accordant.types.provenance import Retraction
from accordant.types.readings import LogItem, Reading
from accordant.types.refs import Ref
from accordant.types.regions import Kind, RegionSpec

__all__ = ["ref_of", "take_back"]


def ref_of(named: Any) -> Ref:
    """The ref of whatever names something written: a ref, its text, an item of a log, a reading. Raises `Invalid`."""
    if isinstance(named, Reading | LogItem):
        named = named.ref
    return Ref.parse(named)


async def take_back(port: Port, spec: RegionSpec | None, op: str, ref: Ref, by: Any, why: str | None) -> Retraction:
    """Land it. `by`: what stands in its place, a value or something that names one; None: nothing does."""
    args: dict[str, Any] = {"ref": str(ref)}
    if isinstance(by, Ref | Reading | LogItem):
        args["replacement"] = str(ref_of(by))
    elif by is not None:
        args["value"] = by if spec is None else spec.dump(by)
    write = Write(ref.region, Kind.LOG if spec is None else spec.kind, op, ref.key, args)
    committed = await port.submit(in_batch(port, Submission((write,), port.new_op_id(), why)))
    return _retraction(ref, committed)


def _retraction(ref: Ref, committed: Committed) -> Retraction:
    info = committed.info or {}
    replacement = info.get("replacement")
    return Retraction(
        committed.version,
        ref,
        None if replacement is None else Ref(replacement),
        tuple(Ref(one) for one, _ in info.get("suspects", ())),
        {Ref(one): tuple(agents) for one, agents in info.get("readers", {}).items()},
        not info.get("truncated", False),
    )
