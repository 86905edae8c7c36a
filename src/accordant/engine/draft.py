"""What one update would do to a document: the answers that rules and gate need, none of which is in the ledger yet."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple, NoReturn

from accordant.engine.ledger import Container, Ledger, Place
from accordant.engine.structs import DELETED, GC, Id, Struct
from accordant.types.errors import WireError
from accordant.types.regions import Schema

__all__ = ["Draft", "Run"]


class Run(NamedTuple):
    """The fresh part of one struct: `length` units from `clock`, in `place`. Units before `clock` were known already."""

    client: int
    clock: int
    length: int
    place: Place
    struct: Struct
    size: int

    @property
    def end(self) -> int:
        """The clock after the last unit."""
        return self.clock + self.length


class Draft:
    """What one update would do. Runs are in an order in which the document can take them in."""

    __slots__ = (
        "_children",
        "_new_places",
        "_reached",
        "_shapes",
        "_steps",
        "_tracks",
        "deletes",
        "formats",
        "fresh",
        "is_own",
        "ledger",
        "lows",
        "new_roots",
        "new_types",
        "runs",
        "schema",
    )

    def __init__(self, ledger: Ledger, schema: Schema | None, is_own: bool) -> None:
        self.ledger = ledger
        self.schema = schema
        self.is_own = is_own
        self.fresh: dict[int, tuple[int, int]] = {}
        self.runs: list[Run] = []
        self.deletes: dict[int, list[tuple[int, int]]] = {}
        self.lows: dict[int, list[int]] = {}
        self.formats: list[Id] = []
        self.new_roots: dict[str, Container] = {}
        self.new_types: dict[Id, Container] = {}
        self._new_places: dict[tuple[int, str | None], Place] = {}
        self._reached: dict[int, int] = {}
        self._tracks: dict[int, tuple[list[int], list[Place]]] = {}
        self._shapes: dict[int, tuple[Container, int]] = {}
        self._children: dict[int, list[Run]] | None = None
        self._steps = 0

    # -- what the gate and the rules ask ---------------------------------------------------------------------

    @property
    def new_places(self) -> list[Place]:
        """Places that the ledger does not have yet, in order of appearance."""
        return list(self._new_places.values())

    @property
    def shapes(self) -> list[tuple[Container, int]]:
        """Roots of the ledger whose content now shows what they hold."""
        return list(self._shapes.values())

    def shape(self, container: Container) -> int:
        """What a container holds, as far as it is known after this update."""
        known = self._shapes.get(id(container)) if self._shapes else None
        return container.shape if known is None else known[1]

    def is_fresh(self, container: Container) -> bool:
        """Whether this update brings the shared type (roots are nobody's)."""
        return container.id in self.new_types

    def children(self, container: Container) -> list[Run]:
        """The fresh runs inside one container."""
        if self._children is None:
            self._children = {}
            for run in self.runs:
                self._children.setdefault(id(run.place.container), []).append(run)
        return self._children.get(id(container), [])

    def place(self, one: Id) -> Place:
        """The place of an id that is known after this update; raises `WireError` otherwise."""
        client, clock = one
        span = self.fresh.get(client)
        if span is not None and clock >= span[0]:
            if clock >= self._reached[client]:
                self._unknown(one)
            starts, places = self._tracks[client]
            return places[bisect_right(starts, clock) - 1]
        found = self.ledger.clients.get(client)
        if found is None or clock >= found.next:
            self._unknown(one)
        return self.ledger.place(client, clock)

    def is_deleted(self, client: int, clock: int) -> bool:
        """Whether an id is dead already or deleted by this update."""
        ranges = self.deletes.get(client)
        if ranges:
            at = bisect_right(ranges, clock, key=_first) - 1
            if at >= 0 and clock < ranges[at][1]:
                return True
        return self.ledger.is_dead(client, clock)

    def is_buried(self, container: Container) -> bool:
        """Whether a container, or one that it stands in, is dead or dies here: nothing in it can live."""
        here: Container = container
        while here.parent is not None and here.id is not None:
            if self.is_deleted(*here.id):
                return True
            here = here.parent.container
        return False

    def living(self, run: Run) -> list[tuple[int, int]]:
        """The parts of a run that live after this update."""
        if run.struct.kind in (GC, DELETED) or (run.place.container.depth and self.is_buried(run.place.container)):
            return []
        ranges = self.deletes.get(run.client)
        if not ranges:
            return [(run.clock, run.end)]
        pieces: list[tuple[int, int]] = []
        clock, end = run.clock, run.end
        for start, until in ranges[max(0, bisect_right(ranges, clock, key=_first) - 1) :]:
            if until <= clock:
                continue
            if start >= end:
                break
            if start > clock:
                pieces.append((clock, start))
            clock = until
        if clock < end:
            pieces.append((clock, end))
        return pieces

    def _unknown(self, one: Id) -> NoReturn:
        raise WireError(f"{one[0]}:{one[1]} is not in this document", code="unknown_reference", id=list(one))


def _first(span: tuple[int, int]) -> int:
    return span[0]
