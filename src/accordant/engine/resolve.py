"""From decoded structs to places: what an update would do to a document, worked out against the ledger alone.

Owns the integrity rules that hold for every writer: clocks follow one another, everything named is known, neighbours stand
in one place, content fits its container, no pair of surrogates is cut. Knows nothing of actors and regions' rules. Nothing
here changes the ledger: new containers and places live in the `Draft` until the gate absorbs it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import Final, NoReturn

from accordant.engine.draft import Draft, Run
from accordant.engine.ledger import Client, Container, Ledger, Place, Shape
from accordant.engine.structs import (
    ANY,
    BINARY,
    DELETED,
    EMBED,
    FORMAT,
    GC,
    SKIP,
    STRING,
    TYPE,
    DeleteSet,
    Id,
    Struct,
    Update,
)
from accordant.types.errors import Denied, WireError
from accordant.types.limits import (
    NESTING_DEPTH_MAX,
    REGION_NAME_CHARS_MAX,
    REGIONS_OPEN_MAX,
    SCAN_STEPS_PER_UPDATE_MAX,
    STRUCTS_PER_UPDATE_MAX,
)
from accordant.types.regions import Kind, Schema

__all__ = ["ROOT_SHAPES", "Draft", "Run", "resolve"]


ROOT_SHAPES: Final[Mapping[Kind, int]] = {
    Kind.GUARDED: Shape.MAP,
    Kind.GUARDED_MAP: Shape.MAP,
    Kind.TEXT: Shape.TEXT,
    Kind.LOG: Shape.ARRAY,
    Kind.UNION_SET: Shape.MAP,
    Kind.COUNTER: Shape.MAP,
    Kind.MAP: Shape.MAP,
    Kind.XML: Shape.XML_FRAGMENT,
}

CROWD: Final = 500
"""Insertions in one place below which no update can come near the bound on steps."""

_NONE: Final[frozenset[int]] = frozenset()
_VALUES: Final = frozenset({DELETED, BINARY, ANY, TYPE})
_TEXTUAL: Final = frozenset({DELETED, STRING, EMBED, FORMAT, TYPE})
_ATTRIBUTES: Final = frozenset({DELETED, ANY, STRING})
_NODES: Final = frozenset({DELETED, TYPE})
_SEQUENCE_KINDS: Final[Mapping[int, frozenset[int]]] = {
    Shape.ARRAY: _VALUES,
    Shape.MAP: _NONE,
    Shape.TEXT: _TEXTUAL,
    Shape.XML_ELEMENT: _NODES,
    Shape.XML_FRAGMENT: _NODES,
    Shape.XML_TEXT: _TEXTUAL,
}
_KEY_KINDS: Final[Mapping[int, frozenset[int]]] = {
    Shape.ARRAY: _NONE,
    Shape.MAP: _VALUES,
    Shape.TEXT: _NONE,
    Shape.XML_ELEMENT: _ATTRIBUTES,
    Shape.XML_FRAGMENT: _NONE,
    Shape.XML_TEXT: _ATTRIBUTES,
}
_XML: Final = frozenset({Shape.XML_ELEMENT, Shape.XML_FRAGMENT, Shape.XML_TEXT})


class _Intake(Draft):
    """A draft that is being made: takes structs in one by one, then the deletions."""

    __slots__ = ()

    # -- taking structs in -------------------------------------------------------------------------------------

    def open(self, client: int, start: int, end: int) -> None:
        """Announce the fresh clocks of a client."""
        self.fresh[client] = (start, end)
        self._reached[client] = start
        self._tracks[client] = ([], [])

    def waits_for(self, struct: Struct) -> Id | None:
        """An id of another client that this update brings too and that must be taken in first."""
        for one in (struct.origin, struct.right, struct.parent):
            if isinstance(one, tuple) and one[0] != struct.client:
                span = self.fresh.get(one[0])
                if span is not None and self._reached[one[0]] <= one[1] < span[1]:
                    return one
        return None

    def reached(self, client: int) -> int:
        """The clock up to which a fresh client has been taken in."""
        return self._reached[client]

    def add(self, struct: Struct) -> None:
        """Take in the fresh part of a struct; raises `WireError` or `Denied` when it cannot stand where it wants to."""
        client = struct.client
        clock = self._reached[client]
        kind = struct.kind
        skip = clock - struct.clock
        length, size = struct.length, struct.size
        if kind == GC:
            place = self.ledger.nowhere
        elif kind == SKIP:
            raise WireError("clocks are left out", code="clock_gap", client=client)
        else:
            place = self._place_of(struct)
            if place is not self.ledger.nowhere:
                self._fit(struct, place)
            if place.inserts > CROWD:
                self._count_steps(struct, place)
        if skip:
            self._check_tail(struct, place, clock)
            size = size * (length - skip) // length
            length -= skip
        if kind == STRING:
            if struct.length != len(struct.content):
                self._note_pairs(struct, clock)
        elif kind == FORMAT:
            self.formats.append((client, clock))
        starts, places = self._tracks[client]
        if not places or places[-1] is not place:
            starts.append(clock)
            places.append(place)
        self._reached[client] = clock + length
        self.runs.append(tuple.__new__(Run, (client, clock, length, place, struct, size)))

    def _place_of(self, struct: Struct) -> Place:
        origin, right = struct.origin, struct.right
        if origin is not None:
            place = self.place(origin)
            if self._splits(origin[0], origin[1] + 1):
                self._cut(struct)
            if right is None:
                return place
            if self.place(right) is not place:
                raise WireError(
                    "an item's neighbours stand in different places", code="bad_order", client=struct.client
                )
        elif right is not None:
            place = self.place(right)
        else:
            return self._named_place(struct)
        if place.key is not None:
            # Entries of one key form a chain whose last one counts: nobody honest inserts before another
            raise WireError("an entry cannot stand before another of its key", code="bad_order", client=struct.client)
        if self._splits(right[0], right[1]):
            self._cut(struct)
        return place

    def _named_place(self, struct: Struct) -> Place:
        parent = struct.parent
        if isinstance(parent, str):
            container = self.ledger.roots.get(parent) or self.new_roots.get(parent) or self._new_root(parent)
        elif parent is None:
            raise WireError("an item without neighbours and parent")
        else:
            found = self.ledger.types.get(parent) or self.new_types.get(parent)
            if found is None:
                if self.place(parent) is self.ledger.nowhere:
                    return self.ledger.nowhere
                raise WireError("an item's parent is no shared type", code="wrong_content", client=struct.client)
            container = found
        key = struct.key
        known = container.sequence if key is None else container.keys.get(key)
        if known is not None:
            return known
        wanted = (id(container), key)
        place = self._new_places.get(wanted)
        if place is None:
            place = self._new_places[wanted] = Place(container, key)
        return place

    def _new_root(self, name: str) -> Container:
        if len(name) > REGION_NAME_CHARS_MAX:
            raise Denied(
                f"a region's name has at most {REGION_NAME_CHARS_MAX} characters",
                code="unknown_region",
                path=name[:REGION_NAME_CHARS_MAX],
            )
        if len(self.ledger.roots) + len(self.new_roots) >= REGIONS_OPEN_MAX:
            raise Denied(f"a document has at most {REGIONS_OPEN_MAX} regions", code="too_many_regions", path=name)
        spec = None if self.schema is None else self.schema.region(name)
        shape = Shape.UNKNOWN if spec is None else ROOT_SHAPES[spec.kind]
        container = self.new_roots[name] = Container(name, shape)
        return container

    def _fit(self, struct: Struct, place: Place) -> None:
        """Content fits its container, or shows for the first time what a root holds; shared types are made known."""
        container = place.container
        shape = container.shape
        if shape < 0:
            shape = self._shape_of_root(struct, place)
        kind = struct.kind
        if shape >= 0 and kind not in (_SEQUENCE_KINDS if place.key is None else _KEY_KINDS)[shape]:
            raise WireError(
                f"{container.root.name} cannot hold content of kind {kind} there",
                code="wrong_content",
                path=container.root.name,
                client=struct.client,
            )
        if kind == TYPE:
            self._add_type(struct, place, shape)

    def _shape_of_root(self, struct: Struct, place: Place) -> int:
        spec = None if self.schema is None else self.schema.region(place.container.name)
        if spec is not None:
            self._shapes[id(place.container)] = (place.container, ROOT_SHAPES[spec.kind])
            return ROOT_SHAPES[spec.kind]
        shape = self.shape(place.container)
        return shape if shape >= 0 else self._infer(struct, place, shape)

    def _infer(self, struct: Struct, place: Place, shape: int) -> int:
        kind = struct.kind
        if place.key is not None:
            wanted = Shape.MAP
        elif kind in (ANY, BINARY):
            wanted = Shape.ARRAY
        elif kind in (STRING, FORMAT, EMBED):
            wanted = Shape.TEXT
        elif kind == TYPE and self.is_own and struct.content[0] in _XML:
            wanted = Shape.XML_FRAGMENT
        else:
            wanted = Shape.SEQUENCE
        container = place.container
        if shape == Shape.SEQUENCE and wanted == Shape.MAP:
            raise WireError(
                f"{container.name} is a sequence", code="wrong_content", path=container.name, client=struct.client
            )
        if wanted != shape:
            self._shapes[id(container)] = (container, wanted)
        return wanted

    def _add_type(self, struct: Struct, place: Place, shape: int) -> None:
        reference, name = struct.content
        container = place.container
        if (reference in _XML) != (shape in _XML):
            root = container.root.name
            if reference in _XML:
                raise Denied(f"{root} is not declared as XML", code="xml_not_declared", path=root, client=struct.client)
            raise WireError("no shared types but XML inside XML", code="wrong_content", path=root, client=struct.client)
        if container.depth >= NESTING_DEPTH_MAX:
            raise WireError(
                f"shared types are nested deeper than {NESTING_DEPTH_MAX}", code="nesting", client=struct.client
            )
        one = (struct.client, struct.clock)
        self.new_types[one] = Container(name or "", reference, place, one)

    def _check_tail(self, struct: Struct, place: Place, clock: int) -> None:
        """The known beginning of a straddling struct must stand where its fresh tail is to stand."""
        before = self.ledger.place(struct.client, clock - 1)
        if before is not place and struct.kind != GC:
            raise WireError("a struct goes on elsewhere than it began", code="bad_order", client=struct.client)
        if self._splits(struct.client, clock):
            self._cut(struct)

    def _count_steps(self, struct: Struct, place: Place) -> None:
        """Bound the walk that finds a struct's position: it may pass everything inserted concurrently at its origin."""
        origin, right = struct.origin, struct.right
        if origin is not None:
            if origin == (struct.client, struct.clock - 1):
                return  # nothing can have been inserted after content that is just coming in
            if right == (origin[0], origin[1] + 1):
                return  # inside one piece of writing
        self._steps += place.inserts
        if self._steps > SCAN_STEPS_PER_UPDATE_MAX:
            raise WireError("too many insertions among concurrent ones", code="too_many_structs", client=struct.client)

    def _note_pairs(self, struct: Struct, start: int) -> None:
        """Remember the fresh low surrogates; a tail must not begin with one."""
        lows = []
        clock = struct.clock
        for character in struct.content:
            if character > "\uffff":
                lows.append(clock + 1)
                clock += 1
            clock += 1
        at = bisect_left(lows, start)
        if at < len(lows) and lows[at] == start:
            self._cut(struct)
        if at < len(lows):
            self.lows.setdefault(struct.client, []).extend(lows[at:])

    def _splits(self, client: int, clock: int) -> bool:
        if self.lows:
            lows = self.lows.get(client)
            if lows:
                at = bisect_left(lows, clock)
                if at < len(lows) and lows[at] == clock:
                    return True
        return self.ledger.splits_pair(client, clock)

    def _cut(self, struct: Struct) -> NoReturn:
        raise WireError("an insertion between the halves of a character", code="surrogate_split", client=struct.client)

    # -- deletions -----------------------------------------------------------------------------------------------

    def delete(self, deletes: DeleteSet) -> None:
        """Keep the deletions that are news; raises `WireError` for ids that nobody has written."""
        total = 0
        for client, ranges in deletes.items():
            found = self.ledger.clients.get(client)
            end = self._reached.get(client, 0 if found is None else found.next)
            if ranges[-1][1] > end:
                self._unknown((client, ranges[-1][1] - 1))
            news = list(ranges)
            if found is not None and len(found.dead):
                news = [piece for clock, until in ranges for piece in found.dead.missing(clock, until)]
            for clock, until in news:
                if self._splits(client, clock) or self._splits(client, until):
                    raise WireError("a deletion of half a character", code="surrogate_split", client=client)
            if news:
                self.deletes[client] = news
                total += len(news)
                if total > STRUCTS_PER_UPDATE_MAX:
                    raise WireError("too many new deletions: split the update", code="too_many_structs")


