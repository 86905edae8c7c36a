"""What `accordant doctor` says of the work done: hot fields, claims, authorities, the chain, and simpler patterns."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from accordant.cli.doctor import examine
from accordant.cli.doctor_work import Chain, HotField, Work, work_of
from accordant.types.entries import GENESIS, Entry, EntryKind, OpRecord, content_hash, header_json
from accordant.types.regions import Kind
from audited_store import KEY, answer, change, run, written


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("story") / "state.db")


def schema(**regions: dict[str, Any]) -> Entry:
    return Entry(1, EntryKind.SCHEMA, 0, "ann", info={"schema": {"name": "Brief", "regions": regions}})


def write(actor: str, region: str, op: str, key: str | None = None, *, at: int = 2, **detail: Any) -> Entry:
    read = 1 if op in ("commit", "delete") else None
    return Entry(at, EntryKind.WRITE, at * 1000, actor, "s", 2, ops=(OpRecord(region, op, key, read, detail),))


def denied(path: str, times: int, outcome: str = "conflict") -> Entry:
    info = {"code": "stale_version", "times": times}
    region, _, key = path.partition("/")
    op = OpRecord(region, "commit", key or None, 3)
    return Entry(3, EntryKind.DENIAL, 0, "bob", "s", 2, ops=(op,), outcome=outcome, info=info)


def chained(entries: list[Entry]) -> list[Entry]:
    """The same with the offsets and hashes of a log."""
    linked: list[Entry] = []
    for n, entry in enumerate(entries, start=1):
        entry = replace(entry, offset=n)
        before = linked[-1].hash if linked else GENESIS
        linked.append(replace(entry, hash=content_hash(before, n, header_json(entry), entry.update)))
    return linked


def shown(work: Work) -> str:
    out = io.StringIO()
    Console(file=out, width=100).print(work.shown())
    return out.getvalue()


def test_hot_fields_and_useful_work() -> None:
    """Per path how many commits landed and how many lost, repetitions counted once; the share of all that landed."""
    entries = [write("ann", "plan", "commit", at=n) for n in range(6)]
    entries += [denied("plan", times) for times in (1, 2, 4)] + [denied("tasks/7", 1, "fenced")]
    entries += [
        write("ann", "tasks", "commit", "7"),
        write("ann", "tasks", "commit", "8"),
        write("ann", "log", "append"),
    ]
    found = work_of(entries)
    assert found.hot == (HotField("plan", 6, 4), HotField("tasks/7", 1, 1))
    assert (found.landed, found.lost, found.useful) == (8, 5, 8 / 13)
    assert found.to_json()["hot"][0] == {"path": "plan", "landed": 6, "lost": 4, "useful": 0.6}
    text = shown(found)
    assert "62% of the commits landed" in text
    assert "60%" in text
    assert work_of([]).useful is None


def test_denials_that_are_no_races_are_not_lost_work() -> None:
    """Whoever may not write has not lost a race."""
    assert work_of([denied("plan", 3, "denied")]).lost == 0


def test_a_claim_that_nobody_let_go_is_told() -> None:
    """Run out and not released: with its holder and whether its session had ended; released, renewed or living ones are not."""

    def claim(path: str, until: int, at: int, op: str = "claim") -> Entry:
        fence = None if op == "claim" else 5
        return write("w1", "tasks", op, path, at=at, value=None, is_set=False, claim=["w1", 7, until, fence])

    left = Entry(30, EntryKind.LEAVE, 0, "w1", generation=7)
    entries = [
        claim("a", 1_000, 10),
        claim("b", 9_000, 11),
        claim("c", 1_000, 12),
        write("w1", "tasks", "release", "c", at=13, value=None, is_set=False),
        claim("d", 1_000, 14),
        claim("d", 9_000, 15, "renew"),
    ]
    [orphan] = work_of(entries, now_ms=5_000).claims
    assert (orphan.path, orphan.agent, orphan.version, orphan.has_left) == ("tasks/a", "w1", 10, False)
    [orphan] = work_of([*entries, left], now_ms=5_000).claims
    assert orphan.to_json()["session_ended"] is True
    found = examine(KEY, 1, [schema()], entries, work_of(entries, now_ms=5_000))
    assert any(hint.startswith("tasks/a: claimed by w1 in v10 and never released") for hint in found.hints)


def test_how_far_back_the_chain_is_whole() -> None:
    """To the first entry; to where bytes were let go; not past an entry that was changed."""
    entries = chained([write("ann", "log", "append", at=n) for n in range(1, 9)])
    head = entries[-1].hash
    assert work_of(entries, head).chain == Chain(1)
    assert work_of(entries[3:], head).chain == Chain(5), "the one before the first is not at hand"
    changed = [*entries[:4], replace(entries[4], actor="eve", update=b"x"), *entries[5:]]
    assert work_of(changed, head).chain == Chain(6, 5)
    assert work_of(entries, b"other").chain == Chain(None, 8)
    compacted = chained([replace(entry, update=b"bytes") for entry in entries])
    kept = [replace(entry, update=None) if entry.offset < 4 else entry for entry in compacted]
    assert work_of(kept, compacted[-1].hash).chain == Chain(4)
    found = work_of(changed, head)
    assert "BROKEN at version 5" in shown(found)
    assert any("run accordant verify" in hint for hint in found.hints())


def test_of_a_real_store(store: Path, tmp_path: Path) -> None:
    """Authorities, incarnation, window, shares and the chain are in the answer; a changed file is noticed."""
    found = answer("doctor", store)
    work = found["work"]
    assert (work["authorities"], work["chain"]) == (1, {"whole_from": 1, "broken": None})
    assert len(work["incarnation"]) == 32
    assert work["window"]["since"] < work["window"]["until"]
    assert work["hot"] == [{"path": "account", "landed": 2, "lost": 3, "useful": 0.4}]
    assert next(one for one in found["regions"] if one["region"] == "findings")["shares"] == {
        "triage": 0.5,
        "enrichment": 0.5,
    }
    assert answer("doctor", store, "--last", 3)["work"]["chain"]["whole_from"] == found["head"] - 1
    damaged = written(tmp_path / "damaged.db")
    change(damaged, "update documents set head_hash = ?", (b"x" * 32,))
    refused = run("doctor", damaged)
    assert (refused.exit_code, f"entry {found['head']}" in refused.output) == (4, True)


@pytest.mark.parametrize(("share", "is_told"), [(97, True), (60, False)])
def test_what_a_single_writer_could_delete(share: int, is_told: bool) -> None:
    """With 97 of 100 writes by one agent the hint names what could go, by the region's kind; with 60 there is none."""
    entries = [write("web" if n < share else "docs", "plan", "commit") for n in range(100)]
    hints = examine(KEY, 1, [schema(plan={"kind": Kind.GUARDED.value})], entries).hints
    told = [hint for hint in hints if "could be deleted: its update() loops" in hint]
    assert bool(told) is is_told


