"""Numbers in a sentence: value, unit, what they count, and how exactly they are meant; and when two exclude each other.

Reads text that `words.plain` prepared. Knows units, not dates: whoever calls blanks the dates first.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from accordant.coherence_pass.units import unit_named, unit_pattern

__all__ = ["Agreement", "Bound", "Quantity", "compare", "quantities"]


class Bound(Enum):
    """How a number is meant."""

    EXACT = "exact"
    ABOUT = "about"
    AT_MOST = "at most"
    AT_LEAST = "at least"


class Agreement(Enum):
    """What two numbers for one thing say about each other."""

    AGREE = "agree"
    UNCLEAR = "unclear"  # two bounds in one direction: both may hold
    EXCLUDE = "exclude"


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number: `value` to `high` in base units (equal unless a range). `place`: the worth of its last written digit.

    `noun`: what a rate counts ("100 requests per minute"). `role`: `value`; `change` ("by 5 %"); `part` ("2 of the 3"),
    which is never compared. `step`: the worth of one unit.
    """

    value: float
    high: float
    place: float
    dimension: str
    unit: str
    slack: float
    bound: Bound
    role: str
    noun: str
    start: int
    end: int
    step: float = 1.0

    @property
    def slot(self) -> tuple[str, str, str]:
        """Numbers of different slots measure different things."""
        return self.dimension, self.role, self.noun


_WORDS: Final = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
    "sixty": 60, "ninety": 90, "hundred": 100, "a dozen": 12, "half a": 0.5, "half an": 0.5, "a quarter of an": 0.25,
}  # fmt: skip
_SCALES: Final = {"k": 1e3, "m": 1e6, "mn": 1e6, "bn": 1e9, "b": 1e9, "thousand": 1e3, "million": 1e6, "billion": 1e9}
_FREQUENCIES: Final = {"hourly": "hour", "daily": "day", "nightly": "day", "weekly": "week", "yearly": "year"}
_PERIOD: Final = "second|sec|s|minute|min|hour|h|day|week|month|year"
_DIGITS: Final = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,18}(?:\.\d{1,12})?"
_WORD: Final = "|".join(sorted(_WORDS, key=len, reverse=True))
_ABOUT: Final = "about|around|roughly|approximately|approx\\.?|some|nearly|almost|circa|ca\\.|close to|~|≈"
_MOST: Final = "at most|up to|no more than|not more than|less than|fewer than|under|below|within|maximum of|max|<=|≤|<"
_LEAST: Final = "at least|no less than|not less than|no fewer than|more than|over|above|exceeds|minimum of|min|>=|≥|>"
_NUMBER: Final = re.compile(
    rf"(?<![\w.,#/])(?<![^\W\d_]-)(?<!\d-)(?P<lead>(?:{_ABOUT}|{_MOST}|{_LEAST})\s{{0,2}})?(?P<sign>[+-])?(?P<money>[$€£])?\s?"
    rf"(?:(?P<digits>{_DIGITS})(?:\s?-\s?(?P<upper>{_DIGITS}))?|(?P<word>{_WORD})(?![\w-]))"
    r"(?:(?P<scale>k|m|mn|bn|b)(?![\w])|\s(?P<scaleword>thousand|million|billion)\b)?"
    rf"(?P<plus>\+)?(?:[\s-]{{0,2}}(?P<unit>{unit_pattern()})(?![\w]))?"
    rf"(?:(?:\s(?P<noun>[a-z]{{3,20}}))?(?:\sper\s|\s?/\s?|\sa\s|\san\s|\severy\s)(?P<per>{_PERIOD})s?\b)?",
    re.IGNORECASE,
)
_EVERY: Final = re.compile(
    r"\b(?:(?P<adverb>hourly|daily|nightly|weekly|yearly)(?=\s*(?:$|[.,;:)]|(?:at|on|in|by|for|and|to|from|with)\b))"
    r"|(?P<times>once|twice) (?:a|an|per|every) (?P<period>minute|hour|day|week|month|year)"
    r"|every (?:(?P<count>\d{1,4}|two|three) )?(?P<unit>second|minute|hour|day|night|week|month|year)s?)\b",
    re.IGNORECASE,
)
_CHANGE_BEFORE: Final = re.compile(r"\b(?:by|(?:increase|decrease|drop|rise|gain) of|extra|another)\s*$", re.IGNORECASE)
_CHANGE_AFTER: Final = re.compile(
    r"\s*(?:more|less|fewer|faster|slower|higher|lower|larger|smaller|better|worse)\b(?! than \d)", re.IGNORECASE
)
_PART_AFTER: Final = re.compile(r"\s*(?:(?:out )?of (?:the |our |its |their |all |these |those |\d)|in \d\d?\b)", re.I)
_PART_BEFORE: Final = re.compile(r"\d\s*(?:(?:out )?of|in|/)(?: the)?\s*$|\bof (?:the|our|its|these|those)\s*$", re.I)


