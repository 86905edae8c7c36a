"""Where every unit of content belongs: id -> (container, key, log offset), as the fold of the log. Knows no CRDT and no rule.

An item names its left neighbour, not its parent: only who remembers where every id went can say what an update touches.
Per client there are flat arrays of runs (coalesced while writing stays in one place) that are bisected: O(log n), whatever the
size of the document. Everything here has been judged; the gate alone writes, and only after the document has applied.

Words: a *container* is a root or a shared type; a *place* is where content can stand in it: its sequence, or one key.
"""

from __future__ import annotations

import json
import sys
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from accordant.engine.ranges import Ranges
from accordant.engine.update import Id
from accordant.types.errors import StoreError
from accordant.types.limits import AUTHORITY_ID_END, AUTHORITY_ID_MIN

__all__ = ["Client", "Container", "Found", "Ledger", "Place", "Shape", "contains", "is_counted"]

VERSION: Final = b"\x01"

NOBODY: Final = ""
"""The owner of an authority's client id: no agent's name is empty."""


class Shape:
    """What a container holds: the numbers of Yjs' type references, and two of our own for roots that nobody declared."""

    ARRAY: Final = 0
    MAP: Final = 1
    TEXT: Final = 2
    XML_ELEMENT: Final = 3
    XML_FRAGMENT: Final = 4
    XML_TEXT: Final = 6
    UNKNOWN: Final = -1
    SEQUENCE: Final = -2


class Found(NamedTuple):
    """Where an id belongs. `container` is the path of names from the root; a member of a sequence is named `#client:clock`."""

    container: tuple[str, ...]
    key: str | None
    offset: int


class Place:
    """Where content stands: the sequence of a container (`key` None) or one of its keys.

    `head` is a key's living id. `note` is what later writes are compared with: a counter's last pair, a set member's digest.
    `inserts` counts the pieces of content that were put here, each at a spot of its own choice.
    """

    __slots__ = ("container", "head", "index", "inserts", "key", "note")

    def __init__(self, container: Container, key: str | None, index: int = -1) -> None:
        self.container = container
        self.key = key
        self.index = index
        self.head: Id | None = None
        self.note: Any = None
        self.inserts = 0


class Container:
    """A root, or a shared type inside another container. `items` and `bytes` count what lives in a root's region."""

    __slots__ = ("bytes", "depth", "id", "items", "keys", "name", "parent", "root", "sequence", "shape")

    def __init__(self, name: str, shape: int, parent: Place | None = None, id: Id | None = None) -> None:
        self.name = name
        self.shape = shape
        self.parent = parent
        self.id = id
        self.root: Container = self if parent is None else parent.container.root
        self.depth: int = 0 if parent is None else parent.container.depth + 1
        self.sequence: Place | None = None
        self.keys: dict[str, Place] = {}
        self.items = 0
        self.bytes = 0

    @property
    def path(self) -> tuple[str, ...]:
        """Names from the root to here."""
        steps: list[str] = []
        container = self
        while container.parent is not None and container.id is not None:
            key = container.parent.key
            steps.append(f"#{container.id[0]}:{container.id[1]}" if key is None else key)
            container = container.parent.container
        return (container.name, *reversed(steps))


class Client:
    """What is known of one client id: who owns it, its next clock, and its runs.

    `starts[i]` is the first clock of a run in place number `places[i]`; `sums[i]` the bytes of all runs before it.
    `since[i]` is the first clock written by log entry `offsets[i]`. `lows` are clocks of low surrogates, `formats` of formats.
    """

    __slots__ = ("dead", "formats", "lows", "next", "offsets", "owner", "places", "since", "size", "starts", "sums")

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.next = 0
        self.size = 0
        self.starts = array("I")
        self.places = array("I")
        self.sums = array("Q")
        self.since = array("I")
        self.offsets = array("Q")
        self.lows = array("I")
        self.formats = array("I")
        self.dead = Ranges()

    def bytes_before(self, clock: int) -> int:
        """Bytes of content below this clock. Inside a run the bytes are taken as evenly spread, so that sums always cancel."""
        if clock >= self.next:
            return self.size
        at = bisect_right(self.starts, clock) - 1
        start, before = self.starts[at], self.sums[at]
        if clock == start:
            return before
        last = at + 1 == len(self.starts)
        end, after = (self.next, self.size) if last else (self.starts[at + 1], self.sums[at + 1])
        return before + (after - before) * (clock - start) // (end - start)


