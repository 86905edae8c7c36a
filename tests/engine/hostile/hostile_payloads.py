"""What an attacker may send, by name: how the document is, the bytes, and the code with which the gate must answer.

Every builder gets the world that `prepare` made: declared regions with content of the authority, of ann (client 7) and of the
attacker eve (client 67, an id of her own with a history, and 66, an unused one).
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Any

import pycrdt
from honest_hub import Hub

from accordant.engine.update import (
    ANY,
    BINARY,
    DELETED,
    EMBED,
    FORMAT,
    GC,
    SKIP,
    STRING,
    TYPE,
    Id,
    Struct,
    encode_update,
    units,
)
from accordant.types.regions import Kind, RegionSpec, Rules, Schema

AUTHORITY = 2**40 + 1
ANN, EVE, NEW = 7, 67, 66

DECLARED = Schema(
    "Board",
    {
        "account": RegionSpec("account", Kind.GUARDED),
        "text": RegionSpec("text", Kind.TEXT),
        "log": RegionSpec("log", Kind.LOG),
        "cards": RegionSpec("cards", Kind.LOG, dict[str, int]),
        "set": RegionSpec("set", Kind.UNION_SET),
        "count": RegionSpec("count", Kind.COUNTER),
        "map": RegionSpec("map", Kind.MAP),
        "small": RegionSpec("small", Kind.LOG, None, Rules(max_items=3, max_bytes=100)),
        "xml": RegionSpec("xml", Kind.XML),
    },
)


@dataclass(frozen=True)
class World:
    """The hub, and the ids of things worth attacking."""

    hub: Hub
    start: int
    guarded: Id
    text: Id
    emoji: Id
    entry: Id
    shared: Id
    inner: Id
    tag: Id
    key: Id


def prepare(schema: Schema = DECLARED) -> World:
    """A document with something of everybody in every region."""
    hub = Hub(schema, AUTHORITY)
    hub.write(lambda doc: doc.get("guarded", type=pycrdt.Map).__setitem__("account", {"value": 1, "version": 1}))
    put(hub, "ann", [item(STRING, ANN, 0, "hello 😀 world", parent="text")])
    put(hub, "ann", [item(ANY, ANN, 14, [1, 2, 3], parent="log")])
    put(hub, "ann", [item(ANY, ANN, 17, ["member"], parent="set", key="tag")])
    put(hub, "ann", [item(ANY, ANN, 18, [5], parent="map", key="key")])
    put(
        hub,
        "ann",
        [item(TYPE, ANN, 19, (1, None), parent="cards"), item(ANY, ANN, 20, [4], parent=(ANN, 19), key="points")],
    )
    put(hub, "ann", [item(ANY, ANN, 21, [[1, 0]], parent="count", key=str(ANN))])
    put(hub, "eve", [item(STRING, EVE, 0, "eve", origin=(ANN, 13))])
    put(hub, "eve", [item(ANY, EVE, 3, [[3, 1]], parent="count", key=str(EVE))])
    return World(hub, 4, (AUTHORITY, 0), (ANN, 3), (ANN, 6), (ANN, 15), (ANN, 19), (ANN, 20), (ANN, 17), (ANN, 18))


def put(hub: Hub, actor: str, structs: list[Struct]) -> None:
    """Land an honest update."""
    hub.receive(encode_update({structs[0].client: structs}), actor)


def item(
    kind: int,
    client: int,
    clock: int,
    content: Any = None,
    *,
    origin: Id | None = None,
    right: Id | None = None,
    parent: str | Id | None = None,
    key: str | None = None,
    length: int | None = None,
) -> Struct:
    """One struct; the length follows from the content where it can."""
    if length is None:
        length = units(content) if kind == STRING else len(content) if kind == ANY else 1
    return Struct(kind, client, clock, length, origin, right, parent, key, content, 0)


def one(*structs: Struct, deletes: dict[int, list[tuple[int, int]]] | None = None) -> bytes:
    """An update of structs of one or more clients, in the order given per client."""
    sections: dict[int, list[Struct]] = {}
    for struct in structs:
        sections.setdefault(struct.client, []).append(struct)
    return encode_update(sections, deletes)


def uint(number: int) -> bytes:
    """A variable-length number, however large."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def raw(body: bytes, client: int = NEW, clock: int = 0, count: int = 1, deletes: bytes = b"\0") -> bytes:
    """An update with a section whose structs are these bytes."""
    return b"\1" + uint(count) + uint(client) + uint(clock) + body + deletes


