"""When two statements may be compared at all: the subject guard and the scope guard that every rule passes through.

A rule's hit counts as a contradiction only where both speak of one thing, at one time, in one scope. Words that
are missing on both sides mean two subjects: nothing is reported. Lesser doubts make the hit `possible`, and are named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accordant.coherence_pass import lexicon
from accordant.coherence_pass.claims import Claim
from accordant.coherence_pass.moments import Moment, Same, compare_scopes
from accordant.coherence_pass.words import stems_of

__all__ = ["Alignment", "align", "headings_agree", "scope_doubts", "tenses_differ"]

_EXTRA_WORDS_MAX = 3
_STAND_ALONE_WORDS = 3
_POINTING = frozenset("this these that those such it they must should can may see use note".split())
_NARROWING = lexicon.NARROWING | lexicon.BROAD_PLACES
_THIN = stems_of(lexicon.THIN)


@dataclass(frozen=True, slots=True)
class Alignment:
    """Two statements about one subject. `extra`: the words that only one of them has."""

    extra: frozenset[str]
    is_reordered: bool

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the two may still be about different things."""
        return (f"only one side says {', '.join(sorted(self.extra))}",) if self.extra else ()


def align(a: Claim, b: Claim) -> Alignment | None:
    """How the content words of both sides meet; None where both have words of their own, or share none."""
    left, right = a.reading, b.reading
    if left.bag.isdisjoint(right.bag):
        return None
    only_a = left.bag - right.bag - a.optional
    only_b = right.bag - left.bag - b.optional
    extra = len(only_a | only_b)
    if (only_a and only_b) or extra > min(_EXTRA_WORDS_MAX, len(left.bag & right.bag)):
        return None
    is_reordered = not (only_a or only_b or a.optional or b.optional) and left.order != right.order
    return Alignment(only_a | only_b, is_reordered)


def scope_doubts(a: Claim, b: Claim, times_a: Sequence[Moment], times_b: Sequence[Moment]) -> tuple[str, ...] | None:
    """Why both could be true at once; None where they speak of different times, so that nothing is to be said.

    `times_*` are the moments that limit each statement (not the ones it asserts).
    """
    same_time = compare_scopes(times_a, times_b)
    if same_time is Same.NO:
        return None
    left, right = a.reading, b.reading
    doubts = [f"{reason} statement" for reason in dict.fromkeys((*left.reservations, *right.reservations))]
    if not headings_agree(a.scope, b.scope) and not _stand_alone(a, b):
        doubts.append("under different headings")
    if same_time is Same.UNKNOWN:
        doubts.append("the times they speak of may differ")
    if left.conditions != right.conditions:
        doubts.append("only under a condition")
    return tuple(doubts)


def _stand_alone(a: Claim, b: Claim) -> bool:
    """Whether both say so much in the same words that no heading has to tell what they are about.

    Not under headings that name a time, a version, an environment or one of several choices: those do narrow.
    """
    if not (_has_subject(a) and _has_subject(b)):
        return False
    shared = (a.reading.bag & b.reading.bag) - _THIN
    shown = (word for heading in set(a.scope) ^ set(b.scope) for word in heading.split())
    return len(shared) >= _STAND_ALONE_WORDS and not any(word in _NARROWING or _has_digit(word) for word in shown)


def _has_subject(claim: Claim) -> bool:
    """Whether it names what it speaks of: not "this function", not "Creates a key"."""
    first = claim.text.split(maxsplit=1)[0].lower() if claim.text.strip() else ""
    return first not in _POINTING and (not first.endswith("s") or bool(claim.reading.tense))


def _has_digit(word: str) -> bool:
    return any(char.isdigit() for char in word)


def headings_agree(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Whether one scope is the other or stands above it."""
    shared = min(len(a), len(b))
    return a[:shared] == b[:shared]


def tenses_differ(a: Claim, b: Claim) -> bool:
    """Whether one tells what was (or will be) and the other what is."""
    left, right = a.reading.tense, b.reading.tense
    return bool(left and right and left != right)
