"""Many who contribute at the same moment: one fact is one entry whoever says it first, and nothing of anybody is lost."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from accordant import Engine, connect
from accordant.patterns.corpus import Corpus, corpus
from accordant.patterns.corpus.turns import queue_of
from corpora import PAIRS_APART, Calm, Chosen, Hive, facts, hive_with
from served import back, served
from worlds import TASK, in_loop, world

worlds = pytest.mark.parametrize("kind", ["memory", "sqlite", "websocket"])
WORDINGS = (
    "The gateway listens on port 8080.",
    "the gateway listens on port 8080",
    "The gateway  listens on port 8080",
    "Gateway listens on the port 8080.",
)


class _NoQueue:
    """In place of the courtesy of one process: contenders that know nothing of each other, as in processes of their own."""

    def __init__(self, corpus: object) -> None:
        pass

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *error: object) -> None:
        pass


@pytest.fixture(params=["in line", "blindly"])
def courtesy(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contributors of one process stand in line, or, as those of several do, do not."""
    if request.param == "blindly":
        monkeypatch.setitem(Corpus.contribute.__globals__, "queue_of", _NoQueue)


@worlds
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.usefixtures("courtesy")
@in_loop
async def test_one_fact_said_by_many_at_once_is_one_entry(kind: str, seed: int, tmp_path: Path) -> None:
    """In whatever order: one entry, every contributor once, and exactly one of them was told `accepted`."""
    rng = random.Random(seed)
    async with world(kind, tmp_path / "state.db") as w:
        agents = [await w.open(Hive, f"a{n}") for n in range(4)]
        rng.shuffle(agents)
        verdicts = await asyncio.gather(*(agent.knowledge.contribute(rng.choice(WORDINGS)) for agent in agents))
        assert Counter(one.status for one in verdicts) == {"accepted": 1, "merged": 3}
        [known] = await agents[0].knowledge.entries()
        assert {one.ref for one in verdicts} == {known.ref}
        assert known.counts.contributors == {agent.agent: 1 for agent in agents}


@worlds
@pytest.mark.usefixtures("courtesy")
@in_loop
async def test_twenty_agents_with_twenty_facts_all_land(kind: str, tmp_path: Path) -> None:
    """Nobody is turned away because others are busy, also where nobody waits for anybody."""
    async with world(kind, tmp_path / "state.db") as w:
        agents = [await w.open(Hive, f"a{n}") for n in range(20)]
        texts = facts(20)
        verdicts = await asyncio.gather(
            *(agent.knowledge.contribute(text) for agent, text in zip(agents, texts, strict=True))
        )
        assert {one.status for one in verdicts} == {"accepted"}
        known = await agents[0].knowledge.entries()
        assert {one.text: one.by for one in known} == dict(zip(texts, (agent.agent for agent in agents), strict=True))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.usefixtures("courtesy")
@in_loop
async def test_paraphrases_and_contradictions_at_once(seed: int) -> None:
    """Near texts that race are one entry where they agree, and two, linked, where they do not."""
    rng = random.Random(seed)
    a, b = PAIRS_APART["number"]
    embedder = Chosen()
    embedder.place(b, 0.97, a)
    same = "The API permits 100 requests per minute."
    embedder.place(same, 0.96, a)
    document = hive_with(embedder=embedder, scorer=Calm())
    async with Engine() as engine:
        agents: list[Any] = [await engine.open(document, TASK, "hive", agent=f"a{n}") for n in range(6)]
        texts = [a, b, same] * 2
        rng.shuffle(texts)
        await asyncio.gather(*(agent.knowledge.contribute(text) for agent, text in zip(agents, texts, strict=True)))
        known = await agents[0].knowledge.entries()
        assert sorted("1000" in one.text for one in known) == [False, True]
        assert {"1000" in one.text: one.counts.contributions for one in known} == {False: 4, True: 2}
        assert all(one.links for one in known)


@in_loop
async def test_peers_of_a_server_and_handles_beside_it_are_one_crowd(tmp_path: Path) -> None:
    """Two websocket peers and a handle in the server's process say one thing in one moment: one entry, three contributors."""
    async with (
        Engine(tmp_path / "state.db") as engine,
        served(engine) as url,
        connect(Hive, url, TASK, "hive", agent="ann") as ann,
        connect(Hive, url, TASK, "hive", agent="bob") as bob,
    ):
        carl = await engine.open(Hive, TASK, "hive", agent="carl")
        for n, text in enumerate(facts(8)):
            await asyncio.gather(*(who.knowledge.contribute(text) for who in (ann, bob, carl)))
            known = await carl.knowledge.entries()
            assert len(known) == n + 1
            assert known[-1].counts.contributors.keys() == {"ann", "bob", "carl"}


