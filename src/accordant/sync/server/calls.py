"""What a member's calls do: a method's name and body, to its session's port and back as JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from accordant.sync.event_messages import batch_from_json
from accordant.sync.messages import (
    Method,
    answer_to_json,
    committed_to_json,
    entries_to_json,
    history_from_json,
    merge_from_json,
    question_from_json,
)
from accordant.sync.server.seats import Seat, Seats
from accordant.types.commands import Submission
from accordant.types.errors import Invalid
from accordant.types.past import Recall

__all__ = ["METHODS"]


async def _ask(_: Seats, seat: Seat, body: Mapping[str, Any]) -> Any:
    return answer_to_json(await seat.port.ask(question_from_json(body)))


async def _turn(_: Seats, seat: Seat, body: Mapping[str, Any]) -> Any:
    return answer_to_json(await seat.port.turn(question_from_json(body)))


async def _submit(_: Seats, seat: Seat, body: Mapping[str, Any]) -> Any:
    return committed_to_json(await seat.submit(Submission.from_json(body)))


async def _merge(_: Seats, seat: Seat, body: Mapping[str, Any]) -> Any:
    return {"version": await seat.port.merge(*merge_from_json(body))}


async def _history(_: Seats, seat: Seat, body: Mapping[str, Any]) -> Any:
    return entries_to_json(await seat.port.history(history_from_json(body)))


async def _outline(_: Seats, seat: Seat, body: Mapping[str, Any]) -> Any:
    return await seat.port.outline()


async def _cut(_: Seats, seat: Seat, body: Mapping[str, Any]) -> Any:
    regions, at = body.get("regions"), body.get("at")
    if not (regions is None or (isinstance(regions, list) and all(isinstance(name, str) for name in regions))):
        raise Invalid("regions is a list of names", code="bad_command")
    if not (at is None or (isinstance(at, int) and not isinstance(at, bool))):
        raise Invalid("at is a version", code="bad_command")
    cut = await seat.port.cut(None if regions is None else frozenset(regions), at)
    return cut.to_json()


async def _recall(_: Seats, seat: Seat, body: Mapping[str, Any]) -> Any:
    return dict(await seat.port.recall(Recall.from_json(body)))


async def _close(seats: Seats, seat: Seat, body: Mapping[str, Any]) -> Any:
    await seats.leave(seat)


async def _follow(_: Seats, seat: Seat, body: Mapping[str, Any]) -> Any:
    return await seat.following.follow(body)


async def _events(_: Seats, seat: Seat, body: Mapping[str, Any]) -> Any:
    return await seat.following.events(body)


async def _unfollow(_: Seats, seat: Seat, body: Mapping[str, Any]) -> Any:
    await seat.following.unfollow(body)


async def _end_batch(_: Seats, seat: Seat, body: Mapping[str, Any]) -> Any:
    await seat.port.end_batch(*batch_from_json(body))


METHODS: dict[Method, Callable[[Seats, Seat, Mapping[str, Any]], Awaitable[Any]]] = {
    Method.ASK: _ask,
    Method.TURN: _turn,
    Method.SUBMIT: _submit,
    Method.MERGE: _merge,
    Method.HISTORY: _history,
    Method.OUTLINE: _outline,
    Method.CUT: _cut,
    Method.RECALL: _recall,
    Method.CLOSE: _close,
    Method.FOLLOW: _follow,
    Method.EVENTS: _events,
    Method.UNFOLLOW: _unfollow,
    Method.END_BATCH: _end_batch,
}
