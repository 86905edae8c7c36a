"""/metrics: counters and gauges for Prometheus. Bounded in labels; no agent's name, no content."""

from __future__ import annotations

from collections import Counter as TallyOf
from collections.abc import Callable, Iterator, Mapping
from weakref import WeakKeyDictionary

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from starlette.responses import Response

from accordant.coherence_pass import CoherenceReport
from accordant.coherence_pass.lifecycle import Kept
from accordant.engine.effects import Published
from accordant.engine.host.document_host import DocumentHost
from accordant.engine.host.engine import Engine
from accordant.types.entries import EntryKind
from accordant.types.errors import AccordantError
from accordant.types.limits import METRIC_REGIONS_MAX
from accordant.types.regions import COHERENCE

__all__ = ["CoherenceMetrics", "Metrics"]

PASS_BUCKETS = (0.01, 0.05, 0.2, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0)


class CoherenceMetrics:
    """Findings by status and kind, and how long passes take. `counts` is asked at each scrape."""

    def __init__(
        self, counts: Callable[[], Mapping[tuple[str, str], int]], registry: CollectorRegistry | None = None
    ) -> None:
        self._registry = CollectorRegistry() if registry is None else registry
        self._counts = counts
        self._seconds = Histogram(
            "accordant_coherence_pass_seconds", "Coherence passes, by how long they took.",
            buckets=PASS_BUCKETS, registry=self._registry,
        )  # fmt: skip
        self._registry.register(self)

    def passed(self, report: CoherenceReport) -> None:
        """A pass has ended."""
        self._seconds.observe(report.took_ms / 1000)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """What the registry asks for."""
        family = GaugeMetricFamily("accordant_contradictions", "Findings that are kept.", labels=("status", "kind"))
        for labels, count in sorted(self._counts().items()):
            family.add_metric(labels, count)
        yield family

    def page(self) -> tuple[str, bytes]:
        """Content type and body."""
        return CONTENT_TYPE_LATEST, generate_latest(self._registry)


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
        self._retractions = Counter(
            "accordant_retractions", "What was taken back or superseded.", ("region", "act"), registry=self._registry
        )
        Gauge("accordant_peers", "Connected websocket peers.", registry=self._registry).set_function(peers)
        documents = Gauge("accordant_documents", "Documents in memory.", registry=self._registry)
        documents.set_function(lambda: len(engine.hosts))
        size = Gauge("accordant_doc_bytes", "Bytes of content of the documents in memory.", registry=self._registry)
        size.set_function(lambda: sum(map(_content_bytes, engine.hosts)))
        self._findings: WeakKeyDictionary[DocumentHost, tuple[int, Mapping[tuple[str, str], int]]] = WeakKeyDictionary()
        self.coherence = CoherenceMetrics(lambda: self._counts(engine), self._registry)
        engine.observe(self._on_entries)

    def show(self) -> Response:
        """The page."""
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)

    def _on_entries(self, host: DocumentHost, published: list[Published]) -> None:
        for one in published:
            n = one.times - one.times // 2  # recorded at the 1st, 2nd, 4th, 8th ...: each stands for those since
            for op in one.ops:
                region = self._label(op.region)
                self._writes.labels(region, op.op, one.outcome).inc(n)
                if one.kind == EntryKind.RETRACTION and op.op in ("retract", "supersede"):
                    self._retractions.labels(region, op.op).inc()
                if one.outcome in ("conflict", "stale", "fenced"):
                    self._conflicts.labels(region, one.outcome).inc(n)

    def _counts(self, engine: Engine) -> TallyOf[tuple[str, str]]:
        """Findings of all documents in memory, counted again where they have changed."""
        total: TallyOf[tuple[str, str]] = TallyOf()
        for host in engine.hosts:
            version, found = self._findings.get(host, (-1, {}))
            try:
                state = host.machine.state
                newest = 0 if host.is_closed else state.versions.get(COHERENCE, 0)
                if newest != version:
                    values = {key: one.value for key, one in state.keys(COHERENCE).items()}
                    found = Kept.of(values).counts()
                    self._findings[host] = newest, found
            except AccordantError:  # it is being rebuilt
                continue
            total.update(found)
        return total

    def _label(self, region: str) -> str:
        if region not in self._regions:
            if len(self._regions) >= METRIC_REGIONS_MAX:
                return "other"
            self._regions.add(region)
        return region


def _content_bytes(host: DocumentHost) -> int:
    try:
        return 0 if host.is_closed else sum(root.bytes for root in host.machine.state.ledger.roots.values())
    except AccordantError:  # it is being rebuilt
        return 0
