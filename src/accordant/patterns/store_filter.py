"""Which items a filter lets through: fields of the value compared with what was asked. Decides on JSON values, knows no store."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from accordant.types.errors import Invalid

__all__ = ["BadFilter", "passes"]

_ORDERED: Mapping[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}


class BadFilter(Invalid, ValueError):
    """A filter that means nothing: no mapping, or with an unknown operator."""

    code_default = "bad_filter"
    hint = "fields and values, or $eq, $ne, $gt, $gte, $lt, $lte: {'score': {'$gte': 3}, 'color': 'red'}"


def passes(value: Any, wanted: Mapping[str, Any] | None) -> bool:
    """Whether every field of `wanted` is as asked; a field that is not there counts as None. Raises `BadFilter`."""
    if wanted is None:
        return True
    if not isinstance(wanted, Mapping):
        raise BadFilter(f"a filter is a mapping, not {type(wanted).__name__}")
    fields = value if isinstance(value, dict) else {}
    # All are judged, so that a filter that means nothing is refused whatever the first field says.
    return all([_is_as(fields.get(name), condition) for name, condition in wanted.items()])


def _is_as(value: Any, condition: Any) -> bool:
    if isinstance(condition, Mapping):
        if any(isinstance(name, str) and name.startswith("$") for name in condition):
            return all([_compares(value, name, wanted) for name, wanted in condition.items()])
        return isinstance(value, dict) and all([_is_as(value.get(name), one) for name, one in condition.items()])
    if isinstance(condition, list | tuple):
        return (
            isinstance(value, list)
            and len(value) == len(condition)
            and all([_is_as(one, wanted) for one, wanted in zip(value, condition, strict=True)])
        )
    return _equal(value, condition)


def _compares(value: Any, name: Any, wanted: Any) -> bool:
    if name == "$eq":
        return _equal(value, wanted)
    if name == "$ne":
        return not _equal(value, wanted)
    if name not in _ORDERED:
        raise BadFilter(f"{name!r} is no operator")
    alike = (_is_number(value) and _is_number(wanted)) or (isinstance(value, str) and isinstance(wanted, str))
    return alike and _ORDERED[name](value, wanted)


def _equal(value: Any, wanted: Any) -> bool:
    """JSON's equality: 1 is 1.0, but True is not 1."""
    return isinstance(value, bool) is isinstance(wanted, bool) and bool(value == wanted)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
