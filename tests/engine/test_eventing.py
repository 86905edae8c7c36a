"""From entries to events: everything a subscriber is told is in the entry, and each is told its share."""

from __future__ import annotations

from typing import Any

import pytest

from accordant.engine.eventing import Interest, events_of, noted, refs_of
from accordant.types.access import READ, Allowance, Grant
from accordant.types.entries import Entry, EntryKind, OpRecord, entry_from, header_json
from accordant.types.events import Event, EventKind, EventQuery, Invalidated, SecondWriter, WriteDenied
from accordant.types.memory_limits import EVENT_PATHS_MAX, EVENT_REFS_MAX


def entry(*ops: OpRecord, kind: EntryKind = EntryKind.WRITE, offset: int = 9, **fields: Any) -> Entry:
    """As it is read back from a store: through its header's text."""
    made = Entry(offset, kind, 1000, "web", "s", 2, ops=ops, **fields)
    return entry_from(offset, header_json(made), None, b"")


def append(region: str, count: int) -> OpRecord:
    return OpRecord(region, "append", None, None, {"count": count})


ALL = Interest()


def told(entry: Entry, *regions: str, agent: str = "me", grant: Grant | None = None, **query: Any) -> list[Event]:
    interest = Interest.of(EventQuery(regions, **query), grant or Grant())
    shares = [interest.narrow(event, [agent]) for event in events_of(entry)]
    return [share for share in shares if share is not None]


def test_a_write_is_one_event_with_the_refs_of_its_items() -> None:
    """Items are numbered within their region and version, over several operations of one entry."""
    [event] = events_of(entry(append("findings", 2), OpRecord("tasks", "commit", "7", 3), append("findings", 1)))
    assert (event.version, event.kind, event.actor, event.at) == (9, EventKind.WRITE, "web", 1000)
    assert event.paths == ("findings", "tasks/7")
    assert event.refs == ("findings@9.0", "findings@9.1", "findings@9.2")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (EntryKind.EPOCH, EventKind.AUTHORITY),
        (EntryKind.SCHEMA, EventKind.SCHEMA),
        (EntryKind.JOIN, EventKind.JOIN),
        (EntryKind.LEAVE, EventKind.LEAVE),
        (EntryKind.REFUSAL, EventKind.REFUSAL),
    ],
)
def test_every_kind_of_entry_has_its_event(kind: EntryKind, expected: EventKind) -> None:
    """An epoch is told as an authority; the others bear the entry's kind."""
    [event] = events_of(entry(kind=kind))
    assert event.kind is expected


def test_a_denial_says_who_was_beaten_by_whom() -> None:
    """Whether by a newer value or by a stale basis: both versions, the winner, and how often."""
    op = OpRecord("account", "commit", None, 4)
    info: dict[str, Any] = {"code": "stale_version", "times": 2, "beaten_by": {"actor": "bot", "version": 7}}
    [denied] = events_of(entry(op, kind=EntryKind.DENIAL, info=info, outcome="conflict"))
    assert isinstance(denied, WriteDenied)
    assert (denied.actor, denied.beaten_by, denied.yours, denied.current, denied.times) == ("web", "bot", 4, 7, 2)
    stale = {"code": "stale_basis", "stale": [{"path": "draft", "yours": 1, "current": 5, "changed_by": "ann"}]}
    [denied] = events_of(entry(op, kind=EntryKind.DENIAL, info=stale, outcome="stale"))
    assert isinstance(denied, WriteDenied)
    assert (denied.beaten_by, denied.yours, denied.current, denied.code) == ("ann", 1, 5, "stale_basis")


RETRACTED = {
    "ref": "findings@3.0",
    "act": "retract",
    "replacement": None,
    "suspects": [["report@4.0", "findings@3.0"]],
    "readers": {"findings@3.0": ["me", "ann"], "report@4.0": ["me"]},
}


def retraction() -> Entry:
    return entry(OpRecord("findings", "retract", None, 3), kind=EntryKind.RETRACTION, info=RETRACTED, why="wrong")


