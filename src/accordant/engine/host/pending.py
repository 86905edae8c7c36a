"""Commands on their way through a document: who waits for what, which updates go together, which share a durability wait."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from accordant.engine.combining import Combination, Known
from accordant.engine.commands import Command, Update
from accordant.engine.effects import Effects
from accordant.engine.stores.contract import Commit
from accordant.engine.structs import Update as Decoded
from accordant.engine.update import decode_update
from accordant.types.errors import WireError

__all__ = ["Batch", "Pending", "decoded", "together"]

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
    if not isinstance(command, Update) or command.catches_up or getattr(command, "op_id", None) is not None:
        return None
    try:
        return decode_update(command.update)
    except WireError:
        return None  # the gate will say why


def together(pending: Iterable[Pending], known: Known) -> list[Pending]:
    """One session's updates in order, combined as far as that changes nothing: what is tried instead of them."""
    tried: list[Pending] = []
    combination, parts, goes_on = Combination(known), list[Pending](), False
    for one in pending:
        assert isinstance(one.command, Update)
        assert one.decoded is not None
        size = len(one.command.update)
        if not (goes_on and combination.add(one.decoded, size)):
            tried += _as_one(combination, parts)
            combination, parts = Combination(known), []
            goes_on = combination.add(one.decoded, size)
        parts.append(one)
    return tried + _as_one(combination, parts)


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