CHANNEL = {
    "findings": {"kind": "log", "writers": ["lead"]},
    "findings_proposals": {"kind": "log"},
    "findings_decisions": {"kind": "guarded_map", "writers": ["lead"]},
}


def decided(outcome: str, count: int) -> list[Entry]:
    value = {"outcome": outcome}
    return [write("lead", "findings_decisions", "commit", f"{outcome}{n}", value=value) for n in range(count)]


def test_a_channel_that_decides_nothing() -> None:
    """Where all is accepted, or one worker proposes it all, a log would do; where something is turned down, it earns its keep."""

    def told(*entries: Entry) -> list[str]:
        return [hint for hint in examine(KEY, 1, [schema(**CHANNEL)], entries).hints if hint.startswith("findings: ")]

    [hint] = told(*decided("accepted", 30))
    assert (
        hint
        == "findings: all 30 proposals were accepted; a Log that its workers append to would do, without a supervisor"
    )
    assert told(*decided("accepted", 30), *decided("rejected", 1)) == []
    assert told(*decided("accepted", 5)) == []
    [hint] = told(*(write("web", "findings_proposals", "append") for _ in range(25)))
    assert 'region(writers="web") would do, without a queue' in hint
    assert told(*(write(f"w{n % 3}", "findings_proposals", "append") for n in range(25))) == []


def test_a_block_that_nobody_rewrites() -> None:
    """Only additions: a text would do, without a lease."""
    specs = {"memory": {"kind": "text"}, "memory_lease": {"kind": "guarded_map"}}

    def told(*entries: Entry) -> list[str]:
        hints = examine(KEY, 1, [schema(**specs)], entries).hints
        return [hint for hint in hints if "without a lease" in hint]

    adds = [write(f"w{n % 3}", "memory", "append") for n in range(25)]
    assert len(told(*adds)) == 1
    assert told(*adds, write("c", "memory", "compact")) == []
    assert told(*adds[:5]) == []
