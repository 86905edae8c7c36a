"""Markdown into passages: prose under its headings, with its places; what states nothing is left out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from accordant.coherence_pass import passages_of_markdown

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
