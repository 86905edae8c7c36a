"""A member's subscriptions: its calls wait for events a while, and an answer that was lost is given again.

Each answer has a number. Asking for the next one confirms those before; asking for the same one again, as a client does that
came back to its session, gives the same answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from accordant.engine.host.feed import Feed
from accordant.engine.host.port import EmbeddedPort
from accordant.engine.host.subscribers import Member
from accordant.sync.event_messages import events_to_json, query_from_json, question_from_json, subscription_from_json
from accordant.types.errors import Invalid, NoAuthority
from accordant.types.memory_limits import EVENTS_POLL_S, SUBSCRIPTIONS_PER_SESSION_MAX

__all__ = ["Following"]


class _Subscription:
    def __init__(self, source: Feed | Member) -> None:
        self.source = source
        self.n = 0
        self.answer: dict[str, Any] = {}
        self.turn = asyncio.Lock()


class Following:
    """One session's."""

    def __init__(self, port: EmbeddedPort) -> None:
        self._port = port
        self._subscriptions: dict[str, _Subscription] = {}

    async def follow(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Subscribe, under the name that the client gave it; again under the same name: the same subscription."""
        query, name = query_from_json(body)
        known = self._subscriptions.get(name)
        if known is None:
            if len(self._subscriptions) >= SUBSCRIPTIONS_PER_SESSION_MAX:
                raise NoAuthority(
                    f"a session has at most {SUBSCRIPTIONS_PER_SESSION_MAX} subscriptions",
                    code="too_many_subscriptions",
                )
            known = self._subscriptions[name] = _Subscription(self._port.events(query))
            try:
                await known.source.begin()
            except BaseException:
                await self._drop(name)
                raise
        return {"sub": name, "version": known.source.cursor}

    async def events(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of that number: what has happened, or nothing after a while. Raises what ended the subscription."""
        name, n = question_from_json(body)
        known = self._subscriptions.get(name)
        if known is None:
            raise Invalid("there is no such subscription", code="unknown_subscription", hint="follow again")
        async with known.turn:
            if n != known.n:
                if n != known.n + 1:
                    raise Invalid(f"the next answer is number {known.n + 1}", code="bad_command")
                events = await known.source.next(EVENTS_POLL_S)
                known.n, known.answer = n, events_to_json(events, known.source.cursor)
            return known.answer

    async def unfollow(self, body: Mapping[str, Any]) -> None:
        """No more events. Harmless when there is no such subscription."""
        await self._drop(subscription_from_json(body))

    async def _drop(self, name: str) -> None:
        known = self._subscriptions.pop(name, None)
        if known is not None:
            await known.source.close()
