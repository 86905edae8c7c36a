"""Which sentences name the one owner, place, language or role of a thing."""

from __future__ import annotations

import pytest

from accordant.coherence_pass.assignments import Assignment, assignment_in, names_agree


@pytest.mark.parametrize(
    ("text", "relation", "value"),
    [
        ("Alice owns the billing service.", "own", "alice"),
        ("The billing service is now owned by Bob Stone.", "own", "bob stone"),
        ("The owner of the billing service is Alice.", "own", "alice"),
        ("Priya leads the search team.", "lead", "priya"),
        ("The gateway is hosted in Frankfurt.", "place", "frankfurt"),
        ("The gateway is written in Go.", "written", "go"),
        ("The console is a Vue application.", "written", "vue"),
        ("Messages are encoded as protobuf.", "encoded", "protobuf"),
        ("The project is licensed under the GPL.", "license", "gpl"),
        ("We picked Postgres as our primary database.", "is", "postgresql"),
        ("Tomas is the lead reviewer for this change.", "is", "tomas"),
    ],
)
def test_plain_shapes_are_read(text: str, relation: str, value: str) -> None:
    """Each of the shapes gives its relation and the value, an alias under its usual name."""
    found = assignment_in(text)
    assert found is not None
    assert (found.relation, " ".join(found.value)) == (relation, value)
    assert text[found.start : found.end].lower()[:2] == value[:2]


@pytest.mark.parametrize(
    "text",
    [
        "Alice and Bob own the billing service.",
        "Alice does not own the billing service.",
        "Alice owned the billing service until May.",
        "The old gateway runs in Frankfurt.",
        "It is written in Go.",
        "The database is slow.",
        "The service is Fast.",
        "The report is stored in folders.",
        "Alice owns phase 2.",
        "Alice owns " + "very " * 60 + "much.",
    ],
)
def test_what_leaves_room_for_two_is_not_read(text: str) -> None:
    """Lists, denials, the past, pronouns, qualities and long sentences name nothing."""
    assert assignment_in(text) is None


@pytest.mark.parametrize(
    ("left", "right", "agree"),
    [
        ("alice", "alice smith", True),
        ("postgre", "postgresql", True),
        ("general public license", "gpl", True),
        ("europe", "frankfurt", True),
        ("alice", "bob", False),
    ],
)
def test_names_of_one_thing_agree(left: str, right: str, agree: bool) -> None:
    """A shared word, a beginning, an abbreviation or a place around the other is no difference."""
    one, two = (Assignment("is", frozenset({"store"}), tuple(text.split()), 0, 1) for text in (left, right))
    assert names_agree(one, two) is names_agree(two, one) is agree
