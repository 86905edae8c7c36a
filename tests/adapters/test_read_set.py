"""What a run has read: known to it and to those it starts, to nobody else, and not without end."""

from __future__ import annotations

import contextlib
import contextvars
import gc

from hypothesis import given, settings
from hypothesis import strategies as st

from accordant.adapters.read_set import _READS, begin, known
from accordant.types.pattern_limits import READS_BETWEEN_MAX, READS_KEPT_MAX


def learn(**names: int) -> None:
    begin().done(names)


def test_a_run_knows_what_it_read_last() -> None:
    """The newest read of a name counts; what was never read is None."""

    def work() -> None:
        learn(a=1, b=1)
        learn(a=2)
        assert (known("a"), known("b"), known("c")) == (2, 1, None)

    contextvars.Context().run(work)


def test_a_copy_knows_what_was_read_before_it_and_tells_nothing() -> None:
    """A context that was copied has its own list: neither the original nor another copy learns from it."""

    def work() -> None:
        learn(a=1)
        first, second = contextvars.copy_context(), contextvars.copy_context()
        first.run(learn, a=2, b=2)
        assert (first.run(known, "a"), second.run(known, "a"), known("a")) == (2, 1, 1)
        assert (second.run(known, "b"), known("b")) == (None, None)
        learn(a=3)
        assert (first.run(known, "a"), second.run(known, "a")) == (2, 1)

    contextvars.Context().run(work)


def test_a_read_under_way_counts_where_it_began() -> None:
    """Begun here and done elsewhere, as in `gather`: known here, when it is done."""

    def work() -> None:
        read = begin()
        assert known("a") is None
        contextvars.copy_context().run(read.done, {"a": 1})
        assert known("a") == 1

    contextvars.Context().run(work)


def test_a_run_remembers_so_much_and_no_more() -> None:
    """Beyond the bound what was read longest ago is forgotten; what was read again is not; reads under way are never lost."""

    def work() -> None:
        waiting = [begin() for _ in range(3 * READS_BETWEEN_MAX)]
        learn(first=0, old=0)
        for n in range(READS_KEPT_MAX + 2 * READS_BETWEEN_MAX):
            learn(**{f"n{n}": n})
            if n == READS_KEPT_MAX // 2:
                learn(old=1)
        last = READS_KEPT_MAX + 2 * READS_BETWEEN_MAX - 1
        assert (known("first"), known("old"), known(f"n{last}")) == (None, 1, last)
        for n, read in enumerate(waiting):
            read.done({f"waiting{n}": n})
        assert [known(f"waiting{n}") for n in range(len(waiting))] == list(range(len(waiting)))

    contextvars.Context().run(work)


def kept() -> int:
    """How many items this context remembers, and reads that may still learn something."""
    return sum(1 if one.learned is None else len(one.learned) for one in _READS.get())


def test_large_reads_are_bounded_too() -> None:
    """The bound is on items, however many of them each read brought."""

    def work() -> None:
        for n in range(READS_BETWEEN_MAX // 2):
            learn(**{f"n{n}.{m}": m for m in range(1_000)})
            assert kept() <= 2 * READS_KEPT_MAX + 1_000
        assert known(f"n{READS_BETWEEN_MAX // 2 - 1}.999") == 999

    contextvars.Context().run(work)


def test_a_call_that_never_runs_keeps_no_place() -> None:
    """Coroutines that are closed, let go or cancelled before their first step will learn nothing, and are forgotten; so is a
    call that has failed."""

    async def call() -> None:
        raise AssertionError("it never runs")

    def work() -> None:
        for _ in range(1_000):
            begin().of(call()).close()
            with contextlib.suppress(ValueError), begin():
                raise ValueError
        gc.collect()
        begin()
        assert len(_READS.get()) <= 2

    contextvars.Context().run(work)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 9)), max_size=300))
def test_remembering_is_a_dict(reads: list[tuple[str, int]]) -> None:
    """However many reads there were, each name is known as it was read last."""

    def work() -> None:
        for name, version in reads:
            learn(**{name: version})
        assert {name: known(name) for name in "abcdefgh"} == {name: dict(reads).get(name) for name in "abcdefgh"}

    contextvars.Context().run(work)
