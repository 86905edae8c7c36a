"""One region's part of an update: who asks, what comes in, what goes. The material of the rules, and the words of the audit.

Sorts a resolved draft by region, key and effect; decides nothing but permission, which every rule asks for in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

from accordant.engine.ledger import Container, Place
from accordant.engine.resolve import Draft, Run
from accordant.engine.structs import Id
from accordant.types.errors import Denied, Invalid, WireError
from accordant.types.regions import RegionSpec, Schema

__all__ = ["Case", "Entry", "Op", "Peer", "Removed", "at_root", "cases_of", "discarded", "entries_of", "written"]


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
    count: int = 0  # type: ignore[assignment]  # hides tuple.count, which nobody asks of an operation
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
        raise Denied(
            text, code=code, path=path, operation=operation, agent=None if self.peer is None else self.peer.actor
        )

    def check(self, value: Any, operation: str, is_shared: bool, key: str | None = None) -> Any:
        """The canonical value if it fits the region's item type; raises `Invalid` saying where."""
        path = self.name if key is None else f"{self.name}/{key}"
        try:
            return value if self.spec is None else self.spec.check(value)
        except Invalid as error:
            fields = error.fields | {"path": path, "operation": operation}
            code = "incomplete_value" if is_shared and error.code == "invalid_value" else error.code
            raise Invalid(error.message, code=code, **fields) from error


def cases_of(draft: Draft, schema: Schema | None, peer: Peer | None) -> list[Case]:
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


def at_root(case: Case) -> tuple[list[Run], list[Removed]]:
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


def entries_of(case: Case) -> list[Entry]:
    """What happens to each key of a map region."""
    runs, removed = at_root(case)
    entries: dict[int, Entry] = {}
    for run in runs:
        entries.setdefault(id(run.place), Entry(run.place)).runs.append(run)
    for gone in removed:
        entries.setdefault(id(gone.place), Entry(gone.place)).removed.append(gone)
    return list(entries.values())


def written(case: Case, entry: Entry) -> list[Run]:
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


def discarded(case: Case, entry: Entry, alive: list[Run]) -> list[Removed]:
    """Deleted ids of a key that no living fresh entry has overwritten.

    Overwriting deletes what stood there, and says so by naming it as origin. A deletion beside a write that does not know
    of the deleted entry is a deletion: the write may lose, and the key would be gone.
    """
    if not entry.removed:
        return []
    known: set[Id] = set()
    fresh = {(run.client, clock): run for run in entry.runs for clock in (run.clock, run.end - 1)}
    for run in alive:
        origin = _origin(run)
        while origin is not None and origin not in known:
            known.add(origin)
            before = fresh.get(origin)
            origin = None if before is None else _origin(before)
    return [gone for gone in entry.removed if (gone.client, gone.end - 1) not in known]


def _origin(run: Run) -> Id | None:
    """What a fresh run was written over. The tail of a struct whose beginning was known follows that beginning."""
    return run.struct.origin if run.clock == run.struct.clock else (run.client, run.clock - 1)
