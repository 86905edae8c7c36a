"""A process that begets writers, so that each needs no start-up: `python nursery.py`, one JSON line in, two numbers out.

A line is [store file, acknowledgement file, prefix]. It forks a writer, prints its process id, waits until it is dead, and
prints its status. The writer notes each acknowledged op id in the file with one unbuffered append, after the call returned.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

from writing import write_all

from accordant import Engine


async def storm(path: str, acknowledgements: str, prefix: str) -> None:
    """Write until killed."""
    notes = os.open(acknowledgements, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    async with Engine(path) as engine:
        await write_all(engine, prefix, lambda op_id, version: _note(notes, op_id, version))


def _note(file: int, op_id: str, version: int) -> None:
    os.write(file, f"{op_id} {version}\n".encode())


def main() -> None:
    """Serve lines until the input ends."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                asyncio.run(storm(*json.loads(line)))
            finally:
                os._exit(1)
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)


if __name__ == "__main__":
    main()
