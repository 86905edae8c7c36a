"""Requests made from the description, sane and not: each meets an answer that the description has, and no server error."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings, strategies
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accordant import Engine, Namespace
from accordant.adapters.knowledge_description import PATHS
from accordant.adapters.knowledge_http import KnowledgeHttp
from accordant.sync.server.http.openapi import description
from corpora import Hive
from http_served import TASK, Brief
from served import served

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 30
REGIONS = ("account", "tasks", "findings", "open_questions", "draft", "citations", "cursors")
PINNED = {"tenant": "acme", "scope": "task", "name": "q3", "document": "brief"}
ENDLESS = "/events"
"""A stream never ends; it has tests of its own."""


@contextmanager
def serving_elsewhere() -> Iterator[str]:
    """A real server in a thread of its own, with one declared document; yields its address."""
    loop, stop, address = asyncio.new_event_loop(), asyncio.Event(), ""
    started = threading.Event()

    async def main() -> None:
        nonlocal address
        async with Engine() as engine:
            owner = await engine.open(Brief, TASK, "brief", agent="owner")
            await owner.findings.append("Churn in Q3 was 4.1%.")
            hive = await engine.open(Hive, Namespace.role("acme", "backend"), "hive", agent="owner")
            await hive.knowledge.contribute("The API allows 100 requests per minute.")
            async with served(engine, beside=[KnowledgeHttp(hive.knowledge)]) as url:
                address = url.replace("ws://", "http://")
                started.set()
                await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),))
    thread.start()
    try:
        assert started.wait(10)
        yield address
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


@cache
def described() -> Any:
    """The description, as the tool knows it."""
    return schemathesis.openapi.from_dict(described_paths())


def described_paths() -> dict[str, Any]:
    """The description of a server that has a corpus, too."""
    return description() | {"paths": description()["paths"] | PATHS}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving_elsewhere() as found:
        yield found


def operations() -> list[str]:
    """Every operation of the description, as `METHOD path`."""
    return [
        f"{method.upper()} {path}"
        for path, methods in described_paths()["paths"].items()
        for method in methods
        if method != "parameters" and not path.endswith(ENDLESS)
    ]


@pytest.mark.parametrize("operation", operations())
@pytest.mark.filterwarnings("default")  # the tool's own, about its generators and its client
@pytest.mark.timeout(60)
def test_no_request_meets_an_undocumented_answer(operation: str, address: str) -> None:
    """Whatever fits the description, and whatever nearly does, is answered as described: never 5xx."""
    method, path = operation.split()
    schema = described()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=schema[path][method].as_strategy(), data=strategies.sampled_from([*REGIONS, None]))
    def ask(case: Case, data: str | None) -> None:
        if data is not None and case.path_parameters:
            case.path_parameters.update({name: one for name, one in PINNED.items() if name in case.path_parameters})
            if "region" in case.path_parameters:
                case.path_parameters["region"] = data
        if case.query:
            case.query.pop("at_least", None)  # it waits half a minute for what never comes, as it should
        if data is not None:
            case.headers["X-Agent"] = "fuzz"
        response = case.call(base_url=address, timeout=20)
        case.validate_response(response, checks=CHECKS)

    ask()
