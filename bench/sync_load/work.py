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


SECTIONS = 50
PHRASE = 25


@cache
def edited(writer: int, megabytes: int) -> tuple[bytes, ...]:
    """A document whose state has about that size: texts into which phrases of 25 letters were put at random places near the
    end, two hundred to an update."""
    doc: pycrdt.Doc = pycrdt.Doc(client_id=client(writer))
    chance, made = random.Random(megabytes), []
    for section in range(SECTIONS):
        text, size, written = doc.get(f"section {section}", type=pycrdt.Text), 0, 0
        while written < megabytes * 1_000_000 // SECTIONS:
            before = doc.get_state()
            with doc.transaction():
                for _ in range(200):
                    text.insert(max(0, size - chance.randrange(2_000)), "z" * PHRASE)
                    size += PHRASE
            made.append(doc.get_update(before))
            written += len(made[-1])
    return tuple(made)


def lengths(state: bytes, writers: int) -> list[int]:
    """How long each writer's text is in a document's whole state."""
    doc: pycrdt.Doc = pycrdt.Doc()
    doc.apply_update(state)
    return [len(str(doc.get(root(writer), type=pycrdt.Text))) for writer in range(writers)]
