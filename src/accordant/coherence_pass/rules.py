"""What makes two statements about one thing exclude each other: numbers, dates, polarity, order, keyed facts.

Each rule is a pure function of two claims and their alignment and answers with a `Mismatch` or None. Whether a mismatch
is `definite` follows from the doubts that the guards collected; a rule only adds its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from accordant.coherence_pass import lexicon
from accordant.coherence_pass.assignments import names_agree
from accordant.coherence_pass.claims import Claim
from accordant.coherence_pass.guards import Alignment, align, headings_agree, scope_doubts, tenses_differ
from accordant.coherence_pass.moments import Moment, Same, compare_moments
from accordant.coherence_pass.quantities import Agreement, Bound, Quantity, compare
from accordant.coherence_pass.reading import Reading
from accordant.coherence_pass.words import canonical_stem, plain, polar_kind, stem, stems_of

__all__ = ["Kind", "Mismatch", "judge"]

Kind = Literal["numeric", "temporal", "negation", "antonym", "entity", "keyed_fact", "semantic"]

_CONFIDENCE: Final = {
    "keyed_fact": 0.95,
    "numeric": 0.9,
    "temporal": 0.9,
    "negation": 0.9,
    "antonym": 0.85,
    "entity": 0.85,
}
_CONFIDENCE_POSSIBLE: Final = 0.4
_DATABLE: Final = stems_of(lexicon.DATABLE)
_CHANGING: Final = stems_of(lexicon.CHANGING)
_NAME_WORDS_MAX: Final = 3
_BARE_CONDITION: Final = 2  # the "if" itself, and one word
_MORE_WORDS_MAX: Final = 3
_THIN: Final = stems_of(lexicon.THIN)
_BEFORE: Final = canonical_stem("before")[0]
_END_RELATIONS: Final = frozenset({"by", "before", "until", "till", "to", "through", "no later than"})
_START_RELATIONS: Final = frozenset({"after", "since", "from"})


@dataclass(frozen=True, slots=True)
class Mismatch:
    """What excludes what. `slot_a`, `slot_b`: where the parts stand. Findings that share one have one cause."""

    kind: Kind
    detail: str
    parts: tuple[str, str]
    slot_a: str
    slot_b: str
    doubts: tuple[str, ...] = ()

    @property
    def is_definite(self) -> bool:
        """Whether nothing speaks for both being true."""
        return not self.doubts

    @property
    def confidence(self) -> float:
        """A ranking, not a probability: nothing here was calibrated."""
        return _CONFIDENCE[self.kind] if self.is_definite else _CONFIDENCE_POSSIBLE


def judge(a: Claim, b: Claim) -> Mismatch | None:
    """What makes the two exclude each other, definite before possible; None where nothing does."""
    if a.fact is not None and b.fact is not None:
        return _keyed(a, b)
    named = _named(a, b) or _only(a, b)
    alignment = align(a, b)
    if named is not None or alignment is None:
        return named
    rules: tuple[Callable[[Claim, Claim, Alignment], Mismatch | None], ...] = (
        _number,
        _date,
        _every,
        _polarity,
        _order,
    )
    found = [mismatch for rule in rules if (mismatch := rule(a, b, alignment)) is not None]
    return min(found, key=lambda mismatch: not mismatch.is_definite, default=None)


# -- numbers --------------------------------------------------------------------------------------------------


def _number(a: Claim, b: Claim, alignment: Alignment) -> Mismatch | None:
    left, right = a.reading, b.reading
    if _parity(left) != _parity(right) or _polar_clash(left, right):
        return None
    verdicts = ((x, y, compare(x, y)) for x, y in _paired(left, right))
    clash = next((verdict for verdict in verdicts if verdict[2] is not Agreement.AGREE), None)
    doubts = scope_doubts(a, b, left.moments, right.moments)
    if clash is None or doubts is None:
        return None
    x, y, verdict = clash
    own = list(alignment.doubts)
    if tenses_differ(a, b):
        own.append("said of different times")
    if _parity(left):
        own.append("both are denials")
    if verdict is Agreement.UNCLEAR and not _are_limits(left, right):
        own.append("two bounds may both hold")
    if x.dimension == "count" and left.is_event and right.is_event:
        own.append("may be two occasions")
    if left.bag & right.bag <= _THIN:
        own.append("does not say of what")
    if _unpaired_bounds(left, right, (x, y)):
        own.append("only one side names a limit")
    parts = _shown(a, x.start, x.end), _shown(b, y.start, y.end)
    detail = f"{parts[0]} against {parts[1]}"
    return Mismatch("numeric", detail, parts, _slot(x), _slot(y), (*doubts, *own))


def _paired(left: Reading, right: Reading) -> list[tuple[Quantity, Quantity]]:
    """The numbers that measure one thing: alone of their kind on both sides, or place by place in equal sentences."""
    pairs: list[tuple[Quantity, Quantity]] = []
    mine, theirs = _by_slot(left.quantities), _by_slot(right.quantities)
    for slot in mine.keys() & theirs.keys():
        x, y = mine[slot], theirs[slot]
        if len(x) == len(y) == 1 or (len(x) == len(y) and left.order == right.order):
            pairs.extend(zip(x, y, strict=True))
    return sorted(pairs, key=lambda pair: pair[0].start)


def _by_slot(items: tuple[Quantity, ...]) -> dict[tuple[str, str, str], list[Quantity]]:
    slots: dict[tuple[str, str, str], list[Quantity]] = {}
    for item in items:
        if item.role != "part":
            slots.setdefault(item.slot, []).append(item)
    return slots


def _unpaired_bounds(left: Reading, right: Reading, pair: tuple[Quantity, Quantity]) -> bool:
    others = [item for item in (*left.quantities, *right.quantities) if item not in pair]
    return len(left.quantities) != len(right.quantities) and any(item.bound is not Bound.EXACT for item in others)


def _are_limits(left: Reading, right: Reading) -> bool:
    return bool(stems_of(("limit", "maximum", "minimum", "quota", "cap")) & left.bag & right.bag)


def _slot(item: Quantity) -> str:
    return f"number {item.dimension} {item.start}"


# -- dates ----------------------------------------------------------------------------------------------------


def _date(a: Claim, b: Claim, alignment: Alignment) -> Mismatch | None:
    left, right = a.reading, b.reading
    values_a, values_b = _values(left), _values(right)
    if not values_a or len(values_a) != len(values_b) or _parity(left) != _parity(right) or _polar_clash(left, right):
        return None
    both = zip(values_a, values_b, strict=True)
    clash = next(((x, y) for x, y in both if compare_moments(x, y) is Same.NO), None)
    doubts = scope_doubts(a, b, left.fronted, right.fronted)
    if clash is None or doubts is None or _relation(clash[0]) != _relation(clash[1]):
        return None
    if any(compare(x, y) is not Agreement.AGREE for x, y in _paired(left, right)):
        return None
    x, y = clash
    own = list(alignment.doubts)
    if {left.tense, right.tense} == {"past", "future"} or {left.tense, right.tense} == {"past", "present"}:
        own.append("said of different times")
    if x.is_recurring or y.is_recurring or left.quantities or right.quantities or not _happens_once(a, b):
        own.append("may be two occasions")
    parts = _shown(a, x.start, x.end), _shown(b, y.start, y.end)
    detail = f"{parts[0]} against {parts[1]}"
    return Mismatch("temporal", detail, parts, f"date {x.start}", f"date {y.start}", (*doubts, *own))


def _values(reading: Reading) -> tuple[Moment, ...]:
    return tuple(item for item in reading.moments if item not in reading.fronted)


def _relation(item: Moment) -> str:
    return "end" if item.relation in _END_RELATIONS else "start" if item.relation in _START_RELATIONS else "at"


def _happens_once(a: Claim, b: Claim) -> bool:
    """Whether the shared words name something with one date, or nothing but a subject ("the launch is on ...")."""
    shared = a.reading.bag & b.reading.bag
    return bool(shared & _DATABLE) or (len(shared) == 1 and "" not in (a.reading.tense, b.reading.tense))


# -- polarity -------------------------------------------------------------------------------------------------


def _polarity(a: Claim, b: Claim, alignment: Alignment) -> Mismatch | None:
    left, right = a.reading, b.reading
    denied = _parity(left) != _parity(right)
    opposed = _opposed(left, right)
    if left.quantifier == right.quantifier == "only":  # two rules about two groups
        return None
    if len(alignment.extra) > 1 and not _denies_whole(left, right):  # with two words more it is another statement
        return None
    if denied == (len(opposed) % 2 == 1):  # no difference, or two that cancel each other ("not enabled", "disabled")
        return None
    pairs = _paired(left, right)
    doubts = scope_doubts(a, b, left.moments, right.moments)
    if doubts is None or any(compare(x, y) is Agreement.EXCLUDE for x, y in pairs):
        return None
    denied_all = denied and not opposed and _denies_whole(left, right)
    own = [] if denied_all else list(alignment.doubts)
    if (len(left.quantities) != len(pairs) or len(right.quantities) != len(pairs)) and not denied_all:
        own.append("only one side names a number")
    if tenses_differ(a, b) and not denied_all:
        own.append("said of different times")
    if alignment.is_reordered and left.is_inverted == right.is_inverted and (denied or left.is_comparison):
        own.append("the words stand in another order")
    if (left.conditions or right.conditions) and not _same_condition(left, right, opposed):
        own.append("only under a condition")
    if (" must " in a.text) != (" must " in b.text):
        own.append("one says what must be")
    if not own and len(left.bag) < 2:
        own.append("too short to tell")
    if opposed:
        word = opposed[0]
        if word in left.attributive | right.attributive:
            own.append(f"{word} may tell which one is meant")
        return Mismatch(
            "antonym", f"opposite words for {word}", _sides(a, b), f"word {word}", f"word {word}", (*doubts, *own)
        )
    return Mismatch(
        "negation", "one denies what the other states", _sides(a, b), "polarity", "polarity", (*doubts, *own)
    )


def _same_condition(left: Reading, right: Reading, opposed: list[str]) -> bool:
    """Whether both hold under one condition that says something, and the difference is not in the condition itself."""
    if left.conditions != right.conditions or left.denies_condition or right.denies_condition:
        return False
    return len(left.conditions) > _BARE_CONDITION and left.conditions.isdisjoint(opposed)


def _denies_whole(left: Reading, right: Reading) -> bool:
    """Whether one says that there is none at all of what the other tells more of ("no vendor yet", "the vendor after ...")."""
    denial, other = (left, right) if _parity(left) else (right, left)
    return denial.quantifier == "none" and denial.bag <= other.bag and not other.conditions and not denial.conditions


def _every(a: Claim, b: Claim, alignment: Alignment) -> Mismatch | None:
    """All of them do, and one of them does not."""
    left, right = a.reading, b.reading
    whole, part = (left, right) if left.quantifier == "all" else (right, left)
    if (
        whole.quantifier != "all"
        or part.quantifier == "all"
        or _parity(whole)
        or not _parity(part)
        or _opposed(left, right)
    ):
        return None
    more = len(part.order) - len(whole.order)
    if more < 0 or part.order[more:] != whole.order or more > _MORE_WORDS_MAX or whole.conditions or part.conditions:
        return None
    if "fragmentary" in (*left.reservations, *right.reservations):
        return None
    doubts = scope_doubts(a, b, left.moments, right.moments)
    if doubts is None:
        return None
    own = [reason for reason in doubts if reason != "quantified statement"]
    if tenses_differ(a, b):
        own.append("said of different times")
    return Mismatch("negation", "all of them, and one that is not", _sides(a, b), "polarity", "polarity", tuple(own))


def _only(a: Claim, b: Claim) -> Mismatch | None:
    """Only these may, and anybody may."""
    left, right = a.reading, b.reading
    if {left.quantifier, right.quantifier} not in ({"only", "any"}, {"only", "all"}) or not left.predicate:
        return None
    if (
        left.predicate != right.predicate
        or len(left.predicate) < 2
        or _parity(left)
        or _parity(right)
        or left.conditions
        or right.conditions
    ):
        return None
    doubts = scope_doubts(a, b, left.moments, right.moments)
    if doubts is None or left.bag == right.bag:
        return None
    return Mismatch("negation", "only these, and all of them", _sides(a, b), "subject", "subject", doubts)


# -- names ----------------------------------------------------------------------------------------------------


def _named(a: Claim, b: Claim) -> Mismatch | None:
    """Two names for what has one: an owner, a language, a region, a primary store."""
    x, y = a.reading.assignment, b.reading.assignment
    if x is None or y is None or x.relation != y.relation or names_agree(x, y):
        return None
    only_a, only_b = x.subject - y.subject, y.subject - x.subject
    if (only_a and only_b) or len(only_a | only_b) > 1 or not x.subject & y.subject:
        return None
    doubts = scope_doubts(a, b, a.reading.moments, b.reading.moments)
    if doubts is None:
        return None
    doubts = tuple(
        doubt for doubt in doubts if doubt != "only under a condition"
    )  # "under" a licence; "if" is not read
    own = [f"only one side says {word}" for word in sorted(only_a | only_b)]
    if tenses_differ(a, b):
        own.append("said of different times")
    if x.subject <= _THIN:
        own.append("does not say of what")
    parts = " ".join(x.value), " ".join(y.value)
    return Mismatch(
        "entity", f"{parts[0]} against {parts[1]}", parts, f"name {x.relation}", f"name {y.relation}", (*doubts, *own)
    )


def _order(a: Claim, b: Claim, alignment: Alignment) -> Mismatch | None:
    """Before against after, and "A before B" against "B before A"; the same for comparisons ("faster than")."""
    left, right = a.reading, b.reading
    hinge = _hinge(left, right)
    if hinge is None or alignment.extra or _parity(left) != _parity(right):
        return None
    turned = _is_turned(left.order, right.order, hinge)
    if turned is None or (left.polar[hinge] == right.polar[hinge]) != turned:
        return None
    doubts = scope_doubts(a, b, left.moments, right.moments)
    if doubts is None:
        return None
    if len(left.quantities) != len(right.quantities) or tenses_differ(a, b):
        doubts = (*doubts, "said of different things")
    kind: Kind = "temporal" if polar_kind(hinge) == "temporal" else "antonym"
    return Mismatch(kind, "the order is the other way round", _sides(a, b), f"word {hinge}", f"word {hinge}", doubts)


def _hinge(left: Reading, right: Reading) -> str | None:
    shared = [name for name in left.polar if name in right.polar and left.polar[name] and right.polar[name]]
    if _BEFORE in shared:
        return _BEFORE
    return next((name for name in shared if left.is_comparison and right.is_comparison), None)


def _is_turned(left: tuple[str, ...], right: tuple[str, ...], hinge: str) -> bool | None:
    """Whether the sides of the hinge word are exchanged; None where that cannot be told."""
    cut_left, cut_right = left.index(hinge), right.index(hinge)
    a, b = set(left[:cut_left]), set(left[cut_left + 1 :])
    c, d = set(right[:cut_right]), set(right[cut_right + 1 :])
    if a == c and b == d:
        return False
    return True if (a - b) & (d - c) and (b - a) & (c - d) else None


def _parity(reading: Reading) -> int:
    return reading.negations % 2


def _opposed(left: Reading, right: Reading) -> list[str]:
    """Words with opposite signs on the two sides, without those whose meaning hangs on the order."""
    hinge = _hinge(left, right)
    return [name for name, sign in left.polar.items() if sign * right.polar.get(name, 0) < 0 and name != hinge]


def _polar_clash(left: Reading, right: Reading) -> bool:
    return any(sign * right.polar.get(name, 0) < 0 for name, sign in left.polar.items())


# -- keyed facts ----------------------------------------------------------------------------------------------


def _keyed(a: Claim, b: Claim) -> Mismatch | None:
    """Unequal values of one attribute of one subject."""
    if a.fact is None or b.fact is None or not headings_agree(a.scope, b.scope):
        return None
    if _key(a.fact.attribute) != _key(b.fact.attribute) or a.fact.subject.casefold() != b.fact.subject.casefold():
        return None
    if _values_agree(a, b):
        return None
    doubts: list[str] = []
    is_item = a.passage.ref is not None or b.passage.ref is not None
    if not (a.fact.is_anchored and b.fact.is_anchored) and is_item and not (a.passage.is_prose and b.passage.is_prose):
        doubts.append("neither names its subject")
    if _CHANGING & {stem(word) for word in a.fact.attribute.split()}:
        doubts.append("an attribute that changes")
    if a.fact.table and a.fact.table == b.fact.table:
        doubts.append("in two tables of one shape")
    elif a.fact.table and b.fact.table and a.fact.table.split("|")[0] != b.fact.table.split("|")[0]:
        doubts.append("in tables of two kinds of things")
    parts = a.fact.value[:120], b.fact.value[:120]
    if (a.fact.table or b.fact.table) and max(len(part.split()) for part in parts) > _NAME_WORDS_MAX:
        doubts.append("cells that are phrases")
    if not (a.fact.is_anchored and b.fact.is_anchored) and max(len(part.split()) for part in parts) > _NAME_WORDS_MAX:
        doubts.append("values that are phrases")
    slot = f"fact {a.fact.attribute}"
    return Mismatch(
        "keyed_fact", f"{a.fact.attribute}: {parts[0]} against {parts[1]}", parts, slot, slot, tuple(doubts)
    )


def _key(attribute: str) -> tuple[str, ...]:
    return tuple(map(stem, attribute.split()))


def _values_agree(a: Claim, b: Claim) -> bool:
    values = {_normal_value(claim) for claim in (a, b)}
    if len(values) == 1 or "" in values:
        return True
    left, right = a.reading, b.reading
    if left.bag != right.bag or _parity(left) != _parity(right) or _polar_clash(left, right):
        return False
    if not (left.quantities or left.moments):
        return left.order == right.order
    numbers, dates = _paired(left, right), list(zip(left.moments, right.moments, strict=False))
    return (
        len(numbers) == len(left.quantities) == len(right.quantities)
        and len(left.moments) == len(right.moments)
        and all(compare(x, y) is not Agreement.EXCLUDE for x, y in numbers)
        and all(compare_moments(x, y) is not Same.NO for x, y in dates)
    )


def _normal_value(claim: Claim) -> str:
    value = "" if claim.fact is None else claim.fact.value
    return " ".join(plain(value).casefold().strip("\"' .").split())


# -- shared ---------------------------------------------------------------------------------------------------


def _shown(claim: Claim, start: int, end: int) -> str:
    return claim.text[start:end].strip() if claim.fact is None else claim.fact.value[:120]


def _sides(a: Claim, b: Claim) -> tuple[str, str]:
    return a.text[:120], b.text[:120]
