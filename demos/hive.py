"""A hive: ten scripted agents of three runtimes learn together, and each fact is there once, with everybody who found it.

    python demos/hive.py [--by-words] [STORE]

Four agents live in the engine's process, three hold handles over websockets, three are hooks that speak plain HTTP. As hives are,
it is read-heavy: before each of its twenty tasks every agent asks what is known; one turn in twenty contributes, and all do so at
the same moment. Wordings of one fact become one entry with several contributors; a contradiction is linked instead, and the
coherence pass reports it; personal data and narration are turned away and leave no trace. Then two of them find out the same
while the server is away, and a collapse makes it one. Every outcome is asserted. `--by-words`: without any model, as where the
extra `semantic` is not installed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import tempfile
import urllib.request
from collections import Counter as Count
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from accordant import CoherencePass, Corpus, Denied, Document, Engine, Namespace, connect, corpus
from accordant.adapters.knowledge_http import KnowledgeHttp
from accordant.coherence_pass import Checker
from accordant.patterns.corpus.embedding import own_scorer
from accordant.sync.server.run import run

PLACE = Namespace.role("acme", "backend")
TURNS = 20
DROPPED = "Next.js Server Actions silently drop files larger than 1 MB."
LIMIT, OTHER_LIMIT = "The API allows 100 requests per minute.", "The API allows 1000 requests per minute."
PARAPHRASE = "The API permits 100 requests per minute."
MAIL = "jane.doe@example.com"
SCRIPT = {
    "ann": DROPPED,
    "bob": "Next.js server actions silently drop the files larger than 1 MB",
    "cem": DROPPED.lower(),
    "dana": LIMIT,
    "eli": OTHER_LIMIT,
    "fay": f"Ask {MAIL} for the key of the staging environment.",
    "gus": "I looked at the docs and then I tried the endpoint",
    "hal": "The exporter removes old rows.",
    "ida": "The exporter deletes old rows.",
    "jo": PARAPHRASE,
}
"""Who contributes what, once in its twenty turns."""
TOPICS = (
    "Which files do Server Actions drop?",
    "How many requests per minute does the API allow?",
    "What does the exporter do?",
)
FOUND_AWAY = "The worker restarts every 6 hours."


class Hive(Document):
    """What they share; the models that the process has."""

    knowledge: Corpus = corpus()


class HiveByWords(Document):
    """The same without any model."""

    knowledge: Corpus = corpus(embedder=None, scorer=None)


class Agent(Protocol):
    """What an agent of any runtime can do."""

    async def ask(self, text: str) -> list[str]:
        """The refs of what is known about it, the nearest first."""

    async def contribute(self, text: str) -> dict[str, Any]:
        """Hand in what was learned; the verdict."""

    async def cite(self, ref: str) -> None:
        """Count a use."""

    async def endorse(self, ref: str) -> None:
        """Say that it holds."""


@dataclass(frozen=True)
class WithHandle:
    """An agent with a handle, in the process or over a websocket."""

    knowledge: Corpus

    async def ask(self, text: str) -> list[str]:
        return [str(hit.ref) for hit in await self.knowledge.search(text, limit=5)]

    async def contribute(self, text: str) -> dict[str, Any]:
        verdict = await self.knowledge.contribute(text, why="learned on the job")
        return {"status": verdict.status, "stage": verdict.stage, "ref": verdict.ref, "links": verdict.links}

    async def cite(self, ref: str) -> None:
        await self.knowledge.cite(ref)

    async def endorse(self, ref: str) -> None:
        await self.knowledge.endorse(ref)


@dataclass(frozen=True)
class ByHttp:
    """An agent whose hooks know a URL and nothing else."""

    url: str
    name: str

    async def ask(self, text: str) -> list[str]:
        return [hit["ref"] for hit in (await self._send(f"query?limit=5&q={quote(text)}"))["hits"]]

    async def contribute(self, text: str) -> dict[str, Any]:
        return await self._send("contribute", {"text": text, "why": "learned on the job"})

    async def cite(self, ref: str) -> None:
        await self._send("cite", {"ref": ref})

    async def endorse(self, ref: str) -> None:
        await self._send("endorse", {"ref": ref})

    async def _send(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        headers = {"X-Hive-Agent": self.name, "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        return dict(await asyncio.to_thread(self._sent, urllib.request.Request(f"{self.url}/{path}", data, headers)))

    def _sent(self, request: urllib.request.Request) -> Any:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=20) as answer:
            return json.load(answer)


@dataclass
class World:
    """The engine, its server, which can go away, and everybody."""

    engine: Engine
    cls: type[Any]
    curator: Any
    port: int = 0
    agents: dict[str, Agent] = field(default_factory=dict)
    away: dict[str, Any] = field(default_factory=dict)

    @contextlib.asynccontextmanager
    async def served(self) -> AsyncIterator[None]:
        """The server is there; on the same port again."""
        ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        beside = [KnowledgeHttp(self.curator.knowledge)]
        serving = asyncio.create_task(
            run(self.engine, "127.0.0.1", self.port, lambda _, port: ready.set_result(port), beside=beside)
        )
        self.port = await ready
        try:
            yield
        finally:
            signal.raise_signal(signal.SIGTERM)  # as an operator stops it; the engine lives on
            await serving

    async def gather(self, stack: contextlib.AsyncExitStack) -> None:
        """Ten agents: four in the process, three over websockets, three by HTTP."""
        for n, name in enumerate(SCRIPT):
            if n % 10 < 4:
                handle = await self.engine.open(self.cls, PLACE, "hive", agent=name)
            elif n % 10 < 7:
                url = f"ws://127.0.0.1:{self.port}"
                handle = await stack.enter_async_context(connect(self.cls, url, PLACE, "hive", agent=name))
                self.away[name] = handle
            else:
                self.agents[name] = ByHttp(f"http://127.0.0.1:{self.port}/knowledge", name)
                continue
            self.agents[name] = WithHandle(handle.knowledge)


# -- the story ------------------------------------------------------------------------------------------------------


async def work(world: World) -> tuple[dict[str, dict[str, Any]], Count[str]]:
    """Everybody's turns, all at once: the verdicts by agent, and how often each entry was cited."""
    verdicts: dict[str, dict[str, Any]] = {}
    cited: Count[str] = Count()

    async def live(n: int, name: str, agent: Agent) -> None:
        for turn in range(TURNS):
            known = await agent.ask(TOPICS[(n + turn) % len(TOPICS)])
            if turn == TURNS // 2:
                verdicts[name] = await agent.contribute(SCRIPT[name])
            elif known and turn % 5 == 0:
                await agent.cite(known[0])
                cited[known[0]] += 1

    await asyncio.gather(*(live(n, name, agent) for n, (name, agent) in enumerate(world.agents.items())))
    return verdicts, cited


