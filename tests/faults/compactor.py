"""A process to kill: says `go`, then compacts a document up to a version while it also writes to it. Words: PATH VERSION."""

from __future__ import annotations

import asyncio
import sys

from writing import KEY, PLACE, Books

from accordant import Engine


async def main(path: str, upto: int) -> None:
    async with Engine(path, durability="process") as engine:
        books = await engine.open(Books, PLACE, "ledger", agent="beside")

        async def write() -> None:
            while True:
                await books.lines.append("beside")

        writing = asyncio.create_task(write())
        print("go", flush=True)
        await engine.compact(KEY, upto)
        print("done", flush=True)
        await writing


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
