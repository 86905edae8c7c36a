"""The error tree: stable, typed on every surface, and silent about nothing."""

from __future__ import annotations

import pickle

import pytest

import accordant
from accordant import AccordantError, Conflict, EpochChanged, Fenced, Invalid, SchemaError, StoreError
from accordant.types.errors import __all__ as names


@pytest.mark.parametrize("name", names)
def test_every_error_travels(name: str) -> None:
    """As JSON and as a pickle it stays of its class, with code, fields and text."""
    kind = getattr(accordant, name)
    error = kind("something", code="a_code", path="x", current=3, hint="do this")
    for copy in (AccordantError.from_dict(error.to_dict()), pickle.loads(pickle.dumps(error))):
        assert type(copy) is kind
        assert (copy.code, copy.fields, str(copy)) == (error.code, error.fields, str(error))
        assert copy.retryable == error.retryable
    assert "do this" in str(error)


def test_who_may_try_again() -> None:
    """A lost compare-and-swap and a stale basis may; a fenced reader may not."""
    may = {name for name in names if getattr(accordant, name).retryable}
    assert may == {"Conflict", "StaleRead", "NoAuthority"}
    assert issubclass(EpochChanged, Fenced)
    assert issubclass(SchemaError, Invalid)
    assert issubclass(SchemaError, TypeError)


def test_fields_are_attributes_and_missing_ones_say_so() -> None:
    """`conflict.current`, and a helpful refusal for what is not there."""
    conflict = Conflict("x", current=4, changed_by="a", value={"n": 1})
    assert (conflict.version, conflict.writer, conflict.value) == (4, "a", {"n": 1})
    with pytest.raises(AttributeError, match="changed_by"):
        _ = conflict.nothing_like_it
    assert StoreError("x", landed=None).landed is None


def test_what_is_not_json_stays_at_home() -> None:
    """A reading in a conflict's fields does not travel; its plain fields do."""
    told = Conflict("x", reading=object(), current=4).to_dict()
    assert told["fields"] == {"current": 4}
    assert AccordantError.from_dict({"type": "Nonsense"}).code == "error"
    assert AccordantError.from_dict({}).status == "error"
