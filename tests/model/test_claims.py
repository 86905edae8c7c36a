"""Claims on keys of a guarded map: twenty agents race for one task on virtual time, five hundred times (C4)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import pytest
from pure_world import World, claim_write, commit_write

from accordant import Conflict, Denied, Document, Engine, Fenced, GuardedMap, Invalid, Namespace
from accordant.engine import guard
from accordant.engine.guard import LOST_CLAIMS_KEPT, Field
from accordant.engine.stores.memory import MemoryStore
from accordant.types.commands import Committed
from accordant.types.errors import AccordantError
from accordant.types.readings import Token
from accordant.types.regions import Kind, RegionSpec, Schema

SCHEMA = Schema("Board", {"tasks": RegionSpec("tasks", Kind.GUARDED_MAP)})
AGENTS = 20
STEPS = 120
TTL_MS = 1_000


@dataclass
class Belief:
    """What an agent was told: it holds the task until then."""

    session: str
    token: Token
    until: int


class Race:
    """Agents that claim, work, renew, release, stall and die. Each judges by what it was told alone."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.world = World(SCHEMA)
        self.sessions = {f"agent-{n}": "" for n in range(AGENTS)}
        for agent in self.sessions:
            self.sessions[agent] = self.world.join(agent).session
        self.beliefs: dict[str, Belief] = {}
        self.fences: list[int] = []
        self.landed: list[str] = []
        self.wins = self.refusals = 0

    def run(self) -> None:
        """Play, and check after each step that at most one agent believes that it holds the task."""
        for _ in range(STEPS):
            self.world.now += self.dice.choice([0, 1, 10, 100, TTL_MS // 2, TTL_MS])
            agent = self.dice.choice([*self.sessions, *list(self.beliefs) * 10])
            act = self.dice.choices(
                [self.claim, self.work, self.renew, self.release, self.die, self.restart], [20, 6, 2, 2, 1, 0.2]
            )[0]
            act(agent)
            holders = [who for who, belief in self.beliefs.items() if belief.until > self.world.now]
            assert len(holders) <= 1, f"{holders} hold the task at {self.world.now}"

    def claim(self, agent: str) -> None:
        """Refused exactly while somebody else holds it."""
        others = [who for who, held in self.beliefs.items() if who != agent and held.until > self.world.now]
        reply = self.world.submit(self.sessions[agent], claim_write("tasks", "one", TTL_MS / 1_000))
        if others:
            assert isinstance(reply, Conflict)
            assert (reply.code, reply.fields["holder"]) == ("claimed", others[0])
            self.refusals += 1
            return
        assert isinstance(reply, Committed), reply
        assert reply.version > max(self.fences, default=0), "a fencing token only grows"
        self.fences.append(reply.version)
        self.wins += 1
        self._told(agent, reply)

    def work(self, agent: str) -> None:
        """Who holds the task writes; whose claim ran out is fenced, whether or not somebody else took it."""
        belief = self.beliefs.get(agent)
        if belief is None:
            return
        reply = self.world.submit(belief.session, commit_write("tasks", f"by {agent}", belief.token, "one"))
        if belief.until > self.world.now:
            assert isinstance(reply, Committed), reply
            self.landed.append(agent)
            belief.token = reply.answers[0].token  # type: ignore[union-attr]
        else:
            # A holder that lost its claim so many claims ago is told of a plain conflict: that memory is bounded.
            claims_since = sum(fence > belief.token.version for fence in self.fences)
            assert isinstance(reply, Fenced if claims_since < LOST_CLAIMS_KEPT else (Fenced, Conflict)), reply
            del self.beliefs[agent]

    def renew(self, agent: str) -> None:
        """A renewal keeps the fencing token and moves the deadline."""
        belief = self.beliefs.get(agent)
        if belief is None:
            return
        reply = self.world.submit(belief.session, claim_write("tasks", "one", TTL_MS / 1_000, "renew", belief.token))
        if belief.until > self.world.now:
            assert isinstance(reply, Committed), reply
            assert reply.answers[0] is not None
            assert reply.answers[0].claim is not None
            assert reply.answers[0].claim["fence"] == self.fences[-1]
            belief.until = reply.answers[0].claim["until"]
        else:
            assert isinstance(reply, Fenced), reply

    def release(self, agent: str) -> None:
        """After a release anybody may claim at once."""
        belief = self.beliefs.get(agent)
        if belief is None:
            return
        reply = self.world.submit(belief.session, claim_write("tasks", "one", 0, "release", belief.token))
        assert isinstance(reply, Committed if belief.until > self.world.now else Fenced), reply
        del self.beliefs[agent]

    def die(self, agent: str) -> None:
        """The agent comes back under its name: what it held is free, and its old token is worth nothing."""
        belief = self.beliefs.pop(agent, None)
        self.sessions[agent] = self.world.join(agent).session
        if belief is not None:
            stale = self.world.submit(self.sessions[agent], commit_write("tasks", "zombie", belief.token, "one"))
            assert isinstance(stale, Fenced)

    def restart(self, agent: str) -> None:
        """The authority restarts: all sessions end, and with them all claims."""
        beliefs, self.beliefs = self.beliefs, {}
        self.world.restart()
        for name in self.sessions:
            self.sessions[name] = self.world.join(name).session
        for name, belief in beliefs.items():
            stale = self.world.submit(self.sessions[name], commit_write("tasks", "zombie", belief.token, "one"))
            assert isinstance(stale, Fenced)

    def _told(self, agent: str, reply: Committed) -> None:
        answer = reply.answers[0]
        assert answer is not None
        assert answer.claim is not None
        self.beliefs[agent] = Belief(self.sessions[agent], answer.token, answer.claim["until"])


def race(seed: int) -> Race:
    """One race; a failure names its seed."""
    one = Race(seed)
    try:
        one.run()
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {error}") from error
    return one


@pytest.mark.timeout(120)
@pytest.mark.parametrize("first", range(0, 500, 125))
def test_never_two_holders(first: int) -> None:
    """At any virtual time at most one agent holds the task, and a late holder's write is fenced."""
    races = [race(seed) for seed in range(first, first + 125)]
    assert sum(one.wins for one in races) > 500
    assert sum(one.refusals for one in races) > 500
    assert sum(len(one.landed) for one in races) > 500


@contextmanager
def nobody_holds() -> Iterator[None]:
    """A claim is always granted."""
    with patch.object(Field, "holder", lambda field, now, lives: None):
        yield


@contextmanager
def deadlines_are_forgotten() -> Iterator[None]:
    """A claim that ran out still counts."""
    holder = Field.holder
    with patch.object(Field, "holder", lambda field, now, lives: holder(field, 0, lives)):
        yield


@contextmanager
def lost_claims_may_write() -> Iterator[None]:
    """A commit with a claim that ran out is judged by its version alone."""

    def lenient(write: Any, field: Field, reader: Any) -> None:
        guard.check_token(write.expect, write.path, reader)
        if write.expect.version != field.version:
            raise guard.stale_write(write.path, write.expect.version, field)

    with patch.object(guard, "_check_expectation", lenient):
        yield


@pytest.mark.parametrize("mutant", [nobody_holds, deadlines_are_forgotten, lost_claims_may_write])
def test_the_race_catches_a_broken_claim(mutant: Any) -> None:
    """Each rule of claims that is broken on purpose is noticed within fifty races."""
    with mutant(), pytest.raises(AssertionError, match=r"seed \d+"):
        for seed in range(50):
            race(seed)
    with nullcontext():
        race(0)


# -- through the public API ----------------------------------------------------------------------------------------


class Board(Document):
    tasks: GuardedMap[str]


async def board(engine: Engine, agent: str) -> Board:
    return await engine.open(Board, Namespace.task("acme", "q3"), "board", agent=agent)


def test_twenty_agents_claim_one_task() -> None:
    """Exactly one wins; the others are told who and until when, and others' writes on the key are denied."""

    async def play() -> None:
        async with Engine() as engine:
            boards = [await board(engine, f"agent-{n}") for n in range(20)]
            replies = await asyncio.gather(*(one.tasks.claim("one", 60) for one in boards), return_exceptions=True)
            claims = [one for one in replies if not isinstance(one, BaseException)]
            losers = [one for one in replies if isinstance(one, Conflict)]
            assert (len(claims), len(losers)) == (1, 19)
            winner = boards[replies.index(claims[0])]
            assert {loser.fields["holder"] for loser in losers} == {winner.agent}
            assert {loser.fields["until"] for loser in losers} == {claims[0].until}
            other = next(one for one in boards if one is not winner)
            with pytest.raises(Denied) as denied:
                await other.tasks.commit("one", "mine", expect=await other.tasks.read("one"))
            assert denied.value.code == "claimed"
            done = await winner.tasks.commit("one", "done", expect=claims[0])
            assert (await other.tasks.read("one")).value == "done"
            await winner.tasks.release(claims[0])
            taken = await other.tasks.claim("one", 60)
            assert taken.fence > done.version > claims[0].fence

    asyncio.run(play())


def test_a_claim_runs_out_is_renewed_and_is_lost() -> None:
    """Until its deadline it is renewed by its holder alone; after it the holder is fenced and the next one wins."""

    async def play() -> None:
        now = [1_800_000_000.0]
        async with Engine(store=MemoryStore(clock=lambda: now[0]), clock=lambda: now[0]) as engine:
            one, other = await board(engine, "one"), await board(engine, "other")
            claim = await one.tasks.claim("a", 10)
            now[0] += 9
            renewed = await one.tasks.renew(claim, 10)
            assert (renewed.fence, renewed.until) == (claim.fence, claim.until + 9_000)
            with pytest.raises(Fenced):
                await other.tasks.renew(renewed, 10)
            now[0] += 10
            with pytest.raises(Fenced) as lost:
                await one.tasks.commit("a", "late", expect=renewed)
            assert lost.value.code == "claim_lost"
            with pytest.raises(Fenced):
                await one.tasks.renew(renewed, 10)
            taken = await other.tasks.claim("a", 10)
            with pytest.raises(Fenced):
                await one.tasks.commit("a", "later still", expect=renewed)
            with pytest.raises(Fenced):
                await one.tasks.release(renewed)
            await other.tasks.commit("a", "done", expect=taken)

    asyncio.run(play())


@pytest.mark.parametrize("ttl", [0, -1, 86_401, float("nan"), float("inf"), "60", True])
def test_a_claim_lasts_a_sensible_time(ttl: Any) -> None:
    """More than nothing, at most a day, and a number: anything else is `Invalid` and claims nothing."""

    async def play() -> None:
        async with Engine() as engine:
            one = await board(engine, "one")
            with pytest.raises(Invalid):
                await one.tasks.claim("a", ttl)
            assert (await one.tasks.read("a")).version == 0

    asyncio.run(play())


def test_a_holder_that_leaves_lets_go() -> None:
    """A claim ends with its session: nobody waits for the deadline of an agent that is gone."""

    async def play() -> None:
        async with Engine() as engine:
            one, other = await board(engine, "one"), await board(engine, "other")
            await one.tasks.claim("a", 3_600)
            await one.close()
            claim = await other.tasks.claim("a", 60)
            assert claim.fence > 0
            with pytest.raises(AccordantError):
                await one.tasks.read("a")

    asyncio.run(play())