class Ledger:
    """The mutable fold of the log. Only `gate.absorb` and `retire` change it."""

    def __init__(self) -> None:
        self.clients: dict[int, Client] = {}
        self.retired: dict[int, str] = {}
        self.roots: dict[str, Container] = {}
        self.types: dict[Id, Container] = {}
        nowhere = Container("", Shape.UNKNOWN)
        self.nowhere = Place(nowhere, None, 0)
        self.places: list[Place] = [self.nowhere]
        self.revision = 0

    # -- asking --------------------------------------------------------------------------------------------------

    def next_clock(self, client: int) -> int:
        """The clock that this client's next unit must have."""
        found = self.clients.get(client)
        return 0 if found is None else found.next

    def state_vector(self) -> dict[int, int]:
        """The next clock of every client."""
        return {client: found.next for client, found in self.clients.items()}

    def owner(self, client: int) -> str | None:
        """The actor that first wrote under this client id."""
        found = self.clients.get(client)
        return None if found is None else found.owner

    def place(self, client: int, clock: int) -> Place:
        """The place of a known id; `nowhere` for content that was collected before it arrived."""
        found = self.clients[client]
        starts = found.starts
        if clock >= starts[-1]:
            return self.places[found.places[-1]]
        return self.places[found.places[bisect_right(starts, clock) - 1]]

    def is_keyed(self, client: int, clock: int) -> bool:
        """Whether an id is an entry of a key; true for one that is not in the document."""
        found = self.clients.get(client)
        return found is None or clock >= found.next or self.place(client, clock).key is not None

    def find(self, client: int, clock: int) -> Found | None:
        """Where an id belongs and which log entry brought it; None for an id that is not in the document."""
        found = self.clients.get(client)
        if found is None or not 0 <= clock < found.next:
            return None
        place = self.place(client, clock)
        offset = found.offsets[bisect_right(found.since, clock) - 1]
        return Found(place.container.path, place.key, offset)

    def version(self, client: int, clock: int) -> int:
        """The log entry that brought a known id."""
        found = self.clients[client]
        return found.offsets[bisect_right(found.since, clock) - 1]

    def versions(self, client: int, clock: int, end: int) -> list[tuple[int, int]]:
        """The same for a range of known ids, by runs: (how many, version)."""
        found = self.clients[client]
        runs, at = [], bisect_right(found.since, clock) - 1
        while clock < end:
            until = min(end, found.since[at + 1]) if at + 1 < len(found.since) else end
            runs.append((until - clock, found.offsets[at]))
            clock, at = until, at + 1
        return runs

    def is_dead(self, client: int, clock: int) -> bool:
        """Whether this id has been deleted."""
        found = self.clients.get(client)
        return found is not None and clock in found.dead

    def delete_set(self) -> dict[int, list[tuple[int, int]]]:
        """All dead ranges."""
        return {client: list(found.dead) for client, found in self.clients.items() if len(found.dead)}

    def head(self, container: str | Container, key: str) -> Id | None:
        """The id of the living entry of a key; `container` is a root's name or a container."""
        found = self.roots.get(container) if isinstance(container, str) else container
        place = None if found is None else found.keys.get(key)
        return None if place is None else place.head

    def region_size(self, name: str) -> tuple[int, int]:
        """(items, bytes) that live in a region; a text counts UTF-16 units, a map its keys, XML everything inside it."""
        root = self.roots.get(name)
        return (0, 0) if root is None else (root.items, root.bytes)

    def splits_pair(self, client: int, clock: int) -> bool:
        """Whether a cut before this clock would separate the two halves of one character."""
        found = self.clients.get(client)
        return found is not None and bool(found.lows) and contains(found.lows, clock)

    def runs(self, client: int, clock: int, end: int) -> Iterator[tuple[int, int, Place]]:
        """The (clock, end, place) runs that cover a known range."""
        found = self.clients[client]
        at = bisect_right(found.starts, clock) - 1
        while clock < end:
            at += 1
            until = end if at == len(found.starts) else min(end, found.starts[at])
            yield clock, until, self.places[found.places[at - 1]]
            clock = until

    # -- folding -------------------------------------------------------------------------------------------------

    def retire(self, clients: Iterable[int], reason: str) -> None:
        """These client ids never write again: their replicas hold what was refused. Keeps the first reason."""
        for client in clients:
            self.retired.setdefault(client, reason)

    def client(self, client: int, actor: str) -> Client:
        """The record of a client id, owned by this actor if it is new. An authority's id belongs to no agent, whoever it wrote
        for first: otherwise that agent could write under it."""
        found = self.clients.get(client)
        if found is None:
            owner = NOBODY if AUTHORITY_ID_MIN <= client < AUTHORITY_ID_END else actor
            found = self.clients[client] = Client(owner)
        return found

    def add_container(self, container: Container) -> None:
        """A new root or shared type."""
        if container.id is None:
            self.roots[container.name] = container
        else:
            self.types[container.id] = container

    def add_place(self, place: Place) -> None:
        """A new place of a container that is in the ledger."""
        place.index = len(self.places)
        self.places.append(place)
        if place.key is None:
            place.container.sequence = place
        else:
            place.container.keys[place.key] = place

    def record(self, found: Client, clock: int, length: int, place: Place, size: int) -> None:
        """The next `length` clocks of a client went to this place and carry `size` bytes."""
        if clock != found.next:
            raise AssertionError(f"clock {clock} does not follow {found.next}")
        # A run grows only at its own rate of bytes per unit: what a deletion takes away is then what was once counted.
        if (
            not found.places
            or found.places[-1] != place.index
            or size * (clock - found.starts[-1]) != (found.size - found.sums[-1]) * length
        ):
            found.starts.append(clock)
            found.places.append(place.index)
            found.sums.append(found.size)
        found.next = clock + length
        found.size += size
        root = place.container.root
        root.bytes += size
        if is_counted(place):
            root.items += length

    def bury(self, client: int, clock: int, end: int) -> None:
        """A known range is dead. What was dead before stays so; counts and heads follow."""
        found = self.clients[client]
        for start, until in found.dead.missing(clock, end):
            starts, at = found.starts, start
            index = bisect_right(starts, start)
            while at < until:
                last = until if index == len(starts) else min(until, starts[index])
                self._bury_in(found, client, at, last, self.places[found.places[index - 1]])
                at = last
                index += 1
            found.dead.add(start, until)

    def _bury_in(self, found: Client, client: int, clock: int, end: int, place: Place) -> None:
        root = place.container.root
        root.bytes -= found.bytes_before(end) - found.bytes_before(clock)
        if is_counted(place):
            root.items -= end - clock
        head = place.head
        if head is not None and head[0] == client and clock <= head[1] < end:
            place.head = None

    # -- checkpoints ---------------------------------------------------------------------------------------------

    def dump(self) -> bytes:
        """The ledger as bytes: a version byte, then compressed: the header's length, a JSON header, the flat arrays."""
        containers = [*self.roots.values(), *self.types.values()]
        number = {id(container): index for index, container in enumerate(containers)}
        number[id(self.nowhere.container)] = -1
        header = {
            "clients": [_client_row(client, found) for client, found in self.clients.items()],
            "retired": list(self.retired.items()),
            "containers": [_container_row(container) for container in containers],
            "places": [
                [number[id(place.container)], place.key, place.head, place.inserts, place.note] for place in self.places
            ],
        }
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
        body = b"".join(_little(flat) for found in self.clients.values() for flat in _arrays(found))
        return VERSION + zlib.compress(len(text).to_bytes(4, "big") + text + body, 1)

    @classmethod
    def load(cls, data: bytes) -> Ledger:
        """What `dump` gave; raises `StoreError` for anything else."""
        if data[:1] != VERSION:
            raise StoreError("a ledger of another format", code="bad_checkpoint", landed=False)
        try:
            plain = zlib.decompress(data[1:])
            size = int.from_bytes(plain[:4], "big")
            ledger = cls()
            ledger._restore(json.loads(plain[4 : 4 + size]), memoryview(plain)[4 + size :])
        except (ValueError, KeyError, IndexError, TypeError, RecursionError, OverflowError, zlib.error) as error:
            raise StoreError(f"the ledger cannot be read: {error}", code="bad_checkpoint", landed=False) from error
        return ledger

    def _restore(self, header: dict[str, Any], body: memoryview) -> None:
        self.retired = dict(header["retired"])
        rows = header["containers"]
        containers: list[Container] = []
        for row in rows:
            container = Container(row[0], row[1])
            container.id = None if row[2] is None else (row[2][0], row[2][1])
            container.items, container.bytes, container.depth = row[4:]
            self.add_container(container)
            containers.append(container)
        self.nowhere.inserts = header["places"][0][3]
        for index, key, head, inserts, note in header["places"][1:]:
            place = Place(self.nowhere.container if index < 0 else containers[index], key)
            place.head = None if head is None else (head[0], head[1])
            place.inserts, place.note = inserts, note
            self.add_place(place)
        # a parent may be younger than its child's row, so parents are tied when all places exist, then roots from the top
        for container, row in zip(containers, rows, strict=True):
            container.parent = None if row[3] is None else self.places[row[3]]
        for container in sorted(containers, key=lambda one: one.depth):
            container.root = container if container.parent is None else container.parent.container.root
        for client, owner, following, size, *lengths in header["clients"]:
            found = self.clients[client] = Client(owner)
            found.next, found.size = following, size
            for flat, length in zip(_arrays(found), lengths, strict=True):
                width = length * flat.itemsize
                if width > len(body):
                    raise ValueError("the arrays end too early")
                flat.frombytes(body[:width])
                if sys.byteorder == "big":
                    flat.byteswap()
                body = body[width:]


def is_counted(place: Place) -> bool:
    """Whether content here is an item of its region: what stands at the root, and everything inside XML."""
    container = place.container
    return container.depth == 0 or container.root.shape == Shape.XML_FRAGMENT


def contains(flat: array[int], wanted: int) -> bool:
    """Whether a sorted array holds this number."""
    at = bisect_left(flat, wanted)
    return at < len(flat) and flat[at] == wanted


def _arrays(found: Client) -> tuple[array[int], ...]:
    dead = found.dead
    return (
        found.starts,
        found.places,
        found.sums,
        found.since,
        found.offsets,
        found.lows,
        found.formats,
        dead.starts,
        dead.ends,
    )


def _client_row(client: int, found: Client) -> list[Any]:
    return [client, found.owner, found.next, found.size, *map(len, _arrays(found))]


def _container_row(container: Container) -> list[Any]:
    parent = None if container.parent is None else container.parent.index
    return [container.name, container.shape, container.id, parent, container.items, container.bytes, container.depth]


def _little(flat: array[int]) -> bytes:
    if sys.byteorder == "big":
        flat = array(flat.typecode, flat)
        flat.byteswap()
    return flat.tobytes()