async def each_fact_is_there_once(world: World, verdicts: dict[str, dict[str, Any]], has_model: bool) -> str:
    """Who wrote the same, in whatever words, contributed to one entry."""
    groups = [{"ann", "bob", "cem"}, {"hal", "ida"}, {"eli"}]
    groups += [{"dana", "jo"}] if has_model else [{"dana"}, {"jo"}]
    entries = await world.curator.knowledge.entries()
    found = sorted(sorted(one.counts.contributors) for one in entries)
    assert found == sorted(map(sorted, groups)), found
    for group in groups:
        assert len({str(verdicts[name]["ref"]) for name in group}) == 1, group
        assert sorted(verdicts[name]["status"] for name in group) == ["accepted", *["merged"] * (len(group) - 1)]
    n = len(SCRIPT) - 2
    return (
        f"{n} contributions at the same moment are {len(entries)} entries: {', '.join('+'.join(one) for one in found)}"
    )


async def a_contradiction_is_linked(world: World) -> str:
    """The two limits are two entries that name each other, and the coherence pass reports them with both authors."""
    entries = {one.text: one for one in await world.curator.knowledge.entries()}
    other = entries[OTHER_LIMIT]
    mine = next(
        one for text, one in entries.items() if text in (LIMIT, PARAPHRASE) and "dana" in one.counts.contributors
    )
    assert mine.ref in {link.ref for link in other.links}, other.links
    assert other.ref in {link.ref for link in mine.links}, mine.links
    report = await CoherencePass(world.curator, checker=Checker()).run_once()
    pairs = [{found.a.text, found.b.text} for found in report.contradictions]
    assert {mine.text, OTHER_LIMIT} in pairs, pairs
    why = next(link.why for link in other.links if link.ref == mine.ref)
    return f"a contradiction stays two entries, linked and reported: {why}"


