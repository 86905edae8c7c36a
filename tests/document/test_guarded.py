"""Guarded fields through the public API, embedded and over a websocket."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field, computed_field

from accordant import (
    Conflict,
    Counter,
    Denied,
    Document,
    Fenced,
    Guarded,
    GuardedMap,
    Invalid,
    Log,
    StaleRead,
    Text,
    UnionSet,
    region,
)
from worlds import EmbeddedWorld, in_loop, world

KINDS = ["memory", "sqlite", "websocket"]
worlds = pytest.mark.parametrize("kind", KINDS)


class Account(BaseModel):
    plan: str = "free"
    status: str = "active"
    seats: int = Field(default=1, ge=0)


class Brief(Document):
    account: Guarded[Account]
    status: Guarded[str] = region(default="open")
    tasks: GuardedMap[str]
    findings: Log[str]
    questions: UnionSet[str]
    draft: Text
    citations: Counter
    secret: Guarded[str] = region(writers="owner")


@worlds
@in_loop
async def test_the_lost_update_of_the_article_is_impossible(kind: str, tmp_path: Path) -> None:
    """read, read, write, write: the second writer is told, derives again, and both updates are in."""
    async with world(kind, tmp_path / "a.db") as w:
        triage, enrich = await w.open(Brief, "triage"), await w.open(Brief, "enrich")
        start = await triage.account.read()
        await triage.account.commit(Account(), expect=start)
        seen_by_enrich, seen_by_triage = await enrich.account.read(), await triage.account.read()
        churned = await triage.account.commit(Account(status="churned"), expect=seen_by_triage, why="e-mail")
        with pytest.raises(Conflict) as lost:
            await enrich.account.commit(Account(plan="pro"), expect=seen_by_enrich)
        assert lost.value.retryable
        assert lost.value.value == Account(status="churned")
        assert lost.value.version == churned.version
        assert lost.value.writer == "triage"
        assert lost.value.yours == seen_by_enrich.version
        fresh = lost.value.reading
        assert fresh.value == Account(status="churned")
        await enrich.account.commit(fresh.value.model_copy(update={"plan": "pro"}), expect=fresh)
        final = await triage.account.read()
        assert final.value == Account(status="churned", plan="pro")
        denials = await triage.history(kind="denial")
        assert [d.info["beaten_by"] for d in denials] == [{"actor": "triage", "version": churned.version}]
        assert denials[0].actor == "enrich"
        assert denials[0].ops[0].read == seen_by_enrich.version


@worlds
@in_loop
async def test_a_field_never_written_reads_as_its_default_at_version_0(kind: str, tmp_path: Path) -> None:
    """That reading creates it; the second creator loses."""
    async with world(kind, tmp_path / "a.db") as w:
        a, b = await w.open(Brief, "a"), await w.open(Brief, "b")
        none, default = await a.account.read(), await a.status.read()
        assert (none.value, none.version) == (None, 0)
        assert (default.value, default.version) == ("open", 0)
        other = await b.account.read()
        await a.account.commit(Account(), expect=none)
        with pytest.raises(Conflict):
            await b.account.commit(Account(), expect=other)


@worlds
@in_loop
async def test_aba_is_denied_also_across_delete_and_recreate(kind: str, tmp_path: Path) -> None:
    """An equal value is not an equal version."""
    async with world(kind, tmp_path / "a.db") as w:
        a, b = await w.open(Brief, "a"), await w.open(Brief, "b")
        await a.status.commit("x", expect=await a.status.read())
        old = await b.status.read()
        await a.status.commit("y", expect=await a.status.read())
        await a.status.commit("x", expect=await a.status.read())
        with pytest.raises(Conflict):
            await b.status.commit("z", expect=old)
        old = await b.status.read()
        gone = await a.status.delete(expect=await a.status.read())
        assert gone.value == "open"
        assert gone.version > old.version
        again = await a.status.commit("x", expect=gone)
        assert again.version > gone.version
        with pytest.raises(Conflict):
            await b.status.commit("z", expect=old)


@worlds
@in_loop
async def test_a_fenced_reader_never_lands_although_the_version_matches(kind: str, tmp_path: Path) -> None:
    """Generation, not only version: fence, second join, and a new session with an old reading."""
    async with world(kind, tmp_path / "a.db") as w:
        a = await w.open(Brief, "a")
        reading = await a.status.read()
        assert await w.engine.fence("a") == 1
        with pytest.raises(Fenced) as fenced:
            await a.status.commit("late", expect=reading)
        assert not fenced.value.retryable
        again = await w.open(Brief, "a")
        with pytest.raises(Fenced):
            await again.status.commit("late", expect=reading)
        third = await w.open(Brief, "a")
        with pytest.raises(Fenced):
            await again.status.commit("x", expect=await third.status.read())
        assert (await third.status.read()).version == 0
        await third.status.commit("now", expect=await third.status.read())


@worlds
@in_loop
async def test_fifty_contenders_all_land(kind: str, tmp_path: Path) -> None:
    """update() retries with what won: fifty increments are fifty."""

    class Tally(Document):
        n: Guarded[int] = region(default=0)

    async with world(kind, tmp_path / "a.db") as w:
        handles = [await w.open(Tally, f"agent{n}") for n in range(5)]
        await asyncio.gather(*(handles[n % 5].n.update(lambda v: v + 1, attempts=200) for n in range(50)))
        assert (await handles[0].n.read()).value == 50
        committed = [e for e in await handles[0].history("n", limit=500) if e.outcome == "committed"]
        versions = sorted(e.offset for e in committed)
        reads = sorted(e.ops[0].read for e in committed)
        assert len(versions) == 50
        assert reads == [0, *versions[:-1]]


@worlds
@in_loop
async def test_a_transaction_lands_whole_or_not_at_all(kind: str, tmp_path: Path) -> None:
    """One stale expectation, and nothing of it is there."""
    async with world(kind, tmp_path / "a.db") as w:
        a, b = await w.open(Brief, "a"), await w.open(Brief, "b")
        one, two = await a.status.read(), await a.account.read()
        async with a.transaction(why="both") as tx:
            await tx.status.commit("s", expect=one)
            await tx.account.commit(Account(), expect=two)
            await tx.findings.append("f")
        assert tx.version == (await b.status.read()).version == (await b.account.read()).version
        stale = await b.status.read()
        await a.status.commit("t", expect=await a.status.read())
        with pytest.raises(Conflict) as lost:
            async with b.transaction() as tx:
                await tx.findings.append("must not be there")
                await tx.account.commit(Account(plan="pro"), expect=await b.account.read())
                await tx.status.commit("u", expect=stale)
        assert lost.value.reading.value == "t"
        assert (await a.findings.read()).value == ["f"]
        assert (await a.account.read()).value == Account()
        with pytest.raises(RuntimeError):
            async with a.transaction() as tx:
                await tx.findings.append("neither this")
                raise RuntimeError("changed my mind")
        assert (await a.findings.read()).value == ["f"]


@worlds
@in_loop
async def test_a_stale_basis_denies_the_commit(kind: str, tmp_path: Path) -> None:
    """Everything named in derived_from must be current, mergeable regions included."""
    async with world(kind, tmp_path / "a.db") as w:
        a, b = await w.open(Brief, "a"), await w.open(Brief, "b")
        await a.findings.append("churn is 4.1 %")
        basis, status = await b.findings.read(), await b.status.read()
        await b.status.commit("derived", expect=status, derived_from=[basis])
        await a.findings.append("churn is 6.3 %")
        with pytest.raises(StaleRead) as stale:
            await b.status.commit("again", expect=await b.status.read(), derived_from=[basis])
        assert [one["path"] for one in stale.value.stale] == ["findings"]
        assert stale.value.stale[0]["changed_by"] == "a"
        assert stale.value.retryable
        history = await a.history("status", outcome="committed")
        assert history[0].derived_from == (("findings", basis.version),)
        with pytest.raises(StaleRead):
            async with b.transaction() as tx:  # named with one write, it counts for all of them
                await tx.questions.add("derived?", derived_from=[basis])
                await tx.findings.append("never")
        assert (await b.questions.read()).value == set()


@worlds
@in_loop
async def test_claims_have_one_holder_and_a_fence(kind: str, tmp_path: Path) -> None:
    """The second claimer is told who holds; a lost claim is fenced."""
    async with world(kind, tmp_path / "a.db") as w:
        a, b = await w.open(Brief, "a"), await w.open(Brief, "b")
        claim = await a.tasks.claim("t", 30)
        with pytest.raises(Conflict) as taken:
            await b.tasks.claim("t", 30)
        assert taken.value.code == "claimed"
        assert taken.value.holder == "a"
        with pytest.raises(Denied):
            await b.tasks.commit("t", "mine", expect=await b.tasks.read("t"))
        longer = await a.tasks.renew(claim, 60)
        assert longer.until > claim.until
        assert longer.fence == claim.fence
        held = await a.tasks.commit("t", "half", expect=claim)
        await a.tasks.release(claim)
        with pytest.raises(Fenced):
            await a.tasks.renew(claim, 1)
        with pytest.raises((Conflict, Fenced)):
            await a.tasks.commit("t", "late", expect=held)
        second = await b.tasks.claim("t", 30)
        assert second.fence > claim.fence
        assert second.value == "half"
        await w.engine.fence("b")
        third = await a.tasks.claim("t", 30)
        assert third.fence > second.fence
        whole = await a.tasks.read()
        assert whole.value == {"t": "half"}
        assert whole.version == third.version


@worlds
@in_loop
async def test_what_does_not_fit_never_enters(kind: str, tmp_path: Path) -> None:
    """Wrong types, wrong readings, missing rights: typed errors, nothing changed."""
    async with world(kind, tmp_path / "a.db") as w:
        a, owner = await w.open(Brief, "a"), await w.open(Brief, "owner")
        account = await a.account.read()
        with pytest.raises(Invalid):
            await a.account.commit({"seats": -1}, expect=account)  # type: ignore[arg-type]
        with pytest.raises(Invalid):
            await a.account.commit(Account(), expect=Account())  # type: ignore[arg-type]
        with pytest.raises(Invalid):
            await a.account.commit(Account(), expect=await a.status.read())  # type: ignore[arg-type]
        with pytest.raises(Denied) as denied:
            await a.secret.commit("x", expect=await a.secret.read())
        assert denied.value.agent == "a"
        await owner.secret.commit("x", expect=await owner.secret.read())
        with pytest.raises(TypeError):
            await a.status.commit("x")  # type: ignore[call-arg]
        with pytest.raises(Invalid):
            await a.tasks.commit("", "x", expect=await a.tasks.read(""))
        with pytest.raises(Invalid):
            await a.status.update(lambda status: status, attempts=0)
        assert (await a.account.read()).version == 0
        with pytest.raises(Denied):
            await w.open(Brief, "accordant")


class Aliased(BaseModel):
    model_config = ConfigDict(strict=True)
    full_name: str | None = Field(None, alias="fullName")
    seats: int = Field(0, validation_alias="seatCount")
    since: datetime

    @computed_field
    def year(self) -> int:
        return self.since.year


@worlds
@in_loop
async def test_models_with_aliases_and_strict_models_come_back_as_they_were(kind: str, tmp_path: Path) -> None:
    """Aliases, computed fields and strict types change nothing of what is read back."""

    class Book(Document):
        entry: Guarded[Aliased]

    value = Aliased(fullName="Ada", seatCount=3, since=datetime(2026, 7, 1, tzinfo=UTC))
    async with world(kind, tmp_path / "a.db") as w:
        a = await w.open(Book, "a")
        await a.entry.commit(value, expect=await a.entry.read())
        assert (await a.entry.read()).value == value
        await a.entry.update(lambda entry: entry)
        assert (await a.entry.read()).value == value


@worlds
@in_loop
async def test_derived_from_may_be_one_reading(kind: str, tmp_path: Path) -> None:
    """A reading alone is as good as a list of one: when it is stale, the write is denied."""
    async with world(kind, tmp_path / "a.db") as w:
        a, b = await _two(w)
        basis = await a.account.read()
        await b.account.commit(Account(), expect=await b.account.read())
        with pytest.raises(StaleRead):
            await a.status.update(lambda status: "late", derived_from=basis)
        with pytest.raises(StaleRead):
            async with a.transaction(derived_from=basis) as tx:
                await tx.status.commit("late", expect=await tx.status.read())


async def _two(w: EmbeddedWorld) -> tuple[Brief, Brief]:
    return await w.open(Brief, "a"), await w.open(Brief, "b")


@worlds
@in_loop
async def test_a_retried_submission_lands_once(kind: str, tmp_path: Path) -> None:
    """The same op id is answered with the version at which it landed."""
    from accordant.types.commands import Submission, Write
    from accordant.types.regions import Kind

    async with world(kind, tmp_path / "a.db") as w:
        a, b = await _two(w)
        write = Write("findings", Kind.LOG, "append", None, {"items": ["once"]})
        first = await a._port.submit(Submission((write,), "op-1"))
        second = await b._port.submit(Submission((write,), "op-1"))
        assert not first.duplicate
        assert second.duplicate
        assert first.version == second.version
        assert (await a.findings.read()).value == ["once"]
