"""Facts with a key: `key: value` lines, tables and JSON objects as (subject, attribute) -> value, and the prose inside them.

What an object is about comes from a field that names it, else from the path where it stands.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from accordant.coherence_pass import lexicon
from accordant.coherence_pass.passages import Passage
from accordant.types.limits import CLAIM_CHARS_MAX, CLAIMS_MAX, VALUE_DEPTH_MAX

__all__ = ["Fact", "Found", "facts_of_json", "facts_of_lines", "facts_of_table"]

_LINE: Final = re.compile(
    r"^[ \t]*(?:[-+]\s+)?(?P<key>[A-Za-z][\w ./()-]{0,48}?)[ \t]{0,8}(?::|=(?!=))[ \t]{1,16}(?P<value>\S.{0,119}?)[ \t]{0,16}$",
    re.MULTILINE,
)
_WORDS: Final = re.compile(r"[A-Za-z]+|\d+(?:\.\d+)*")
_CODE: Final = re.compile(r"[(){}\[\]<>\\]|://|[?:,]$")
_TABLE_RULE: Final = frozenset("|-: \t")
_CELL: Final = re.compile(r"(?<=\|)[^|]*(?=\|)|(?<=\|)[^|]*\S[^|]*$")
_EMPTY_CELLS: Final = frozenset({"", "-", "\u2013", "\u2014", "n/a", "?"})
_TABLE_LINES_MIN: Final = 3
_COLUMNS_MAX: Final = 16
_CELL_CHARS_MAX: Final = 120
_VALUE_WORDS_MAX: Final = 6
_KEY_WORDS_MAX: Final = 4
_SEARCH_CHARS_MAX: Final = 65_536


@dataclass(frozen=True, slots=True)
class Fact:
    """`value` is what is said of `attribute` of `subject`. `is_anchored`: a field or a path names the subject.

    `table`: the header row, where it stands in a table.
    """

    subject: str
    attribute: str
    value: str
    start: int
    end: int
    is_anchored: bool
    table: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """The facts of a passage, and the spans of it that are prose."""

    facts: tuple[Fact, ...]
    prose: tuple[tuple[int, int], ...]


def facts_of_lines(text: str, subject: str, is_anchored: bool) -> Found:
    """The `key: value` lines of a text. A key that comes twice makes a list of records, whose subjects are unknown."""
    matches = [match for match in _LINE.finditer(text) if _is_fact(match["key"], match["value"])]
    counts = Counter(_attribute(match["key"]) for match in matches)
    facts: list[Fact] = []
    prose: list[tuple[int, int]] = []
    after = 0
    for match in matches:
        prose.append((after, match.start()))
        after = match.end()
        attribute = _attribute(match["key"])
        if counts[attribute] == 1:
            facts.append(
                Fact(
                    subject,
                    attribute,
                    match["value"].rstrip(".,;"),
                    match.start("key"),
                    match.end("value"),
                    is_anchored,
                )
            )
    prose.append((after, len(text)))
    return Found(tuple(facts), tuple(span for span in prose if span[0] < span[1]))


def facts_of_table(text: str) -> Found | None:
    """The cells of a Markdown table: what the first column names has, under each header, that value. None where it is no table.

    A name that stands in two rows is only a part of their key: such rows are no facts. An empty cell states nothing.
    """
    lines = text.split("\n") if text.lstrip().startswith("|") else []
    if len(lines) < _TABLE_LINES_MIN or not ("-" in lines[1] and _TABLE_RULE.issuperset(lines[1])):
        return None
    headers = [_attribute(cell) for cell, _ in _cells(lines[0], 0)]
    at = len(lines[0]) + len(lines[1]) + 2
    rows: list[list[tuple[str, int]]] = []
    for line in lines[2:]:
        rows.append(_cells(line, at))
        at += len(line) + 1
    names = Counter(row[0][0].casefold() for row in rows if row)
    facts = [
        Fact(row[0][0], header, value, start, start + len(value), True, "|".join(headers))
        for row in rows
        if row and row[0][0] and names[row[0][0].casefold()] == 1 and len(row) <= _COLUMNS_MAX
        for header, (value, start) in zip(headers[1:], row[1:], strict=False)
        if header and header not in lexicon.MULTI_VALUED and value not in _EMPTY_CELLS and len(value) <= _CELL_CHARS_MAX
    ]
    return Found(tuple(facts), ())


def _cells(line: str, at: int) -> list[tuple[str, int]]:
    """The cells between the bars of a row, without mark-up at their edges, and where each begins."""
    found: list[tuple[str, int]] = []
    for match in _CELL.finditer(line):
        shown = match[0].strip(" \t`*_")
        found.append((shown, at + match.start() + match[0].find(shown)))
    return found


def facts_of_json(passage: Passage) -> Found | None:
    """The facts and the prose of a JSON passage; None where it is not JSON."""
    if not passage.text.lstrip().startswith(("{", "[")):
        return None
    try:
        data = json.loads(passage.text)
    except (ValueError, RecursionError):
        return None
    cursor = _Cursor(passage.text)
    facts: list[Fact] = []
    prose: list[tuple[int, int]] = []
    home = "" if passage.ref is not None else _spaced(passage.path)
    for subject, is_anchored, attribute, value in _leaves(data, home, passage.ref is None, VALUE_DEPTH_MAX):
        start, end = cursor.span(value)
        if isinstance(value, str) and _is_sentence(attribute, value):
            prose.append((start + 1, max(start + 1, end - 1)))
        elif attribute and attribute not in lexicon.MULTI_VALUED:
            facts.append(Fact(subject, attribute, _shown(value), start, end, is_anchored))
        if len(facts) > CLAIMS_MAX:  # one too many, so that the reader of these notices
            break
    return Found(tuple(facts), tuple(prose))


class _Cursor:
    """Finds the values of a JSON text one after the other, so that a fact can point at its place."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def span(self, value: Any) -> tuple[int, int]:
        for is_ascii in (False, True):
            shown = json.dumps(value, ensure_ascii=is_ascii)
            start = self._text.find(shown, self._at, self._at + _SEARCH_CHARS_MAX)
            if start >= 0:
                self._at = start + len(shown)
                return start, self._at
        return 0, min(len(self._text), CLAIM_CHARS_MAX)


