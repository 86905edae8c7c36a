"""/metrics: counters and gauges for Prometheus. Bounded in labels; no agent's name, no content."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, generate_latest
from starlette.responses import Response

from accordant.engine.effects import Published
from accordant.engine.host.document_host import DocumentHost
from accordant.engine.host.engine import Engine
from accordant.types.limits import METRIC_REGIONS_MAX

__all__ = ["Metrics"]


class Metrics:
    """What one application has seen since it began."""

    def __init__(self, engine: Engine, peers: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self._regions: set[str] = set()
        self._writes = Counter(
            "accordant_writes", "Operations that landed or were turned away.", ("region", "op", "outcome"),
            registry=self._registry,
        )  # fmt: skip
        self._conflicts = Counter(
            "accordant_conflicts", "Operations denied because somebody else's landed first.", ("region", "reason"),
            registry=self._registry,
        )  # fmt: skip
        Gauge("accordant_peers", "Connected websocket peers.", registry=self._registry).set_function(peers)
        documents = Gauge("accordant_documents", "Documents in memory.", registry=self._registry)
        documents.set_function(lambda: len(engine.hosts))
        engine.observe(self._on_entries)

    def show(self) -> Response:
        """The page."""
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)

    def _on_entries(self, host: DocumentHost, published: list[Published]) -> None:
        for one in published:
            for op in one.ops:
                region = self._label(op.region)
                self._writes.labels(region, op.op, one.outcome).inc()
                if one.outcome in ("conflict", "stale", "fenced"):
                    self._conflicts.labels(region, one.outcome).inc()

    def _label(self, region: str) -> str:
        if region not in self._regions:
            if len(self._regions) >= METRIC_REGIONS_MAX:
                return "other"
            self._regions.add(region)
        return region
