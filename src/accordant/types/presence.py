"""Presence: who is at a document now, and what they show of themselves. Never logged, never merged, gone with its owner.

On the wire this is Yjs awareness (y-protocols, `awareness.js`): a client id, a clock that counts up, a JSON state or `null`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accordant.types.errors import Invalid
from accordant.types.limits import AWARENESS_BYTES_MAX

__all__ = ["GONE", "AwarenessState", "Present", "present", "state_text"]

GONE = "null"


@dataclass(frozen=True, slots=True)
class AwarenessState:
    """One client's presence. `state` is JSON text as the client wrote it; `null` means that it is gone."""

    client: int
    clock: int
    state: str

    @property
    def is_gone(self) -> bool:
        """Whether this says goodbye."""
        return self.state == GONE


@dataclass(frozen=True, slots=True)
class Present:
    """Somebody who is here.

    `agent`: the name they give, `""` when they give none; it is claimed, and proves nothing. `state`: what they show, any
    JSON value. `client`: the number under which they are known, another after each join. `is_me`: this handle itself.
    """

    agent: str
    state: Any
    client: int
    is_me: bool = False


def state_text(agent: str, state: Mapping[str, Any]) -> str:
    """The JSON text that a handle shows: its state and, where Yjs editors look for a name, `user.name`. Raises `Invalid`."""
    if not isinstance(state, Mapping) or not all(isinstance(name, str) for name in state):
        raise Invalid("a presence is an object with texts as names", code="bad_presence")
    shown = {"user": {"name": agent}} | dict(state)
    try:
        text = json.dumps(shown, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid(f"this presence cannot travel as JSON: {error}", code="not_json") from error
    if size > AWARENESS_BYTES_MAX:
        raise Invalid(
            f"this presence has {size} bytes, of {AWARENESS_BYTES_MAX} at most: put content into the document",
            code="too_large",
            limit=AWARENESS_BYTES_MAX,
        )
    return text


def present(known: AwarenessState, me: int | None) -> Present:
    """What a state says, whoever wrote it. `user.name`, or else `name`, is what Yjs editors call themselves."""
    state = json.loads(known.state)
    name: Any = None
    if isinstance(state, dict):
        user = state.get("user")
        name = user.get("name") if isinstance(user, dict) else state.get("name")
    return Present(name if isinstance(name, str) else "", state, known.client, known.client == me)
