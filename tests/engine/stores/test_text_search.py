"""How a text is looked for in entries, against the writers of headers and of updates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accordant.engine.crdt import Replica
from accordant.engine.stores.text_search import in_header, in_update, records
from accordant.types.entries import Entry, EntryKind, OpRecord, header_json
from accordant.types.regions import Kind

TEXTS = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=12)


def entry(detail: dict[str, Any] | None = None, update: bytes | None = None) -> Entry:
    ops = () if detail is None else (OpRecord("r", "commit", None, None, detail),)
    return Entry(1, EntryKind.WRITE, 0, "ada", ops=ops, update=update)


@given(TEXTS, TEXTS, TEXTS)
def test_any_text_is_found_in_a_header_and_in_an_update(before: str, text: str, after: str) -> None:
    """Whatever characters it has, a text inside a recorded value is found, by the header's spelling and by the bytes."""
    whole = before + text + after
    shown = entry({"value": [whole]})
    assert in_header(text) in header_json(shown)
    assert records(shown, text)
    replica = Replica(7)
    with replica.change() as emission:
        replica.edit_text("draft", 0, 0, whole)
    assert emission.update is not None
    assert records(entry(None, emission.update), text)
    assert not records(replace(shown, ops=()), text)


@pytest.mark.parametrize("number", [4.1, -4.1, 0.5, 1e300, 64, 4100, -123456, 2**40, 123456789.25])
def test_a_number_is_found_in_an_update(number: float) -> None:
    """A number in an update that the library itself wrote is found by its digits, however it is encoded."""
    replica = Replica(7)
    with replica.change() as emission:
        replica.root("m", Kind.MAP)["k"] = number
    assert emission.update is not None
    assert any(one in emission.update for one in in_update(str(number)))
    assert records(entry({"value": number}), str(number))


def test_words_that_look_like_numbers_are_words() -> None:
    """Not-a-numbers, padding and underscores are searched for as text alone."""
    for text in ("nan", "inf", " 4.1", "1_000", "4.1%", "7"):
        assert in_update(text) == [text.encode()]
