"""Who or what a statement names for something that has one: its owner, language, region, licence, primary store.

Reads one prepared statement and gives (relation, subject, value) where the sentence has one of a few plain shapes; anything with
a list, a second copy, a denial or a past is left alone. Knows no other statement and decides nothing.
"""

# ruff: noqa: E501 - a pattern that is broken over lines cannot be read
from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from accordant.coherence_pass import lexicon
from accordant.coherence_pass.words import canonical_stem, tokens

__all__ = ["Assignment", "assignment_in", "names_agree"]

_NAME: Final = r"[A-Z][\w+#.-]{0,30}(?: [A-Z][\w+#.-]{0,30}){0,2}"
_VALUE: Final = rf"(?:the )?(?P<value>{_NAME})"
_CODE: Final = r"(?P<value>[A-Za-z][\w+#./-]{0,40})"
_THING: Final = r"(?P<thing>[\w' -]{2,80}?)"
_SOLE: Final = r"(?:the|our|its) "
_END: Final = (
    r"(?: (?:region|data cent(?:er|re)|office|team|language|license|licence|now|today|currently|format))?\s*[.!;]?\s*$"
)


def _shape(relation: str, pattern: str) -> tuple[str, re.Pattern[str]]:
    return relation, re.compile(rf"^\s*{pattern}{_END}")


_BE: Final = r"(?:is|are|will be) (?:now |currently )?"
_SHAPES: Final = (
    _shape("own", rf"{_VALUE} (?:now |currently )?(?:owns?|maintains?|is responsible for|is in charge of) (?:the |our )?{_THING}"),
    _shape("own", rf"{_THING} {_BE}(?:owned|maintained) by {_VALUE}"),
    _shape("lead", rf"{_VALUE} (?:now |currently )?(?:leads|chairs|heads|manages) (?:the |our )?{_THING}"),
    _shape("lead", rf"{_THING} {_BE}(?:led|chaired|headed|managed) by {_VALUE}"),
    _shape("place", rf"{_THING} (?:{_BE}(?:deployed|hosted|located|based|held|running|stored|kept) in|(?:runs?|lives?|sits?) in) {_VALUE}"),
    _shape("written", rf"{_THING} {_BE}(?:written|implemented|coded) in {_VALUE}"),
    _shape("written", rf"[Ww]e wrote {_THING} in {_VALUE}"),
    _shape("written", rf"{_THING} is an? {_VALUE} (?:application|app|service|program|project|library)"),
    _shape("license", rf"{_THING} {_BE}(?:licensed|published|released|distributed) under {_VALUE}"),
    _shape("encoded", rf"{_THING} {_BE}(?:encoded|serialized|serialised|sent|formatted|stored) as {_CODE}"),
    _shape("is", rf"{_THING} {_BE}(?:called|named) {_CODE}"),
    _shape("is", rf"{_THING} {_BE}assigned to {_VALUE}"),
    _shape("is", rf"{_VALUE} {_BE}{_SOLE}{_THING}"),
    _shape("is", rf"[Ww]e (?:chose|picked|selected|use) {_VALUE} (?:as|for) {_SOLE}{_THING}"),
    _shape("is", rf"(?:The|Our|Its|the|our) {_THING} {_BE}{_VALUE}"),
    _shape("is", rf"(?:The|Our|the|our) {_THING} {_BE}{_CODE}"),
)  # fmt: skip
_UNSURE: Final = re.compile(
    r"\b(?:and|or|also|both|copy|copies|second|third|another|one of|mostly|partly|part of|some|not|no|never|until|was|were|had|"
    r"used to|previously|formerly|former|old|new|backup|secondary|fallback|except|if|unless|when|while|may|might|could|should|would|"
    r"either|instead|like|than|who|which|that|each|every)\b",
    re.IGNORECASE,
)  # fmt: skip
_ROLE_OF: Final = re.compile(r"^(?P<role>[\w-]+(?: [\w-]+)?) (?:of|for|on) (?:the |our |this )?(?P<rest>.+)$")
_RELATION_NOUNS: Final = {"owner": "own", "maintainer": "own", "lead": "lead", "leader": "lead", "manager": "lead", "chair": "lead",
                          "language": "written", "license": "license", "licence": "license"}  # fmt: skip
_VAGUE: Final = frozenset("It They This That There We I You He She These Those Each Every".split())
_ALIASES: Final = {
    "postgres": "postgresql",
    "js": "javascript",
    "ts": "typescript",
    "golang": "go",
    "k8s": "kubernetes",
}


@dataclass(frozen=True, slots=True)
class Assignment:
    """`value` (lower-case words) is what a statement names as `relation` of `subject` (stems)."""

    relation: str
    subject: frozenset[str]
    value: tuple[str, ...]
    start: int
    end: int

    @property
    def key(self) -> str:
        """Equal for statements that name a value for the same thing: where pairs of them meet."""
        return f"\x1f{self.relation} {' '.join(sorted(self.subject))}"


def assignment_in(text: str) -> Assignment | None:
    """What the statement names for a thing that has one; None where it has another shape or leaves room for two."""
    if len(text) > 160 or _UNSURE.search(text):
        return None
    for relation, pattern in _SHAPES:
        match = pattern.match(text)
        if match is not None and (found := _assignment(relation, match)) is not None:
            return found
    return None


def _assignment(relation: str, match: re.Match[str]) -> Assignment | None:
    thing, value = match["thing"], match["value"]
    if thing.strip() in _VAGUE or value.split()[0] in _VAGUE:
        return None
    words = [token.word for token in tokens(thing)]
    if relation == "is":
        role = _ROLE_OF.match(thing.strip())
        nouns = role["role"].lower().split() if role else words
        if not nouns or lexicon.EXCLUSIVE.isdisjoint(nouns):
            return None
        if value.islower() and nouns[-1] not in _CODE_NOUNS and "called" not in match[0] and "named" not in match[0]:
            return None
        if len(nouns) == 1 and nouns[0] in _RELATION_NOUNS and role is not None:
            relation, words = _RELATION_NOUNS[nouns[0]], [token.word for token in tokens(role["rest"])]
    subject = frozenset(canonical_stem(word)[0] for word in words if word not in lexicon.FUNCTION_WORDS)
    if not subject or any(word.isdigit() for word in words):
        return None
    start, end = match.span("value")
    return Assignment(relation, subject, tuple(_alias(word) for word in value.lower().split()), start, end)


_CODE_NOUNS: Final = frozenset("branch strategy algorithm format protocol encoding engine runtime name".split())


def _alias(word: str) -> str:
    word = word.rstrip(".,")
    return _ALIASES.get(word, word)


def names_agree(a: Assignment, b: Assignment) -> bool:
    """Whether the two values may name one thing: a shared word, an abbreviation, a place that holds the other."""
    left, right = set(a.value), set(b.value)
    if left & right or not left.isdisjoint(lexicon.BROAD_PLACES) or not right.isdisjoint(lexicon.BROAD_PLACES):
        return True
    shown: Callable[[tuple[str, ...]], str] = "".join
    one, two = shown(a.value), shown(b.value)
    initials = {"".join(word[0] for word in a.value), "".join(word[0] for word in b.value)}
    return one.startswith(two) or two.startswith(one) or bool(initials & {one, two})
