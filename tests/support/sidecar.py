"""`accordant check --watch` as a real process: its reports as they come, its two pages, and ways to end it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import Any, Self

import httpx


class Sidecar:
    """A sidecar on one source. `report()` waits for the next report; `health` is its address."""

    def __init__(self, source: str, *options: str, program: str | None = None) -> None:
        start = ["-m", "accordant"] if program is None else ["-c", program]
        self._command = [sys.executable, *start, "check", source, "--watch", "--rules-only", "--json", *options]
        self._process: asyncio.subprocess.Process | None = None
        self.health = ""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None:
            await self.end(signal.SIGKILL)

    async def start(self) -> None:
        """Begin, or begin again."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            *("--health-port", "0"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=2**24,
            env=os.environ | {"PYTHONUNBUFFERED": "1", "COLUMNS": "500"},
        )
        self.health = (await self.said("health on")).split()[-1].removesuffix("/healthz")

    async def said(self, what: str) -> str:
        """The next line on standard error that has this in it."""
        assert self._process is not None
        assert self._process.stderr is not None
        async with asyncio.timeout(30):
            while True:
                line = (await self._process.stderr.readline()).decode()
                assert line, f"it ended without saying {what!r}"
                if what in line:
                    return line.strip()

    async def report(self) -> dict[str, Any]:
        """The next report."""
        assert self._process is not None
        assert self._process.stdout is not None
        async with asyncio.timeout(30):
            line = await self._process.stdout.readline()
        assert line, "it ended"
        return dict(json.loads(line))

    async def report_with(self, coherent: bool) -> dict[str, Any]:
        """The next report that says so."""
        while True:
            report = await self.report()
            if report["coherent"] is coherent:
                return report

    async def get(self, path: str) -> httpx.Response:
        """One of its pages."""
        async with httpx.AsyncClient() as http:
            return await http.get(self.health + path)

    async def end(self, how: signal.Signals | None) -> int:
        """Send the signal, None: nothing, and wait; returns the exit code."""
        assert self._process is not None
        process, self._process = self._process, None
        if how is not None:
            process.send_signal(how)
        await asyncio.wait_for(process.communicate(), 20)
        return process.returncode or 0
