"""What a member's calls do: a method's name and body, to its session's port and back as JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

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


async def _close(seats: Seats, seat: Seat, body: Mapping[str, Any]) -> Any:
    await seats.leave(seat)


METHODS: dict[Method, Callable[[Seats, Seat, Mapping[str, Any]], Awaitable[Any]]] = {
    Method.ASK: _ask,
    Method.TURN: _turn,
    Method.SUBMIT: _submit,
    Method.MERGE: _merge,
    Method.HISTORY: _history,
    Method.OUTLINE: _outline,
    Method.CLOSE: _close,
}
