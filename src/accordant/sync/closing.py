"""Close codes of the websocket and which error closes with which: the one table that server, client and docs share.

y-websocket reconnects by itself unless the code is 4400 to 4499, so those mean "coming back unchanged cannot help";
4500 to 4599 mean "come back later".
"""

from __future__ import annotations

from enum import IntEnum

from accordant.types.errors import AccordantError, EpochChanged, Fenced, NoAuthority, StoreError

__all__ = ["CloseCode", "close_code", "close_reason"]

REASON_BYTES_MAX = 123  # RFC 6455: a control frame's 125 bytes less the code


class CloseCode(IntEnum):
    """What the other side should do next is told in docs/PROTOCOL.md, code by code."""

    NORMAL = 1000
    MALFORMED = 4400
    UNAUTHENTICATED = 4401
    ORIGIN = 4403
    ADDRESS = 4404
    VERSION = 4406
    SILENT = 4408
    REFUSED = 4409
    ENDED = 4410
    EPOCH = 4411
    TOO_LARGE = 4413
    JOIN_REFUSED = 4422
    INTERNAL = 4500
    UNAVAILABLE = 4503
    SLOW = 4508

    @property
    def is_final(self) -> bool:
        """Whether coming back unchanged cannot help."""
        return 4400 <= self < 4500


def close_code(error: AccordantError) -> CloseCode:
    """With which code a connection closes whose update was answered with this error."""
    if isinstance(error, EpochChanged):
        return CloseCode.EPOCH
    if isinstance(error, Fenced):
        return CloseCode.ENDED
    if isinstance(error, NoAuthority | StoreError):
        return CloseCode.UNAVAILABLE
    return CloseCode.REFUSED


def close_reason(error: AccordantError) -> str:
    """`code: message`, cut to what a close frame holds."""
    text = f"{error.code}: {error.message}"
    return text.encode()[:REASON_BYTES_MAX].decode(errors="ignore")
