"""No token in a log line: the web server's own loggers show addresses, headers and frames when somebody makes them talk."""

from __future__ import annotations

import logging
import re

__all__ = ["be_discreet"]

_SECRET = re.compile(r"(?i)(token=)[^&\s'\"\]]+")
_HEADER = re.compile(r"(?is)(authorization\W{1,8}).*")  # whatever the scheme, to the end of what is said
_FRAME = re.compile(r"^([<>] (?:BINARY|TEXT|CONT)) .*", re.DOTALL)  # a Hocuspocus peer's token is in one
_LOGGERS = ("uvicorn.error", "uvicorn.access", "uvicorn.asgi", "websockets.server")


class _Discretion(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Write over what is secret; every line stays."""
        said = record.getMessage()
        hidden = _FRAME.sub(r"\1", _SECRET.sub(r"\1[hidden]", _HEADER.sub(r"\1[hidden]", said)))
        if hidden != said:
            record.msg, record.args = hidden, ()
        return True


_DISCRETION = _Discretion()


def be_discreet() -> None:
    """From now on. Idempotent."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_DISCRETION)
