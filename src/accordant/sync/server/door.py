"""The door: who is it, and may it come in? The one place of the server that turns what a caller shows into a `Principal`.

Without tokens (loopback only) a caller is who it says it is, and recorded as `asserted`.
"""

from __future__ import annotations

from collections.abc import Collection

from starlette.types import Scope

from accordant.sync.server.address import agent_of, origin_is_welcome
from accordant.types.access import Principal

__all__ = ["Door"]


class Door:
    """One application's door."""

    def __init__(self, origins: Collection[str] = ()) -> None:
        self._origins = frozenset(origins)

    def welcomes_origin(self, scope: Scope) -> bool:
        """Whether a page of this origin may talk to us at all."""
        return origin_is_welcome(scope, self._origins)

    def principal(self, scope: Scope) -> Principal:
        """Whoever knocks, by header or query. Raises `Invalid` for a name that is none, `Denied` for a token that is not good."""
        return Principal(agent_of(scope))

    def present(self, token: str, scope: Scope) -> Principal:
        """Whoever shows this token inside a Hocuspocus connection. Without tokens of our own any text will do.

        Raises what `principal` raises.
        """
        return self.principal(scope)
