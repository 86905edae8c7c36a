"""What a source watches: names, paths and topics, and the newest write to any of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from accordant import Invalid
from accordant.patterns.watching import Newest, Watched, regions_to_follow
from accordant.types.regions import Kind
from accordant.types.snapshots import Cut, FieldCut, RegionCut

CUT = Cut(
    9, None, 1, "life", 1,
    {
        "evidence": RegionCut(Kind.LOG, 5, "web", None, "[]"),
        "hypotheses": RegionCut(Kind.LOG, 3, "docs", None, "[]"),
        "tasks": RegionCut(
            Kind.GUARDED_MAP, 8, "ann",
            fields={"review-1": FieldCut("1", 8, "ann", None), "write-1": FieldCut("1", 7, "bob", None)},
        ),
        "firings": RegionCut(Kind.LOG, 9, "scheduler", None, "[]"),
    },
)  # fmt: skip


@pytest.mark.parametrize(
    ("regions", "topics", "newest", "heard", "unheard"),
    [
        (["evidence"], [], ("evidence", 5, "web"), ["evidence", "evidence/x"], ["tasks/1", "evidence2"]),
        (["tasks/write-1"], [], ("tasks/write-1", 7, "bob"), ["tasks/write-1"], ["tasks/write-2", "tasks"]),
        (["evidence", "hypotheses"], [], ("evidence", 5, "web"), ["hypotheses"], ["tasks/1"]),
        ([], ["evidence/**"], ("evidence", 5, "web"), ["evidence", "evidence/a/b"], ["evidence2", "tasks/evidence"]),
        (
            [],
            ["tasks/review-*"],
            ("tasks/review-1", 8, "ann"),
            ["tasks/review-9"],
            ["tasks/review-9/x", "tasks/write-1"],
        ),
        ([], ["*/write-?"], ("", 0, None), ["tasks/write-?"], ["tasks/write-1"]),
        ([], ["tasks/write*"], ("tasks/write-1", 7, "bob"), ["tasks/write.*"], ["tasks"]),
        ([], ["**"], ("firings", 9, "scheduler"), ["anything", "any/thing/at all"], []),
        ([], [], ("tasks", 8, "ann"), ["new", "tasks/x"], ["firings", "turns/a", "coherence/x"]),
        (["missing"], [], ("", 0, None), ["missing"], ["evidence"]),
    ],
)
def test_what_is_watched(
    regions: list[str], topics: list[str], newest: tuple[Any, ...], heard: list[str], unheard: list[str]
) -> None:
    """Events and versions are judged alike: a name is its region, a path its key, `*` one step, `**` everything below."""
    watched = Watched(regions, topics)
    found = watched.newest(CUT)
    assert (found.path, found.version, found.by) == newest
    assert [path for path in (*heard, *unheard) if watched(path)] == heard


def test_what_schedulers_write_wakes_nobody_who_does_not_name_it() -> None:
    """Otherwise each firing would wake everybody who watches the whole document."""
    assert Watched().newest(CUT).path != "firings"
    assert Watched(["firings"]).newest(CUT).version == 9


def test_what_to_subscribe_to() -> None:
    """The regions of all sources together; everything as soon as that cannot be said."""
    assert regions_to_follow([Watched(["a", "b/1"]), Watched([], ["c/**"])], ["turns"]) == ("a", "b", "c", "turns")
    assert regions_to_follow([Watched(["a"]), Watched()]) == ()
    assert regions_to_follow([Watched([], ["*/x"])]) == ()
    assert regions_to_follow([Watched([f"r{n}" for n in range(1_000)])]) == ()


@pytest.mark.parametrize("bad", ["", "\ud800", "x" * 2_000, 7])
def test_names_are_text(bad: Any) -> None:
    """What cannot be a path is refused where it is declared."""
    with pytest.raises(Invalid):
        Watched([bad])
    with pytest.raises(Invalid):
        Watched([], [bad])


def test_a_reason_in_words() -> None:
    """Path, version and author, as a firing's reason says it."""
    assert str(Newest(12, "hypotheses", "web")) == "hypotheses v12 by web"
    assert str(Newest()) == "nothing was written yet"


def test_a_renewed_claim_is_no_write() -> None:
    """A map's newest write is that of its keys: claims are renewed every few seconds, and nobody is woken by it."""
    region = CUT.regions["tasks"]
    renewed = replace(CUT, regions={"tasks": replace(region, version=9)})
    assert Watched(["tasks"]).newest(renewed) == Watched(["tasks"]).newest(CUT)
