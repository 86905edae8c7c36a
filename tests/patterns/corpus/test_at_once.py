"""Everything at once: contributions, duplicates past the pattern, citations, endorsements and collapses, in any order."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from typing import Any

import pytest

from accordant import Engine
from accordant.patterns.corpus import Corpus
from corpora import Hive
from worlds import TASK, in_loop

FACTS = {
    "port": (
        "The gateway listens on port 8080.",
        "the gateway listens on port 8080",
        "Gateway listens on the port 8080.",
    ),
    "rows": ("The exporter of module 3 removes rows.", "The exporter of module 3 deletes rows."),
    "commas": ("The parser of module 2 accepts commas.", "the parser of module 2 accepts commas"),
}


class _Told:
    """What the agents have done, as they know it."""

    def __init__(self) -> None:
        self.refs: dict[str, list[Any]] = defaultdict(list)
        self.contributed: dict[str, Counter[str]] = defaultdict(Counter)
        self.cited: Counter[str] = Counter()
        self.endorsed: dict[str, set[str]] = defaultdict(set)


async def _act(agent: Any, fact: str, act: str, rng: random.Random, told: _Told) -> None:
    text, known = rng.choice(FACTS[fact]), told.refs[fact]
    match act:
        case "contribute":
            known.append((await agent.knowledge.contribute(text)).ref)
            told.contributed[fact][agent.agent] += 1
        case "append":
            known.append(await agent.log("knowledge").append({"text": text, "tags": []}))
            told.contributed[fact][agent.agent] += 1
        case "cite" if known:
            await agent.knowledge.cite(rng.choice(known))
            told.cited[fact] += 1
        case "endorse" if known:
            await agent.knowledge.endorse(rng.choice(known))
            told.endorsed[fact].add(agent.agent)
        case "collapse":
            await agent.knowledge.collapse()


@pytest.mark.parametrize("seed", range(10))
@in_loop
async def test_nothing_is_lost_and_nothing_doubled(seed: int) -> None:
    """In the end each fact is one entry, every ref leads there, and its counts are what was done, on every handle."""
    rng, told = random.Random(seed), _Told()
    acts = ["contribute", "contribute", "append", "cite", "cite", "endorse", "collapse"]
    async with Engine() as engine:
        agents = [await engine.open(Hive, TASK, "hive", agent=f"a{n}", roles=["curator"]) for n in range(4)]
        for _ in range(4):
            await asyncio.gather(
                *(_act(rng.choice(agents), rng.choice([*FACTS]), rng.choice(acts), rng, told) for _ in range(12))
            )
        await asyncio.gather(*(agent.knowledge.collapse() for agent in agents[:2]))
        assert (await agents[2].knowledge.collapse()).redirected == {}
        facts = [fact for fact, refs in told.refs.items() if refs]
        for agent in agents:
            corpus: Corpus = agent.knowledge
            assert len(await corpus.entries()) == len(facts)
            for fact in facts:
                [known] = {one.ref: one for one in [await corpus.entry(ref) for ref in told.refs[fact]]}.values()
                assert dict(known.counts.contributors) == told.contributed[fact]
                assert known.counts.citations == told.cited[fact]
                assert set(known.counts.endorsers) == told.endorsed[fact]
