"""What of a document's past may go, and that nothing else does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from accordant import Document, Engine, Guarded, Invalid, Log, Namespace, SnapshotExpired, Text
from accordant.engine.host.retention import Keeper, oldest_kept
from accordant.engine.host.verify import verify
from accordant.engine.stores.contract import AuditQuery
from accordant.types.memory_limits import RETENTION_ENTRIES_MIN
from accordant.types.namespaces import DocumentKey
from accordant.types.retention import Retention

TASK = Namespace.task("acme", "q3")
KEY = DocumentKey.of(TASK, "brief")
DAY_S = 86_400.0


class Brief(Document):
    """A field, a log and a text."""

    status: Guarded[str]
    findings: Log[str]
    draft: Text


class Clock:
    now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


@asynccontextmanager
async def grown(path: Path | None, entries: int, clock: Clock | None = None) -> AsyncIterator[tuple[Engine, Brief]]:
    async with Engine(path, durability="process", clock=clock or Clock()) as engine:
        brief = await engine.open(Brief, TASK, "brief", agent="ada")
        for start in range(0, entries, 100):
            await asyncio.gather(
                *(brief.findings.append(f"finding {n}", why=f"reason {n}") for n in range(start, start + 100))
            )
        yield engine, brief


@pytest.mark.parametrize("stored", [True, False], ids=["sqlite", "memory"])
def test_a_compaction_gives_up_old_versions_and_nothing_else(tmp_path: Path, stored: bool) -> None:
    """Afterwards the chain verifies, the kept and the pinned versions are rebuilt, others say what there is, and the
    history, reasons and derivations of old entries are all there."""

    async def story() -> None:
        async with grown(tmp_path / "s.db" if stored else None, 300) as (engine, brief):
            basis = await brief.findings.read()
            await brief.status.commit("known", expect=await brief.status.read(), derived_from=[basis], why="enough")
            head = brief.version
            before = await engine.store.audit(AuditQuery(KEY.path, limit=9999))
            await engine.pin(KEY, 50, agent="ada", why="the board saw this")
            pinned, kept = await engine.outline_at(KEY, 50), await engine.outline_at(KEY, 200)
            done = await engine.compact(KEY, 200)
            assert (done.oldest, done.pinned) == (200, (50,))
            assert done.entries == 200
            assert done.bytes == sum(len(entry.update or b"") for entry in before if entry.offset <= 200)
            assert (await verify(engine.store, KEY.path)).agrees
            assert await engine.outline_at(KEY, 50) == pinned
            assert await engine.outline_at(KEY, 200) == kept
            await engine.outline_at(KEY, 201)
            for old in (1, 49, 51, 199):
                with pytest.raises(SnapshotExpired) as told:
                    await engine.outline_at(KEY, old)
                assert (told.value.fields["oldest"], told.value.fields["pinned"]) == (200, [50])
            after = await engine.store.audit(AuditQuery(KEY.path, limit=9999))
            assert [(e.hash, e.why, e.derived_from) for e in after] == [(e.hash, e.why, e.derived_from) for e in before]
            assert next(e for e in after if e.offset == head).derived_from == (("findings", basis.version),)
            again = await engine.compact(KEY, 200)
            assert (again.entries, again.bytes, again.oldest) == (0, 0, 200)
            await engine.unpin(KEY, 50)
            with pytest.raises(SnapshotExpired):
                await engine.outline_at(KEY, 50)
            await brief.findings.append("life goes on")
            assert (await brief.findings.read()).value[0] == "finding 0"
        async with Engine(tmp_path / "s.db" if stored else None) as engine:
            brief = await engine.open(Brief, TASK, "brief", agent="ada")
            assert len((await brief.findings.read()).value) == (301 if stored else 0)

    asyncio.run(story())


def test_a_compaction_to_the_head_keeps_the_newest_version_alone() -> None:
    """Without a version it goes as far as it can, and the document goes on from there; a version that is not there is refused."""

    async def story() -> None:
        async with grown(None, 100) as (engine, brief):
            head = (await engine.store.heads([KEY.path]))[KEY.path]
            done = await engine.compact(KEY)
            assert done.oldest == head
            await engine.outline_at(KEY, head)
            with pytest.raises(SnapshotExpired):
                await engine.outline_at(KEY, head - 1)
            for version in (-1, head + 1):
                with pytest.raises(Invalid):
                    await engine.compact(KEY, version)
            await brief.findings.append("more")
            assert (await verify(engine.store, KEY.path)).agrees

    asyncio.run(story())


def test_what_either_rule_keeps_is_kept() -> None:
    """`keep_versions` counts back from the head, `keep_days` finds the version that was current then; the older one counts."""

    async def story() -> None:
        clock = Clock()
        async with grown(None, 100, clock) as (engine, brief):
            first_day = (await engine.store.heads([KEY.path]))[KEY.path]
            clock.now_s += 10 * DAY_S
            for n in range(20):
                await brief.findings.append(f"later {n}")
            head = (await engine.store.heads([KEY.path]))[KEY.path]
            now_ms = int(clock() * 1000) + 1

            async def oldest(days: float | None = None, versions: int | None = None) -> int:
                return await oldest_kept(engine.store, KEY.path, Retention(days, versions), now_ms)

            assert await oldest() == 0
            assert await oldest(versions=1) == head
            assert await oldest(versions=head + 5) == 0
            assert await oldest(days=0) == head
            assert await oldest(days=5) == first_day
            assert await oldest(days=11) == 0
            assert await oldest(days=5, versions=5) == first_day
            assert await oldest(days=5, versions=first_day) == head - first_day + 1
            await engine.compact(KEY, 30)
            assert await oldest(days=5) == first_day

    asyncio.run(story())


def test_a_retention_that_means_nothing_is_refused() -> None:
    """The newest version always stays, and days are not negative."""
    for days, versions in ((-1.0, None), (None, 0), (float("nan"), None)):
        with pytest.raises(Invalid):
            Retention(days, versions)
    assert Retention().keeps_all
    assert not Retention(keep_versions=1).keeps_all


def test_the_engine_keeps_its_retention_by_itself(tmp_path: Path) -> None:
    """In the background, without anybody asking: old bytes go, at least what was asked for stays, and writers go on."""

    async def story() -> None:
        async with grown(tmp_path / "s.db", 5_000) as (engine, _):
            head = (await engine.store.heads([KEY.path]))[KEY.path]
        keep = Retention(keep_versions=1_500)
        async with Engine(tmp_path / "s.db", durability="process", clock=Clock(), retention=keep) as engine:
            brief = await engine.open(Brief, TASK, "brief", agent="ada")
            while (await engine.store.sizes(KEY.path)).compacted < RETENTION_ENTRIES_MIN:  # it goes in small steps
                await brief.findings.append("while it runs")
            keeper = Keeper(engine.store, keep, lambda: 0)
            await keeper.turn()
            assert await keeper.turn() == 0, "what is done is done"
            sizes = await engine.store.sizes(KEY.path)
            assert RETENTION_ENTRIES_MIN <= sizes.compacted <= sizes.entries - 1_500
            await engine.outline_at(KEY, head - 1_499)
            assert (await verify(engine.store, KEY.path)).agrees

    asyncio.run(story())


def test_a_small_document_is_left_alone() -> None:
    """What is not worth a truncation waits."""

    async def story() -> None:
        async with grown(None, 200) as (engine, _):
            assert await Keeper(engine.store, Retention(keep_versions=1), lambda: 0).turn() == 0
            await engine.outline_at(KEY, 1)

    asyncio.run(story())
