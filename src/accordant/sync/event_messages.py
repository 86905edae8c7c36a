"""Events and subscriptions as JSON: what `follow`, `events`, `unfollow` and `end_batch` carry, and what server-sent events show.

Pure. Reading raises only `Invalid`; it trusts neither side.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from accordant.types.commands import check_batch, check_why
from accordant.types.errors import Invalid
from accordant.types.events import Event, EventKind, EventQuery, Invalidated, Lagged, SecondWriter, WriteDenied
from accordant.types.limits import INTEGER_MAX
from accordant.types.memory_limits import EVENT_REGIONS_MAX, EVENTS_PER_ANSWER_MAX, SUSPECTS_MAX
from accordant.types.values import is_text

__all__ = [
    "batch_from_json",
    "batch_to_json",
    "event_to_json",
    "events_from_json",
    "events_to_json",
    "query_from_json",
    "query_to_json",
    "question_from_json",
    "question_to_json",
    "subscription_from_json",
]

_CLASSES: dict[EventKind, type[Event]] = {
    EventKind.DENIAL: WriteDenied,
    EventKind.INVALIDATED: Invalidated,
    EventKind.SECOND_WRITER: SecondWriter,
    EventKind.LAGGED: Lagged,
}
_LISTS = frozenset({"paths", "refs", "readers"})
SUBSCRIPTION_CHARS_MAX = 64
EVENTS_READ_MAX = EVENTS_PER_ANSWER_MAX + 2 * SUSPECTS_MAX
"""Events of one answer: those of one entry stay together, and one retraction may tell of many."""


def event_to_json(event: Event) -> dict[str, Any]:
    """As JSON values: its fields, those that say nothing left out."""
    shown: dict[str, Any] = {}
    for one in fields(event):
        value = getattr(event, one.name)
        if value not in (None, ()) or one.name == "paths":
            shown[one.name] = list(value) if isinstance(value, tuple) else value
    return shown


def _event_from_json(body: Any) -> Event:
    if not isinstance(body, Mapping) or body.get("kind") not in tuple(EventKind):
        raise _misfit("an event has a kind")
    kind = EventKind(body["kind"])
    cls = _CLASSES.get(kind, Event)
    known = {one.name for one in fields(cls)}
    shown = {name: _checked(name, value) for name, value in body.items() if name in known}
    try:
        return cls(**shown | {"kind": kind})
    except TypeError as error:
        raise _misfit("an event lacks something") from error


_NUMBERS = frozenset({"version", "at", "count", "first", "yours", "current", "times", "n", "resume_from"})


def _checked(name: str, value: Any) -> Any:
    if name in _LISTS:
        if not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
            raise _misfit(f"{name} are texts")
        return tuple(value)
    if name in _NUMBERS:
        return _number(value, name)
    if name == "is_suspect":
        return value is True
    if not isinstance(value, str):
        raise _misfit(f"{name} is a text")
    return value


def events_to_json(events: Sequence[Event], version: int) -> dict[str, Any]:
    """An answer: what has happened, and up to which version that is all."""
    return {"events": [event_to_json(event) for event in events], "version": version}


def events_from_json(body: Any) -> tuple[list[Event], int]:
    """The answer of `events_to_json`; raises `Invalid`."""
    match body:
        case {"events": list(events), "version": version} if len(events) <= EVENTS_READ_MAX:
            return [_event_from_json(one) for one in events], _number(version, "version")
    raise _misfit("not an answer with events")


def query_to_json(query: EventQuery, subscription: str) -> dict[str, Any]:
    """As JSON values."""
    return {
        "sub": subscription,
        "regions": list(query.regions),
        "kinds": None if query.kinds is None else sorted(query.kinds),
        "after": query.after,
        "coalesce": query.coalesce_s,
        "max_rate": query.max_rate,
        "group": query.group,
    }


def query_from_json(body: Mapping[str, Any]) -> tuple[EventQuery, str]:
    """The query and subscription of `query_to_json`; raises `Invalid`."""
    regions, kinds, group = body.get("regions", []), body.get("kinds"), body.get("group")
    if not (
        isinstance(regions, list) and len(regions) <= EVENT_REGIONS_MAX and all(isinstance(r, str) for r in regions)
    ):
        raise _misfit(f"regions are at most {EVENT_REGIONS_MAX} names or paths")
    if kinds is not None and not (isinstance(kinds, list) and all(kind in tuple(EventKind) for kind in kinds)):
        raise _misfit(f"kinds are some of {', '.join(EventKind)}")
    if group is not None and not isinstance(group, str):
        raise _misfit("group is a name")
    after, max_rate = body.get("after"), body.get("max_rate")
    query = EventQuery(
        tuple(regions),
        None if kinds is None else frozenset(map(EventKind, kinds)),
        None if after is None else _number(after, "after"),
        _seconds(body.get("coalesce", 0.0), "coalesce"),
        None if max_rate is None else _seconds(max_rate, "max_rate"),
        group,
    )
    return query, subscription_from_json(body)


def question_to_json(subscription: str, n: int) -> dict[str, Any]:
    """As JSON values."""
    return {"sub": subscription, "n": n}


def question_from_json(body: Mapping[str, Any]) -> tuple[str, int]:
    """The subscription, and the number of the answer that is asked for: it confirms those before. Raises `Invalid`."""
    return subscription_from_json(body), _number(body.get("n"), "n")


def subscription_from_json(body: Mapping[str, Any]) -> str:
    """The name that the client gave its subscription; raises `Invalid`."""
    name = body.get("sub")
    if not isinstance(name, str) or not is_text(name) or not 0 < len(name) <= SUBSCRIPTION_CHARS_MAX:
        raise _misfit(f"sub is a text of 1 to {SUBSCRIPTION_CHARS_MAX} characters")
    return name


def batch_to_json(batch: str, why: str | None) -> dict[str, Any]:
    """As JSON values."""
    return {"batch": batch, "why": why}


def batch_from_json(body: Mapping[str, Any]) -> tuple[str, str | None]:
    """The batch that ends, and why it was; raises `Invalid`."""
    batch, why = body.get("batch"), body.get("why")
    if not isinstance(batch, str):
        raise _misfit("a batch has an id")
    check_batch(batch)
    check_why(why)
    return batch, why


def _number(value: Any, name: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= INTEGER_MAX:
        return value
    raise _misfit(f"{name} is a whole number")


def _seconds(value: Any, name: str) -> float:
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) < INTEGER_MAX
        and math.isfinite(value)
    ):
        return float(value)
    raise _misfit(f"{name} is a number")


def _misfit(text: str) -> Invalid:
    return Invalid(text, code="bad_command")
