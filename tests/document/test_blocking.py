"""The blocking facade: the same handles for callers without a loop."""

import threading
from pathlib import Path

import pytest

from accordant import Conflict, Counter, Document, Guarded, Invalid, Log, Namespace, NoAuthority, blocking, region


class Brief(Document):
    status: Guarded[str] = region(default="open")
    findings: Log[str]
    citations: Counter


def test_the_same_methods_block(tmp_path: Path) -> None:
    """Read, commit, lose, derive again, and land several writes at once, without a loop."""
    with blocking.Engine(tmp_path / "a.db") as engine:
        a = engine.open(Brief, Namespace.task("t", "x"), "brief", agent="a")
        b = engine.open(Brief, Namespace.task("t", "x"), "brief", agent="b")
        old = b.status.read()
        a.status.commit("closed", expect=a.status.read())
        with pytest.raises(Conflict) as lost:
            b.status.commit("late", expect=old)
        assert lost.value.value == "closed"
        b.status.update(lambda text: text + "!")
        with a.transaction(why="both") as tx:
            tx.status.commit("done", expect=a.status.read())
            tx.findings.append("x")
        assert a.findings.read().value == ["x"]
        with pytest.raises(KeyError), a.transaction() as tx:
            tx.findings.append("never")
            raise KeyError
        assert a.findings.read().value == ["x"]
        assert a.history("status", limit=1)[0].why == "both"
        assert engine.fence("b") == 1
        with a:
            pass
    with pytest.raises(NoAuthority):
        engine.open(Brief, Namespace.task("t", "x"), "brief", agent="a")
    with pytest.raises(NoAuthority):
        a.status.read()


def test_many_threads_share_one_engine() -> None:
    """Eight threads, a thousand increments each: eight thousand."""
    with blocking.Engine() as engine:
        handles = [engine.open(Brief, Namespace.shared(), "b", agent=f"t{n}") for n in range(8)]

        def work(handle: Brief) -> None:
            for _ in range(100):
                handle.citations.increment(10)

        threads = [threading.Thread(target=work, args=(handle,)) for handle in handles]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert handles[0].citations.read().value == 8_000


def test_a_blocking_call_inside_a_derivation_is_told_and_not_waited_for() -> None:
    """It would wait for itself: a typed error instead, and the engine goes on."""
    with blocking.Engine() as engine:
        a = engine.open(Brief, Namespace.shared(), "b", agent="a")
        with pytest.raises(Invalid) as refused:
            a.status.update(lambda status: f"{status} {a.citations.read().value}")
        assert refused.value.code == "blocking_inside"
        assert a.status.update(lambda status: f"{status}!").value == "open!"


def test_snapshots_and_the_past_block_too(tmp_path: Path) -> None:
    """A snapshot is read by path and by region, names itself as a basis, and old versions, retractions and questions about the
    past come without a loop."""
    with blocking.Engine(tmp_path / "a.db") as engine:
        doc = engine.open(Brief, Namespace.task("t", "x"), "brief", agent="a")
        ref = doc.findings.append("churn is 4.1%")
        snap = doc.snapshot()
        assert snap["findings"].value == snap.findings.read().value == ["churn is 4.1%"]
        assert ("findings" in snap, len(snap), snap.version) == (True, 3, doc.version)
        assert "4.1%" in snap.render(budget=500)
        doc.citations.increment(2, derived_from=snap)
        assert doc.at(snap.version).citations.read().value == 0
        done = doc.retract(ref, why="no", correction="churn is 1.4%")
        assert doc.findings.read().standing == ["churn is 1.4%"]
        assert done.suspects == (f"citations@{snap.version + 1}",)
        assert [one.actor for one in doc.trace("4.1%").appearances] == ["a"]
        with pytest.raises(Conflict):
            doc.retract(ref)


def test_the_past_is_asked_without_a_loop() -> None:
    """Blame, why, trace and diff block and answer with values."""
    with blocking.Engine() as engine:
        brief = engine.open(None, Namespace.task("acme", "q3"), "past", agent="ada")
        before = brief.version
        brief.text("draft").append("Churn is 4.1%.")
        assert [run.actor for run in brief.blame("draft")] == ["ada"]
        assert brief.why("draft").entry["actor"] == "ada"
        assert [one.path for one in brief.trace("4.1%").appearances] == ["draft"]
        assert [one.region for one in brief.diff(before)] == ["draft"]
