"""What a learned score means: whether a pair may be scored at all, what speaks against reporting it, and what seems to clash.

The guards of the rules hold for a scorer too: another heading, condition, time or hedge makes a finding `possible`, whatever the
score. Pure; it must not know where the score comes from.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from accordant.coherence_pass.claims import Claim
from accordant.coherence_pass.guards import scope_doubts, tenses_differ
from accordant.coherence_pass.moments import Same, compare_scopes
from accordant.coherence_pass.parallels import Things, other_attributes, things_of
from accordant.coherence_pass.rules import Kind, Mismatch

__all__ = ["clash", "tier_one_doubts"]

_PART_CHARS_MAX: Final = 120


def tier_one_doubts(a: Claim, b: Claim) -> tuple[str, ...] | None:
    """Why both could hold; None where a score would mean nothing: two keyed facts (the rules compare them), different times,
    one form of words for two things, two attributes of one."""
    if a.fact is not None and b.fact is not None:
        return None
    left, right = a.reading, b.reading
    doubts = scope_doubts(a, b, left.fronted, right.fronted)
    if doubts is None:
        return None
    own: list[str] = []
    if compare_scopes(left.moments, right.moments) is Same.NO and left.quantities and right.quantities:
        own.append("the times they speak of may differ")
    if tenses_differ(a, b):
        own.append("said of different times")
    things = things_of(a.text, b.text)
    if things is Things.TWO or other_attributes(left, right):
        return None
    if things is Things.MAYBE_TWO:
        own.append(things.value)
    return tuple(dict.fromkeys((*doubts, *own)))


def clash(a: Claim, b: Claim, score: float, doubts: tuple[str, ...], is_reported: bool) -> Mismatch:
    """The finding that a score stands for. Below the threshold of reports the score itself is the doubt."""
    parts = _different_words(a, b)
    detail = f"{parts[0] or 'nothing more'} against {parts[1] or 'nothing more'}" if any(parts) else "the same words"
    shown = tuple(part or whole[:_PART_CHARS_MAX] for part, whole in zip(parts, (a.text, b.text), strict=True))
    if not is_reported:
        doubts = (*doubts, f"the scorer is not sure ({score:.2f})")
    return Mismatch(_kind(a, b), detail, (shown[0], shown[1]), "meaning", "meaning", doubts)


def _kind(a: Claim, b: Claim) -> Kind:
    """What the two differ in, as far as that can be seen; `semantic` where it cannot."""
    left, right = a.reading, b.reading
    if any(sign * right.polar.get(word, 0) < 0 for word, sign in left.polar.items()):
        return "antonym"
    if left.negations % 2 != right.negations % 2:
        return "negation"
    if left.quantities and right.quantities and _numbers(a) != _numbers(b):
        return "numeric"
    if left.moments and right.moments and compare_scopes(left.moments, right.moments) is Same.NO:
        return "temporal"
    names = [{word for word in _words(claim)[1:] if word[:1].isupper()} for claim in (a, b)]
    if names[0] - names[1] and names[1] - names[0]:
        return "entity"
    return "semantic"


def _numbers(claim: Claim) -> Counter[str]:
    return Counter(word for word in _words(claim) if any(char.isdigit() for char in word))


def _words(claim: Claim) -> list[str]:
    return [word.strip(".,;:!?()\"'") for word in claim.text.split()]


def _different_words(a: Claim, b: Claim) -> tuple[str, str]:
    """The words that each side has for itself, in their order."""
    words = [_words(claim) for claim in (a, b)]
    known = [{word.casefold() for word in side} for side in words]
    first = " ".join(word for word in words[0] if word.casefold() not in known[1])
    second = " ".join(word for word in words[1] if word.casefold() not in known[0])
    return first[:_PART_CHARS_MAX], second[:_PART_CHARS_MAX]