def resolve(
    ledger: Ledger,
    update: Update,
    schema: Schema | None,
    may_write: Callable[[int, Client | None], None],
    is_own: bool = False,
) -> Draft:
    """What this update would do; `may_write` raises for a client id that this writer may not use. Pure."""
    draft = _Intake(ledger, schema, is_own)
    sections: dict[int, list[Struct]] = {}
    for client, structs in update.structs.items():
        found = ledger.clients.get(client)
        known = 0 if found is None else found.next
        last = structs[-1]
        end = last.clock + last.length
        if end <= known:
            continue
        may_write(client, found)
        if structs[0].clock > known:
            raise WireError(
                f"client {client} goes on at {structs[0].clock}, {known} is next", code="clock_gap", client=client
            )
        if structs[0].clock + structs[0].length <= known:
            structs = [struct for struct in structs if struct.clock + struct.length > known]
        draft.open(client, known, end)
        sections[client] = structs
    if len(sections) == 1:
        for section in sections.values():
            for struct in section:
                draft.add(struct)
    elif sections:
        _add_in_causal_order(draft, sections)
    if update.deletes:
        draft.delete(update.deletes)
    return draft


def _add_in_causal_order(draft: _Intake, sections: dict[int, list[Struct]]) -> None:
    """Depth first along what waits for what. Whoever waits for one who waits for him would never be taken in."""
    following = dict.fromkeys(sections, 0)
    for first in sections:
        waiting: list[tuple[int, int]] = [(first, draft.fresh[first][1])]
        on_the_way = {first}
        while waiting:
            client, until = waiting[-1]
            if draft.reached(client) >= until:
                waiting.pop()
                on_the_way.discard(client)
                continue
            struct = sections[client][following[client]]
            needed = draft.waits_for(struct)
            if needed is None:
                draft.add(struct)
                following[client] += 1
            elif needed[0] in on_the_way:
                raise WireError("structs wait for one another", code="bad_order", client=client)
            else:
                waiting.append((needed[0], needed[1] + 1))
                on_the_way.add(needed[0])