@pytest.mark.parametrize("op", [None, "mine"])
@in_loop
async def test_what_is_taken_back_while_it_is_merged_is_not_merged_with(op: str | None) -> None:
    """A contribution that would be counted on an entry that was retracted meanwhile is compared anew, and lands by itself; tried
    again under the same op it is that one."""

    class Slow(Chosen):
        """Takes the entry back while it is being compared."""

        after: Any = None

        def embed(self, texts: Any) -> Any:
            if self.after is not None and any("permits" in text for text in texts):
                after, self.after = self.after, None
                asyncio.run_coroutine_threadsafe(after, loop).result(10)
            return super().embed(texts)

    embedder, loop = Slow(), asyncio.get_running_loop()
    a, b = "The API allows 100 requests per minute.", "The API permits 100 requests per minute."
    embedder.place(b, 0.99, a)
    async with Engine() as engine:
        document = hive_with(embedder=embedder, scorer=Calm())
        ann: Any = await engine.open(document, TASK, "hive", agent="ann")
        bob: Any = await engine.open(document, TASK, "hive", agent="bob")
        first = await ann.knowledge.contribute(a)
        embedder.after = ann.retract(first.ref, "was wrong")
        verdict = await bob.knowledge.contribute(b, op_id=op)
        assert (verdict.status, verdict.ref == first.ref) == ("accepted", False)
        assert [known.text for known in await bob.knowledge.entries()] == [b]
        assert (await bob.knowledge.contribute(b, op_id=op)).ref == verdict.ref


@in_loop
async def test_contributors_of_one_process_do_not_compare_in_vain() -> None:
    """Standing in line, twenty contributions cost twenty tries: no denial is in the log."""
    async with Engine() as engine:
        agents = [await engine.open(Hive, TASK, "hive", agent=f"a{n}") for n in range(10)]
        await asyncio.gather(
            *(agent.knowledge.contribute(text) for agent, text in zip(agents * 2, facts(20), strict=True))
        )
        assert await agents[0].history(kind="denial") == []
        assert not queue_of(("acme/task/q3/hive", "knowledge")).locked()


@in_loop
async def test_who_is_cut_off_leaves_a_view_that_is_right() -> None:
    """Cancelled at any moment while a long log is being read and compared: the next call knows all of it, each once."""
    async with Engine() as engine:
        document = hive_with(embedder=Chosen(), scorer=Calm())
        raw: Any = await engine.open(document, TASK, "hive", agent="raw")
        texts = facts(900)
        await raw.log("knowledge").extend([{"text": text} for text in texts])
        await raw.log("knowledge_tally").extend([{"ref": "knowledge@1.0", "kind": "citation"}] * 900)
        ref = (await raw.log("knowledge").read()).entries[0].ref
        await raw.log("knowledge_tally").extend([{"ref": ref, "kind": "citation"}] * 900)
        ann: Any = await engine.open(document, TASK, "hive", agent="ann")
        for turns in (1, 3, 6, 9, 12):
            task = asyncio.create_task(ann.knowledge.search("module"))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        known = await ann.knowledge.entries()
        assert [one.text for one in known] == texts
        assert known[0].counts.citations == 900


@in_loop
async def test_after_a_restart_a_handle_reads_anew(tmp_path: Path) -> None:
    """A view belongs to one authority: when the server comes back it is read again, and dedup goes on."""
    path = tmp_path / "state.db"
    async with Engine(path) as engine, served(engine, grace_s=30) as url:
        port = int(url.rpartition(":")[2])
        ann = await connect(Hive, url, TASK, "hive", agent="ann").__aenter__()
        await ann.knowledge.contribute(WORDINGS[0])
        assert len(await ann.knowledge.entries()) == 1
    async with Engine(path) as engine, served(engine, port=port) as url:
        await back(ann)
        verdict = await ann.knowledge.contribute(WORDINGS[1])
        assert (verdict.status, verdict.checked) == ("merged", True)
        assert (await ann.knowledge.contribute(facts(1)[0])).status == "accepted"
        assert len(await ann.knowledge.entries()) == 2
        await ann.close()


def test_settings_are_values() -> None:
    """Two corpora set up alike are set up alike."""
    assert corpus(embedder=None) == corpus(embedder=None)
