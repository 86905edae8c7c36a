"""What was ever typed, against lists of characters that remember everything."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pycrdt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accordant.engine.timeline import Spelling, Timeline
from accordant.engine.update import decode_update

Char = tuple[int, str]
"""A character's identity and itself: one that is typed again is another."""


def brute(states: Sequence[list[Char]], text: str) -> list[Spelling]:
    """From all states, version 1 first: which characters in a row spelled the text, from when until when."""
    open_: dict[tuple[int, ...], int] = {}
    found = []
    for version, state in enumerate(states, 1):
        said = "".join(char for _, char in state)
        starts = [at for at in range(len(said)) if said.startswith(text, at)]
        now = {tuple(one for one, _ in state[at : at + len(text)]) for at in starts}
        found += [Spelling(since, version) for ids, since in open_.items() if ids not in now]
        open_ = {ids: open_.get(ids, version) for ids in now}
    found += [Spelling(since, None) for since in open_.values()]
    return sorted(found, key=lambda one: (one.since, one.until is None, one.until or 0))


def play(dice: random.Random, rounds: int, alphabet: str, peers: int = 3) -> tuple[Timeline, list[list[Char]]]:
    """Peers that see each other type, delete, replace and format at random places; one version per update."""
    timeline, states = Timeline("t"), []
    docs = [pycrdt.Doc(client_id=5 + n) for n in range(peers)]
    oracle: list[Char] = []
    count = 0
    for version in range(1, rounds + 1):
        doc = dice.choice(docs)
        for other in docs:
            doc.apply_update(other.get_update(doc.get_state()))
        text, before = doc.get("t", type=pycrdt.Text), doc.get_state()
        plain = str(text)
        offsets = [len(plain[:n].encode()) for n in range(len(plain) + 1)]
        updates: list[bytes] = []
        subscription = doc.observe(lambda event, kept=updates: kept.append(event.update))
        with doc.transaction():
            at = dice.randint(0, len(plain))
            end = min(len(plain), at + dice.choice([0, 0, 1, 2, 5]))
            if end > at:
                del text[offsets[at] : offsets[end]]
                del oracle[at:end]
            typed = "".join(dice.choice(alphabet) for _ in range(dice.choice([0, 1, 1, 2, 4])))
            if typed:
                text.insert(offsets[at], typed)
                oracle[at:at] = [(count := count + 1, char) for char in typed]
            if dice.random() < 0.1 and plain and end == at:
                text.format(0, offsets[at], {"bold": True})
            if dice.random() < 0.2:
                doc.get("other", type=pycrdt.Map)["k"] = version
        doc.unobserve(subscription)
        assert before is not None
        for update in updates:
            timeline.add(version, decode_update(update, len(update), is_own=True))
        states.append(list(oracle))
    return timeline, states


@given(st.randoms(use_true_random=False), st.integers(1, 40), st.sampled_from(["ab", "a😀", "abé "]))
def test_spellings_equal_a_list_that_remembers(dice: random.Random, rounds: int, alphabet: str) -> None:
    """Three peers type, delete and format: the intervals of every short text are those that all states together show."""
    timeline, states = play(dice, rounds, alphabet)
    for text in {alphabet[0], alphabet[:2], alphabet[1] * 2, alphabet[0] + alphabet[1] + alphabet[0]}:
        assert timeline.spellings(text) == brute(states, text), text
    assert timeline.is_whole


@pytest.mark.parametrize("seed", range(3))
def test_it_holds_over_many_versions_and_units(seed: int) -> None:
    """The same over hundreds of versions, and over more units than one digit counts."""
    dice = random.Random(seed)
    timeline, states = play(dice, 400, "ab")
    for text in ("aba", "bb", "abab"):
        assert timeline.spellings(text) == brute(states, text)
    long, doc = Timeline("t"), pycrdt.Doc(client_id=9)
    updates: list[bytes] = []
    subscription = doc.observe(lambda event: updates.append(event.update))
    text = doc.get("t", type=pycrdt.Text)
    text.insert(0, "x" * 13_000)
    text.insert(6_500, "needle")
    del text[6_502:6_503]
    doc.unobserve(subscription)
    for version, update in enumerate(updates, 1):
        long.add(version, decode_update(update, len(update), is_own=True))
    assert long.spellings("xneedlex") == [Spelling(2, 3)]
    assert long.spellings("nedlex") == [Spelling(3, None)]


def test_concurrent_typing_is_put_together_as_the_library_does() -> None:
    """Two who type at one place without seeing each other: what stands there is what a document of both shows."""
    docs = [pycrdt.Doc(client_id=n) for n in (1, 2)]
    timeline = Timeline("t")
    for version, doc in enumerate(docs, 1):
        doc.get("t", type=pycrdt.Text).insert(0, "ab" if version == 1 else "cd")
        update = doc.get_update()
        timeline.add(version, decode_update(update, len(update), is_own=True))
    docs[0].apply_update(docs[1].get_update())
    said = str(docs[0].get("t", type=pycrdt.Text))
    assert timeline.spellings(said) == [Spelling(2, None)]
    assert timeline.spellings("ab") == [Spelling(1, None)]


def test_content_without_a_place_is_owned_up_to() -> None:
    """An update that goes on after what was never seen is left out, and the timeline says that it is not whole."""
    doc = pycrdt.Doc(client_id=1)
    text = doc.get("t", type=pycrdt.Text)
    text.insert(0, "ab")
    before = doc.get_state()
    text.insert(1, "x")
    timeline, update = Timeline("t"), doc.get_update(before)
    timeline.add(2, decode_update(update, len(update), is_own=True))
    assert not timeline.is_whole
    assert timeline.spellings("x") == []


def test_who_deletes_first_ends_it() -> None:
    """Two delete the same character without seeing each other: it was there until the first deletion that landed."""
    docs = [pycrdt.Doc(client_id=n) for n in (1, 2)]
    docs[0].get("t", type=pycrdt.Text).insert(0, "abc")
    first = docs[0].get_update()
    docs[1].apply_update(first)
    timeline = Timeline("t")
    timeline.add(1, decode_update(first, len(first), is_own=True))
    for version, doc in enumerate(docs, 2):
        before, text = doc.get_state(), doc.get("t", type=pycrdt.Text)
        del text[1:2]
        update = doc.get_update(before)
        timeline.add(version, decode_update(update, len(update), is_own=True))
    assert timeline.spellings("abc") == [Spelling(1, 2)]
    assert timeline.spellings("ac") == [Spelling(2, None)]
