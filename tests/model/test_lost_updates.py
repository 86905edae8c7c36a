"""The silent lost update through the public API: the first article's interleaving and its relatives (W1-W8, D3)."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from accordant import Conflict, Document, Engine, EpochChanged, Fenced, Guarded, Log, Namespace, Reading, StaleRead
from accordant.engine.stores.memory import MemoryStore

Q3 = Namespace.task("acme", "q3")


class Account(BaseModel):
    """A customer's record, as two agents know it."""

    status: str = "active"
    revenue: int | None = None


class Brief(Document):
    account: Guarded[Account]
    plan: Guarded[str]
    count: Guarded[int]
    findings: Log[str]


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


def run(scenario: Callable[[Engine], Awaitable[None]], path: Path | None = None) -> None:
    """Play a scenario on a fresh engine."""

    async def play() -> None:
        async with Engine(path, durability="process") as engine:
            await scenario(engine)

    asyncio.run(play())


def opened(engine: Engine, agent: str, **options: Any) -> Awaitable[Brief]:
    """The document under test, as this agent."""
    return engine.open(Brief, Q3, "brief", agent=agent, **options)


async def write_first(brief: Brief) -> Reading[Account]:
    """The record as both agents find it."""
    return await brief.account.commit(Account(), expect=await brief.account.read())


@pytest.mark.parametrize("kept", ["memory", "file"])
def test_the_article_s_lost_update_is_a_conflict(kept: str, tmp_path: Path) -> None:
    """A record read before a churn notice and written after it is refused, and the log says who was beaten by whom."""

    async def scenario(engine: Engine) -> None:
        triage, enrichment = await opened(engine, "triage"), await opened(engine, "enrichment")
        await write_first(triage)
        early, late = await triage.account.read(), await enrichment.account.read()
        won = await triage.account.commit(Account(status="churned"), expect=early, why="cancellation e-mail")
        with pytest.raises(Conflict) as lost:
            await enrichment.account.commit(Account(status="active", revenue=7), expect=late)
        conflict = lost.value
        assert (conflict.version, conflict.writer, conflict.retryable) == (won.version, "triage", True)
        assert conflict.fields["value"] == Account(status="churned")

        fresh: Reading[Account] = conflict.fields["reading"]
        await enrichment.account.commit(fresh.value.model_copy(update={"revenue": 7}), expect=fresh)
        assert (await triage.account.read()).value == Account(status="churned", revenue=7)

        denials = await triage.history("account", kind="denial")
        assert [(d.actor, d.ops[0].read, d.info["beaten_by"]) for d in denials] == [
            ("enrichment", late.version, {"actor": "triage", "version": won.version})
        ]
        commits = await triage.history("account", kind="write", actor="triage")
        assert (commits[0].offset, commits[0].ops[0].read, commits[0].why) == (
            won.version,
            early.version,
            "cancellation e-mail",
        )

    run(scenario, tmp_path / "state.db" if kept == "file" else None)


def test_a_value_that_came_back_is_not_the_one_that_was_read() -> None:
    """A to B to A: the value is equal, the version is not, and the version counts (W5)."""

    async def scenario(engine: Engine) -> None:
        slow, quick = await opened(engine, "slow"), await opened(engine, "quick")
        first = await quick.plan.commit("a", expect=await quick.plan.read())
        seen = await slow.plan.read()
        second = await quick.plan.commit("b", expect=first)
        await quick.plan.commit("a", expect=second)
        assert (await slow.plan.read()).value == seen.value
        with pytest.raises(Conflict):
            await slow.plan.commit("c", expect=seen)

    run(scenario)


def test_a_deleted_and_created_field_is_not_the_old_one() -> None:
    """Versions go on growing over a delete: neither the reading before it nor one of the gap replaces the new value."""

    async def scenario(engine: Engine) -> None:
        slow, quick = await opened(engine, "slow"), await opened(engine, "quick")
        before = await slow.plan.read()
        first = await quick.plan.commit("a", expect=await quick.plan.read())
        seen = await slow.plan.read()
        gone = await quick.plan.delete(expect=first)
        gap = await slow.plan.read()
        assert (gap.value, gap.version) == (None, gone.version)
        await quick.plan.commit("a", expect=gone)
        for stale in (before, seen, gap):
            with pytest.raises(Conflict):
                await slow.plan.commit("late", expect=stale)
        assert (await slow.plan.read()).value == "a"

    run(scenario)


