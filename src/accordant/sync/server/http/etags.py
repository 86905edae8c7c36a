"""Entity tags: a reading's whole token as a strong ETag, so that the token travels with the reader (I6).

Opaque to clients: `"version.generation.epoch.incarnation"`.
"""

from __future__ import annotations

import re

from accordant.types.errors import Invalid
from accordant.types.limits import INTEGER_MAX
from accordant.types.readings import Token

__all__ = ["etag_of", "matches", "token_of"]

_SHAPE = re.compile(r'"(\d{1,16})\.(\d{1,16})\.(\d{1,16})\.([A-Za-z0-9_-]{1,64})"', re.ASCII)


def etag_of(token: Token) -> str:
    """The ETag that stands for a reading."""
    return f'"{token.version}.{token.generation}.{token.epoch}.{token.incarnation}"'


def token_of(etag: str) -> Token:
    """The reading that an ETag stands for; raises `Invalid` for anything that no answer ever gave."""
    found = _SHAPE.fullmatch(etag.strip())
    if found is None or max(int(one) for one in found.groups()[:3]) > INTEGER_MAX:
        raise Invalid(
            "If-Match is one ETag as a GET answered it, quotation marks included",
            code="bad_etag",
            hint="GET the region and send its ETag",
        )
    version, generation, epoch = (int(one) for one in found.groups()[:3])
    return Token(epoch, found[4], version, generation)


def matches(header: str | None, token: Token) -> bool:
    """Whether `If-None-Match` names this state: who read it last, and in which session, does not matter for a read."""
    for one in (header or "").split(","):
        found = _SHAPE.fullmatch(one.strip().removeprefix("W/"))
        if found and (int(found[1]), int(found[3]), found[4]) == (token.version, token.epoch, token.incarnation):
            return True
    return False
