"""What is written: updates as Yjs clients make them, made before the clock starts. One text root per writer."""

from __future__ import annotations

import random
from functools import cache

import pycrdt

FIRST_CLIENT = 1_000_000


def client(writer: int) -> int:
    return FIRST_CLIENT + writer


def root(writer: int) -> str:
    return f"w{writer}"


@cache
def letters(writer: int, updates: int) -> tuple[bytes, ...]:
    """One letter each, typed at the end of the writer's own text."""
    doc: pycrdt.Doc = pycrdt.Doc(client_id=client(writer))
    text = doc.get(root(writer), type=pycrdt.Text)
    made: list[bytes] = []
    kept = doc.observe(lambda event: made.append(event.update))
    for n in range(updates):
        text.insert(n, "x")
    del kept
    return tuple(made)


@cache
def blocks(writer: int, updates: int, size: int) -> tuple[bytes, ...]:
    """A block of `size` letters each, which replaces the one before: much traffic, a small document."""
    doc: pycrdt.Doc = pycrdt.Doc(client_id=client(writer))
    text = doc.get(root(writer), type=pycrdt.Text)
    made: list[bytes] = []
    kept = doc.observe(lambda event: made.append(event.update))
    for n in range(updates):
        with doc.transaction():
            if n:
                del text[0:size]
            text.insert(0, "y" * size)
    del kept
    return tuple(made)


@cache
def edited(writer: int, megabytes: int) -> tuple[bytes, ...]:
    """A document of that size, by edits of 500 letters at random places, a hundred to an update."""
    doc: pycrdt.Doc = pycrdt.Doc(client_id=client(writer))
    text = doc.get(root(writer), type=pycrdt.Text)
    chance, made, size = random.Random(megabytes), [], 0
    for _ in range(megabytes * 20):
        before = doc.get_state()
        with doc.transaction():
            for _ in range(100):
                text.insert(chance.choice((0, size // 2, size)), "z" * 500)
                size += 500
        made.append(doc.get_update(before))
    return tuple(made)


def lengths(state: bytes, writers: int) -> list[int]:
    """How long each writer's text is in a document's whole state."""
    doc: pycrdt.Doc = pycrdt.Doc()
    doc.apply_update(state)
    return [len(str(doc.get(root(writer), type=pycrdt.Text))) for writer in range(writers)]
