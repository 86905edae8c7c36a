"""One statement read into what the rules compare: its content words, numbers, dates, polarity, tense and reservations.

Pure and sentence-local: knows no passage, no author, no other statement.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from accordant.coherence_pass import lexicon
from accordant.coherence_pass.assignments import Assignment, assignment_in
from accordant.coherence_pass.moments import Moment, moments
from accordant.coherence_pass.quantities import Quantity, quantities
from accordant.coherence_pass.words import Token, canonical_stem, stems_of, tokens

__all__ = ["Reading", "read_statement"]

_FRAME: Final = re.compile(
    r"\s*(?:(?:update|correction|note|fyi|result|finding|status|reminder|conclusion)\s*:\s*"
    r"|(?:(?:we|i|the \w+(?: \w+)?|our \w+) )?(?:found|confirm(?:ed|s)?|see|saw|noted?|measured|observed|verified"
    r"|shows?|report(?:ed|s)?) that )",
    re.IGNORECASE,
)
_ATTRIBUTION: Final = re.compile(
    r",? ?\(?\b(?:according to|based on|as reported by|as per|source:)[^.,;]*\)?", re.IGNORECASE
)
_LABEL_WORDS: Final = "|".join(sorted(lexicon.LABELS, key=len, reverse=True))
_LABEL: Final = re.compile(
    rf"\b(?P<name>(?i:{_LABEL_WORDS})|(?<=\w )[A-Z][A-Za-z]+|[A-Za-z]+\.[A-Za-z]+)[ -]?#?(?P<number>\d[\d.]*)"
    r"(?![\w%]|,\d|\.\d| ?(?i:ms|%|percent|MB|GB))"
)
_RELATIONS: Final = frozenset({"before", "after"})


@dataclass(frozen=True, slots=True)
class Reading:
    """What one statement says. `bag` holds the stems of its content words, `order` the same as they were written.

    `polar`: the sign of each word that has an opposite (0: both occur). `negations` counts denials. `conditions`: stems
    of its if-, when- and unless-clauses. `tense`: past, present, future or "". `reservations`: why it proves nothing.
    `is_inverted`: "by" or "there" moved the subject; `is_comparison`: it has a "than".
    `is_event`: it tells of an act that can be done again.
    `quantifier`: "all" or "none" when it speaks of every one, "only" or "any" of who may, else "". `predicate`: the stems from
    the first verb on. `denies_condition`: a denial stands in an if-clause, not in what is claimed.
    `assignment`: whom or what it names for something that has one.
    `attributive`: polar words that stand before the verb, and so tell which thing is meant ("public keys are ...").
    """

    bag: frozenset[str]
    order: tuple[str, ...]
    polar: Mapping[str, int]
    quantities: tuple[Quantity, ...]
    moments: tuple[Moment, ...]
    fronted: tuple[Moment, ...]
    negations: int
    conditions: frozenset[str]
    tense: str
    reservations: tuple[str, ...]
    is_inverted: bool
    is_comparison: bool
    is_event: bool
    attributive: frozenset[str]
    quantifier: str = ""
    denies_condition: bool = False
    predicate: tuple[str, ...] = ()
    assignment: Assignment | None = None


def read_statement(text: str, author: str = "", *, is_literal: bool = False) -> Reading:
    """Read one statement (prepared by `words.plain`). `author` stands in for "I" and "my". `is_literal`: it begins with code."""
    text = _without_frames(text)
    dates = moments(text)
    taken = [(item.start, item.end) for item in dates]
    without_dates = _blanked(text, taken)
    labels = {match.start("name"): match for match in _LABEL.finditer(without_dates)}
    without_labels = _blanked(without_dates, [match.span("number") for match in labels.values()])
    numbers = quantities(without_labels)
    taken += [(item.start, item.end) for item in numbers]
    words = _rephrased(tokens(_blanked(without_labels, taken)))
    named = {start: f"{match['name'].lower()} {match['number'].rstrip('.')}" for start, match in labels.items()}
    return _Reader(words, named, author, frozenset(start for start, _ in taken), is_literal).reading(
        text, numbers, dates
    )


class _Reader:
    """Walks the words of one statement once."""

    def __init__(
        self, words: list[Token], labels: dict[int, str], author: str, taken: frozenset[int], is_literal: bool
    ) -> None:
        self._words = words
        self._labels = labels
        self._author = author
        self._taken = taken
        self._is_literal = is_literal
        self._has_duration = False
        self._denies_condition = False

    def reading(self, text: str, numbers: tuple[Quantity, ...], dates: tuple[Moment, ...]) -> Reading:
        order: list[str] = []
        placed: list[tuple[int, str]] = []
        polar: dict[str, int] = {}
        first = len(text)
        verb = next((token.start for token in self._words if token.word in lexicon.FINITE), None)
        attributive: set[str] = set()
        self._has_duration = any(item.dimension == "time" and _LASTS.search(text, 0, item.start) for item in numbers)
        for place, token in enumerate(self._words):
            stem, sign = self._content(token, text)
            if not stem:
                continue
            first = min(first, token.start)
            order.append(stem)
            placed.append((token.start, stem))
            if sign:
                if token.start == first or (verb is not None and token.start < verb) or self._is_modifier(place):
                    attributive.add(stem)
                polar[stem] = sign if polar.get(stem, sign) == sign else 0
        plain_words = [token.word for token in self._words]
        edge = first if verb is None else max(first, verb)
        return Reading(
            frozenset(order),
            tuple(order),
            polar,
            numbers,
            dates,
            tuple(item for item in dates if item.start < edge),
            _negations(self._words),
            self._conditions(text),
            _tense(plain_words),
            (
                *_reservations(plain_words, len(plain_words) + len(numbers) + len(dates)),
                *(("hedged",) if _MAY_BE_SO_MUCH.search(text) else ()),
                *(("partly denied",) if _PARTLY_DENIED.search(text) else ()),
                *(("literal",) if self._is_literal and not _MEANINGFUL.isdisjoint(plain_words[:1]) else ()),
            ),
            "by" in plain_words or "there" in plain_words,
            "than" in plain_words,
            not lexicon.EVENTS.isdisjoint(plain_words),
            frozenset(attributive),
            _quantifier(plain_words),
            self._denies_condition,
            tuple(stem for start, stem in placed if verb is not None and start > verb),
            assignment_in(text),
        )

    def _content(self, token: Token, text: str) -> tuple[str, int]:
        word = token.word
        if word in lexicon.FIRST_PERSON and self._author:
            return f"author {self._author}", 0
        if token.start in self._labels:
            return self._labels[token.start], 0
        if word in _EMPTY or word.endswith("n't") or word.removesuffix("'s") in lexicon.PRONOUN_SUBJECTS:
            return "", 0
        if word in _RELATIONS and self._leads_to_value(token, text):
            return "", 0
        stem, sign = canonical_stem(word)
        if self._has_duration and stem in _LIFETIME:
            return "", 0
        return ("", 0) if stem in _LIGHT and not sign else (stem, sign)

    def _is_modifier(self, place: int) -> bool:
        """Whether the word stands between an article and a noun ("a private key")."""
        before, after = self._words[max(0, place - 1) : place], self._words[place + 1 : place + 2]
        is_led = bool(before) and before[0].word in _ARTICLES and before[0].end + 1 >= self._words[place].start
        return is_led and bool(after) and after[0].word not in _EMPTY and after[0].start == self._words[place].end + 1

    def _leads_to_value(self, token: Token, text: str) -> bool:
        gap = re.compile(r"\s*(?:the |about |around |roughly )?").match(text, token.end)
        return gap is not None and gap.end() in self._taken

    def _conditions(self, text: str) -> frozenset[str]:
        stems: set[str] = set()
        inside = False
        previous_end = 0
        for token in self._words:
            if inside and "," in text[previous_end : token.start]:
                inside = False
            if token.word in lexicon.CONDITIONS:
                inside = True
                stems.add("if")
            elif inside:
                self._denies_condition |= token.word in _DENIALS or token.word.endswith("n't")
                stems.add(self._content(token, text)[0])
            previous_end = token.end
        return frozenset(stems - {""})


_LIGHT: Final = stems_of(lexicon.LIGHT_VERBS)
_LIFETIME: Final = stems_of(lexicon.LIFETIME)
_LASTS: Final = re.compile(
    r"\b(?:after|for|within)(?: (?:about|around|roughly|only|at most|up to|the last))?\s*$", re.IGNORECASE
)
_ARTICLES: Final = frozenset("the a an its our this".split())
_DENIALS: Final = lexicon.NEGATORS | lexicon.NEGATING_VERBS


_EMPTY: Final = lexicon.FUNCTION_WORDS | _DENIALS | lexicon.CONDITIONS | lexicon.FINITE | lexicon.SOME


def _without_frames(text: str) -> str:
    frame = _FRAME.match(text)
    if frame is not None and frame.end() < len(text):
        text = " " * frame.end() + text[frame.end() :]
    return _ATTRIBUTION.sub(lambda match: " " * len(match[0]), text)


def _blanked(text: str, spans: list[tuple[int, int]]) -> str:
    for start, end in spans:
        text = text[:start] + " " * (end - start) + text[end:]
    return text


def _rephrased(words: list[Token]) -> list[Token]:
    """The words with fixed two-word phrases replaced by what they stand for."""
    shown: list[Token] = []
    skip = False
    for word, following in zip_longest(words, words[1:]):
        if skip:
            skip = False
            continue
        phrase = lexicon.PHRASES.get((word.word, following.word)) if following is not None else None
        if phrase is None or following is None:
            shown.append(word)
            continue
        shown.extend(Token(name, word.start, following.end, False) for name in phrase)
        skip = True
    return shown


def _negations(words: list[Token]) -> int:
    return sum(token.word in _DENIALS or token.word.endswith("n't") for token in words)


def _tense(words: list[str]) -> str:
    for word in words:
        if word in lexicon.FUTURE:
            return "future"
        if word in lexicon.PAST:
            return "past"
        if word in lexicon.PRESENT:
            return "present"
    return ""


_QUANTIFIERS: Final = {
    "all": "all", "every": "all", "each": "all", "everyone": "any", "everything": "all", "anyone": "any", "any": "any",
    "none": "none", "no": "none", "nobody": "none", "only": "only",
}  # fmt: skip


_MAY_BE_SO_MUCH: Final = re.compile(
    r"\bmay (?:be|have been|reach|have reached) (?:about |around |roughly |nearly |up to |as \w+ as )?[^\w\s]?\d", re.I
)
"""Of a number "may be" is a guess; of an act it is a permission."""

_PARTLY_DENIED: Final = re.compile(
    r"\b(?:and|or|but)(?: \w+){0,2} (?:not|never|no|cannot|\w+n't)\b|, (?:not|never) ", re.I
)


def _quantifier(words: list[str]) -> str:
    if not words:
        return ""
    if words[0] == "not" or words[:2] == ["no", "longer"]:
        return ""
    if "always" in words[1:]:
        return "all"
    return "none" if "never" in words[1:] else _QUANTIFIERS.get(words[0], "")


_MEANINGFUL: Final = frozenset({*_QUANTIFIERS, *_RELATIONS, *_DENIALS})
_BARE: Final = frozenset({"it", "they", "he", "she"})
_FINITE_NEXT: Final = [[word] for word in lexicon.FINITE]
_WHOLE_PARTS_MIN: Final = 3
_RESERVATIONS: Final = (
    ("hedged", lexicon.HEDGES),
    ("quantified", lexicon.SOME),
    ("history", lexicon.REVISIONS),
)


def _reservations(words: list[str], parts: int) -> tuple[str, ...]:
    found = [name for name, table in _RESERVATIONS if not table.isdisjoint(words)]
    if parts < _WHOLE_PARTS_MIN and lexicon.FINITE.isdisjoint(words):
        found.append("fragmentary")
    if words and words[0] in lexicon.SUBJECTLESS:
        found.append("subjectless")
    if words and words[0] in lexicon.PRONOUN_SUBJECTS and (words[0] in _BARE or words[1:2] in _FINITE_NEXT):
        found.append("pronoun")
    return tuple(found)
