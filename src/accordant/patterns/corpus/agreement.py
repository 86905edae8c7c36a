"""Whether two texts say the same thing in other words, so that one entry may stand for both. When in doubt: no.

Everything that can make two near texts different facts is looked at by itself: the rules of the coherence pass, numbers, times,
negations, modality, names, scope, direction, and which words one has and the other lacks. What is left are words that stand in
each other's place; whether they mean the same, a learned verdict has to say. Pure; it must not know entries or vectors.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
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
from accordant.types.pattern_limits import (
    CORPUS_AGREED_CACHE,
    CORPUS_SAMENESS_SHARE,
    CORPUS_SWAPS_MAX,
    CORPUS_SWAPS_SHARE,
)

__all__ = ["contradiction", "difference", "normal", "stems_of_text", "why_apart"]

_NUMBER_WORDS: Final = frozenset(
    "zero one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty sixty ninety hundred hundreds "
    "thousand thousands million millions billion billions trillion dozen dozens half halves quarter third double doubled "
    "triple twice once single couple both first second last final primary secondary per every each all most some few many "
    "several only any none always never sometimes often rarely usually".split()
)
_TIME_WORDS: Final = frozenset(
    "second minute hour day night week weekday weekend month quarter year decade century morning afternoon evening daily hourly "
    "weekly monthly yearly nightly annually now then already yet still soon later earlier ago since until during while".split()
)
_SCOPE_WORDS: Final = frozenset(
    "alpha beta canary preview nightly mobile desktop web browser server client frontend backend admin guest public private "
    "internal external tenant user read write input output inbound outbound upstream downstream ingress egress "
    "x86 arm arm64 amd64 cpu gpu ipv4 ipv6 http https tcp udp min max minimum maximum "
    "average median mean total peak p50 p95 p99 top bottom upper front rear left right north south east west male female men "
    "women man woman boy girl he she his her".split()
)
_DIRECTIONS: Final = frozenset(
    "from to into onto out off up down over under above below before after until since against without between by inside outside "
    "through toward towards away".split()
)
_MODALS: Final = {
    "must": "must", "shall": "must", "need": "must", "needs": "must", "should": "should", "ought": "should", "may": "may",
    "can": "may", "might": "may", "could": "may", "will": "will", "would": "will", "cannot": "may", "can't": "may",
    "couldn't": "may", "won't": "will", "wouldn't": "will", "shouldn't": "should", "mustn't": "must",
}  # fmt: skip
_HAVE_TO: Final = re.compile(r"\b(?:have|has|had) to\b", re.IGNORECASE)
_EXCEPTIONS: Final = frozenset("unless except otherwise excluding but although however though only instead".split())
_CHATTY: Final = frozenset(
    "new option alternative alternatives choice proposal proposals example examples case draft considered past future".split()
)
_SCOPES: Final = (_SCOPE_WORDS | lexicon.NARROWING | lexicon.BROAD_PLACES) - _CHATTY
_PLAIN_AT: Final = frozenset({"on", "in", "at", "for", "of", "is", "was", "are", "were", ""})
_LOOSE: Final = frozenset(
    stem(word)
    for word in "worker process user member customer client team group request call wait delay error failure own meet".split()
)
"""Words of the rules' table of synonyms that are so in some sentences only: enough to compare statements, not to make them
one."""

_PARTS_OF_DAY: Final = frozenset("morning noon afternoon evening night midnight am pm".split())
_DENIALS: Final = lexicon.NEGATORS | lexicon.NEGATING_VERBS
_DIGIT: Final = re.compile(r"[^\s,;:()\"]*\d[^\s,;:()\"]*")
_NAME: Final = re.compile(r"\b[A-Z][\w'.+#-]*|\b\w+[_.][\w.]+\b|\b[a-z]+[A-Z]\w*")
_SENTENCE_START: Final = re.compile(r"(?:^|[.!?:;]\s+|[\"'(\[]\s*|\n\s*(?:[-*+]\s+)?)$")


@dataclass(frozen=True, slots=True)
class _Read:
    """One text as it is compared. `content`: the stems that say something, in order, numbers and times left out."""

    claims: tuple[Claim, ...]
    content: tuple[str, ...]
    names: frozenset[str]
    words: frozenset[str]
    numbers: tuple[tuple[object, ...], ...]
    moments: tuple[tuple[object, ...], ...]
    loose_digits: tuple[str, ...]
    counted: tuple[str, ...]
    directions: tuple[str, ...]
    modals: tuple[str, ...]
    exceptions: tuple[str, ...]
    scopes: tuple[str, ...]
    denials: int
    endings: dict[str, frozenset[bool]]


def normal(text: str) -> str:
    """What equal texts share: visible characters, one case, one space, no full stop at the end."""
    return " ".join(plain(text).casefold().split()).rstrip(" .!;")


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
    scores = scorer.score([(min(pair), max(pair)) for pair in ((a, b), *sentences)])
    worst = max(scores)
    if scores[0] >= CORPUS_SAMENESS_SHARE * scorer.possible or worst >= scorer.possible:
        return f"said in other words ({_shown(found)}), which may contradict each other ({worst:.2f})"
    return None


def _are_synonyms(one: str, other: str) -> bool:
    """Whether the rules' own table calls them one word, and that holds wherever they stand."""
    if " " in one or " " in other or _LOOSE & {one, other}:
        return False
    return canonical_stem(one) == canonical_stem(other)


