"""What plain comparison says of a pair's words: which are equal, which numbers differ, what is denied, what narrows.

These flags stand beside the encoder's states as input of the head, and the head was trained with them: its tables are
part of the model. They are kept apart from the tables of the rules, which may change without a training. Symmetric.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log
from typing import Final

from accordant.semantic.flag_words import (
    CALENDAR,
    CONDITIONS,
    FUNCTION,
    LABELS,
    MONEY,
    MONTHS,
    NEGATORS,
    NUMBER_WORDS,
    OPPOSITES,
    ORDER,
    QUANTIFIERS,
    SCALES,
    TIMES,
    UNITS,
)

__all__ = ["PAIR_FLAGS", "WORD_FLAGS", "ReadWords", "compared", "read_words"]

WORD_FLAGS: Final = (
    "equal", "stem", "alone", "number", "number_equal", "number_conflict", "number_other", "negator", "opposite",
    "name", "name_conflict", "calendar", "calendar_conflict", "quantifier", "condition", "time", "order", "function",
)  # fmt: skip
PAIR_FLAGS: Final = (
    "denial_differs", "alone_least", "alone_most", "number_conflict", "number_equal", "opposite", "calendar_conflict",
    "name_conflict", "overlap", "condition_differs", "time_differs", "quantifier_differs", "length_least",
    "length_most", "order_differs", "number_other",
)  # fmt: skip

_NUMBER: Final = re.compile(r"(\d+)([^\W\d_]+)?")
_PREFIXES: Final = ("un", "in", "im", "ir", "non", "dis", "mis", "de")


@dataclass(frozen=True, slots=True)
class _Number:
    place: int
    value: float
    kind: str


@dataclass(frozen=True, slots=True)
class ReadWords:
    """One text's words, read once: `low` lower case, `stems`, numbers with what they measure, sets by kind of word."""

    low: tuple[str, ...]
    stems: tuple[str, ...]
    numbers: tuple[_Number, ...]
    names: frozenset[int]
    content: frozenset[int]
    calendar: Mapping[int, str]


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    for ending in ("'s", "ies", "ied", "ing", "ed", "es", "s", "ly"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word[: -len(ending)] + ("y" if ending in ("ies", "ied") else "")
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


def read_words(words: Sequence[str]) -> ReadWords:
    """The words of one text, as the word pieces know them (punctuation marks are words of their own)."""
    low = tuple(word.lower() for word in words)
    numbers = _numbers(low)
    counted = {number.place for number in numbers}
    calendar = {place: CALENDAR[word] for place, word in enumerate(low) if word in CALENDAR}
    for place, word in enumerate(low):  # ordinary words, unless a number stands beside them
        if word in ("may", "march") and (place - 1 in counted or place + 1 in counted):
            calendar[place] = "month"
    names = frozenset(
        place
        for place, word in enumerate(words)
        if word[:1].isupper()
        and word.isalnum()
        and low[place] not in FUNCTION
        and place not in calendar
        and low[place] not in NEGATORS
        and low[place] not in QUANTIFIERS
        and (place > 0 or not word[1:].islower() or len(word) == 1)
    )
    content = frozenset(
        place
        for place, word in enumerate(low)
        if word[0].isalnum()
        and place not in counted
        and word not in FUNCTION
        and word not in NEGATORS
        and place not in calendar
        and word not in QUANTIFIERS
    )
    return ReadWords(low, tuple(_stem(word) for word in low), numbers, names, content, calendar)


def _numbers(low: Sequence[str]) -> tuple[_Number, ...]:
    found: list[_Number] = []
    place = 0
    while place < len(low):
        start = place
        value, suffix, is_clock, place = _read_number(low, place)
        if value is None:
            continue
        if not suffix and place < len(low) and low[place] in SCALES:
            value *= SCALES[low[place]]
            place += 1
        factor, kind = _measured(low, start, place, value, suffix, is_clock)
        value = float(f"{value * factor:.9g}")
        if kind == "clock" and value < 12 and (suffix == "pm" or "pm" in low[place : place + 1]):
            value += 12
        found += [_Number(at, value, kind) for at in range(start, place) if low[at][0].isalnum()]
    return tuple(found)


def _read_number(low: Sequence[str], place: int) -> tuple[float | None, str, bool, int]:
    """The number at this place, letters written to it, whether it is a time of day, and the place after it."""
    word = low[place]
    match = _NUMBER.fullmatch(word[:24])
    place += 1
    if match is None:
        return NUMBER_WORDS.get(word), "", False, place
    digits, suffix = match[1], match[2] or ""
    while place + 1 < len(low) and low[place] == "," and re.fullmatch(r"\d{3}", low[place + 1]) and not suffix:
        digits += low[place + 1]
        place += 2
    is_clock = False
    if place + 1 < len(low) and low[place] in ".:" and not suffix:
        tail = _NUMBER.fullmatch(low[place + 1][:24])
        if tail:
            digits, suffix, is_clock = f"{digits}.{tail[1]}", tail[2] or "", low[place] == ":"
            place += 2
    return float(digits), suffix, is_clock, place


def _measured(low: Sequence[str], start: int, end: int, value: float, suffix: str, is_clock: bool) -> tuple[float, str]:
    """The factor to a common unit, and what the number at low[start:end] measures: a unit, a time, or the noun beside it."""
    before = low[start - 1] if start else ""
    after = low[end] if end < len(low) else ""
    unit = suffix or after
    if is_clock or unit in ("am", "pm"):
        return 1.0, "clock"
    if (
        before in MONTHS
        or after in MONTHS
        or (after in ("of", "st", "nd", "rd", "th") and low[end + 1 : end + 2] and low[end + 1] in MONTHS)
    ):
        return 1.0, "date"
    known = UNITS.get(unit) or UNITS.get(unit.removesuffix("s"))
    if known:
        return known
    if before in MONEY or after in MONEY:
        return 1.0, "money"
    if (
        1900 <= value <= 2099
        and value.is_integer()
        and not suffix
        and (not after or not after[0].isalpha() or after in FUNCTION)
    ):
        return 1.0, "year"
    if before in LABELS:
        return 1.0, before
    further = low[end + 1] if end + 1 < len(low) and after.isalpha() and after not in FUNCTION else ""
    beside = (suffix, after, further, before, low[start - 2] if start > 1 else "")
    for word in beside:
        if word and word[0].isalpha() and word not in FUNCTION and word not in NEGATORS:
            return 1.0, _stem(word)
    return 1.0, ""


def compared(a: ReadWords, b: ReadWords) -> tuple[list[list[float]], list[list[float]], list[float]]:
    """Flags for each word of a, for each word of b (as WORD_FLAGS), and of the pair (as PAIR_FLAGS)."""
    of_a, of_b = _flags(a, b), _flags(b, a)
    return of_a, of_b, _pair(a, b, of_a, of_b)


def _flags(one: ReadWords, other: ReadWords) -> list[list[float]]:
    lows, stems = frozenset(other.low), frozenset(other.stems)
    own = frozenset(one.stems)
    numbers = _number_flags(one, other)
    foreign_names = any(other.low[place] not in frozenset(one.low) for place in other.names)
    mine = frozenset(one.low)
    calendars = {kind for place, kind in other.calendar.items() if other.low[place] not in mine}
    rows = []
    for place, (word, stem) in enumerate(zip(one.low, one.stems, strict=True)):
        equal = word in lows
        similar = not equal and stem in stems
        alone = place in one.content and not equal and not similar
        opposite = not equal and _is_opposite(word, stem, other, own)
        name = place in one.names
        same, conflict, unlike = numbers.get(place, (False, False, False))
        rows.append(
            [
                float(flag)
                for flag in (
                    equal, similar, alone, place in numbers, same, conflict, unlike, word in NEGATORS, opposite, name,
                    name and not equal and foreign_names, place in one.calendar,
                    not equal and one.calendar.get(place) in calendars, word in QUANTIFIERS, word in CONDITIONS,
                    word in TIMES, word in ORDER,
                    word in FUNCTION and place not in one.calendar,
                )
            ]
        )  # fmt: skip
    return rows


def _number_flags(one: ReadWords, other: ReadWords) -> dict[int, tuple[bool, bool, bool]]:
    values = {number.value for number in other.numbers}
    own = {number.value for number in one.numbers}
    left = {number.kind for number in other.numbers if number.value not in own}
    flags = {}
    for number in one.numbers:
        same = number.value in values
        conflict = not same and (number.kind in left)
        flags[number.place] = (same, conflict, not same and not conflict and bool(left))
    return flags


def _is_opposite(word: str, stem: str, other: ReadWords, own: frozenset[str]) -> bool:
    against = OPPOSITES.get(word) or OPPOSITES.get(stem)
    if against and any(low in against or base in against for low, base in zip(other.low, other.stems, strict=True)):
        return True
    if len(word) < 4:
        return False
    for base in other.stems:
        if base in own or len(base) < 4:
            continue
        for prefix in _PREFIXES:
            if base == prefix + stem or stem == prefix + base:
                return True
    return False


def _pair(a: ReadWords, b: ReadWords, of_a: list[list[float]], of_b: list[list[float]]) -> list[float]:
    def total(rows: list[list[float]], name: str) -> float:
        column = WORD_FLAGS.index(name)
        return sum(row[column] for row in rows)

    def either(name: str) -> float:
        return float(total(of_a, name) + total(of_b, name) > 0)

    def words_differ(table: frozenset[str]) -> float:
        return float({word for word in a.low if word in table} != {word for word in b.low if word in table})

    alone = sorted((min(total(of_a, "alone"), 8) / 8, min(total(of_b, "alone"), 8) / 8))
    lengths = sorted((log(1 + len(a.low)) / 5, log(1 + len(b.low)) / 5))
    stems_a = {a.stems[place] for place in a.content}
    stems_b = {b.stems[place] for place in b.content}
    overlap = len(stems_a & stems_b) / max(1, len(stems_a | stems_b))
    denied = (total(of_a, "negator") - total(of_b, "negator")) % 2
    return [
        denied, alone[0], alone[1], either("number_conflict"), either("number_equal"), either("opposite"),
        either("calendar_conflict"), either("name_conflict"), overlap, words_differ(CONDITIONS), words_differ(TIMES),
        words_differ(QUANTIFIERS), lengths[0], lengths[1], words_differ(ORDER), either("number_other"),
    ]  # fmt: skip
