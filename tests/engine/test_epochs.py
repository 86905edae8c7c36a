"""Whether a replica belongs to this time of a document, told by its state vector."""

from __future__ import annotations

import pycrdt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accordant import EpochChanged
from accordant.engine.epochs import check_epochs
from accordant.engine.state import DocumentState
from accordant.types.entries import Entry, EntryKind
from accordant.types.limits import AUTHORITY_ID_END, AUTHORITY_ID_MIN

EPOCH = AUTHORITY_ID_MIN + 123_456_789


def number(value: int) -> bytes:
    """As Yjs writes it: seven bits a byte, low bits first."""
    digits = []
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    return bytes([*digits, value])


def state_vector(*pairs: tuple[int, int]) -> bytes:
    return number(len(pairs)) + b"".join(number(client) + number(clock) for client, clock in pairs)


def marked(epoch: int) -> DocumentState:
    """A document that an authority has taken over."""
    state = DocumentState(epoch)
    reader = DocumentState(1)
    reader.fold(Entry(1, EntryKind.EPOCH, 0, "accordant", update=state.replica.leave_mark()))
    return reader


others = st.tuples(
    st.one_of(st.integers(0, AUTHORITY_ID_MIN - 1), st.integers(AUTHORITY_ID_END, 2**53 - 1)),
    st.integers(0, 2**32 - 1),
)


@given(st.lists(others), st.lists(others))
def test_clients_of_peers_say_nothing(before: list[tuple[int, int]], after: list[tuple[int, int]]) -> None:
    """Whatever ids and clocks peers have, only those of authorities count, wherever they stand among them."""
    ledger = marked(EPOCH).ledger
    known = ledger.next_clock(EPOCH)
    check_epochs(ledger, state_vector(*before, *after))
    check_epochs(ledger, state_vector(*before, (EPOCH, known), *after))
    for old in ((EPOCH, known + 1), (EPOCH + 1, 1), (AUTHORITY_ID_MIN, 1), (AUTHORITY_ID_END - 1, 2**31)):
        with pytest.raises(EpochChanged) as told:
            check_epochs(ledger, state_vector(*before, old, *after))
        assert told.value.fields["epoch"] == old[0]


def test_what_is_no_state_vector_is_left_to_others() -> None:
    """Bytes that do not decode raise nothing here."""
    ledger = marked(EPOCH).ledger
    for junk in (b"", b"\x80", b"\xff" * 50, b"\x80" * 5 + b"\x20", b"\x80" * 5 + b"\x20" + b"\x80" * 20):
        check_epochs(ledger, junk)


def test_a_mark_is_in_every_replica_and_shows_nowhere() -> None:
    """Every reader's state vector names the epoch; no root, field or region shows anything of it."""
    state = marked(EPOCH)
    peer: pycrdt.Doc[None] = pycrdt.Doc()
    peer.apply_update(state.replica.encode())
    with pytest.raises(EpochChanged):
        check_epochs(DocumentState(1).ledger, bytes(peer.get_state()))
    check_epochs(state.ledger, bytes(peer.get_state()))
    assert peer.get("guarded", type=pycrdt.Map).to_py() == {}
    assert state.canonical_state() == {"head": 1, "guarded": {}, "regions": {}}
    assert state.replica.entries("guarded") == {}