def _leaves(
    value: Any, subject: str, is_anchored: bool, depth: int, attribute: str = ""
) -> Iterator[tuple[str, bool, str, Any]]:
    if isinstance(value, dict) and value.keys() >= lexicon.POINTER_KEYS:
        return
    if isinstance(value, dict) and depth:
        named = next((value[key] for key in lexicon.SUBJECT_KEYS if isinstance(value.get(key), str)), None)
        if named is not None and len(named) <= CLAIM_CHARS_MAX:
            subject, is_anchored = f"{attribute} {named}".strip(), True
        elif attribute:
            subject = f"{subject} {attribute}".strip()
        for key, item in value.items():
            yield from _leaves(item, subject, is_anchored, depth - 1, _attribute(key))
    elif isinstance(value, list) and depth:
        for item in value:
            if isinstance(item, dict):
                yield from _leaves(item, "", False, depth - 1, attribute)
            elif isinstance(item, str):
                yield subject, False, "text", item
    elif value is not None and not isinstance(value, dict | list):
        yield subject, is_anchored, attribute, value


def _is_fact(key: str, value: str) -> bool:
    attribute = _attribute(key)
    words = attribute.split()
    if (
        not words
        or len(words) > _KEY_WORDS_MAX
        or attribute in lexicon.MULTI_VALUED
        or words[0] in lexicon.MULTI_VALUED
    ):
        return False
    return len(value.split()) <= _VALUE_WORDS_MAX and not _CODE.search(value)


def _is_sentence(attribute: str, value: str) -> bool:
    is_remark = attribute in lexicon.MULTI_VALUED and " " in value.strip()
    return is_remark or len(_WORDS.findall(value)) > _VALUE_WORDS_MAX


def _attribute(key: str) -> str:
    return " ".join(_spaced(key).lower().split())[:128]


def _spaced(name: str) -> str:
    """`churn_q3`, `churnQ3` and `accounts/acme` as words."""
    return " ".join(re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_/.\-]+", " ", name).split())


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
