"""What a server says on standard error, as a collector of logs reads it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from accordant import Conflict, Document, Guarded, Namespace, connect
from processes import ServerProcess

TASK = Namespace.task("acme", "q3")


class Brief(Document):
    """One contended field."""

    status: Guarded[str]


class LoudServer(ServerProcess):
    """A server whose standard error is kept."""

    async def start(self) -> None:
        command = [sys.executable, "-m", "accordant.cli.main", "serve", str(self._path), "--port", "0", *self._options]
        pipe = asyncio.subprocess.PIPE
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        self._process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, env=environment)
        assert self._process.stdout is not None
        line = (await asyncio.wait_for(self._process.stdout.readline(), 20)).decode()
        self.port = int(line.rpartition(":")[2])

    async def said(self) -> str:
        """All of it, once it has ended."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        _, err = await asyncio.wait_for(self._process.communicate(), 20)
        self._process = None
        return err.decode()


async def conflict(path: Path, *options: str) -> str:
    async with LoudServer(path, *options) as server:
        async with (
            connect(Brief, server.url, TASK, "brief", agent="ada") as ada,
            connect(Brief, server.url, TASK, "brief", agent="bob") as bob,
        ):
            seen = await bob.status.read()
            await ada.status.commit("secret text", expect=await ada.status.read(), why="secret reason")
            with suppress(Conflict):
                await bob.status.commit("secret too", expect=seen)
        return await server.said()


def test_in_json_a_conflict_is_one_line_of_fields_at_info(tmp_path: Path) -> None:
    """Who was beaten by whom, where, having read what; an outcome and no error; no content and no reason."""
    said = asyncio.run(conflict(tmp_path / "state.db", "--log-format", "json"))
    lines: list[dict[str, Any]] = [json.loads(line) for line in said.splitlines()]
    (line,) = [line for line in lines if line["logger"] == "accordant.outcome"]
    line.pop("at")
    line.pop("session")
    assert line.pop("version") > 0
    assert line == {
        "level": "info",
        "logger": "accordant.outcome",
        "event": "write_denied",
        "document": "acme/task/q3/brief",
        "path": "status",
        "actor": "bob",
        "read_version": 0,
        "outcome": "conflict",
        "code": "stale_version",
        "beaten_by": "ada",
        "times": 1,
    }
    assert "secret" not in said
    assert not [line for line in lines if line["level"] in ("error", "critical")]


def test_as_text_conflicts_are_no_news(tmp_path: Path) -> None:
    """People see warnings alone."""
    assert asyncio.run(conflict(tmp_path / "state.db")) == ""


def test_no_token_is_in_a_line_of_json() -> None:
    """Whatever a message or a traceback says, tokens are written over."""
    program = (
        "import logging\nfrom accordant.cli.serve_log import LogFormat, start_logging\nstart_logging(LogFormat.JSON)\n"
        "log = logging.getLogger('x')\nlog.warning('GET /sync?token=abc.def HTTP')\n"
        "try:\n    raise ValueError('Authorization: Bearer abc.def')\n"
        "except ValueError:\n    log.exception('failed')\n"
    )

    async def said() -> str:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stderr=asyncio.subprocess.PIPE)
        return (await process.communicate())[1].decode()

    text = asyncio.run(said())
    assert "abc.def" not in text
    assert [json.loads(line)["level"] for line in text.splitlines()] == ["warning", "error"]
