"""The oracle: what guarded fields, sessions and claims must do, in the plainest words, driven beside the real machine.

`GuardedModel` is a Hypothesis state machine. Its own state is a dictionary of cells and one of sessions; it predicts each
answer of the world and compares. It knows nothing of how the product decides.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pure_world import World, claim_write, commit_write, delete_write

from accordant.engine.commands import Submit
from accordant.engine.machine import Machine
from accordant.types.commands import Committed, ReadAnswer, Submission, Write
from accordant.types.entries import EntryKind
from accordant.types.errors import AccordantError, Conflict, Denied, EpochChanged, Fenced
from accordant.types.readings import Token
from accordant.types.regions import Kind, RegionSpec, Schema

SCHEMA = Schema(
    "Model", {"account": RegionSpec("account", Kind.GUARDED), "tasks": RegionSpec("tasks", Kind.GUARDED_MAP)}
)
PATHS = ("account", "tasks/a", "tasks/b")
AGENTS = ("ann", "bob", "cleo")
VALUES = st.sampled_from([0, 1, 2, "", "x", False, [], {"k": 1}])
INDEX = st.one_of(st.integers(0, 2), st.integers(0, 200))
TTL_S = 10


@dataclass
class Cell:
    """One path. `claim`: (generation, until, fence); `lost`: (fence, end, generation)."""

    value: Any = None
    version: int = 0
    by: str | None = None
    is_set: bool = False
    claim: tuple[int, int, int] | None = None
    lost: list[tuple[int, int, int]] = field(default_factory=list)

    def forget_claim(self, version: int) -> None:
        """The claim ended with the write of this version: its holder's readings up to there are worth nothing."""
        if self.claim is not None:
            self.lost.append((self.claim[2], version, self.claim[0]))
        self.claim = None

    def was_held(self, token: Token) -> bool:
        """Whether this was read by the holder of a claim that has ended."""
        return any(fence <= token.version < end and who == token.generation for fence, end, who in self.lost)


@dataclass
class Member:
    """One session, living as long as it is in the table."""

    id: str
    agent: str
    generation: int
    shared: bool
    lease_ms: int | None
    expires_at: int | None


def region_of(path: str) -> tuple[str, str | None]:
    """(region, key) of a path."""
    region, _, key = path.partition("/")
    return region, key or None