def test_a_reader_that_restarts_under_its_name_is_fenced() -> None:
    """Nothing changed, the version still matches, the name is the same: the old generation's reading does not land (I6)."""

    async def scenario(engine: Engine) -> None:
        old = await opened(engine, "worker")
        await write_first(old)
        seen = await old.account.read()
        new = await opened(engine, "worker")
        for handle in (old, new):
            with pytest.raises(Fenced):
                await handle.account.commit(Account(status="zombie"), expect=seen)
        again = await new.account.read()
        assert again.version == seen.version
        await new.account.commit(Account(status="alive"), expect=again)

    run(scenario)


def test_a_reader_that_closed_and_came_back_is_fenced() -> None:
    """Closing ends the generation; opening again begins another one."""

    async def scenario(engine: Engine) -> None:
        old = await opened(engine, "worker")
        await write_first(old)
        seen = await old.account.read()
        await old.close()
        new = await opened(engine, "worker")
        with pytest.raises(Fenced):
            await new.account.commit(Account(status="zombie"), expect=seen)

    run(scenario)


def test_a_fenced_agent_writes_nothing_more() -> None:
    """After `engine.fence(agent)` neither its guarded nor its merging writes land."""

    async def scenario(engine: Engine) -> None:
        worker, other = await opened(engine, "worker"), await opened(engine, "other")
        seen = await write_first(worker)
        assert await engine.fence("worker") == 1
        with pytest.raises(Fenced):
            await worker.account.commit(Account(status="zombie"), expect=seen)
        with pytest.raises(Fenced):
            await worker.findings.append("from beyond")
        assert (await other.findings.read()).value == []
        assert (await other.account.read()).value == Account()

    run(scenario)


def test_an_expired_lease_fences_without_anybody_asking() -> None:
    """A session that was silent for longer than its lease has ended, even when nothing else happened meanwhile."""

    async def play() -> None:
        clock = Clock()
        async with Engine(store=MemoryStore(clock=clock), clock=clock) as engine:
            worker = await opened(engine, "worker", lease_s=60)
            seen = await write_first(worker)
            clock.now_s += 59
            seen = await worker.account.commit(Account(revenue=1), expect=seen)
            clock.now_s += 60
            with pytest.raises(Fenced):
                await worker.account.commit(Account(revenue=2), expect=seen)
            leaves = await (await opened(engine, "other")).history(kind="leave")
            assert [(e.actor, e.info["ending"]) for e in leaves] == [("worker", "expired")]

    asyncio.run(play())


def test_a_token_does_not_outlive_its_authority(tmp_path: Path) -> None:
    """After the engine was restarted a reading from before is refused, although version and value are the same."""

    async def play() -> None:
        path = tmp_path / "state.db"
        async with Engine(path, durability="process") as engine:
            seen = await write_first(await opened(engine, "worker"))
        async with Engine(path, durability="process") as engine:
            worker = await opened(engine, "worker")
            again = await worker.account.read()
            assert (again.version, again.value) == (seen.version, seen.value)
            with pytest.raises(EpochChanged):
                await worker.account.commit(Account(status="zombie"), expect=seen)
            with pytest.raises(EpochChanged):
                await worker.findings.append("derived", derived_from=[seen])
            await worker.account.commit(Account(status="alive"), expect=again)

    asyncio.run(play())


def test_a_token_does_not_fit_an_older_copy_of_the_store(tmp_path: Path) -> None:
    """A restored copy repeats version numbers; readings of the lost life are refused in it all the same."""

    async def life(path: Path, revenue: int) -> Reading[Account]:
        async with Engine(path, durability="process") as engine:
            worker = await opened(engine, "worker")
            return await worker.account.commit(Account(revenue=revenue), expect=await worker.account.read())

    async def play() -> None:
        path, copy = tmp_path / "state.db", tmp_path / "backup.db"
        await life(path, 1)
        shutil.copy(path, copy)
        lost = await life(path, 2)
        shutil.copy(copy, path)
        async with Engine(path, durability="process") as engine:
            worker = await opened(engine, "worker")
            now = await worker.account.commit(Account(revenue=3), expect=await worker.account.read())
            assert (now.version, now.token.generation) == (lost.version, lost.token.generation)
            with pytest.raises(EpochChanged):
                await worker.account.commit(Account(revenue=4), expect=lost)
            assert (await worker.account.read()).value == Account(revenue=3)

    asyncio.run(play())


def test_an_hour_of_thinking_blocks_nobody() -> None:
    """An agent that thinks for an hour holds nothing up; when it comes back it is refused, reads again, and lands (W2)."""

    async def play() -> None:
        clock = Clock()
        async with Engine(store=MemoryStore(clock=clock), clock=clock) as engine:
            thinker, other = await opened(engine, "thinker"), await opened(engine, "other")
            seen = await write_first(thinker)
            async with asyncio.timeout(5):
                await other.account.commit(Account(status="churned"), expect=await other.account.read())
            clock.now_s += 3_600
            with pytest.raises(Conflict) as lost:
                await thinker.account.commit(seen.value.model_copy(update={"revenue": 7}), expect=seen)
            fresh = lost.value.fields["reading"]
            await thinker.account.commit(fresh.value.model_copy(update={"revenue": 7}), expect=fresh)
            assert (await other.account.read()).value == Account(status="churned", revenue=7)

    asyncio.run(play())


