"""One subscription over as many connections as it takes: it goes on behind the last version told, without a gap or a repeat."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Sequence
from copy import copy
from dataclasses import replace

from accordant.sync.client.connection import Connection
from accordant.sync.event_messages import events_from_json, query_to_json, question_to_json
from accordant.sync.messages import Method
from accordant.types.errors import AccordantError, Fenced, Invalid, NoAuthority
from accordant.types.events import Event, EventQuery
from accordant.types.limits import RECONNECT_DELAY_S

__all__ = ["WebsocketEvents"]

_PASSING = frozenset({"offline", "unreachable", "no_authority", "closed"})
"""Codes of `NoAuthority` that a reconnect may help."""


class WebsocketEvents:
    """A source of events at the server. It subscribes at once when there is a running loop, else when it is first asked."""

    def __init__(self, connection: Connection, query: EventQuery) -> None:
        self._connection = connection
        self._query = query
        self._name = uuid.uuid4().hex
        self._n = 0
        self._is_following = False
        self._is_closed = False
        self._starting: asyncio.Task[None] | None = None
        with contextlib.suppress(RuntimeError):  # no running loop: a blocking caller
            asyncio.get_running_loop()
            self._starting = asyncio.create_task(self._follow())
            self._starting.add_done_callback(_seen)

    async def begin(self) -> None:
        """From now on events are kept for us. Raises `NoAuthority` while the server cannot be reached."""
        if self._starting is not None:
            starting, self._starting = self._starting, None
            await starting
        elif not self._is_following:
            await self._follow()

    async def next(self) -> Sequence[Event]:
        """What has happened, at least one event. Waits while the server cannot be reached; raises what ended the session."""
        while True:
            if self._is_closed:
                raise Fenced("this subscription was closed", code="closed")
            try:
                await self.begin()
                events = await self._ask()
            except NoAuthority as error:
                await self._until_back(error)
            except Invalid as error:
                if error.code != "unknown_subscription":
                    raise
                self._is_following = False  # it was another session's: of before a restart, or a long silence
            else:
                if events:
                    return events

    async def close(self) -> None:
        """No more events. Idempotent; an unreachable server lets go of them when the session ends."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._starting is not None:
            await asyncio.gather(self._starting, return_exceptions=True)
        if self._is_following and self._connection.is_ready:
            with contextlib.suppress(AccordantError):
                await self._connection.call(Method.UNFOLLOW, {"sub": self._name})

    async def _follow(self) -> None:
        answer = await self._connection.call(Method.FOLLOW, query_to_json(self._query, self._name))
        _, version = events_from_json({"events": [], "version": answer.get("version")})
        self._reached(version)
        self._is_following, self._n = True, 0

    async def _ask(self) -> list[Event]:
        """The next answer. Cancelled, or lost with its connection, it is asked for again under the same number."""
        answer = await self._connection.call(Method.EVENTS, question_to_json(self._name, self._n + 1))
        events, version = events_from_json(answer)
        self._n += 1
        self._reached(version)
        return events

    def _reached(self, version: int) -> None:
        self._query = replace(self._query, after=version)
        session = self._connection.session
        session.version = max(session.version, version)

    async def _until_back(self, error: NoAuthority) -> None:
        connection = self._connection
        if connection.session.ended is not None:
            raise copy(connection.session.ended)
        if error.code not in _PASSING:
            raise error
        await asyncio.sleep(RECONNECT_DELAY_S)


def _seen(task: asyncio.Task[None]) -> None:
    """Why it failed is told to whoever asks for events; if nobody does, it is no news."""
    if not task.cancelled():
        task.exception()
