"""The shared block: many add, some correct, one rewrites; nobody's words are lost."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from accordant import Block, Conflict, Denied, Document, Fenced, Invalid, NoAuthority, SchemaError, block, blocking
from accordant.engine.host.engine import Engine
from accordant.patterns.block import BlockSettings
from worlds import TASK, world

WORLDS = pytest.mark.parametrize("kind", ["memory", "sqlite", "websocket"])


class Memory(Document):
    memory: Block = block(owner=("curator", "role:night"), replace="role:editor")


@WORLDS
def test_twenty_insert_at_once_and_nothing_is_lost(kind: str, tmp_path: Path) -> None:
    """Every line of twenty concurrent writers is there, once."""

    async def main() -> None:
        async with world(kind, tmp_path / "s.db") as w:
            writers = [await w.open(Memory, f"w{n}") for n in range(20)]
            await writers[0].memory.append("# Notes\n")
            ways = ({}, {"at": 0}, {"after": "# Notes\n"}, {"before": "# Notes"})
            await asyncio.gather(
                *(one.memory.insert(f"<{n}>", **ways[n % 4]) for n, one in enumerate(writers))  # type: ignore[arg-type]
            )
            text = (await writers[0].memory.read()).value
            assert [text.count(f"<{n}>") for n in range(20)] == [1] * 20
            assert len(text) == len("# Notes\n") + sum(len(f"<{n}>") for n in range(20))

    asyncio.run(main())


@WORLDS
def test_each_operation_has_its_writers(kind: str, tmp_path: Path) -> None:
    """Everybody adds, an editor replaces, the owner rewrites; whoever may not is denied, and nothing changes."""

    async def main() -> None:
        async with world(kind, tmp_path / "s.db") as w:
            curator, web = await w.open(Memory, "curator"), await w.open(Memory, "web")
            await web.memory.append("one two")
            seen = await web.memory.read()
            fold = web.memory.compact(lambda text: "")
            for act in (web.memory.replace("one", "1"), web.memory.rethink("mine", expect=seen), fold):
                with pytest.raises(Denied):
                    await act
            with pytest.raises(Denied):
                await web.text("memory").rethink("raw", expect=seen)
            assert (await web.memory.read()).value == "one two"
            await curator.memory.replace("one", "1")
            with pytest.raises(Conflict) as gone:
                await curator.memory.replace("one", "uno")
            assert (gone.value.code, gone.value.value) == ("no_single_match", "1 two")
            with pytest.raises(Conflict) as stale:
                await curator.memory.rethink("rewritten", expect=seen)
            assert stale.value.fields["changed_by"] == "curator"
            await curator.memory.rethink("rewritten", expect=await curator.memory.read())
            assert (await web.memory.read()).value == "rewritten"

    asyncio.run(main())


def test_roles_have_their_tiers() -> None:
    """A role replaces, another one rewrites; a name like a role has neither."""

    async def main() -> None:
        async with Engine() as engine:
            editor = await engine.open(Memory, TASK, "m", agent="ed", roles=("editor",))
            night = await engine.open(Memory, TASK, "m", agent="nina", roles=("night",))
            liar = await engine.open(Memory, TASK, "m", agent="role:night")
            await editor.memory.append("one")
            await editor.memory.replace("one", "two")
            for handle in (editor, liar):
                with pytest.raises(Denied):
                    await handle.memory.rethink("x", expect=await handle.memory.read())
            await night.memory.rethink("three", expect=await night.memory.read())
            assert (await editor.memory.read()).value == "three"

    asyncio.run(main())


@WORLDS
def test_a_slow_rewriting_never_wipes_what_came_meanwhile(kind: str, tmp_path: Path) -> None:
    """The owner thinks while another writes: its rewriting is a conflict; read again, it lands."""

    async def main() -> None:
        async with world(kind, tmp_path / "s.db") as w:
            curator, web = await w.open(Memory, "curator"), await w.open(Memory, "web")
            await web.memory.append("a ")
            async with curator.memory.rethinking() as draft:
                await web.memory.append("b ")
                with pytest.raises(Conflict):
                    await draft.commit(draft.text.upper())
                assert (await draft.refresh()).value == "a b "
                landed = await draft.commit(draft.text.upper(), why="tidy")
                assert (await web.memory.read()).version == landed.version
                await web.memory.append("c ")
                await draft.refresh()
                await draft.commit(draft.text.upper())
            assert (await web.memory.read()).value == "A B C "
            assert not await _held(curator)

    asyncio.run(main())


async def _held(document: Any) -> bool:
    try:
        claim = await document.guarded_map("memory_lease").claim("rethink", 1.0)
    except Conflict:
        return True
    await document.guarded_map("memory_lease").release(claim)
    return False


@WORLDS
def test_two_owners_at_once(kind: str, tmp_path: Path) -> None:
    """One holds the lease, the other is told who; when it is let go, the next one may."""

    async def main() -> None:
        async with world(kind, tmp_path / "s.db") as w:
            curator = await w.open(Memory, "curator")
            second = await w.engine.open(Memory, TASK, "brief", agent="nina", roles=("night",))
            seen = await second.memory.read()
            async with curator.memory.rethinking() as draft:
                with pytest.raises(Conflict) as taken:
                    await second.memory.rethink("second", expect=seen)
                assert (taken.value.code, taken.value.fields["holder"]) == ("claimed", "curator")
                await draft.commit("first")
            with pytest.raises(Conflict):
                await second.memory.rethink("second", expect=seen)
            await second.memory.rethink("second", expect=await second.memory.read())
            outcomes = await asyncio.gather(
                curator.memory.rethink("x", expect=await curator.memory.read()),
                second.memory.rethink("y", expect=await second.memory.read()),
                return_exceptions=True,
            )
            assert sorted(type(one).__name__ for one in outcomes) == ["Committed", "Conflict"]

    asyncio.run(main())


class Hand:
    """A clock that a test moves: whoever sleeps is woken by `pass_time`."""

    def __init__(self) -> None:
        self.sleeping: list[tuple[float, asyncio.Future[None]]] = []
        self.came = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        self.sleeping.append((seconds, future))
        self.came.set()
        await future

    async def pass_time(self, seconds: float) -> None:
        """Wake the newest of those who sleep for so long."""
        while True:
            waiting = [one for length, one in self.sleeping if length == seconds and not one.done()]
            if waiting:
                waiting[-1].set_result(None)
                return
            self.came.clear()
            await self.came.wait()


def test_the_lease_is_renewed_while_the_owner_thinks() -> None:
    """Past its first end the lease still holds; without renewal another takes it, and the late commit is fenced."""
    now = [1_000.0]

    async def main() -> None:
        async with Engine(clock=lambda: now[0], lease_s=1e6) as engine:
            curator = await engine.open(Memory, TASK, "m", agent="curator")
            second = await engine.open(Memory, TASK, "m", agent="nina", roles=("night",))
            hand = Hand()
            async with curator.memory.rethinking(ttl=30, sleep=hand.sleep) as draft:
                for turn in range(3):
                    now[0] += 20
                    await hand.pass_time(10)
                    await _sleepers(hand, turn + 2)
                    with pytest.raises(Conflict):
                        await second.memory.rethink("mine", expect=await second.memory.read())
                await draft.commit("thought over")
                now[0] += 31
                await second.memory.rethink("mine", expect=await second.memory.read())
                await draft.refresh()
                with pytest.raises(Fenced):
                    await draft.commit("too late")
            assert (await second.memory.read()).value == "mine"

    asyncio.run(main())


@WORLDS
def test_a_fold_keeps_what_is_added_meanwhile(kind: str, tmp_path: Path) -> None:
    """Ten writers go on while the model thinks: all of theirs is there, behind the fold, which names what it replaced."""

    async def main() -> None:
        async with world(kind, tmp_path / "s.db") as w:
            curator = await w.open(Memory, "curator")
            writers = [await w.open(Memory, f"w{n}") for n in range(10)]
            first = await writers[0].memory.append("old ")

            async def model(text: str) -> str:
                await asyncio.gather(*(one.memory.append(f"<{n}>") for n, one in enumerate(writers)))
                return f"[{text.strip()}]"

            await curator.memory.compact(model)
            text = (await curator.memory.read()).value
            assert text.startswith("[old]")
            assert sorted(text[5:].replace("><", "> <").split()) == [f"<{n}>" for n in range(10)]
            entry = (await curator.history("memory", kind="write"))[0]
            folded = next(op for op in entry.ops if op.op == "compact")
            assert folded.detail is not None
            assert folded.detail["supersedes"] == [f"memory@{first.version}"]

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["memory", "websocket"])
def test_waiting_for_quiet(kind: str) -> None:
    """A write begins the quiet anew; silence ends the wait; a block that is never quiet ends it with `timeout`."""

    async def main() -> None:
        async with world(kind) as w:
            curator, web = await w.open(Memory, "curator"), await w.open(Memory, "web")
            hand = Hand()
            waiting = asyncio.create_task(curator.memory.quiesce(5, timeout=60, sleep=hand.sleep))
            await _sleepers(hand, 2)
            await web.memory.append("a")
            await _sleepers(hand, 3)
            assert not waiting.done()
            await hand.pass_time(5)
            assert (await waiting).value == "a"
            hand = Hand()
            waiting = asyncio.create_task(curator.memory.quiesce(5, timeout=60, sleep=hand.sleep))
            await _sleepers(hand, 2)
            await hand.pass_time(60)
            with pytest.raises(NoAuthority) as late:
                await waiting
            assert late.value.code == "timeout"
            with pytest.raises(Invalid):
                await curator.memory.quiesce(-1)
            for wrong in ((float("nan"), 0.1), (0, float("nan")), (float("inf"), None)):
                with pytest.raises(Invalid):
                    await curator.memory.quiesce(*wrong)

    asyncio.run(main())


async def _sleepers(hand: Hand, count: int) -> None:
    while len(hand.sleeping) < count:
        hand.came.clear()
        await hand.came.wait()


def test_a_block_in_a_transaction_blocking_and_without_a_schema() -> None:
    """Additions land with what else a transaction writes; `accordant.blocking` rewrites, too; a face made by hand works."""

    async def main() -> None:
        async with Engine() as engine:
            web = await engine.open(Memory, TASK, "m", agent="web")
            async with web.transaction() as tx:
                await tx.memory.append("a")
                await tx.memory.append("b")
                assert (await web.memory.read()).value == ""
            assert (await web.memory.read()).value == "ab"
            doc = await engine.open(None, TASK, "open", agent="ann")
            await Block(doc, "notes", BlockSettings(frozenset({"ann"}))).append("x")
            assert (await doc.text("notes").read()).value == "x"

    asyncio.run(main())
    with blocking.Engine() as engine:
        curator = engine.open(Memory, TASK, "m", agent="curator")
        curator.memory.insert("one")
        with curator.memory.rethinking() as draft:
            draft.commit(draft.text + "!")
        curator.memory.compact(lambda text: f"[{text}]")
        assert curator.memory.read().value == "[one!]"
        with pytest.raises(ZeroDivisionError), curator.memory.rethinking():
            raise ZeroDivisionError
        night = engine.open(Memory, TASK, "m", agent="nina", roles=["night"])
        night.memory.rethink("x", expect=night.memory.read())


@pytest.mark.parametrize(
    "wrong", [{"owner": "*"}, {"owner": ()}, {"owner": "a", "insert": ""}, {"owner": "a", "max_bytes": 0}]
)
def test_what_a_block_refuses(wrong: dict[str, Any]) -> None:
    """A block that anybody may rewrite, or nobody."""
    with pytest.raises(SchemaError):
        block(**wrong)


@pytest.mark.parametrize("ticks", range(1, 16))
def test_who_is_cut_off_leaves_no_lease_behind(ticks: int) -> None:
    """Wherever an owner is cancelled, while it asks for the lease, reads, lands or lets go: the next one need not wait."""

    async def main() -> None:
        async with Engine() as engine:
            night = await engine.open(Memory, TASK, "brief", agent="curator")
            day = await engine.open(Memory, TASK, "brief", agent="day", roles=["night"])

            async def rethink() -> None:
                async with night.memory.rethinking() as draft:
                    await draft.commit("night")

            cut_off = asyncio.create_task(rethink())
            for _ in range(ticks):
                await asyncio.sleep(0)
            cut_off.cancel()
            await asyncio.gather(cut_off, return_exceptions=True)
            await day.memory.rethink("day", expect=await day.memory.read())

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["memory", "websocket"])
def test_rethinking_what_was_not_read_is_refused(kind: str, tmp_path: Path) -> None:
    """`expect=` is a reading: None, as a failed read may leave it, rewrites nothing."""

    async def main() -> None:
        async with world(kind, tmp_path / "s.db") as w:
            night = await w.open(Memory, "curator")
            await night.memory.append("kept")
            for wrong in (None, "kept", 3):
                with pytest.raises(Invalid) as refused:
                    await night.memory.rethink("lost", expect=wrong)  # type: ignore[arg-type]
                assert refused.value.code == "not_a_reading"
            assert (await night.memory.read()).value == "kept"

    asyncio.run(main())


def test_a_block_holds_so_much_and_its_lease_is_the_owners() -> None:
    """Beyond `max_bytes=` nothing is added; nobody else takes the lease, to keep the owner out."""

    class Small(Document):
        memory: Block = block(owner="curator", max_bytes=10)

    async def main() -> None:
        async with Engine() as engine:
            web = await engine.open(Small, TASK, "brief", agent="web")
            await web.memory.append("0123456789")
            with pytest.raises(Denied) as full:
                await web.memory.append("x")
            assert full.value.code == "region_full"
            with pytest.raises(Denied):
                await web.guarded_map("memory_lease").claim("rethink", 60)

    asyncio.run(main())


def test_a_rewriting_takes_no_part_in_a_transaction() -> None:
    """It is refused where it is asked for, and what else the transaction writes can land."""

    async def main() -> None:
        async with Engine() as engine:
            curator = await engine.open(Memory, TASK, "brief", agent="curator")
            async with curator.transaction() as tx:
                await tx.memory.append("kept")
                seen = await curator.memory.read()
                for act in (tx.memory.rethink("x", expect=seen), tx.memory.compact(lambda text: text)):
                    with pytest.raises(Invalid) as refused:
                        await act
                    assert refused.value.code == "in_transaction"
            assert (await curator.memory.read()).value == "kept"

    asyncio.run(main())