def _shown(swaps: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{one} / {other}" for one, other in swaps)


def difference(a: str, b: str) -> str | tuple[tuple[str, str], ...] | None:
    """What makes the two different facts, in words; or the words that stand in each other's place; None: nothing differs."""
    if normal(a) == normal(b):
        return None
    if (clash := contradiction(a, b)) is not None:
        return clash
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
        ("amounts", left.counted, right.counted),
        ("times", left.moments, right.moments),
        ("what must, may or will be", left.modals, right.modals),
        ("exceptions", left.exceptions, right.exceptions),
        ("scope", left.scopes, right.scopes),
        ("direction", left.directions, right.directions),
    ):
        if mine != theirs:
            return f"not the same {name}"
    missing = (left.names - right.words) | (right.names - left.words)
    if missing:
        return f"only one names {', '.join(sorted(missing))}"
    readings = [[claim.reading for claim in side.claims] for side in (left, right)]
    if left.denials != right.denials:
        return "one denies more than the other"
    tenses = [{one.tense for one in side} - {""} for side in readings]
    if tenses[0] and tenses[1] and ("past" in tenses[0]) != ("past" in tenses[1]):
        return "said of different times"
    signs = [{word: sign for one in side for word, sign in one.polar.items()} for side in readings]
    if any(signs[0][word] != signs[1][word] for word in signs[0].keys() & signs[1].keys()):
        return "not the same qualities"
    conditions = [{word for one in side for word in one.conditions} - {"if"} for side in readings]
    if conditions[0] and conditions[1] and conditions[0] != conditions[1]:
        return "only under another condition"
    return None


def _words_apart(left: _Read, right: _Read) -> str | tuple[tuple[str, str], ...] | None:
    """By the order of content words: additions and exchanges of places are differences, substitutions are to be judged."""
    mine, theirs = left.content, right.content
    swaps: list[tuple[str, str]] = []
    gone: Counter[str] = Counter()
    come: Counter[str] = Counter()
    count = 0
    for tag, low, high, start, end in SequenceMatcher(None, mine, theirs, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        gone.update(mine[low:high])
        come.update(theirs[start:end])
        swaps.append((" ".join(mine[low:high]), " ".join(theirs[start:end])))
        count += 0 if _are_synonyms(*swaps[-1]) else max(high - low, end - start)
    if gone & come:
        return "the words stand in another order"
    for one, other in swaps:
        if not one or not other:
            return f"only one says {one or other}"
        if (
            _stem(one.rpartition("-")[2]) == _stem(other.rpartition("-")[2])
            or one.endswith(other)
            or other.endswith(one)
        ):
            return f"{one} is not {other}"
    changed = sorted(
        word for word in left.endings.keys() & right.endings.keys() if left.endings[word] != right.endings[word]
    )
    if changed:
        return f"another form of {', '.join(changed)}"
    if count > min(CORPUS_SWAPS_MAX, CORPUS_SWAPS_SHARE * min(len(mine), len(theirs))):
        return "said in too many other words"
    return tuple(swaps) or None


# -- reading ------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=CORPUS_AGREED_CACHE)
def _read(text: str) -> _Read:
    claims = claims_of([Passage("corpus", "corpus", text, (), 1, ref="corpus@1.0")]).claims
    shown = plain(text)
    taken: list[tuple[int, int]] = []
    for claim in claims:
        taken += [(claim.start + item.start, claim.start + item.end) for item in claim.reading.quantities]
        taken += [(claim.start + item.start, claim.start + item.end) for item in claim.reading.moments]
    rest = _blanked(shown, taken)
    words = tokens(_HAVE_TO.sub(lambda match: "must".ljust(len(match[0])), rest))
    lower = [token.word for token in words]
    endings: dict[str, set[bool]] = {}
    for word in lower:
        endings.setdefault(_stem(word), set()).add(word.endswith("ed"))
    return _Read(
        claims,
        tuple(_stem(word) for word in lower if not _says_nothing(word)),
        frozenset(_names(rest)),
        frozenset(_folded(word) for word in (*lower, *(match[0] for match in _NAME.finditer(shown)))),
        tuple(_number(item) for claim in claims for item in claim.reading.quantities),
        tuple(_moment(item) for claim in claims for item in claim.reading.moments),
        tuple(match[0].casefold().strip(".'") for match in _DIGIT.finditer(rest)),
        tuple(
            word
            for word in lower
            if word in _NUMBER_WORDS or word in _TIME_WORDS or word.removesuffix("s") in _TIME_WORDS
        )
        + tuple(token.word for token in tokens(shown) if token.word in _PARTS_OF_DAY),
        tuple(word for word in lower if word in _DIRECTIONS),
        tuple(_MODALS[word] for word in lower if word in _MODALS),
        tuple(word for word in lower if word in _EXCEPTIONS),
        tuple(sorted(word.removesuffix("s") for word in lower if word in _SCOPES or word.removesuffix("s") in _SCOPES)),
        sum(token.word in _DENIALS or token.word.endswith("n't") for token in tokens(shown)),
        {word: frozenset(found) for word, found in endings.items()},
    )


def _says_nothing(word: str) -> bool:
    return (
        word in lexicon.FUNCTION_WORDS or word in lexicon.CONDITIONS or word.endswith("n't") or word in lexicon.NEGATORS
    )


def _stem(word: str) -> str:
    """The stem, with the side of its opposite pair: `correct` and `incorrect` are two words."""
    return f"-{stem(word)}" if canonical_stem(word)[1] < 0 else stem(word)


def _number(item: Quantity) -> tuple[object, ...]:
    return round(item.value, 9), round(item.high, 9), item.dimension, item.bound, item.role


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
    return [
        _folded(match[0])
        for match in _NAME.finditer(text)
        if not (match[0][1:].islower() or len(match[0]) == 1) or not _SENTENCE_START.search(text, 0, match.start())
    ]


def _folded(word: str) -> str:
    return word.casefold().rstrip(".").removesuffix("'s")


def _blanked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    for start, end in spans:
        text = text[:start] + " " * (end - start) + text[end:]
    return text