class GuardedModel(RuleBasedStateMachine):
    """Agents that read, think, write and die, against a dictionary that says who must win."""

    machine_class: type[Machine] = Machine
    judges_reasons = True
    """Whether a refusal must also be the right one; without it only what lands, and what does not, is compared."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(SCHEMA, self.machine_class)
        self.cells = {path: Cell() for path in PATHS}
        self.members: dict[str, Member] = {}
        self.known: list[tuple[str, str]] = []
        self.readings: list[tuple[str, Token]] = []
        self.saved = {len(self.world.log): copy.deepcopy(self.cells)}

    # -- who is there -----------------------------------------------------------------------------------------

    @initialize()
    def two_agents(self) -> None:
        """Nothing can go wrong with fewer."""
        for agent in AGENTS[:2]:
            self.join(agent, None, False)

    @rule(agent=st.sampled_from(AGENTS), lease_ms=st.sampled_from([None, None, 1_000]), shared=st.booleans())
    def join(self, agent: str, lease_ms: int | None, shared: bool) -> None:
        """A join ends who bore the name, except pool members beside a pool member."""
        self._expire()
        joined = self.world.join(agent, lease_ms, shared)
        for old in [m for m in self.members.values() if m.agent == agent and not (shared and m.shared)]:
            del self.members[old.id]
        expires_at = None if lease_ms is None else self.world.now + lease_ms
        self.members[joined.session] = Member(joined.session, agent, joined.generation, shared, lease_ms, expires_at)
        self.known.append((joined.session, agent))

    @rule(who=INDEX)
    def leave(self, who: int) -> None:
        """Leaving twice is harmless."""
        self._expire()
        session, _ = self._pick(self.known, who)
        self.world.leave(session)
        self.members.pop(session, None)

    @rule(agent=st.sampled_from(AGENTS))
    def fence(self, agent: str) -> None:
        """Every session of the agent ends."""
        self._expire()
        ended = [m.id for m in self.members.values() if m.agent == agent]
        assert self.world.fence(agent) == len(ended)
        for one in ended:
            del self.members[one]

    @rule(ms=st.sampled_from([1, 999, 1_000, TTL_S * 1_000, 3_600_000]))
    def time_passes(self, ms: int) -> None:
        """Leases and claims run out by themselves."""
        self.world.now += ms

    @rule()
    def restart(self) -> None:
        """A new authority on the same log: nobody is a member, nothing that landed is lost."""
        self.members.clear()
        self.world.restart()

    @rule(which=INDEX)
    def restore(self, which: int) -> None:
        """An older copy of the store: what landed after it is gone, and no token from then works."""
        length = self._pick(sorted(self.saved), which)
        self.members.clear()
        self.cells = copy.deepcopy(self.saved[length])
        self.saved = {at: cells for at, cells in self.saved.items() if at <= length}
        self.world.restore(length)

    # -- reading and writing ----------------------------------------------------------------------------------

    @rule(who=INDEX, path=st.sampled_from(PATHS))
    def read(self, who: int, path: str) -> None:
        """A living session reads the current value, version and writer."""
        session, _ = self._pick(self.known, who)
        region, key = region_of(path)
        member, cell = self._act(session), self.cells[path]
        answer = self.world.read(session, region, Kind.GUARDED if key is None else Kind.GUARDED_MAP, key)
        if member is None:
            assert isinstance(answer, Fenced)
            return
        assert isinstance(answer, ReadAnswer)
        assert (answer.value, answer.token.version, answer.by) == (cell.value, cell.version, cell.by)
        assert answer.token.generation == member.generation
        self.readings.append((path, answer.token))

    @precondition(lambda self: self.readings)
    @rule(who=INDEX, which=INDEX, value=VALUES, delete=st.booleans(), twice=st.booleans())
    def write(self, who: int, which: int, value: Any, delete: bool, twice: bool) -> None:
        """A commit or delete lands exactly when its reading is current; the same op id lands once."""
        session, agent = self._pick(self.known, who)
        path, token = self._pick(self.readings, which)
        write = self._write(path, token, value, delete)
        member = self._act(session)
        expected = self._verdict(member, path, token)
        op_id, head = self.world.new_id(), len(self.world.log)
        reply = self.world.submit(session, write, op_id=op_id)
        self._check(reply, expected, path, token, head)
        if expected:
            return
        self._landed(path, value, delete, agent, reply.version, member)
        if twice:
            landed_at = len(self.world.log)
            again = self.world.submit(session, write, op_id=op_id)
            assert isinstance(again, Committed)
            assert (again.version, again.duplicate, len(self.world.log)) == (reply.version, True, landed_at)

    @precondition(lambda self: self.readings)
    @rule(who=INDEX, first=INDEX, second=INDEX, value=VALUES)
    def write_two(self, who: int, first: int, second: int, value: Any) -> None:
        """A transaction lands whole or not at all."""
        session, agent = self._pick(self.known, who)
        one, other = self._pick(self.readings, first), self._pick(self.readings, second)
        if one[0] == other[0]:
            return
        member = self._act(session)
        verdicts = [self._verdict(member, path, token) for path, token in (one, other)]
        reply = self.world.submit(session, *(self._write(path, token, value, False) for path, token in (one, other)))
        if any(verdicts):
            expected = next(filter(None, verdicts)) if self.judges_reasons else AccordantError
            assert isinstance(reply, expected), reply
            return
        assert isinstance(reply, Committed)
        for path, _ in (one, other):
            self._landed(path, value, False, agent, reply.version, member)

    @precondition(lambda self: self.readings)
    @rule(who=INDEX, which=INDEX, value=VALUES)
    def lose(self, who: int, which: int, value: Any) -> None:
        """A commit whose append fails leaves no trace but the passing of time."""
        session, _ = self._pick(self.known, who)
        path, token = self._pick(self.readings, which)
        self._act(session)
        self.world.do_and_lose(
            Submit(session, Submission((self._write(path, token, value, False),), self.world.new_id()))
        )

    # -- claims -----------------------------------------------------------------------------------------------

    @rule(who=INDEX, path=st.sampled_from(PATHS[1:]))
    def claim(self, who: int, path: str) -> None:
        """A key is held by one living session at a time."""
        session, agent = self._pick(self.known, who)
        member, cell = self._act(session), self.cells[path]
        reply = self.world.submit(session, claim_write("tasks", path.split("/")[1], TTL_S))
        holder = self._holder(cell)
        if member is None:
            assert isinstance(reply, Fenced)
        elif holder is not None and holder[0] != member.generation:
            assert isinstance(reply, Conflict)
            assert (reply.code, reply.version) == ("claimed", cell.version)
        else:
            assert isinstance(reply, Committed)
            cell.forget_claim(reply.version)
            cell.version, cell.by = reply.version, agent
            cell.claim = (member.generation, self.world.now + TTL_S * 1_000, reply.version)
            assert reply.answers[0] is not None
            self.readings.append((path, reply.answers[0].token))

    @precondition(lambda self: self.readings)
    @rule(who=INDEX, which=INDEX, op=st.sampled_from(["renew", "release"]))
    def keep_or_let_go(self, who: int, which: int, op: str) -> None:
        """Only the holder renews or releases, and only while it holds."""
        session, agent = self._pick(self.known, who)
        path, token = self._pick(self.readings, which)
        region, key = region_of(path)
        if key is None:
            return
        member, cell = self._act(session), self.cells[path]
        reply = self.world.submit(session, claim_write(region, key, TTL_S, op, token))
        holder = self._holder(cell)
        if self._fenced(member, token) or holder is None or holder[0] != member.generation or token.version < holder[2]:
            assert isinstance(reply, Fenced)
            return
        assert isinstance(reply, Committed)
        cell.by = agent
        if op == "renew":
            cell.claim = (holder[0], self.world.now + TTL_S * 1_000, holder[2])
        else:
            cell.forget_claim(reply.version)
            cell.version = reply.version

    # -- what must always hold --------------------------------------------------------------------------------

    @invariant()
    def fields_are_as_predicted(self) -> None:
        """Every field has the value, version and writer that the model has."""
        for path, cell in self.cells.items():
            found = self.world.machine.state.fields.get(path)
            if found is None:
                assert cell.version == 0
            else:
                assert (found.value, found.version, found.by) == (cell.value, cell.version, cell.by)
                assert found.is_set == cell.is_set

    def teardown(self) -> None:
        """Versions grow, and every committed row had read the version before it (W6)."""
        now: dict[str, int] = {}
        for entry in self.world.entries():
            if entry.kind is not EntryKind.WRITE:
                continue
            for op in entry.ops:
                if op.op in ("commit", "delete"):
                    assert op.read == now.get(op.path, 0), f"{op.path} v{entry.offset} read v{op.read}"
                if not (op.detail or {}).get("keeps_version"):
                    assert entry.offset > now.get(op.path, 0)
                    now[op.path] = entry.offset
        assert now == {path: cell.version for path, cell in self.cells.items() if cell.version}

    # -- the oracle -------------------------------------------------------------------------------------------

    def _pick(self, options: list[Any], index: int) -> Any:
        return options[-1 - index % len(options)]

    def _expire(self) -> None:
        self.members = {m.id: m for m in self.members.values() if m.expires_at is None or m.expires_at > self.world.now}
        self.saved.setdefault(len(self.world.log), copy.deepcopy(self.cells))

    def _act(self, session: str) -> Member | None:
        """A call of this session: leases run out first, then its own is renewed."""
        self._expire()
        member = self.members.get(session)
        if member is not None and member.lease_ms is not None:
            member.expires_at = self.world.now + member.lease_ms
        return member

    def _lives(self, generation: int) -> bool:
        return any(m.generation == generation for m in self.members.values())

    def _holder(self, cell: Cell) -> tuple[int, int, int] | None:
        claim = cell.claim
        return claim if claim and claim[1] > self.world.now and self._lives(claim[0]) else None

    def _fenced(self, member: Member | None, token: Token) -> bool:
        return member is None or token.epoch != self.world.machine.epoch or not self._lives(token.generation)

    def _verdict(self, member: Member | None, path: str, token: Token) -> type[AccordantError] | None:
        """The error that a write must meet, None when it must land."""
        cell = self.cells[path]
        if member is None:
            return Fenced
        if token.epoch != self.world.machine.epoch:
            return EpochChanged
        if not self._lives(token.generation) or cell.was_held(token):
            return Fenced
        if token.version != cell.version:
            return Conflict
        holder = self._holder(cell)
        if holder is not None:
            return None if holder[0] == member.generation else Denied
        return Fenced if cell.claim is not None and cell.claim[0] == member.generation else None

    def _check(self, reply: Any, expected: type[AccordantError] | None, path: str, token: Token, head: int) -> None:
        cell = self.cells[path]
        if expected is None:
            assert isinstance(reply, Committed), reply
            assert not reply.duplicate
            assert reply.version > cell.version
            return
        if not self.judges_reasons:
            assert isinstance(reply, AccordantError), f"{path} v{token.version} landed, {expected.__name__} was due"
            return
        assert isinstance(reply, expected), reply
        if isinstance(reply, Conflict):
            assert (reply.version, reply.writer, reply.fields["value"]) == (cell.version, cell.by, cell.value)
            assert (reply.fields["yours"], reply.retryable) == (token.version, True)
            last = self.world.entries()[-1]
            if last.kind is EntryKind.DENIAL and last.offset > head:  # repeated failures are counted, not repeated
                assert last.info["beaten_by"] == {"actor": cell.by, "version": cell.version}
                assert last.ops[0].read == token.version

    def _landed(self, path: str, value: Any, delete: bool, agent: str, version: int, member: Member | None) -> None:
        cell = self.cells[path]
        cell.value, cell.is_set = (None, False) if delete else (value, True)
        if delete or self._holder(cell) is None:
            cell.forget_claim(version)
        cell.version, cell.by = version, agent

    def _write(self, path: str, token: Token, value: Any, delete: bool) -> Write:
        region, key = region_of(path)
        return delete_write(region, token, key) if delete else commit_write(region, value, token, key)
