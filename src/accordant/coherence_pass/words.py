"""Words of a sentence: visible characters, tokens with their places, and one stem for the forms of a word.

Knows the word tables, and nothing of numbers, dates or claims. Every map keeps positions: one character in, one out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from accordant.coherence_pass import lexicon
from accordant.coherence_pass.opposites import PREFIXED

__all__ = ["Token", "canonical_stem", "plain", "polar_kind", "stem", "stems_of", "tokens"]

_TOKEN: Final = re.compile(r"[^\W\d_][\w]*(?:['.\-/_:][^\W_]\w*)*|\d[\w.\-]*\w|\d", re.UNICODE)
_QUOTES: Final = {
    "\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": ";",
    "\u2212": "-", "\u03bc": "µ",
}  # fmt: skip
_MARKS: Final = {"*": " ", "`": " ", "~": "~", "|": " "}


@dataclass(frozen=True, slots=True)
class Token:
    """One word: lower case, with its place in the text and whether it was written with a capital."""

    word: str
    start: int
    end: int
    is_capital: bool


@lru_cache(maxsize=4096)
def _plain_char(char: str) -> str:
    if char in _QUOTES:
        return _QUOTES[char]
    category = unicodedata.category(char)
    if category in ("Cc", "Cf", "Zl", "Zp", "Zs", "Cs", "Cn", "Co"):
        return "\n" if char == "\n" else " "
    if category == "Nd" and not char.isascii():
        return str(unicodedata.decimal(char))
    return char


def plain(text: str) -> str:
    """The text with control, format and mark-up characters blanked and digits made ASCII; same length, same places."""
    if not text.isascii() or not text.isprintable():
        text = "".join(char if char.isascii() and char.isprintable() else _plain_char(char) for char in text)
    return "".join(_MARKS.get(char, char) for char in text) if any(mark in text for mark in "*`|") else text


def tokens(text: str, start: int = 0, end: int | None = None) -> list[Token]:
    """The words of text[start:end] in order; numbers that were not blanked by a reader count as words."""
    stop = len(text) if end is None else end
    return [
        Token(match[0].lower(), match.start(), match.end(), match[0][0].isupper())
        for match in _TOKEN.finditer(text, start, stop)
    ]


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """A short form shared by a word's inflections. Crude on purpose: only equality of two stems means anything."""
    word = word.removesuffix("'s").removesuffix("'")
    if len(word) <= 3 or not word.isalpha() or not word.isascii():
        return word
    if word.endswith(("ies", "ied")) and len(word) > 4:
        return word[:-3] + "y"
    for suffix in ("sses", "xes", "ches", "shes"):
        if word.endswith(suffix):
            return _without_e(word[:-2])
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for suffix in ("ing", "ed"):
        if word.endswith(suffix) and not (suffix == "ed" and word.endswith("eed") and len(word) <= 7):
            base = word[: -len(suffix)]
            if len(base) >= 3 and re.search("[aeiouy]", base):
                return _undoubled(base)
    return _without_e(word)


def _without_e(word: str) -> str:
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


def _undoubled(base: str) -> str:
    if base[-1] == base[-2] and base[-1] not in "lsz" and len(base) > 3:
        return base[:-1]
    return _without_e(base)


def stems_of(words: Iterable[str]) -> frozenset[str]:
    """The canonical stems of a word table."""
    return frozenset(canonical_stem(word)[0] for word in words)


def _tables() -> tuple[dict[str, tuple[str, int]], dict[str, str]]:
    polar: dict[str, tuple[str, int]] = {}
    light = frozenset(map(stem, lexicon.LIGHT_VERBS))
    for positive, negative in PREFIXED:
        name = stem(positive)
        if name in light:
            continue
        polar.setdefault(positive, (name, 1))
        polar.setdefault(negative, (name, -1))
    for positive, negative in lexicon.OPPOSITES:
        name = stem(positive.split()[0])
        for sign, words in ((1, positive), (-1, negative)):
            for word in words.split():
                polar[word] = (name, sign)
    same = {stem(word): stem(group.split()[0]) for group in lexicon.SYNONYMS for word in group.split()}
    return polar, same


_POLAR, _SAME = _tables()
_POLAR_BY_STEM = {stem(word): value for word, value in _POLAR.items() if len(word) > 3}


@lru_cache(maxsize=65_536)
def canonical_stem(word: str) -> tuple[str, int]:
    """The stem after synonyms and opposites, with the sign of its opposite pair: +1, -1, or 0 for ordinary words."""
    if word in _POLAR:
        return _POLAR[word]
    base = stem(word)
    if base in _POLAR_BY_STEM:
        return _POLAR_BY_STEM[base]
    return _SAME.get(base, base), 0


def polar_kind(name: str) -> str:
    """`temporal` for the order pair before/after, `antonym` for every other pair."""
    return "temporal" if name == stem("before") else "antonym"
