"""Commands on their way through a document: who waits for what, which updates go together, which share a durability wait."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from accordant.engine.combining import Combination, Known
from accordant.engine.commands import Command, Update
from accordant.engine.effects import Effects
from accordant.engine.stores.contract import Commit
from accordant.engine.structs import Update as Decoded
from accordant.engine.update import decode_update
from accordant.types.errors import WireError
from accordant.types.limits import INBOX_MAX

__all__ = ["Batch", "Pending", "decoded", "judge_together"]

logger = logging.getLogger("accordant.engine")


def nobody(reply: Any) -> None:
    """Waits for no answer."""


@dataclass(slots=True, eq=False)
class Pending:
    """A command, who waits for it, and what it led to.

    `decoded`: an update that may be judged together with its neighbours. `parts`: the updates that this one stands for.
    """

    command: Command
    on_reply: Callable[[Any], None] = nobody
    decoded: Decoded | None = None
    effects: Effects | None = None
    is_done: bool = False
    parts: tuple[Pending, ...] = ()

    def answer(self, reply: Any) -> None:
        """Tell who waits, once. A mistake of theirs is none of ours."""
        if self.is_done:
            return
        self.is_done = True
        for part in self.parts:
            part.answer(reply)
        try:
            self.on_reply(reply)
        except Exception:
            logger.exception("an answer to a %s was not taken", type(self.command).__name__)

    def unfolded(self) -> tuple[Pending, ...]:
        """As it was posted."""
        return self.parts or (self,)


@dataclass(slots=True)
class Batch:
    """Commands that share one durability wait."""

    pending: list[Pending] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)

    def add(self, one: Pending, effects: Effects) -> None:
        """What was judged, and what has to be persisted for it."""
        one.effects = effects
        self.pending.append(one)
        self.commits.extend(effects.persist)


def decoded(command: Command) -> Decoded | None:
    """An update that may be combined with its neighbours, decoded; None for one that has to be judged by itself."""
    if not isinstance(command, Update) or command.catches_up or command.op_id is not None:
        return None
    try:
        return decode_update(command.update)
    except WireError:
        return None  # the gate will say why


def judge_together(
    inbox: deque[Pending], known: Known, judge: Callable[[Pending], bool], is_broken: Callable[[], bool]
) -> None:
    """Try the updates at the head of an inbox, combined for each session.

    What has not landed then goes back, to be judged one by one in the order of arrival, so that only the guilty one is
    refused; no other session is slowed down by it. `judge` says whether a trial landed, `is_broken` whether nothing more can.
    """
    taken, landed, refused = _take_updates(inbox), set[int](), set[str]()
    for tried in _together(taken, known):
        session = _session(tried)
        if session in refused:
            continue
        if judge(tried):
            landed.update(map(id, tried.parts))
        elif is_broken():
            break
        else:
            refused.add(session)
    if len(landed) < len(taken):
        _put_back(inbox, taken, landed)


def _take_updates(inbox: deque[Pending]) -> list[Pending]:
    """The updates at the head of an inbox that may be judged together."""
    taken: list[Pending] = []
    while inbox and inbox[0].decoded is not None and len(taken) < INBOX_MAX:
        taken.append(inbox.popleft())
    return taken


def _put_back(inbox: deque[Pending], taken: list[Pending], landed: Collection[int]) -> None:
    """What has not landed is judged one by one, in the order of arrival."""
    again = [one for one in taken if id(one) not in landed]
    for one in again:
        one.decoded = None
    inbox.extendleft(reversed(again))


def _together(taken: Iterable[Pending], known: Known) -> Iterator[Pending]:
    """What is tried instead of these: each session's updates in order, combined as far as that changes nothing.

    Each is to be judged before the next one is asked for: whether more can be combined depends on what has landed.
    """
    sessions: dict[str, list[Pending]] = {}
    for one in taken:
        sessions.setdefault(_session(one), []).append(one)
    for updates in sessions.values():
        combination, parts, goes_on = Combination(known), list[Pending](), False
        for one in updates:
            assert one.decoded is not None
            size = len(_bytes(one))
            if not (goes_on and combination.add(one.decoded, size)):
                yield from _as_one(combination, parts)
                combination, parts = Combination(known), []
                goes_on = combination.add(one.decoded, size)
            parts.append(one)
        yield from _as_one(combination, parts)


def _as_one(combination: Combination, parts: list[Pending]) -> list[Pending]:
    result = combination.result() if len(parts) > 1 else None
    if result is not None:
        found, update = result
        return [Pending(Update(_session(parts[0]), update, decoded=found, is_trial=True), parts=tuple(parts))]
    return [
        Pending(Update(_session(part), _bytes(part), decoded=part.decoded, is_trial=True), parts=(part,))
        for part in parts
    ]


def _session(one: Pending) -> str:
    assert isinstance(one.command, Update)
    return one.command.session


def _bytes(one: Pending) -> bytes:
    assert isinstance(one.command, Update)
    return one.command.update
