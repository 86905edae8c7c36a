"""A Markdown text into passages: blocks of prose and tables under their headings; code, quotes and comments left out.

Keeps places: a passage's text is the file's, character for character, with mark-up blanked. Knows nothing of claims.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from accordant.coherence_pass.passages import AuthorSpan, Passage

__all__ = ["passages_of_markdown"]

_HEADING: Final = re.compile(r" {0,3}(#{1,6})(?=\s|$)")
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})")
_ITEM: Final = re.compile(r"(\s*)(?:[-*+]|\d{1,9}[.)])\s+(?:\[[ xX]\]\s+)?")
_RULE: Final = re.compile(r"\s{0,3}(?:[-*_=]\s*){3,}$")
_LINK: Final = re.compile(r"!?\[([^\]\n]{0,300})\](?:\([^)\n]{0,500}\)|\[[^\]\n]{0,100}\])")
_TAG: Final = re.compile(r"<[^>\n]{1,300}>")
_URL: Final = re.compile(r"\bhttps?://[^\s)>\]]+")
_STRIKE: Final = re.compile(r"~~[^~\n]{1,500}~~")
_FRONT: Final = re.compile(r"---\n(?P<body>.*?\n)---\n", re.DOTALL)
_WRAP: Final = re.compile(r"\n(?![ \t]{0,16}[A-Za-z][\w ./()-]{0,48}:[ \t])")  # not before a `key: value` line
_LEADS_MAX: Final = 8


@dataclass(slots=True)
class _Block:
    """A paragraph or list item under way: where it begins and ends, what it stands under, how deep it is indented."""

    start: int
    end: int
    line: int
    lead: tuple[str, ...]
    indent: int = 0
    is_table: bool = False


@dataclass(slots=True)
class _State:
    """Where the reader is: open headings, enclosing list items, and the sentence that announced a list."""

    headings: list[tuple[int, str]] = field(default_factory=list)
    items: list[tuple[int, str]] = field(default_factory=list)
    fence: str = ""
    in_comment: bool = False


def passages_of_markdown(
    text: str,
    *,
    region: str,
    path: str | None = None,
    authors: Sequence[str] = (),
    version: int = 0,
    at: int | None = None,
    spans: Sequence[AuthorSpan] = (),
    read: Sequence[tuple[str, int]] = (),
) -> list[Passage]:
    """The passages of a Markdown text, in order. `path` defaults to the region; each passage's is `path:line`."""
    where = path or region

    def passage(body: str, start: int, name: str, lead: tuple[str, ...], *, is_prose: bool) -> Passage:
        return Passage(
            region, name, body, tuple(authors), version, None, at, lead, tuple(read), is_prose, start, tuple(spans)
        )

    front = _FRONT.match(text)
    passages = [] if front is None else [passage(front["body"], front.start("body"), where, (), is_prose=False)]
    for block in _Blocks(text, front.end() if front else 0).read():
        body = text[block.start : block.end]
        body = body if block.is_table else _without_markup(body)
        passages.append(passage(body, block.start, f"{where}:{block.line}", block.lead, is_prose=not block.is_table))
    return passages


