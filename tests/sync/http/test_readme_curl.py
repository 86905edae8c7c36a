"""The curl lines of README.md, run by a shell against a real server: they do what they say beside them."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

from accordant import Engine
from http_served import TASK, Brief
from served import served
from source_tree import ROOT
from worlds import in_loop

ADDRESS = "http://127.0.0.1:8765"
MARK = "@@"


def curl_lines() -> list[str]:
    """The lines of the block that begins with the document's address."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = next(one for one in text.split("```console\n")[1:] if one.startswith("$ B="))
    return [line.removeprefix("$ ") for line in block.partition("```")[0].splitlines() if line.startswith("$ ")]


def without_jq(line: str) -> str:
    """The line for a shell that has no jq: Python reads the member instead."""
    read = """python3 -c 'import json, sys; print(json.load(sys.stdin)["etag"])'"""
    return line if shutil.which("jq") else line.replace("jq -r .etag", read)


async def run_all(address: str, folder: Path) -> list[str]:
    """What each line prints."""
    script = f"\necho; echo '{MARK}'\n".join(without_jq(line).replace(ADDRESS, address) for line in curl_lines())
    shell = await asyncio.create_subprocess_exec(
        "bash", "-c", script, cwd=folder, env={"PATH": "/usr/bin:/bin:/usr/local/bin", "no_proxy": "*"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, error = await shell.communicate()
    assert not error, error.decode()
    return [one.strip() for one in out.decode().split(MARK)]


@in_loop
async def test_the_curl_lines_of_the_readme_run(tmp_path: Path) -> None:
    """A guarded write by its tag, its stale twin, what merges, an old version, the log, the report, the events."""
    async with Engine() as engine:
        owner = await engine.open(Brief, TASK, "brief", agent="owner")
        for n in range(3):
            await owner.findings.append(f"finding {n}")
        async with served(engine) as url:
            told = await run_all(url.replace("ws://", "http://"), tmp_path)
    _, etag, _, won, lost, appended, counted, old, log, report, events = told
    assert etag.lower().startswith('etag: "')
    assert json.loads(won)["value"] == {"plan": "pro"}
    lost_problem = json.loads(lost)
    assert (lost_problem["status"], lost_problem["writer"], lost_problem["value"]) == (412, "ops", {"plan": "pro"})
    assert json.loads(appended)["refs"]
    assert json.loads(counted)["version"] > json.loads(appended)["version"]
    assert json.loads(old)["version"] == 5
    assert [entry["why"] for entry in json.loads(log)["entries"] if entry["kind"] == "write"] == ["upgrade"]
    assert "contradictions" in json.loads(report)
    assert "event: write" in events
