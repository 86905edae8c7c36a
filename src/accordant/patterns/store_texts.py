"""The texts of an item that a query is compared with: what stands at a path of its value. Decides on JSON values, knows no
store."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from accordant.types.errors import Invalid

__all__ = ["check_fields", "texts_of", "words_of"]

_STEP = re.compile(r"(?:^|\.)([^.\[\]]+)|\[(\*|-?\d+)\]")
_WORD = re.compile(r"\w+")


def check_fields(fields: Iterable[Any]) -> tuple[str, ...]:
    """Paths into a value, such as `title`, `meta.title`, `parts[0]`, `parts[-1].text`, `parts[*].text`, `*`, or `$` for all of
    it; raises `Invalid`."""
    if isinstance(fields, str) or not isinstance(fields, Sequence):
        raise Invalid("fields= is a list of paths", code="bad_field", hint='fields=["title", "parts[*].text"]')
    for field in fields:
        if not isinstance(field, str) or (field != "$" and _STEP.sub("", field)) or not field:
            raise Invalid(f"{field!r} is no path into a value", code="bad_field", hint='"title" or "parts[*].text"')
    return tuple(fields)


def texts_of(value: Any, field: str) -> list[str]:
    """The texts at that path, in order; what is neither text nor number is written as JSON; nothing where the path leads
    nowhere."""
    if field == "$":
        return [_shown(value)]
    steps = [name or index for name, index in _STEP.findall(field)]
    return [_shown(one) for one in _walk([value], steps) if one is not None]


def words_of(text: str) -> frozenset[str]:
    """The words of a text, whatever their case."""
    return frozenset(_WORD.findall(text.casefold()))


def _walk(values: Iterable[Any], steps: Sequence[str]) -> Iterable[Any]:
    for step in steps:
        values = [found for value in values for found in _step(value, step)]
    return values


def _step(value: Any, step: str) -> Iterator[Any]:
    if isinstance(value, dict):
        if step == "*":
            yield from value.values()
        elif step in value:
            yield value[step]
    elif isinstance(value, list):
        if step == "*":
            yield from value
        elif step.lstrip("-").isdecimal() and -len(value) <= int(step) < len(value):
            yield value[int(step)]


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, str | int | float) else json.dumps(value, sort_keys=True, ensure_ascii=False)
