"""What may not be written: by whom, how much, of which type; every refusal typed, recorded once, and without a trace else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pydantic import BaseModel

from accordant import (
    AccordantError,
    Conflict,
    Counter,
    Denied,
    Document,
    Engine,
    Guarded,
    GuardedMap,
    Invalid,
    Log,
    Map,
    Namespace,
    Text,
    UnionSet,
    region,
)
from accordant.types.commands import Question, Submission, Write
from accordant.types.limits import VALUE_BYTES_MAX, VALUE_DEPTH_MAX, WRITES_PER_COMMIT_MAX
from accordant.types.regions import Kind


class Finding(BaseModel):
    text: str
    weight: int = 1


class Desk(Document):
    account: Guarded[Finding]
    tasks: GuardedMap[str] = region(max_items=3)
    findings: Log[Finding] = region(max_items=5)
    verdict: Log[str] = region(writers="judge")
    panel: UnionSet[int] = region(writers={"role:panel"}, max_items=4)
    note: Text = region(max_bytes=10)
    total: Counter
    options: Map[int] = region(lww="a test of bounds", max_items=2)
    free: Guarded[Any]


def run(scenario: Callable[[Engine], Awaitable[None]]) -> None:
    async def play() -> None:
        async with Engine() as engine:
            await scenario(engine)

    asyncio.run(play())


def opened(engine: Engine, agent: str, *roles: str) -> Awaitable[Desk]:
    return engine.open(Desk, Namespace.task("acme", "q3"), "desk", agent=agent, roles=roles)


async def refused(call: Awaitable[Any], kind: type[AccordantError], code: str | None = None) -> AccordantError:
    """The error, and the text that says what to do."""
    with pytest.raises(kind) as caught:
        await call
    if code is not None:
        assert caught.value.code == code
    assert not caught.value.retryable
    return caught.value


def test_a_single_writer_region_has_one_writer() -> None:
    """`writers=` names agents or roles; everybody else is denied and nothing of their call is there (W14)."""

    async def scenario(engine: Engine) -> None:
        judge, eve = await opened(engine, "judge"), await opened(engine, "eve", "guest")
        member = await opened(engine, "mia", "panel")
        await judge.verdict.append("guilty")
        error = await refused(eve.verdict.append("innocent"), Denied, "not_permitted")
        assert (error.fields["agent"], error.fields["operation"]) == ("eve", "append")
        await member.panel.add(1)
        await refused(eve.panel.add(2), Denied)
        await refused(judge.panel.discard(1), Denied)
        assert (await eve.verdict.read()).value == ["guilty"]
        assert (await eve.panel.read()).value == {1}

    run(scenario)


def test_a_region_is_full_when_it_says_so() -> None:
    """`max_items` and `max_bytes` hold for one call, for several in a transaction, and at the border exactly."""

    async def scenario(engine: Engine) -> None:
        desk, mia = await opened(engine, "ann"), await opened(engine, "mia", "panel")
        await desk.findings.extend([Finding(text=str(n)) for n in range(4)])
        await refused(desk.findings.extend([Finding(text="5"), Finding(text="6")]), Denied, "region_full")
        await desk.findings.append(Finding(text="5"))
        await refused(desk.findings.append(Finding(text="6")), Denied, "region_full")

        await desk.note.append("12345é78")  # nine bytes
        await refused(desk.note.append("é"), Denied, "region_full")
        await desk.note.append("9")
        await refused(desk.note.insert(0, "x"), Denied, "region_full")
        await desk.note.replace("9", "0")
        await desk.note.delete(0, 5)
        await desk.note.append("12345")

        await mia.panel.add(1, 2, 3, 4)
        await refused(mia.panel.add(5), Denied, "region_full")
        await desk.options.set("a", 1)
        await desk.options.set("b", 1)
        await desk.options.set("a", 2)
        await refused(desk.options.set("c", 1), Denied, "region_full")
        await desk.options.delete("a")
        await desk.options.set("c", 1)

        for key in "abc":
            await desk.tasks.commit(key, "open", expect=await desk.tasks.read(key))
        await refused(desk.tasks.commit("d", "open", expect=await desk.tasks.read("d")), Denied, "region_full")
        await desk.tasks.delete("a", expect=await desk.tasks.read("a"))
        await desk.tasks.commit("d", "open", expect=await desk.tasks.read("d"))

    run(scenario)


def test_a_transaction_cannot_squeeze_past_a_bound() -> None:
    """Writes of one transaction count together."""

    async def scenario(engine: Engine) -> None:
        desk = await opened(engine, "ann")

        async def too_much() -> None:
            async with desk.transaction() as tx:
                for n in range(6):
                    await tx.findings.append(Finding(text=str(n)))

        await refused(too_much(), Denied, "region_full")

        async def too_many_keys() -> None:
            async with desk.transaction() as tx:
                for key in "abcd":
                    await tx.tasks.commit(key, "x", expect=await desk.tasks.read(key))

        await refused(too_many_keys(), Denied, "region_full")
        assert (await desk.findings.read()).value == []
        assert (await desk.tasks.read()).value == {}

    run(scenario)


DEEP: Any = []
for _ in range(VALUE_DEPTH_MAX + 1):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    "value",
    ["x" * (VALUE_BYTES_MAX + 1), DEEP, 2**53, float("nan"), float("inf"), {1: "a"}, {"a": object()}, "\ud800", b"x"],
    ids=["large", "deep", "integer", "nan", "infinity", "keys", "object", "surrogate", "bytes"],
)
def test_what_json_cannot_carry_never_enters(value: Any) -> None:
    """Oversize, too deep and unrepresentable values are `Invalid`, through the handle and as a bare command."""

    async def scenario(engine: Engine) -> None:
        desk = await opened(engine, "ann")
        before = await desk.free.read()
        await refused(desk.free.commit(value, expect=before), Invalid)
        write = Write("free", Kind.GUARDED, "commit", None, {"value": value}, before.token)
        await refused(desk._port.submit(Submission((write,), "bare")), Invalid)
        assert (await desk.free.read()).version == 0

    run(scenario)


def test_a_value_that_does_not_fit_its_type_never_enters() -> None:
    """Item types hold for handles, and again where the authority judges what arrives."""

    async def scenario(engine: Engine) -> None:
        desk = await opened(engine, "ann")
        seen = await desk.account.read()
        wrong: Any = {"text": 5, "weight": "heavy"}
        await refused(desk.account.commit(wrong, expect=seen), Invalid, "invalid_value")
        await refused(desk.findings.append(wrong), Invalid, "invalid_value")
        await refused(desk.total.increment(1.5), Invalid)  # type: ignore[arg-type]
        for write in (
            Write("account", Kind.GUARDED, "commit", None, {"value": wrong}, seen.token),
            Write("findings", Kind.LOG, "append", None, {"items": [wrong]}),
            Write("findings", Kind.LOG, "append", None, {"items": "not a list"}),
            Write("total", Kind.COUNTER, "increment", None, {"by": True}),
            Write("options", Kind.MAP, "set", "k", {"value": "text"}),
            Write("options", Kind.MAP, "set", None, {"value": 1}),
            Write("account", Kind.GUARDED, "commit", None, {}, seen.token),
            Write("account", Kind.GUARDED, "commit", "key", {"value": {"text": "x"}}, seen.token),
            Write("tasks", Kind.GUARDED_MAP, "commit", None, {"value": "x"}, seen.token),
            Write("account", Kind.GUARDED, "commit", None, {"value": {"text": "x"}}, None),
            Write("note", Kind.TEXT, "insert", None, {"index": 0}),
            Write("note", Kind.TEXT, "rethink", None, {"text": "x"}),
        ):
            with pytest.raises((Invalid, Denied)):
                await desk._port.submit(Submission((write,), desk._port.new_op_id()))
        assert (await desk.account.read()).version == (await desk.findings.read()).version == 0

    run(scenario)


def test_a_region_that_is_not_there_is_named_with_those_that_are() -> None:
    """Unknown regions and wrong kinds are typed errors for reading and writing."""

    async def scenario(engine: Engine) -> None:
        desk = await opened(engine, "ann")
        write = Write("nowhere", Kind.LOG, "append", None, {"items": [1]})
        error = await refused(desk._port.submit(Submission((write,), "a")), Invalid, "unknown_region")
        assert "findings" in str(error)
        await refused(desk._port.ask(Question("nowhere", Kind.TEXT)), Invalid, "unknown_region")
        await refused(desk._port.ask(Question("findings", Kind.TEXT)), Invalid, "wrong_kind")
        wrong = Write("findings", Kind.TEXT, "append", None, {"text": "x"})
        await refused(desk._port.submit(Submission((wrong,), "b")), Invalid, "wrong_kind")

    run(scenario)


def test_a_submission_has_a_bounded_number_of_writes() -> None:
    """One too many is `Invalid` before anything is sent."""
    write = Write("total", Kind.COUNTER, "increment", None, {"by": 1})
    with pytest.raises(Invalid):
        Submission((write,) * (WRITES_PER_COMMIT_MAX + 1), "a")
    with pytest.raises(Invalid):
        Submission((), "a")


# -- denials are counted -------------------------------------------------------------------------------------------


async def entries_of(desk: Desk, kind: str) -> int:
    return len(await desk.history(kind=kind, limit=10_000))


def test_failing_again_and_again_does_not_grow_the_log() -> None:
    """A thousand denials on one path are at most eleven entries, the last of which says how many."""

    async def scenario(engine: Engine) -> None:
        ann, bob = await opened(engine, "ann"), await opened(engine, "bob")
        stale = await ann.account.read()
        await bob.account.commit(Finding(text="won"), expect=stale)
        for _ in range(1_000):
            with pytest.raises(Conflict):
                await ann.account.commit(Finding(text="lost"), expect=stale)
        denials = await bob.history("account", kind="denial", limit=10_000)
        assert [entry.info["times"] for entry in denials] == [2**n for n in reversed(range(10))]

    run(scenario)


def test_failing_everywhere_does_not_grow_the_log_much() -> None:
    """Denials on ever new paths, and of ever new sessions' ended selves, stay bounded, too."""

    async def scenario(engine: Engine) -> None:
        ann, bob = await opened(engine, "ann"), await opened(engine, "bob")
        before = bob.version
        stale = await ann.tasks.read("a")
        for n in range(2_000):
            with pytest.raises(AccordantError):
                write = Write("tasks", Kind.GUARDED_MAP, "commit", f"key {n}", {"value": "x"}, None)
                await ann._port.submit(Submission((write,), f"op {n}"))
        await engine.fence("ann")
        for n in range(2_000):
            with pytest.raises(AccordantError):
                write = Write("tasks", Kind.GUARDED_MAP, "commit", f"key {n}", {"value": "x"}, stale.token)
                await ann._port.submit(Submission((write,), f"late {n}"))
        assert bob.version - before < 2 * (256 + 12) + 5

    run(scenario)
