"""Real processes for end-to-end tests: `accordant serve`, and an unmodified yjs + y-websocket peer in Node."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Self

import node_tools

ROOM = "acme/task/q3/brief"


class ServerProcess:
    """`accordant serve` on a store file. `url` is its `ws://` address; a restart keeps the port. `log`: the file that gets what
    it says on standard error."""

    def __init__(self, path: Path, *options: str, log: Path | None = None) -> None:
        self._path = path
        self._log = log
        self._options = options
        self._process: asyncio.subprocess.Process | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def http(self) -> str:
        """Its `http://` address."""
        return f"http://127.0.0.1:{self.port}"

    def memory_bytes(self) -> int:
        """What the process holds in memory now (Linux)."""
        assert self._process is not None
        return int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]) * resource.getpagesize()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None:
            await self.end(signal.SIGKILL)

    async def start(self) -> None:
        command = [sys.executable, "-m", "accordant.cli.main", "serve", str(self._path), "--port", str(self.port)]
        with contextlib.ExitStack() as files:
            log = None if self._log is None else files.enter_context(self._log.open("ab"))
            self._process = await asyncio.create_subprocess_exec(
                *command,
                *self._options,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )
        assert self._process.stdout is not None
        line = (await asyncio.wait_for(self._process.stdout.readline(), 20)).decode()
        assert line.startswith("listening on http://127.0.0.1:"), line
        self.port = int(line.rpartition(":")[2])

    async def end(self, how: signal.Signals) -> int:
        """Send the signal and wait; returns the exit code."""
        assert self._process is not None
        process, self._process = self._process, None
        process.send_signal(how)
        await asyncio.wait_for(process.communicate(), 20)
        return process.returncode or 0


class YjsPeer:
    """tests/node/yjs_peer.mjs: commands go in, answers come out; `events` are what the provider said on its own.

    `provider`: an unmodified y-websocket, y-websocket-2 or hocuspocus, or our own package, accordant or accordant-2.
    """

    script = "yjs_peer.mjs"

    def __init__(
        self, url: str, *, room: str = ROOM, agent: str = "", provider: str = "y-websocket", last: str = ""
    ) -> None:
        self._arguments = [f"{url}/sync", room, agent, provider, *([last] if last else [])]
        self._process: asyncio.subprocess.Process | None = None
        self.events: list[dict[str, Any]] = []
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        node = node_tools.find_node()
        assert node is not None
        script = str(node_tools.FOLDER / self.script)
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            node, script, *self._arguments, stdin=pipe, stdout=pipe, limit=2**26, env=self.environment()
        )
        return self

    def environment(self) -> dict[str, str]:
        """What the script finds in its environment."""
        return dict(os.environ)

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.communicate()

    def kill(self) -> None:
        """Its process dies without a word."""
        assert self._process is not None
        self._process.kill()

    async def _next(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), 20)
        assert line, "the Node peer has ended"
        message: dict[str, Any] = json.loads(line)
        if "event" in message:
            self.events.append(message)
        return message

    async def heard(self, event: str) -> dict[str, Any]:
        """The first such event that was not asked for before, waiting for it when it has not happened yet."""
        while True:
            for at, message in enumerate(self.events):
                if message["event"] == event:
                    return self.events.pop(at)
            await self._next()

    async def do(self, command: str, **arguments: Any) -> Any:
        """Carry a command out and give its answer."""
        assert self._process is not None
        assert self._process.stdin is not None
        async with self._turn:
            self._process.stdin.write((json.dumps({"do": command} | arguments) + "\n").encode())
            await self._process.stdin.drain()
            while "answer" not in (message := await self._next()):
                pass
            return message["answer"]

    async def until(self, command: str, expected: Any, **arguments: Any) -> None:
        """Ask again and again until the answer is this, at most ten seconds."""
        await eventually(lambda: self.do(command, **arguments), expected)


class BrowserPeer(YjsPeer):
    """tests/node/browser_peer.mjs: the same in a page of headless Chromium. `last`: the host under which it is opened."""

    script = "browser_peer.mjs"

    def environment(self) -> dict[str, str]:
        chromium = node_tools.find_chromium()
        assert chromium is not None
        return dict(os.environ) | {"CHROMIUM": chromium}

    async def __aexit__(self, *_: object) -> None:
        """An orderly end, so that the browser ends too."""
        if self._process is not None and self._process.returncode is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                await asyncio.wait_for(self._process.communicate(), 10)
            except TimeoutError:
                await super().__aexit__()


async def eventually(ask: Callable[[], Awaitable[Any]], expected: Any) -> None:
    """Ask again and again until the answer is this, at most ten seconds."""
    found = None
    try:
        async with asyncio.timeout(10):
            while (found := await ask()) != expected:  # noqa: ASYNC110 - other processes set no event
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{found!r} instead of {expected!r}"[:2000]) from None
