"""Dates and times in a sentence as partly known moments, and whether two of them can be the same.

Only what is written counts: a date without a year stays without one, and "last week" is compared as words. No clock.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Final

__all__ = ["Moment", "Same", "compare_moments", "compare_scopes", "moments"]

_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", 
    "september", "october", "november", "december",
)  # fmt: skip
_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ORDINALS: Final = {"first": 1, "second": 2, "third": 3, "fourth": 4}
_MONTH: Final = "|".join(f"{name.capitalize()}|{name[:3].capitalize()}(?=\\b)" for name in _MONTHS) + "|Sept"
_YEAR: Final = r"(?:19|20)\d\d"
_DAY: Final = r"(?:0?[1-9]|[12]\d|3[01])"


class Same(Enum):
    """Whether two moments can be one."""

    YES = "yes"
    UNKNOWN = "unknown"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Moment:
    """What was written of a date; None where nothing was. `relation` is the word before it, `minutes` the time of day.

    `words` holds a relative date ("last week"). `is_recurring`: "on Mondays". [start, end) includes the relation.
    """

    start: int
    end: int
    relation: str = ""
    year: int | None = None
    quarter: int | None = None
    month: int | None = None
    day: int | None = None
    weekday: int | None = None
    minutes: int | None = None
    words: str = ""
    is_recurring: bool = False


_ZONE: Final = r"(?: (?:UTC|GMT|CET|CEST|EST|PST))?"
_SPAN: Final = (
    "second|minute|hour|day|night|morning|afternoon|evening|week|weekend|month|quarter|summer|autumn|winter|spring|year"
)


_NO_COUNT: Final = r"(?= (?:was|is|were|are|will|has|had|and|or|to|at|by|in|with|the|on)\b| ?[^\w %]| *$)"
"""What may follow a bare year that is no amount ("for 2025 was", but not "for 2025 users")."""


def _after(*words: str) -> str:
    """A look-behind for any of these words and a space, with either case of the first letter."""
    forms = [form for word in words for form in (word, word.capitalize())]
    return "(?:" + "|".join(rf"(?<=\b{form} )" for form in forms) + ")"


_PATTERNS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b(?P<year>{_YEAR})-(?P<monthno>0[1-9]|1[0-2])(?:-(?P<day>0[1-9]|[12]\d|3[01]))?(?![\w-])",
        rf"\b(?:the )?(?P<day>{_DAY})(?:st|nd|rd|th)?(?: of)? (?P<month>{_MONTH})\.?(?:,? (?P<year>{_YEAR}))?\b",
        rf"\b(?P<month>{_MONTH})\.? (?P<day>{_DAY})(?:st|nd|rd|th)?(?:,? (?P<year>{_YEAR}))?\b(?![:.]\d)",
        rf"\b(?P<month>{_MONTH})\.?,? (?P<year>{_YEAR})\b",
        r"\b(?:[Qq](?P<quarter>[1-4])|(?P<ordinal>first|second|third|fourth) quarter)"
        rf"(?:(?: of)? ?(?:(?P<year>{_YEAR})|['/ ]?(?P<short>2\d)\b))?",
        rf"\b(?P<year>{_YEAR})[ -]?[Qq](?P<quarter>[1-4])\b",
        rf"\b(?:FY ?|fiscal year |year )(?P<year>{_YEAR})\b",
        r"\b(?P<weekday>Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day(?P<plural>s)?\b"
        r"(?: (?:morning|afternoon|evening|night))?",
        r"\b(?P<hour>[01]?\d|2[0-4]):(?P<minute>[0-5]\d)(?::[0-5]\d)?(?:\s?(?P<half>am|pm|AM|PM))?\b" + _ZONE,
        r"\b(?P<hour>1[0-2]|[1-9])\s?(?P<half>am|pm|AM|PM)\b" + _ZONE,
        r"\b(?P<words>today|tomorrow|yesterday|tonight|noon|midnight"
        rf"|(?:last|next|this|previous|coming|past) (?:{_SPAN}))\b",
        _after("in", "of", "since", "until", "by", "for", "is", "was", "from") + rf"(?P<year>{_YEAR})\b{_NO_COUNT}",
        _after("in", "since", "until", "by", "from") + rf"(?P<year>{_YEAR})\b",
        rf"(?:^\s*|{_after('the', 'our')})(?P<year>20[1-3]\d)(?= [a-z])",
        _after("in", "of", "since", "until", "by", "from", "late", "early") + rf"(?P<month>{_MONTH})\b",
        r"\b(?P<month>January|February|April|June|July|August|September|October|November|December)\b",
    )
)
_RELATION: Final = re.compile(
    r"\b(on|in|at|for|by|before|after|since|until|till|from|through|of|between|to|no later than|is|was|are|were)"
    r"(?:\s(?:the|late|early|mid|start of|beginning of|end of|the end of|on))?\s*$",
    re.IGNORECASE,
)


def moments(text: str) -> tuple[Moment, ...]:
    """The moments of one sentence, in order; where two patterns overlap, the one that says more wins."""
    found: list[Moment] = []
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            if not any(match.start() < other.end and other.start < match.end() for other in found):
                found.append(_moment(text, match))
    return tuple(sorted(found, key=lambda item: item.start))


def _moment(text: str, match: re.Match[str]) -> Moment:
    part = {name: value for name, value in match.groupdict().items() if value is not None}
    year = int(part["year"]) if "year" in part else 2000 + int(part["short"]) if "short" in part else None
    quarter = int(part["quarter"]) if "quarter" in part else _ORDINALS.get(part.get("ordinal", ""))
    month = _month(part["month"]) if "month" in part else int(part["monthno"]) if "monthno" in part else None
    day = int(part["day"]) if "day" in part else None
    weekday = _DAYS.index(part["weekday"].lower() + "day") if "weekday" in part else _weekday(year, month, day)
    relation = _RELATION.search(text, max(0, match.start() - 24), match.start())
    return Moment(
        match.start(), match.end(), relation[1].lower() if relation else "", year, quarter, month, day,
        weekday, _minutes(part), part.get("words", "").lower(), "plural" in part,
    )  # fmt: skip


def _month(name: str) -> int:
    return next(number for number, month in enumerate(_MONTHS, start=1) if month.startswith(name[:3].lower()))


def _weekday(year: int | None, month: int | None, day: int | None) -> int | None:
    if year is None or month is None or day is None:
        return None
    try:
        return date(year, month, day).weekday()
    except ValueError:
        return None


def _minutes(part: dict[str, str]) -> int | None:
    if "hour" not in part:
        return None
    hour = int(part["hour"])
    if part.get("half", "").lower() == "pm" and hour < 12:
        hour += 12
    elif part.get("half", "").lower() == "am" and hour == 12:
        hour = 0
    return (hour % 24) * 60 + int(part.get("minute", "0"))


def compare_moments(a: Moment, b: Moment) -> Same:
    """NO when a part that both state differs, YES when all shared parts agree, UNKNOWN when they share none."""
    if a.words or b.words:
        return Same.YES if a.words == b.words else Same.UNKNOWN
    known = False
    for left, right in (
        (a.year, b.year), (_quarter(a), _quarter(b)), (a.month, b.month), (a.day, b.day),
        (a.weekday, b.weekday), (a.minutes, b.minutes),
    ):  # fmt: skip
        if left is not None and right is not None:
            if left != right:
                return Same.NO
            known = True
    return Same.YES if known else Same.UNKNOWN


def _quarter(item: Moment) -> int | None:
    return item.quarter if item.quarter is not None or item.month is None else (item.month + 2) // 3


def compare_scopes(a: Sequence[Moment], b: Sequence[Moment]) -> Same:
    """Whether two statements speak of one time: NO when some pair excludes itself and none agrees."""
    if not a and not b:
        return Same.YES
    if not a or not b:
        return Same.UNKNOWN
    verdicts = [compare_moments(left, right) for left in a for right in b]
    if Same.NO in verdicts:
        return Same.NO
    return Same.YES if Same.YES in verdicts else Same.UNKNOWN
