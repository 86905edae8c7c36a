"""Finds what a Markdown file shows a reader to run, and runs it as the reader would. Knows nothing of what it runs.

    ```python           runs; the blocks of one file share their names, as in one session
    ```python no-run    is only read
    <!-- fresh -->      on the line before a block: it begins with no names
    ```console          its lines `$ accordant ...` run; `# exit N` at a line's end expects that status instead of 0

`await` may stand outside functions. Blocks run in their order, in a folder of the file's own. A command that does not
end by itself, such as a server, belongs into a ```bash block, which is only read.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FENCE = re.compile(
    r"^(?P<fresh><!-- fresh -->[ ]*\n\s*)?(?P<indent>[ ]*)```(?P<language>python|console)(?P<marks>[^\n]*)\n"
    r"(?P<text>.*?)^(?P=indent)```[ ]*$",
    re.MULTILINE | re.DOTALL,
)
COMMAND = re.compile(r"^\$ (?P<command>accordant\b.*?)(?:\s+# exit (?P<exit>\d+))?\s*$")
COMMAND_TIMEOUT_S = 40
COMMAND_LINE = "import sys; sys.argv[0] = 'accordant'; from accordant.cli.main import app; app()"


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its language, its text, the line where the text begins."""

    language: str
    text: str
    line: int
    is_fresh: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """One `$ accordant ...` line of a console block."""

    words: tuple[str, ...]
    exit_code: int
    line: int


class DocFailure(AssertionError):
    """Something that a document shows does not run."""


def blocks(markdown: str) -> Iterator[Block]:
    """The blocks that are meant to be run, in their order."""
    for found in FENCE.finditer(markdown):
        if "no-run" in found["marks"].split():
            continue
        indent = len(found["indent"])
        text = "".join(line[indent:] if line.strip() else line for line in found["text"].splitlines(keepends=True))
        line = markdown.count("\n", 0, found.start("text")) + 1
        yield Block(found["language"], text, line, found["fresh"] is not None)


def commands(block: Block) -> Iterator[Command]:
    """The commands of a console block."""
    for number, line in enumerate(block.text.splitlines(), block.line):
        if found := COMMAND.match(line):
            yield Command(tuple(shlex.split(found["command"])), int(found["exit"] or 0), number)


async def run_python(block: Block, names: dict[str, Any], name: str) -> None:
    """Run a Python block in the current folder, with those names; raises `DocFailure` naming file and line."""
    try:
        # The empty lines put the document's own line numbers into the traceback.
        source = "\n" * (block.line - 1) + block.text
        pending = eval(compile(source, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True), names)
        if inspect.iscoroutine(pending):
            await pending
    except Exception as error:
        raise DocFailure(f"{name}:{block.line}: {type(error).__name__}: {error}") from error


def run_command(command: Command, name: str, folder: Path) -> None:
    """Run a command in the folder; raises `DocFailure` when it ends otherwise than the document says."""
    environment = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", COMMAND_LINE, *command.words[1:]],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
    )
    if done.returncode != command.exit_code:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()
        shown = shlex.join(command.words)
        raise DocFailure(f"{name}:{command.line}: `{shown}` ended with {done.returncode}: {said}")


async def run_blocks(found: Sequence[Block], name: str, folder: Path) -> int:
    """Run blocks in their order, on one event loop; answers how many blocks and commands that were."""
    names: dict[str, Any] = {"__name__": "__main__"}
    done = 0
    for block in found:
        if block.is_fresh:
            names = {"__name__": "__main__"}
        if block.language == "python":
            await run_python(block, names, name)
            done += 1
        for command in commands(block) if block.language == "console" else ():
            await asyncio.to_thread(run_command, command, name, folder)
            done += 1
    return done


def run_document(markdown: str, name: str, folder: Path) -> int:
    """Run everything that a document shows, with `folder` as the current one; answers how much that was."""
    previous = Path.cwd()
    os.chdir(folder)
    try:
        return asyncio.run(run_blocks(list(blocks(markdown)), name, folder))
    finally:
        os.chdir(previous)