def into(root: str, kind: int, content: bytes, key: str | None = None) -> bytes:
    """The bytes of a struct at a root."""
    head = bytes([kind | (0x20 if key is not None else 0), 1]) + text(root)
    return head + (text(key) if key is not None else b"") + content


def text(content: str) -> bytes:
    """A length and UTF-8 bytes."""
    return uint(len(content.encode())) + content.encode()


@dataclass(frozen=True)
class Attack:
    """One class of payload: `build` gives updates that must all be answered with one of `codes` (empty: let in, harmless)."""

    codes: frozenset[str]
    build: Callable[[World], Iterable[bytes]]
    is_open: bool = False
    setup: Callable[[World], None] | None = None


ATTACKS: dict[str, Attack] = {}


def attack(*codes: str, is_open: bool = False, setup: Callable[[World], None] | None = None) -> Callable[..., Any]:
    """Register a builder under its function's name."""

    def register(build: Callable[[World], Any]) -> Callable[[World], Any]:
        def many(world: World) -> Iterable[bytes]:
            made = build(world)
            return [made] if isinstance(made, bytes) else made

        ATTACKS[build.__name__] = Attack(frozenset(codes), many, is_open, setup)
        return build

    return register


# -- bytes -------------------------------------------------------------------------------------------------------


@attack("malformed", "too_many_structs", "bad_order")
def truncated(w: World) -> Any:
    whole = one(item(STRING, NEW, 0, "words 😀", origin=w.text), item(FORMAT, NEW, 8, ("b", True), origin=(NEW, 7)))
    return [whole[:n] for n in range(len(whole))]


@attack("malformed")
def trailing_bytes(w: World) -> Any:
    return one(item(STRING, NEW, 0, "x", origin=w.text)) + b"\0"


@attack("too_many_structs", "malformed")
def lying_counts(w: World) -> Any:
    huge = (5 * 10**7, 2**31, 2**52, 2**60, 2**64 - 1)
    return [
        *(uint(n) + b"\1\1\0" for n in huge),
        *(raw(into("text", STRING, text("x")), count=n) for n in huge),
        *(raw(into("log", ANY, uint(n) + b"\x7e")) for n in huge),
        *(raw(into("log", ANY, b"\1\x75" + uint(n) + b"\x7e")) for n in huge),
        *(raw(into("log", ANY, b"\1\x76" + uint(n) + b"\x7e")) for n in huge),
        *(raw(into("text", STRING, uint(n) + b"x")) for n in huge),
        *(raw(into("log", BINARY, uint(n) + b"x")) for n in huge),
    ]


@attack("malformed", "too_large", "clock_range")
def lying_delete_counts(w: World) -> Any:
    return [b"\0" + uint(1) + uint(ANN) + uint(n) + b"\0\1" for n in (2, 2**17, 2**20, 2**40, 2**60)]


@attack("malformed")
def numbers_that_are_too_long(w: World) -> Any:
    return [
        b"\1\x81\0" + uint(NEW) + b"\0" + into("text", STRING, text("x")) + b"\0",
        raw(into("log", ANY, b"\1\x7d\x80\0")),
        raw(into("log", ANY, b"\1\x7d" + b"\xbf" + b"\xff" * 8 + b"\x7f")),
        raw(into("log", ANY, b"\1\x7d\x80\x80\x80\x80\x80\x80\x80\x80\1")),
    ]


