"""Markdown into passages: prose under its headings, with its places; what states nothing is left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accordant.coherence_pass import Checker, passages_of_markdown
from accordant.coherence_pass.claims import claims_of

TEXT = """---
owner: ann
---
# Guide

Intro line one
continues here.

## Gateway

- listens on port 8080
- limits:
  - 60 users

> A quote says 5.

```
code = 7
```

| a | b |
|---|---|
| 1 | 2 |

Exporter
--------
It has [a link](http://example.com/9) and ~~8 old~~ words. <!-- inline -->

<!-- a comment
of two lines -->
The end.
"""


def test_blocks_have_headings_lines_and_places() -> None:
    """Each paragraph and list item is a passage under its headings, whose text stands at its offset."""
    found = passages_of_markdown(TEXT, region="guide.md", authors=["ann"])
    shown = [(item.path, item.heading, " ".join(item.text.split())) for item in found]
    assert shown == [
        ("guide.md", (), "owner: ann"),
        ("guide.md:6", ("Guide",), "Intro line one continues here."),
        ("guide.md:11", ("Guide", "Gateway"), "listens on port 8080"),
        ("guide.md:12", ("Guide", "Gateway"), "limits:"),
        ("guide.md:13", ("Guide", "Gateway", "limits"), "60 users"),
        ("guide.md:21", ("Guide", "Gateway"), "| a | b | |---|---| | 1 | 2 |"),
        ("guide.md:27", ("Guide", "Exporter"), "It has a link and words."),
        ("guide.md:31", ("Guide", "Exporter"), "The end."),
    ]
    assert all(len(item.text) == len(TEXT[item.offset : item.offset + len(item.text)]) for item in found)
    assert TEXT[found[2].offset :].startswith("listens")


def test_announced_items_stand_under_their_announcement() -> None:
    """A paragraph or item that ends in a colon is the scope of the list below it, and of nothing after."""
    text = "Search:\n\n- latency 85 ms\n\nIndex:\n\n- latency 310 ms\n\nAfterwards nothing.\n"
    headings = {item.text: item.heading for item in passages_of_markdown(text, region="d")}
    assert headings["latency 85 ms"] == ("Search",)
    assert headings["latency 310 ms"] == ("Index",)
    assert headings["Afterwards nothing."] == ()


@given(st.text(alphabet="#-*>|`~=[]()<>! abc:\n\t1.", max_size=300))
def test_any_markdown_gives_places_in_the_text(text: str) -> None:
    """No mark-up makes the reader fail, and every passage has the length of what it stands for."""
    for item in passages_of_markdown(text, region="d"):
        assert 0 <= item.offset <= item.offset + len(item.text) <= len(text)


_TABLE = """# Services

| Service | Port | Owner |
|:---|---:|---|
| `gateway` | 8080 | Alice |
| mailer | 25 | - |
| twice | 1 | Carol |
| twice | 2 | Carol |
"""


def test_the_cells_of_a_table_are_keyed_facts() -> None:
    """Each cell is the value of its row's name under its header, in its place; a name in two rows is no key."""
    found = claims_of(passages_of_markdown(_TABLE, region="d")).claims
    shown = [(claim.text, _TABLE[claim.start : claim.end]) for claim in found]
    assert shown == [("gateway port: 8080", "8080"), ("gateway owner: Alice", "Alice"), ("mailer port: 25", "25")]


def test_two_tables_and_a_line_about_one_thing_clash() -> None:
    """A cell is compared with the same cell of another table, and with what sentences say."""

    def details(more: str) -> list[str]:
        passages = passages_of_markdown(_TABLE + "\n" + more, region="d")
        return [one.detail for one in Checker().run(passages, document_id="d", version=1).contradictions]

    assert details("| Service | Port |\n|---|---|\n| gateway | 9090 |\n") == ["port: 8080 against 9090"]
    assert details("| Service | Port |\n|---|---|\n| gateway | 8080 |\n") == []
    assert (
        details("| Service | Port | Owner |\n|---|---|---|\n| gateway | 9090 | Bob |\n") == []
    )  # one more run of a benchmark
    assert details("| Host | Port |\n|---|---|\n| gateway | 9090 |\n") == []  # rows that name another kind of thing
    assert details("Bob is the gateway owner.\n") == []
    assert details("The gateway port is 9090.\n") == ["8080 against 9090"]


_NO_TABLES = (
    "| a |",
    "| a |\n| b |\n| c |",
    "|||\n|-|\n||||\n",
    "|" * 10_000,
    "| a |\n|" + "-" * 50_000 + "\n| b | c |",
)


@pytest.mark.parametrize("text", _NO_TABLES)
def test_bars_that_are_no_table_say_nothing(text: str) -> None:
    """A lone row, rows without a rule below the first, and empty cells give no claims, in bounded time."""
    assert not claims_of(passages_of_markdown(text, region="d")).claims
