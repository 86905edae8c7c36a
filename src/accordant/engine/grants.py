"""What a session's grant lets it do, asked before anything is judged by the regions' rules. Pure.

A grant narrows and never widens: what it permits, a region's own rules may still forbid. A guarded write answers with the
field's value, so it needs `read` too; so does whatever a submission says that it was derived from.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from accordant.engine.gate import Plan
from accordant.types.access import READ, Grant
from accordant.types.commands import Submission
from accordant.types.entries import Entry
from accordant.types.errors import Denied
from accordant.types.provenance import WHOLE, region_of
from accordant.types.snapshots import Cut

__all__ = [
    "DECLARE",
    "check_declare",
    "check_plan",
    "check_read",
    "check_submission",
    "readable",
    "readable_cut",
    "readable_entries",
]

DECLARE = "declare"
"""The word for adding a region to the schema."""
UNNAMED = "write"
"""What an update does to a region without an operation of its own (content born dead): granted only by `*`."""


def check_read(grant: Grant, agent: str, region: str) -> None:
    """Raises `Denied`."""
    _check(grant, agent, READ, region)


def check_declare(grant: Grant, agent: str, region: str) -> None:
    """Raises `Denied` for who may not add this region."""
    _check(grant, agent, DECLARE, region)


def check_plan(grant: Grant, agent: str, plan: Plan) -> None:
    """Every operation of a judged update."""
    named = set()
    for op in plan.ops:
        named.add(op.region)
        _check(grant, agent, op.operation, op.region)
    for region in {run.place.container.name for run in plan.draft.runs} - named:
        _check(grant, agent, UNNAMED, region)


def check_submission(grant: Grant, agent: str, submission: Submission) -> None:
    """Every write, and every basis."""
    for write in submission.writes:
        _check(grant, agent, "claim" if write.op in ("renew", "release") else write.op, write.region)
        if write.kind.is_guarded:
            check_read(grant, agent, write.region)
    for basis in submission.derived_from:
        if basis.path != WHOLE or not grant.reads_everything:
            check_read(grant, agent, region_of(basis.path))


def readable(outline: dict[str, Any], grant: Grant) -> dict[str, Any]:
    """The outline without what may not be read."""
    if grant.reads_everything:
        return outline
    regions = {name: one for name, one in outline["regions"].items() if grant.permits(READ, name)}
    fields = {path: one for path, one in outline["fields"].items() if grant.permits(READ, _region(path))}
    return outline | {"regions": regions, "fields": fields}


def readable_cut(cut: Cut, names: Collection[str] | None, grant: Grant) -> Cut:
    """The cut without what may not be read, and of what may be, these regions alone."""
    regions = {
        name: one for name, one in cut.regions.items() if (names is None or name in names) and grant.permits(READ, name)
    }
    return cut if len(regions) == len(cut.regions) else replace(cut, regions=regions, is_whole=False)


def readable_entries(entries: Sequence[Entry], grant: Grant) -> Sequence[Entry]:
    """The log without what may not be read. An entry of several regions shows its readable operations alone."""
    if grant.reads_everything:
        return entries
    shown = []
    for entry in entries:
        ops = tuple(op for op in entry.ops if grant.permits(READ, op.region))
        if not ops:
            continue
        basis = tuple(one for one in entry.derived_from if grant.permits(READ, region_of(one[0])))
        if len(ops) < len(entry.ops):
            entry = replace(entry, ops=ops, why=None, info={})
        shown.append(replace(entry, derived_from=basis, update=None))
    return shown


def _region(path: str) -> str:
    return path.partition("/")[0]


def _check(grant: Grant, agent: str, operation: str, region: str) -> None:
    if not grant.permits(operation, region):
        text = f"{agent} is not granted {operation} on {region}"
        raise Denied(text, code="no_grant", path=region, operation=operation, agent=agent)
