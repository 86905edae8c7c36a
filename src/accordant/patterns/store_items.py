"""What a store holds: items under namespaces of whole labels, and how both are written as one key of a guarded map.

A key is the JSON array of the labels and the item's own key. Different names give different texts and the other way round,
whatever characters they are made of, and nothing here normalises, splits or repairs a name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from accordant.types.errors import Invalid
from accordant.types.events import Event
from accordant.types.limits import KEY_CHARS_MAX
from accordant.types.readings import Basis, Reading
from accordant.types.values import is_text

__all__ = [
    "Absent",
    "Item",
    "ItemChanged",
    "Labels",
    "Pattern",
    "check_page",
    "decoded",
    "encoded",
    "has_prefix",
    "is_envelope",
    "labels_of",
    "matches",
    "pattern_of",
]

T = TypeVar("T")
Labels = tuple[str, ...]
Pattern = tuple[str | None, ...]
"""Labels of which some may be any: None."""


@dataclass(frozen=True, slots=True)
class Item(Generic[T]):
    """An item as it was at `version`. Pass it as `expect=` to replace what was read, or in `derived_from=`.

    Times are milliseconds since 1970: `updated_at` by the authority's clock, `created_at` by the creator's, never later than
    that. `score`: how well it answers the query of the search that found it. `reading`: the guarded map's own reading of it.
    """

    namespace: Labels
    key: str
    value: T
    version: int
    by: str | None
    created_at: int
    updated_at: int
    reading: Reading[Any] = field(repr=False)
    score: float | None = None

    @property
    def as_bases(self) -> tuple[Basis, ...]:
        """What a write that was derived from it was derived from."""
        return (Basis(self.reading.path, self.reading.token),)


@dataclass(frozen=True, slots=True)
class Absent:
    """That there was no such item, as of `version` (0: there never was one). False; `expect=` it to create the item."""

    namespace: Labels
    key: str
    version: int
    reading: Reading[Any] = field(repr=False)

    def __bool__(self) -> Literal[False]:
        return False

    @property
    def as_bases(self) -> tuple[Basis, ...]:
        """What a write that was derived from its absence was derived from."""
        return (Basis(self.reading.path, self.reading.token),)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemChanged(Event):
    """An item was put, updated, deleted or taken back: read it to see which. Several changes of one item may be told as one."""

    namespace: Labels
    key: str


_TIME_MAX = 253_402_300_799_999
"""The last millisecond that a calendar has: of the year 9999."""
_as_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def labels_of(namespace: Iterable[Any], at_least: int = 1) -> Labels:
    """The labels as a tuple, as they are; raises `Invalid` (`bad_namespace`) for what is no list of texts."""
    if isinstance(namespace, str | bytes) or not isinstance(namespace, Sequence):
        raise _bad(namespace, 'a namespace is a tuple of labels: ("users", "ann")')
    for label in namespace:
        if not is_text(label) or not label:
            raise _bad(namespace, "a label is a text of at least one character, without lone surrogates")
    if len(namespace) < at_least:
        raise _bad(namespace, "a namespace has at least one label")
    return tuple(map(str, namespace))


def pattern_of(labels: Iterable[Any]) -> Pattern:
    """Labels of which None may be any; raises `Invalid`."""
    if isinstance(labels, str | bytes) or not isinstance(labels, Sequence):
        raise _bad(labels, 'a prefix or suffix is a tuple of labels: ("users", None)')
    labels_of(tuple(label for label in labels if label is not None), at_least=0)
    return tuple(labels)


def _bad(namespace: object, hint: str) -> Invalid:
    return Invalid(f"{ascii(namespace)[:80]} is no namespace", code="bad_namespace", hint=hint)


def check_page(limit: Any, offset: Any, max_depth: Any = None) -> None:
    """Raises `Invalid` (`bad_page`) for what is no part of a list."""
    numbers = (limit, offset, 1 if max_depth is None else max_depth)
    if not all(isinstance(one, int) for one in numbers) or min(limit, offset, numbers[2] - 1) < 0:
        raise Invalid("limit= and offset= are whole numbers from 0, max_depth= from 1", code="bad_page")


def encoded(namespace: Iterable[Any], key: Any) -> tuple[Labels, str]:
    """The checked labels, and the one key of the map for this name; raises `Invalid`."""
    labels = labels_of(namespace)
    if not is_text(key) or not key:
        raise Invalid(f"{ascii(key)[:80]} is no key: a text of at least one character", code="bad_key")
    text = _as_json([*labels, key])
    if len(text) > KEY_CHARS_MAX:
        hint = f"as JSON they have at most {KEY_CHARS_MAX} characters; put long names into the value"
        raise Invalid(f"namespace and key together have {len(text)} characters", code="bad_key", hint=hint)
    return labels, text


def decoded(text: str) -> tuple[Labels, str] | None:
    """The name that `encoded` wrote as this text; None for any other text, also for one that reads as the same array."""
    try:
        name = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(name, list) or len(name) < 2 or not all(isinstance(one, str) and one for one in name):
        return None
    return (tuple(name[:-1]), name[-1]) if is_text(text) and _as_json(name) == text else None


def has_prefix(labels: Labels, prefix: Labels) -> bool:
    """Whether they begin with these whole labels."""
    return labels[: len(prefix)] == prefix


def matches(labels: Labels, prefix: Pattern, suffix: Pattern) -> bool:
    """Whether they begin with the one and end with the other, label by label, None matching any."""
    if len(labels) < max(len(prefix), len(suffix)):
        return False
    end = labels[len(labels) - len(suffix) :]
    pairs = (*zip(labels, prefix, strict=False), *zip(end, suffix, strict=True))
    return all(wanted is None or label == wanted for label, wanted in pairs)


def is_envelope(data: Any) -> bool:
    """Whether a store wrote it: `value`, `created` (milliseconds), perhaps `index`. Anybody who may write the map can write
    anything else there: it is no item, and disturbs no search."""
    if not isinstance(data, dict) or "value" not in data:
        return False
    created, index = data.get("created"), data.get("index", False)
    is_time = isinstance(created, int) and not isinstance(created, bool) and 0 <= created <= _TIME_MAX
    return is_time and (index is False or (isinstance(index, list) and all(isinstance(one, str) for one in index)))