def quantities(text: str) -> tuple[Quantity, ...]:
    """Every number and frequency of one sentence, in order. Names that hold digits ("v2", "PR 12") are the caller's."""
    found = [_frequency(match) for match in _EVERY.finditer(text)]
    taken = [(item.start, item.end) for item in found]
    for match in _NUMBER.finditer(text):
        if any(match.start() < end and start < match.end() for start, end in taken):
            continue
        item = _quantity(text, match)
        if item is not None:
            found.append(item)
    return tuple(sorted(found, key=lambda item: item.start))


def _frequency(match: re.Match[str]) -> Quantity:
    if match["adverb"]:
        seconds = _seconds(_FREQUENCIES[match["adverb"].lower()])
    elif match["times"]:
        seconds = _seconds(match["period"]) / (2 if match["times"].lower() == "twice" else 1)
    else:
        count = match["count"] or "1"
        times = float(count) if count.isdigit() else float(_WORDS[count.lower()])
        seconds = times * _seconds(match["unit"].lower().replace("night", "day"))
    seconds = max(seconds, 1e-9)
    place = seconds / 100
    return Quantity(seconds, seconds, place, "period", "s", 0.1, Bound.EXACT, "value", "", match.start(), match.end())


def _seconds(name: str) -> float:
    unit = unit_named(name)
    return unit.factor if unit is not None else 1.0


def _quantity(text: str, match: re.Match[str]) -> Quantity | None:
    word = (match["word"] or "").lower()
    if match["scale"] == "m" and not match["money"]:
        return None  # minutes, metres or millions: no reading beats a wrong one
    if word == "one" and not _is_counted(text, match):
        return None
    after = text[match.end() : match.end() + 12]
    if match["digits"] and re.match(r"[.:/_-]\w|(?:st|nd|rd|th)\b|\w", after):
        return None  # part of an address, a version, an ordinal: a name, not a measure
    number = float(match["digits"].replace(",", "")) if match["digits"] else float(_WORDS[word])
    high = float(match["upper"].replace(",", "")) if match["upper"] else number
    unit = unit_named(match["unit"]) if match["unit"] else None
    scale = _SCALES.get((match["scale"] or match["scaleword"] or "").lower(), 1.0)
    dimension, factor, slack = (unit.dimension, unit.factor, unit.slack) if unit else ("count", 1.0, 0.001)
    if match["money"] and unit is None:
        dimension = match["money"]
    if match["per"]:
        dimension = "count/time" if dimension == "count" else f"{dimension}/time"
        factor /= _seconds(match["per"].lower())
        slack = max(slack, 0.02)
    step, factor = factor, factor * scale
    if not math.isfinite(number * factor):
        return None
    sign = -1.0 if match["sign"] == "-" else 1.0
    low, high = sorted((sign * number * factor, sign * high * factor))
    place = _place(match["digits"]) if match["digits"] else min(1.0, number or 1.0)
    return Quantity(
        value=low,
        high=high,
        place=place * factor,
        dimension=dimension,
        unit=(match["unit"] or "").lower(),
        slack=slack,
        bound=_bound(match, after),
        role=_role(text, match),
        noun=(match["noun"] or "").lower(),
        start=match.start() + len(match["lead"] or ""),
        end=match.end(),
        step=step,
    )


