"""Our own messages: what is said is understood, and a body that does not fit is `Invalid`, never a crash."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accordant import Document, Guarded, Log, Token, region
from accordant.document.port import HistoryQuery
from accordant.sync import messages as m
from accordant.types.commands import Committed, Question, ReadAnswer
from accordant.types.entries import Auth, Entry, EntryKind, OpRecord
from accordant.types.errors import AccordantError, Invalid
from accordant.types.regions import Kind, Schema

TOKEN = Token(7, "first", 3, 2)
ANSWER = ReadAnswer({"x": 1}, TOKEN, "account", "ada", 99, (("log@3.0", 3, "ada", 99),), {"by": "ada", "until": 5})


class Brief(Document):
    account: Guarded[dict[str, int]] = region(default={"seats": 1}, writers="ada")
    findings: Log[str]


def travelled(value: Any) -> Any:
    """The value as it comes out of JSON."""
    return json.loads(json.dumps(value))


def test_a_hello_arrives_as_it_was_said() -> None:
    """Name, roles, session to resume and the schema's rules all travel."""
    hello = m.Hello("ada", frozenset({"editor"}), True, 5_000, Brief.__schema__, m.Resume("s", "secret"))
    found = m.Hello.from_json(travelled(hello.to_json()))
    assert found.schema is not None
    assert found.schema.describe() == {
        "name": "Brief",
        "regions": {
            name: {key: value for key, value in spec.items() if key != "item"}
            for name, spec in Brief.__schema__.describe()["regions"].items()
        },
    }
    assert (found.agent, found.roles, found.shared, found.lease_ms, found.resume) == (
        "ada",
        frozenset({"editor"}),
        True,
        5_000,
        m.Resume("s", "secret"),
    )


def test_a_welcome_arrives_as_it_was_said() -> None:
    """Session, secret, generation, epoch, incarnation, version and grace all travel."""
    welcome = m.Welcome("s", "secret", 4, 9, "first", 12, Schema.open(), True, 30.0)
    assert m.Welcome.from_json(travelled(welcome.to_json())) == welcome


def test_calls_and_answers_arrive_as_they_were_said() -> None:
    """Questions, answers, outcomes and history queries are the same values on both sides."""
    question = Question("tasks", Kind.GUARDED_MAP, "t1", 7)
    assert m.question_from_json(travelled(m.question_to_json(question))) == question
    assert m.answer_from_json(travelled(m.answer_to_json(ANSWER))) == ANSWER
    committed = Committed(5, (("log@5.0", "log@5.1"), ()), True, (None, ANSWER))
    assert m.committed_from_json(travelled(m.committed_to_json(committed))) == committed
    query = HistoryQuery("account", "ada", "write", "committed", 1, 2, 3, 10, True)
    assert m.history_from_json(travelled(m.history_to_json(query))) == query


def test_log_entries_arrive_without_their_bytes() -> None:
    """An entry keeps who, when, what, why and its hash; the update stays at the authority."""
    ops = (OpRecord("account", "commit", None, 2, {"value": 1}),)
    entry = Entry(
        3, EntryKind.WRITE, 99, "ada", "s", 2, Auth.ASSERTED, ops, "because", (("x", 1),), update=b"1", hash=b"h"
    )
    [found] = m.entries_from_json(travelled(m.entries_to_json([entry])))
    assert found.update is None
    assert (found.offset, found.actor, found.ops, found.why, found.derived_from, found.hash) == (
        3,
        "ada",
        ops,
        "because",
        (("x", 1),),
        b"h",
    )


def test_a_hello_of_another_protocol_is_told_which_one_this_is() -> None:
    """A client of a later version learns from the code what is wrong."""
    with pytest.raises(Invalid) as refused:
        m.Hello.from_json({"protocol": 2, "agent": "ada"})
    assert refused.value.code == "protocol_version"


def test_a_peer_declares_no_region_that_a_class_could_not() -> None:
    """The authority's own root, empty and endless names are refused at the door."""
    for name in ("guarded", "", "x" * 1000):
        body = m.Hello("ada").to_json() | {"schema": {"name": "Brief", "regions": {name: {"kind": "text"}}}}
        with pytest.raises(Invalid):
            m.Hello.from_json(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
hellos = st.fixed_dictionaries(
    {"protocol": st.just(1), "agent": st.just("ada") | json_values},
    optional={name: json_values for name in ("roles", "shared", "lease_ms", "schema", "resume")},
)
welcomes = st.fixed_dictionaries(
    {},
    optional={
        name: st.integers() | st.text(max_size=3) | json_values
        for name in (
            "session",
            "secret",
            "generation",
            "epoch",
            "incarnation",
            "version",
            "schema",
            "resumed",
            "grace_s",
        )
    },
)
calls = st.fixed_dictionaries(
    {"region": st.text(max_size=3), "kind": st.sampled_from(Kind)},
    optional={name: json_values for name in ("key", "at_least", "limit", "path", "since", "oldest_first")},
)
READERS: list[Callable[[Any], Any]] = [
    m.Hello.from_json,
    m.Welcome.from_json,
    m.call_from_json,
    m.question_from_json,
    m.history_from_json,
]


@given(st.dictionaries(st.text(max_size=8), json_values) | hellos | welcomes | calls)
def test_a_body_that_does_not_fit_is_an_accordant_error(body: dict[str, Any]) -> None:
    """Reading any JSON object as any message gives the message or a typed error."""
    for read in READERS:
        with contextlib.suppress(AccordantError):
            read(body)


@given(json_values | st.fixed_dictionaries({"value": json_values, "token": json_values, "path": st.just("x")}))
def test_an_answer_that_does_not_fit_is_an_accordant_error(body: Any) -> None:
    """A client survives whatever a server answers."""
    for read in (m.answer_from_json, m.committed_from_json, m.entries_from_json):
        with contextlib.suppress(AccordantError):
            read(body)