@attack("malformed")
def bad_utf8(w: World) -> Any:
    bad = (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82")
    return [
        *(raw(into("text", STRING, uint(len(b)) + b)) for b in bad),
        *(raw(bytes([STRING, 1]) + uint(len(b)) + b + text("x")) for b in bad),
        *(raw(into("log", ANY, b"\1\x77" + uint(len(b)) + b)) for b in bad),
    ]


@attack("nesting")
def deep_values(w: World) -> Any:
    depths = (33, 1000, 20_000, 200_000)
    return [
        *(raw(into("log", ANY, b"\1" + b"\x75\1" * n + b"\x7e")) for n in depths),
        *(raw(into("log", ANY, b"\1" + b"\x76\1\1a" * n + b"\x7e")) for n in depths),
    ]


@attack("malformed", "nesting")
def bad_json(w: World) -> Any:
    bad = [
        "",
        "{",
        "NaN",
        "[Infinity]",
        "1e999",
        '"\\ud800"',
        "[" * 200_000,
        "[" * 40 + "]" * 40,
        '{"a":' * 900,
        "1" * 5000,
    ]
    return [
        *(raw(into("text", EMBED, text(b))) for b in bad),
        *(raw(into("text", FORMAT, text("bold") + text(b))) for b in bad[:8]),
    ]


@attack("malformed")
def unknown_kinds(w: World) -> Any:
    return [
        *(raw(into("log", kind, b"\1" + text("1"))) for kind in (2, 11, 12, 13, 15)),
        raw(into("log", 0x10 | ANY, b"\1\x7e")),
        raw(bytes([0x80 | GC, 5])),
        raw(bytes([0x20 | GC, 5])),
        raw(bytes([0x40 | SKIP, 5])),
        raw(into("log", ANY, b"\1\x50")),
        raw(into("log", ANY, b"\1\x7c\0")),
    ]


@attack("malformed")
def unknown_types(w: World) -> Any:
    return [raw(into("map", TYPE, bytes([t]) + text("p"), "k")) for t in (5, 7, 8, 9, 15, 127)]


@attack("malformed")
def no_content(w: World) -> Any:
    return [
        raw(into("text", STRING, b"\0")),
        raw(into("log", ANY, b"\0")),
        raw(into("log", DELETED, b"\0")),
        raw(bytes([GC, 0])),
        raw(bytes([SKIP, 0])),
        b"\0" + b"\1" + uint(ANN) + b"\1" + b"\0\0",
    ]


@attack("bad_order")
def sections_and_ranges_out_of_order(w: World) -> Any:
    def section(client: int, clock: int) -> bytes:
        return b"\1" + uint(client) + uint(clock) + into("text", STRING, text("x"))

    return [
        b"\2" + section(NEW, 1) + section(NEW, 0) + b"\0",
        b"\2" + section(NEW, 0) + section(NEW, 1) + b"\0",
        b"\2" + section(NEW, 0) + section(EVE, 4) + b"\0",
        b"\1\0" + uint(NEW) + b"\0\0",
        b"\0\2" + (uint(ANN) + b"\1\0\1") * 2,
        b"\0\1" + uint(ANN) + b"\0",
        b"\0\1" + uint(ANN) + b"\2\0\3\2\3",
        b"\0\1" + uint(ANN) + b"\2\5\1\0\1",
    ]


@attack("malformed")
def members_twice(w: World) -> Any:
    return raw(into("log", ANY, b"\1\x76\2" + text("a") + b"\x7e" + text("a") + b"\x78"))


@attack("subdocument")
def subdocument(w: World) -> Any:
    return raw(into("map", 9, text("guid") + b"\x76\0", "k"))


# -- size --------------------------------------------------------------------------------------------------------


@attack("squashable_run")
def squashable(w: World) -> Any:
    values = [
        item(ANY, NEW, n, [n], origin=(NEW, n - 1) if n else None, parent=None if n else "log") for n in range(16_000)
    ]
    letters = [item(STRING, NEW, n, "x", origin=(NEW, n - 1) if n else w.text) for n in range(20_000)]
    entries = [
        item(ANY, NEW, n, [n], origin=(NEW, n - 1) if n else None, parent=None if n else "map", key=None if n else "k")
        for n in range(16_000)
    ]
    collected = [item(GC, NEW, n, length=1) for n in range(16_000)]
    return [one(*values), one(*letters), one(*entries, deletes={NEW: [(0, 15_999)]}), one(*collected)]


@attack("nesting", "too_many_structs")
def deep_types(w: World) -> Any:
    def tower(n: int) -> bytes:
        floors = [item(TYPE, NEW, k, (1, None), parent=(NEW, k - 1) if k else "map", key="k") for k in range(n)]
        return one(*floors)

    return [tower(17), tower(1000), tower(20_000), raw(b"", count=200_000)]


@attack("too_large")
def too_many_bytes(w: World) -> Any:
    return [
        one(item(STRING, NEW, 0, "x" * 4_194_304, origin=w.text)),
        raw(into("map", ANY, b"\1\x7e", "k" * 513)),
        b"\0\1" + uint(ANN) + uint(300_000) + b"\1\1" * 300_000,
    ]


@attack("too_many_structs")
def values_by_the_million(w: World) -> Any:
    return [
        raw(into("log", ANY, uint(4_000_000) + b"\x7e" * 4_000_000)),
        raw(into("log", ANY, uint(2_000_000) + b"\x76\0" * 2_000_000)),
        raw(into("log", ANY, b"\1\x75" + uint(4_000_000) + b"\x7e" * 4_000_000)),
        raw(into("log", ANY, uint(50_001) + b"\x75\1\x7e" * 50_001)),
        raw((into("log", ANY, uint(2000) + b"\x7e" * 2000) + into("log", BINARY, b"\1x")) * 51, count=102),
    ]


@attack("too_many_structs")
def dead_entries_by_the_million(w: World) -> Any:
    return [
        raw(into("log", DELETED, uint(2**30))),
        one(item(ANY, NEW, 0, list(range(5000)), parent="log"), deletes={NEW: [(0, 5000)]}),
    ]


@attack("region_full")
def a_full_region(w: World) -> Any:
    return [
        one(item(ANY, NEW, 0, [1, 2, 3, 4], parent="small")),
        one(item(ANY, NEW, 0, ["x" * 101], parent="small")),
    ]


@attack("too_many_regions", is_open=True)
def roots_by_the_thousand(w: World) -> Any:
    return one(*(item(ANY, NEW, n, [1], parent=f"root{n}") for n in range(1025)))


@attack("unknown_region", is_open=True)
def names_without_end(w: World) -> Any:
    return one(item(STRING, NEW, 0, "x", parent="r" * 129))


@attack("too_many_structs")
def cuts_by_the_thousand(w: World) -> Any:
    """Every second unit deleted: the document would hold twenty thousand pieces where the update has one."""
    ranges = [(2 * n, 2 * n + 1) for n in range(20_001)]
    return one(item(STRING, NEW, 0, "xy" * 20_001, origin=w.text), deletes={NEW: ranges})


# -- ids and clocks ----------------------------------------------------------------------------------------------


@attack("forged_client", "malformed")
def client_ids_beyond(w: World) -> Any:
    return [raw(into("text", STRING, text("x")), client=c) for c in (2**53, 2**54, 2**56, 2**63, 2**64 - 1)]


@attack("clock_range", "malformed")
def clocks_beyond(w: World) -> Any:
    return [
        *(raw(into("text", STRING, text("xxxx")), clock=c) for c in (2**31, 2**32 - 2, 2**32 - 1, 2**53, 2**62)),
        *(raw(into("text", DELETED, uint(n))) for n in (2**31 + 1, 2**32 - 1, 2**50)),
        *(raw(bytes([GC]) + uint(n)) for n in (2**31 + 1, 2**32 - 1)),
        b"\0\1" + uint(ANN) + b"\1" + uint(1) + uint(2**32 - 2),
    ]


@attack("clock_gap")
def clock_gaps(w: World) -> Any:
    return [
        one(item(STRING, NEW, 5, "x", origin=w.text)),
        one(item(STRING, EVE, w.start + 10, "x", origin=w.text)),
        one(item(SKIP, NEW, 0, length=3), item(STRING, NEW, 3, "x", origin=w.text)),
        one(item(STRING, NEW, 0, "x", origin=w.text), item(SKIP, NEW, 1, length=3), item(GC, NEW, 4, length=1)),
    ]


@attack("forged_client")
def ids_of_others(w: World) -> Any:
    return [
        one(item(STRING, ANN, 22, "x", origin=w.text)),
        one(item(STRING, ANN, 22, "x", origin=w.text), item(STRING, EVE, w.start, "x", origin=w.text)),
        one(item(STRING, ANN, 0, "hello 😀 world and then some", parent="text"), item(GC, ANN, 28, length=1)),
    ]


@attack("authority_client")
def ids_of_authorities(w: World) -> Any:
    return [
        one(item(ANY, AUTHORITY, 1, [1], parent="map", key="k")),
        one(item(ANY, AUTHORITY, 0, [1], parent="map", key="k"), item(GC, AUTHORITY, 1, length=2**30)),
        one(item(ANY, 2**40, 0, [1], parent="map", key="k")),
        one(item(ANY, 2**41 - 1, 0, [1], parent="map", key="k")),
    ]


@attack("retired_client", setup=lambda w: w.hub.ledger.retire([NEW, EVE], "refused"))
def ids_that_were_retired(w: World) -> Any:
    return [one(item(STRING, NEW, 0, "x", origin=w.text)), one(item(STRING, EVE, 4, "x", origin=w.text))]


@attack("unknown_reference")
def unknown_neighbours(w: World) -> Any:
    return [
        one(item(STRING, NEW, 0, "x", origin=(ANN, 22))),
        one(item(STRING, NEW, 0, "x", right=(12345, 0))),
        one(item(STRING, NEW, 0, "x", parent=(12345, 0))),
        one(item(STRING, NEW, 0, "x", origin=(NEW, 0))),
        one(item(STRING, NEW, 0, "x", origin=(NEW, 1)), item(STRING, NEW, 1, "y", origin=w.text)),
        one(item(STRING, NEW, 0, "x", origin=(2**50, 0))),
    ]


@attack("unknown_reference")
def deletes_of_what_is_to_come(w: World) -> Any:
    return [
        b"\0\1" + uint(200) + b"\1\0\x64",
        b"\0\1" + uint(AUTHORITY) + b"\1\x01\x64",
        b"\0\1" + uint(ANN) + b"\1" + uint(21) + uint(2),
        one(item(STRING, NEW, 0, "x", origin=w.text), deletes={NEW: [(0, 2)]}),
    ]


@attack("bad_order")
def waiting_in_a_circle(w: World) -> Any:
    return [
        one(item(STRING, NEW, 0, "x", origin=(EVE, w.start)), item(STRING, EVE, w.start, "y", origin=(NEW, 0))),
        one(
            item(STRING, NEW, 0, "x", origin=(EVE, w.start)),
            item(STRING, 65, 0, "x", origin=(NEW, 0)),
            item(STRING, EVE, w.start, "y", origin=(65, 0)),
        ),
    ]


# -- neighbours and places ---------------------------------------------------------------------------------------


@attack("bad_order")
def impossible_neighbours(w: World) -> Any:
    return [
        one(item(STRING, NEW, 0, "x", origin=w.text, right=w.text)),
        one(item(STRING, NEW, 0, "x", origin=w.text, right=w.entry)),
        one(item(ANY, NEW, 0, [1], origin=w.entry, right=w.text)),
        one(item(ANY, NEW, 0, [1], right=w.key)),
        one(item(ANY, NEW, 0, [1], origin=w.key, right=w.tag)),
        one(item(GC, NEW, 0, length=2), item(STRING, NEW, 2, "x", origin=(NEW, 1), right=w.text)),
    ]


@attack("wrong_content")
def parents_that_are_none(w: World) -> Any:
    return [
        one(item(STRING, NEW, 0, "x", parent=w.text)),
        one(item(ANY, NEW, 0, [1], parent=w.guarded, key="k")),
        one(item(STRING, NEW, 0, "good ", origin=w.text), item(ANY, NEW, 5, [1], parent=w.text, key="k")),
    ]


@attack("surrogate_split")
def halves_of_a_character(w: World) -> Any:
    return [
        one(item(STRING, NEW, 0, "x", origin=w.emoji, right=(ANN, w.emoji[1] + 1))),
        one(item(STRING, NEW, 0, "x", origin=w.emoji)),
        one(item(STRING, NEW, 0, "x", right=(ANN, w.emoji[1] + 1))),
        one(deletes={ANN: [(w.emoji[1], w.emoji[1] + 1)]}),
        one(deletes={ANN: [(w.emoji[1] + 1, w.emoji[1] + 2)]}),
        one(deletes={ANN: [(3, w.emoji[1] + 1)]}),
        one(item(STRING, NEW, 0, "😀", origin=w.text), item(STRING, NEW, 2, "x", origin=(NEW, 0))),
        one(item(STRING, NEW, 0, "😀", origin=w.text), deletes={NEW: [(1, 2)]}),
    ]


@attack("surrogate_split", setup=lambda w: put(w.hub, "eve", [item(STRING, NEW, 0, "ab", origin=w.text)]))
def a_tail_that_begins_within_a_character(w: World) -> Any:
    return one(item(STRING, NEW, 0, "a😀b", origin=w.text))


@attack("surrogate_split", "wrong_content", "bad_order")
def tails_that_begin_elsewhere(w: World) -> Any:
    return [
        one(item(ANY, EVE, 0, [1, 2, 3, 4, 5, 6], parent="log")),
        one(item(STRING, EVE, 3, "xx", origin=w.text)),
        one(item(STRING, EVE, 0, "eve eve", parent="log")),
        one(item(ANY, EVE, 3, [1, 2], origin=w.entry)),
    ]


@attack("wrong_content")
def content_that_does_not_fit(w: World) -> Any:
    return [
        one(item(ANY, NEW, 0, [1], origin=w.text)),
        one(item(ANY, NEW, 0, [1], parent="text")),
        one(item(BINARY, NEW, 0, b"x", parent="text")),
        one(item(TYPE, NEW, 0, (1, None), parent="text")),
        one(item(ANY, NEW, 0, [1], parent="text", key="hidden")),
        one(item(STRING, NEW, 0, "x", origin=w.entry)),
        one(item(STRING, NEW, 0, "x", parent="log")),
        one(item(FORMAT, NEW, 0, ("bold", True), parent="log")),
        one(item(EMBED, NEW, 0, {}, parent="log")),
        one(item(ANY, NEW, 0, [1], parent="log", key="hidden")),
        one(item(ANY, NEW, 0, [1], parent="map")),
        one(item(STRING, NEW, 0, "x", parent="map", key="k")),
        one(item(ANY, NEW, 0, [1, 2], parent="map", key="k")),
        one(item(DELETED, NEW, 0, parent="map", length=3)),
        one(item(ANY, NEW, 0, [1], parent="xml")),
        one(item(STRING, NEW, 0, "x", parent="xml")),
        one(item(ANY, NEW, 0, ["x"], parent="xml", key="attribute")),
        one(item(TYPE, NEW, 0, (1, None), parent="xml")),
        one(item(TYPE, NEW, 0, (3, "p"), parent="xml"), item(STRING, NEW, 1, "x", parent=(NEW, 0))),
    ]


@attack("xml_not_declared")
def xml_in_other_regions(w: World) -> Any:
    return [
        one(item(TYPE, NEW, 0, (4, None), parent="log")),
        one(item(TYPE, NEW, 0, (6, None), parent="map", key="k")),
        one(
            item(TYPE, NEW, 0, (1, None), parent="map", key="k"), item(TYPE, NEW, 1, (3, "p"), parent=(NEW, 0), key="k")
        ),
    ]


@attack("xml_not_declared", is_open=True)
def xml_in_an_open_document(w: World) -> Any:
    return one(item(TYPE, NEW, 0, (3, "p"), parent="page"))


@attack("wrong_content", is_open=True)
def roots_that_change_their_nature(w: World) -> Any:
    return [
        one(item(ANY, NEW, 0, [1], parent="text")),
        one(item(STRING, NEW, 0, "x", parent="map")),
        one(item(STRING, NEW, 0, "x", parent="fresh"), item(ANY, NEW, 1, [1], parent="fresh")),
        one(item(ANY, NEW, 0, [1], parent="fresh", key="k"), item(ANY, NEW, 1, [1], parent="fresh")),
        one(item(TYPE, NEW, 0, (1, None), parent="fresh"), item(ANY, NEW, 1, [1], parent="fresh", key="k")),
    ]


# -- rules -------------------------------------------------------------------------------------------------------

GUARDED = [
    lambda w: one(item(ANY, NEW, 0, [666], parent="guarded", key="account")),
    lambda w: one(item(ANY, NEW, 0, [666], origin=w.guarded)),
    lambda w: one(item(ANY, NEW, 0, [666], parent="guarded", key="new")),
    lambda w: one(deletes={AUTHORITY: [(0, 1)]}),
    lambda w: one(item(ANY, NEW, 0, [666], parent="guarded", key="account"), deletes={NEW: [(0, 1)]}),
    lambda w: one(item(DELETED, NEW, 0, parent="guarded", key="account")),
    lambda w: one(item(STRING, NEW, 0, "ok", origin=w.text), item(ANY, NEW, 2, [6], origin=w.guarded)),
]


@attack("guarded_closed")
def guarded_by_every_road(w: World) -> Any:
    return [*(build(w) for build in GUARDED), one(item(ANY, NEW, 0, [1], parent="account", key="value"))]


@attack("guarded_closed", is_open=True)
def guarded_in_an_open_document(w: World) -> Any:
    return [build(w) for build in GUARDED]


@attack("bad_order")
def guarded_by_right_origin(w: World) -> Any:
    return one(item(ANY, NEW, 0, [666], right=w.guarded))


@attack("guarded_closed", "wrong_content")
def guarded_as_a_sequence(w: World) -> Any:
    return one(item(ANY, NEW, 0, [1], parent="guarded"))


@attack("unknown_region")
def regions_that_nobody_declared(w: World) -> Any:
    return [one(item(STRING, NEW, 0, "x", parent="other")), one(item(STRING, NEW, 0, "x", parent="r" * 500))]


@attack("not_at_tail")
def log_in_the_middle(w: World) -> Any:
    return [
        one(item(ANY, NEW, 0, [9], origin=(ANN, 14), right=w.entry)),
        one(item(ANY, NEW, 0, [9], right=(ANN, 14))),
    ]


@attack("entry_changed")
def entries_of_others(w: World) -> Any:
    return [
        one(deletes={ANN: [(14, 15)]}),
        one(item(ANY, NEW, 0, [9], origin=(ANN, 16)), deletes={ANN: [(14, 17)]}),
        one(item(ANY, NEW, 0, ["other"], origin=w.tag), deletes={ANN: [(17, 18)]}),
        one(item(ANY, NEW, 0, ["other"], parent="set", key="tag")),
        one(item(ANY, NEW, 0, ["a"], parent="set", key="n"), item(ANY, EVE, w.start, ["b"], parent="set", key="n")),
    ]


@attack("nested_change")
def values_from_inside(w: World) -> Any:
    return [
        one(item(ANY, NEW, 0, [9], origin=w.inner), deletes={ANN: [(20, 21)]}),
        one(item(ANY, NEW, 0, [9], parent=w.shared, key="other")),
        one(deletes={ANN: [(20, 21)]}),
    ]


@attack("invalid_value", "incomplete_value", "integer_range", "not_finite", "not_json", "too_deep")
def values_that_do_not_fit(w: World) -> Any:
    def nested(*inside: Struct) -> bytes:
        return one(item(TYPE, NEW, 0, (1, None), origin=w.shared), *inside)

    return [
        one(item(ANY, NEW, 0, ["no card"], origin=w.shared)),
        one(item(ANY, NEW, 0, [{"points": 1}, {"points": "many"}], origin=w.shared)),
        nested(item(ANY, NEW, 1, ["many"], parent=(NEW, 0), key="points")),
        one(item(TYPE, NEW, 0, (0, None), origin=w.shared)),
        raw(into("log", ANY, b"\1\x7a" + (2**60).to_bytes(8, "big"))),
        raw(into("log", ANY, b"\1\x7b\x7f\xf8\0\0\0\0\0\0")),
        raw(into("log", ANY, b"\1\x7b\x7f\xf0\0\0\0\0\0\0")),
        one(item(BINARY, NEW, 0, b"bytes", parent="map", key="k")),
        one(item(ANY, NEW, 0, [b"bytes"], parent="map", key="k")),
    ]


@attack("not_your_counter", "counter_decreased", "invalid_value")
def counters(w: World) -> Any:
    mine = (EVE, 3)
    bad: list[Any] = [[2, 1], [3, 0], [3], [4, 1, 0], "4", [-1, 1], [4.5, 1], [True, 1], [2**60, 1], {"plus": 4}, None]
    return [
        one(item(ANY, NEW, 0, [[1, 0]], parent="count", key=str(ANN))),
        one(item(ANY, NEW, 0, [[9, 0]], origin=(ANN, 21)), deletes={ANN: [(21, 22)]}),
        one(item(ANY, NEW, 0, [[1, 0]], parent="count", key="total")),
        one(deletes={ANN: [(21, 22)]}),
        one(deletes={EVE: [(3, 4)]}),
        *(one(item(ANY, EVE, 4, [value], origin=mine), deletes={EVE: [(3, 4)]}) for value in bad),
        one(item(DELETED, EVE, 4, origin=mine), deletes={EVE: [(3, 4)]}),
    ]


# -- let in, because they do no harm -----------------------------------------------------------------------------


@attack()
def controls(w: World) -> Any:
    return [
        one(item(STRING, NEW, 0, "fine", origin=w.text, right=(ANN, w.text[1] + 1))),
        one(item(ANY, EVE, 4, [[4, 1]], origin=(EVE, 3)), deletes={EVE: [(3, 4)]}),
        one(item(STRING, ANN, 0, "other words!!!", parent="text")),
        one(item(GC, NEW, 4, length=3)),
        one(item(DELETED, NEW, 7, origin=w.text, length=2**30)),
        one(item(ANY, 61, 0, list(range(20_000)), parent="log")),
        raw(into("text", EMBED, text(json.dumps({"deep": [[[[1]]]], "n": 2**60}))), client=62),
        one(item(TYPE, 63, 0, (3, "p"), parent="xml"), item(TYPE, 63, 1, (6, None), parent=(63, 0))),
        raw(into("log", ANY, b"\1" + b"\x75\1" * 32 + b"\x7e"), client=64),
    ]


# -- by chance ---------------------------------------------------------------------------------------------------


def mutated(seed: int, count: int) -> Iterable[bytes]:
    """Honest updates with a few bytes changed, cut out, doubled or put in."""
    dice = random.Random(seed)
    world = prepare()
    honest = [
        *world.hub.log,
        one(item(STRING, NEW, 0, "words 😀", origin=(ANN, 3), right=(ANN, 4)), deletes={ANN: [(0, 2)]}),
        one(item(TYPE, NEW, 0, (1, None), origin=(ANN, 19)), item(ANY, NEW, 1, [7], parent=(NEW, 0), key="points")),
        one(item(TYPE, NEW, 0, (3, "p"), parent="xml"), item(FORMAT, EVE, 4, ("b", True), origin=(ANN, 3))),
    ]
    for _ in range(count):
        data = bytearray(dice.choice(honest))
        for _ in range(dice.randrange(1, 4)):
            at = dice.randrange(len(data))
            way = dice.randrange(4)
            if way == 0:
                data[at] = dice.randrange(256)
            elif way == 1:
                del data[at : at + dice.randrange(1, 4)]
            elif way == 2:
                data[at:at] = data[at : at + dice.randrange(1, 6)]
            else:
                data[at] ^= 1 << dice.randrange(8)
            if not data:
                break
        yield bytes(data)


def invented(seed: int, count: int) -> Generator[bytes, bool | None, None]:
    """Well-formed updates whose references, places and contents are drawn by lot among what exists and what does not.

    Right origins are the unit after the origin: one that stands left of its origin is known to pass (see the gate).
    """
    dice = random.Random(seed)
    clocks = {NEW: 0, EVE: 4, 65: 0}
    contents: list[tuple[int, Any]] = [
        (STRING, "ab"), (STRING, "😀"), (ANY, [1]), (ANY, [1, "x"]), (ANY, [[1, 2]]), (ANY, [{"points": 1}]), (BINARY, b"x"),
        (FORMAT, ("b", True)), (EMBED, {}), (TYPE, (1, None)), (TYPE, (0, None)), (TYPE, (2, None)), (TYPE, (3, "p")),
        (TYPE, (6, None)), (DELETED, None), (GC, None), (SKIP, None),
    ]  # fmt: skip

    def some_id() -> Id:
        client = dice.choice([ANN, ANN, ANN, EVE, NEW, 65, AUTHORITY, 12345])
        return client, dice.randrange(24 if client == ANN else max(1, clocks.get(client, 1) + 1))

    for _ in range(count):
        structs, tried = [], dict(clocks)
        for _ in range(dice.randrange(1, 4)):
            client = dice.choice([NEW, EVE, 65])
            kind, content = dice.choice(contents)
            length = dice.randrange(1, 5) if kind in (DELETED, GC, SKIP) else None
            origin = some_id() if dice.random() < 0.6 else None
            right = (origin[0], origin[1] + 1) if origin and dice.random() < 0.3 else None
            parent: Any = None
            if origin is None and right is None:
                parent = (
                    some_id()
                    if dice.random() < 0.2
                    else dice.choice(["text", "log", "cards", "set", "map", "xml", "count"])
                )
            key = (
                dice.choice(["k", "tag", "key", "7", "66", "67"])
                if parent is not None and dice.random() < 0.5
                else None
            )
            made = item(
                kind, client, tried[client], content, origin=origin, right=right, parent=parent, key=key, length=length
            )
            tried[client] += made.length
            structs.append(made)
        deletes = {}
        if dice.random() < 0.4:
            client, clock = some_id()
            deletes[client] = [(clock, clock + dice.randrange(1, 4))]
        update = one(*structs, deletes=deletes)
        accepted = yield update
        if accepted:
            clocks.update(tried)
