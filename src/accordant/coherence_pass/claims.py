"""Passages into claims: every statement and keyed fact of a document in a fixed order, with who wrote it and where.

Knows reading and splitting; compares nothing. The same passages give the same claims, ids included.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from accordant.coherence_pass import lexicon
from accordant.coherence_pass.facts import Fact, Found, facts_of_json, facts_of_lines, facts_of_table
from accordant.coherence_pass.passages import Passage
from accordant.coherence_pass.reading import Reading, read_statement
from accordant.coherence_pass.sentences import statement_spans
from accordant.coherence_pass.words import plain, stems_of, tokens
from accordant.types.limits import CLAIM_CHARS_MAX, CLAIMS_MAX

__all__ = ["Claim", "Claims", "ClaimsRead", "claims_of"]

_HEADING_WORD: Final = re.compile(r"[\w;']+")


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement. `hash` covers its normal text and scope; `id` also its place among equals.

    `scope` is the heading path without headings that narrow nothing. `optional`: stems that name the region only and
    may be missing on the other side. `fact` is set where the statement has a key.
    """

    id: str
    hash: str
    passage: Passage
    start: int
    end: int
    text: str
    authors: tuple[str, ...]
    version: int
    at: int | None
    scope: tuple[str, ...]
    reading: Reading
    optional: frozenset[str]
    fact: Fact | None = None


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims in document order; `is_truncated` when a bound left some unread."""

    claims: tuple[Claim, ...]
    is_truncated: bool


@dataclass(frozen=True, slots=True)
class _Known:
    """A passage as it was read: its claims, still without ids, and the readings that went into them."""

    claims: tuple[Claim, ...]
    is_truncated: bool
    readings: dict[tuple[str, str, bool], Reading]


@dataclass(slots=True)
class ClaimsRead:
    """What was read before: passages whole, and statements by text and author. Only what a run uses is kept for the next.

    `n_read` counts the statements that had to be read in the last run.
    """

    passages: dict[Passage, _Known] = field(default_factory=dict)
    n_read: int = 0


def claims_of(passages: Sequence[Passage], claims_max: int = CLAIMS_MAX, before: ClaimsRead | None = None) -> Claims:
    """The claims of a document's passages, in the passages' order. With `before` only what is new is read; the answer is the
    same, and `before` then has what this run knows."""
    extraction = _Extraction(claims_max, {} if before is None else before.passages)
    found = extraction.of(passages)
    if before is not None:
        before.passages, before.n_read = extraction.known, extraction.n_read
    return found


class _Extraction:
    """One run over the passages: counts equals for the ids and notes what was left out."""

    def __init__(self, claims_max: int, before: Mapping[Passage, _Known]) -> None:
        self.known: dict[Passage, _Known] = {}
        self.n_read = 0
        self._before = before
        self._readings: dict[tuple[str, str, bool], Reading] = {}
        for known in before.values():
            self._readings |= known.readings
        self._used: dict[tuple[str, str, bool], Reading] = {}
        self._claims_max = claims_max
        self._claims: list[Claim] = []
        self._seen: Counter[tuple[str, str]] = Counter()
        self._is_truncated = False

    def of(self, passages: Sequence[Passage]) -> Claims:
        is_truncated = False
        for passage in passages:
            room = self._claims_max - len(self._claims)
            known = self._known(passage, room)
            self._claims.extend(map(self._placed, known.claims[:room]))
            if len(known.claims) > room:
                return Claims(tuple(self._claims), True)
            is_truncated |= known.is_truncated
        return Claims(tuple(self._claims), is_truncated)

    def _known(self, passage: Passage, room: int) -> _Known:
        """The passage as read before, where it is the same; of a new one, one claim more than there is room for at most."""
        known = self.known.get(passage) or self._before.get(passage)
        if known is None:
            self._is_truncated, self._used = False, {}
            claims = tuple(islice(self._of_passage(passage), room + 1))
            known = _Known(claims, self._is_truncated, self._used)
        if len(known.claims) <= room:
            self.known[passage] = known
        return known

    def _read(self, text: str, author: str = "", is_literal: bool = False) -> Reading:
        key = text, author, is_literal
        found = self._readings.get(key)
        if found is None:
            found = self._readings[key] = read_statement(text, author, is_literal=is_literal)
            self.n_read += 1
        self._used[key] = found
        return found

    def _placed(self, claim: Claim) -> Claim:
        path = claim.passage.path
        self._seen[path, claim.hash] += 1
        return replace(claim, id=_digest(path, claim.hash, str(self._seen[path, claim.hash])))

    def _of_passage(self, passage: Passage) -> Iterator[Claim]:
        shown = plain(passage.text)
        subject = " ".join(passage.path.split("/")[1:]) if passage.ref is None and not passage.is_prose else ""
        found = None if passage.is_prose else facts_of_json(passage)
        if found is None:
            is_table = passage.text.lstrip().startswith("|")
            found = (facts_of_table(passage.text) or Found((), ())) if is_table else None
        if found is None:
            found = facts_of_lines(shown, subject, bool(subject))
        else:
            shown = shown.replace("\\n", "  ").replace('\\"', "  ")
        yield from self._in_order(passage, shown, found)

    def _in_order(self, passage: Passage, shown: str, found: Found) -> Iterator[Claim]:
        parts: list[tuple[int, int, Fact | None]] = [(fact.start, fact.end, fact) for fact in found.facts]
        parts.extend((start, end, None) for start, end in found.prose)
        for start, end, fact in sorted(parts, key=lambda part: part[:2]):
            if fact is not None:
                yield self._fact(passage, fact)
                continue
            cut = statement_spans(shown[start:end])
            self._is_truncated |= cut.too_long > 0
            for low, high in cut.spans:
                yield self._statement(passage, shown, start + low, start + high)

    def _statement(self, passage: Passage, shown: str, start: int, end: int) -> Claim:
        authors, version, at = passage.written(start, end)
        opening = passage.text[max(0, start - 1) : start + 1]
        is_literal = opening[-1:] == "`" or (opening[:1] == "`" and "`" in passage.text[start:end])
        reading = self._read(shown[start:end].replace("\n", " "), authors[0] if authors else "", is_literal)
        normal = " ".join(shown[start:end].casefold().rstrip(" .!;").split())
        scope = _scope(passage.heading)
        return self._claim(passage, normal, start, end, scope, reading, (authors, version, at))

    def _fact(self, passage: Passage, fact: Fact) -> Claim:
        written = passage.written(fact.start, fact.end)
        subject = fact.subject if fact.is_anchored else ""
        sentence = plain(f"{subject} {fact.attribute} is {fact.value}"[:CLAIM_CHARS_MAX])
        reading = replace(self._read(sentence), tense="")  # a key has a value at any time
        optional = _region_stems(passage) if fact.is_anchored else frozenset()
        normal = f"{fact.subject}|{fact.attribute}|{fact.value}".casefold()
        return self._claim(
            passage, normal, fact.start, fact.end, _scope(passage.heading), reading, written, fact, optional
        )

    def _claim(
        self,
        passage: Passage,
        normal: str,
        start: int,
        end: int,
        scope: tuple[str, ...],
        reading: Reading,
        written: tuple[tuple[str, ...], int, int | None],
        fact: Fact | None = None,
        optional: frozenset[str] = frozenset(),
    ) -> Claim:
        digest = _digest(normal, *scope)
        text = passage.text[start:end]
        if fact is not None and not passage.is_prose:  # the bare JSON value would not say what it is about
            text = f"{fact.subject} {fact.attribute}: {fact.value}".strip()
        authors, version, at = written
        return Claim("", digest, passage, start + passage.offset, end + passage.offset,
                     text[:CLAIM_CHARS_MAX], authors, version, at, scope, reading, optional, fact)  # fmt: skip


def _scope(heading: Sequence[str]) -> tuple[str, ...]:
    shown = (" ".join(_HEADING_WORD.findall(part.casefold())) for part in heading)
    return tuple(part for part in shown if part and not lexicon.GENERIC_HEADINGS.issuperset(part.split()))


def _region_stems(passage: Passage) -> frozenset[str]:
    root = passage.path.split("/", 1)[0].replace("_", " ")
    return stems_of(token.word for token in tokens(root.lower()))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()[:16]
