"""Whether two texts say the same thing in other words, so that one entry may stand for both. When in doubt: no.

Asked for is evidence that they are the same, not that they differ: the rules of the coherence pass find nothing, numbers, times,
names and signs agree, and word by word, in order, all that says something is the same word, or one that `wordings` calls the
same; then a learned verdict may still object. Pure; it must not know entries or vectors.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from accordant.coherence_pass import lexicon
from accordant.coherence_pass.claims import Claim, claims_of
from accordant.coherence_pass.moments import Moment
from accordant.coherence_pass.passages import Passage
from accordant.coherence_pass.quantities import Quantity
from accordant.coherence_pass.rules import judge
from accordant.coherence_pass.verdicts import Scorer
from accordant.coherence_pass.words import canonical_stem, plain, stem, tokens
from accordant.patterns.corpus.spelling import code_in, marks, normal
from accordant.patterns.corpus.wordings import canonical, form
from accordant.types.pattern_limits import CORPUS_AGREED_CACHE

__all__ = ["contradiction", "difference", "stems_of_text", "why_apart"]

_SILENT: Final = frozenset(
    "a an the 's do does that which who there per also really truly actually indeed clearly definitely".split()
)
"""Words that never make two facts of one. All others may: `and` is not `or`, `because` not `so`, `few` not `a few`."""

_SAID_AS: Final = (
    (re.compile(r"\b(?:have|has|need|needs) to\b", re.IGNORECASE), "must"),
    (re.compile(r"\b(?:is|are|be) used to\b", re.IGNORECASE), "serves to"),
    (re.compile(r"\b(a) (few|little)\b", re.IGNORECASE), r"some-\2"),
    (re.compile(r"\bwon't\b", re.IGNORECASE), "will not"),
    (re.compile(r"\bcan(?:'t|not)\b", re.IGNORECASE), "can not"),
    (re.compile(r"n't\b", re.IGNORECASE), " not"),
)
_AS_IT_IS: Final = frozenset({"https", "news", "as", "this", "its", "his", "us", "less"})
"""Words that end like a plural and are none."""

_LOOSE: Final = frozenset(
    stem(word)
    for word in "worker process user member customer client team group request call wait delay error failure own meet".split()
)
"""Words of the rules' table of synonyms that are so in some sentences only: enough to compare statements, not to make them
one."""

_PLAIN_AT: Final = frozenset({"on", "in", "at", "for", "of", "is", "was", "are", "were", ""})
_PARTS_OF_DAY: Final = frozenset("morning noon afternoon evening night midnight".split())
_ZONE: Final = re.compile(r"\b(?!AM\b|PM\b)[A-Z]{1,5}\b|[+-]\d\d:?\d\d\b")
_DIGIT: Final = re.compile(r"[^\s,;:()\"]*\d[^\s,;:()\"]*")
_PLAIN_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")
_NAME: Final = re.compile(r"\b[A-Z][\w'.+#-]*|\b\w+[_.][\w.]+\b|\b[a-z]+[A-Z]\w*")
_SENTENCE_START: Final = re.compile(r"(?:^|[.!?:;]\s+|[\"'(\[]\s*|\n\s*(?:[-*+]\s+)?)$")


@dataclass(frozen=True, slots=True)
class _Read:
    """One text as it is compared. `words`: all that says something, in order, without numbers and times: (what it says, its
    ending, as it was said). `marks`: what has to be the same to the letter."""

    claims: tuple[Claim, ...]
    words: tuple[tuple[str, str, str], ...]
    names: frozenset[str]
    vocabulary: frozenset[str]
    numbers: tuple[tuple[object, ...], ...]
    moments: tuple[tuple[object, ...], ...]
    times: tuple[str, ...]
    loose_digits: tuple[str, ...]
    marks: tuple[str, ...]


def stems_of_text(text: str) -> frozenset[str]:
    """The content stems of a text: what an index of near texts goes by."""
    return frozenset(
        canonical_stem(token.word)[0] for token in tokens(plain(text)) if token.word not in lexicon.FUNCTION_WORDS
    )


def why_apart(a: str, b: str, scorer: Scorer | None) -> str | None:
    """Why the two may not be one entry; None where both say the same. Symmetric."""
    found = difference(a, b)
    if found is None or isinstance(found, str):
        return found
    if scorer is None:
        if all(_are_synonyms(one, other) for one, other in found):
            return None
        return f"said in other words ({_shown(found)}), and there is no learned verdict to compare them"
    left, right = _read(a), _read(b)
    sentences: list[tuple[str, str]] = []
    if len(left.claims) == len(right.claims) > 1:
        sentences = [(one.text, other.text) for one, other in zip(left.claims, right.claims, strict=True)]
    worst = max(scorer.score([(min(pair), max(pair)) for pair in ((a, b), *sentences)]))
    if worst >= scorer.possible:
        return f"said in other words ({_shown(found)}), which may contradict each other ({worst:.2f})"
    return None


def _are_synonyms(one: str, other: str) -> bool:
    """Whether the rules' own table calls them one word, and that holds wherever they stand."""
    if " " in one or " " in other or _LOOSE & {one, other}:
        return False
    left, right = canonical_stem(one), canonical_stem(other)
    return left == right and left[1] == 0


