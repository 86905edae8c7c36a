"""Parallel statements: said in one form of two things, they may both hold, however much the words that differ seem to clash.

"Every retry of the cache in Oslo is logged" beside "... in Cork is logged", "Paper 3 describes the pilot" beside "Paper 4 ...". A
learned score takes such pairs for contradictions; the rules never see them, because both sides have words of their own. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from enum import Enum
from itertools import pairwise
from typing import Final

from accordant.coherence_pass import lexicon
from accordant.coherence_pass.moments import Moment
from accordant.coherence_pass.reading import Reading
from accordant.coherence_pass.words import Token, canonical_stem, plain, tokens

__all__ = ["Things", "other_attributes", "things_of"]


class Things(Enum):
    """What two statements are about, as far as their form tells."""

    ONE = "nothing says that they differ"
    MAYBE_TWO = "they may speak of two things"
    TWO = "they speak of two things"


_PREPOSITIONS: Final = frozenset("of in at for from on by to within near".split())
_DETERMINERS: Final = frozenset("the a an of in".split())
_QUANTIFIERS: Final = frozenset(
    "all every each no none only any everyone nobody everybody everything nothing some most".split()
)
_EMPTY: Final = (
    lexicon.FUNCTION_WORDS | lexicon.CONDITIONS | lexicon.FINITE | lexicon.SOME | lexicon.HEDGES | lexicon.NEGATORS
)
_PRONOUNS: Final = frozenset("i we you he she they it".split())
_PARALLEL_SHARE_MIN: Final = 0.5  # of the shorter one's words, in one order: less says nothing of the form

_FORM_WORDS_MAX: Final = 40  # beyond, a statement is several, whose common form says little of one of them
_CLOSELY_NAMED_MIN: Final = 2  # "the first attempt at the migration" is not the migration
_NOTHING_SHARED_MAX: Final = 1  # the thing itself
_SAYS_MORE_MIN: Final = (
    2  # a word against a word ("is open", "is shut") may be one attribute; a phrase against one is another
)


def other_attributes(a: Reading, b: Reading) -> bool:
    """Whether two statements say of one thing what has nothing to do with each other: they share its name and no other word, unit
    or moment ("the owner of the router is ...", "the router runs in ...")."""
    if any(sign * b.polar.get(word, 0) < 0 for word, sign in a.polar.items()):
        return False
    own = len(a.bag - b.bag), len(b.bag - a.bag)
    units = [{(item.slot, item.step) for item in side.quantities} for side in (a, b)]
    moments = [{_named(item) for item in side.moments} for side in (a, b)]
    are_measured = all(units) or all(moments)
    if min(own) == 0 or (max(own) < _SAYS_MORE_MIN and not are_measured):
        return False
    are_apart = units[0].isdisjoint(units[1]) and moments[0].isdisjoint(moments[1])
    return are_apart and len(a.bag & b.bag) <= _NOTHING_SHARED_MAX


def things_of(one: str, other: str) -> Things:
    """Whether two statements speak of two things in one form.

    They do where a numbered thing differs ("node 3", "node 4"), where a name within the subject does ("... in Oslo is", "... in
    Cork is"), and where the subjects differ and what is said of both is the same. They may where more differs and nothing is
    denied, where one subject is named more closely and the values differ ("the queue", "the metrics of the queue"), or much more
    closely, and where one denies of one object what the other says of another ("caches answers", "does not cache errors").
    """
    a, b = tokens(plain(one)), tokens(plain(other))
    if not a or not b or max(len(a), len(b)) > _FORM_WORDS_MAX or (_word_set(a) ^ _word_set(b)) & _QUANTIFIERS:
        return Things.ONE
    stems = [[canonical_stem(token.word)[0] for token in side] for side in (a, b)]
    steps = SequenceMatcher(None, stems[0], stems[1], autojunk=False).get_opcodes()
    if sum(to - at for what, at, to, _, _ in steps if what == "equal") < _PARALLEL_SHARE_MIN * min(len(a), len(b)):
        return Things.ONE
    if _numbered_apart(_numbered(a), _numbered(b)):
        return Things.TWO
    verbs = _verb(a), _verb(b)
    extra = _closer(a, b, verbs)
    if extra >= _CLOSELY_NAMED_MIN or (extra and _values(a) - _values(b) and _values(b) - _values(a)):
        return Things.MAYBE_TWO
    return _compared(a, b, stems, steps, verbs)


def _compared(
    a: list[Token],
    b: list[Token],
    stems: list[list[str]],
    steps: Sequence[tuple[str, int, int, int, int]],
    verbs: tuple[int, int],
) -> Things:
    verb_a, verb_b = verbs
    subjects_differ, objects_differ, clashes, is_denied = False, False, False, False
    differ: set[str] = set()
    for what, at, to, from_b, to_b in steps:
        if what == "equal":
            clashes |= any(_sign(one) * _sign(other) < 0 for one, other in zip(a[at:to], b[from_b:to_b], strict=True))
            continue
        own_a, own_b = _content(a[at:to], stems[1]), _content(b[from_b:to_b], stems[0])
        if own_a is None or own_b is None:
            is_denied = True
        elif what == "replace" and to <= verb_a and to_b <= verb_b and own_a and own_b:
            if at and a[at].is_capital and b[from_b].is_capital and a[at - 1].word in _PREPOSITIONS:
                return Things.TWO
            subjects_differ |= at > 0
        else:
            differ.update(own_a, own_b)
            objects_differ |= what == "replace" and at > verb_a and from_b > verb_b and bool(own_a and own_b)
    if is_denied and objects_differ and not clashes:
        return Things.MAYBE_TWO
    if not subjects_differ or clashes or is_denied:
        return Things.ONE
    return Things.MAYBE_TWO if differ else Things.TWO


def _named(moment: Moment) -> tuple[object, ...]:
    return moment.year, moment.month, moment.day, moment.weekday, moment.minutes, moment.words


def _word_set(side: list[Token]) -> frozenset[str]:
    return frozenset(token.word for token in side)


def _content(part: Sequence[Token], elsewhere: Sequence[str]) -> list[str] | None:
    """The stems that the other side has nowhere; None where there is a denial: there the two do clash."""
    own: list[str] = []
    for token in part:
        if _denies(token):
            return None
        if token.word in _EMPTY:
            continue
        stem = canonical_stem(token.word)[0]
        if stem not in elsewhere:
            own.append(stem)
    return own


def _closer(a: list[Token], b: list[Token], verbs: tuple[int, int]) -> int:
    """How many words more one subject has, where it has all of the other's; else 0."""
    if verbs[0] == len(a) or verbs[1] == len(b):  # no verb seen: nobody knows where the subject ends
        return 0
    one, other = (frozenset(_stems(side[:verb])) for side, verb in zip((a, b), verbs, strict=True))
    return len(one ^ other) if one and other and (one < other or other < one) else 0


def _denies(token: Token) -> bool:
    return token.word in lexicon.NEGATORS or token.word in lexicon.NEGATING_VERBS or token.word.endswith("n't")


def _sign(token: Token) -> int:
    return canonical_stem(token.word)[1]


def _stems(part: Sequence[Token]) -> list[str]:
    return [canonical_stem(token.word)[0] for token in part if token.word not in _EMPTY]


def _values(side: list[Token]) -> frozenset[str]:
    """Its numbers and names."""
    return frozenset(token.word for token in side[1:] if token.word[0].isdigit() or token.is_capital)


def _verb(side: list[Token]) -> int:
    """Where the first verb stands, by a word table or its ending; the length where none is seen. A plural may pass for a verb:
    then less counts as subject, and less is said to be two."""
    if side[0].word in _PRONOUNS:
        return 1
    if side[0].word.partition("'")[0] in _PRONOUNS and "'" in side[0].word:
        return 0
    for place, token in enumerate(side[1:], 1):
        word = token.word
        is_form = word.endswith(("ed", "s")) and not word.endswith(("ss", "us")) and word not in _EMPTY
        if word in lexicon.FINITE or _denies(token) or (is_form and side[place - 1].word not in _DETERMINERS):
            return place
    return len(side)


def _numbered(side: list[Token]) -> Mapping[str, set[str]]:
    """Names and labels that bear a number: "Oslo 9", "node 3"."""
    found: dict[str, set[str]] = defaultdict(set)
    for token, following in pairwise(side):
        if following.word.isdigit() and (token.is_capital or token.word in lexicon.LABELS):
            found[token.word].add(following.word)
    return found


def _numbered_apart(one: Mapping[str, set[str]], other: Mapping[str, set[str]]) -> bool:
    return any(one[name].isdisjoint(other[name]) for name in one.keys() & other.keys())