def test_a_retraction_is_told_to_its_path_and_to_those_who_have_read_it() -> None:
    """Readers are told of each ref that they have read, whatever regions they follow; nobody else is."""
    [first, second, event] = told(retraction(), "findings", agent="me")
    assert isinstance(first, Invalidated)
    assert isinstance(second, Invalidated)
    assert (first.ref, first.because, first.is_suspect, first.why) == ("findings@3.0", "findings@3.0", False, "wrong")
    assert (second.ref, second.because, second.is_suspect) == ("report@4.0", "findings@3.0", True)
    assert event.kind is EventKind.RETRACTION
    assert [one.kind for one in told(retraction(), "elsewhere", agent="ann")] == [EventKind.INVALIDATED]
    assert told(retraction(), "elsewhere", agent="bob") == []
    assert told(retraction(), agent="ann", kinds=frozenset({EventKind.WRITE})) == []


def test_who_may_not_read_a_region_hears_nothing_of_it() -> None:
    """No event, no path, no ref, no cause and no count of what is not granted."""
    grant = Grant(allow=(Allowance("report", frozenset({READ})),))
    both = entry(append("findings", 2), append("report", 1))
    [event] = told(both, grant=grant)
    assert (event.paths, event.refs) == (("report",), ("report@9.0",))
    assert told(entry(append("findings", 2)), grant=grant) == []
    assert told(entry(kind=EntryKind.JOIN), grant=grant) == []
    [invalidated] = told(retraction(), grant=grant, agent="me")
    assert isinstance(invalidated, Invalidated)
    assert (invalidated.because, invalidated.why, invalidated.replacement) == ("report@4.0", None, None)


def test_a_filter_names_regions_or_paths() -> None:
    """A region stands for its keys; a key hears of itself, and of what may have been it."""
    one, other = entry(OpRecord("tasks", "commit", "7", 3)), entry(OpRecord("tasks", "commit", "8", 3))
    assert (
        len(told(one, "tasks")) == len(told(one, "tasks/7")) == len(told(entry(OpRecord("tasks", "x")), "tasks/7")) == 1
    )
    assert told(other, "tasks/7") == told(one, "task") == told(one, "draft") == []


def test_what_has_no_path_is_told_to_who_follows_everything_or_asks_for_it() -> None:
    """A join is nothing to who follows one region, unless it names that kind."""
    join = entry(kind=EntryKind.JOIN)
    assert len(told(join)) == len(told(join, "draft", kinds=frozenset({EventKind.JOIN}))) == 1
    assert told(join, "draft") == []


def test_a_write_into_the_findings_of_a_coherence_pass_is_a_contradiction() -> None:
    """It is told as one, and at once: it is part of no batch."""
    found = noted(entry(append("coherence", 1)), {}, "b")
    assert [event.kind for event in events_of(found)] == [EventKind.CONTRADICTION]


def test_a_second_writer_is_told_beside_the_write() -> None:
    """The event names both, and comes at once even when the write is part of a batch."""
    alone = noted(entry(append("draft", 1)), {"draft": "ann"}, None)
    [second, write] = events_of(alone)
    assert isinstance(second, SecondWriter)
    assert (second.actor, second.before, second.path, write.kind) == ("web", "ann", "draft", EventKind.WRITE)
    [second] = events_of(noted(entry(append("draft", 1)), {"draft": "ann"}, "b"))
    assert isinstance(second, SecondWriter)


def test_a_batch_is_one_event_with_each_subscribers_share() -> None:
    """Its writes are silent, its end says them all; who follows one region hears how many touched that."""
    assert events_of(noted(entry(append("findings", 1)), {}, "b")) == []
    info = {
        "batch": "b", "first": 3, "count": 6, "paths": ["findings", "tasks/7"],
        "refs": ["findings@3.0"], "regions": {"findings": 5, "tasks": 1},
    }  # fmt: skip
    end = entry(kind=EntryKind.BATCH, info=info)
    [event] = told(end)
    assert type(event) is Event
    assert (event.kind, event.count, event.first, event.version, event.batch) == (EventKind.WRITE, 6, 3, 9, "b")
    [share] = told(end, "tasks")
    assert (share.count, share.paths, share.refs) == (1, ("tasks/7",), ())
    assert told(end, "draft") == []


def test_an_event_is_bounded_after_its_share_is_taken() -> None:
    """Of many paths and refs the first are named; a path far down the entry still reaches who follows it."""
    ops = [OpRecord("tasks", "commit", str(n), 1) for n in range(300)]
    [event] = told(entry(*ops))
    assert len(event.paths) == EVENT_PATHS_MAX
    [event] = told(entry(*ops), "tasks/299")
    assert event.paths == ("tasks/299",)
    assert len(refs_of(entry(append("findings", 1000)))) == EVENT_REFS_MAX