_NOT_COUNTING: Final = frozenset({"the", "this", "that", "each", "every", "any", "no", "which", "old", "new"})
_COUNTED: Final = re.compile(r"\s+(?!of\b|or\b|and\b|is\b|can\b|to\b|another\b)[a-z]")


def _is_counted(text: str, match: re.Match[str]) -> bool:
    """Whether "one" counts something here, and does not stand for it ("the old one")."""
    before = text[max(0, match.start() - 12) : match.start()].lower().split()
    if before and before[-1] in _NOT_COUNTING:
        return False
    return match["unit"] is not None or _COUNTED.match(text, match.end()) is not None


def _bound(match: re.Match[str], after: str) -> Bound:
    lead = " ".join((match["lead"] or "").lower().split())
    if lead and re.fullmatch(_ABOUT, lead):
        return Bound.ABOUT
    if (lead and re.fullmatch(_MOST, lead)) or re.match(r"\s*(?:or (?:less|fewer)|max)", after):
        return Bound.AT_MOST
    if (lead and re.fullmatch(_LEAST, lead)) or match["plus"] or re.match(r"\s*or more", after):
        return Bound.AT_LEAST
    return Bound.EXACT


def _role(text: str, match: re.Match[str]) -> str:
    before, after = text[max(0, match.start() - 24) : match.start()], text[match.end() : match.end() + 24]
    if (_PART_AFTER.match(after) and not match["unit"]) or _PART_BEFORE.search(before):
        return "part"
    if match["sign"] == "+" or _CHANGE_BEFORE.search(before) or _CHANGE_AFTER.match(after):
        return "change"
    return "value"


def _place(digits: str) -> float:
    """The worth of the last digit that was meant: 0.1 for "4.1", 10,000 for "40,000", 1 for "8081"."""
    digits = digits.replace(",", "")
    if "." in digits:
        return float(10.0 ** -len(digits.partition(".")[2]))
    zeros = len(digits) - len(digits.rstrip("0"))
    return float(10.0 ** min(zeros, len(digits) - 1))


def compare(a: Quantity, b: Quantity) -> Agreement:
    """Whether both can be true of one thing, allowing for rounding, "about" and units that are nearly equal."""
    if Bound.AT_MOST in (a.bound, b.bound) or Bound.AT_LEAST in (a.bound, b.bound):
        return _compare_bounds(a, b)
    if a.high > a.value or b.high > b.value:  # a range agrees with what lies in it
        apart = max(a.value, b.value) - min(a.high, b.high)
        return Agreement.EXCLUDE if apart > _tolerance(a, b) else Agreement.AGREE
    return Agreement.AGREE if abs(a.value - b.value) <= _tolerance(a, b) else Agreement.EXCLUDE


def _compare_bounds(a: Quantity, b: Quantity) -> Agreement:
    if a.bound is b.bound:
        return Agreement.AGREE if abs(a.value - b.value) <= _tolerance(a, b) else Agreement.UNCLEAR
    low = max(_floor(a), _floor(b)) - _tolerance(a, b)
    return Agreement.EXCLUDE if low > min(_ceiling(a), _ceiling(b)) else Agreement.AGREE


def _floor(item: Quantity) -> float:
    return -math.inf if item.bound is Bound.AT_MOST else item.value


def _ceiling(item: Quantity) -> float:
    return math.inf if item.bound is Bound.AT_LEAST else item.high


def _tolerance(a: Quantity, b: Quantity) -> float:
    """How far apart two honest statements of one amount may be."""
    size = max(abs(a.value), abs(b.value))
    allowed = size * 1e-9
    coarse, fine = (a, b) if a.place >= b.place else (b, a)
    if fine.place < coarse.place:  # "4 %" for 4.1 %, "1,000" for 1,024; but 100 is no rounding of 60
        half = coarse.place * 0.5 * (1 + 1e-9)
        allowed = half if coarse.place <= coarse.step * (1 + 1e-9) else min(half, 0.05 * size)
    about = (a.bound is Bound.ABOUT) + (b.bound is Bound.ABOUT)
    allowed = max(allowed, size * (0.0, 0.15, 0.2)[about])
    return max(allowed, size * max(a.slack, b.slack)) if a.unit != b.unit else allowed
