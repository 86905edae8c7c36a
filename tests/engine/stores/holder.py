"""A process that holds a store: `python holder.py PATH NAME TTL_S`. It answers each line of its input with one line.

`append` commits the next entry; `renew` renews; `open` says what became of taking the lease. `storm` appends from eight
tasks until it is killed, and prints each acknowledged entry.
"""

from __future__ import annotations

import asyncio
import sys

from accordant.engine.stores.contract import ALL, Appended
from accordant.engine.stores.sqlite import SqliteStore
from accordant.testing.store_contract import DOCUMENT, write
from accordant.types.errors import AccordantError


def say(text: str) -> None:
    print(text, flush=True)


async def storm(store: SqliteStore, epoch: int) -> None:
    async def append(number: int) -> None:
        document = f"acme/task/storm/{number}"
        await store.create(document, "i")
        offset = (await store.heads([document]))[document]
        while True:
            offset += 1
            outcome = (await store.commit(document, epoch, [write(offset, op_id=f"op-{offset}")]))[0]
            assert isinstance(outcome, Appended)
            say(f"{number} {offset} {outcome.hash.hex()}")

    await asyncio.gather(*map(append, range(8)))


async def main(path: str, name: str, ttl_s: float) -> None:
    store = SqliteStore(path)
    await store.open()
    try:
        lease = await store.acquire(ALL, name, ttl_s)
    except AccordantError as error:
        say(f"{type(error).__name__} {error.fields.get('holder')} {error.fields.get('expires_at')}")
        await store.close()
        return
    say(f"epoch {lease.epoch}")
    await store.create(DOCUMENT, "i")
    while word := (await asyncio.to_thread(sys.stdin.readline)).strip():
        try:
            if word == "storm":
                await storm(store, lease.epoch)
            elif word == "renew":
                lease = await store.renew(lease, ttl_s)
                say(f"renewed {lease.epoch}")
            else:
                head = (await store.heads([DOCUMENT]))[DOCUMENT]
                say(type((await store.commit(DOCUMENT, lease.epoch, [write(head + 1)]))[0]).__name__)
        except AccordantError as error:
            say(f"{type(error).__name__} {error.fields.get('holder')}")
    await store.close()


asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
