"""The region rules: whether an actor may do to a region what an update would do, and which operations that is.

Works on a resolved draft and the declared schema; changes nothing and calls no CRDT. One judge per kind: it receives the
fresh runs and the fresh deletions of one region, raises `Denied` or `Invalid`, and returns the operations in the words
of the audit. What is inserted and deleted within one update needs permission like anything else, but is nobody's value.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final, NamedTuple, NoReturn

from accordant.engine.ledger import Container, Place, Shape, is_counted
from accordant.engine.resolve import Draft, Run
from accordant.engine.update import ANY, DELETED, EMBED, FORMAT, STRING, TYPE, Id
from accordant.engine.values import values_of
from accordant.types.errors import Denied, Invalid, WireError
from accordant.types.limits import INTEGER_MAX, LOG_DEAD_PER_UPDATE_MAX
from accordant.types.regions import GUARDED_ROOT, Kind, RegionSpec, Schema
from accordant.types.values import canonical_json

__all__ = ["Op", "Peer", "describe", "judge", "note_for"]


@dataclass(frozen=True, slots=True)
class Peer:
    """Who sends: the actor of the session and its roles."""

    actor: str
    roles: frozenset[str] = frozenset()


class Op(NamedTuple):
    """One operation of an update. One per run in a sequence of values, per key in a map, per region in a text.

    `values` are the living values (strings for text); `count` the units (a counter's net growth); `ids` where each run begins,
    `origin` the left neighbour of the first. `dead` are ids of a log's run that die in the same update: tombstones.
    """

    region: str
    operation: str
    key: str | None = None
    count: int = 0
    values: tuple[Any, ...] = ()
    ids: tuple[Id, ...] = ()
    origin: Id | None = None
    bytes: int = 0
    dead: tuple[Id, ...] = ()


class Removed(NamedTuple):
    """A deleted range in one place that stood in the document before this update."""

    client: int
    clock: int
    end: int
    place: Place


@dataclass(slots=True)
class Entry:
    """What happens to one key: fresh runs in order, and deleted ids that were there before."""

    place: Place
    runs: list[Run] = field(default_factory=list)
    removed: list[Removed] = field(default_factory=list)


@dataclass(slots=True)
class Case:
    """One region's part of an update, and who asks."""

    draft: Draft
    root: Container
    spec: RegionSpec | None
    peer: Peer | None
    runs: list[Run] = field(default_factory=list)
    removed: list[Removed] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The region's name."""
        return self.root.name

    def permit(self, operation: str) -> None:
        """Raises `Denied` unless the actor may do this here."""
        peer = self.peer
        if self.spec is None or peer is None or self.spec.rules.permits(operation, peer.actor, peer.roles):
            return
        self.deny("not_permitted", operation, f"{peer.actor} may not {operation} in {self.name}")

    def deny(self, code: str, operation: str, text: str, key: str | None = None) -> NoReturn:
        """Raises `Denied` with the facts of this case."""
        path = self.name if key is None else f"{self.name}/{key}"
        raise Denied(text, code=code, path=path, operation=operation, agent=None if self.peer is None else self.peer.actor)

    def check(self, value: Any, operation: str, is_shared: bool, key: str | None = None) -> Any:
        """The canonical value if it fits the region's item type; raises `Invalid` saying where."""
        path = self.name if key is None else f"{self.name}/{key}"
        try:
            return value if self.spec is None else self.spec.check(value)
        except Invalid as error:
            fields = error.fields | {"path": path, "operation": operation}
            code = "incomplete_value" if is_shared and error.code == "invalid_value" else error.code
            raise Invalid(error.message, code=code, **fields) from error


def judge(draft: Draft, schema: Schema, peer: Peer) -> tuple[Op, ...]:
    """The operations of a peer's update; raises `Denied`, `Invalid` or `WireError` for the first that is refused."""
    if len(draft.runs) == 1:
        quick = _keystroke(draft, schema, peer)
        if quick is not None:
            return quick
    ops: list[Op] = []
    for case in _cases(draft, schema, peer):
        if case.name == GUARDED_ROOT or (case.spec is not None and case.spec.kind.is_guarded):
            text = f"{case.name} is guarded: the authority alone writes it; commit against a version instead"
            case.deny("guarded_closed", "commit", text)
        if case.spec is None:
            if not schema.is_open:
                case.deny("unknown_region", "write", f"there is no region {case.name} in {schema.name}")
            ops += _open(case)
            continue
        ops += _JUDGES[case.spec.kind](case)
        _check_room(case)
    return tuple(ops)


def describe(draft: Draft) -> tuple[Op, ...]:
    """The operations of an update that nobody judges: the authority's own, or one read back from the log."""
    return tuple(op for case in _cases(draft, None, None) for op in _open(case))


def note_for(run: Run, draft: Draft) -> Any:
    """What later writes to this key are compared with: a counter's pair, or the digest of a declared set's member."""
    struct = run.struct
    container = run.place.container
    if container.depth or struct.kind not in (ANY, TYPE):
        return None
    schema = draft.schema
    spec = None if schema is None else schema.region(container.name)
    if spec is not None and spec.kind is Kind.UNION_SET:
        return _digest(values_of(draft, run, run.clock, run.end)[-1])
    if struct.kind == ANY and (spec is None or spec.kind is Kind.COUNTER) and run.place.key == str(run.client):
        return _pair(struct.content[-1])
    return None


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


# -- sorting an update by region ---------------------------------------------------------------------------------


def _cases(draft: Draft, schema: Schema | None, peer: Peer | None) -> list[Case]:
    cases: dict[int, Case] = {}
    nowhere = draft.ledger.nowhere

    def case_of(place: Place) -> Case:
        root = place.container.root
        case = cases.get(id(root))
        if case is None:
            spec = None if schema is None else schema.region(root.name)
            case = cases[id(root)] = Case(draft, root, spec, peer)
        return case

    for run in draft.runs:
        if run.place is not nowhere:
            case_of(run.place).runs.append(run)
    for client, ranges in draft.deletes.items():
        fresh = draft.fresh.get(client)
        for clock, end in ranges:
            if fresh is not None:
                end = min(end, fresh[0])
            if clock < end:
                for start, until, place in draft.ledger.runs(client, clock, end):
                    if place is not nowhere:
                        case_of(place).removed.append(Removed(client, start, until, place))
    return list(cases.values())


def _top(draft: Draft, run: Run | Removed) -> tuple[Container, Id | None]:
    """The container below the root that this content is inside of, and its id; the root itself for what stands there."""
    container = run.place.container
    one: Id | None = None
    while container.parent is not None:
        one = container.id
        container = container.parent.container
    return container, one


def _at_root(case: Case) -> tuple[list[Run], list[Removed]]:
    """What stands at the root, after checking that nothing changes inside a value that was there before."""
    draft = case.draft
    runs, removed = [], []
    for run in case.runs:
        if run.place.container.depth == 0:
            runs.append(run)
        elif not draft.is_fresh(run.place.container):
            case.deny("nested_change", "edit", f"a value of {case.name} is written whole, not changed inside")
    for gone in case.removed:
        if gone.place.container.depth == 0:
            removed.append(gone)
            continue
        _, one = _top(draft, gone)
        if one is None or not draft.is_deleted(*one):
            case.deny("nested_change", "edit", f"a value of {case.name} is replaced whole, not changed inside")
    return runs, removed


def _entries(case: Case) -> list[Entry]:
    """What happens to each key of a map region."""
    runs, removed = _at_root(case)
    entries: dict[int, Entry] = {}
    for run in runs:
        entries.setdefault(id(run.place), Entry(run.place)).runs.append(run)
    for gone in removed:
        entries.setdefault(id(gone.place), Entry(gone.place)).removed.append(gone)
    return list(entries.values())


def _written(case: Case, entry: Entry) -> list[Run]:
    """The fresh runs of a key that live after the update; each holds one value."""
    alive = []
    for run in entry.runs:
        pieces = case.draft.living(run)
        if not pieces:
            continue
        if run.length > 1:
            raise WireError(f"several values for one key of {case.name}", code="wrong_content", path=case.name)
        alive.append(run)
    return alive


def _discarded(case: Case, entry: Entry, alive: list[Run]) -> list[Removed]:
    """Deleted ids of a key that no living fresh entry has overwritten.

    Overwriting deletes what stood there, and says so by naming it as origin. A deletion beside a write that does not know
    of the deleted entry is a deletion: the write may lose, and the key would be gone.
    """
    if not entry.removed:
        return []
    known: set[Id] = set()
    fresh = {(run.client, clock): run for run in entry.runs for clock in (run.clock, run.end - 1)}
    for run in alive:
        origin = run.struct.origin
        while origin is not None and origin not in known:
            known.add(origin)
            before = fresh.get(origin)
            origin = None if before is None else before.struct.origin
    return [gone for gone in entry.removed if (gone.client, gone.end - 1) not in known]


# -- one judge per kind ------------------------------------------------------------------------------------------


def _text(case: Case) -> list[Op]:
    ops: list[Op] = []
    draft = case.draft
    if case.runs:
        case.permit("insert")
        for run in case.runs:
            if run.struct.kind == TYPE:
                raise WireError(f"{case.name} is a text: no shared types inside", code="wrong_content", path=case.name)
        inserted = _inserted(case, case.runs)
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
        ops.append(_deleted(case, gone))
    return ops


def _inserted(case: Case, runs: list[Run]) -> Op | None:
    """One op for everything that was put into a text; None when none of it lives."""
    draft = case.draft
    values: list[Any] = []
    count = size = 0
    for run in runs:
        if not draft.deletes and run.struct.kind == STRING and run.length == run.struct.length and not run.place.container.depth:
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


def _deleted(case: Case, gone: list[Removed], key: str | None = None, operation: str = "delete") -> Op:
    count = sum(removed.end - removed.clock for removed in gone)
    return Op(case.name, operation, key, count, (), tuple((removed.client, removed.clock) for removed in gone))


def _log(case: Case) -> list[Op]:
    runs, removed = _at_root(case)
    if removed:
        case.deny("entry_changed", "delete", f"entries of {case.name} never change; append a correction")
    case.permit("append")
    ops = []
    for run in runs:
        if run.struct.right is not None and not _is_fresh_and_dead(case.draft, run.struct.right):
            case.deny("not_at_tail", "append", f"{case.name} only grows at its end")
        ops.append(_items(case, run, "append"))
    if sum(len(op.dead) for op in ops) > LOG_DEAD_PER_UPDATE_MAX:
        raise WireError(f"too many dead entries for {case.name}", code="too_many_structs", path=case.name)
    return ops


def _is_fresh_and_dead(draft: Draft, one: Id) -> bool:
    """Whether an id was brought and deleted by this update: what stands before it still stands at the end."""
    span = draft.fresh.get(one[0])
    return span is not None and span[0] <= one[1] and draft.is_deleted(*one)


def _items(case: Case, run: Run, operation: str) -> Op:
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
    for entry in _entries(case):
        tag = entry.place.key
        if entry.runs:
            case.permit("add")
        alive = _written(case, entry)
        values = _checked(case, alive, "add", tag)
        # A tag is written once. Repeating the same member is what undo and retries do; it changes nothing.
        digests = {_digest(value) for value in values}
        if alive and entry.place.index >= 0:
            digests.add(entry.place.note)
        if len(digests) > 1:
            case.deny("entry_changed", "add", f"{case.name} has a member {tag} already: add under a new tag", tag)
        if alive:
            ops.append(_set(case, alive, values[-1], "add", tag))
        gone = _discarded(case, entry, alive)
        if gone:
            case.permit("discard")
            ops.append(_deleted(case, gone, tag, "discard"))
    return ops


def _map(case: Case) -> list[Op]:
    ops: list[Op] = []
    for entry in _entries(case):
        key = entry.place.key
        if entry.runs:
            case.permit("set")
        alive = _written(case, entry)
        values = _checked(case, alive, "set", key)
        if alive:
            ops.append(_set(case, alive, values[-1], "set", key))
        gone = _discarded(case, entry, alive)
        if gone:
            case.permit("delete")
            ops.append(_deleted(case, gone, key))
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
    for entry in _entries(case):
        key = entry.place.key
        case.permit("increment")
        for run in entry.runs:
            if key != str(run.client):
                case.deny("not_your_counter", "increment", f"the entry {key} of {case.name} belongs to client {key}", key)
        alive = _written(case, entry)
        old = entry.place.note or [0, 0]
        before = old
        for run in alive:
            pair = _pair(values_of(case.draft, run, run.clock, run.end)[0])
            if pair is None:
                text = f"{case.name}: an entry is [plus, minus], two whole numbers from 0"
                raise Invalid(text, code="invalid_value", path=f"{case.name}/{key}", operation="increment")
            if pair[0] < before[0] or pair[1] < before[1]:
                case.deny("counter_decreased", "increment", f"the parts of a counter of {case.name} only grow", key)
            before = pair
        if _discarded(case, entry, alive):
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


_JUDGES: Final[Mapping[Kind, Callable[[Case], list[Op]]]] = {
    Kind.GUARDED: _guarded,
    Kind.GUARDED_MAP: _guarded,
    Kind.TEXT: _text,
    Kind.LOG: _log,
    Kind.UNION_SET: _union_set,
    Kind.COUNTER: _counter,
    Kind.MAP: _map,
    Kind.XML: _xml,
}


# -- without rules -----------------------------------------------------------------------------------------------


def _open(case: Case) -> list[Op]:
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
            op = _items(case, run, "append" if at_end else "insert")
            if op.values or case.peer is None:
                ops.append(op)
    inserted = _inserted(case, texts) if texts else None
    if inserted is not None:
        ops.append(inserted)
    gone: list[Removed] = []
    for removed in case.removed:
        if removed.place.key is not None:
            entries.setdefault(id(removed.place), Entry(removed.place)).removed.append(removed)
        else:
            gone.append(removed)
    if gone:
        ops.append(_deleted(case, gone))
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
    alive = _written(case, entry)
    ops: list[Op] = []
    if alive:
        last = alive[-1]
        values = tuple(values_of(case.draft, last, last.clock, last.end))
        one = (last.client, last.clock)
        ops.append(Op(case.name, "set", path, 1, values, (one,), last.struct.origin, last.size))
    gone = _discarded(case, entry, alive)
    if gone:
        ops.append(_deleted(case, gone, path))
    return ops


# -- bounds and notes --------------------------------------------------------------------------------------------


def _check_room(case: Case) -> None:
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


def _pair(value: Any) -> list[int] | None:
    """A counter's [plus, minus] as integers (Yjs writers may send floats); None for anything else."""
    if not isinstance(value, list) or len(value) != 2:
        return None
    pair = []
    for part in value:
        if isinstance(part, bool) or not isinstance(part, int | float) or not 0 <= part <= INTEGER_MAX or part != int(part):
            return None
        pair.append(int(part))
    return pair


def _digest(value: Any) -> str | None:
    """What a set's member is recognised by; None for what is no JSON value."""
    try:
        return blake2b(canonical_json(value).encode(), digest_size=16).hexdigest()
    except Invalid:
        return None
