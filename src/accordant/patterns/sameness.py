"""What of a board's state is news: values without time stamps, random names, run counters, and numbers that only count. Pure.

A *shape* is a value as text with everything taken out that differs between two runs of the same thing. Numbers in prose are taken
out too, but kept beside it: whether they tell something or only count is seen from those that came before (`runaway`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

__all__ = ["Shape", "goes_on", "is_bookkeeping", "lines_of", "shape_of"]

BOOKKEEPING = frozenset(
    "at attempt attempts created createdat datetime duration elapsed elapsedms guid heartbeat id iteration iterations"
    " lastseen latency modified modifiedat nonce pid requestid retries retry revision round rounds run runcount runid runs seq"
    " sequence sessionid spanid tick ticks time timestamp took tookms traceid ts updated updatedat uuid version".split()
)
"""Fields, keys and number regions of these names say when and how often, not what. Compared without case, `_` and `-`."""

_STAMP = "\N{WHITE SQUARE}"
_SLOT = "\N{NUMBER SIGN}\N{WHITE SQUARE}"
_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_MOMENT = (
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?(?:Z|z|UTC|[+-]\d\d:?\d\d))?|\d\d?:\d\d:\d\d(?:[.,]\d+)?"
)
_EPOCH = r"(?<![\d.])1[5-9]\d{8}(?:\d{3}){0,3}(?:\.\d+)?(?![\d.])"
_HEX = r"\b(?=[0-9a-fA-F]*\d)(?=\d*[a-fA-F])[0-9a-fA-F]{12,64}\b|\b(?=\w*\d)[0-9A-HJKMNP-TV-Z]{26}\b"
_GOAL = r"\d+(?:\.\d+)?\s*(?:/|of|out of)\s*\d+(?:\.\d+)?|\d+(?:\.\d+)?\s*%"
_PARTS = re.compile(
    rf"(?P<stamp>{_UUID}|{_MOMENT}|{_EPOCH}|{_HEX})|(?P<goal>{_GOAL})|(?P<number>\d+(?:\.\d+)?)|(?P<space>\s+)"
)


@dataclass(frozen=True, slots=True)
class Shape:
    """A value as text without what differs by chance; `numbers` are those that stood in its prose, in order."""

    text: str
    numbers: tuple[float, ...] = ()


def is_bookkeeping(name: str) -> bool:
    """Whether a field, key or region of this name says when or how often, and not what."""
    plain = name.replace("_", "").replace("-", "").lower()
    return plain in BOOKKEEPING


def shape_of(value: Any, *, is_exact: bool = False) -> Shape:
    """The shape of a JSON value. `is_exact`: its JSON numbers are part of it (a guarded amount); else they are numbers like those
    in prose (a log's items). A number with its goal, as in `3 of 10` or `40%`, always is: it comes to an end."""
    numbers: list[float] = []
    return Shape("".join(_pieces(value, is_exact, numbers)), tuple(numbers))


def lines_of(text: str) -> Iterator[str]:
    """The lines of a text without stamps and without empty ones; their numbers stay: a text is somebody's work."""
    for line in text.splitlines():
        shaped = _PARTS.sub(lambda found: _replaced(found, None), line.strip())
        if shaped:
            yield shaped


def goes_on(before: tuple[float, ...], now: tuple[float, ...], step: tuple[float, ...] | None, rounds: int = 1) -> bool:
    """Whether these numbers only count on from those before: by one, by the `rounds` that passed, or by the same step again."""
    change = tuple(b - a for a, b in zip(before, now, strict=True))
    return change == step or all(one in (-1.0, 0.0, 1.0, float(rounds)) for one in change)


def _pieces(value: Any, is_exact: bool, numbers: list[float]) -> Iterator[str]:
    if isinstance(value, str):
        shape = _short(value) if len(value) <= _SHORT else _prose(value)
        numbers.extend(shape.numbers)
        yield shape.text
    elif isinstance(value, bool) or value is None:
        yield json.dumps(value)
    elif isinstance(value, int | float):
        if _is_moment(value):
            yield _STAMP
        elif is_exact:
            yield f"{float(value)!r}"
        else:
            numbers.append(float(value))
            yield _SLOT
    elif isinstance(value, dict):
        yield "{"
        for key in sorted(value):
            if not is_bookkeeping(key):
                yield f"{json.dumps(key, ensure_ascii=False)}:"
                yield from _pieces(value[key], is_exact, numbers)
                yield ","
        yield "}"
    else:
        yield "["
        for one in value:
            yield from _pieces(one, is_exact, numbers)
            yield ","
        yield "]"


def _prose(text: str) -> Shape:
    numbers: list[float] = []
    said = _PARTS.sub(lambda found: _replaced(found, numbers), text.strip())
    return Shape(json.dumps(said, ensure_ascii=False), tuple(numbers))


_SHORT = 256
_short = lru_cache(maxsize=8_192)(_prose)
"""Members and keys are looked at again in each round in which their region moves: short ones are remembered."""


def _is_moment(value: float) -> bool:
    """Whether the number is seconds, milli- or microseconds since 1970, between 2017 and 2033."""
    return any(1.5e9 <= value / scale < 2e9 for scale in (1, 1e3, 1e6))


def _replaced(found: re.Match[str], numbers: list[float] | None) -> str:
    match found.lastgroup:
        case "stamp":
            return _STAMP
        case "space":
            return " "
        case "number" if numbers is not None:
            numbers.append(float(found[0]))
            return _SLOT
    return found[0]
