"""GET .../log and .../contradictions: what happened, and what does not fit together."""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from accordant.coherence_pass import Checker, CheckerState, CoherenceReport
from accordant.coherence_pass.from_outline import passages_of_outline, versions_in, with_reads
from accordant.coherence_pass.lifecycle import Kept
from accordant.document.port import HistoryQuery
from accordant.engine.host.port import EmbeddedPort
from accordant.sync.server.http.queries import flag_in, number_in, text_in
from accordant.types.access import READ, Principal
from accordant.types.entries import Entry, header_json
from accordant.types.errors import Denied, Invalid
from accordant.types.limits import HTTP_LOG_LIMIT_MAX
from accordant.types.regions import COHERENCE

__all__ = ["Contradictions", "read_log"]

REPORTS_KEPT = 64
STATES_KEPT = 4


async def read_log(port: EmbeddedPort, principal: Principal, request: Request) -> Response:
    """Entries of the log, newest first unless `oldest_first`, filtered and paged by the query."""
    limit = number_in(request, "limit")
    limit = 100 if limit is None else limit
    if not 1 <= limit <= HTTP_LOG_LIMIT_MAX:
        raise Invalid(f"limit= is 1 to {HTTP_LOG_LIMIT_MAX}", code="bad_query", parameter="limit")
    path = text_in(request, "path")
    _may_read(principal, path)
    query = HistoryQuery(
        path=path,
        actor=text_in(request, "actor"),
        kind=text_in(request, "kind"),
        outcome=text_in(request, "outcome"),
        since=number_in(request, "since"),
        until=number_in(request, "until"),
        before=number_in(request, "before"),
        limit=limit,
        oldest_first=flag_in(request, "oldest_first"),
    )
    entries = await port.history(query)
    return JSONResponse({"document": port.key.path, "head": port.version, "entries": [_shown(one) for one in entries]})


def _may_read(principal: Principal, path: str | None) -> None:
    """The whole log needs the whole document; a region's part of it needs that region."""
    grant = principal.grant
    if not (grant.reads_everything or (path is not None and grant.permits(READ, path.partition("/")[0]))):
        raise Denied("reading this log is not granted", code="no_grant", hint="?path= names a region that you may read")


def _shown(entry: Entry) -> dict[str, object]:
    shown = json.loads(header_json(entry))
    names = ("region", "op", "key", "read", "detail")
    shown["ops"] = [dict(zip(names, row, strict=True)) for row in shown.get("ops", ())]
    return {"version": entry.offset, "hash": entry.hash.hex(), **shown}


class Contradictions:
    """Reports by document and version: computed off the loop, one at a time, and kept until the document changes."""

    def __init__(self, passed: Callable[[CoherenceReport], None]) -> None:
        self._passed = passed
        self._states: OrderedDict[str, CheckerState] = OrderedDict()
        self._reports: OrderedDict[tuple[str, int], CoherenceReport] = OrderedDict()
        self._one = asyncio.Lock()

    _checker = Checker(clock=time.perf_counter)

    def _state(self, path: str) -> CheckerState:
        """What is remembered of a document; of the documents asked for longest ago nothing is."""
        state = self._states.pop(path, None) or CheckerState()
        self._states[path] = state
        while len(self._states) > STATES_KEPT:
            self._states.popitem(last=False)
        return state

    async def read(self, port: EmbeddedPort, principal: Principal) -> Response:
        """The report on the document as it is now, without what somebody has settled."""
        if not principal.grant.reads_everything:
            raise Denied("a report on the whole document needs reading all of it", code="no_grant")
        async with self._one:
            shown = await port.outline()
            known = (port.key.path, shown["version"])
            report = self._reports.get(known)
            if report is None:
                report = await asyncio.to_thread(
                    self._checker.settling(_kept(shown).suppressed).run,
                    passages_of_outline(shown),
                    document_id=port.key.path,
                    version=shown["version"],
                    now=int(time.time() * 1000),
                    previous=self._state(port.key.path),
                )
                self._passed(report)
                queries = [HistoryQuery(before=version + 1, limit=1) for version in versions_in(report)]
                written = [await port.history(query) for query in queries]
                report = with_reads(report, {entry.offset: entry for found in written for entry in found})
                self._reports[known] = report
                while len(self._reports) > REPORTS_KEPT:
                    self._reports.popitem(last=False)
        return JSONResponse(report.model_dump(mode="json"))


def _kept(shown: Mapping[str, Any]) -> Kept:
    """The findings in an outline."""
    prefix = f"{COHERENCE}/"
    fields = shown["fields"].items()
    return Kept.of({path[len(prefix) :]: one["value"] for path, one in fields if path.startswith(prefix)})
