"""Events and subscriptions on the wire: what goes in comes out, and whatever else comes raises `Invalid` alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accordant.sync import event_messages as codec
from accordant.types.errors import Invalid
from accordant.types.events import Event, EventKind, EventQuery, Invalidated, Lagged, SecondWriter, WriteDenied

BASE: dict[str, Any] = {"version": 9, "actor": "ann", "paths": ("draft", "tasks/7"), "at": 1000, "first": 9}
EVENTS = [
    Event(**BASE, kind=EventKind.WRITE, refs=("draft@9.0",), count=3, batch="b"),
    Event(**BASE | {"paths": ()}, kind=EventKind.AUTHORITY),
    WriteDenied(**BASE, kind=EventKind.DENIAL, code="stale", beaten_by="bob", yours=3, current=7, times=2),
    WriteDenied(**BASE, kind=EventKind.DENIAL, outcome="conflict"),
    Invalidated(**BASE, kind=EventKind.INVALIDATED, ref="a@1.0", because="a@1.0", readers=("ann",), is_suspect=True),
    SecondWriter(**BASE, kind=EventKind.SECOND_WRITER, before="bob"),
    Lagged(**BASE, kind=EventKind.LAGGED, n=1000, resume_from=8),
]
QUERIES = [
    EventQuery(),
    EventQuery(("draft", "tasks/7"), frozenset({EventKind.WRITE}), 7, 0.5, 2.0, "critics"),
]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = ["sub", "regions", "kinds", "after", "coalesce", "max_rate", "group", "n", "batch", "why", "events", "version"]
EVENT_NAMES = ["version", "kind", "actor", "paths", "at", "refs", "count", "ref", "because", "n", "resume_from"]
bodies = st.dictionaries(st.sampled_from(NAMES), json_values)
events = st.dictionaries(st.sampled_from(EVENT_NAMES), json_values | st.sampled_from([*EventKind]))


def test_events_come_back_as_they_were() -> None:
    """Each with its class and all its fields, through JSON text."""
    text = json.dumps(codec.events_to_json(EVENTS, 12))
    assert codec.events_from_json(json.loads(text)) == (EVENTS, 12)


@pytest.mark.parametrize("query", QUERIES)
def test_queries_come_back_as_they_were(query: EventQuery) -> None:
    """Through JSON text, with the name of the subscription."""
    assert codec.query_from_json(json.loads(json.dumps(codec.query_to_json(query, "s")))) == (query, "s")


@given(bodies)
def test_junk_raises_invalid_alone(body: dict[str, Any]) -> None:
    """Any JSON object in the place of a question or an answer."""
    for read in (
        codec.query_from_json,
        codec.question_from_json,
        codec.subscription_from_json,
        codec.batch_from_json,
        codec.events_from_json,
    ):
        try:
            read(body)
        except Invalid:
            continue


@given(st.lists(events, max_size=3))
def test_junk_events_raise_invalid_alone(found: list[dict[str, Any]]) -> None:
    """Any JSON objects in the place of events."""
    try:
        told, _ = codec.events_from_json({"events": found, "version": 1})
    except Invalid:
        return
    assert all(isinstance(event, Event) for event in told)


@pytest.mark.parametrize("name", ["", "\ud800", "x" * 65, None, 7])
def test_a_subscription_has_a_name_that_can_be_written_down(name: Any) -> None:
    """Text of 1 to 64 characters, without lone surrogates."""
    with pytest.raises(Invalid):
        codec.subscription_from_json({"sub": name})
