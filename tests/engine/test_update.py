"""The decoder reads what Yjs and yrs write, refuses everything else with `WireError`, and writes back what it read."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pycrdt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accordant.engine.update import (
    ANY,
    BINARY,
    DELETED,
    EMBED,
    FORMAT,
    GC,
    STRING,
    TYPE,
    Struct,
    decode_delete_set,
    decode_update,
    encode_delete_set,
    encode_state_vector,
    encode_update,
    units,
)
from accordant.types.errors import WireError
from accordant.types.limits import CLOCK_MAX

ids = st.tuples(st.integers(0, 2**53 - 1), st.integers(0, CLOCK_MAX))
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
contents: st.SearchStrategy[tuple[int, Any]] = st.one_of(
    st.tuples(st.just(STRING), st.text(min_size=1, max_size=8)),
    st.tuples(st.just(ANY), st.lists(values, min_size=1, max_size=3)),
    st.tuples(st.just(BINARY), st.binary(max_size=8)),
    st.tuples(st.just(EMBED), st.dictionaries(st.text(max_size=3), st.booleans(), max_size=2)),
    st.tuples(st.just(FORMAT), st.tuples(st.text(max_size=3), st.none() | st.booleans() | st.integers(0, 9))),
    st.tuples(st.just(TYPE), st.sampled_from([(0, None), (1, None), (2, None), (3, "p"), (4, None), (6, None)])),
    st.tuples(st.just(DELETED), st.none()),
    st.tuples(st.just(GC), st.none()),
)


@st.composite
def updates(draw: st.DrawFn) -> bytes:
    """Any well-formed update, however senseless."""
    structs: dict[int, list[Struct]] = {}
    for client in draw(st.lists(st.integers(0, 2**53 - 1), max_size=3, unique=True)):
        clock = draw(st.integers(0, 10**6))
        section = structs[client] = []
        for kind, content in draw(st.lists(contents, min_size=1, max_size=4)):
            length = units(content) if kind == STRING else len(content) if kind == ANY else 1
            if kind in (DELETED, GC):
                length = draw(st.integers(1, 1000))
            origin = draw(st.none() | ids) if kind != GC else None
            right = draw(st.none() | ids.filter(lambda one, origin=origin: one != origin)) if kind != GC else None
            parent = draw(st.text(max_size=5) | ids) if kind != GC and origin is None and right is None else None
            key = draw(st.none() | st.text(max_size=4)) if parent is not None else None
            section.append(Struct(kind, client, clock, length, origin, right, parent, key, content, 0))
            clock += length
    deletes = draw(st.dictionaries(st.integers(0, 2**53 - 1), st.just([(0, 3), (5, 6)]), max_size=2))
    return encode_update(structs, deletes)


@given(updates())
def test_what_was_decoded_is_encoded_to_the_same_bytes(data: bytes) -> None:
    """Decoding loses nothing: encoding again gives the same bytes."""
    update = decode_update(data)
    assert encode_update(update.structs, update.deletes) == data


def survives(data: bytes) -> bool:
    """Decode in both ways; anything but a result or a `WireError` comes through and fails the test."""
    for decode in (decode_update, decode_delete_set):
        with suppress(WireError):
            decode(data)
    return True


@given(st.binary(max_size=200) | st.binary(max_size=40).map(lambda junk: b"\1\1\7\0" + junk))
def test_junk_raises_wire_errors_only(data: bytes) -> None:
    """Whatever the bytes are, the decoder returns or raises `WireError`."""
    assert survives(data)


@given(updates(), st.data())
def test_damaged_updates_raise_wire_errors_only(data: bytes, draw: st.DataObject) -> None:
    """An update with one byte changed or a piece cut off is decoded or refused, never a crash."""
    at = draw.draw(st.integers(0, len(data) - 1))
    changed = bytearray(data)
    changed[at] = draw.draw(st.integers(0, 255))
    assert survives(bytes(changed))
    assert survives(data[:at])


def test_a_cut_update_is_always_refused() -> None:
    """No beginning of an update passes for an update."""
    struct = Struct(STRING, 9, 0, 5, (1, 2), None, None, None, "héllo", 0)
    data = encode_update({9: [struct]}, {1: [(0, 300)]})
    assert decode_update(data).structs[9][0].content == "héllo"
    for length in range(len(data)):
        with pytest.raises(WireError):
            decode_update(data[:length])


def test_text_counts_utf16_units() -> None:
    """An astral character counts two units, as in Yjs."""
    doc: Any = pycrdt.Doc(client_id=3)
    doc["t"] = pycrdt.Text("a😀é")
    struct = decode_update(doc.get_update()).structs[3][0]
    assert (struct.content, struct.length, struct.size) == ("a😀é", 4, 7)
    assert units("a😀é") == 4


def test_pycrdt_values_arrive_as_they_were() -> None:
    """Nested values, bytes, floats and nulls written by pycrdt are read as the same values."""
    doc: Any = pycrdt.Doc(client_id=3)
    doc["a"] = array = pycrdt.Array()
    sent = [None, True, -1.5, "é😀", {"k": [1.0, {"n": None}]}, -70.0, 2.0**40, 2**60, b"raw"]
    array.extend(sent)
    structs = decode_update(doc.get_update()).structs[3]
    assert [value for struct in structs if struct.kind == ANY for value in struct.content] == sent


def test_delete_sets_and_state_vectors_are_what_pycrdt_reads() -> None:
    """Our encodings are pycrdt's own."""
    doc: Any = pycrdt.Doc(client_id=300)
    doc["t"] = text = pycrdt.Text("hello")
    seen: list[bytes] = []
    subscription = doc.observe(lambda event: seen.append(event.delete_set))
    del text[1:3]
    assert encode_state_vector({300: 5}) == doc.get_state()
    assert decode_delete_set(seen[0]) == {300: [(1, 3)]}
    assert encode_delete_set({300: [(1, 3)]}) == seen[0]
    doc.unobserve(subscription)
