"""What `accordant serve` says on standard error: a line for people, or one JSON object for a collector of logs.

In JSON every denial is a line too: an outcome, at INFO, with who, what and having read what as fields. A conflict is how
compare-and-swap works, so it is never an error. No line holds what was written, a reason or a token.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from accordant.cli.output import moment
from accordant.engine.effects import Published
from accordant.engine.host.document_host import DocumentHost
from accordant.engine.host.engine import Engine
from accordant.types.entries import EntryKind

__all__ = ["LogFormat", "log_outcomes", "start_logging"]

TEXT_LINE = "%(levelname)s %(name)s: %(message)s"
outcomes = logging.getLogger("accordant.outcome")
_SECRET = re.compile(r"(?i)(token=|bearer\s+)[^&\s'\"\]]+")


class LogFormat(StrEnum):
    """How lines look."""

    TEXT = "text"
    JSON = "json"


class _JsonLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """One object on one line; what the record carries in `fields` stands beside the rest."""
        shown: dict[str, Any] = {
            "at": moment(int(record.created * 1000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _SECRET.sub(r"\1[hidden]", record.getMessage()),
        }
        shown |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[0] is not None:
            shown["error"] = record.exc_info[0].__name__
            shown["traceback"] = _SECRET.sub(r"\1[hidden]", self.formatException(record.exc_info))
        return json.dumps(shown, ensure_ascii=False, default=str)


def start_logging(format: LogFormat) -> None:
    """From now on, for the whole process: warnings, and in JSON outcomes too."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLine() if format is LogFormat.JSON else logging.Formatter(TEXT_LINE))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    outcomes.setLevel(logging.INFO if format is LogFormat.JSON else logging.WARNING)


def log_outcomes(engine: Engine) -> None:
    """A line for each denial and refusal that is recorded, where anybody wants such lines."""
    if outcomes.isEnabledFor(logging.INFO):
        engine.observe(_say)


def _say(host: DocumentHost, published: Sequence[Published]) -> None:
    for one in published:
        if one.kind not in (EntryKind.DENIAL, EntryKind.REFUSAL):
            continue
        info = {} if one.entry is None else one.entry.info
        beaten = info.get("beaten_by") or {}
        fields = {
            "document": host.key,
            "path": one.paths[0] if one.paths else None,
            "actor": one.actor,
            "session": one.session,
            "version": one.offset,
            "read_version": next((op.read for op in one.ops if op.read is not None), None),
            "outcome": one.outcome,
            "code": info.get("code"),
            "beaten_by": beaten.get("actor"),
            "times": one.times,
        }
        outcomes.info("write_denied", extra={"fields": {k: v for k, v in fields.items() if v is not None}})
