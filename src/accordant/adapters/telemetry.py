"""OpenTelemetry: one span for each write that landed, and for each that did not. The API alone: without an SDK, nothing happens.

Names follow the semantic conventions for generative AI: a document is a memory store, a path a memory record. What was written
is never in a span, and why only where that was asked for. A conflict is an outcome, not an error. Whoever serves documents
never waits for a span: they are made from the log, after the writer was answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from accordant.engine.effects import Published
from accordant.engine.host.document_host import DocumentHost
from accordant.engine.host.engine import Engine
from accordant.types.entries import EntryKind, OpRecord
from accordant.types.errors import AccordantError
from accordant.types.namespaces import DocumentKey

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

__all__ = ["TelemetryMissing", "instrument"]

CREATE = "create_memory"
UPDATE = "update_memory"
UPSERT = "upsert_memory"
DELETE = "delete_memory"

OPERATIONS: Mapping[str, str] = {
    "append": CREATE,
    "add": CREATE,
    "contribute": CREATE,
    "set": UPSERT,
    "delete": DELETE,
    "discard": DELETE,
    "retract": DELETE,
}
"""An operation of a region -> what the conventions call it; every other one updates."""

RECORDED = frozenset({EntryKind.WRITE, EntryKind.DENIAL, EntryKind.REFUSAL, EntryKind.RETRACTION})
OUTCOMES = frozenset({"committed", "conflict", "stale", "fenced", "denied"})
"""What is expected to happen among several writers. Whatever else an entry says is a failure, with `error.type`."""


class TelemetryMissing(AccordantError):
    """OpenTelemetry's API is not installed. Field: `install`, the words to install it."""

    status = "invalid"
    code_default = "missing_extra"

    def __init__(self) -> None:
        install = 'pip install "accordant[otel]"'
        super().__init__("telemetry needs an extra that is not installed", hint=install, install=install)


def instrument(engine: Engine, *, with_why: bool = False, tracer_provider: TracerProvider | None = None) -> None:
    """From now on a span for each landed write and each denial on this engine, of every document.

    `with_why`: their reasons too, which people wrote. `tracer_provider`: another than the global one. Raises
    `TelemetryMissing`, `missing_extra`, when OpenTelemetry is not installed.
    """
    try:
        trace = import_module("opentelemetry.trace")
    except ImportError as error:
        raise TelemetryMissing from error
    spans = _Spans(trace, trace.get_tracer("accordant", tracer_provider=tracer_provider), with_why)
    engine.observe(spans.record)


class _Spans:
    """Makes them."""

    def __init__(self, trace: Any, tracer: Any, with_why: bool) -> None:
        self._trace = trace
        self._tracer = tracer
        self._with_why = with_why

    def record(self, host: DocumentHost, published: Sequence[Published]) -> None:
        """One for each entry that is a write or a denial. It began and ended when the authority decided."""
        for one in published:
            if one.kind not in RECORDED or not one.ops:
                continue
            operation = OPERATIONS.get(one.ops[0].op, UPDATE)
            at_ns = one.at * 1_000_000
            span = self._tracer.start_span(
                f"{operation} {one.ops[0].region}",
                start_time=at_ns,
                attributes=self._attributes(host.key, one, operation),
            )
            if one.outcome not in OUTCOMES:
                span.set_status(self._trace.StatusCode.ERROR, one.outcome)
            span.end(end_time=at_ns)

    def _attributes(self, key: str, one: Published, operation: str) -> dict[str, Any]:
        first, entry = one.ops[0], one.entry
        info: Mapping[str, Any] = {} if entry is None else entry.info
        shown: dict[str, Any] = {
            "gen_ai.operation.name": operation,
            "gen_ai.memory.store.id": key,
            "gen_ai.memory.record.id": first.path,
            "accordant.actor": one.actor,
            "accordant.namespace": DocumentKey.parse(key).namespace.path,
            "accordant.version": one.offset,
            "accordant.operation": first.op,
            "accordant.outcome": one.outcome,
        }
        if len(one.ops) > 1:
            shown["accordant.paths"] = list(dict.fromkeys(op.path for op in one.ops))
        if (read := _read_version(one.ops)) is not None:
            shown["accordant.read_version"] = read
        if one.outcome != "committed":
            shown["accordant.code"] = str(info.get("code", one.outcome))
            shown["accordant.times"] = one.times
        beaten = info.get("beaten_by")
        if isinstance(beaten, Mapping) and beaten.get("actor"):
            shown["accordant.beaten_by"] = str(beaten["actor"])
        if one.outcome not in OUTCOMES:
            shown["error.type"] = str(info.get("code", one.outcome))
        if self._with_why and entry is not None and entry.why is not None:
            shown["accordant.why"] = entry.why
        return shown


def _read_version(ops: Sequence[OpRecord]) -> int | None:
    return next((op.read for op in ops if op.read is not None), None)
