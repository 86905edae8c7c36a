"""Stores with a known history, for the tests of the commands that read one: written by a real engine, damaged by hand."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import apsw
from typer.testing import CliRunner, Result

from accordant import Conflict, Counter, Document, Engine, Fenced, Guarded, Log, Map, Namespace, Text, UnionSet, region
from accordant.cli.main import app

TASK = Namespace.task("acme", "q3")
KEY = "acme/task/q3/brief"


class Brief(Document):
    """One region of each doctrine."""

    account: Guarded[dict[str, Any]]
    findings: Log[str]
    draft: Text
    open_questions: UnionSet[str]
    citations: Counter
    cursors: Map[int] = region(lww="cursor positions, cosmetic")


async def tell_story(path: Path) -> None:
    """Writes of every kind, a conflict met three times, a fenced late writer, and statements that exclude each other."""
    async with Engine(path) as engine:
        triage = await engine.open(Brief, TASK, "brief", agent="triage")
        enrichment = await engine.open(Brief, TASK, "brief", agent="enrichment")
        seen = await enrichment.account.read()
        await triage.account.commit({"status": "churned"}, expect=await triage.account.read(), why="cancellation")
        for _ in range(3):
            try:
                await enrichment.account.commit({"plan": "pro"}, expect=seen, why="weekly look-up")
            except Conflict as conflict:
                seen_again = conflict.reading
        await enrichment.account.commit({"status": "churned", "plan": "pro"}, expect=seen_again, why="weekly look-up")
        await triage.findings.append("The churn rate was 4.1% in Q3.")
        basis = await enrichment.account.read()
        await enrichment.findings.append("The churn rate was 5.3% in Q3.", derived_from=[basis])
        await triage.draft.append("# Brief\n\nThe renewal is open.")
        await enrichment.open_questions.add("Who signs?", "When?")
        await triage.citations.increment(3)
        await triage.cursors.set("a", 1)
        await enrichment.cursors.set("a", 2)
        late = await enrichment.account.read()
        await engine.fence("enrichment")
        with suppress(Fenced):
            await enrichment.account.commit({}, expect=late)


def written(path: Path) -> Path:
    """The story's store, closed."""
    asyncio.run(tell_story(path))
    return path


def change(path: Path, sql: str, values: tuple[Any, ...] = ()) -> None:
    """Change the closed file behind the product's back."""
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(sql, values)


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """What the file holds."""
    with closing(apsw.Connection(str(path))) as connection:
        return list(connection.execute(sql))


def run(*words: str | Path) -> Result:
    """The command line, in this process."""
    return CliRunner().invoke(app, [str(word) for word in words])


def answer(*words: str | Path, exit_code: int = 0) -> Any:
    """The JSON that the command prints; it has to end with that exit code."""
    result = run(*words)
    assert result.exit_code == exit_code, (result.exit_code, result.output, result.exception)
    return json.loads(result.stdout)
