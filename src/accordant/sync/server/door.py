"""The door: who is it, and may it come in? The one place of the server that turns what a caller shows into a `Principal`.

Without tokens (loopback only) a caller is who it says it is, and recorded as `asserted`. With tokens nobody comes in without
one, and its agent is the token's.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import parse_qs

from starlette.types import Scope

from accordant.sync.server.address import agent_of, origin_is_welcome
from accordant.sync.server.tokens import Tokens
from accordant.types.access import Principal
from accordant.types.errors import Denied

__all__ = ["Door"]


class Door:
    """One application's door. `tokens`: None where names are asserted."""

    def __init__(self, origins: Collection[str] = (), tokens: Tokens | None = None) -> None:
        self._origins = frozenset(origins)
        self._tokens = tokens

    def welcomes_origin(self, scope: Scope) -> bool:
        """Whether a page of this origin may talk to us at all."""
        return origin_is_welcome(scope, self._origins)

    def principal(self, scope: Scope) -> Principal:
        """Whoever knocks, by header or query. Raises `Invalid` for a name that is none, `Denied` for a token that is not good."""
        if self._tokens is None:
            return Principal(agent_of(scope))
        return self._proven(self._tokens, _shown(scope), scope)

    def shows_token(self, scope: Scope) -> bool:
        """Whether the request itself carries a token; a Hocuspocus peer shows its own later."""
        return self._tokens is None or _shown(scope) is not None

    def present(self, token: str, scope: Scope) -> Principal:
        """Whoever shows this token inside a Hocuspocus connection. Without tokens of our own any text will do.

        Raises what `principal` raises.
        """
        if self._tokens is None:
            return Principal(agent_of(scope))
        return self._proven(self._tokens, token or _shown(scope), scope)

    def is_good(self, principal: Principal) -> bool:
        """Whether somebody who was let in may stay."""
        return self._tokens is None or self._tokens.is_good(principal)

    def _proven(self, tokens: Tokens, token: str | None, scope: Scope) -> Principal:
        if not token:
            raise Denied(
                "a token is needed here", code="no_token", hint="Authorization: Bearer, or ?token= on websockets"
            )
        principal = tokens.principal(token)
        if agent_of(scope) not in (None, principal.agent):
            raise Denied("the token belongs to another agent", code="not_your_name")
        return principal


def _shown(scope: Scope) -> str | None:
    """The token of the header, or of a websocket's query: a page cannot set headers there."""
    headers = [value for name, value in scope["headers"] if name.lower() == b"authorization"]
    if headers:
        scheme, _, token = headers[0].decode("latin-1").partition(" ")
        return token.strip() if len(headers) == 1 and scheme.lower() == "bearer" else None
    if scope["type"] != "websocket":
        return None
    found = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [])
    return found[0] if len(found) == 1 else None