class _Blocks:
    """Walks the lines of a text once and yields its blocks of prose."""

    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self._state = _State()
        self._block: _Block | None = None
        self._start = start

    def read(self) -> Iterator[_Block]:
        at = self._start
        first = self._text.count("\n", 0, at) + 1
        for number, line in enumerate(self._text[at:].split("\n"), start=first):
            done = self._line(line, at, number)
            if done is not None:
                yield done
            at += len(line) + 1
        if self._block is not None:
            yield self._block

    def _line(self, line: str, at: int, number: int) -> _Block | None:
        """Take one line; answers the block that it ended, if any."""
        if self._block is not None and self._block.is_table and not self._is_row(line):
            done = self._finish()
            self._line(line, at, number)  # ends nothing more: no block is open
            return done
        if self._is_inside_code(line):
            return self._finish()
        heading = _HEADING.match(line)
        if heading is not None:
            done = self._finish()
            self._enter(len(heading[1]), line[heading.end() :].strip().rstrip("#"))
            return done
        if not line.strip():
            return self._finish()
        if self._is_row(line):
            if self._block is not None and self._block.is_table:
                self._block.end = at + len(line)
                return None
            done = self._finish()
            lead = tuple(title for _, title in self._state.headings)
            self._block = _Block(at, at + len(line), number, lead, is_table=True)
            return done
        if _RULE.fullmatch(line) and self._block is not None and line.lstrip()[0] in "=-":
            self._setext(line)
            return None
        item = _ITEM.match(line)
        if self._is_dropped(line, is_item=item is not None):
            return self._finish()
        if item is not None:
            done = self._finish()
            self._open(at + item.end(), at + len(line), number, len(item[1]), is_item=True)
            return done
        if self._block is not None:
            self._block.end = at + len(line)
            return None
        indent = len(line) - len(line.lstrip())
        self._open(at + indent, at + len(line), number, indent, is_item=False)
        return None

    def _is_row(self, line: str) -> bool:
        return line.lstrip().startswith("|") and not self._state.fence and not self._state.in_comment

    def _is_inside_code(self, line: str) -> bool:
        fence = _FENCE.match(line.lstrip())
        if self._state.fence:
            if fence is not None and fence[1].startswith(self._state.fence):
                self._state.fence = ""
            return True
        if fence is not None:
            self._state.fence = fence[1]
            return True
        if self._state.in_comment or line.lstrip().startswith("<!--"):
            self._state.in_comment = "-->" not in line
            return True
        return False

    def _is_dropped(self, line: str, *, is_item: bool) -> bool:
        """Tables without an edge, quotes, rules and indented code state nothing on their own."""
        bare = line.strip()
        is_code = line.startswith(("    ", "\t")) and not is_item and self._block is None and not self._state.items
        return bare.startswith(">") or bare.count(" | ") >= 1 or _RULE.fullmatch(line) is not None or is_code

    def _setext(self, line: str) -> None:
        block = self._block
        self._block = None
        if block is not None:
            self._enter(1 if line.lstrip()[0] == "=" else 2, self._text[block.start : block.end])

    def _enter(self, level: int, title: str) -> None:
        self._state.headings = [held for held in self._state.headings if held[0] < level]
        self._state.headings.append((level, _without_markup(title).strip()))
        self._state.items = []

    def _open(self, start: int, end: int, line: int, indent: int, *, is_item: bool) -> None:
        if not is_item and indent == 0:
            self._state.items = []
        self._state.items = [held for held in self._state.items if held[0] < indent + (0 if is_item else 1)]
        announced = [title for _, title in self._state.items if title][-_LEADS_MAX:]
        lead = (*(title for _, title in self._state.headings), *announced)
        self._block = _Block(start, end, line, lead, indent)

    def _finish(self) -> _Block | None:
        """Close the block under way. One that ends in a colon announces what follows, and so becomes its scope."""
        block, self._block = self._block, None
        if block is None or block.is_table:
            return block
        shown = _without_markup(self._text[block.start : block.end]).strip()
        indent = block.indent if self._text[block.start - 1 : block.start] in (" ", "\t") else -1
        self._state.items.append((indent, shown.rstrip(":") if shown.endswith(":") and len(shown) <= 200 else ""))
        return block


def _without_markup(text: str) -> str:
    """The text with links reduced to their words and tags, addresses and struck-out words blanked; same length."""

    def kept(match: re.Match[str]) -> str:
        before = match.start(1) - match.start()
        return " " * before + match[1] + " " * (len(match[0]) - before - len(match[1]))

    def blank(match: re.Match[str]) -> str:
        return " " * len(match[0])

    text = _WRAP.sub(" ", _LINK.sub(kept, text))
    for pattern in (_TAG, _URL, _STRIKE):
        text = pattern.sub(blank, text)
    return text
