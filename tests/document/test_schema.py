"""Schemas: a region kind for everything, and errors where the class is written."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from accordant import (
    Counter,
    Denied,
    Document,
    Engine,
    Guarded,
    Invalid,
    Log,
    Map,
    Namespace,
    SchemaError,
    Text,
    UnionSet,
    region,
)


class Item(BaseModel):
    n: int


def test_a_bare_annotation_names_the_kinds() -> None:
    """There is no default way for concurrent writes to meet."""
    with pytest.raises(SchemaError, match=r"Guarded, GuardedMap, Text, Log, UnionSet, Counter, Map"):

        class Bad(Document):
            status: str


@pytest.mark.parametrize(
    ("annotation", "rules", "words"),
    [
        ("Map[str]", None, "last writer win"),
        ("Map[str]", lambda: region(lww=" "), "lww"),
        ("Log[str]", lambda: region(lww="fine"), "Map alone"),
        ("Log[str]", lambda: region(default=[]), "default"),
        ("Guarded[int]", lambda: region(default="x"), "default does not fit"),
        ("Log[str]", lambda: region(allow={"*": {"commit"}}), "not operations"),
        ("Guarded[int]", lambda: 3, "assign region"),
        ("UnionSet[Item]", None, "hashable"),
        ("Guarded[NoSuchType]", None, "cannot be resolved"),
        ("Log[str]", lambda: region(max_items=0), "at least 1"),
        ("int | str", None, "not a region kind"),
    ],
)
def test_mistakes_are_named_where_the_class_is_defined(annotation: str, rules: Any, words: str) -> None:
    """Each with a sentence that says what to do."""
    with pytest.raises(SchemaError, match=words):
        body: dict[str, Any] = {"__annotations__": {"x": annotation}, "__module__": __name__}
        if rules is not None:
            body["x"] = rules()
        type("Bad", (Document,), body)


def test_reserved_and_taken_names() -> None:
    """The engine's roots and the handle's methods cannot be regions; the by-name accessors can."""
    for name in ("guarded_", "coherence", "version", "snapshot", "_x"):
        if name == "guarded_":
            continue
        with pytest.raises(SchemaError):
            type("Bad", (Document,), {"__annotations__": {name: "Text"}, "__module__": __name__})

    class Fine(Document):
        text: Text  # type: ignore[assignment]
        log: Log[str]  # type: ignore[assignment]
        CONSTANT: ClassVar[int] = 3

    assert list(Fine.__schema__.regions) == ["text", "log"]


def test_rules_without_an_annotation_are_a_mistake() -> None:
    """`x = region(...)` alone would be silently no region at all."""
    with pytest.raises(SchemaError, match="no annotation"):

        class Bad(Document):
            x = region(max_items=3)


def test_a_subclass_inherits_regions() -> None:
    """And may add to them; local models resolve though annotations are texts."""

    class Local(BaseModel):
        x: int

    class Base(Document):
        items: Log[Local]

    class More(Base):
        n: Counter

    assert list(More.__schema__.regions) == ["items", "n"]
    assert More.__schema__.regions["items"].item is Local


def test_a_schema_survives_its_description() -> None:
    """Kinds and rules are recorded in the log, so that whoever opens the store without the class knows them."""

    class Rich(Document):
        a: Guarded[int] = region(default=3, writers="owner")
        b: Text = region(allow={"*": ["insert"], "role:x": ["rethink"]}, max_bytes=100)
        c: Map[str] = region(lww="cosmetic")
        d: UnionSet[str] = region(max_items=4)

    from accordant.types.regions import Schema

    described = Rich.__schema__.describe()
    assert Schema.from_description(described).describe() == described
    with pytest.raises(Invalid):
        Schema.from_description({"regions": {"a": {"kind": "nonsense"}}})
    with pytest.raises(Invalid):
        Schema.from_description({})


def test_validators_reject_by_name() -> None:
    """An admission hook's refusal names the hook."""
    import asyncio

    def no_secrets(value: Any) -> bool:
        return "secret" not in str(value)

    class Guard(Document):
        notes: Log[str] = region(validators=[no_secrets])

    async def run() -> None:
        async with Engine() as engine:
            doc = await engine.open(Guard, Namespace.shared(), "d", agent="a")
            await doc.notes.append("fine")
            with pytest.raises(Denied) as refused:
                await doc.notes.append("my secret")
            assert refused.value.code == "rejected_by:no_secrets"
            with pytest.raises(Invalid):
                doc.notes = doc.notes

    asyncio.run(run())


def test_whoever_is_called_like_a_role_does_not_have_it() -> None:
    """`writers="role:x"` opens a region to the role, not to an agent of that name; one validator needs no list."""
    rules = region(writers="role:curator", validators=bool)
    assert rules.permits("append", "ann", frozenset({"curator"}))
    assert not rules.permits("append", "role:curator", frozenset())
    assert rules.validators == (bool,)
