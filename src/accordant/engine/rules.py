"""The region rules: whether an actor may do to a region what an update would do, and which operations that is.

Works on a resolved draft and the declared schema; changes nothing and calls no CRDT. `kinds.py` holds the rule of each
kind; here is what holds for all: guarded regions are closed, undeclared ones too unless the schema is open, and regions
have bounds. `describe` tells the operations of an update that nobody judges.
"""

from __future__ import annotations

import sys
from typing import Any

from accordant.engine.case import Case, Entry, Op, Peer, Removed, cases_of, discarded, written
from accordant.engine.kinds import JUDGES, deleted_op, inserted_op, items_op
from accordant.engine.ledger import Shape, is_counted
from accordant.engine.notes import note_for
from accordant.engine.resolve import Draft, Run
from accordant.engine.structs import ANY, DELETED, EMBED, FORMAT, STRING, Id
from accordant.engine.values import values_of
from accordant.types.errors import Denied, Invalid
from accordant.types.regions import GUARDED_ROOT, Kind, Schema

__all__ = ["Op", "Peer", "check_room_at_once", "describe", "judge", "note_for"]


def judge(draft: Draft, schema: Schema, peer: Peer) -> tuple[Op, ...]:
    """The operations of a peer's update; raises `Denied`, `Invalid` or `WireError` for the first that is refused."""
    if len(draft.runs) == 1:
        quick = _keystroke(draft, schema, peer)
        if quick is not None:
            return quick
    ops: list[Op] = []
    for case in cases_of(draft, schema, peer):
        if case.name == GUARDED_ROOT or (case.spec is not None and case.spec.kind.is_guarded):
            text = f"{case.name} is guarded: the authority alone writes it; commit against a version instead"
            case.deny("guarded_closed", "commit", text)
        if case.spec is None:
            if not schema.is_open:
                case.deny("unknown_region", "write", f"there is no region {case.name} in {schema.name}")
            ops += open_ops(case)
            continue
        ops += JUDGES[case.spec.kind](case)
        check_room(case)
    return tuple(ops)


def describe(draft: Draft) -> tuple[Op, ...]:
    """The operations of an update that nobody judges: the authority's own, or one read back from the log."""
    return tuple(op for case in cases_of(draft, None, None) for op in open_ops(case))


def _keystroke(draft: Draft, schema: Schema, peer: Peer) -> tuple[Op, ...] | None:
    """The usual update, judged by the same rules on a short way: one piece of text, or one key of a map written over.

    None for everything else, and for everything that is to be refused: the long way says why.
    """
    run = draft.runs[0]
    place = run.place
    container = place.container
    spec = schema.regions.get(container.name)
    if spec is None or container.depth:
        return None
    rules, struct, size = spec.rules, run.struct, run.size
    key: str | None
    if container.bytes + size > rules.max_bytes:
        return None
    if spec.kind is Kind.TEXT and struct.kind == STRING and not draft.deletes and run.length == struct.length:
        if not rules.permits("insert", peer.actor, peer.roles):
            return None
        values: tuple[Any, ...] = (struct.content,)
        key, operation = None, "insert"
    elif spec.kind is Kind.MAP and struct.kind == ANY and run.length == 1 and _overwrites(draft, struct.origin):
        if container.items >= rules.max_items or not rules.permits("set", peer.actor, peer.roles):
            return None
        try:
            values = (spec.check(struct.content[-1]),)
        except Invalid:
            return None
        key, operation = place.key, "set"
    else:
        return None
    one = (run.client, run.clock)
    return (Op(container.name, operation, key, run.length, values, (one,), struct.origin, size),)


def _overwrites(draft: Draft, origin: Id | None) -> bool:
    """Whether all that the update deletes is what its one entry was written over."""
    deletes = draft.deletes
    if not deletes:
        return True
    return origin is not None and len(deletes) == 1 and deletes.get(origin[0]) == [(origin[1], origin[1] + 1)]


# -- without rules ----------------------------------------------------------------------------------------------