async def what_is_no_knowledge_is_turned_away(world: World, verdicts: dict[str, dict[str, Any]]) -> str:
    """By name of the stage; nothing of it was written, and the gate says the same to whoever writes past the corpus."""
    told = {name: (verdicts[name]["status"], verdicts[name]["stage"]) for name in ("fay", "gus")}
    assert told == {"fay": ("rejected", "personal_data"), "gus": ("rejected", "narration")}, told
    raw = world.away["eli"].log("knowledge")
    try:
        await raw.append({"text": SCRIPT["fay"]})
    except Denied as denied:
        reason = denied.code
    else:
        raise AssertionError("personal data got in by another door")
    trace = await world.curator.trace(MAIL)
    assert (trace.is_complete, list(trace.appearances)) == (True, []), trace
    return f"personal data and narration were rejected; past the corpus: {reason}; the log has never held it"


async def nothing_is_miscounted(world: World, cited: Count[str]) -> str:
    """Each citation counts, each agent endorses once, however often it says so."""
    dropped = next(one for one in await world.curator.knowledge.entries() if "ann" in one.counts.contributors)
    await asyncio.gather(*(agent.endorse(dropped.ref) for agent in world.agents.values() for _ in range(3)))
    entries = await world.curator.knowledge.entries()
    counts = {str(one.ref): one.counts.citations for one in entries if one.counts.citations}
    assert counts == dict(cited), (counts, cited)
    known = await world.curator.knowledge.entry(dropped.ref)
    assert known.counts.endorsements == len(world.agents), known.counts
    return (
        f"{sum(counts.values())} citations and {known.counts.endorsements} endorsements, counted where they were made"
    )


async def what_was_found_twice_offline_is_collapsed(world: World) -> str:
    """The server goes away; two learn the same; it comes back: two entries, then one with both, and again nothing to do."""
    ways = (FOUND_AWAY, FOUND_AWAY.lower().rstrip("."))
    pair = dict(zip(list(world.away)[:2], ways, strict=True))
    for name in pair:
        async with asyncio.timeout(20):
            while world.away[name].connected:  # noqa: ASYNC110 - it sets no event
                await asyncio.sleep(0.01)
    for name, text in pair.items():
        verdict = await world.away[name].knowledge.contribute(text)
        assert (verdict.status, verdict.checked) == ("accepted", False), verdict
    async with world.served():
        for name in pair:
            await world.away[name].synced(30)
        done = await world.curator.knowledge.collapse()
        assert len(done.redirected) == 1, done
        assert not (await world.curator.knowledge.collapse()).redirected
        ((younger, older),) = done.redirected.items()
        kept = await world.curator.knowledge.entry(younger)
        assert (kept.ref, sorted(kept.counts.contributors)) == (older, sorted(pair)), kept
        hook = next(agent for agent in world.agents.values() if isinstance(agent, ByHttp))
        assert (await hook.ask(FOUND_AWAY))[0] == str(older)
    return f"found twice while the server was away: {younger} leads to {older} now, by {' and '.join(kept.counts.contributors)}"


async def play(store: Path, by_words: bool) -> list[str]:
    """The whole of it; returns what it showed."""
    cls: type[Any] = HiveByWords if by_words else Hive
    has_model = not by_words and own_scorer() is not None
    async with Engine(store) as engine, contextlib.AsyncExitStack() as stack:
        world = World(engine, cls, await engine.open(cls, PLACE, "hive", agent="cora", roles={"curator"}))
        async with world.served():
            await world.gather(stack)
            verdicts, cited = await work(world)
            shown = [
                await each_fact_is_there_once(world, verdicts, has_model),
                await a_contradiction_is_linked(world),
                await what_is_no_knowledge_is_turned_away(world, verdicts),
                await nothing_is_miscounted(world, cited),
            ]
        return [*shown, await what_was_found_twice_offline_is_collapsed(world)]


def main() -> None:
    """Play it in the named store, or in one that goes away."""
    words = [one for one in sys.argv[1:] if one != "--by-words"]
    with tempfile.TemporaryDirectory(prefix="accordant-hive-") as folder:
        store = Path(words[0]) if words else Path(folder) / "hive.db"
        for line in asyncio.run(play(store, "--by-words" in sys.argv)):
            print(f"✓ {line}")


if __name__ == "__main__":
    main()
