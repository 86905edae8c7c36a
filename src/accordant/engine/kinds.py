"""One judge per region kind: what may happen to a text, a log, a set, a counter, a map, a piece of XML.

Each gets one region's part of an update, raises `Denied`, `Invalid` or `WireError`, and returns the operations in the words of
the audit. What is inserted and deleted within one update needs permission like anything else, but is nobody's value.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import Any, Final

from accordant.engine.case import Case, Op, Removed, at_root, discarded, entries_of, written
from accordant.engine.notes import digest_of, pair_of
from accordant.engine.resolve import Draft, Run
from accordant.engine.structs import STRING, TYPE, Id
from accordant.engine.values import values_of
from accordant.types.errors import Invalid, WireError
from accordant.types.limits import LOG_DEAD_PER_UPDATE_MAX
from accordant.types.regions import Kind

__all__ = ["JUDGES", "deleted_op", "inserted_op", "items_op"]


def _text(case: Case) -> list[Op]:
    ops: list[Op] = []
    draft = case.draft
    if case.runs:
        case.permit("insert")
        for run in case.runs:
            if run.struct.kind == TYPE:
                raise WireError(f"{case.name} is a text: no shared types inside", code="wrong_content", path=case.name)
        inserted = inserted_op(case, case.runs)
        if inserted is not None:
            ops.append(inserted)
    gone, formats = [], 0
    clients = draft.ledger.clients
    for removed in case.removed:
        known = clients[removed.client].formats
        if bisect_left(known, removed.end) - bisect_left(known, removed.clock) == removed.end - removed.clock:
            formats += removed.end - removed.clock
        else:
            gone.append(removed)
    if formats and not case.runs:
        case.permit("insert")
        ops.append(Op(case.name, "insert", count=formats))
    if gone:
        case.permit("delete")
        ops.append(deleted_op(case, gone))
    return ops


def inserted_op(case: Case, runs: list[Run]) -> Op | None:
    """One op for everything that was put into a text; None when none of it lives."""
    draft = case.draft
    values: list[Any] = []
    count = size = 0
    for run in runs:
        if (
            not draft.deletes
            and run.struct.kind == STRING
            and run.length == run.struct.length
            and not run.place.container.depth
        ):
            values.append(run.struct.content)
            count += run.length
        else:
            for clock, end in draft.living(run):
                values += values_of(draft, run, clock, end)
                count += end - clock
        size += run.size
    if not count:
        return None
    ids = tuple((run.client, run.clock) for run in runs)
    return Op(case.name, "insert", None, count, tuple(values), ids, runs[0].struct.origin, size)


def deleted_op(case: Case, gone: list[Removed], key: str | None = None, operation: str = "delete") -> Op:
    count = sum(removed.end - removed.clock for removed in gone)
    return Op(case.name, operation, key, count, (), tuple((removed.client, removed.clock) for removed in gone))


def _log(case: Case) -> list[Op]:
    runs, removed = at_root(case)
    if removed:
        case.deny("entry_changed", "delete", f"entries of {case.name} never change; append a correction")
    case.permit("append")
    ops = []
    for run in runs:
        if run.struct.right is not None and not _is_fresh_and_dead(case.draft, run.struct.right):
            case.deny("not_at_tail", "append", f"{case.name} only grows at its end")
        ops.append(items_op(case, run, "append"))
    if sum(len(op.dead) for op in ops) > LOG_DEAD_PER_UPDATE_MAX:
        raise WireError(f"too many dead entries for {case.name}", code="too_many_structs", path=case.name)
    return ops


def _is_fresh_and_dead(draft: Draft, one: Id) -> bool:
    """Whether an id was brought and deleted by this update: what stands before it still stands at the end."""
    span = draft.fresh.get(one[0])
    return span is not None and span[0] <= one[1] and draft.is_deleted(*one)


def items_op(case: Case, run: Run, operation: str) -> Op:
    """One op for a run of an array: its living values checked, its dead ids named."""
    draft = case.draft
    pieces = draft.living(run)
    is_shared = run.struct.kind == TYPE
    values: list[Any] = []
    lives = 0
    for clock, end in pieces:
        lives += end - clock
        values += [case.check(value, operation, is_shared) for value in values_of(draft, run, clock, end)]
    dead: tuple[Id, ...] = ()
    if lives < run.length:
        if run.length - lives <= LOG_DEAD_PER_UPDATE_MAX:
            alive = {clock for start, end in pieces for clock in range(start, end)}
            dead = tuple((run.client, clock) for clock in range(run.clock, run.end) if clock not in alive)
        elif case.spec is not None:
            raise WireError(f"too many dead entries for {case.name}", code="too_many_structs", path=case.name)
    one = (run.client, run.clock)
    return Op(case.name, operation, None, run.length, tuple(values), (one,), run.struct.origin, run.size, dead)


def _union_set(case: Case) -> list[Op]:
    ops: list[Op] = []
    for entry in entries_of(case):
        tag = entry.place.key
        if entry.runs:
            case.permit("add")
        alive = written(case, entry)
        values = _checked(case, alive, "add", tag)
        # A tag is written once. Repeating the same member is what undo and retries do; it changes nothing.
        digests = {digest_of(value) for value in values}
        if alive and entry.place.index >= 0:
            digests.add(entry.place.note)
        if len(digests) > 1:
            case.deny("entry_changed", "add", f"{case.name} has a member {tag} already: add under a new tag", tag)
        if alive:
            ops.append(_set(case, alive, values[-1], "add", tag))
        gone = discarded(case, entry, alive)
        if gone:
            case.permit("discard")
            ops.append(deleted_op(case, gone, tag, "discard"))
    return ops


def _map(case: Case) -> list[Op]:
    ops: list[Op] = []
    for entry in entries_of(case):
        key = entry.place.key
        if entry.runs:
            case.permit("set")
        alive = written(case, entry)
        values = _checked(case, alive, "set", key)
        if alive:
            ops.append(_set(case, alive, values[-1], "set", key))
        gone = discarded(case, entry, alive)
        if gone:
            case.permit("delete")
            ops.append(deleted_op(case, gone, key))
    return ops


def _checked(case: Case, alive: list[Run], operation: str, key: str | None) -> list[Any]:
    """The canonical values of a key's living runs. Of several, any may win against what others write: all must fit."""
    return [
        case.check(values_of(case.draft, run, run.clock, run.end)[0], operation, run.struct.kind == TYPE, key)
        for run in alive
    ]


