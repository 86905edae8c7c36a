"""The main job on real parts: a server process, two agents, an editor in Node, and the command line beside them."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from accordant import Conflict, Counter, Document, Guarded, Log, Namespace, Text, UnionSet, connect
from processes import ROOM, ServerProcess, YjsPeer, eventually
from worlds import in_loop

TASK = Namespace.task("acme", "q3")
pytestmark = pytest.mark.usefixtures("node_bin", "node_modules")


class Account(BaseModel):
    plan: str = "free"
    status: str = "active"


class Brief(Document):
    account: Guarded[Account]
    findings: Log[str]
    open_questions: UnionSet[str]
    draft: Text
    citations: Counter


async def accordant(*words: str) -> tuple[int, Any]:
    """The exit status and the JSON of a command, run beside the server."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "accordant", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    assert output, errors.decode()
    return await process.wait(), json.loads(output)


@in_loop
async def test_agents_and_an_editor_write_a_brief_and_the_checker_names_the_contradiction(tmp_path: Path) -> None:
    """Nothing is lost, the stale write is denied and derived again, and the planted contradiction has both authors."""
    async with ServerProcess(tmp_path) as server:
        async with (
            connect(Brief, server.url, TASK, "brief", agent="web") as web,
            connect(Brief, server.url, TASK, "brief", agent="docs") as docs,
            YjsPeer(server.url, agent="ada") as ada,
        ):
            await ada.heard("synced")
            await web.account.commit(Account(), expect=await web.account.read())
            old = await web.account.read()
            await docs.account.update(lambda account: account.model_copy(update={"status": "churned"}), why="e-mail")
            with pytest.raises(Conflict) as lost:
                await web.account.commit(Account(plan="pro"), expect=old)
            assert (lost.value.writer, lost.value.value.status) == ("docs", "churned")
            await web.account.update(lambda account: account.model_copy(update={"plan": "pro"}))

            await asyncio.gather(
                web.draft.append("# Q3 brief\n\nChurn in Q3 was 4.1%.\n\n"),
                ada.do("insert", root="draft", index=0, text="Draft by Ada. "),
                *(web.open_questions.add(f"web {n}?") for n in range(5)),
                *(docs.open_questions.add(f"docs {n}?") for n in range(5)),
                *(agent.citations.increment() for agent in (web, docs) for _ in range(10)),
                web.findings.append("The launch is on 3 March 2026."),
                docs.findings.append("Revenue grew in Q3."),
                ada.do("push", root="findings", items=["Seen in the editor."]),
            )
            await docs.draft.append("Q3 churn was 6.3%.\n")

            text = (await web.draft.read()).value
            assert "Draft by Ada." in text
            await eventually(lambda: ada.do("text", root="draft"), text)
            await eventually(lambda: ada.do("array", root="findings"), (await web.findings.read()).value)
            shown = (await ada.do("map", root="guarded"))["account"]
            assert shown["value"] == {"plan": "pro", "status": "churned"}
            assert len((await docs.open_questions.read()).value) == 10
            assert (await docs.citations.read()).value == 20

            for source in (server.url + "/sync/" + ROOM, str(tmp_path / "accordant.db")):
                status, report = await accordant("check", source, "--format", "json")
                assert status == 4
                assert not report["coherent"]
                [found] = report["contradictions"]
                assert {*found["a"]["authors"], *found["b"]["authors"]} == {"web", "docs"}
                assert {"4.1%" in found["a"]["text"], "6.3%" in found["a"]["text"]} == {True, False}

        status, log = await accordant("log", str(tmp_path / "accordant.db"), "--kind", "denial")
        assert status == 0
        assert [(e["actor"], e["beaten_by"]["actor"]) for e in log["entries"]] == [("web", "docs")]
    status, verified = await accordant("verify", str(tmp_path / "accordant.db"))
    assert (status, verified["agrees"]) == (0, True)