@pytest.mark.parametrize("kept", ["memory", "file"])
def test_fifty_tasks_add_one_each(kept: str, tmp_path: Path) -> None:
    """Fifty tasks that read, add one and commit make fifty commits and the number fifty (W3)."""

    async def scenario(engine: Engine) -> None:
        tasks = [await opened(engine, f"agent-{n}") for n in range(50)]
        await asyncio.gather(*(brief.count.update(lambda n: (n or 0) + 1) for brief in tasks))
        assert (await tasks[0].count.read()).value == 50
        rows = await tasks[0].history("count", kind="write", limit=1_000)
        assert len(rows) == 50
        assert len({entry.ops[0].read for entry in rows}) == 50

    run(scenario, tmp_path / "state.db" if kept == "file" else None)


def test_a_person_who_edits_between_read_and_write_counts_too() -> None:
    """The check holds for one agent and a foreign hand: what moved meanwhile is named with who moved it (W8)."""

    async def scenario(engine: Engine) -> None:
        agent, person = await opened(engine, "agent"), await opened(engine, "dana")
        seen = await write_first(agent)
        await person.account.update(lambda account: account.model_copy(update={"status": "paused"}))
        with pytest.raises(Conflict, match="dana"):
            await agent.account.commit(Account(revenue=1), expect=seen)

    run(scenario)


def test_a_transaction_with_one_stale_reading_changes_nothing() -> None:
    """Several fields and an append land together or not at all (D3)."""

    async def scenario(engine: Engine) -> None:
        one, other = await opened(engine, "one"), await opened(engine, "other")
        account, plan = await write_first(one), await one.plan.read()
        await other.plan.commit("moved", expect=await other.plan.read())
        head = one.version
        with pytest.raises(Conflict):
            async with one.transaction() as tx:
                await tx.account.commit(Account(revenue=1), expect=account)
                await tx.findings.append("both")
                await tx.plan.commit("mine", expect=plan)
        assert (await one.account.read()).version == account.version
        assert (await one.findings.read()).value == []
        assert one.version == head + 1  # the denial alone

        async with one.transaction() as tx:
            await tx.account.commit(Account(revenue=1), expect=account)
            await tx.plan.commit("mine", expect=await one.plan.read())
        assert {(await one.account.read()).version, (await one.plan.read()).version} == {tx.version}

    run(scenario)


def test_readers_see_both_fields_of_a_transaction_or_neither() -> None:
    """While a writer flips two fields together, no cut shows one of them flipped."""

    async def scenario(engine: Engine) -> None:
        writer, reader = await opened(engine, "writer"), await opened(engine, "reader")

        async def flip() -> None:
            account, plan = await writer.account.read(), await writer.plan.read()
            for n in range(100):
                async with writer.transaction() as tx:
                    await tx.account.commit(Account(revenue=n), expect=account)
                    await tx.plan.commit(str(n), expect=plan)
                account, plan = await writer.account.read(), await writer.plan.read()

        flipping = asyncio.create_task(flip())
        cuts = 0
        while not flipping.done():
            plan = await reader.plan.read()
            account = await reader.account.read(at_least=plan.version)
            again = await reader.plan.read()
            if plan.version == again.version and plan.version:
                assert (str(account.value.revenue), account.version) == (plan.value, plan.version)
                cuts += 1
            await asyncio.sleep(0)
        await flipping
        assert cuts

    run(scenario)


def test_a_write_names_what_it_was_derived_from() -> None:
    """A commit whose other sources have moved is refused with all of them; readings of merging regions count too (I5)."""

    async def scenario(engine: Engine) -> None:
        one, other = await opened(engine, "one"), await opened(engine, "other")
        account, findings, plan = await write_first(one), await one.findings.read(), await one.plan.read()
        await other.findings.append("news")
        await other.account.update(lambda account: account.model_copy(update={"revenue": 9}))
        with pytest.raises(StaleRead) as stale:
            await one.plan.commit("p", expect=plan, derived_from=[account, findings])
        named = {(row["path"], row["yours"], row["changed_by"]) for row in stale.value.fields["stale"]}
        assert named == {("account", account.version, "other"), ("findings", findings.version, "other")}
        assert stale.value.retryable
        now = [await one.account.read(), await one.findings.read()]
        await one.plan.commit("p", expect=plan, derived_from=now)

    run(scenario)