def _shown(swaps: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{one} / {other}" for one, other in swaps)


def difference(a: str, b: str) -> str | tuple[tuple[str, str], ...] | None:
    """What makes the two different facts, in words; or the words that stand in each other's place; None: nothing differs."""
    if normal(a) == normal(b):
        return None
    if (clash := contradiction(a, b)) is not None:
        return clash
    if any(code not in b for code in code_in(a)) or any(code not in a for code in code_in(b)):
        return "not the same code"
    left, right = _read(a), _read(b)
    if (apart := _parts_apart(left, right)) is not None:
        return apart
    return _words_apart(left, right)


def contradiction(a: str, b: str) -> str | None:
    """What the rules of the coherence pass say of the two, be it only possible; None: nothing."""
    for one in _read(a).claims:
        for other in _read(b).claims:
            if (mismatch := judge(one, other)) is not None:
                return f"{mismatch.kind}: {mismatch.detail}"
    return None


def _parts_apart(left: _Read, right: _Read) -> str | None:
    for name, mine, theirs in (
        ("numbers", left.numbers, right.numbers),
        ("numbers", left.loose_digits, right.loose_digits),
        ("times", left.moments, right.moments),
        ("times", left.times, right.times),
        ("signs", left.marks, right.marks),
    ):
        if mine != theirs:
            return f"not the same {name}"
    missing = (left.names - right.vocabulary) | (right.names - left.vocabulary)
    if missing:
        return f"only one names {', '.join(sorted(missing))}"
    return None


def _words_apart(left: _Read, right: _Read) -> str | tuple[tuple[str, str], ...] | None:
    """Word by word, in order; words of one group may stand in each other's place."""
    mine = [said for said, _, _ in left.words]
    theirs = [said for said, _, _ in right.words]
    if mine == theirs:
        changed = sorted({one[2] for one, other in zip(left.words, right.words, strict=True) if one[1] != other[1]})
        if changed:
            return f"another form of {', '.join(changed)}"
        pairs = zip(left.words, right.words, strict=True)
        return tuple((one[2], other[2]) for one, other in pairs if one[2] != other[2]) or None
    gone, come = Counter(mine) - Counter(theirs), Counter(theirs) - Counter(mine)
    if not gone and not come:
        return "the words stand in another order"
    if not gone or not come:
        return f"only one says {' '.join((gone or come).elements()).replace('=', '')}"
    return f"{' '.join(gone.elements())} is not {' '.join(come.elements())}".replace("=", "")


# -- reading ------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=CORPUS_AGREED_CACHE)
def _read(text: str) -> _Read:
    claims = claims_of([Passage("corpus", "corpus", text, (), 1, ref="corpus@1.0")]).claims
    shown = plain(text)
    amounts = [(one.start + item.start, one.start + item.end) for one in claims for item in one.reading.quantities]
    dates = [(one.start + item.start, one.start + item.end) for one in claims for item in one.reading.moments]
    times = " ".join(shown[start:end] for start, end in dates)
    rest = _blanked(shown, [*amounts, *dates])
    names = _names(rest)
    return _Read(
        claims,
        tuple(canonical(_words(rest))),
        frozenset(names),
        frozenset(_folded(word) for word in (*(token.word for token in tokens(rest)), *_NAME.findall(shown))),
        tuple(
            _number(item, claim.text[item.start : item.end]) for claim in claims for item in claim.reading.quantities
        ),
        tuple(_moment(item) for claim in claims for item in claim.reading.moments),
        (
            *_ZONE.findall(times),
            *(token.word for token in tokens(times) if token.word in _PARTS_OF_DAY),
        ),
        tuple(match[0].casefold().strip(".'") for match in _DIGIT.finditer(rest)),
        marks(text, _blanked(text, [*amounts, *dates])),
    )


def _number(item: Quantity, said: str) -> tuple[object, ...]:
    """What a number tells, and of how it was written what may tell something: `1.10` is no `1.1` as a version, `5-3` no `3-5`."""
    ends = [float(found) for found in _PLAIN_NUMBER.findall(said)]
    digits = item.place if item.dimension == "count" and item.place < 1 else 1.0
    is_turned = len(ends) == 2 and ends[0] > ends[1]
    amount = (round(item.value, 9), round(item.high, 9), item.dimension, item.bound, item.role)
    return *amount, stem(item.noun), digits, is_turned


def _moment(item: Moment) -> tuple[object, ...]:
    relation = "" if item.relation in _PLAIN_AT else item.relation
    return (
        item.year,
        item.quarter,
        item.month,
        item.day,
        item.weekday,
        item.minutes,
        item.words,
        item.is_recurring,
        relation,
    )


def _names(text: str) -> list[str]:
    """Names and identifiers, without the first words of sentences, which have a capital anyway."""
    return [_folded(match[0]) for match in _NAME.finditer(text) if not _is_plain(text, match.start(), match[0])]


def _is_plain(text: str, start: int, word: str) -> bool:
    """Whether the capital is that of a sentence's first word."""
    return (word[1:].islower() or len(word) == 1) and _SENTENCE_START.search(text, 0, start) is not None


def _words(text: str) -> list[tuple[str, str]]:
    """All words that say something: identifiers as they are, others by stem and ending."""
    for pattern, said in _SAID_AS:
        text = pattern.sub(said, text)
    found: list[tuple[str, str]] = []
    for token in tokens(text):
        said = text[token.start : token.end]
        is_identifier = (
            not said[1:].islower() and _NAME.match(said) is not None and not _is_plain(text, token.start, said)
        )
        if is_identifier or token.word in _AS_IT_IS:
            found.append((_folded(token.word), ""))
        elif token.word not in _SILENT:
            base, ending = form(token.word)
            if ending == "ing" and found[-1:] == [("is", "")] and base != "be":
                found[-1] = (base, "")  # "is listening" listens
            else:
                found.append((base, ending))
    return found


def _folded(word: str) -> str:
    return word.casefold().rstrip(".").removesuffix("'s")


def _blanked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    for start, end in spans:
        text = text[:start] + " " * (end - start) + text[end:]
    return text
