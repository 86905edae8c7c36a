"""Both stores against a model that is a few dictionaries: whatever is asked in whatever order, all three answer
alike."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from subjects import START_S

from accordant.engine.stores.contract import (
    ALL,
    Appended,
    AuditQuery,
    Commit,
    Compacted,
    FieldWrite,
    GuardFailed,
    Lease,
    Outcome,
    Store,
    StoreFenced,
)
from accordant.engine.stores.memory import MemoryStore
from accordant.engine.stores.sqlite import SqliteStore
from accordant.testing.store_contract import write
from accordant.types.entries import Entry
from accordant.types.errors import NoAuthority

DOCUMENTS = ["a/task/x/one", "a/task/x/two"]
PATHS = ["account", "tasks/1", "tasks/2", "tasks2"]
HOLDERS = ["ada", "bob"]
documents = st.sampled_from(DOCUMENTS)


class StoresAgainstModel(RuleBasedStateMachine):
    """`expected` is what a store must be by the contract's words alone."""

    @initialize()
    def begin(self) -> None:
        self.now_s = START_S
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.sqlite = self._open_sqlite()
        self.stores: list[Store] = [MemoryStore(clock=lambda: self.now_s), self.sqlite]
        self.entries: dict[str, list[Commit]] = {document: [] for document in DOCUMENTS}
        self.versions: dict[str, dict[str, int]] = {document: {} for document in DOCUMENTS}
        self.checkpoints: dict[str, int] = dict.fromkeys(DOCUMENTS, 0)
        self.dropped: dict[str, int] = dict.fromkeys(DOCUMENTS, 0)
        self.lease: tuple[str, int, float] | None = None  # holder, epoch, end
        self.leases: list[tuple[Lease, Lease]] = []
        for document in DOCUMENTS:
            self._both("create", document, "i")

    def _open_sqlite(self) -> SqliteStore:
        store = SqliteStore(Path(self.folder.name) / "s.db", durability="process", clock=lambda: self.now_s)
        self.runner.run(store.open())
        return store

    def _both(self, name: str, *arguments: Any) -> Any:
        """The one answer of both stores, or the one error."""
        answers = [self._one(store, name, arguments) for store in self.stores]
        assert answers[0] == answers[1]
        return answers[0]

    def _one(self, store: Store, name: str, arguments: tuple[Any, ...]) -> Any:
        try:
            return self.runner.run(getattr(store, name)(*arguments))
        except (NoAuthority, Compacted) as error:
            return (type(error), str(error))

    @rule(holder=st.sampled_from(HOLDERS), ttl_s=st.sampled_from([1.0, 5.0]))
    def acquire(self, holder: str, ttl_s: float) -> None:
        answer = self._both("acquire", ALL, holder, ttl_s)
        held_by_other = self.lease is not None and self.lease[0] != holder and self.lease[2] > self.now_s
        assert isinstance(answer, Lease) != held_by_other
        if isinstance(answer, Lease):
            assert answer.epoch > max((lease.epoch for lease, _ in self.leases), default=0)
            self.lease = (holder, answer.epoch, self.now_s + ttl_s)
            self.leases.append((answer, answer))

    @rule(seconds=st.sampled_from([0.5, 3.0]))
    def time_passes(self, seconds: float) -> None:
        self.now_s += seconds

    @rule(which=st.integers(0, 3))
    def release(self, which: int) -> None:
        if self.leases:
            lease, _ = self.leases[-1 - which % len(self.leases)]
            self._both("release", lease)
            if self.lease is not None and self.lease[1] == lease.epoch:
                self.lease = (self.lease[0], self.lease[1], 0.0)

    @rule(which=st.integers(0, 2))
    def renew(self, which: int) -> None:
        if self.leases:
            lease, _ = self.leases[-1 - which % len(self.leases)]
            answer = self._both("renew", lease, 4.0)
            assert isinstance(answer, Lease) == (self.lease is not None and self.lease[1] == lease.epoch)
            if isinstance(answer, Lease):
                self.lease = (lease.holder, lease.epoch, self.now_s + 4.0)

    @rule(
        document=documents,
        asked=st.lists(
            st.tuples(
                st.sampled_from(PATHS),
                st.sampled_from([0, 0, 0, 0, 1, -1]),  # how far off the expected offset is
                st.sampled_from([None, "op-1", "op-2", "op-3"]),
                st.sampled_from(["none", "current", "stale"]),
                st.booleans(),
            ),
            min_size=1,
            max_size=4,
        ),
        stale_epoch=st.sampled_from([False, False, False, True]),
    )
    def commit(self, document: str, asked: list[tuple[str, int, str | None, str, bool]], stale_epoch: bool) -> None:
        newest = 0 if self.lease is None else self.lease[1]
        epoch = self.leases[0][0].epoch if stale_epoch and self.leases else newest
        head = len(self.entries[document])
        commits = []
        for place, (path, off_by, op_id, guard, deletes) in enumerate(asked):
            offset = max(1, head + 1 + place + off_by)
            version = self.versions[document].get(path, 0)
            guards = {"none": {}, "current": {path: version}, "stale": {path: version + 1}}[guard]
            field = FieldWrite(path, None if deletes else f'"{offset}"', "ada", 1)
            commits.append(write(offset, path, op_id=op_id, guards=guards, fields=[field], at=offset * 10))
        outcomes = self._both("commit", document, epoch, commits)
        for one, outcome in zip(commits, outcomes, strict=True):
            self._expect(document, epoch, newest, one, outcome)

    def _expect(self, document: str, epoch: int, newest: int, commit: Commit, outcome: Outcome) -> None:
        log, versions = self.entries[document], self.versions[document]
        landed = [at for at, one in enumerate(log, 1) if one.entry.op_id and one.entry.op_id == commit.entry.op_id]
        failed = {path: versions.get(path, 0) for path, read in commit.guards.items() if versions.get(path, 0) != read}
        if landed:
            assert isinstance(outcome, Appended)
            assert (outcome.offset, outcome.duplicate) == (landed[0], True)
        elif epoch != newest or not newest:
            assert outcome == StoreFenced(newest)
        elif commit.entry.offset != len(log) + 1:
            assert outcome == GuardFailed({"": len(log)})
        elif failed:
            assert outcome == GuardFailed(failed)
        else:
            assert isinstance(outcome, Appended)
            log.append(commit)
            assert outcome.offset == len(log)
            versions.update({field.path: len(log) for field in commit.fields})

    @rule(document=documents, share=st.floats(0, 1))
    def checkpoint(self, document: str, share: float) -> None:
        offset = int(len(self.entries[document]) * share)
        self._both("checkpoint", document, offset, b"state %d" % offset)
        self.checkpoints[document] = max(self.checkpoints[document], offset)

    @rule(document=documents, upto=st.integers(0, 12))
    def truncate(self, document: str, upto: int) -> None:
        end = min(upto, self.checkpoints[document])
        assert self._both("truncate", document, upto) == max(0, end - self.dropped[document])
        self.dropped[document] = max(end, self.dropped[document])

    @rule()
    def restart(self) -> None:
        self.runner.run(self.sqlite.close())
        self.sqlite = self._open_sqlite()
        self.stores[1] = self.sqlite
        if self.lease is not None and self.lease[2] > self.now_s:  # in memory nobody has died
            for store in self.stores:
                self.runner.run(store.release(self.leases[-1][0]))
            self.lease = (self.lease[0], self.lease[1], 0.0)

    @invariant()
    def logs_are_what_landed(self) -> None:
        if not hasattr(self, "runner"):
            return
        for document in DOCUMENTS:
            log, dropped = self.entries[document], self.dropped[document]
            assert (self._both("read", document)[0] is Compacted) if dropped else True
            entries = self._both("read", document, dropped)
            assert [entry.offset for entry in entries] == list(range(dropped + 1, len(log) + 1))
            assert [entry.update for entry in entries] == [one.entry.update for one in log[dropped:]]
            head, rows = self._both("fields", document)
            assert head == len(log)
            assert {row.path: row.version for row in rows} == self.versions[document]

    @invariant()
    def audits_find_what_is_in_the_log(self) -> None:
        if not hasattr(self, "runner"):
            return
        for document in DOCUMENTS:
            for path, touched in (("tasks", ("tasks/1", "tasks/2")), ("tasks2", ("tasks2",))):
                found: list[Entry] = self._both("audit", AuditQuery(document, path=path, since=30, oldest_first=True))
                log = enumerate(self.entries[document], 1)
                assert [entry.offset for entry in found] == [
                    at for at, one in log if at >= 3 and one.entry.ops[0].path in touched
                ]
            self._both("load", document, self.dropped[document] + 2)

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.runner.run(self.sqlite.close())
            self.runner.close()
            self.folder.cleanup()


TestStoresAgainstModel = StoresAgainstModel.TestCase
TestStoresAgainstModel.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
