"""The runaway detector, both sides: circles end in time with their names, and whoever makes progress is never stopped."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accordant import Invalid
from accordant.patterns.runaway import Circle, RegionState, RunawayDetector, cycle_of
from accordant.types.pattern_limits import RUNAWAY_ROUNDS
from accordant.types.regions import Kind

KINDS = {
    "x": Kind.GUARDED, "y": Kind.GUARDED, "heartbeat": Kind.GUARDED, "facts": Kind.LOG, "log": Kind.LOG,
    "questions": Kind.UNION_SET, "tasks": Kind.GUARDED_MAP, "count": Kind.COUNTER, "runs": Kind.COUNTER,
    "draft": Kind.TEXT, "marks": Kind.MAP,
}  # fmt: skip
EMPTY: dict[Kind, Any] = {
    Kind.GUARDED: None, Kind.LOG: [], Kind.UNION_SET: [], Kind.GUARDED_MAP: {}, Kind.COUNTER: 0, Kind.TEXT: "", Kind.MAP: {},
}  # fmt: skip


class Toy:
    """A board of plain values on which rules fire one after the other."""

    def __init__(self, rounds: int = RUNAWAY_ROUNDS, seed: int = 0) -> None:
        self.values: dict[str, Any] = {name: EMPTY[kind] for name, kind in KINDS.items()}
        self.versions = dict.fromkeys(KINDS, 0)
        self.rounds = 0
        self.counts: dict[str, int] = {}
        self.dice = random.Random(seed)
        self._detector = RunawayDetector(rounds)
        self._detector.begin(self.board())

    def board(self) -> dict[str, RegionState]:
        return {
            name: RegionState(kind, self.versions[name], lambda name=name: self.values[name])
            for name, kind in KINDS.items()
        }

    def write(self, name: str, value: Any) -> None:
        self.values[name] = value
        self.versions[name] += 1

    def counted(self, text: str) -> int:
        self.counts[text] = self.counts.get(text, 0) + 1
        return self.counts[text]

    def append(self, name: str, item: Any) -> None:
        self.write(name, [*self.values[name], item])

    def round(self, *fired: str) -> Circle | None:
        self.rounds += 1
        return self._detector.observe(self.board(), fired)


Rule = Callable[[Toy, int], None]


def play(
    rules: Sequence[tuple[str, Rule]], most: int, rounds: int = RUNAWAY_ROUNDS, seed: int = 0
) -> tuple[Circle | None, Toy]:
    """The rules in turn, each once a round."""
    toy = Toy(rounds, seed)
    for n in range(most):
        name, rule = rules[n % len(rules)]
        rule(toy, n)
        if (circle := toy.round(name)) is not None:
            return circle, toy
    return None, toy


def sets(name: str, value: Any) -> Rule:
    return lambda toy, n: toy.write(name, value)


def says(name: str, text: str) -> Rule:
    """Appends text with noise in it: `{n}`, the round; `{k}`, how often it was said; `{id}`; `{at}`."""

    def rule(toy: Toy, n: int) -> None:
        name_ = uuid.UUID(int=toy.dice.getrandbits(128), version=4)
        toy.append(name, text.format(n=n, k=toy.counted(text), id=name_, at=f"2026-11-26T04:18:{n % 60:02d}Z"))

    return rule


CIRCLES: dict[str, list[tuple[str, Rule]]] = {
    "a field to and fro": [("A", sets("x", 1)), ("B", sets("x", 2))],
    "a record to and fro, with stamps": [
        ("A", lambda toy, n: toy.write("x", {"s": "on", "updated_at": n, "note": f"at {n % 24:02d}:00:00"})),
        ("B", lambda toy, n: toy.write("x", {"s": "off", "updated_at": n, "id": str(n)})),
    ],
    "the same said again": [("A", says("log", "ping")), ("B", says("log", "pong"))],
    "numbered": [("A", says("log", "ping {k}")), ("B", says("log", "pong {k}"))],
    "numbered throughout": [("A", says("log", "ping {n}")), ("B", says("log", "pong {n}"))],
    "structured and numbered": [
        ("A", lambda toy, n: toy.append("log", {"text": "ping", "n": n, "at": 1.7e12 + n})),
        ("B", lambda toy, n: toy.append("log", {"text": "pong", "n": n, "at": 1.7e12 + n})),
    ],
    "with random names": [("A", says("log", "ping {id}")), ("B", says("log", "pong {id} at {at}"))],
    "three in turn": [("A", sets("x", "a")), ("B", sets("x", "b")), ("C", sets("x", "c"))],
    "three in turn, numbered": [("A", says("log", "a {n}")), ("B", says("facts", "b {n}")), ("C", says("log", "c {n}"))],
    "eight in turn, numbered by the round": [(name, says("log", f"{name} says {{n}}")) for name in "ABCDEFGH"],
    "two at once": [("A", sets("x", 1)), ("C", sets("y", 1)), ("B", sets("x", 2)), ("D", sets("y", 2))],
    "a set to and fro": [
        ("A", lambda toy, n: toy.write("questions", ["why?", "who?"] if n % 4 else ["who?", "why?"])),
        ("B", lambda toy, n: toy.write("questions", ["who?"])),
    ],
    "numbered questions asked and struck out": [
        ("A", lambda toy, n: toy.write("questions", [f"question {n}"])),
        ("B", lambda toy, n: toy.write("questions", [])),
    ],
    "numbered questions asked for ever": [
        ("A", lambda toy, n: toy.write("questions", [*toy.values["questions"], f"question {n}"])),
        ("B", says("log", "noted {n}")),
    ],
    "tasks made and done": [
        ("A", lambda toy, n: toy.write("tasks", toy.values["tasks"] | {f"task-{n}": {"status": "open"}})),
        ("B", lambda toy, n: toy.write("tasks", {key: {"status": "done"} for key in toy.values["tasks"]})),
    ],
    "a text undone and redone": [("A", sets("draft", "one\ntwo")), ("B", sets("draft", "one\n"))],
    "a text repeated": [
        ("A", lambda toy, n: toy.write("draft", toy.values["draft"] + "ping\n")),
        ("B", lambda toy, n: toy.write("draft", toy.values["draft"] + "pong  at 10:00:0" + str(n % 10) + "\n")),
    ],
    "a run counter": [
        ("A", lambda toy, n: toy.write("runs", n + 1)),
        ("B", lambda toy, n: toy.write("heartbeat", f"alive {n}")),
    ],
    "a message to and fro": [
        ("A", lambda toy, n: toy.write("x", f"ping {n}")),
        ("B", lambda toy, n: toy.write("x", f"pong {n}")),
    ],
    "one that wakes itself": [("A", says("log", "again {n}"))],
}  # fmt: skip


@pytest.mark.parametrize("name", CIRCLES)
@pytest.mark.parametrize("rounds", [RUNAWAY_ROUNDS, 40])
def test_circles_end_in_time_with_their_names(name: str, rounds: int) -> None:
    """Whatever only turns in circles is stopped within N + 1 rounds, and everybody of the circle is named, in turn."""
    rules = CIRCLES[name]
    circle, toy = play(rules, rounds + 1, rounds)
    assert circle is not None, f"not seen in {rounds + 1} rounds"
    assert list(circle.cycle) == [one for one, _ in rules]
    assert toy.rounds <= rounds + 1


@pytest.mark.parametrize("rounds", [2, 3, 4, 5, 8])
def test_a_short_patience_is_kept_to(rounds: int) -> None:
    """Of two rules that undo each other, N + 1 rounds are played at most, for the smallest N too."""
    circle, toy = play(CIRCLES["a field to and fro"], rounds + 1, rounds)
    assert circle is not None
    assert toy.rounds <= rounds + 1


WORDS = "amber birch cedar delta ember fjord grove heath islet juniper kelp larch maple nettle olive pine".split()


def fact(n: int) -> str:
    """Different for each n below some thousands, without a number."""
    return f"{WORDS[n % 16]} {WORDS[n // 16 % 16]} {WORDS[n // 256 % 16]}"


PROGRESS: dict[str, Rule] = {
    "a new fact every ten rounds": lambda toy, n: (
        says("log", "ping {n}")(toy, n) if n % 10 else toy.append("facts", fact(n))
    ),
    "a numbered fact every ten rounds": lambda toy, n: (
        sets("x", n % 2)(toy, n) if n % 10 else toy.append("facts", f"fact {n // 10}")
    ),
    "measured facts": lambda toy, n: toy.append("facts", f"churn in region {n} was {toy.dice.uniform(0, 90):.3f}"),
    "a counter": lambda toy, n: toy.write("count", n + 1),
    "a guarded number": lambda toy, n: toy.write("x", {"citations": n}),
    "a number that converges": lambda toy, n: toy.write("x", 100 * (1 - 0.99**n)),
    "a text that grows": lambda toy, n: toy.write("draft", toy.values["draft"] + "more "),
    "a text of numbered lines": lambda toy, n: toy.write("draft", toy.values["draft"] + f"line {n}\n"),
    "a count with its goal": lambda toy, n: toy.write("x", f"{n} of 500 read"),
    "numbered tasks, done one by one": lambda toy, n: toy.write(
        "tasks", {f"task-{k}": "open" if k >= n else "done" for k in range(500)}
    ),
    "numbered questions, struck out one by one": lambda toy, n: toy.write(
        "questions", [f"question {k}" for k in range(n, 500)]
    ),
    "answers by key": lambda toy, n: toy.write("marks", toy.values["marks"] | {fact(n): "yes"}),
    "facts beside a circle": lambda toy, n: toy.append("facts", fact(n)) if n % 3 == 2 else sets("x", n % 3)(toy, n),
}


@pytest.mark.parametrize("name", PROGRESS)
def test_slow_progress_is_never_stopped(name: str) -> None:
    """Something new at least every ten rounds keeps a run alive, whatever else goes round and round."""
    circle, _ = play([("worker", PROGRESS[name])], 400, seed=7)
    assert circle is None


NOISE: list[Rule] = [
    says("log", "ping {n}"), says("log", "seen {id} at {at}"), sets("heartbeat", "alive"), sets("y", "on"), sets("y", "off"),
    lambda toy, n: toy.write("runs", n), lambda toy, n: toy.write("marks", {"cursor": n % 3}),
    lambda toy, n: toy.write("questions", toy.dice.sample(["a", "b"], 2)),
]  # fmt: skip
STEPS: list[Rule] = [
    lambda toy, n: toy.append("facts", fact(n)),
    lambda toy, n: toy.write("count", toy.values["count"] + 1),
    lambda toy, n: toy.write("draft", toy.values["draft"] + "word "),
    lambda toy, n: toy.write("tasks", toy.values["tasks"] | {fact(n): {"status": "done"}}),
    lambda toy, n: toy.write("questions", [*toy.values["questions"], fact(n)]),
]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(NOISE), max_size=9), st.lists(st.sampled_from(STEPS), min_size=1, max_size=5), st.randoms()
)
def test_any_noise_with_a_step_in_ten_rounds_goes_on(noise: list[Rule], steps: list[Rule], dice: random.Random) -> None:
    """Generated rule sets: up to nine rounds of noise around each step forward are never stopped."""
    toy = Toy()
    for n in range(150):
        turn = n % (len(noise) + 1)
        step = steps[n // (len(noise) + 1) % len(steps)]
        (step if turn == len(noise) else noise[turn])(toy, n)
        assert toy.round(f"rule-{turn}") is None


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["x", "y"]), st.integers(0, 3)), min_size=1, max_size=5),
    st.lists(st.sampled_from(["ping {k}", "seen {id}", "at {at}", "same"]), max_size=3),
)
def test_any_circle_ends(values: list[tuple[str, int]], texts: list[str]) -> None:
    """Generated rule sets: fields that are set in turn, and sayings that only count, end within N + 1 rounds, all named.

    Up to eight rules: what counts on only every ninth round is news, by promise."""
    rules = [(f"set-{n}", sets(*one)) for n, one in enumerate(values)]
    rules += [(f"say-{n}", says("log", text)) for n, text in enumerate(texts)]
    circle, toy = play(rules, RUNAWAY_ROUNDS + 1)
    assert circle is not None
    assert set(circle.cycle) == {name for name, _ in rules}
    assert toy.rounds <= RUNAWAY_ROUNDS + 1


def test_firings_that_write_nothing_are_no_rounds() -> None:
    """A source that looks and leaves everything as it is goes on the account of nobody."""
    toy = Toy()
    assert all(toy.round("A") is None for _ in range(100))


def test_what_is_ignored_is_no_news() -> None:
    """A region named in `ignore` may change as it likes."""
    detector = RunawayDetector(4, ignore=["noise"])
    board = {"noise": RegionState(Kind.LOG, 1, lambda: ["x"])}
    detector.begin(board)
    assert not detector.observe({"noise": RegionState(Kind.LOG, 2, lambda: ["x", "y"])}, ["A"])


def test_a_compacted_log_is_read_anew() -> None:
    """What a compaction left is compared, not what it once was."""
    toy = Toy()
    for n in range(5):
        toy.append("log", fact(n))
        assert toy.round("A") is None
    toy.write("log", ["all of it"])
    assert toy.round("A") is None
    for n in range(RUNAWAY_ROUNDS):
        toy.write("log", ["all of it"] * (n + 2))
        if (circle := toy.round("A")) is not None:
            break
    assert circle is not None


def test_the_shortest_period_is_the_cycle() -> None:
    """A cycle begins with whoever fired first of all; without a period it names everybody."""
    order = {"A": 0, "B": 1, "C": 2}
    assert cycle_of([["B"], ["C"], ["A"], ["B"], ["C"], ["A"]], order) == ("A", "B", "C")
    assert cycle_of([["A", "B"], ["A", "B"]], order) == ("A", "B")
    assert cycle_of([["A"], ["B"], ["B"], ["C"]], order) == ("A", "B", "C")


@pytest.mark.parametrize("rounds", [0, 1, -3, 2.5])
def test_a_detector_needs_two_rounds(rounds: Any) -> None:
    """Less than two rounds cannot be compared."""
    with pytest.raises(Invalid):
        RunawayDetector(rounds)
