"""What "a store works" means for a document's memory: the ladder of checkpoints, pinned versions, who saw what."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from accordant.engine.stores.contract import Compacted, Pin, Sighting
from accordant.testing.store_subject import DOCUMENT, OTHER, Check, Subject, raised, write
from accordant.types.errors import Invalid, StoreError
from accordant.types.memory_limits import (
    LADDER_BYTES_MAX,
    LADDER_RUNGS_MAX,
    PINS_PER_DOCUMENT_MAX,
    SIGHTINGS_PER_DOCUMENT_MAX,
)

__all__ = ["MEMORY_CHECKS"]


async def _grown(subject: Subject, entries: int) -> int:
    epoch = await subject.begin()
    for start in range(1, entries + 1, 250):
        batch = [write(offset, fields=()) for offset in range(start, min(start + 250, entries + 1))]
        await subject.store.commit(DOCUMENT, epoch, batch)
    return epoch


async def _rungs(subject: Subject, head: int) -> list[int]:
    """The offsets of all checkpoints, newest first."""
    found, upto = [], head
    while (one := await subject.store.load(DOCUMENT, upto)) is not None:
        found.append(one.offset)
        upto = one.offset - 1
    return found


async def old_checkpoints_form_a_ladder(subject: Subject) -> None:
    """Of many checkpoints a bounded number stays: the newest, the first, and between them the closer the nearer."""
    await _grown(subject, 1000)
    for offset in range(2, 1001, 2):
        await subject.store.checkpoint(DOCUMENT, offset, b"state %d" % offset)
    rungs = await _rungs(subject, 1000)
    assert len(rungs) == LADDER_RUNGS_MAX
    assert (rungs[0], rungs[-1]) == (1000, 2)
    for newer, older in pairwise(rungs):
        assert newer - older <= max(4, (1000 - older) * 0.25), (newer, older)
    middle = await subject.store.load(DOCUMENT, rungs[5])
    assert middle is not None
    assert middle.state == b"state %d" % rungs[5]


async def large_checkpoints_make_fewer_rungs(subject: Subject) -> None:
    """Beyond the bound of bytes rungs go, but never the newest, the first, or the one that was saved just now."""
    await _grown(subject, 60)
    size = LADDER_BYTES_MAX // 8
    for offset in range(5, 61, 5):
        await subject.store.checkpoint(DOCUMENT, offset, bytes(size))
    rungs = await _rungs(subject, 60)
    assert (rungs[0], rungs[-1], len(rungs)) == (60, 5, 8)
    await subject.store.checkpoint(DOCUMENT, 59, bytes(LADDER_BYTES_MAX))
    assert await _rungs(subject, 60) == [60, 59, 5]


async def a_base_is_kept_with_the_first_bytes_that_go(subject: Subject) -> None:
    """A truncation with a base ends exactly there: that version stays, the ones before it are gone, the ladder above stays."""
    await _grown(subject, 1200)
    for offset in (100, 800, 1200):
        await subject.store.checkpoint(DOCUMENT, offset, b"state %d" % offset)
    assert await subject.store.truncate(DOCUMENT, 700, b"the base") == 700
    assert await _rungs(subject, 1200) == [1200, 800, 700]
    compacted = await raised(Compacted, subject.store.read(DOCUMENT, after=699))
    assert (compacted.checkpoint, compacted.oldest) == (1200, 700)
    assert (await subject.store.read(DOCUMENT, after=700, limit=1))[0].offset == 701
    assert await subject.store.truncate(DOCUMENT, 700, b"the base") == 0
    assert await subject.store.truncate(DOCUMENT, 600, b"too late") == 0
    assert await _rungs(subject, 1200) == [1200, 800, 700]
    assert await subject.store.truncate(DOCUMENT, 9999, b"beyond the head") == 500


async def a_pinned_version_outlives_truncation(subject: Subject) -> None:
    """Its state is what `load` gives for it, whatever the ladder and truncation drop, until it is unpinned."""
    await _grown(subject, 20)
    store = subject.store
    await store.pin(DOCUMENT, 7, b"state 7", "ada", "the numbers of the board meeting")
    await store.pin(DOCUMENT, 3, b"state 3", "bob", "first draft")
    await subject.advance(2.0)
    await store.pin(DOCUMENT, 3, b"state 3", "cy", "still needed")
    pins = await store.pins(DOCUMENT)
    assert [(one.version, one.actor, one.why) for one in pins] == [
        (3, "cy", "still needed"),
        (7, "ada", "the numbers of the board meeting"),
    ]
    assert pins[0].at - pins[1].at == 2000
    assert await store.truncate(DOCUMENT, 20) == 0, "a pinned state is no base"
    await store.checkpoint(DOCUMENT, 12, b"state 12")
    assert await store.truncate(DOCUMENT, 12) == 12
    for upto, offset in ((3, 3), (6, 3), (7, 7), (11, 7), (12, 12), (20, 12)):
        found = await store.load(DOCUMENT, upto)
        assert found is not None
        assert (found.offset, found.state) == (offset, b"state %d" % offset)
    listed = await store.load(DOCUMENT, 7)
    assert listed is not None
    assert len(listed.hash) == 32
    await store.unpin(DOCUMENT, 7)
    await store.unpin(DOCUMENT, 7)
    assert [one.version for one in await store.pins(DOCUMENT)] == [3]
    below = await store.load(DOCUMENT, 11)
    assert below is not None
    assert below.offset == 3


async def pins_are_bounded_and_checked(subject: Subject) -> None:
    """A version that is not there, an unknown document and one pin too many are refused; a pin can be renewed when full."""
    await _grown(subject, PINS_PER_DOCUMENT_MAX + 1)
    store = subject.store
    for version in range(PINS_PER_DOCUMENT_MAX):
        await store.pin(DOCUMENT, version, b"s", "ada", "")
    full = await raised(Invalid, store.pin(DOCUMENT, PINS_PER_DOCUMENT_MAX, b"s", "ada", ""))
    assert full.code == "too_many_pins"
    await store.pin(DOCUMENT, 0, b"s", "bob", "again")
    assert (await store.pins(DOCUMENT))[0] == Pin(0, "bob", "again", (await store.pins(DOCUMENT))[0].at)
    outside = await raised(Invalid, store.pin(DOCUMENT, 999, b"s", "ada", ""))
    assert outside.code == "bad_offset"
    unknown = await raised(StoreError, store.pin(OTHER, 0, b"s", "ada", ""))
    assert unknown.code == "unknown_document"
    assert await store.pins(OTHER) == []
    await store.unpin(OTHER, 1)


async def sightings_say_who_saw_which_version(subject: Subject) -> None:
    """They are found by version, the newest first; one that comes again gets the later time; each document has its own."""
    await _grown(subject, 5)
    await subject.store.create(OTHER, "incarnation-2")
    store = subject.store
    ada = Sighting(3, "ada", "s-1", 7, 1000)
    part = Sighting(3, "ada", "s-1", 7, 1500, ("findings", "tasks/a,b"))
    bob = Sighting(5, "bob ☂", "s-2", 8, 2000)
    early = Sighting(1, "bob ☂", "s-2", 8, 2500)
    await store.note_sightings(DOCUMENT, [ada, part, bob])
    await store.note_sightings(DOCUMENT, [early, replace(ada, at=3000), replace(bob, at=10)])
    await store.note_sightings(OTHER, [ada])
    again = replace(ada, at=3000)
    assert await store.sightings(DOCUMENT, 0, 99, 10) == [bob, part, again, early]
    assert await store.sightings(DOCUMENT, 1, 5, 10) == [part, again, early]
    assert await store.sightings(DOCUMENT, 0, 99, 2) == [bob, part]
    assert await store.sightings(DOCUMENT, 4, 5, 10) == []
    assert await store.sightings(OTHER, 0, 99, 10) == [ada]
    assert await store.sightings("acme/task/q3/nothing", 0, 99, 10) == []
    unknown = await raised(StoreError, store.note_sightings("acme/task/q3/nothing", [ada]))
    assert unknown.code == "unknown_document"


async def sightings_are_bounded(subject: Subject) -> None:
    """Beyond the bound those that were noted first go, whatever their version."""
    await _grown(subject, 1)
    many = [Sighting(version, "ada", "s", 1, version) for version in range(SIGHTINGS_PER_DOCUMENT_MAX, 0, -1)]
    await subject.store.note_sightings(DOCUMENT, many)
    await subject.store.note_sightings(DOCUMENT, [Sighting(9, "bob", "s", 1, 1), Sighting(7, "bob", "s", 1, 1)])
    left = await subject.store.sightings(DOCUMENT, 0, 2**40, SIGHTINGS_PER_DOCUMENT_MAX + 9)
    assert len(left) == SIGHTINGS_PER_DOCUMENT_MAX
    assert left[0].version == SIGHTINGS_PER_DOCUMENT_MAX - 2


MEMORY_CHECKS: tuple[Check, ...] = (
    old_checkpoints_form_a_ladder,
    large_checkpoints_make_fewer_rungs,
    a_base_is_kept_with_the_first_bytes_that_go,
    a_pinned_version_outlives_truncation,
    pins_are_bounded_and_checked,
    sightings_say_who_saw_which_version,
    sightings_are_bounded,
)
