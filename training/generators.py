"""Sentence pairs made by rule for the head's training: contradictions as agents write them, each kind with compatible twins.

A *frame* says one fact in several ways; two ways with two values contradict, with one value they agree, and about two
subjects, scopes or times they do not meet. A *property* is the same for something that holds or does not. *Edits* change
one word of a real sentence. Everything comes from one seed.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from frames import CONDITIONS, FRAMES, PEOPLE, PROPERTIES, QUANTIFIED, SCOPES, SUBJECTS, TIMES, VALUES, Frame

__all__ = ["Pair", "edits", "frames"]


@dataclass(frozen=True)
class Pair:
    """Two sentences, whether they contradict, and what kind of pair it is."""

    a: str
    b: str
    contradicts: bool
    kind: str


class _Source(random.Random):
    """Dice, with the frames and properties that may be drawn."""

    frames: Sequence[Frame] = FRAMES
    properties: Sequence[tuple[tuple[str, ...], tuple[str, ...]]] = PROPERTIES


def frames(
    count: int,
    seed: int,
    allowed: Sequence[Frame] = FRAMES,
    properties: Sequence[tuple[tuple[str, ...], tuple[str, ...]]] = PROPERTIES,
) -> list[Pair]:
    """That many pairs from these frames and properties, about a third of them contradictions."""
    rng = _Source(seed)
    rng.frames, rng.properties = allowed, properties
    makers: list[tuple[Callable[[_Source], Pair], int]] = [
        (_value_conflict, 20), (_same_value, 13), (_other_subject, 14), (_other_attribute, 9), (_other_scope, 10),
        (_other_time, 8), (_property_conflict, 16), (_property_same, 9), (_property_other_subject, 6),
        (_property_exception, 5), (_quantifier, 10), (_order, 4), (_roles, 4), (_subject_alone, 6), (_mixed, 6),
        (_negated_value, 6), (_part, 4),
    ]  # fmt: skip
    weighted = [maker for maker, weight in makers for _ in range(weight)]
    pairs = []
    while len(pairs) < count:
        pair = rng.choice(weighted)(rng)
        if pair.a != pair.b:
            pairs.append(pair if rng.random() < 0.5 else Pair(pair.b, pair.a, pair.contradicts, pair.kind))
    return pairs


# -- frames: subject, attribute, value -------------------------------------------------------------------------------


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _say(template: str, rng: _Source, subject: str, value: str, lead: str = "") -> str:
    text = template.format(s=subject, v=value)
    if lead:
        text = f"{lead}, {text}" if rng.random() < 0.6 else f"{text} {lead}"
    return _upper(text) + rng.choice((".", ".", ".", ""))


def _frame(rng: _Source) -> tuple[Frame, str]:
    frame = rng.choice(rng.frames)
    return frame, rng.choice(SUBJECTS[frame.subjects])


def _two(rng: _Source, frame: Frame) -> tuple[str, str, str, str]:
    """Two different values, each said in two ways."""
    return VALUES[frame.values](rng)


def _ways(rng: _Source, frame: Frame) -> tuple[str, str]:
    if rng.random() < 0.25:
        way = rng.choice(frame.ways)
        return way, way
    one, other = rng.sample(frame.ways, 2)
    return one, other


def _value_conflict(rng: _Source) -> Pair:
    frame, subject = _frame(rng)
    one, _, _, other = _two(rng, frame)
    first, second = _ways(rng, frame)
    lead = rng.choice(SCOPES)[0] if rng.random() < 0.12 else ""
    kind = "temporal" if frame.values in ("date", "clock", "weekday", "rhythm", "year") else frame.kind
    return Pair(_say(first, rng, subject, one, lead), _say(second, rng, subject, other, lead), True, kind)


def _negated_value(rng: _Source) -> Pair:
    """`Not x but y` beside `x`; beside `y` it agrees."""
    frame, subject = _frame(rng)
    one, _, _, other = _two(rng, frame)
    first, second = _ways(rng, frame)
    conflict = rng.random() < 0.5
    ending = rng.choice((f", not {one}", f" rather than {one}", f" instead of {one}"))
    text = second.format(s=subject, v=other)
    said = text + ending if text.endswith(other) else f"{text}{ending}"
    return Pair(_say(first, rng, subject, one if conflict else other), _upper(said) + ".", conflict, frame.kind)


def _same_value(rng: _Source) -> Pair:
    frame, subject = _frame(rng)
    one, again, _, _ = _two(rng, frame)
    first, second = _ways(rng, frame)
    return Pair(_say(first, rng, subject, one), _say(second, rng, subject, again), False, "paraphrase")


def _other_subject(rng: _Source) -> Pair:
    frame, subject = _frame(rng)
    one, _, _, other = _two(rng, frame)
    first, second = _ways(rng, frame)
    unlike = rng.choice([name for name in SUBJECTS[frame.subjects] if name != subject])
    if rng.random() < 0.3 and " " in subject:
        subject, unlike = _qualified(rng, subject)
    return Pair(_say(first, rng, subject, one), _say(second, rng, unlike, other), False, "other-subject")


QUALIFIERS = (
    ("old", "new"), ("first", "second"), ("internal", "external"), ("primary", "secondary"), ("European", "American"),
    ("mobile", "desktop"), ("read", "write"), ("nightly", "weekly"), ("free", "premium"), ("public", "private"),
    ("upper", "lower"), ("legacy", "current"), ("northern", "southern"), ("unit", "integration"), ("blue", "green"),
)  # fmt: skip


def _qualified(rng: _Source, subject: str) -> tuple[str, str]:
    one, other = rng.choice(QUALIFIERS)
    article, _, rest = subject.partition(" ")
    if article not in ("the", "our"):
        return f"the {one} {subject}", f"the {other} {subject}"
    kept = f"{article} {rest}" if rng.random() < 0.25 else f"{article} {one} {rest}"
    return kept, f"{article} {other} {rest}"


def _other_attribute(rng: _Source) -> Pair:
    frame, subject = _frame(rng)
    others = [one for one in rng.frames if one.subjects == frame.subjects and one.name != frame.name]
    if not others:
        return _other_subject(rng)
    unlike = rng.choice(others)
    one, two = _two(rng, frame)[0], _two(rng, unlike)[3]
    return Pair(
        _say(rng.choice(frame.ways), rng, subject, one),
        _say(rng.choice(unlike.ways), rng, subject, two),
        False,
        "other-attribute",
    )


def _other_scope(rng: _Source) -> Pair:
    frame, subject = _frame(rng)
    one, _, _, other = _two(rng, frame)
    first, second = _ways(rng, frame)
    lead, unlike = rng.choice(SCOPES if rng.random() < 0.6 else CONDITIONS)
    return Pair(_say(first, rng, subject, one, lead), _say(second, rng, subject, other, unlike), False, "other-scope")


def _other_time(rng: _Source) -> Pair:
    frame, subject = _frame(rng)
    one, _, _, other = _two(rng, frame)
    first, second = _ways(rng, frame)
    lead, unlike = rng.choice(TIMES)
    past = first.replace(" is ", " was ").replace(" are ", " were ").replace(" has ", " had ")
    return Pair(_say(past, rng, subject, one, lead), _say(second, rng, subject, other, unlike), False, "other-time")


def _subject_alone(rng: _Source) -> Pair:
    """Statements that share their subject and nothing else."""
    frame, subject = _frame(rng)
    positive, negative = rng.choice(rng.properties)
    said = rng.choice(rng.choice((positive, negative))).format(s=subject)
    return Pair(
        _say(rng.choice(frame.ways), rng, subject, _two(rng, frame)[0]), _upper(said) + ".", False, "refinement"
    )


def _mixed(rng: _Source) -> Pair:
    """Two unlike frames about two subjects of the same kinds."""
    one, two = _frame(rng), _frame(rng)
    if one[0].name == two[0].name:
        return _other_subject(rng)
    texts = [_say(rng.choice(frame.ways), rng, subject, _two(rng, frame)[0]) for frame, subject in (one, two)]
    return Pair(texts[0], texts[1], False, "unrelated")


def _part(rng: _Source) -> Pair:
    """A total beside a part of it, or a place in an order beside another one."""
    total = rng.randrange(3, 40)
    part = rng.randrange(1, total)
    noun, verb = rng.choice(
        (("tests", "fail"), ("nodes", "are idle"), ("tickets", "are open"), ("regions", "have been migrated"),
         ("replicas", "must acknowledge a write"), ("reviewers", "have signed"), ("shards", "are hot"),
         ("invoices", "are overdue"), ("guests", "have replied"), ("seats", "are taken"), ("samples", "were dropped"))
    )  # fmt: skip
    place = rng.choice(("the suite", "the pool", "the plan", "the cluster", "our list", "the batch", "the report"))
    return Pair(
        f"There are {total} {noun} in {place}.", f"{_upper(rng.choice(('', 'so far, ', 'at the moment, ')) + str(part))} of the {noun} {verb}.",
        False, "part",
    )  # fmt: skip


# -- properties: something holds or does not -------------------------------------------------------------------------


def _any_subject(rng: _Source) -> str:
    return rng.choice(SUBJECTS[rng.choice(("service", "job", "thing", "product"))])


def _property_conflict(rng: _Source) -> Pair:
    positive, negative = rng.choice(rng.properties)
    subject = _any_subject(rng)
    first, second = rng.choice(positive).format(s=subject), rng.choice(negative).format(s=subject)
    kind = "negation" if re.search(r"\b(no|not|never|cannot|without|none)\b|n't", second) else "antonym"
    lead = f"{rng.choice(SCOPES)[0]}, " if rng.random() < 0.1 else ""
    return Pair(_upper(lead + first) + ".", _upper(lead + second) + ".", True, kind)


def _property_same(rng: _Source) -> Pair:
    ways = rng.choice(rng.choice(rng.properties))
    subject = _any_subject(rng)
    first, second = rng.sample(ways, 2) if len(ways) > 1 else (ways[0], ways[0])
    return Pair(_upper(first.format(s=subject)) + ".", _upper(second.format(s=subject)) + ".", False, "paraphrase")


def _property_other_subject(rng: _Source) -> Pair:
    positive, negative = rng.choice(rng.properties)
    one, other = _any_subject(rng), _any_subject(rng)
    if one == other or rng.random() < 0.4:
        one, other = _qualified(rng, one)
    lead, unlike = rng.choice(SCOPES) if rng.random() < 0.3 else ("", "")
    texts = [
        f"{lead}, {rng.choice(positive).format(s=one)}" if lead else rng.choice(positive).format(s=one),
        f"{unlike}, {rng.choice(negative).format(s=one)}" if lead else rng.choice(negative).format(s=other),
    ]
    return Pair(_upper(texts[0]) + ".", _upper(texts[1]) + ".", False, "other-scope" if lead else "other-subject")


def _property_exception(rng: _Source) -> Pair:
    """A rule that names its exception, and the exception: they agree."""
    positive, negative = rng.choice(rng.properties)
    subject = _any_subject(rng)
    _, unlike = rng.choice(CONDITIONS)
    rule = f"{rng.choice(positive).format(s=subject)}, {rng.choice(('except', 'but not', 'other than'))} {unlike}"
    if rng.random() < 0.5:
        rule = f"{rng.choice(('by default', 'normally', 'as a rule', 'in general'))}, {rng.choice(positive).format(s=subject)}"
    return Pair(
        _upper(rule) + ".", _upper(f"{unlike}, {rng.choice(negative).format(s=subject)}") + ".", False, "exception"
    )


def _quantifier(rng: _Source) -> Pair:
    plural, single, does, does_not = rng.choice(QUANTIFIED)
    every = (
        f"All {plural} {does}",
        f"Every one of the {plural} {does.replace('are ', 'is ').replace('have ', 'has ')}",
        f"There is no {single} that does not count here: all {plural} {does}",
        f"{_upper(plural)} {does} without exception",
    )
    some_not = (
        f"Some {plural} {does_not}",
        f"Two {plural} {does_not}",
        f"Several of the {plural} {does_not}",
        f"A few {plural} still {does_not}",
    )
    none = (
        f"None of the {plural} {does}",
        f"No {plural} {does}",
        f"Not one of the {plural} {does.replace('are ', 'is ').replace('have ', 'has ')}",
    )
    some = (
        f"Some {plural} {does}",
        f"Three {plural} {does}",
        f"Many of the {plural} {does}",
        f"A handful of {plural} {does}",
    )
    most = (f"Most {plural} {does}", f"The majority of {plural} {does}")
    hardly = (
        f"Hardly any {plural} {does}",
        f"Only a few {plural} {does}",
        f"Most {plural} {does_not}",
        f"Very few of the {plural} {does}",
    )
    table = [(every, some_not, True), (none, some, True), (every, none, True), (most, hardly, True), (some, some_not, False),
             (every, some, False), (most, some_not, False), (none, some_not, False), (every, most, False)]  # fmt: skip
    one, other, conflict = rng.choice(table)
    first, second = rng.choice(one), rng.choice(other)
    if conflict and rng.random() < 0.2:  # about two groups nothing is denied
        first, second, conflict = first.replace(plural, f"old {plural}"), second.replace(plural, f"new {plural}"), False
    return Pair(f"{first}.", f"{second}.", conflict, "quantifier")


ACTS = (
    ("the cache is warmed", "traffic is switched"), ("the schema is migrated", "the code is deployed"),
    ("the review is done", "the merge happens"), ("tokens are checked", "the body is parsed"), ("the lights are set", "the camera rolls"),
    ("the invoice is sent", "the goods are shipped"), ("the backup runs", "old logs are deleted"), ("linting runs", "the tests start"),
    ("the contract is signed", "work begins"), ("the index is built", "queries are served"), ("paint is applied", "the frame is mounted"),
    ("the vote is held", "the budget is published"), ("input is validated", "the record is written"), ("guests arrive", "dinner is served"),
)  # fmt: skip


def _order(rng: _Source) -> Pair:
    first, second = rng.choice(ACTS)
    right = (
        f"{first} before {second}",
        f"{second} after {first}",
        f"first {first}, then {second}",
        f"{second} only once {first}",
    )
    wrong = (
        f"{second} before {first}",
        f"{first} after {second}",
        f"first {second}, then {first}",
        f"{first} only once {second}",
    )
    conflict = rng.random() < 0.5
    one, other = (rng.choice(right), rng.choice(wrong)) if conflict else rng.sample(right, 2)
    return Pair(_upper(one) + ".", _upper(other) + ".", conflict, "order")


ROLES = (
    ("{a} reports to {b}", "{b} is the manager of {a}"), ("{a} sold the license to {b}", "{b} bought the license from {a}"),
    ("{a} acquired {b}", "{b} was acquired by {a}"), ("{a} reviews the work of {b}", "the work of {b} is reviewed by {a}"),
    ("{a} calls {b}", "{b} is called by {a}"), ("{a} depends on {b}", "{b} is a dependency of {a}"),
    ("{a} leads {b}'s team", "{b}'s team is led by {a}"), ("{a} is faster than {b}", "{b} is slower than {a}"),
    ("{a} replaced {b}", "{b} was replaced by {a}"), ("{a} defeated {b}", "{b} lost to {a}"),
    ("{a} is older than {b}", "{b} is younger than {a}"), ("{a} sends events to {b}", "{b} receives events from {a}"),
)  # fmt: skip


def _roles(rng: _Source) -> Pair:
    one, other = rng.sample(PEOPLE, 2)
    first, second = rng.choice(ROLES)
    conflict = rng.random() < 0.5
    names = {"a": other, "b": one} if conflict else {"a": one, "b": other}
    said = rng.choice((first, second)) if conflict else second
    return Pair(_upper(first.format(a=one, b=other)) + ".", _upper(said.format(**names)) + ".", conflict, "roles")


# -- edits of real sentences -----------------------------------------------------------------------------------------

_AUXILIARY = re.compile(r"\b(is|are|was|were|can|will|should|must|has|have|does|did|could|would)\b(?! not|n't)")
_NUMBER = re.compile(r"(?<![\w.,-])(\d{1,4})(?![\w-]|[.,]\d)")
_NAME = re.compile(r"(?<=[a-z,] )([A-Z][a-z]{2,}(?: [A-Z][a-z]{2,})?)\b")
_MONTH = re.compile(r"\b(January|February|March|April|June|July|August|September|October|November|December)\b")
_MONTHS = "January February March April June July August September October November December".split()


def edits(sentences: Sequence[str], count: int, seed: int) -> list[Pair]:
    """That many pairs of a real sentence and the same one with something changed; about half of them contradict."""
    rng = random.Random(seed)
    names = sorted({match for sentence in sentences for match in _NAME.findall(sentence)})
    pairs: list[Pair] = []
    for sentence in _again(sentences, rng):
        if len(pairs) >= count:
            break
        if 4 <= len(sentence.split()) <= 34:
            pairs.extend(_edited(sentence, names, rng))
    return pairs[:count]


def _again(sentences: Sequence[str], rng: random.Random) -> Iterator[str]:
    for _ in range(4):
        order = list(sentences)
        rng.shuffle(order)
        yield from order


def _edited(sentence: str, names: Sequence[str], rng: random.Random) -> Iterator[Pair]:
    number = _NUMBER.search(sentence)
    if number and rng.random() < 0.8:
        value = int(number[1])
        changed = (
            value + rng.choice((-3, -2, -1, 1, 2, 5, 10))
            if value > 30
            else rng.choice([n for n in range(2, 40) if n != value])
        )
        text = f"{sentence[: number.start()]}{changed}{sentence[number.end() :]}"
        yield Pair(sentence, text, True, "numeric edit")
        if rng.random() < 0.5:
            yield Pair(_lighter(sentence, rng), f"{_extra(rng)}{sentence[0].lower()}{sentence[1:]}", False, "same edit")
    month = _MONTH.search(sentence)
    if month and rng.random() < 0.8:
        text = sentence.replace(month[1], rng.choice([one for one in _MONTHS if one != month[1]]), 1)
        yield Pair(sentence, text, True, "temporal edit")
    name = _NAME.search(sentence)
    if name and len(names) > 9 and rng.random() < 0.35:
        text = sentence.replace(name[1], rng.choice(names), 1)
        if text != sentence:
            yield Pair(sentence, text, True, "entity edit")
    auxiliary = _AUXILIARY.search(sentence)
    if auxiliary and rng.random() < 0.3:
        text = f"{sentence[: auxiliary.end()]} {rng.choice(('not', 'not', 'never', 'no longer'))}{sentence[auxiliary.end() :]}"
        yield Pair(sentence, text, True, "negation edit")
    if rng.random() < 0.35:
        yield Pair(sentence, _lighter(sentence, rng), False, "same edit")


def _extra(rng: random.Random) -> str:
    return rng.choice(("As noted, ", "In short, ", "According to the notes, ", "As reported, ", "It is known that "))


def _lighter(sentence: str, rng: random.Random) -> str:
    """The same statement with a word less or more that changes nothing."""
    text = re.sub(r"\b(very|also|actually|currently|just|quite|really|directly|simply) ", "", sentence)
    text = re.sub(r",? (?:according to|as noted by|he said|she said)[^,.]*(?=[.,])", "", text)
    swaps = (("do not", "don't"), ("is not", "isn't"), ("cannot", "can't"), ("about ", "around "), ("because", "since"),
             (" big ", " large "), ("begin", "start"), ("purchase", "buy"), ("however", "but"), ("such as", "like"))  # fmt: skip
    for old, new in swaps:
        text = text.replace(old, new)
    if text == sentence:
        text = f"{_extra(rng)}{sentence[0].lower()}{sentence[1:]}"
    return text