def open_ops(case: Case) -> list[Op]:
    """Operations of a region that nobody declared, or of an update that is not judged: what happened, in the same words.

    Content of a shared type that is new here is part of that type's value and no operation of its own.
    """
    draft = case.draft
    ops: list[Op] = []
    texts: list[Run] = []
    entries: dict[int, Entry] = {}
    for run in case.runs:
        if run.place.container.depth and draft.is_fresh(run.place.container):
            continue
        if run.place.key is not None:
            entries.setdefault(id(run.place), Entry(run.place)).runs.append(run)
        elif _is_textual(case, run):
            texts.append(run)
        else:
            # The log's own updates are read back as appends: a compacted log puts what it folded before everything else
            at_end = run.struct.right is None or case.peer is None
            op = items_op(case, run, "append" if at_end else "insert")
            if op.values or case.peer is None:
                ops.append(op)
    inserted = inserted_op(case, texts) if texts else None
    if inserted is not None:
        ops.append(inserted)
    gone: list[Removed] = []
    for removed in case.removed:
        if removed.place.key is not None:
            entries.setdefault(id(removed.place), Entry(removed.place)).removed.append(removed)
        else:
            gone.append(removed)
    if gone:
        ops.append(deleted_op(case, gone))
    for entry in entries.values():
        ops += _open_entry(case, entry)
    return ops


def _is_textual(case: Case, run: Run) -> bool:
    kind = run.struct.kind
    if kind != DELETED:
        return kind in (STRING, FORMAT, EMBED)
    return case.peer is not None or case.draft.shape(run.place.container) > Shape.MAP


def _open_entry(case: Case, entry: Entry) -> list[Op]:
    path = "/".join((*entry.place.container.path[1:], entry.place.key or ""))
    alive = written(case, entry)
    ops: list[Op] = []
    if alive:
        last = alive[-1]
        values = tuple(values_of(case.draft, last, last.clock, last.end))
        one = (last.client, last.clock)
        ops.append(Op(case.name, "set", path, 1, values, (one,), last.struct.origin, last.size))
    gone = discarded(case, entry, alive)
    if gone:
        ops.append(deleted_op(case, gone, path))
    return ops


# -- bounds -----------------------------------------------------------------------------------------------------


def check_room(case: Case) -> None:
    """The region's bounds hold after this update; raises `Denied` when it grows beyond them."""
    spec, root = case.spec, case.root
    if spec is None or not case.runs:
        return
    rules = spec.rules
    # What a text holds is bounded in bytes alone
    items_max = sys.maxsize if spec.kind is Kind.TEXT else rules.max_items
    added_bytes = sum(run.size for run in case.runs)
    added_items = sum(run.length for run in case.runs if is_counted(run.place))
    if root.items + added_items <= items_max and root.bytes + added_bytes <= rules.max_bytes:
        return
    items = size = 0
    for run in case.runs:
        lives = sum(end - clock for clock, end in case.draft.living(run))
        size += run.size * lives // run.length
        items += lives if is_counted(run.place) else 0
    for gone in case.removed:
        found = case.draft.ledger.clients[gone.client]
        size -= found.bytes_before(gone.end) - found.bytes_before(gone.clock)
        items -= gone.end - gone.clock if is_counted(gone.place) else 0
    if items > 0 and root.items + items > items_max:
        case.deny("region_full", "insert", f"{case.name} holds at most {rules.max_items} items")
    if size > 0 and root.bytes + size > rules.max_bytes:
        case.deny("region_full", "insert", f"{case.name} holds at most {rules.max_bytes} bytes")


def check_room_at_once(draft: Draft, schema: Schema) -> None:
    """Every region has room for all that comes, before anything goes: what a later update deletes makes no room for an
    earlier one that is judged together with it. Raises `Denied`."""
    added: dict[str, list[int]] = {}
    for run in draft.runs:
        totals = added.setdefault(run.place.container.root.name, [0, 0])
        totals[0] += run.length if is_counted(run.place) else 0
        totals[1] += run.size
    for name, (items, size) in added.items():
        spec, root = schema.region(name), draft.ledger.roots.get(name)
        if spec is None or root is None:
            continue
        items_max = sys.maxsize if spec.kind is Kind.TEXT else spec.rules.max_items
        if root.items + items > items_max or root.bytes + size > spec.rules.max_bytes:
            raise Denied(f"{name} has no room for all of this at once", code="region_full", path=name)
