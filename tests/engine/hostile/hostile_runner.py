"""Runs every attack in a process of its own, with bounded memory and time, and prints one JSON line for each update.

The child checks the update; when the gate lets it in, it applies it, verifies, and compares the live document with one that is
rebuilt from bytes. How the child ended is the parent's to say: a crash is a result here, not an accident.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import pycrdt
from honest_hub import Hub
from hostile_payloads import ATTACKS, invented, mutated, prepare

from accordant.types.errors import AccordantError
from accordant.types.regions import Schema

MEMORY_BYTES_MAX = 1_500_000_000
SECONDS_MAX = 20


def attempt(name: str) -> list[dict[str, Any]]:
    """Send all updates of one attack to a fresh world; says what became of each."""
    attack = ATTACKS[name]
    world = prepare(Schema.open()) if attack.is_open else prepare()
    if attack.setup is not None:
        attack.setup(world)
    hub = world.hub
    results = []
    for update in attack.build(world):
        before, ledger = hub.doc.get_update(), hub.ledger.dump()
        started = time.monotonic()
        result: dict[str, Any] = {"name": name, "bytes": len(update)}
        try:
            hub.receive(update, "eve")
            result["code"] = "accepted"
            result["sound"] = is_sound(hub)
        except AccordantError as error:
            json.dumps(error.to_dict())
            result["code"] = error.code
            result["sound"] = hub.doc.get_update() == before and hub.ledger.dump() == ledger
        result["seconds"] = round(time.monotonic() - started, 3)
        results.append(result)
    return results


def is_sound(hub: Hub) -> bool:
    """The document equals its own rebuild, and the ledger knows what it knows."""
    again: Any = pycrdt.Doc()
    again.apply_update(hub.doc.get_update())
    same = str(again.get("text", type=pycrdt.Text)) == str(hub.doc.get("text", type=pycrdt.Text))
    for name in ("log", "cards"):
        same &= again.get(name, type=pycrdt.Array).to_py() == hub.doc.get(name, type=pycrdt.Array).to_py()
    for name in ("guarded", "set", "map", "count"):
        same &= again.get(name, type=pycrdt.Map).to_py() == hub.doc.get(name, type=pycrdt.Map).to_py()
    same &= _node_count(again) == _node_count(hub.doc)
    return same and hub.ledger.state_vector() == hub.state_vector() and hub.ledger.delete_set() == hub.delete_set()


def _node_count(doc: Any) -> int:
    return len(doc.get("xml", type=pycrdt.XmlFragment).children)


def by_chance(seed: int) -> list[dict[str, Any]]:
    """Mutated and invented updates: each is refused with a code, or let in and sound."""
    results = []
    for name, updates in (("mutated", mutated(seed, 200)), ("invented", invented(seed, 200))):
        hub = prepare().hub
        stream = iter(updates)
        update: bytes | None = next(stream)
        while update is not None:
            code = "accepted"
            try:
                hub.receive(update, "eve")
            except AccordantError as error:
                code = error.code
            results.append(
                {"name": name, "code": code, "sound": code != "accepted" or is_sound(hub), "hex": update.hex()}
            )
            try:
                update = stream.send(code == "accepted") if isinstance(stream, Generator) else next(stream)
            except StopIteration:
                update = None
    return results


def child(name: str, out: int) -> None:
    """The life of the process that meets the attack."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    signal.alarm(SECONDS_MAX)
    try:
        lines = by_chance(int(name)) if name.isdigit() else attempt(name)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        lines[-1]["peak_kb"] = peak
        text = "".join(json.dumps(line) + "\n" for line in lines)
    except BaseException as error:  # pyo3's PanicException is a BaseException: whatever it was, it is the result
        text = json.dumps({"name": name, "code": "raised", "sound": False, "error": repr(error)[:500]}) + "\n"
    with os.fdopen(out, "w") as pipe:
        pipe.write(text)
    os._exit(0)  # nothing of the parent's, such as its buffers, is this process's to finish


def main() -> None:
    """Fork one child per attack (or per seed, for a number) and report."""
    for name in sys.argv[1:] or ATTACKS:
        incoming, out = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(incoming)
            child(name, out)
        os.close(out)
        with os.fdopen(incoming) as pipe:
            text = pipe.read()
        _, status = os.waitpid(process, 0)
        if status != 0 or not text:
            text = json.dumps({"name": name, "code": "died", "sound": False, "status": status}) + "\n"
        sys.stdout.write(text)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
