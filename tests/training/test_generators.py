"""training/generators.py and frames.py: the pairs that the head is trained with, from one seed."""

from __future__ import annotations

from collections import Counter

from frames import FRAMES, PROPERTIES, SUBJECTS, VALUES
from generators import Pair, edits, frames

REAL = [
    "The bridge was opened in June 1932 and is 503 meters long.",
    "According to the council, Martin Keller was not present when the plan was approved.",
    "The library can lend very old books to members from Vienna.",
    "About 40 people have signed the letter to Anna Weber.",
]


def test_one_seed_gives_the_same_pairs() -> None:
    """The same seed gives the same pairs, another seed others."""
    assert frames(200, 5) == frames(200, 5) != frames(200, 6)
    assert edits(REAL, 8, 5) == edits(REAL, 8, 5)


def test_every_kind_has_twins_that_agree() -> None:
    """Both labels occur often, in many kinds; no pair is a sentence beside itself."""
    pairs = frames(4_000, 5)
    kinds = Counter((pair.kind, pair.contradicts) for pair in pairs)
    assert 0.25 < sum(pair.contradicts for pair in pairs) / len(pairs) < 0.5
    assert {"numeric", "temporal", "entity", "negation", "antonym", "decision"} <= {kind for kind, yes in kinds if yes}
    assert {"paraphrase", "other-subject", "other-scope", "other-time", "exception"} <= {
        kind for kind, yes in kinds if not yes
    }
    assert {("quantifier", True), ("quantifier", False), ("order", True), ("order", False), ("roles", True)} <= set(
        kinds
    )
    assert all(pair.a != pair.b for pair in pairs)


def test_only_allowed_frames_are_drawn() -> None:
    """Frames that are held back for development occur in no pair."""
    allowed = tuple(frame for frame in FRAMES if frame.name != "port")
    assert not any("port" in pair.a.lower().split() for pair in frames(1_000, 5, allowed, PROPERTIES))


def test_every_frame_can_be_said() -> None:
    """Every frame names subjects and values that exist, and says both in every way."""
    for frame in FRAMES:
        assert frame.subjects in SUBJECTS
        assert frame.values in VALUES
        assert all("{s}" in way and "{v}" in way for way in frame.ways)
    assert all("{s}" in way for both in PROPERTIES for ways in both for way in ways)


def test_edits_change_one_thing() -> None:
    """An edit that contradicts leaves most words alone."""
    found: list[Pair] = edits(REAL, 40, 5)
    assert {pair.contradicts for pair in found} == {True, False}
    for pair in found:
        if pair.contradicts:
            one, other = set(pair.a.split()), set(pair.b.split())
            assert len(one ^ other) <= 4
