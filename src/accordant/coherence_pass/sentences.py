"""Where statements begin and end in a text: sentences, list lines, and clauses that stand on their own feet.

Takes text that `words.plain` prepared and gives spans; a span longer than the bound is left out and counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from accordant.coherence_pass import lexicon
from accordant.types.limits import CLAIM_CHARS_MAX

__all__ = ["Spans", "statement_spans"]

_END: Final = re.compile(r"(?<![.!?])[.!?]+[\"')\]]*(?=\s|$)|;(?=\s)|\n(?![ \t]{0,16}(?:[a-z(]|\d[\d,]{0,12}%?[ \t]))")
_ABBREVIATED: Final = re.compile(
    r"(?:\b(?:e\.g|i\.e|vs|approx|ca|no|dr|mr|mrs|ms|prof|inc|ltd|fig|cf|etc|st|jan|feb|sept|oct|nov|dec|[A-Z]))\.$",
    re.IGNORECASE,
)
_JOINT: Final = re.compile(r",? (?:and|but|while|whereas|although|though) (?=\w)|, (?=(?:and|but) )", re.IGNORECASE)
_WORD: Final = re.compile(r"[\w'-]+")
_MARKER: Final = re.compile(r"\s*(?:[-+•·]\s+|\d{1,3}[.)]\s+|\[[ xX]\]\s+|#{1,6}\s+)*")


@dataclass(frozen=True, slots=True)
class Spans:
    """Statement spans in order, and how many were too long to read."""

    spans: tuple[tuple[int, int], ...]
    too_long: int


def statement_spans(text: str) -> Spans:
    """The statements of a text. Questions and announcements ("as follows:") are left out."""
    kept: list[tuple[int, int]] = []
    too_long = 0
    flowing = text.replace("\n", " ")
    for start, end in _sentences(text):
        start = _trimmed(text, start, end)
        if end - start > CLAIM_CHARS_MAX:
            too_long += 1
        elif _WORD.search(text, start, end) and not text[start:end].rstrip("\"')] \t\n").endswith(("?", ":")):
            kept.extend(_clauses(flowing, start, end))
    return Spans(tuple(kept), too_long)


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for match in _END.finditer(text):
        if match[0][0] == "." and _ABBREVIATED.search(text, max(start, match.start() - 8), match.start() + 1):
            continue
        yield start, match.end()
        start = match.end()
    yield start, len(text)


def _trimmed(text: str, start: int, end: int) -> int:
    match = _MARKER.match(text, start, end)
    return match.end() if match else start


def _clauses(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The sentence cut where two finite clauses are joined; whole where a part would lose its subject or its verb."""
    joints = _JOINT.finditer(text, start, end)
    joint = next((match for match in joints if _stands(text, start, match.start(), match.end(), end)), None)
    end = start + len(text[start:end].rstrip())
    if joint is None:
        return [(start, end)] if end > start else []
    return [(start, joint.start()), *_clauses(text, joint.end(), end)]


def _stands(text: str, start: int, cut: int, resume: int, end: int) -> bool:
    left = [word.lower() for word in _WORD.findall(text[start:cut])]
    right = [word.lower() for word in _WORD.findall(text[resume:end])]
    if len(left) < 3 or len(right) < 3 or left[0] in lexicon.CONDITIONS:
        return False
    first_verb = next((place for place, word in enumerate(right) if word in lexicon.FINITE), 0)
    return first_verb > 0 and any(word in lexicon.FINITE for word in left[1:])
