"""Spans for writes and denials, as an exporter sees them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from accordant import Conflict, Denied, Document, Engine, Guarded, Log, Namespace, UnionSet, region
from accordant.adapters.telemetry import instrument

TASK = Namespace.task("acme", "q3")
KEY = "acme/task/q3/brief"


class Brief(Document):
    """One region of each kind of story."""

    status: Guarded[str]
    findings: Log[str]
    open_questions: UnionSet[str]
    conclusions: Log[str] = region(writers="synthesizer")


async def story(**options: Any) -> list[ReadableSpan]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    async with Engine(clock=lambda: 1_800_000_000.0) as engine:
        instrument(engine, tracer_provider=provider, **options)
        ada = await engine.open(Brief, TASK, "brief", agent="ada")
        bob = await engine.open(Brief, TASK, "brief", agent="bob")
        seen = await bob.status.read()
        await ada.status.commit("secret text", expect=await ada.status.read(), why="a reason of ada's")
        with pytest.raises(Conflict):
            await bob.status.commit("other secret", expect=seen, why="a reason of bob's")
        await ada.findings.append("secret finding")
        await ada.open_questions.add("secret?")
        await ada.open_questions.discard("secret?")
        with pytest.raises(Denied):
            await bob.conclusions.append("secret conclusion")
    return list(exporter.get_finished_spans())


def test_each_write_and_each_denial_is_a_span_with_these_attributes() -> None:
    """The golden set: names of the conventions, who, what, which version having read which, and what came of it."""
    spans = asyncio.run(story())
    shown = [(span.name, dict(span.attributes or {})) for span in spans]
    base = {"gen_ai.memory.store.id": KEY, "accordant.namespace": "acme/task/q3"}

    def expected(name: str, record: str, actor: str, version: int, operation: str, outcome: str, **more: Any) -> Any:
        said = {
            "gen_ai.operation.name": name,
            "gen_ai.memory.record.id": record,
            "accordant.actor": actor,
            "accordant.version": version,
            "accordant.operation": operation,
            "accordant.outcome": outcome,
        }
        return f"{name} {record}", base | said | {f"accordant.{key}": value for key, value in more.items()}

    v = [attributes["accordant.version"] for _, attributes in shown]
    assert v == sorted(v)
    assert shown == [
        expected("update_memory", "status", "ada", v[0], "commit", "committed", read_version=0),
        expected(
            "update_memory", "status", "bob", v[1], "commit", "conflict",
            read_version=0, code="stale_version", times=1, beaten_by="ada",
        ),
        expected("create_memory", "findings", "ada", v[2], "append", "committed"),
        expected("create_memory", "open_questions", "ada", v[3], "add", "committed"),
        expected("delete_memory", "open_questions", "ada", v[4], "discard", "committed"),
        expected("create_memory", "conclusions", "bob", v[5], "append", "denied", code="not_permitted", times=1),
    ]  # fmt: skip
    assert {span.start_time for span in spans} == {1_800_000_000 * 10**9}


def test_content_is_never_in_a_span_and_a_reason_only_when_asked_for() -> None:
    """Neither values nor reasons leave by default; `with_why` lets the reasons go."""
    text = "\n".join(span.to_json() for span in asyncio.run(story()))
    assert "secret" not in text
    assert "reason" not in text
    told = asyncio.run(story(with_why=True))
    assert [span.attributes["accordant.why"] for span in told if "accordant.why" in (span.attributes or {})] == [
        "a reason of ada's",
        "a reason of bob's",
    ]
    assert "secret" not in "\n".join(span.to_json() for span in told)


def test_a_conflict_is_an_outcome_and_no_error() -> None:
    """No status of error and no `error.type` where writers compete."""
    for span in asyncio.run(story()):
        assert span.status.is_unset
        assert "error.type" not in (span.attributes or {})


WITHOUT = """
import sys
sys.modules["opentelemetry"] = sys.modules["opentelemetry.trace"] = None
"""


def test_without_the_extra_everything_else_works_and_the_extra_is_named() -> None:
    """`import accordant` and an engine work; `instrument` raises the typed error; `serve --otel` ends with 3."""
    program = WITHOUT + (
        "import accordant\n"
        "from accordant.adapters.telemetry import instrument\n"
        "try:\n    instrument(accordant.Engine())\n"
        "except accordant.AccordantError as error:\n    print(error.code, error.fields['install'])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stdout) == (0, 'missing_extra pip install "accordant[otel]"\n'), done.stderr
    program = WITHOUT + "from accordant.cli.main import app\napp(['serve', sys.argv[1], '--port', '0', '--otel'])\n"
    words = [sys.executable, "-c", program, ":memory:"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 3, done.stderr
    assert 'pip install "accordant[otel]"' in done.stderr


def test_without_an_sdk_nothing_happens() -> None:
    """The API alone makes spans that go nowhere: writes land as ever."""

    async def write() -> None:
        async with Engine() as engine:
            instrument(engine)
            brief = await engine.open(Brief, TASK, "brief", agent="ada")
            await brief.findings.append("fine")

    asyncio.run(write())
