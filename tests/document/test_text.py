"""Texts: inserting beside an anchor, and folding what was there while others go on inserting."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from accordant import Conflict, Denied, Document, Engine, Invalid, Namespace, Text, region
from worlds import world

NS = Namespace.task("acme", "q3")


class Notes(Document):
    memory: Text = region(allow={"*": {"insert"}, "ann": {"insert", "replace", "delete", "compact"}})


@pytest.mark.parametrize("kind", ["memory", "websocket"])
def test_an_anchor_is_found_wherever_it_has_moved(kind: str) -> None:
    """Behind or before a text that is there once, however far others have moved it; otherwise `Conflict` with an excerpt."""

    async def main() -> None:
        async with world(kind) as w:
            ann, bob = await w.open(Notes, "ann"), await w.open(Notes, "bob")
            await ann.memory.append("# Facts\n# Open\n")
            await bob.memory.insert(0, "🙂 preface\n")
            await bob.memory.insert_after("# Facts\n", "- one\n")
            await ann.memory.insert_before("# Open", "- two\n")
            assert (await ann.memory.read()).value == "🙂 preface\n# Facts\n- one\n- two\n# Open\n"
            for anchor in ("# Nowhere", "# "):
                with pytest.raises(Conflict) as missed:
                    await bob.memory.insert_after(anchor, "x")
                assert missed.value.code == "no_single_match"
                assert missed.value.fields["excerpt"]
            with pytest.raises(Invalid):
                await bob.memory.insert_after("", "x")

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["memory", "sqlite", "websocket"])
def test_what_is_inserted_while_it_folds_survives(kind: str, tmp_path: Path) -> None:
    """At the end, at the start and in the middle of what is folded: all of it is there, and the fold names what it replaced."""

    async def main() -> None:
        async with world(kind, tmp_path / "s.db") as w:
            ann, bob = await w.open(Notes, "ann"), await w.open(Notes, "bob")
            first = await ann.memory.append("alpha ")
            second = await bob.memory.append("beta ")

            async def fold(text: str) -> str:
                await bob.memory.append("<end>")
                await bob.memory.insert(0, "<start>")
                await bob.memory.insert_after("alpha", "<🙂middle>")
                return f"[{text.strip()}]"

            folded = await ann.memory.compact(fold, why="nightly")
            assert (await bob.memory.read()).value == "[alpha beta]<start><🙂middle><end>"
            [op] = (await ann.history("memory", kind="write"))[0].ops
            assert op.detail is not None
            assert set(op.detail["supersedes"]) == {f"memory@{first.version}", f"memory@{second.version}"}
            assert (op.op, op.read) == ("compact", second.version)
            runs = await ann.blame("memory")
            assert [(run.actor, run.version == folded.version) for run in runs][:2] == [("ann", True), ("bob", False)]
            with pytest.raises(Denied):
                await bob.memory.compact(lambda text: "")

    asyncio.run(main())


def test_a_correction_meanwhile_is_not_folded_away() -> None:
    """The fold was made from what somebody has replaced since: `Conflict`, and the correction stands."""

    async def main() -> None:
        async with Engine() as engine:
            ann = await engine.open(Notes, NS, "notes", agent="ann")
            await ann.memory.append("churn is 4%")

            async def fold(text: str) -> str:
                await ann.memory.replace("4%", "7%")
                return text

            with pytest.raises(Conflict) as corrected:
                await ann.memory.compact(fold)
            assert corrected.value.fields["reason"] == "corrected"
            assert (await ann.memory.read()).value == "churn is 7%"
            old = await ann.memory.read()
            await ann.memory.append("!")
            await ann.memory.compact(lambda _: "7%", base=old)
            assert (await ann.memory.read()).value == "7%!"
            with pytest.raises(Conflict):
                await ann.memory.compact(lambda _: "again", base=old)
            assert (await ann.memory.read()).value == "7%!"

    asyncio.run(main())


@pytest.mark.parametrize("seed", range(6))
def test_any_interleaving_of_folds_and_insertions(seed: int, tmp_path: Path) -> None:
    """Every insertion is in the text or was seen by a fold; the log folds to the same text again."""
    dice = random.Random(seed)

    async def main() -> None:
        async with Engine(tmp_path / "s.db") as engine:
            ann = await engine.open(Notes, NS, "notes", agent="ann")
            bob = await engine.open(Notes, NS, "notes", agent="bob")
            made = 0

            async def insert() -> None:
                nonlocal made
                length = len((await bob.memory.read()).value)
                await bob.memory.insert(dice.randint(0, length), f"<{made}>é🙂"[dice.randint(0, 1) :])
                made += 1

            seen: set[str] = set()
            for _ in range(8):
                for _ in range(dice.randint(0, 4)):
                    await insert()
                base = await ann.memory.read()
                for _ in range(dice.randint(0, 3)):
                    await insert()
                before = (await ann.memory.read()).value
                await ann.memory.compact(lambda text: f"[{len(text)}]", base=base)
                after = (await ann.memory.read()).value
                seen |= set(base.value)
                assert after.startswith(f"[{len(base.value)}]")
                assert len(after) == len(f"[{len(base.value)}]") + len(before) - len(base.value)
            text = (await ann.memory.read()).value
        async with Engine(tmp_path / "s.db") as engine:
            ann = await engine.open(Notes, NS, "notes", agent="ann")
            assert (await ann.memory.read()).value == text
            snapshot = await ann.at(ann.version)
            assert snapshot["memory"].value == text

    asyncio.run(main())


def test_folding_nothing_and_hostile_arguments() -> None:
    """An empty text folds; counts and texts that do not fit are refused; one submission folds or edits."""

    async def main() -> None:
        async with Engine() as engine:
            ann = await engine.open(Notes, NS, "notes", agent="ann")
            await ann.memory.compact(lambda text: f"was {text!r}")
            assert (await ann.memory.read()).value == "was ''"
            for fold in (lambda _: 3, lambda _: None, lambda _: "\ud800"):
                with pytest.raises(Invalid):
                    await ann.memory.compact(fold)  # type: ignore[arg-type, return-value]
            with pytest.raises(Invalid) as twice:
                async with ann.transaction() as tx:
                    await tx.memory.append("x")
                    await tx.memory.compact(lambda text: text)
            assert twice.value.code == "twice_in_one"
            assert (await ann.memory.read()).value == "was ''"

    asyncio.run(main())