def _set(case: Case, alive: list[Run], value: Any, operation: str, key: str | None) -> Op:
    last = alive[-1]
    size = sum(run.size for run in alive)
    return Op(case.name, operation, key, 1, (value,), ((last.client, last.clock),), last.struct.origin, size)


def _counter(case: Case) -> list[Op]:
    ops: list[Op] = []
    for entry in entries_of(case):
        key = entry.place.key
        case.permit("increment")
        for run in entry.runs:
            if key != str(run.client):
                case.deny(
                    "not_your_counter", "increment", f"the entry {key} of {case.name} belongs to client {key}", key
                )
        alive = written(case, entry)
        old = entry.place.note or [0, 0]
        before = old
        for run in alive:
            pair = pair_of(values_of(case.draft, run, run.clock, run.end)[0])
            if pair is None:
                text = f"{case.name}: an entry is [plus, minus], two whole numbers from 0"
                raise Invalid(text, code="invalid_value", path=f"{case.name}/{key}", operation="increment")
            if pair[0] < before[0] or pair[1] < before[1]:
                case.deny("counter_decreased", "increment", f"the parts of a counter of {case.name} only grow", key)
            before = pair
        if discarded(case, entry, alive):
            case.deny("not_your_counter", "increment", f"entries of {case.name} are never removed", key)
        if alive:
            last = alive[-1]
            growth = before[0] - old[0] - (before[1] - old[1])
            one, origin = (last.client, last.clock), last.struct.origin
            ops.append(Op(case.name, "increment", key, growth, (before,), (one,), origin, last.size))
    return ops


def _xml(case: Case) -> list[Op]:
    case.permit("edit")
    count = sum(end - clock for run in case.runs for clock, end in case.draft.living(run))
    count += sum(gone.end - gone.clock for gone in case.removed)
    ids = tuple((run.client, run.clock) for run in case.runs) or tuple((one.client, one.clock) for one in case.removed)
    origin = case.runs[0].struct.origin if case.runs else None
    return [Op(case.name, "edit", None, count, (), ids, origin, sum(run.size for run in case.runs))]


def _guarded(case: Case) -> list[Op]:
    raise AssertionError(f"{case.name} is guarded and was refused before")


JUDGES: Final[Mapping[Kind, Callable[[Case], list[Op]]]] = {
    Kind.GUARDED: _guarded,
    Kind.GUARDED_MAP: _guarded,
    Kind.TEXT: _text,
    Kind.LOG: _log,
    Kind.UNION_SET: _union_set,
    Kind.COUNTER: _counter,
    Kind.MAP: _map,
    Kind.XML: _xml,
}
