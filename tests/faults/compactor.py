"""A process to kill: compacts a document up to a version while it also writes to it. Words: PATH VERSION.

It says `go`, then `chunk` inside each transaction that drops bytes, before that is committed.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from writing import KEY, PLACE, Books

from accordant import Engine
from accordant.engine.stores import sqlite_documents

drop = sqlite_documents.truncate_chunk


def drop_and_say(*arguments: Any) -> tuple[int, bool]:
    dropped = drop(*arguments)
    print("chunk", flush=True)
    return dropped


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


sqlite_documents.truncate_chunk = drop_and_say
asyncio.run(main(sys.argv[1], int(sys.argv[2])))
